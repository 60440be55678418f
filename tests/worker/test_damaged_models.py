"""Damaged model folders: opened as a run opens them, or refused as the user's input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.models.model_folder import check_model_folder
from phi3studio.worker.data.preparing.render import chat_template
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.models import model_facts
from phi3studio.worker.models.open_tokenizer import check_fits, open_tokenizer
from tests.damaged_models import damage

FIRST = int(os.environ.get("DAMAGE_SEED", "0"))
CONVERSATION = [
    {"role": "user", "content": "How are you?"},
    {"role": "assistant", "content": "Well."},
    {"role": "user", "content": "And now?"},
]


def open_model(folder: Path) -> None:
    """All that a run does with a model's folder before it reads data."""
    check_model_folder(folder)
    facts = model_facts(folder)
    tokenizer = open_tokenizer(folder)
    check_fits(tokenizer, folder, facts.vocabulary)
    Encoder(tokenizer)
    if tokenizer.chat_template:
        chat_template(tokenizer).prompt(CONVERSATION)


def tried(whole: Path, folder: Path, seed: int) -> None:
    what = damage(whole, folder, seed)
    error = None
    try:
        open_model(folder)
    except InputError as exc:
        error = exc
    except Exception as exc:
        raise AssertionError(f"seed {seed}: {what}: {type(exc).__name__}: {exc}") from exc
    if error is not None:
        assert error.message.encode(), what
        assert error.hint, what


@pytest.mark.parametrize("block", range(10))
def test_a_damaged_model_is_opened_or_refused(tiny_phi3, tmp_path, block) -> None:
    for seed in range(FIRST + 20 * block, FIRST + 20 * (block + 1)):
        tried(tiny_phi3, tmp_path / "model", seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(100))
def test_ten_thousand_damaged_models_are_opened_or_refused(tiny_phi3, tmp_path, block) -> None:
    for seed in range(1_000_000 + 100 * block, 1_000_000 + 100 * (block + 1)):
        tried(tiny_phi3, tmp_path / "model", seed)
