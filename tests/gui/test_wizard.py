"""The wizard, page by page, with recorded answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from phi3studio import doctor
from phi3studio.app.paths import Home
from phi3studio.domain.datasets.check_report import CheckProgress, Report
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import Preview, SourceReport
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import Services
from phi3studio.gui.pages.wizard import session
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.estimate_card import EstimateCard
from phi3studio.gui.pages.wizard.model_page import ModelPage
from phi3studio.gui.pages.wizard.review_page import ReviewPage
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.tuning_page import TuningPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.gui.widgets.editors import DropZone
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.runtime_pack.pack_files import PackState
from phi3studio.wizard.flow import PAGES, parse_draft
from tests.gui.conftest import SAMPLE, no_fetch, no_probe, olive_config
from tests.gui.test_home import button
from tests.showcase.chat import RecordedChat
from tests.showcase.inspector import RecordedInspector

Make = Callable[..., MainWindow]


def wizard_of(window: MainWindow) -> WizardPage:
    window.go("new")
    page = window.page("new")
    assert isinstance(page, WizardPage)
    return page


def data_of(wizard: WizardPage) -> DataPage:
    page = wizard.view("data")
    assert isinstance(page, DataPage)
    return page


@pytest.fixture
def wizard(make_window: Make) -> WizardPage:
    return wizard_of(make_window())


@pytest.fixture
def filled(wizard: WizardPage, qtbot: QtBot) -> WizardPage:
    """The wizard with the sample, checked."""
    data_of(wizard).source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.session.can_continue("data"), timeout=5000)
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)
    return wizard


def go_on(wizard: WizardPage, qtbot: QtBot) -> None:
    qtbot.waitUntil(wizard._continue.isEnabled, timeout=5000)
    qtbot.mouseClick(wizard._continue, Qt.MouseButton.LeftButton)


def test_without_data_nothing_can_be_continued_and_it_says_why(wizard: WizardPage) -> None:
    assert not wizard._continue.isEnabled()
    assert wizard._summary.text() == "No data has been chosen yet."


def test_a_dropped_file_is_read_and_shown(wizard: WizardPage, qtbot: QtBot) -> None:
    zone = wizard.findChild(DropZone)
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(SAMPLE))])
    zone.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )
    data = data_of(wizard)
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)
    assert data.template.prompt.toPlainText() == "### Text: {phrase}\n### The tone is:\n"
    kinds = {token.kind for token in data.preview.tokens.tokens}
    assert kinds == {"masked", "trained", "stop"}
    assert "JSONL" in data.source._card.detail.text()
    assert data.statistics.isVisible()


def test_a_wrong_column_is_named_next_to_its_field(filled: WizardPage, qtbot: QtBot) -> None:
    data = data_of(filled)
    data.template.completion.setFocus()
    data.template.completion.selectAll()
    qtbot.keyClicks(data.template.completion, "{tones}")
    wrong = data.template._wrong["completion"]
    assert isinstance(wrong, QLabel)
    qtbot.waitUntil(wrong.isVisible, timeout=2000)
    assert "Did you mean tone?" in wrong.text()
    assert data.template.completion.property("invalid")
    assert not filled._continue.isEnabled()


def test_column_names_are_completed_after_a_brace(filled: WizardPage, qtbot: QtBot) -> None:
    edit = data_of(filled).template.completion
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "{ph")
    popup = edit._completer.popup()
    assert popup is not None
    assert popup.isVisible()
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert edit.toPlainText() == "{phrase}"


def test_a_repair_is_chosen_and_taken_back(filled: WizardPage, qtbot: QtBot) -> None:
    check = data_of(filled).check
    qtbot.mouseClick(button(check, "Merge labels"), Qt.MouseButton.LeftButton)
    assert [repair.kind for repair in filled.session.draft.repairs] == ["merge_labels"]
    qtbot.waitUntil(lambda: not filled.inspection.busy("check"), timeout=5000)
    qtbot.mouseClick(button(check, "Undo"), Qt.MouseButton.LeftButton)
    assert filled.session.draft.repairs == ()


def test_rows_are_stepped_through(filled: WizardPage, qtbot: QtBot) -> None:
    preview = data_of(filled).preview
    qtbot.mouseClick(button(preview, "Next row"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: filled.inspection.preview is not None and filled.inspection.preview.row == 1,
        timeout=5000,
    )
    assert preview._number.text() == "2"
    preview.show_row(10**9)
    assert filled.inspection.row == 655


def test_the_whole_way_to_a_started_run(
    filled: WizardPage, qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[RunFolder] = []
    monkeypatch.setattr(launch, "start", lambda run, at: started.append(run) or 1)
    for page in PAGES[1:]:
        go_on(filled, qtbot)
        assert filled.session.draft.page == page
    review = filled.view("review")
    assert isinstance(review, ReviewPage)
    qtbot.mouseClick(review._fold, Qt.MouseButton.LeftButton)
    review._which.setCurrentIndex(1)
    qtbot.waitUntil(lambda: "passes" in review._text.toPlainText(), timeout=5000)
    review._which.setCurrentIndex(0)
    review.name.selectAll()
    qtbot.keyClicks(review.name, "My tones")
    assert json.loads(review._text.toPlainText())["name"] == "My tones"
    go_on(filled, qtbot)
    qtbot.waitUntil(lambda: bool(started), timeout=5000)
    recipe = RunStore(home).all()[0].recipe()
    assert recipe.name == "My tones"
    assert recipe.data.source == str(SAMPLE)
    assert recipe.training.sequence_length == 64
    window = filled.window()
    assert isinstance(window, MainWindow)
    qtbot.waitUntil(lambda: window.current is window.page("run"), timeout=5000)
    assert filled.session.draft.source is None


def test_how_long_it_takes_stays_in_sight_while_settings_are_changed(
    filled: WizardPage, qtbot: QtBot
) -> None:
    filled.session.visit("tuning")
    card = filled.view("tuning").findChild(EstimateCard)
    qtbot.waitUntil(lambda: "about" in filled._summary.text().split(" · ")[-1], timeout=5000)

    def said() -> tuple[str, list[str]]:
        return filled._summary.text().split(" · ")[-1], [
            figure.text() for figure in card.findChildren(QLabel)
        ]

    before, figures = said()
    assert before in figures
    filled.session.edit("tuning", training={"max_steps": 5000})
    after, figures = said()
    assert after in figures
    assert after != before


def test_a_page_that_follows_a_later_change_is_not_marked(filled: WizardPage, qtbot: QtBot) -> None:
    for _ in range(3):
        go_on(filled, qtbot)
    filled.session.visit("data")
    filled.session.edit("data", prompt="{phrase}")
    assert filled.session.draft.touched
    assert filled._stepper.steps[2].state == "done"


def test_back_loses_nothing_and_a_later_change_is_marked(filled: WizardPage, qtbot: QtBot) -> None:
    for _ in range(3):
        go_on(filled, qtbot)
    qtbot.mouseClick(filled._back, Qt.MouseButton.LeftButton)
    tuning = filled.view("tuning")
    assert isinstance(tuning, TuningPage)
    tuning.show_all(True)
    epochs = next(f for f in tuning.fields if f.setting.name == "epochs")
    assert isinstance(epochs.editor, QLineEdit)
    epochs.editor.selectAll()
    qtbot.keyClicks(epochs.editor, "7,5")
    assert filled.session.draft.training.epochs == 7.5
    assert filled.session.draft.preset is None
    filled.session.visit("data")
    filled.session.edit("data", prompt="{phrase}")
    states = [step.state for step in filled._stepper.steps]
    assert states == ["active", "done", "touched", "done", "todo"]
    assert filled.session.draft.training.epochs == 7.5


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("epochs", "abc", "not a number"),
        ("epochs", "-3", "Allowed"),
        ("epochs", "99999", "Allowed"),
        ("learning_rate", "0", "Allowed"),
        ("batch_size", "2.5", "Allowed"),
        ("rank", "1e99", "Allowed"),
        ("seed", "", "not a number"),
    ],
)
def test_wrong_settings_are_marked_and_not_taken_over(
    filled: WizardPage, qtbot: QtBot, name: str, text: str, said: str
) -> None:
    filled.session.visit("tuning")
    tuning = filled.view("tuning")
    assert isinstance(tuning, TuningPage)
    tuning.show_all(True)
    field = next(f for f in tuning.fields if f.setting.name == name)
    assert isinstance(field.editor, QLineEdit)
    field.editor.setFocus()
    field.editor.selectAll()
    if text:
        qtbot.keyClicks(field.editor, text)
    else:
        qtbot.keyClick(field.editor, Qt.Key.Key_Delete)
    assert said in field._note.text()
    assert field.editor.property("invalid")
    section = field.setting.section
    last_valid = getattr(getattr(filled.session.draft, section), name)
    low = {"epochs": 0, "learning_rate": 0}.get(name, -1)
    assert last_valid > low


def test_a_model_folder_that_is_none_is_refused(
    filled: WizardPage, qtbot: QtBot, folder: Path
) -> None:
    filled.session.visit("model")
    models = filled.view("model")
    assert isinstance(models, ModelPage)
    models.use_folder(str(folder))
    qtbot.waitUntil(lambda: not filled._continue.isEnabled(), timeout=5000)
    texts = [f.text.text() for f in models.findChildren(Callout)]
    assert any("config.json" in text for text in texts)


def test_targets_that_cannot_work_say_why(filled: WizardPage, qtbot: QtBot) -> None:
    filled.session.visit("target")
    target = filled.view("target")
    assert isinstance(target, TargetPage)
    qtbot.waitUntil(lambda: filled.session.machine is not None, timeout=15_000)
    half = target._kind["fp16"]
    assert not half.radio.isEnabled()
    assert "not on a processor" in half.about.text()
    assert not target._run["dml"].radio.isEnabled()
    assert target._run["dml"].about.text()


def test_a_gpu_can_be_chosen_as_soon_as_its_runtime_pack_is_there(
    filled: WizardPage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed in Settings while the wizard is open, used by hand, and removed again."""

    def looked(home: Home) -> doctor.Report:
        found = replace(
            doctor.examine(home), flavours=["cpu"], gpu="NVIDIA RTX 4060", cuda_pack=pack
        )
        return replace(found, cuda_reason="" if pack == "whole" else "cpu_torch")

    pack: PackState = "absent"
    monkeypatch.setattr(session, "examine", looked)
    target = filled.view("target")
    assert isinstance(target, TargetPage)
    run, train = target._run["cuda"], target._train["cuda"]

    def comes(state: PackState) -> None:
        nonlocal pack
        pack = state
        before = filled.session.machine
        filled.session.visit("model")
        filled.session.visit("target")
        qtbot.waitUntil(lambda: filled.session.machine is not before, timeout=15_000)

    comes("absent")
    assert not run.radio.isEnabled()
    assert "runtime pack" in run.about.text()
    assert "runtime pack" in train.about.text()
    comes("whole")
    assert run.radio.isEnabled()
    assert train.radio.isEnabled()
    assert "runtime pack" not in run.about.text() + train.about.text()
    qtbot.mouseClick(run.radio, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(train.radio, Qt.MouseButton.LeftButton)
    assert filled.session.draft.target.provider == "cuda"
    assert filled.session.draft.target.train_on == "cuda"
    comes("broken")
    assert run.radio.isEnabled()  # chosen: it can be left, and the run says what is wrong
    assert not train.radio.isEnabled()


def test_an_unfinished_template_shows_no_findings_of_another(
    filled: WizardPage, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: filled.inspection.report is not None, timeout=5000)
    filled.session.edit("data", prompt="Say: {phr")
    check = data_of(filled).check
    assert not [c for c in check.findChildren(Callout) if c.isVisible()]
    assert check.detail.text() == "when the template is complete"
    filled.session.edit("data", prompt="Say: {phrase}")
    qtbot.waitUntil(lambda: filled.inspection.report is not None, timeout=5000)


def test_the_draft_survives_the_closing_of_the_window(
    filled: WizardPage, qtbot: QtBot, context: Context, make_window: Make
) -> None:
    filled.session.edit("data", prompt="Say: {phrase}")
    go_on(filled, qtbot)
    window = filled.window()
    assert isinstance(window, MainWindow)
    window.close()
    qtbot.waitUntil(window.isHidden, timeout=5000)
    saved = parse_draft(context.draft_file.read_text("utf-8"))
    assert (saved.prompt, saved.page) == ("Say: {phrase}", "model")
    again = wizard_of(make_window())
    qtbot.waitUntil(lambda: again.session.can_continue("data"), timeout=5000)
    assert again.session.draft.page == "model"
    assert again.session.draft.prompt == "Say: {phrase}"


class Stubborn(RecordedInspector):
    """An inspector that fails or answers late, as told."""

    def __init__(self) -> None:
        self.fail: dict[str, UserFacingError] = {}
        self.asked: list[str] = []

    async def look(self, source: Source) -> SourceReport:
        self.asked.append(source.source)
        if "look" in self.fail:
            raise self.fail["look"]
        return await super().look(source)

    async def preview(self, recipe: Recipe, row: int) -> Preview:
        if "preview" in self.fail:
            raise self.fail["preview"]
        return await super().preview(recipe, row)

    async def check(self, recipe: Recipe) -> AsyncIterator[CheckProgress | Report]:
        if "check" in self.fail:
            raise self.fail["check"]
        async for item in super().check(recipe):
            yield item


@pytest.fixture
def stubborn() -> Stubborn:
    return Stubborn()


def test_a_file_that_cannot_be_read_shows_why_and_can_be_tried_again(
    make_window: Make, qtbot: QtBot, stubborn: Stubborn
) -> None:
    stubborn.fail["look"] = InputError.from_json(
        {"code": "data.no_rows", "message": "empty.jsonl has no rows.", "hint": "Add rows."}
    )
    wizard = wizard_of(
        make_window(Services(stubborn, RecordedChat(), no_probe, no_fetch, olive_config))
    )
    source = data_of(wizard).source
    source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: bool(source.findChildren(Callout)), timeout=5000)
    assert source.findChildren(Callout)[0].text.text() == "empty.jsonl has no rows."
    assert not wizard._continue.isEnabled()
    stubborn.fail.clear()
    qtbot.mouseClick(button(source, "Try again"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: wizard.session.can_continue("data"), timeout=5000)


@pytest.mark.parametrize("what", ["preview", "check"])
def test_a_dead_inspector_is_said_and_asked_again(
    make_window: Make, qtbot: QtBot, stubborn: Stubborn, what: str
) -> None:
    stubborn.fail[what] = UserFacingError.from_json(
        {"code": "service.died", "message": "It ended.", "hint": "Try again."}
    )
    wizard = wizard_of(
        make_window(Services(stubborn, RecordedChat(), no_probe, no_fetch, olive_config))
    )
    data = data_of(wizard)
    data.source.take_file(str(SAMPLE))
    card = data.preview if what == "preview" else data.check
    qtbot.waitUntil(
        lambda: any(f.text.text() == "It ended." for f in card.findChildren(Callout)), timeout=5000
    )
    stubborn.fail.clear()
    qtbot.mouseClick(button(card, "Try again"), Qt.MouseButton.LeftButton)
    if what == "preview":
        qtbot.waitUntil(data.preview.tokens.isVisible, timeout=5000)
    else:
        qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)


