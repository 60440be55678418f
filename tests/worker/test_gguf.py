"""GGUF files in a real llama.cpp: each family's logits and tokens, templates, what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.recipe import Template
from phi3studio.worker.data.preparing.tokenise import find_stop
from phi3studio.worker.fidelity.exported_model import ExportedModel
from phi3studio.worker.gguf.architectures import renamed, usual_context
from phi3studio.worker.gguf.calibrating import calibrate
from phi3studio.worker.gguf.lora_file import write_adapter
from phi3studio.worker.gguf.speech import (
    accepted,
    check_template,
    go_template,
    renderer,
    speech_of,
    turns_of,
)
from phi3studio.worker.gguf.weights import packed, scales_of, type_of
from phi3studio.worker.gguf.write import CARD, About, Speech, write_model
from phi3studio.worker.llama_cpp.llama_native import LlamaModel, missing
from tests.chat_templates import FAMILIES
from tests.tiny_families import LONG, SHAPES, SHORT, make
from tests.tiny_models import make_tokenizer

TEXTS = (
    "<|user|>\nNobody answered, é 12 when I  called.<|end|>\n<|assistant|>\n",
    "### Text: The results came back clear\n### The tone is:\n",
    "  ", "naïve 東京 🙂", "a<|end|>b",
)  # fmt: skip


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A random model of each family, made when it is asked for."""
    root = tmp_path_factory.mktemp("families")

    class _Made(dict[str, Path]):
        def __missing__(self, name: str) -> Path:
            self[name] = make(SHAPES[name], root / name)
            return self[name]

    return _Made()


def opened(folder: Path) -> tuple[Any, Any, dict[str, Any]]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    config = json.loads((folder / "config.json").read_text())
    return model, AutoTokenizer.from_pretrained(folder), config


def write(file: Path, folder: Path, kind: Any = "f16", **more: Any) -> tuple[Any, Any, Any]:
    model, tokenizer, config = opened(folder)
    speech = speech_of(tokenizer, find_stop(tokenizer), None)
    write_model(
        file, kind, config, model.state_dict(), tokenizer, About("a tiny phi3"), speech, **more
    )
    return model, tokenizer, config


def logits_of(file: Path, ids: list[int], context: int) -> Any:
    model = LlamaModel(file, 1, context)
    try:
        return np.stack([values.copy() for values in model.read(ids, range(len(ids)))])
    finally:
        model.close()


# --- every family --------------------------------------------------------------------------------


def assert_same_logits(file: Path, model: Any, length: int, context: int) -> None:
    torch.manual_seed(1)
    ids = torch.randint(260, model.config.vocab_size - 70, (1, length))
    with torch.inference_mode():
        ours = model(ids).logits[0].numpy()
    theirs = logits_of(file, ids[0].tolist(), context)
    # Weights and keys are halves; a mistake is tenths or more.
    assert np.abs(ours - theirs).max() < 0.02 * ours.std(), length


@pytest.mark.parametrize("name", SHAPES)
def test_llama_cpp_computes_what_transformers_does(name, families, tmp_path) -> None:
    file = tmp_path / "m.gguf"
    model, _, config = write(file, families[name])
    longrope = "short_factor" in str(config)
    if not longrope:
        assert_same_logits(file, model, SHORT, 256)
    if name != "phi-3-4k":  # llama.cpp reads Phi-3 without its window
        assert_same_logits(file, model, LONG, config["max_position_embeddings"])


def test_a_long_models_short_factors_are_those_of_a_short_context(tmp_path) -> None:
    """llama.cpp makes a context of 256 tokens at least."""
    shape = SHAPES["phi-3-128k"]
    values = shape.values | {"original_max_position_embeddings": 256}
    folder = make(replace(shape, values=values), tmp_path / "model")
    model, _, config = write(tmp_path / "m.gguf", folder)
    assert usual_context(config) == 256
    assert_same_logits(tmp_path / "m.gguf", model, SHORT, usual_context(config))


@pytest.mark.parametrize("name", ["phi-3-4k", "qwen2.5"])
def test_llama_cpp_reads_texts_into_the_same_tokens(name, families, tmp_path) -> None:
    _, tokenizer, _ = write(tmp_path / "m.gguf", families[name])
    model = LlamaModel(tmp_path / "m.gguf", 1, 64)
    try:
        for text in TEXTS:
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert model.encode(text) == ids, text
        assert find_stop(tokenizer).id in model.stop_ids
    finally:
        model.close()


