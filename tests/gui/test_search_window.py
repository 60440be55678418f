"""Limits in the wizard, a search on the page of its run, and another export taken there."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from pydantic.fields import FieldInfo
from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QApplication, QLabel, QTableWidget, QWidget
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Limits, Recipe
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.run import next_runs
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.run.searching import search_card
from phi3studio.gui.pages.run.searching.search_dialog import SearchDialog
from phi3studio.gui.pages.wizard.review_page import ReviewPage
from phi3studio.gui.pages.wizard.setting_list import limits_of
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.texts.limit_words import doing_words
from phi3studio.gui.widgets.basic import Callout
from phi3studio.gui.widgets.number_edit import NumberEdit
from phi3studio.runs import launch
from phi3studio.runs.continuing import searched
from phi3studio.runs.measuring.search_file import read_search
from phi3studio.runs.measuring.taken_export import take_point
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.wizard.flow import parse_draft, to_recipe
from tests.gui.conftest import SAMPLE
from tests.gui.test_controls import retype
from tests.gui.test_wizard import data_of, wizard_of
from tests.showcase.runs import let_go
from tests.showcase.searches import FAILED, POINTS, SPACE, write_search_run

Make = Callable[..., MainWindow]


def texts(widget: QWidget) -> str:
    return "\n".join(label.text() for label in widget.findChildren(QLabel) if label.isVisible())


@pytest.fixture
def target(make_window: Make, qtbot: QtBot) -> tuple[WizardPage, TargetPage]:
    """The page Target with its card Limits unfolded."""
    wizard = wizard_of(make_window())
    data_of(wizard).source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)
    page = wizard.view("target")
    assert isinstance(page, TargetPage)
    wizard.session.visit("target")
    return wizard, page


def notes(widget: QWidget) -> list[str]:
    """What its callouts say."""
    return [note.text.text() for note in widget.findChildren(Callout) if note.isVisible()]


def limit(page: TargetPage | SearchDialog, name: str) -> NumberEdit:
    fields = page.limits.fields if isinstance(page, TargetPage) else page.fields
    edit = fields.fields[name].editor
    assert isinstance(edit, NumberEdit)
    return edit


# --- the wizard -----------------------------------------------------------------------------------


def test_limits_are_off_and_folded_until_somebody_has_some(
    target: tuple[WizardPage, TargetPage], qtbot: QtBot
) -> None:
    wizard, page = target
    assert page.limits.detail.text() == "off"
    assert page.limits.switch.isHidden()
    assert to_recipe(wizard.session.draft).limits is None
    page.limits._fold.click()
    assert not limit(page, "size_mb").isEnabled()
    page.limits.switch.click()
    assert to_recipe(wizard.session.draft).limits == Limits()
    assert page.limits.detail.text() == "the smallest faithful export"
    assert not page._kinds.isEnabled()
    assert "tries all kinds" in page._kinds.detail.text()
    assert page.int4.isHidden()
    retype(limit(page, "size_mb"), "120", qtbot)
    retype(limit(page, "points_lost"), "2.5", qtbot)
    assert to_recipe(wizard.session.draft).limits == Limits(size_mb=120, points_lost=2.5)
    assert page.limits.detail.text() == "at most 120 MB on disk, at most 2.5 points lost"
    assert not limit(page, "score").isEnabled()
    assert "Empty “Most points lost”" in page.limits.fields.fields["score"]._note.text()
    wizard.session.save_now()
    kept = parse_draft(wizard._context.draft_file.read_text("utf-8"))
    assert kept.limits == Limits(size_mb=120, points_lost=2.5)
    page.limits.switch.click()
    assert to_recipe(wizard.session.draft).limits is None
    assert page._kinds.isEnabled()
    page.limits.switch.click()  # by mistake: what was typed is there again
    assert wizard.session.draft.limits == Limits(size_mb=120, points_lost=2.5)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("size_mb", "0"),
        ("size_mb", "abc"),
        ("memory_mb", "-3"),
        ("first_token_ms", "1e"),
        ("tokens_per_s", "12 x"),
        ("score", "101"),
        ("points_lost", "-1"),
    ],
)
def test_a_limit_that_cannot_be_enters_neither_draft_nor_recipe(
    target: tuple[WizardPage, TargetPage], qtbot: QtBot, name: str, typed: str
) -> None:
    wizard, page = target
    page.limits.show_all(True)
    page.limits.switch.click()
    edit = limit(page, name)
    retype(edit, typed, qtbot)
    assert edit.property("invalid")
    limits = wizard.session.draft.limits
    assert limits is not None
    assert getattr(limits, name) is None
    assert not wizard.session.can_continue("target")
    page.limits.switch.click()  # without a search nothing of it matters
    assert wizard.session.can_continue("target")
    assert edit.text() == ""
    assert not edit.property("invalid")


def test_limits_are_typed_as_the_locale_writes_numbers(
    italian: None, target: tuple[WizardPage, TargetPage], qtbot: QtBot
) -> None:
    QLocale.setDefault(QLocale("it"))
    wizard, page = target
    page.limits.show_all(True)
    page.limits.switch.click()
    retype(limit(page, "size_mb"), "1.200,5", qtbot)
    retype(limit(page, "points_lost"), "2,5", qtbot)
    assert wizard.session.draft.limits == Limits(size_mb=1200.5, points_lost=2.5)
    assert page.limits.detail.text().startswith("al massimo 1200,5 MB su disco")
    fields = page.limits.fields.fields
    assert fields["size_mb"]._note.text() == "Al massimo tanti MB su disco (più di 0)."
    assert fields["points_lost"]._note.text().endswith("(da 0 a 100).")


def test_a_size_that_no_export_has_is_said_before_anything_is_started(
    target: tuple[WizardPage, TargetPage], qtbot: QtBot
) -> None:
    wizard, page = target
    page.limits.show_all(True)
    page.limits.switch.click()
    qtbot.waitUntil(lambda: wizard.session.facts.model is not None, timeout=5000)
    retype(limit(page, "size_mb"), "20", qtbot)
    qtbot.waitUntil(lambda: "No export of this model is that small" in "".join(notes(page)))
    assert not wizard._continue.isEnabled()
    retype(limit(page, "size_mb"), "120", qtbot)
    assert wizard._continue.isEnabled()


def test_the_review_says_what_will_be_taken_and_how_long_it_takes(
    target: tuple[WizardPage, TargetPage], qtbot: QtBot
) -> None:
    wizard, _ = target
    wizard.session.edit("target", limits=Limits(size_mb=120))
    facts = wizard.session
    qtbot.waitUntil(lambda: facts.facts.model is not None and facts.facts.machine is not None)
    wizard.session.visit("review")
    review = wizard.view("review")
    assert isinstance(review, ReviewPage)
    qtbot.waitUntil(lambda: "Export search" in texts(review), timeout=5000)
    said = texts(review)
    assert "takes the most exact export with at most 120 MB on disk" in said
    assert "can be built" in said
    assert "export search about" in said


def test_a_step_that_a_search_needs_is_asked_for(
    target: tuple[WizardPage, TargetPage], qtbot: QtBot
) -> None:
    wizard, page = target
    wizard.session.edit("target", limits=Limits(size_mb=120))
    assert wizard.session.can_continue("target")
    wizard.session.edit("target", steps=("train", "merge", "quantise"))
    assert not wizard.session.can_continue("target")
    qtbot.waitUntil(lambda: "Quantise and Verify" in "".join(notes(page)))
    assert page.limits.isVisible()  # there it is switched off


# --- the page of the run --------------------------------------------------------------------------


def shown(window: MainWindow, run: RunFolder, qtbot: QtBot) -> RunPage:
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page.searching.record is not None, timeout=5000)
    qtbot.waitUntil(page.searching.isVisible, timeout=5000)
    qtbot.waitUntil(lambda: not page.searching.busy, timeout=5000)
    return page


def table(page: RunPage) -> QTableWidget:
    found = page.searching.findChild(QTableWidget)
    assert found is not None
    return found


def rows(page: RunPage) -> list[list[str]]:
    found = table(page)
    return [
        [found.item(y, x).text() if found.item(y, x) else "" for x in range(found.columnCount())]
        for y in range(found.rowCount())
    ]


def test_a_finished_search_shows_its_points_and_why_one_of_them_is_taken(
    make_window: Make, home: Home, qtbot: QtBot
) -> None:
    run = write_search_run(home.runs, str(SAMPLE), "met", Limits(size_mb=120))
    page = shown(make_window(), run, qtbot)
    said = texts(page.searching)
    assert "Export 34 is taken (int4 small, block 32, level 1, calibrated)" in said
    assert "The runner-up is export 33" in said
    assert page.searching.plot.isVisible()
    assert "Export 34, int4 small" in page.searching.plot._plot.accessibleDescription()
    assert page.searching.now.isHidden()
    found = rows(page)
    assert [row[0] for row in found] == ["27 ━", "28", "33", "34 ━", "25", "32 ━"]
    assert found[3][2:5] == ["110 MB", "91 %", "1.7"]
    assert found[3][-1] == "★ taken"
    assert "at most 120 are allowed" in found[5][1]
    assert set(page.searching.points.buttons) == {27, 33, 32}
    button = page.searching.points.buttons[33]
    assert button.accessibleName().startswith("Take export 33: int4 small")
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


@pytest.mark.parametrize("at", [1, 2])
def test_the_picture_compares_with_latency_and_speed_as_well(
    make_window: Make, home: Home, qtbot: QtBot, at: int
) -> None:
    limits = Limits(first_token_ms=100, tokens_per_s=11, score=85)
    run = write_search_run(home.runs, str(SAMPLE), "met", limits)
    page = shown(make_window(), run, qtbot)
    page.searching.across.setCurrentIndex(at)
    title = page.searching.plot._plot.getPlotItem().getAxis("bottom").labelText
    assert title == ("First token (ms)", "Tokens a second")[at - 1]
    page._context.theme.set_mode("dark")
    qtbot.wait(50)
    assert page.searching.plot.grab().width() > 100


def test_where_no_export_meets_the_limits_the_nearest_is_named_with_a_way_on(
    make_window: Make, home: Home, qtbot: QtBot
) -> None:
    points = (*POINTS[:4], FAILED)
    limits = Limits(size_mb=109, points_lost=1)
    run = write_search_run(home.runs, str(SAMPLE), "none", limits, points)
    page = shown(make_window(), run, qtbot)
    note = next(n for n in page.searching.findChildren(Callout) if n.isVisible())
    assert note.level == "warning"
    assert "No export meets every limit. Export 34 comes nearest" in note.text.text()
    assert "looser limits" in note.hint.text()
    assert "given up: The memory was not enough." in rows(page)[-1][1]


def test_a_search_that_goes_on_says_what_it_does_and_how_long_it_takes(
    make_window: Make, home: Home, qtbot: QtBot
) -> None:
    run = write_search_run(
        home.runs, str(SAMPLE), "live", Limits(size_mb=200), POINTS[:3], done=False, alive=True
    )
    page = shown(make_window(), run, qtbot)
    begins = "Building export 3: int4 quality, block 32, level 4"
    qtbot.waitUntil(lambda: page.searching.now.text().startswith(begins), timeout=5000)
    said = page.searching.now.text()
    assert "3 of 37 kind(s) built" in said
    assert "left" in said.rpartition("·")[2]
    assert not page._progress._left.text()  # said once
    assert page.searching.points.buttons == {}  # nothing can be taken yet
    let_go()


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (None, ""),
        (Progress(step=3, total=9, activity="reading"), ""),
        (
            Progress(step=0, total=0, activity="measuring the merged model"),
            "Measuring the merged model, to compare with",
        ),
        (
            Progress(step=0, total=0, doing="looking at", export=34),
            "Comparing export 34 on a few rows: int4 small, block 32, level 1, calibrated",
        ),
        # As version 0.1 recorded it.
        (
            Progress(step=0, total=0, activity="measuring export 34: anything"),
            "Measuring export 34 on all held-out rows: int4 small, block 32, level 1, calibrated",
        ),
        (Progress(step=0, total=0, doing="building", export=999), ""),
    ],
)
def test_what_a_search_does_is_said_from_new_events_and_old_ones(
    progress: Progress | None, said: str
) -> None:
    assert doing_words(progress, SPACE) == said


def test_a_damaged_record_is_explained(make_window: Make, home: Home, qtbot: QtBot) -> None:
    run = write_search_run(home.runs, str(SAMPLE), "met", Limits(size_mb=120))
    run.search_file.write_text("{}", "utf-8")
    window = make_window()
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: "cannot be read" in texts(page.searching), timeout=5000)
    assert "resume the run" in texts(page.searching)


def test_another_point_is_taken_and_its_figures_are_the_run_s(
    make_window: Make, home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_search_run(home.runs, str(SAMPLE), "met", Limits(size_mb=120))

    async def take(run: RunFolder, number: int) -> dict[str, object]:
        # What the evaluator's process does, without its start.
        take_point(run, number)
        return {"taken": number}

    monkeypatch.setattr(search_card, "take_export", take)
    page = shown(make_window(), run, qtbot)
    button = page.searching.points.buttons[33]
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: rows(page)[2][-1] == "★ taken", timeout=5000)
    assert "You have taken export 33 instead." in texts(page.searching)
    record = read_search(run)
    assert record is not None
    assert record.taken == 33
    assert (run.model / "model.onnx").read_bytes() == b"x" * 33
    assert set(page.searching.points.buttons) == {27, 34, 32}


def test_a_point_that_cannot_be_taken_any_more_is_explained(
    make_window: Make, home: Home, qtbot: QtBot
) -> None:
    run = write_search_run(home.runs, str(SAMPLE), "met", Limits(size_mb=120))
    page = shown(make_window(), run, qtbot)
    shutil.rmtree(run.searched / "33")
    page.searching.take(33)  # by the real evaluator
    qtbot.waitUntil(lambda: "no export 33" in texts(page.searching), timeout=60_000)
    assert 33 in page.searching.points.buttons


# --- a search over a finished run -----------------------------------------------------------------


@pytest.fixture
def dialog(
    make_window: Make, showcase: dict[str, RunFolder], qtbot: QtBot
) -> tuple[RunPage, SearchDialog]:
    """The question of a finished run that has not searched."""
    run = showcase["done"]
    window = make_window()
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(page._search.isVisible, timeout=5000)
    assert page.searching.isHidden()
    page._search.click()
    found = QApplication.activeModalWidget()
    assert isinstance(found, SearchDialog)
    qtbot.waitUntil(lambda: found._facts.model is not None, timeout=5000)
    return page, found


def test_a_finished_run_is_searched_within_limits(
    dialog: tuple[RunPage, SearchDialog], qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, question = dialog
    run = page.run
    assert run is not None
    assert question.time.text().startswith("It takes about")
    started: list[RunFolder] = []
    monkeypatch.setattr(launch, "start", started.append)

    def make(store: RunStore, of: RunFolder, limits: Limits) -> RunFolder:
        # The showcase's adapter has no weights that could be copied.
        assert of == run
        return store.create(searched(of.recipe(), limits))

    monkeypatch.setattr(next_runs, "search_run", make)
    checked: list[Recipe] = []
    monkeypatch.setattr(next_runs, "check_before_start", lambda r, home: checked.append(r))
    retype(limit(question, "size_mb"), "150", qtbot)
    retype(limit(question, "score"), "85", qtbot)
    with qtbot.waitSignal(page.created, timeout=5000):
        question.search.click()
    assert checked[0].data is not None
    recipe = started[0].recipe()
    assert recipe.limits == Limits(size_mb=150, score=85)
    assert recipe.steps == ["merge", "quantise", "verify"]
    qtbot.waitUntil(lambda: page.run == started[0], timeout=5000)


@pytest.mark.parametrize(("name", "typed"), [("size_mb", "20"), ("tokens_per_s", "fast")])
def test_what_cannot_be_searched_closes_the_button_and_says_why(
    dialog: tuple[RunPage, SearchDialog], qtbot: QtBot, name: str, typed: str
) -> None:
    _, question = dialog
    retype(limit(question, name), typed, qtbot)
    assert not question.search.isEnabled()
    qtbot.waitUntil(lambda: len(notes(question)) == 1)
    retype(limit(question, name), "500", qtbot)
    assert question.search.isEnabled()
    question.reject()


def test_an_adapter_that_has_gone_is_explained(
    dialog: tuple[RunPage, SearchDialog], qtbot: QtBot
) -> None:
    page, question = dialog
    assert page.run is not None
    shutil.rmtree(page.run.adapter)
    question.search.click()
    qtbot.waitUntil(lambda: bool(texts(page._notices)), timeout=5000)


def test_ranges_are_said_in_words_with_the_locale_s_numbers(italian: None) -> None:
    QLocale.setDefault(QLocale("it"))
    assert limits_of(FieldInfo(gt=0, lt=0.5).metadata) == "più di 0, meno di 0,5"
    assert limits_of(FieldInfo(ge=0.5, le=100).metadata) == "da 0,5 a 100"
    assert limits_of(FieldInfo(ge=1).metadata) == "almeno 1"
    assert limits_of(FieldInfo(le=2.5).metadata) == "al massimo 2,5"
    assert limits_of([]) == ""
