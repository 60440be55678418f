"""The chat's answers held to labels or a schema, and adapters: over the real chat service."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.context import Context
from phi3studio.gui.lifecycle import Helpers
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.chat.chat_page import ChatPage
from phi3studio.gui.pages.chat.model_column import ModelColumn
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from tests import tiny_models
from tests.gui.conftest import spin
from tests.gui.test_chat import say
from tests.worker.running import completed, tiny_recipe, write_rows

Make = Callable[..., MainWindow]
LONG = 60_000
JSON_TEXT = '{"tone": "Joy", "sure": true} [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] Zebra Quagga'


@pytest.fixture
def helpers(context: Context) -> Iterator[Helpers]:
    found = Helpers.make()
    yield found
    spin(found.close())


@pytest.fixture
def chat(make_window: Make, helpers: Helpers) -> ChatPage:
    window = make_window(helpers.services())
    window.go("chat")
    page = window.page("chat")
    assert isinstance(page, ChatPage)
    page.show_settings(True)
    return page


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run of a tiny model that knows JSON's signs; its export keeps two adapters apart."""
    from phi3studio.worker.genai.separate_adapters import attach_adapter

    root = tmp_path_factory.mktemp("apart")
    store = RunStore(Home(root / "home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_models, "_CORPUS", [*tiny_models._CORPUS, JSON_TEXT])
        base = tiny_models.make_tiny_phi3(root / "base")
        patch.setenv("PHI3STUDIO_HOME", str(root / "home"))

        def make(name: str, start: int, steps: list[str], seed: int) -> RunFolder:
            rows = write_rows(root / f"{name}.jsonl", 40, start=start)
            recipe = tiny_recipe(base, rows, name, max_steps=10, accumulation=8, seed=seed)
            return store.create(recipe.model_copy(update={"steps": steps}))

        runs = make("tone", 0, ["train", "quantise"], 1), make("other", 200, ["train"], 5)
        for run in runs:
            launch.start(run)
        tone, other = (completed(run) for run in runs)
    attach_adapter(other.adapter, tone.model, "other")
    return tone


@pytest.fixture
def run(trained: RunFolder, home: Home) -> RunFolder:
    """The run, in the home of the window."""
    return RunFolder(Path(shutil.copytree(trained.path, home.runs / trained.name)))


def loaded(chat: ChatPage, qtbot: QtBot, at: int = 0) -> ModelColumn:
    qtbot.waitUntil(lambda: chat.columns[at].model is not None, timeout=LONG)
    return chat.columns[at]


def answered(column: ModelColumn, qtbot: QtBot, turns: int) -> str:
    qtbot.waitUntil(lambda: not column.busy and len(column.views) == turns, timeout=LONG)
    return column.views[-1].turn.answer


def test_answers_are_held_to_the_runs_own_labels_or_to_others(
    chat: ChatPage, run: RunFolder, qtbot: QtBot
) -> None:
    chat.add_run(run)
    column = loaded(chat, qtbot)
    answer = chat.settings_panel.answer
    own = json.loads((run.data / "manifest.json").read_text())["labels"]
    qtbot.waitUntil(lambda: answer.labels.toPlainText().split("\n") == own, timeout=5000)
    answer.kind.setCurrentIndex(1)
    assert own[0] in chat._prompt._held.text()
    say(chat, qtbot, "The results came back clear!")
    assert answered(column, qtbot, 1) in own
    answer.labels.setPlainText("Zebra\nQuagga\n")
    say(chat, qtbot, "The results came back clear!")
    assert answered(column, qtbot, 2) in ("Zebra", "Quagga")
    # Without a label nothing can be asked, and the field says why.
    answer.labels.setPlainText(" \n")
    assert "labels are empty" in answer.wrong.text()
    assert answer.labels.property("invalid")
    field = next(iter(chat._prompt._fields.values()))
    qtbot.keyClicks(field, "Hello")
    assert not chat._prompt._send.isEnabled()
    qtbot.mouseClick(answer._take_labels, Qt.MouseButton.LeftButton)
    assert answer.labels.toPlainText().split("\n") == own
    assert chat._prompt._send.isEnabled()


def test_answers_are_held_to_a_schema_from_a_file(
    chat: ChatPage, run: RunFolder, qtbot: QtBot, folder: Path
) -> None:
    chat.add_run(run)
    column = loaded(chat, qtbot)
    answer = chat.settings_panel.answer
    answer.kind.setCurrentIndex(2)
    assert "is empty" in answer.wrong.text()
    file = folder / "schema.json"
    file.write_text('{"type": "object",\n "properties": }')
    answer.read_file(file)
    assert "line 2, column 16" in answer.wrong.text()
    assert answer.schema.property("invalid")
    schema = {
        "type": "object",
        "properties": {"tone": {"enum": ["Fear", "Joy"]}},
        "required": ["tone"],
        "additionalProperties": False,
    }
    file.write_text(json.dumps(schema))
    answer.read_file(file)
    assert answer.wrong.isHidden()
    say(chat, qtbot, "The results came back clear!")
    assert json.loads(answered(column, qtbot, 1))["tone"] in ("Fear", "Joy")
    # What only the engine can judge is said beside the field too, until it is changed.
    answer.schema.setPlainText('{"type": "nonsense"}')
    say(chat, qtbot, "Again")
    qtbot.waitUntil(lambda: "cannot be used" in answer.wrong.text(), timeout=LONG)
    assert answer.schema.property("invalid")
    answer.schema.setPlainText('{"type": "string"}')
    assert answer.wrong.isHidden()
    answer.read_file(folder / "absent.json")
    assert "cannot be read" in answer.wrong.text()
    answer.kind.setCurrentIndex(0)
    assert answer.wrong.isHidden()


def test_adapters_over_one_base_are_switched_at_once(
    chat: ChatPage, run: RunFolder, qtbot: QtBot
) -> None:
    chat.add_run(run)
    column = loaded(chat, qtbot)
    choice = column.adapters
    assert choice.isVisible()
    names = [choice.box.itemData(at) for at in range(choice.box.count())]
    assert names == ["other", "tone", ""]
    assert choice.chosen == "tone"
    # Drawn from a seed: the same model draws the same answer, another one another.
    for key, text in (("temperature", "2"), ("top_k", "400"), ("seed", "7"), ("max_tokens", "24")):
        edit = chat.settings_panel._edits[key]
        edit.selectAll()
        qtbot.keyClicks(edit, text)
    answers: dict[str, str] = {}
    for turn, at in enumerate((1, 0, 2, 1), start=1):
        choice.box.setCurrentIndex(at)
        say(chat, qtbot, "The results came back clear!")
        text = answered(column, qtbot, turn)
        assert answers.setdefault(names[at], text) == text
    assert len(set(answers.values())) == 3, answers
    kept = [turn.adapter for turn in column.transcript.turns]
    assert kept == ["tone", "other", "base model", "tone"]


def test_a_further_adapter_is_added_from_another_run_and_answers(
    chat: ChatPage, run: RunFolder, trained: RunFolder, home: Home, qtbot: QtBot
) -> None:
    other = next(item for item in trained.path.parent.iterdir() if item.name.endswith("other"))
    shutil.copytree(other, home.runs / other.name)
    window = chat.window()
    assert isinstance(window, MainWindow)

    def both_are_known() -> bool:
        window.runs.refresh()
        return len(window.runs.entries()) == 2

    qtbot.waitUntil(both_are_known, timeout=10_000)
    chat.add_run(run)
    column = loaded(chat, qtbot)
    (entry,) = chat.adapters_for(column)
    assert entry.run.name == other.name
    column.attach(entry.run.adapter, entry.title)
    # There is one of that name already.
    qtbot.waitUntil(lambda: column.adapters.chosen == "other-2", timeout=LONG)
    assert column.adapters.names == ("other", "other-2", "tone")
    say(chat, qtbot, "The results came back clear!")
    answered(column, qtbot, 1)
    assert column.transcript.turns[0].adapter == "other-2"
    # A folder that is no adapter is explained, and nothing changes.
    column.attach(run.data, "data")
    qtbot.waitUntil(
        lambda: any("adapter" in f.text.text() for f in chat.findChildren(Callout)), timeout=LONG
    )
    assert column.adapters.names == ("other", "other-2", "tone")


def test_a_model_with_its_adapter_merged_in_has_nothing_to_choose(
    make_window: Make, showcase: dict[str, RunFolder], qtbot: QtBot
) -> None:
    window = make_window()
    window.go("chat")
    page = window.page("chat")
    assert isinstance(page, ChatPage)
    page.add_run(showcase["done"])
    column = loaded(page, qtbot)
    assert not column.adapters.isVisible()
    assert column.adapters.chosen is None
