"""Adapters that another program made: merged as PEFT computes them, or refused with the reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoHaConfig, LoKrConfig, LoraConfig, PeftConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from phi3studio.domain.errors import InputError
from phi3studio.worker.genai.separate_adapters import check_can_be_apart
from phi3studio.worker.models.adapter_check import check_adapter
from phi3studio.worker.models.adapter_merge import merged
from tests import tiny_families
from tests.worker.running import completed, only_export, story, tiny_recipe, wait_for_end

# PEFT warns of the very settings that these tests are about.
pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

ATTENTION = ["q_proj", "v_proj"]
IDS = torch.arange(3, 60)[None]

EXACT: dict[str, dict[str, Any]] = {
    "plain": {},
    "embedding": {"target_modules": [*ATTENTION, "embed_tokens"]},
    "head": {"target_modules": [*ATTENTION, "lm_head"]},
    "both ends": {"target_modules": [*ATTENTION, "embed_tokens", "lm_head"]},
    "both ends alike": {
        "target_modules": [*ATTENTION, "embed_tokens"],
        "ensure_weight_tying": True,
    },
    "embedding with DoRA": {"target_modules": [*ATTENTION, "embed_tokens"], "use_dora": True},
    "head with DoRA": {"target_modules": [*ATTENTION, "lm_head"], "use_dora": True},
    "saved head": {"modules_to_save": ["lm_head"]},
    "saved ends": {"modules_to_save": ["embed_tokens", "lm_head"]},
    "saved embedding": {"modules_to_save": ["embed_tokens"]},
    "embedding, saved head": {
        "target_modules": [*ATTENTION, "embed_tokens"],
        "modules_to_save": ["lm_head"],
    },
    "saved norms": {"modules_to_save": ["norm", "input_layernorm"]},
    "tokens": {"trainable_token_indices": [5, 6]},
    "tokens of the head": {"trainable_token_indices": {"lm_head": [5, 6]}},
    "DoRA": {"use_dora": True},
    "rsLoRA": {"use_rslora": True},
    "patterns": {
        "rank_pattern": {"layers.0.self_attn.q_proj": 8},
        "alpha_pattern": {"layers.0.self_attn.q_proj": 32},
    },
    "some layers": {"layers_to_transform": [1]},
    "excluded": {"exclude_modules": ["v_proj"]},
    "turned": {"fan_in_fan_out": True},
    "biases": {"bias": "all"},
    "all linear": {"target_modules": "all-linear"},
    "expression": {"target_modules": r".*\.(q|v)_proj"},
    "parameters": {"target_modules": [], "target_parameters": ["mlp.down_proj.weight"]},
    "gaussian": {"init_lora_weights": "gaussian"},
    "PiSSA": {"init_lora_weights": "pissa"},
    "OLoRA": {"init_lora_weights": "olora"},
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "biases of the matrices": ({"lora_bias": True}, "lora_bias"),
    "invoked": ({"alora_invocation_tokens": [5]}, "alora_invocation_tokens"),
    "layers twice": ({"layer_replication": [[0, 2], [1, 2]]}, "layer_replication"),
    "tokens over the head": (
        {"trainable_token_indices": [5], "target_modules": [*ATTENTION, "lm_head"]},
        "lm_head",
    ),
}


def load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(IDS).logits[0]


def make_adapter(
    base: Path, folder: Path, tokens: int = 0, kind: type[PeftConfig] = LoraConfig, **settings: Any
) -> Path:
    """An adapter as PEFT saves it, every tensor of which does something."""
    torch.manual_seed(1)
    model = load(base)
    if tokens:
        model.resize_token_embeddings(tokens)
    alpha = "lora_alpha" if kind is LoraConfig else "alpha"
    config = {"r": 4, alpha: 8, "target_modules": ATTENTION, "task_type": "CAUSAL_LM"}
    wrapped = get_peft_model(model, kind(**config | settings))
    with torch.no_grad():
        for parameter in wrapped.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    wrapped.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same small Llama with tied and with separate ends, and a Qwen with biases."""
    root = tmp_path_factory.mktemp("bases")
    shapes = tiny_families.SHAPES
    apart = tiny_families.Shape("llama", {"tie_word_embeddings": False})
    return {
        "tied": tiny_families.make(shapes["smollm2"], root / "tied"),
        "apart": tiny_families.make(apart, root / "apart"),
        "biased": tiny_families.make(shapes["qwen2.5"], root / "biased"),
    }


