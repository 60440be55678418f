"""Every sentence of an import has its Italian, with the same places in it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale

import phi3studio
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.texts.olive_words import olive_error, olive_words
from phi3studio.olive_configs import import_config
from phi3studio.resources import resources
from phi3studio.runs.olive_files import read_olive_config

PACKAGE = Path(phi3studio.__file__).parent
FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"
TABLE = json.loads((resources() / "olive_words" / "it.json").read_text("utf-8"))
# No sentences: a pattern, and how messages are put together.
OTHER = {"has no key", "{0} {1}", r"\s*(<[^<>|]+>|\$\{[^{}]+\}|\{\{[^{}]+\}\}|your[ _-].*)\s*"}


def sentences(file: Path) -> Iterator[str]:
    """The texts of a module with a space in them, without its docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            inner.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values if isinstance(part, ast.Constant)}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            places = iter(range(9))
            for part in node.values:
                fixed = str(part.value) if isinstance(part, ast.Constant) else ""
                text += fixed or f"{{{next(places)}}}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = "" if id(node) in inner else node.value
        if " " in text.strip() and text not in OTHER:
            yield text + "{0}" if text.endswith(" ") else text


def test_every_sentence_is_translated_and_no_translation_is_left_over() -> None:
    written = {s for file in (PACKAGE / "olive_configs").rglob("*.py") for s in sentences(file)}
    ours = {s for s in TABLE if "the job does not install" in s}
    assert written == set(TABLE) - ours


def test_translations_have_the_same_places() -> None:
    for sentence, translated in TABLE.items():
        places = [sorted(re.findall(r"\{\w+\}", text)) for text in (sentence, translated)]
        assert places[0] == places[1], sentence


@pytest.fixture
def italian() -> Iterator[None]:
    before = QLocale()
    QLocale.setDefault(QLocale("it"))
    yield
    QLocale.setDefault(before)


@pytest.mark.usefixtures("italian")
def test_what_is_put_in_stays_and_is_translated_itself() -> None:
    said = olive_words("The pass has no key “lora_dopout” that is known here.")
    assert said == "Il passo non ha una chiave nota “lora_dopout”."
    assert olive_words("Remove it, or name it as host.") == "Toglilo, oppure indicalo come host."
    assert olive_words("Nobody has written this.") == "Nobody has written this."


@pytest.mark.usefixtures("italian")
@pytest.mark.parametrize("name", ["lora-phrases", "qlora-questions", "azure", "today"])
def test_whole_imports_are_said_in_italian(name: str) -> None:
    config = read_olive_config(FIXTURES / f"{name}.json")
    texts = {d.text for d in config.imported.decisions} | set(config.notes)
    texts |= {d.instead for d in config.imported.decisions}
    same = {text for text in texts if text and olive_words(text) == text}
    assert all(text.startswith("method.kind: ") for text in same)


@pytest.mark.usefixtures("italian")
def test_a_refusal_is_said_in_italian_with_its_reason() -> None:
    problem = import_config({"passes": {"x": {"type": "OnnxConversion"}, "y": 1}}).obstacle
    assert problem is not None
    said = explain_error(olive_error(problem))
    assert "Il passo OnnxConversion non viene eseguito." in said.hint
    assert "Write" not in said.hint