def test_phi3s_tags_take_the_space_after_them(tmp_path) -> None:
    """As the published tokenizer has it; llama.cpp does so where the name has Phi-3 in it."""
    folder = make(SHAPES["phi-3-4k"], tmp_path / "model")
    file = folder / "tokenizer.json"
    tokens = json.loads(file.read_text())
    for token in tokens["added_tokens"]:
        token["rstrip"] = token["content"] in ("<|assistant|>", "<|end|>", "<|user|>", "</s>")
    file.write_text(json.dumps(tokens))
    _, tokenizer, _ = write(tmp_path / "m.gguf", folder)
    assert tokenizer.tokenize("<|user|>\n x") != tokenizer.tokenize("<|endoftext|>\n x")
    model = LlamaModel(tmp_path / "m.gguf", 1, 64)
    try:
        for text in (*TEXTS, "<|user|>\n\n  x<|end|>\n<|assistant|>\ny", "<|endoftext|>\n x"):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            assert model.encode(text) == ids, text
    finally:
        model.close()


WORDS = "It's 12345 o'clock\n\n  they'll DON'T"
BYTE_LEVEL = {
    "gpt-2": None,
    "smollm": "Digits",
    "llama-bpe": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "qwen2": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}


def byte_level(split: str | None) -> Any:
    """A byte-level BPE tokenizer that splits texts in a way."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split in (None, "Digits"))
    if split == "Digits":
        before: Any = pre_tokenizers.Digits(individual_digits=True)
    elif split is not None:
        before = pre_tokenizers.Split(Regex(split), "isolated")
    tokenizer.pre_tokenizer = level if split is None else pre_tokenizers.Sequence([before, level])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*TEXTS, WORDS] * 3, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>")


@pytest.mark.parametrize("name", BYTE_LEVEL)
def test_byte_level_tokenizers_split_texts_alike(name, families, tmp_path) -> None:
    tokenizer = byte_level(BYTE_LEVEL[name])
    model, _, config = opened(families["smollm2"])
    model.resize_token_embeddings(704)
    config["vocab_size"] = 704
    stop = tokenizer.eos_token_id
    file = tmp_path / "m.gguf"
    speech = Speech("{{ messages[-1]['content'] }}", stop, False)
    write_model(file, "q8_0", config, model.state_dict(), tokenizer, About("t"), speech)
    field = gguf.GGUFReader(file).get_field("tokenizer.ggml.pre")
    assert field is not None
    assert field.contents() == name
    read = LlamaModel(file, 1, 64)
    try:
        for text in (
            *TEXTS,
            "It's 12345 o'clock\n\n  they'll DON'T",
            "<|im_start|>x 7<|im_end|>\n",
        ):
            assert read.encode(text) == tokenizer(text)["input_ids"], text
    finally:
        read.close()


def test_a_norm_of_gemma_in_bfloat16_is_not_rounded(families, tmp_path) -> None:
    model, tokenizer, config = opened(families["gemma-3"])
    model = model.to(torch.bfloat16)
    norm = model.model.layers[0].input_layernorm.weight
    norm.data.fill_(0.0009765625)  # of which a bfloat16 near 1 knows nothing
    speech = speech_of(tokenizer, find_stop(tokenizer), None)
    file = tmp_path / "m.gguf"
    write_model(file, "f16", config, model.state_dict(), tokenizer, About("t"), speech)
    (found,) = (
        item for item in gguf.GGUFReader(file).tensors if item.name == "blk.0.attn_norm.weight"
    )
    assert np.array_equal(found.data, np.full(config["hidden_size"], 1.0009765625, np.float32))


# --- weights -------------------------------------------------------------------------------------


def test_the_kinds_grow_more_exact(families, tmp_path) -> None:
    wrong = []
    for kind in ("iq4_nl", "q8_0", "f16"):
        model, _, _ = write(tmp_path / f"{kind}.gguf", families["llama-3.2"], kind)
        ids = torch.arange(300, 300 + SHORT)[None]
        with torch.inference_mode():
            ours = model(ids).logits[0].numpy()
        theirs = logits_of(tmp_path / f"{kind}.gguf", ids[0].tolist(), 64)
        wrong.append(float(np.abs(ours - theirs).mean() / ours.std()))
    assert wrong[0] > wrong[1] > wrong[2]
    assert wrong[0] < 0.15
    sizes = [(tmp_path / f"{kind}.gguf").stat().st_size for kind in ("iq4_nl", "q8_0", "f16")]
    assert sizes == sorted(sizes)


def test_what_carries_more_is_rounded_less() -> None:
    torch.manual_seed(0)
    value = torch.randn(64, 256)
    importance = torch.ones(256)
    importance[::8] = 100.0
    kind = gguf.GGMLQuantizationType.IQ4_NL

    def error(chosen: torch.Tensor | None) -> torch.Tensor:
        scale = scales_of(value, kind, chosen)
        back = gguf.quants.dequantize(packed(value, kind, scale), kind)
        return (torch.from_numpy(back) - value).pow(2)[:, ::8].mean()

    assert error(importance) < 0.8 * error(None)
    nothing = packed(torch.zeros(1, 32), kind)
    assert not gguf.quants.dequantize(nothing, kind).any()


# Two of the ways in which layers are called; the others take a minute together.
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("phi-3-4k", "smollm2") else pytest.mark.slow)
        for name in SHAPES
    ],
)
def test_calibrated_weights_are_those_of_the_file_and_answer_more_alike(name, families) -> None:
    """Of each family: also of one whose layers see differently far, or read fused weights."""
    torch.manual_seed(0)
    model, _, config = opened(families[name])
    drawn = torch.randint(260, model.config.vocab_size - 70, (13, 40))
    rows, unseen = drawn[:12].tolist(), drawn[12:]

    def logits() -> torch.Tensor:
        with torch.inference_mode():
            found: torch.Tensor = model(unseen).logits
        return found

    exact, plain = logits(), {key: value.clone() for key, value in model.state_dict().items()}
    scales = calibrate(model, config, rows)
    fitted = logits()
    written, blocks = (
        dict(renamed(config, {key: values[key] for key in scales}))
        for values in (model.state_dict(), scales)
    )
    for key, scale in blocks.items():
        kind = type_of("iq4_nl", key, written[key])
        back = gguf.quants.dequantize(packed(written[key], kind, scale), kind)
        torch.testing.assert_close(torch.from_numpy(back), written[key], rtol=1e-5, atol=1e-9)
    for key in scales:
        kind = type_of("iq4_nl", key, plain[key])
        plain[key] = torch.from_numpy(gguf.quants.dequantize(packed(plain[key], kind), kind))
    model.load_state_dict(plain)
    assert (fitted - exact).std() < 0.97 * (logits() - exact).std()


def test_a_file_is_the_same_each_time_and_says_what_it_is(families, tmp_path) -> None:
    about = About(
        "a phi3", "# The card", "MIT", "https://licence.example", "Base", "https://b.example"
    )
    for name in ("a", "b"):
        model, tokenizer, config = opened(families["phi-3-4k"])
        speech = speech_of(tokenizer, find_stop(tokenizer), None)
        scales = calibrate(model, config, [[300, 301, 302]])
        write_model(
            tmp_path / name,
            "iq4_nl",
            config,
            model.state_dict(),
            tokenizer,
            about,
            speech,
            scales,
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    fields = gguf.GGUFReader(tmp_path / "a")
    said = {key: fields.get_field(key).contents() for key in fields.fields if "GGUF." not in key}
    # In the name it would have llama.cpp leave out the space after tags.
    assert said["general.name"] == "a phi 3"
    assert said["general.license"] == "mit"
    assert said["general.base_model.0.name"] == "Base"
    assert said[CARD] == "# The card"
    assert said["tokenizer.chat_template"] == tokenizer.chat_template
    assert said["tokenizer.ggml.eos_token_id"] == find_stop(tokenizer).id


# --- adapters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("llama-3.2", {"use_rslora": True}),
        ("phi-3-4k", {"alpha_pattern": {"o_proj": 3}, "rank_pattern": {"o_proj": 2}}),
        ("gemma-3", {}),
    ],
)
def test_an_adapter_alone_computes_what_peft_does(name, more, families, tmp_path) -> None:
    from peft import LoraConfig, get_peft_model

    model, _, config = write(tmp_path / "m.gguf", families[name])
    torch.manual_seed(0)
    settings = LoraConfig(
        r=4, lora_alpha=16, target_modules="all-linear", init_lora_weights=False, **more
    )
    tuned = get_peft_model(model, settings).eval()
    tuned.save_pretrained(tmp_path / "adapter")
    write_adapter(tmp_path / "lora.gguf", config, tmp_path / "adapter", "t")
    ids = torch.arange(300, 300 + SHORT)[None]
    with torch.inference_mode():
        ours = tuned(ids).logits[0].numpy()
        with tuned.disable_adapter():
            plain = tuned(ids).logits[0].numpy()
    read = LlamaModel(tmp_path / "m.gguf", 1, 256, tmp_path / "lora.gguf")
    try:
        theirs = np.stack([values.copy() for values in read.read(ids[0].tolist(), range(SHORT))])
    finally:
        read.close()
    assert np.abs(ours - theirs).max() < 0.02 * ours.std()
    assert np.abs(ours - plain).max() > 0.2 * ours.std()


def test_an_adapter_that_llama_cpp_cannot_load_is_refused(families, tmp_path) -> None:
    from peft import LoHaConfig, LoraConfig, get_peft_model

    for number, (settings, variant) in enumerate(
        (
            (LoraConfig(r=2, target_modules=["q_proj"], use_dora=True), ""),
            (LoHaConfig(r=2, target_modules=["q_proj"]), ""),
            (LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["norm"]), "layers"),
        )
    ):
        model, _, config = opened(families["llama-3.2"])
        folder = tmp_path / str(number)
        get_peft_model(model, settings).save_pretrained(folder)
        with pytest.raises(InputError) as raised:
            write_adapter(tmp_path / "lora.gguf", config, folder, "t")
        assert (raised.value.code, raised.value.variant) == ("gguf.adapter", variant)


# --- templates -----------------------------------------------------------------------------------


def with_template(family: Any, folder: Path) -> Any:
    tokenizer = make_tokenizer(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": [*family.specials, family.stop]})
    tokenizer.chat_template, tokenizer.eos_token = family.template, family.stop
    if family.bos:
        tokenizer.bos_token = family.bos
    return tokenizer


# What Ollama's language cannot say: the system prompt in the last question or turn.
ONLY_JINJA = {"mistral-tekken", "mistral-last"}


@pytest.mark.parametrize("name", FAMILIES)
def test_ollama_gets_the_template_of_every_family(name, in_go, tmp_path) -> None:
    tokenizer = with_template(FAMILIES[name], tmp_path)
    if name in ONLY_JINJA:
        with pytest.raises(InputError) as raised:
            go_template(tokenizer, None)
        assert raised.value.code == "gguf.go_template"
        return
    turns = turns_of(renderer(tokenizer))
    prompts = accepted(renderer(tokenizer))
    assert len(prompts) >= 2
    for conversation, prompt in prompts:
        if turns.system is None and conversation[0]["role"] == "system":
            continue
        assert turns.write(conversation) == prompt
        if in_go is not None:
            assert in_go(turns.go_template, conversation) == prompt


GO = """package main
import ("encoding/json"; "os"; "text/template")
type Message struct { Role, Content string }
func main() {
  var in struct { Template, System, Prompt string; Messages []Message }
  if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil { panic(err) }
  t := template.Must(template.New("").Option("missingkey=zero").Parse(in.Template))
  if err := t.Execute(os.Stdout, map[string]any{
    "System": in.System, "Prompt": in.Prompt, "Messages": in.Messages}); err != nil { panic(err) }
}
"""


@pytest.fixture(scope="module")
def in_go(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Any], str] | None:
    """What Go's own text/template makes of Ollama's values; ``None`` where Go is not installed."""
    if shutil.which("go") is None:
        return None
    folder = tmp_path_factory.mktemp("go")
    (folder / "render.go").write_text(GO)
    subprocess.run(
        ["go", "build", "-o", folder / "render", folder / "render.go"],
        check=True,
        env=os.environ | {"GOCACHE": str(folder / "cache"), "GO111MODULE": "off"},
    )

    def render(template: str, turns: Any) -> str:
        system = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
        given = {"Template": template, "System": system, "Messages": [dict(turn) for turn in turns]}
        done = subprocess.run(
            [folder / "render"], input=json.dumps(given), text=True, capture_output=True, check=True
        )
        return done.stdout

    return render


def test_llama_cpps_own_engine_writes_the_prompts(families, tmp_path) -> None:
    """Of a chat template, and of a prompt template with one column and with several."""
    file = tmp_path / "m.gguf"
    for template in (
        None,
        Template(prompt="### Don't say \\ {phrase}\n{?phrase}{{x}}{/phrase}\n", completion="{t}"),
        Template(prompt="{a} and {b}", completion="{t}"),
    ):
        model, tokenizer, config = opened(families["smollm2"])
        speech = speech_of(tokenizer, find_stop(tokenizer), template)
        write_model(file, "q8_0", config, model.state_dict(), tokenizer, About("t"), speech)
        with ExportedModel(file, context=64) as exported:
            check_template(exported, tokenizer, template)


@pytest.mark.parametrize("name", ["gemma-2", "llama-3.2", "smollm2"])
def test_the_beginning_token_stands_once_before_a_conversation(name, families, tmp_path) -> None:
    tokenizer = with_template(FAMILIES[name], tmp_path)
    # In SmolLM2's the first tag of a turn is the beginning token.
    tokenizer.bos_token = FAMILIES[name].bos or "<|im_start|>"
    model, _, config = opened(families["smollm2"])
    model.resize_token_embeddings(640)
    config["vocab_size"] = 640
    file = tmp_path / "m.gguf"
    speech = speech_of(tokenizer, find_stop(tokenizer), None)
    write_model(file, "q8_0", config, model.state_dict(), tokenizer, About("t"), speech)
    with ExportedModel(file, context=64) as exported:
        check_template(exported, tokenizer, None)
        for _, prompt in accepted(renderer(tokenizer)):
            ids = tokenizer(prompt, add_special_tokens=False)["input_ids"]
            assert exported.encode([prompt]) == [ids]
            assert ids.count(tokenizer.bos_token_id) == prompt.count(tokenizer.bos_token)


def test_a_template_that_llama_cpp_cannot_run_is_refused(families, tmp_path) -> None:
    model, tokenizer, config = opened(families["smollm2"])
    file = tmp_path / "m.gguf"
    for wrong, variant in (
        ("{{ messages | tojson(indent=2) | no_such_filter }}", ""),
        ("{{ messages[0]['content'] }} otherwise", "differs"),
    ):
        speech = Speech(wrong, find_stop(tokenizer).id, False)
        write_model(file, "q8_0", config, model.state_dict(), tokenizer, About("t"), speech)
        with ExportedModel(file, context=64) as exported, pytest.raises(RunError) as raised:
            check_template(exported, tokenizer, None)
        assert (raised.value.code, raised.value.variant) == ("gguf.template", variant)


# --- refused -------------------------------------------------------------------------------------


def refused(folder: Path, file: Path, config: dict[str, Any]) -> str:
    model, tokenizer, own = opened(folder)
    speech = speech_of(tokenizer, find_stop(tokenizer), None)
    with pytest.raises(InputError) as raised:
        write_model(file, "f16", own | config, model.state_dict(), tokenizer, About("t"), speech)
    assert not file.exists()
    return raised.value.code


def test_what_gguf_lacks_is_refused_by_name(families, tmp_path) -> None:
    folder, file = families["smollm2"], tmp_path / "m.gguf"
    assert refused(folder, file, {"model_type": "olmo2"}) == "gguf.architecture"
    rope = {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}
    assert refused(folder, file, rope) == "gguf.rope"
    assert refused(families["qwen3"], file, {"model_type": "llama"}) == "gguf.tensor"


def test_a_tokenizer_that_llama_cpp_lacks_is_refused(families, tmp_path) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    model, _, config = opened(families["smollm2"])
    unigram = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.Unigram([("a", -1.0)])), eos_token="a"
    )
    for tokenizer, code in ((unigram, "gguf.tokenizer"), (byte_level("x+"), "gguf.split")):
        with pytest.raises(InputError) as raised:
            write_model(
                tmp_path / "m",
                "f16",
                config,
                model.state_dict(),
                tokenizer,
                About("t"),
                Speech("", 0, False),
            )
        assert raised.value.code == code


def test_a_file_that_is_no_model_is_an_error_that_says_so(tmp_path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(RunError) as raised, ExportedModel(tmp_path / "bad.gguf"):
        pass
    assert raised.value.code == "gguf.does_not_load"
    assert "gguf" in raised.value.values["reason"]


def test_what_to_do_without_llama_cpp_fits_the_way_the_program_was_installed(monkeypatch) -> None:
    assert "pip install xllamacpp" in missing().hint
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", "/opt/studio", raising=False)
    assert "phi3studio[gguf]" in missing().hint
