"""A training search with the tiny model: trials go on, are passed over, survive kills."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import RunState
from phi3studio.domain.tuning import study_steps
from phi3studio.domain.tuning.study_record import WHOLE, Study, Trial, course_of
from phi3studio.domain.tuning.trial_space import as_trial, settings_of
from phi3studio.runs import launch
from phi3studio.runs.recipe_files import write_recipe
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.runs.studies.study_file import StudyFile, StudyStore
from phi3studio.runs.studies.trial_mark import TrialMark, write_mark
from phi3studio.services.training_search import TrainingSearch, courses_of
from phi3studio.worker.training.held_out_part import halves
from tests.worker.running import kill, story, tiny_recipe, wait_for_end, wait_for_event, write_rows

pytestmark = pytest.mark.long


class Silent:
    """Hears what the search does and keeps it."""

    def __init__(self) -> None:
        self.trials: list[tuple[int, int]] = []
        self.purposes: list[str] = []

    def on_trial(self, trial: Trial, left_s: float) -> None:
        self.trials.append((trial.number, trial.until))

    def on_run(self, run: RunFolder, purpose: str) -> None:
        self.purposes.append(purpose)

    def on_event(self, event: Event) -> None:
        pass


def small(model: Path, data: Path, **changes: Any) -> Recipe:
    """18 steps of four rows."""
    settings = {"max_steps": None, "epochs": 1, "accumulation": 1, "limit": 24} | changes
    made = tiny_recipe(model, data, **settings)
    return made.model_copy(update={"data": made.rows.model_copy()})


@pytest.fixture
def recipe(tiny_phi3: Path, tmp_path: Path) -> Recipe:
    return small(tiny_phi3, write_rows(tmp_path / "rows.jsonl", 90))


def study_of(home: Home, recipe: Recipe, budget_s: float) -> StudyFile:
    preset = settings_of(recipe.method, recipe.training)
    return StudyStore(home).create(recipe, preset, budget_s)


def losses(run: RunFolder) -> list[tuple[int, float | None, float | None]]:
    """Step, training loss and held-out loss, as the events tell them."""
    found = [event.payload for event in run.events()]
    return [
        (p.step, p.loss, p.eval_loss)
        for p in found
        if isinstance(p, Progress) and (p.loss is not None or p.eval_loss is not None)
    ]


def trained(run: RunFolder, until: int = WHOLE) -> RunState:
    """Train a trial until a rung."""
    write_mark(run, TrialMark(study="none", until=until))
    if run.events_file.is_file():
        launch.resume(run)
    else:
        launch.start(run)
    return wait_for_end(run)


def test_a_promoted_trial_learns_what_one_never_paused_learns(home: Home, recipe: Recipe) -> None:
    store = RunStore(home)
    settings = settings_of(recipe.method, recipe.training)
    promoted, whole = (store.create(as_trial(recipe, settings, n)) for n in (1, 2))
    assert trained(promoted, 1) == "paused", story(promoted)
    course = course_of(promoted.events())
    assert max(course.losses) == 2
    assert course.total == 18
    assert trained(promoted, 2) == "paused", story(promoted)
    assert max(course_of(promoted.events()).losses) == 6
    assert trained(promoted) == "completed", story(promoted)
    assert trained(whole) == "completed", story(whole)
    assert losses(promoted) == losses(whole)
    adapters = [run.adapter / "adapter_model.safetensors" for run in (promoted, whole)]
    assert adapters[0].read_bytes() == adapters[1].read_bytes()
    assert course_of(promoted.events()).attempts == 3


@pytest.mark.slow
def test_a_search_takes_what_is_best_and_keeps_no_more(
    home: Home, tiny_phi3: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A preset that learns too slowly, and few trials, however fast the computer is.
    rows = write_rows(tmp_path / "rows.jsonl", 90)
    recipe = small(tiny_phi3, rows, learning_rate=1e-3)
    monkeypatch.setattr(study_steps, "_MOST_TRIALS", 3)
    store = RunStore(home)
    file = study_of(home, recipe, 36_000)
    heard = Silent()
    TrainingSearch(store, file, heard).work()
    study = file.read()
    assert study.state == "done"
    assert heard.trials[0] == (0, WHOLE)
    assert len(study.trials) == 3, heard.trials
    courses = courses_of(store, study)
    whole = {t.number: courses[t.number].loss(WHOLE) for t in study.trials if t.reached == WHOLE}
    assert study.winner in whole
    assert (whole[study.winner] or 0) <= (whole[0] or 0)
    assert study.finished is not None
    finished = RunFolder(home.runs / study.finished)
    assert finished.model.is_dir()
    assert heard.purposes == ["comparing"] * 2 * (study.winner != 0) + ["finishing"]
    held = finished.view().metrics["merged"].rows
    assert 0 < held < 18
    for trial in study.trials:
        run = RunFolder(home.runs / trial.run)
        assert not run.checkpoints.exists()
        assert not run.data.exists()
        assert run.adapter.is_dir() == (trial.reached == WHOLE)
        assert run.state() == ("completed" if trial.reached == WHOLE else "cancelled")


@pytest.mark.slow
def test_a_search_goes_on_after_its_worker_and_itself_were_killed(
    home: Home, recipe: Recipe, tmp_path: Path
) -> None:
    write_recipe(recipe, tmp_path / "recipe.yaml")
    store = RunStore(home)
    command = [sys.executable, "-m", "phi3studio", "search"]
    environment = os.environ | {"PHI3STUDIO_HOME": str(home.root)}
    first = [*command, str(tmp_path / "recipe.yaml"), "--train", "--hours", "0.02", "--json"]
    searching = subprocess.Popen(first, env=environment, stdout=subprocess.DEVNULL)
    try:
        run = _first_run(store, searching)
        wait_for_event(run, lambda e: isinstance(e.payload, Progress) and e.payload.step >= 2)
        kill(run)
        searching.send_signal(signal.SIGKILL)
    finally:
        searching.kill()
        searching.wait()
    (file,) = StudyStore(home).all()
    assert file.read().trials[0].reached == 0
    done = subprocess.run(
        [*command, file.name, "--json"], env=environment, capture_output=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    study = file.read()
    assert study.state == "done"
    assert study.trials[0].run == run.name
    steps = [step for step, loss, _ in losses(run) if loss is not None]
    assert course_of(run.events()).attempts >= 2
    assert steps[-1] == max(steps)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C reaches a whole console there")
def test_ctrl_c_pauses_a_search_and_cancel_ends_it(
    home: Home, recipe: Recipe, tmp_path: Path
) -> None:
    write_recipe(recipe, tmp_path / "recipe.yaml")
    store = RunStore(home)
    command = [sys.executable, "-m", "phi3studio", "search"]
    environment = os.environ | {"PHI3STUDIO_HOME": str(home.root)}
    searching = subprocess.Popen(
        [*command, str(tmp_path / "recipe.yaml"), "--train", "--hours", "2"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        run = _first_run(store, searching)
        wait_for_event(run, lambda e: isinstance(e.payload, Progress) and e.payload.step >= 2)
        searching.send_signal(signal.SIGINT)
        said = searching.communicate(timeout=90)[1]
    finally:
        searching.kill()
    assert searching.returncode == 130
    (file,) = StudyStore(home).all()
    assert f"Go on with it: phi3studio search {file.name}" in said
    assert "Traceback" not in said
    assert run.state() == "paused", story(run)
    assert file.read().state == "open"
    ended = subprocess.run(
        [*command, file.name, "--cancel"], env=environment, capture_output=True, check=False
    )
    assert ended.returncode == 0, ended
    assert file.read().state == "cancelled"
    assert run.state() == "cancelled"
    assert not run.checkpoints.exists()


def _first_run(store: RunStore, process: subprocess.Popen[bytes]) -> RunFolder:
    end = time.monotonic() + 90
    while not (found := [run for run in store.all() if run.events_file.is_file()]):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    return found[0]


def test_a_trial_that_fails_is_passed_over(home: Home, recipe: Recipe) -> None:
    store = RunStore(home)
    file = study_of(home, recipe, 1)
    preset = file.read().preset
    first = store.create(as_trial(recipe, preset, 0))
    assert trained(first) == "completed", story(first)
    bad = store.create(as_trial(recipe, preset, 1))
    broken = bad.recipe().model_copy(
        update={"model": recipe.model.model_copy(update={"source": str(home.root / "nowhere")})}
    )
    write_recipe(broken, bad.recipe_file)
    trials = (
        Trial(number=0, settings=preset, run=first.name, until=WHOLE, reached=WHOLE),
        Trial(number=1, settings=preset, run=bad.name, until=1),
    )
    plain = recipe.model_copy(update={"steps": ["train"]}).to_json()
    file.write(file.read().model_copy(update={"trials": trials, "recipe": plain}))
    heard = Silent()
    TrainingSearch(store, file, heard).work()
    study = file.read()
    assert heard.trials == [(1, 1)]
    assert study.trials[1].failure is not None
    assert study.winner == 0
    assert study.state == "done"


def test_a_budget_too_small_for_one_training_is_refused(home: Home, recipe: Recipe) -> None:
    store = RunStore(home)
    file = study_of(home, recipe, 0.5)
    with pytest.raises(InputError) as caught:
        TrainingSearch(store, file, Silent()).work()
    assert caught.value.code == "study.too_short"
    assert StudyStore(home).all() == []
    assert store.all() == []


def test_rows_that_cannot_be_halved_are_refused(home: Home, recipe: Recipe) -> None:
    rows = recipe.rows
    split = rows.split.model_copy(update={"limit": 1})
    changed = recipe.model_copy(update={"data": rows.model_copy(update={"split": split})})
    file = study_of(home, changed, 100)
    with pytest.raises(Exception, match="divided") as caught:
        TrainingSearch(RunStore(home), file, Silent()).work()
    assert getattr(caught.value, "code", "") == "study.few_rows"
    record: Study = file.read()
    assert record.state == "cancelled"


def test_rows_that_are_alike_are_in_one_half() -> None:
    draw = random.Random(3)
    words = [f"word{n}" for n in range(400)]
    prompts = [" ".join(draw.sample(words, 12)) for _ in range(60)]
    chosen = halves([*prompts, *prompts, *(f"{prompt.upper()}!" for prompt in prompts)])
    first, again, nearly = chosen[:60], chosen[60:120], chosen[120:]
    assert (first == again).all()
    assert (first == nearly).all()
    assert 20 <= first.sum() <= 40
