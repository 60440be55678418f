"""Tokenizers and data files for the tests of the data engine, made when needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.check_report import CheckProgress, Finding, Report
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.worker.data.checking.check_data import check
from phi3studio.worker.data.preparing.tokenise import Encoder
from tests.tiny_models import make_tokenizer

CHATML = (
    "{% if tools %}<|im_start|>tools\n{{ tools | tojson }}<|im_end|>\n{% endif %}"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SAMPLES = Path(__file__).resolve().parents[2] / "resources" / "samples"


def make_byte_level(folder: Path) -> Any:
    """A byte-level BPE tokenizer (as GPT-2, Llama 3, Qwen and SmolLM have) with ChatML."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    texts = (SAMPLES / "emotions.jsonl").read_text("utf-8").splitlines()
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )
    fast.chat_template = CHATML
    fast.save_pretrained(folder)
    return fast


def make_model_folder(folder: Path, tokenizer: Callable[[Path], Any]) -> Path:
    """A folder that passes for a model: a config, one small weight, a tokenizer."""
    import numpy as np
    from safetensors.numpy import save_file

    folder.mkdir(parents=True)
    tokenizer(folder)
    (folder / "config.json").write_text('{"model_type": "llama"}', "utf-8")
    save_file({"weight": np.zeros(1, np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_byte_level(tmp_path_factory.mktemp("byte-level"))


@pytest.fixture(scope="session")
def phi3_like(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_tokenizer(tmp_path_factory.mktemp("phi3-like"))


@pytest.fixture(scope="session")
def encoder(byte_level: Any) -> Encoder:
    return Encoder(byte_level)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model_folder(tmp_path_factory.mktemp("models") / "tiny", make_byte_level)


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as JSON lines."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, "utf-8")
    return path


def recipe_for(source: Path | str, **data: Any) -> Recipe:
    """A recipe over *source*; ``prompt`` and ``completion`` are short for a template, and
    ``length`` for the sequence length."""
    length = data.pop("length", 256)
    batch = data.pop("batch", 1)
    if "prompt" in data:
        data["template"] = {"prompt": data.pop("prompt"), "completion": data.pop("completion")}
    return parse_recipe(
        {
            "data": {"source": str(source), **data},
            "training": {"sequence_length": length, "batch_size": batch},
        }
    )


def whole_check(data: Any, with_encoder: Encoder, length: int = 256, batch: int = 1) -> Report:
    """The report of a check of a recipe's *data*, read to its end."""
    return report_of(check(data, with_encoder, length, batch))


def report_of(checking: Generator[CheckProgress, None, Report]) -> Report:
    """What a check returns at its end."""
    while True:
        try:
            next(checking)
        except StopIteration as end:
            report: Report = end.value
            return report


def found_in(report: Report) -> dict[str, Finding]:
    return {item.code: item for item in report.findings}


# Rows that are added to sound ones, the finding, how many rows, the repair that mends it.
Defect = tuple[list[dict[str, Any]], str, int, str | None]


def assert_found_and_repaired(
    report_on: Callable[..., Report], sound: list[dict[str, Any]], defect: Defect
) -> None:
    """*report_on* checks rows, with the repairs that are named after them."""
    added, code, count, kind = defect
    found = found_in(report_on([*sound, *added]))
    assert found[code].rows == count, found.keys()
    assert found[code].examples[-1].row >= len(sound)
    assert found[code].title
    assert found[code].advice
    if kind is not None:
        assert kind in {offer.repair.kind for offer in found[code].repairs}
        assert code not in found_in(report_on([*sound, *added], kind))
