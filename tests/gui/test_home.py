"""Home, the run page and the other pages, over recorded runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from filelock import FileLock
from PySide6.QtCore import QAbstractItemModel, QModelIndex, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QLineEdit, QTableWidget
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.run_events import Finished, Paused, Progress, Started
from phi3studio.domain.recipe import parse_recipe
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.compare_page import ComparePage
from phi3studio.gui.pages.home.home_page import HomePage
from phi3studio.gui.pages.home.runs_model import EntryRole
from phi3studio.gui.pages.models_page import ModelsPage
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, Callout
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.launch import interrupted_runs
from phi3studio.runs.store import RunFolder, RunStore
from tests.processor_time import at_most
from tests.showcase.runs import course, write_run

Make = Callable[..., MainWindow]


def button(widget: object, name: str) -> Button:
    """The visible button of that name."""
    found = [
        b
        for b in widget.findChildren(Button)  # type: ignore[attr-defined]
        if b.accessibleName() == name and not b.isHidden()
    ]
    assert found, f"no button {name}"
    return found[0]


def names(widget: object) -> set[str]:
    """What the visible buttons are called."""
    buttons = widget.findChildren(Button)  # type: ignore[attr-defined]
    return {b.accessibleName() for b in buttons if not b.isHidden()}


def test_the_first_start_offers_a_way_in(make_window: Make, qtbot: QtBot) -> None:
    window = make_window()
    page = window.current
    assert isinstance(page, HomePage)
    assert button(page, "Try it now").isVisible()
    qtbot.mouseClick(button(page._welcome, "New fine-tune"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.current is window.page("new"))


def test_runs_appear_with_their_states_and_can_be_searched(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    page = window.current
    assert isinstance(page, HomePage)
    model = page._cards.model()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 6, timeout=10_000)
    states = {index.data(EntryRole).title: index.data(EntryRole).state for index in _all(model)}
    assert states == {
        "emotions-joy": "interrupted",
        "emotions": "completed",
        "emotions-rank-32": "completed",
        "support-bot": "failed",
        "reviews-italian": "paused",
        "faq": "interrupted",
    }
    search = page.findChild(QLineEdit)
    qtbot.keyClicks(search, "RANK smol")
    assert model.rowCount() == 0
    search.clear()
    qtbot.keyClicks(search, "rank starter")
    assert [index.data(EntryRole).title for index in _all(model)] == ["emotions-rank-32"]
    search.setText("nothing like that")
    assert page._nothing.isVisible()


def _all(model: QAbstractItemModel) -> list[QModelIndex]:
    return [model.index(row, 0) for row in range(model.rowCount())]


def test_a_card_opens_by_keyboard(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    page = window.current
    assert isinstance(page, HomePage)
    page._cards.setFocus()
    page._cards.setCurrentIndex(page._cards.model().index(1, 0))
    qtbot.keyClick(page._cards, Qt.Key.Key_Return)
    run_page = window.page("run")
    assert isinstance(run_page, RunPage)
    qtbot.waitUntil(lambda: run_page.run == showcase["done"])
    qtbot.waitUntil(lambda: run_page._body.isVisible(), timeout=5000)


def test_five_hundred_runs_open_at_once(make_window: Make, qtbot: QtBot, home: Home) -> None:
    home.runs.mkdir(parents=True)
    for number in range(500):
        folder = home.runs / f"2026{1 + number % 12:02d}01-{number:06d}-run"
        folder.mkdir()
        (folder / "recipe.json").write_text(
            '{"data": {"source": "a.csv", "template": {"prompt": "{a}", "completion": "{b}"}}}'
        )
    with at_most(3.0):  # the bar of 0.3 s is measured by the benchmark, without other load
        window = make_window()
        window.repaint()
    assert window.runs.rowCount() == 500
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 500, timeout=20_000)


def test_a_run_is_drawn_while_it_grows(
    make_window: Make, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    recipe = showcase["done"].recipe()
    run = write_run(home.runs, recipe, [], age_s=1)
    with FileLock(run.life_lock):
        window.show_run(run)
        page = window.page("run")
        assert isinstance(page, RunPage)
        qtbot.waitUntil(lambda: page._body.isVisible(), timeout=5000)
        seq = 0
        for moment, payload in course(steps=40, until=20):
            line = Event(seq=seq, t=time.time() + moment * 0, payload=payload).to_line()
            _append(run, line)
            seq += 1
        qtbot.waitUntil(lambda: "step 20 of 40" in page._progress.detail.text(), timeout=5000)
        assert [step.state for step in page._stepper.steps][:2] == ["done", "active"]
        assert page._figures.speed.figure.text() != "–"
        plot = page._curves.plot
        qtbot.waitUntil(lambda: len(plot.shown[0].points) == 20, timeout=3000)
        assert button(page, "Pause").isEnabled()
        # Half a line must wait for its rest.
        whole = Event(
            seq=seq, t=time.time(), payload=Progress(step=21, total=40, loss=0.5)
        ).to_line()
        with run.events_file.open("a") as file:
            file.write(whole[:30])
            file.flush()
            qtbot.wait(500)
            assert "step 20 of 40" in page._progress.detail.text()
            file.write(whole[30:] + "\n")
        qtbot.waitUntil(lambda: "step 21 of 40" in page._progress.detail.text(), timeout=5000)
        qtbot.mouseClick(button(page, "Pause"), Qt.MouseButton.LeftButton)
        assert run.pause_marker.exists()
        assert not page._pause.isEnabled()
        done = Finished(outcome="failed", code="memory.short", message="No room.", hint="Less.")
        _append(run, Event(seq=seq + 1, t=time.time(), payload=done).to_line())
        qtbot.waitUntil(lambda: "Failed" in page.subtitle.text(), timeout=5000)
        texts = [f.text.text() for f in page.findChildren(Callout)]
        assert "No room." in texts


def test_a_failed_run_that_is_resumed_counts_as_running(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window, run = make_window(), showcase["failed"]

    def state() -> str:
        entry = window.runs.entry(run)
        return entry.state if entry is not None else ""

    qtbot.waitUntil(lambda: state() == "failed", timeout=10_000)
    with FileLock(run.life_lock):
        resumed = Started(attempt=2)
        _append(run, Event(seq=10_000, t=time.time(), payload=resumed).to_line())
        window.runs.refresh()
        qtbot.waitUntil(lambda: state() == "running", timeout=5000)
        assert window.runs.live_count() > 0


def _append(run: RunFolder, line: str) -> None:
    with run.events_file.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def test_a_dead_worker_is_said_and_can_be_resumed(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    window.show_run(showcase["interrupted"])
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: bool(page.findChildren(Callout)), timeout=5000)
    assert any("stopped unexpectedly" in f.text.text() for f in page.findChildren(Callout))
    assert button(page, "Resume").isEnabled()


def test_the_result_shows_figures_samples_and_files(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    window.show_run(showcase["done"])
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page._result.isVisible(), timeout=5000)
    table = page._result.findChild(QTableWidget)
    assert [table.item(row, 1).text() for row in range(table.rowCount())] == [
        "data",
        "adapter",
        "model",
    ]


def test_a_damaged_run_says_so(make_window: Make, qtbot: QtBot, home: Home) -> None:
    bad = home.runs / "20260101-000000-bad"
    bad.mkdir(parents=True)
    (bad / "recipe.json").write_text("{")
    (bad / "events.jsonl").write_text('{"v": 99, "type": "started", "seq": 0, "t": 0}\n')
    window = make_window()
    window.show_run(RunFolder(bad))
    page = window.page("run")
    qtbot.waitUntil(lambda: len(page.findChildren(Callout)) >= 2, timeout=5000)
    texts = " ".join(f.text.text() for f in page.findChildren(Callout))
    assert "recipe.json" in texts
    assert "99" in texts


def test_a_damaged_run_is_not_run_again_and_the_window_says_why(
    make_window: Make, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> None:
    run = next(iter(showcase.values()))
    run.recipe_file.write_text("{")
    window = make_window()
    home_page = window.page("home")
    assert isinstance(home_page, HomePage)
    home_page.repeat_wanted.emit(run)
    qtbot.waitUntil(lambda: window.current is window.page("new"))
    said = [w.callout.text.text() for w in window.current.findChildren(ErrorState)]
    assert any(run.name in text and "recipe.json" in text for text in said), said


def test_runs_are_compared(make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]) -> None:
    window = make_window()
    window.go("compare")
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 6, timeout=10_000)
    page.choose([showcase["done"], showcase["wide"]])
    qtbot.waitUntil(lambda: page._deck.shown is page._result, timeout=5000)
    assert [series.title for series in page._plot.shown] == ["emotions", "emotions-rank-32"]
    differences = page._differences.findChild(QTableWidget)
    keys = {differences.item(row, 0).text() for row in range(differences.rowCount())}
    assert keys == {"Rank (r)", "Alpha"}
    figures = page._figures.findChild(QTableWidget)
    share = figures.item(0, 1).data(Qt.ItemDataRole.UserRole)
    assert figures.item(0, 1).text() == f"{100 * share:.0f} %"
    cell = figures.visualItemRect(figures.item(0, 1))
    line = figures.viewport().grab(cell).toImage()
    bar = [line.pixelColor(x, line.height() - 4).name() for x in range(line.width())]
    accent = QColor(page._context.theme.color("accent")).name()
    assert bar.count(accent) == pytest.approx(share * (line.width() - 16), abs=8)


def test_models_are_listed_with_their_sizes_and_deleted(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    window.go("models")
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    qtbot.waitUntil(lambda: "200 kB" in page.subtitle.text(), timeout=10_000)
    # The cards are made a few at a time.
    qtbot.waitUntil(lambda: not page._turns.busy, timeout=5000)
    shown = [text for card, text in page.found if card.isVisible()]
    assert shown[0].startswith("emotions"), "one's own stand first"
    assert any("for labels" in text for text in shown)
    page._search.setText("phi mini 128")
    left = [text for card, text in page.found if card.isVisible()]
    assert [text.split(" ")[0] for text in left] == ["phi-3-mini-128k-instruct"]
    page._search.setText("nothing like it")
    assert page._nothing.isVisible()
    page._search.clear()
    before = [card for card, _ in page.found]
    page.entered()
    qtbot.wait(300)
    assert [card for card, _ in page.found] == before, "nothing changed, so nothing is drawn anew"
    page._ask_delete(showcase["done"].model, "emotions")
    question = page.findChild(Question)
    qtbot.mouseClick(button(question, "Delete"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not showcase["done"].model.exists(), timeout=5000)
    qtbot.waitUntil(lambda: len(page.found) < len(before), timeout=5000)
    after = [card for card, _ in page.found]
    assert set(after) < set(before), "only the card of what was deleted has gone"


def test_an_exported_base_stands_with_the_base_models(
    make_window: Make, qtbot: QtBot, home: Home
) -> None:
    values = demo_recipe().to_json() | {"name": "plain", "steps": ["quantise"]}
    run = RunStore(home).create(parse_recipe({k: v for k, v in values.items() if k != "data"}))
    run.model.mkdir()
    (run.model / "model.onnx").write_bytes(b"0" * 1000)
    window = make_window()
    window.go("models")
    page = window.page("models")
    assert isinstance(page, ModelsPage)
    qtbot.waitUntil(lambda: any("plain" in text for _, text in page.found), timeout=10_000)
    qtbot.waitUntil(lambda: not page._turns.busy, timeout=5000)
    own = [text for card, text in page.found if card in page._tuned_cards.cards]
    assert not any("plain" in text for text in own)
    assert any("untuned base" in label.text() for label in page.findChildren(QLabel))


@pytest.mark.parametrize("page_name", ["queue", "doctor", "settings", "chat", "compare", "models"])
def test_every_page_opens_empty(make_window: Make, qtbot: QtBot, page_name: str) -> None:
    window = make_window()
    window.go(page_name)
    qtbot.wait(300)
    assert window.current is window.page(page_name)


def test_the_page_that_is_wanted_last_is_shown(make_window: Make, qtbot: QtBot) -> None:
    window = make_window()
    window.visit("chat")
    window.visit("models")
    window.visit("queue")
    window.visit("home")
    assert window.current is window.page("home"), "it is there already"
    qtbot.waitUntil(lambda: {"chat", "models", "queue"} <= set(window._pages), timeout=5000)
    qtbot.wait(200)
    assert window.current is window.page("home")
    window.visit("queue")
    assert window.current is window.page("queue")


def test_every_control_has_an_accessible_name(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QPlainTextEdit

    window = make_window()
    window.show_run(showcase["done"])
    for page_name in ("new", "chat", "compare", "queue", "models", "doctor", "settings"):
        window.go(page_name)
    qtbot.wait(300)
    for kind in (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit):
        for widget in window.findChildren(kind):
            if widget.focusPolicy() == Qt.FocusPolicy.NoFocus or widget.objectName().startswith(
                "qt_"
            ):
                continue
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            assert widget.accessibleName() or text, f"{widget} in {widget.parent()}"


def test_the_window_is_usable_when_small(
    make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    window.resize(1024, 700)
    qtbot.wait(50)
    assert window._rail.width() < 80
    for page_name in ("home", "new", "chat", "compare", "queue", "models", "doctor", "settings"):
        window.go(page_name)
        qtbot.wait(50)
        assert window.width() == 1024, page_name


def test_nothing_is_cut_off_on_a_screen_of_1440_by_900_at_twice_the_size(
    italian: None, make_window: Make, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    window = make_window()
    window.setMinimumSize(0, 0)
    window.resize(704, 402)  # without the frame
    window.show_run(showcase["done"])
    run = window.page("run")
    assert isinstance(run, RunPage)
    qtbot.waitUntil(lambda: run._curves.isVisible(), timeout=5000)
    for page_name in ("run", "home", "new", "compare", "queue", "models", "doctor", "settings"):
        window.go(page_name)
        qtbot.wait(100)
        assert window.width() == 704, page_name
        area = window.page(page_name).scroll_area
        if area is not None:
            needed = area.widget().minimumSizeHint().width()
            assert needed <= area.viewport().width(), page_name


def test_closing_asks_while_a_run_goes_on(
    make_window: Make, qtbot: QtBot, home: Home, showcase: dict[str, RunFolder]
) -> None:
    recipe = showcase["done"].recipe()
    run = write_run(home.runs, recipe, [(0.0, Started(attempt=1))], age_s=1)
    with FileLock(run.life_lock):
        window = make_window()
        qtbot.waitUntil(
            lambda: any(e.live for e in window.runs.entries()) and len(window.runs.entries()) == 7,
            timeout=10_000,
        )
        window.close()
        qtbot.waitUntil(lambda: bool(window.findChild(Question)), timeout=10_000)
        question = window.findChild(Question)
        assert question.isVisible()
        assert window.isVisible()
        qtbot.mouseClick(button(question, "Pause and close"), Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not window.isVisible(), timeout=5000)
        assert run.pause_marker.exists()


def test_little_is_imported_before_the_first_paint_and_no_ml_module_ever(home: Home) -> None:
    code = (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from PySide6.QtCore import QTimer\n"
        "from phi3studio.gui import start\n"
        "at_first = set()\n"
        "class Window(start.MainWindow):\n"
        "    def paintEvent(self, event):\n"
        "        super().paintEvent(event)\n"
        "        if not at_first:\n"
        "            at_first.update(sys.modules)\n"
        "            QTimer.singleShot(1500, self, self.close_for_good)\n"
        "start.MainWindow = Window\n"
        "assert start.main([]) == 0\n"
        "late = {'pydantic', 'pydantic_core', 'filelock', 'asyncio', 'qasync'}\n"
        "assert at_first and not late & at_first, late & at_first\n"
        "ours = {name for name in at_first if name.startswith('phi3studio.')}\n"
        "rooms = {name.split('.')[1] for name in ours}\n"
        "assert rooms == {'app', 'domain', 'gui', 'resources'}, sorted(ours)\n"
        "assert not any('.pages' in name for name in ours), sorted(ours)\n"
        "heavy = {'torch', 'transformers', 'datasets', 'olive', 'onnxruntime', 'pyarrow',"
        " 'onnxruntime_genai', 'pandas'}\n"
        "found = heavy & {name.partition('.')[0] for name in sys.modules}\n"
        "assert not found, found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def interrupted(home: Home) -> RunFolder:
    """A run whose session ended."""
    course_ = [*course(until=40), (60.0, Paused(left=True))]
    run = write_run(home.runs, demo_recipe(), course_, age_s=3600)
    assert run.state() == "interrupted"
    return run


def test_interrupted_runs_are_offered_until_they_are_set_aside(
    make_window: Make, home: Home, qtbot: QtBot
) -> None:
    run = interrupted(home)
    page = make_window().current
    assert isinstance(page, HomePage)
    qtbot.waitUntil(lambda: bool(page.findChildren(Callout)), timeout=10_000)
    (offer,) = page.findChildren(Callout)
    assert "interrupted" in offer.text.text()
    qtbot.mouseClick(button(page, "Not now"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(run.set_aside_marker.exists, timeout=10_000)
    assert interrupted_runs(RunStore(home)) == []
    assert run.state() == "interrupted"


def test_a_folder_that_cannot_be_read_is_one_card_among_the_others(
    make_window: Make, home: Home, qtbot: QtBot, showcase: dict[str, RunFolder]
) -> None:
    bad = RunFolder(home.runs / "20260101-000000Z-bad")
    bad.path.mkdir()
    bad.recipe_file.write_text("{}")
    bad.events_file.mkdir()
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 7, timeout=10_000)
    entry = window.runs.entry(bad)
    assert entry is not None
    assert (entry.state, entry.title) == ("damaged", bad.name)
    window.show_run(bad)
    page = window.page("run")
    qtbot.waitUntil(lambda: bool(page.findChildren(ErrorState)), timeout=10_000)
    compare = window.page("compare")
    assert isinstance(compare, ComparePage)
    window.go("compare")
    assert not compare._boxes[bad.name].isEnabled()
    compare.choose([bad])
