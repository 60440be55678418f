"""Pages with very much to show: they open, and the window goes on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.domain.recipe import Recipe
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.compare_page import ComparePage
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.store import RunFolder
from tests.gui.conftest import SAMPLE
from tests.gui.pulse import Pulse
from tests.showcase.runs import course, write_run

Make = Callable[..., MainWindow]
STEPS = 30_000


@pytest.fixture
def pulse(qtbot: QtBot) -> Iterator[Pulse]:
    found = Pulse()
    yield found
    found.stop()


@pytest.fixture
def recipe() -> Recipe:
    return demo_recipe()


@pytest.fixture
def huge(home: Home, recipe: Recipe) -> RunFolder:
    """A run of many steps with a log of 20 MB."""
    run = write_run(home.runs, recipe, course(steps=STEPS), age_s=90_000)
    line = "12:00:00  train    step of many, with quite a lot to say about each of them\n"
    run.log_file.write_text(line * (20_000_000 // len(line)), "utf-8")
    return run


def test_a_run_with_thirty_thousand_steps_and_a_large_log_opens(
    make_window: Make, huge: RunFolder, pulse: Pulse, qtbot: QtBot
) -> None:
    window = make_window()
    window.show_run(huge)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page._body.isVisible(), timeout=60_000)
    qtbot.waitUntil(lambda: "quite a lot" in page._log.text.toPlainText(), timeout=20_000)
    assert page._log.text.document().blockCount() <= 5_001
    shown = page._curves.plot.shown[0].points
    assert 1_000 < len(shown) <= 2_002
    assert shown[-1][0] == STEPS
    assert pulse.longest < 1.0  # 0.2 s on a free machine


def test_long_runs_are_compared(
    make_window: Make, home: Home, recipe: Recipe, huge: RunFolder, qtbot: QtBot
) -> None:
    other = write_run(home.runs, recipe, course(steps=STEPS, seed=5), age_s=40_000)
    window = make_window()
    qtbot.waitUntil(lambda: len(window.runs.entries()) == 2, timeout=20_000)
    window.go("compare")
    page = window.page("compare")
    assert isinstance(page, ComparePage)
    page.choose([huge, other])
    qtbot.waitUntil(lambda: len(page._plot.shown) == 2, timeout=60_000)
    assert all(series.points for series in page._plot.shown)


def test_a_template_of_a_hundred_thousand_characters_is_taken(
    make_window: Make, pulse: Pulse, qtbot: QtBot
) -> None:
    window = make_window()
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=10_000)
    before = wizard.inspection.preview
    wizard.session.edit("data", prompt="word " * 20_000 + "{phrase}")
    qtbot.waitUntil(
        lambda: (
            wizard.inspection.preview not in (None, before)
            and not wizard.inspection.busy("preview")
        ),
        timeout=60_000,
    )
    assert "the first" in data.preview._counts.text()
    assert pulse.longest < 5.0