@pytest.mark.parametrize(
    ("ends", "kind"),
    [*(("tied", kind) for kind in EXACT), ("biased", "biases"), ("apart", "both ends")],
)
def test_a_merged_adapter_answers_as_pefts_own_model(bases, tmp_path, ends, kind) -> None:
    base = bases[ends]
    adapter = make_adapter(base, tmp_path / "adapter", **EXACT[kind])
    check_adapter(adapter, base)
    expected = logits(PeftModel.from_pretrained(load(base), adapter))
    assert float((expected - logits(load(base))).abs().max()) > 0.05, "it does nothing"
    merged(load(base), adapter).save_pretrained(tmp_path / "merged")
    assert torch.allclose(logits(load(tmp_path / "merged")), expected, atol=2e-5)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (LoHaConfig, {}),
        (LoHaConfig, {"rank_pattern": {"q_proj": 2}, "target_modules": "all-linear"}),
        (LoKrConfig, {}),
        (LoKrConfig, {"decompose_both": True, "decompose_factor": 4}),
    ],
    ids=["LoHa", "LoHa, patterns", "LoKr", "LoKr, both factors"],
)
def test_hadamard_and_kronecker_adapters_are_merged_exactly(
    bases, tmp_path, kind, settings
) -> None:
    base = bases["tied"]
    adapter = make_adapter(base, tmp_path / "adapter", kind=kind, **settings)
    check_adapter(adapter, base)
    expected = logits(PeftModel.from_pretrained(load(base), adapter))
    assert float((expected - logits(load(base))).abs().max()) > 1e-4, "it does nothing"
    merged(load(base), adapter).save_pretrained(tmp_path / "merged")
    assert torch.allclose(logits(load(tmp_path / "merged")), expected, atol=2e-5)
    assert "LoHa" in (said := refused(lambda: check_can_be_apart(adapter, "cpu")).message) or (
        "LoKr" in said
    )


def test_a_training_does_not_go_on_from_an_adapter_of_another_kind(bases, tmp_path) -> None:
    from phi3studio.worker.olive.project_passes import load_adapter

    adapter = make_adapter(bases["tied"], tmp_path / "adapter", kind=LoHaConfig)
    for other in (LoraConfig, LoKrConfig):
        fresh = get_peft_model(load(bases["tied"]), other(r=4, target_modules=ATTENTION))
        assert refused(lambda model=fresh: load_adapter(model, adapter)).code.startswith(
            ("recipe.other_adapter", "model.adapter_setting")
        )
    same = get_peft_model(load(bases["tied"]), LoHaConfig(r=4, alpha=8, target_modules=ATTENTION))
    load_adapter(same, adapter)
    expected = logits(PeftModel.from_pretrained(load(bases["tied"]), adapter))
    assert torch.allclose(logits(same.eval()), expected, atol=1e-5)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_merged_exactly_is_refused_with_its_name(bases, tmp_path, kind) -> None:
    settings, named = REFUSED[kind]
    adapter = make_adapter(bases["tied"], tmp_path / "adapter", **settings)
    error = refused(lambda: check_adapter(adapter, bases["tied"]))
    assert named in error.message


def refused(action: Callable[[], object]) -> InputError:
    with pytest.raises(InputError) as caught:
        action()
    assert caught.value.hint
    return caught.value


def test_a_setting_of_a_later_peft_is_refused(bases, tmp_path) -> None:
    adapter = make_adapter(bases["tied"], tmp_path / "adapter")
    file = adapter / "adapter_config.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps(settings | {"use_hyperlora": True, "foreseen": None}))
    error = refused(lambda: check_adapter(adapter, bases["tied"]))
    assert error.code == "model.adapter_setting"
    assert "use_hyperlora" in error.message
    assert "foreseen" not in error.message


@pytest.mark.parametrize("saved", [["embed_tokens", "lm_head"], ["lm_head"]])
def test_another_vocabulary_is_refused_with_both_sizes(bases, tmp_path, saved) -> None:
    adapter = make_adapter(bases["tied"], tmp_path / "a", tokens=576, modules_to_save=saved)
    error = refused(lambda: check_adapter(adapter, bases["tied"]))
    assert error.code == "model.adapter_vocabulary"
    assert "576" in error.message
    assert "512" in error.message


def test_an_adapter_on_a_resized_embedding_is_refused(bases, tmp_path) -> None:
    targets = [*ATTENTION, "embed_tokens"]
    adapter = make_adapter(bases["tied"], tmp_path / "a", tokens=576, target_modules=targets)
    error = refused(lambda: check_adapter(adapter, bases["tied"]))
    assert error.code == "model.adapter_vocabulary"


