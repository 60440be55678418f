"""Runs with steps left out and without data, through the window."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Artifact, Finished, Stage, StageDone, Started
from phi3studio.domain.recipe import Model, Recipe, Step
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.compare_page import ComparePage
from phi3studio.gui.pages.home.home_page import HomePage
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.model_page import ModelPage, _ModelCard
from phi3studio.gui.pages.wizard.review_page import ReviewPage
from phi3studio.gui.pages.wizard.steps_card import StepsCard
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs.store import RunFolder
from tests.gui.conftest import SAMPLE
from tests.gui.test_home import button
from tests.showcase.runs import write_run

Make = Callable[..., MainWindow]


@pytest.fixture
def wizard(make_window: Make) -> WizardPage:
    window = make_window()
    window.go("new")
    page = window.page("new")
    assert isinstance(page, WizardPage)
    return page


@pytest.fixture
def exported(home: Home) -> RunFolder:
    """A finished run that only exported its base model."""
    stages = ("prepare", "quantise")
    recipe = Recipe(name="only exported", steps=["quantise"], model=Model(source="starter"))
    return write_run(
        home.runs,
        recipe,
        [
            (0.0, Started(attempt=1, stages=stages)),
            (0.1, Stage(name="prepare", index=0, count=2)),
            (1.0, StageDone(name="prepare", seconds=0.9)),
            (1.1, Stage(name="quantise", index=1, count=2)),
            (9.0, StageDone(name="quantise", seconds=8.0)),
            (9.1, Artifact(kind="model", path="model", bytes=1000)),
            (9.2, Finished(outcome="completed")),
        ],
        age_s=60,
    )


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    found = tmp_path / "adapter"
    found.mkdir()
    (found / "adapter_config.json").write_text(
        json.dumps({"r": 8, "lora_alpha": 16, "peft_type": "LORA", "base_model_name_or_path": "x"})
    )
    (found / "adapter_model.safetensors").write_bytes(b"x")
    return found


def test_a_run_without_data_opens_everywhere(
    make_window: Make, exported: RunFolder, showcase: dict[str, RunFolder], qtbot: QtBot
) -> None:
    window = make_window()
    assert isinstance(window.current, HomePage)
    qtbot.waitUntil(lambda: window.runs.entry(exported) is not None, timeout=10_000)
    window.show_run(exported)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page._body.isVisible(), timeout=5000)
    assert [step.title for step in page._stepper.steps] == ["Prepare", "Quantise"]
    assert [step.state for step in page._stepper.steps] == ["done", "done"]
    assert page._curves.isHidden()
    assert "int4 for CPU" in page.subtitle.text()
    assert "LoRA" not in page.subtitle.text()
    window.go("compare")
    compare = window.page("compare")
    assert isinstance(compare, ComparePage)
    compare.choose([exported, showcase["done"]])
    qtbot.waitUntil(lambda: compare._differences.isVisible(), timeout=5000)


def test_it_is_run_again_with_its_own_steps(
    make_window: Make, exported: RunFolder, qtbot: QtBot
) -> None:
    window = make_window()
    window.show_run(exported)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page._body.isVisible(), timeout=5000)
    qtbot.mouseClick(button(page, "Run again with changes"), Qt.MouseButton.LeftButton)
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    qtbot.waitUntil(lambda: window.current is wizard)
    assert wizard.session.draft.steps == ("quantise",)
    wizard.session.visit("review")
    review = wizard.view("review")
    assert isinstance(review, ReviewPage)
    assert json.loads(review._text.toPlainText()) == exported.recipe().to_json()
    assert wizard._continue.isEnabled()


def test_without_data_a_model_is_exported(wizard: WizardPage, qtbot: QtBot) -> None:
    data = wizard.view("data")
    qtbot.mouseClick(
        button(data, "Without data: export or merge a model…"), Qt.MouseButton.LeftButton
    )
    assert wizard.session.draft.page == "model"
    assert [step.title for step in wizard._stepper.steps] == ["Data", "Model", "Target", "Review"]
    recipes: list[Recipe] = []
    wizard.started.disconnect()
    wizard.started.connect(lambda recipe, _: recipes.append(recipe))
    for page in ("target", "review"):
        qtbot.waitUntil(wizard._continue.isEnabled, timeout=5000)
        qtbot.mouseClick(wizard._continue, Qt.MouseButton.LeftButton)
        assert wizard.session.draft.page == page
    qtbot.mouseClick(wizard._continue, Qt.MouseButton.LeftButton)
    assert recipes[0].steps == ["quantise", "verify"]
    assert recipes[0].data is None


def test_one_can_change_ones_mind_about_training(wizard: WizardPage, qtbot: QtBot) -> None:
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    qtbot.mouseClick(
        button(data, "Without data: export or merge a model…"), Qt.MouseButton.LeftButton
    )
    wizard.session.visit("data")
    qtbot.mouseClick(button(data, "Train after all"), Qt.MouseButton.LeftButton)
    assert wizard.session.draft.trains
    assert not wizard._continue.isEnabled()


def test_steps_are_switched_and_what_cannot_be_says_why(wizard: WizardPage, qtbot: QtBot) -> None:
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.session.can_continue("data"), timeout=5000)
    wizard.session.visit("target")
    target = wizard.view("target")
    assert isinstance(target, TargetPage)
    qtbot.waitUntil(target.isVisible)
    steps = target.steps
    qtbot.mouseClick(steps.boxes["train"], Qt.MouseButton.LeftButton, pos=_mark(steps, "train"))
    assert wizard.session.draft.steps == ("quantise", "verify")
    assert not steps.boxes["merge"].isEnabled()
    assert "needs an adapter" in steps.boxes["merge"].accessibleDescription()
    assert not steps.boxes["quantise"].isEnabled()
    qtbot.mouseClick(steps.boxes["train"], Qt.MouseButton.LeftButton, pos=_mark(steps, "train"))
    assert wizard.session.draft.steps == ("train", "quantise", "verify")
    qtbot.mouseClick(
        steps.boxes["quantise"], Qt.MouseButton.LeftButton, pos=_mark(steps, "quantise")
    )
    assert not target._kinds.isEnabled()
    assert target.int4.isHidden()


def _mark(steps: StepsCard, name: Step) -> QPoint:
    return steps.boxes[name].rect().topLeft() + QPoint(12, 10)


def test_a_run_starts_from_an_adapter(wizard: WizardPage, adapter: Path, qtbot: QtBot) -> None:
    page = wizard.view("model")
    assert isinstance(page, ModelPage)
    page.adapter.use_folder(str(adapter))
    qtbot.waitUntil(lambda: wizard.session.draft.adapter == str(adapter), timeout=5000)
    wizard.session.visit("model")
    assert any("Starts from the adapter" in f.text.text() for f in page.findChildren(Callout))
    qtbot.mouseClick(button(page, "Start from scratch"), Qt.MouseButton.LeftButton)
    assert wizard.session.draft.adapter is None


def test_the_adapter_of_a_run_brings_its_base_model(
    wizard: WizardPage, showcase: dict[str, RunFolder], adapter: Path, qtbot: QtBot
) -> None:
    page = wizard.view("model")
    assert isinstance(page, ModelPage)
    run = showcase["done"]
    for file in adapter.iterdir():
        (run.adapter / file.name).write_bytes(file.read_bytes())
    page.adapter._fill()
    names = [action.text() for action in page.adapter._menu.actions()]
    assert run.name in names
    wizard.session.edit("model", model="phi-4-mini")
    page.adapter.use_run(run)
    qtbot.waitUntil(lambda: wizard.session.draft.adapter == str(run.adapter), timeout=5000)
    assert wizard.session.draft.model == "starter"


@pytest.mark.parametrize("spoil", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_folder_that_is_no_adapter_is_refused(
    wizard: WizardPage, adapter: Path, qtbot: QtBot, spoil: str
) -> None:
    (adapter / spoil).unlink()
    page = wizard.view("model")
    assert isinstance(page, ModelPage)
    wizard.session.visit("model")
    page.adapter.use_folder(str(adapter))

    def is_said() -> bool:
        return any(str(adapter) in f.text.text() for f in page.findChildren(Callout))

    qtbot.waitUntil(is_said, timeout=5000)
    assert wizard.session.draft.adapter is None
    # An estimate that arrives meanwhile does not take it away.
    wizard.session.changed.emit()
    assert is_said()


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("target", "block_size", 64), ("target", "accuracy_level", 0)],
)
def test_the_int4_settings_reach_the_recipe(
    wizard: WizardPage, section: str, name: str, value: int
) -> None:
    wizard.session.visit("target")
    target = wizard.view("target")
    assert isinstance(target, TargetPage)
    field = next(f for f in target.int4.fields if f.setting.name == name)
    assert isinstance(field.editor, QComboBox)
    index = field.editor.findData(value)
    field.editor.setCurrentIndex(index)
    field.editor.activated.emit(index)
    assert getattr(getattr(wizard.session.draft, section), name) == value


def test_fidelity_has_its_range(wizard: WizardPage, qtbot: QtBot) -> None:
    wizard.session.visit("target")
    target = wizard.view("target")
    assert isinstance(target, TargetPage)
    target.fidelity.show_all(True)
    stops = next(f for f in target.fidelity.fields if f.setting.name == "stops")
    assert isinstance(stops.editor, QLineEdit)
    stops.editor.selectAll()
    qtbot.keyClicks(stops.editor, "7")
    assert stops.editor.property("invalid")
    assert wizard.session.draft.fidelity.stops == 0.99
    stops.editor.selectAll()
    qtbot.keyClicks(stops.editor, "0,9")
    assert not stops.editor.property("invalid")
    assert wizard.session.draft.fidelity.stops == 0.9


@pytest.mark.parametrize(
    ("bundled", "said"),
    [(True, "comes with the program"), (False, "a run downloads it")],
    ids=["installed app", "source"],
)
def test_the_starter_is_said_to_come_from_where_it_comes(
    bundled: bool,
    said: str,
    make_window: Make,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The installed app carries it, so nothing is fetched."""
    monkeypatch.setattr("phi3studio.app.frozen.bundle", lambda: tmp_path if bundled else None)
    window = make_window()
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    wizard.session.visit("model")
    page = wizard.view("model")

    def starter() -> str:
        cards = [card for card in page.findChildren(_ModelCard) if card.model.source == "starter"]
        return cards[0]._place.text() if cards else ""

    qtbot.waitUntil(lambda: said in starter(), timeout=5000)
