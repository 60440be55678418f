"""Errors, problems and notices in the language of the window."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication

import phi3studio
from phi3studio.doctor import finding
from phi3studio.domain.events import notice
from phi3studio.domain.messages import CATALOGUE
from phi3studio.gui.texts.i18n import install_language
from phi3studio.gui.texts.messages import ERRORS, explain, explain_error
from phi3studio.resources import resources

PACKAGE = Path(phi3studio.__file__).parent
LAYERS = ("domain", "runs", "services", "worker")
ERROR_CLASSES = {"InputError", "RunError", "UserFacingError", "Problem"}
# What only the command line, a recipe file or another program's job can run into.
ELSEWHERE = (
    "bundle.", "card.", "olive.", "recipe.", "run.", "serve.", "service.", "verify.",
    "chat.adapter_name", "data.empty", "export.", "usage",
)  # fmt: skip


def codes() -> dict[str, str]:
    """Every code that is written out in the layers below the window → where."""
    found: dict[str, str] = {}
    for layer in LAYERS:
        for file in PACKAGE.joinpath(layer).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and (code := _code(node)):
                    found[code] = f"{file.relative_to(PACKAGE)}:{node.lineno}"
    return found


def _code(call: ast.Call) -> str | None:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    given: ast.expr | None = next((k.value for k in call.keywords if k.arg == "code"), None)
    if name in ERROR_CLASSES and call.args:
        given = call.args[0]
    elif name not in {"Notice", "Finding"} and name not in ERROR_CLASSES:
        return None
    elif name == "Finding" and call.args:
        given = call.args[0]
    if isinstance(given, ast.Constant) and isinstance(given.value, str) and "." in given.value:
        return given.value if " " not in given.value else None
    return None


@pytest.fixture
def italian(qapp: QApplication) -> Iterator[None]:
    translators = install_language(qapp, resources() / "translations", "it")
    yield
    for translator in translators:
        qapp.removeTranslator(translator)
    QLocale.setDefault(QLocale("en"))


def test_every_code_that_reaches_the_window_speaks_italian(italian: None) -> None:
    found = codes()
    assert len(found) > 120, "the search for codes is broken"
    texts = " ".join(text for pair in ERRORS.values() for text in pair)
    names = {name: "x" for _, name, _, _ in Formatter().parse(texts) if name}
    in_catalogue = {key.partition("/")[0] for key in CATALOGUE}
    untranslated = []
    for code, where in sorted(found.items()):
        said = explain(code, "What happened.", "What to do.", names)
        if code in in_catalogue:
            continue  # its Italian is tested in test_messages.py
        if said.message == "What happened." and not code.startswith(ELSEWHERE):
            untranslated.append(f"{code} ({where})")
    assert not untranslated, (
        f"give these a sentence in gui/texts/error_texts.py and in Italian: {untranslated}"
    )


def test_a_code_without_a_sentence_shows_the_original(italian: None) -> None:
    said = explain("some.new_code", "The file x is odd.", "Choose another.")
    assert (said.message, said.hint, said.detail) == ("The file x is odd.", "Choose another.", "")


def test_the_original_stays_as_the_detail(italian: None) -> None:
    said = explain("draft.no_model", "There is no model for /runs.", "Choose one.")
    assert said.message == "Non hai scelto il modello di base."
    assert said.detail == "There is no model for /runs."


def test_english_says_the_original_which_names_the_file() -> None:
    said = explain("data.no_file", "The data file /a/b does not exist.", "Correct it.")
    assert said.message == "The data file /a/b does not exist."


def test_values_fill_the_italian_sentence(italian: None) -> None:
    said = explain_error(finding("machine.low_disk", free=3_100_000_000))
    assert said.message == "Il disco è quasi pieno: restano 3,1 GB."
    assert said.detail == ""


def test_no_sentence_is_for_a_code_that_nobody_raises() -> None:
    text = "".join(
        file.read_text("utf-8")
        for file in PACKAGE.rglob("*.py")
        if not file.name.startswith("error_texts")
    )
    # A code that is put together from parts is written down as its beginning.
    made = {"data.broken_parquet", "data.broken_arrow"}
    assert [code for code in ERRORS if f'"{code}"' not in text and code not in made] == []


def test_an_italian_notice_in_the_window_says_its_figures(italian: None) -> None:
    said = explain_error(notice("data.cut_off", rows=1250, tokens=512))
    assert said.message == "1.250 righe superano i 512 token: sono state troncate."
    assert said.detail == ""
