"""The design system: contrast, icons, the two schemes, the language files."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from phi3studio.gui.context import Context
from phi3studio.gui.texts import words
from phi3studio.gui.texts.i18n import choose_language, install_language
from phi3studio.gui.theme import load_tokens
from phi3studio.gui.theme.tokens import Scheme
from phi3studio.gui.widgets.rail import Rail, RailEntry
from phi3studio.gui.widgets.rows_table import RowsTable
from phi3studio.resources import resources
from phi3studio.wizard.row_view import ShownRow

TOKENS = load_tokens(resources() / "style")
GUI = Path(__file__).resolve().parents[2] / "phi3studio" / "gui"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), TOKENS.contrast)
def test_every_pair_of_colours_has_enough_contrast(
    scheme: Scheme, ink: str, ground: str, least: float
) -> None:
    assert TOKENS.ratio(scheme, ink, ground) >= least


def test_the_theme_can_be_overridden_and_recolours_what_is_painted(context: Context) -> None:
    theme = context.theme
    light = theme.icon("home").pixmap(18).toImage()
    heard: list[str] = []
    theme.changed.connect(lambda: heard.append(theme.scheme))
    theme.set_mode("dark")
    assert heard == ["dark"]
    assert theme.icon("home").pixmap(18).toImage() != light
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    assert app.palette().window().color() == theme.color("background")
    theme.set_mode("light")


def test_every_icon_that_is_named_exists_and_can_be_recoloured() -> None:
    icons = resources() / "icons"
    for file in icons.glob("*.svg"):
        text = file.read_text("utf-8")
        fixed = file.stem == "app" or file.stem.startswith(("menu-", "tick-", "dot-"))
        assert fixed or "currentColor" in text, file.name


def test_the_style_sheet_is_filled_completely(context: Context) -> None:
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    assert "@" not in app.styleSheet()


def test_token_text_is_shown_without_ligatures(context: Context) -> None:
    font = context.theme.mono()
    assert {tag.toString() for tag in font.featureTags()} >= {b"calt", b"liga"} or {
        bytes(tag.toString()) for tag in font.featureTags()
    } >= {b"calt", b"liga"}


def sources_of(file: Path) -> set[str]:
    """The texts that a module passes to translation functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        place = {"tr": 0, "translate": 1, "QT_TRANSLATE_NOOP": 1}.get(name)
        if place is None or len(node.args) <= place:
            continue
        text = node.args[place]
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            found.add(text.value)
    return found


@pytest.mark.parametrize("language", ["it", "en"])
def test_no_text_is_left_untranslated(language: str) -> None:
    file = resources() / "translations" / f"phi3studio_{language}.ts"
    translated = set()
    for message in ElementTree.parse(file).getroot().iter("message"):
        source = message.findtext("source") or ""
        translation = message.find("translation")
        assert translation is not None
        assert translation.get("type") is None, f"unfinished: {source}"
        forms = [form.text or "" for form in translation.iter("numerusform")]
        if message.get("numerus"):
            assert len(forms) == 2, source
            assert all(forms), source
        else:
            assert (translation.text or "").strip(), source
        translated.add(source)
    wanted = set().union(*(sources_of(file) for file in GUI.rglob("*.py")))
    if language == "en":
        wanted = {text for text in wanted if "%Ln" in text}
    assert not wanted - translated


def test_translations_keep_their_placeholders() -> None:
    import re

    file = resources() / "translations" / "phi3studio_it.ts"
    for message in ElementTree.parse(file).getroot().iter("message"):
        source = message.findtext("source") or ""
        translation = message.find("translation")
        assert translation is not None
        forms = [f.text or "" for f in translation.iter("numerusform")] or [translation.text or ""]
        for form in forms:
            assert sorted(re.findall(r"\{\w*\}|%Ln", source)) == sorted(
                re.findall(r"\{\w*\}|%Ln", form)
            ), source