def test_a_file_that_lacks_matrices_is_refused(bases, tmp_path) -> None:
    adapter = make_adapter(bases["tied"], tmp_path / "adapter")
    file = adapter / "adapter_model.safetensors"
    weights = load_file(file)
    save_file({name: value for name, value in weights.items() if "layers.1" not in name}, file)
    error = refused(lambda: check_adapter(adapter, bases["tied"]))
    assert error.code == "model.adapter_of_another_base"
    assert "layers.1" in error.message


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"trainable_token_indices": [5]}, "trainable_token_indices"),
        ({"init_lora_weights": "pissa"}, "pissa"),
        ({"use_dora": True}, "DoRA"),
    ],
)
def test_what_only_a_merge_can_hold_is_not_kept_apart(bases, tmp_path, settings, named) -> None:
    adapter = make_adapter(bases["tied"], tmp_path / "adapter", **settings)
    assert named in refused(lambda: check_can_be_apart(adapter, "cpu")).message


@pytest.mark.parametrize(
    "change",
    [
        {"peft_type": ["LORA"]},
        {"r": 0},
        {"r": "4"},
        {"r": 1e400},
        {"lora_alpha": None},
        {"lora_alpha": float("nan")},
        {"target_modules": 3},
        {"target_modules": "(("},
        {"rank_pattern": [1]},
        {"trainable_token_indices": ["a"]},
        {"trainable_token_indices": [700]},
        {"layers_to_transform": "first"},
        {"bias": "some"},
        {"init_lora_weights": {"a": 1}},
    ],
)
def test_a_configuration_that_is_none_is_an_input_error(bases, tmp_path, change) -> None:
    adapter = make_adapter(bases["tied"], tmp_path / "adapter")
    file = adapter / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert str(adapter) in refused(lambda: check_adapter(adapter, bases["tied"])).message


# --- whole runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("targets", ["embed_tokens", "lm_head"])
def test_an_export_of_an_adapter_on_a_tied_end_is_the_merged_model(
    start_run, bases, tmp_path, targets
) -> None:
    from phi3studio.worker.genai.genai import GenaiModel

    base = bases["tied"]
    adapter = make_adapter(base, tmp_path / "adapter", target_modules=[*ATTENTION, targets])
    run = completed(start_run(only_export(base, ["merge", "quantise"], adapter)))
    expected = logits(PeftModel.from_pretrained(load(base), adapter))
    exported = torch.tensor(GenaiModel(run.model, threads=1).logits(IDS[0].tolist()))
    assert torch.allclose(exported[:, : expected.shape[1]], expected, atol=2e-4), story(run)


@pytest.mark.parametrize(
    ("made", "recipe", "code"),
    [
        ({"lora_alpha": 16}, {}, "recipe.other_adapter_method"),
        ({"use_rslora": True}, {}, "recipe.other_adapter_method"),
        ({"use_dora": True}, {}, "recipe.other_adapter_method"),
        ({"alpha_pattern": {"q_proj": 32}}, {}, "recipe.other_adapter_method"),
        ({"init_lora_weights": "olora"}, {}, "model.adapter_setting"),
    ],
)
def test_a_training_does_not_go_on_from_what_it_would_not_compute(
    bases, tmp_path, made, recipe, code
) -> None:
    from phi3studio.worker.olive.project_passes import load_adapter

    base = bases["tied"]
    adapter = make_adapter(base, tmp_path / "adapter", **made)
    config = LoraConfig(r=4, lora_alpha=8, target_modules=ATTENTION)
    fresh = get_peft_model(load(base), config)
    assert refused(lambda: load_adapter(fresh, adapter)).code == code


def test_a_run_does_not_continue_from_an_adapter_of_another_alpha(
    start_run, bases, phrases, tmp_path
) -> None:
    adapter = make_adapter(bases["tied"], tmp_path / "a", lora_alpha=16)
    changes = {"target_modules": ATTENTION, "adapter": str(adapter), "max_steps": 1}
    run = start_run(tiny_recipe(bases["tied"], phrases, "further", **changes))
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "recipe.other_adapter_method"


def test_plain_olive_is_not_given_what_it_would_merge_wrongly(home, bases, tmp_path) -> None:
    from phi3studio.worker.olive.workflow_files import export_olive

    targets = [*ATTENTION, "lm_head"]
    adapter = make_adapter(bases["tied"], tmp_path / "a", target_modules=targets)
    recipe = only_export(bases["tied"], ["merge", "quantise"], adapter)
    error = refused(lambda: export_olive(recipe, tmp_path / "out"))
    assert error.code == "olive.adapter_tied"
    assert not (tmp_path / "out").exists()
    shutil.rmtree(adapter)