def test_a_late_answer_about_another_file_is_dropped(
    make_window: Make, qtbot: QtBot, stubborn: Stubborn, folder: Path
) -> None:
    other = folder / "other.jsonl"
    other.write_text('{"a": "x", "b": "y"}\n' * 40)
    wizard = wizard_of(
        make_window(Services(stubborn, RecordedChat(), no_probe, no_fetch, olive_config))
    )
    source = data_of(wizard).source
    source.take_file(str(SAMPLE))
    source.take_file(str(other))
    qtbot.waitUntil(lambda: wizard.inspection.source is not None, timeout=5000)
    qtbot.wait(200)
    assert wizard.inspection.source is not None
    assert wizard.inspection.source.rows == 40
    assert data_of(wizard).template.prompt.toPlainText().startswith("### Text: {a}")


def test_a_run_that_cannot_be_started_leaves_the_draft(
    filled: WizardPage, qtbot: QtBot, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(run: RunFolder, at: float | None) -> int:
        raise InputError.from_json(
            {"code": "run.busy", "message": "It is running already.", "hint": "Wait."}
        )

    monkeypatch.setattr(launch, "start", refuse)
    filled.session.visit("review")
    go_on(filled, qtbot)
    qtbot.waitUntil(
        lambda: any(
            f.text.text() == "It is running already." for f in filled.findChildren(Callout)
        ),
        timeout=5000,
    )
    assert filled.session.draft.source is not None
    assert filled._continue.isEnabled()