@pytest.mark.parametrize("language", ["it", "en"])
def test_the_compiled_translations_are_those_of_the_sources(
    language: str, qapp: QApplication
) -> None:
    folder = resources() / "translations"
    translator = QTranslator()
    assert translator.load(f"phi3studio_{language}", str(folder))
    root = ElementTree.parse(folder / f"phi3studio_{language}.ts").getroot()
    for context in root.iter("context"):
        name = context.findtext("name") or ""
        for message in context.iter("message"):
            translation = message.find("translation")
            assert translation is not None
            if message.get("numerus"):
                continue
            source = message.findtext("source") or ""
            assert translator.translate(name, source) == translation.text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["about 1 minute", "about 5 minutes", "2 hours ago", "3.8 billion parameters"]),
        ("it", ["circa 1 minuto", "circa 5 minuti", "2 ore fa", "3,8 miliardi di parametri"]),
    ],
)
def test_numbers_and_times_are_said_in_the_language(
    language: str, said: list[str], qapp: QApplication
) -> None:
    translators = install_language(qapp, resources() / "translations", language)
    try:
        spoken = [
            words.about(60),
            words.about(290),
            words.ago(0, 7300),
            words.parameters(3_800_000_000),
        ]
    finally:
        for translator in translators:
            qapp.removeTranslator(translator)
    assert spoken == said


def test_the_language_follows_the_wish_and_else_the_system() -> None:
    assert choose_language("it") == "it"
    assert choose_language("en") == "en"
    assert choose_language("") in {"en", "it"}
    assert choose_language("xx") in {"en", "it"}


def test_the_ring_of_a_table_with_the_focus_is_whole(context: Context, qtbot: QtBot) -> None:
    table = RowsTable("Rows")
    qtbot.addWidget(table)
    row = ShownRow(0, "0", {"phrase": "a"})
    table.show_rows(("phrase",), (row,))
    table.resize(400, table.height())
    with qtbot.waitExposed(table):
        table.show()
    inner, bottom = table.viewport().geometry(), table.visualRect(table.model().index(0, 0))
    assert bottom.bottom() <= inner.height(), "the ring's room is the rows'"
    table.setFocus()
    table.selectRow(0)
    qtbot.waitUntil(table.hasFocus)
    picture = table.grab().toImage()
    ring, right = context.theme.color("accent"), picture.width() - 1
    middle, below = picture.width() // 2, picture.height() - 1
    edges = [
        (middle, 0),
        (middle, below),
        *((x, y) for x in (0, right) for y in range(8, below - 8)),
    ]
    assert {picture.pixelColor(x, y).name() for x, y in edges} == {ring.name()}
    assert table.viewport().geometry() == inner, "the rows move when they get the focus"


def test_the_bar_of_a_wide_table_covers_no_row(context: Context, qtbot: QtBot) -> None:
    table = RowsTable("Rows")
    qtbot.addWidget(table)
    columns = [f"column {n}" for n in range(9)]
    table.resize(400, 100)
    with qtbot.waitExposed(table):
        table.show()
    table.show_rows(columns, [ShownRow(0, "0", dict.fromkeys(columns, "a value"))])
    qtbot.waitUntil(table.horizontalScrollBar().isVisible)
    last = table.visualRect(table.model().index(0, 0))
    assert 0 < last.bottom() <= table.viewport().height()
    assert not table.verticalScrollBar().isVisible()


def test_the_rail_is_as_wide_as_its_longest_name(context: Context, qtbot: QtBot) -> None:
    """The chosen entry is drawn bold, and names are longer in other languages."""
    for title in ("Home", "Nuovo fine-tuning", "Eine neue Feinabstimmung"):
        rail = Rail(context.theme, "Phi-3 Studio", (RailEntry("new", title, "plus"),))
        qtbot.addWidget(rail)
        rail.show()
        rail.set_current("new")
        button = rail._buttons["new"]
        button.ensurePolished()
        assert button.property("shown")
        assert rail.width() >= Rail.WIDE
        font = QFont(button.font())
        font.setBold(True)
        text = QFontMetrics(font).horizontalAdvance(title)
        # 48 pixels lead to the name, 20 follow it (see the style sheet).
        assert rail.width() >= 48 + text + 12
        rail.set_compact(True)
        assert rail.width() == Rail.NARROW
