"""Run folders: made, found, listed, read in pieces, told alive or dead, deleted."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from phi3studio.app import allocator
from phi3studio.app.files import PATIENCE_S
from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.measured_events import Metrics
from phi3studio.domain.events.run_events import (
    Artifact,
    Finished,
    Notice,
    Progress,
    Stage,
    StageDone,
    Started,
)
from phi3studio.domain.recipe import Data, Recipe, Template
from phi3studio.runs import launch
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.event_file import CURVE_POINTS
from phi3studio.runs.follow import Follower
from phi3studio.runs.queue import MachineQueue
from phi3studio.runs.shown.run_notes import RunNotes, change_notes, parse_tags, read_notes
from phi3studio.runs.store import RunFolder, RunStore, made_at
from tests.processor_time import at_most

NEEDS_ZONES = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set")


def a_recipe(name: str = "first") -> Recipe:
    return Recipe(
        name=name, data=Data(source="/data.csv", template=Template(prompt="{q}", completion="{a}"))
    )


@pytest.fixture
def store(home: Home) -> RunStore:
    return RunStore(home)


def named(store: RunStore, *names: str) -> None:
    for name in names:
        folder = store.home.runs / name
        folder.mkdir(parents=True)
        (folder / "recipe.json").write_text(json.dumps(a_recipe().to_json()))


def write(run: RunFolder, *payloads: AnyPayload) -> None:
    with run.events_file.open("a", encoding="utf-8") as file:
        for number, payload in enumerate(payloads, start=1):
            file.write(Event(seq=number, t=1000.0 + number, payload=payload).to_line() + "\n")


# --- made ---------------------------------------------------------------------------------------


def test_a_new_run_has_a_name_of_its_time_and_its_recipe_inside(store) -> None:
    run = store.create(a_recipe("Tone of a Phrase!"))
    assert re.fullmatch(r"\d{8}-\d{6}Z-tone-of-a-phrase", run.name)
    assert run.path.parent == store.home.runs
    assert run.recipe() == a_recipe("Tone of a Phrase!")
    assert [item.name for item in run.path.iterdir()] == ["recipe.json"]


def test_runs_made_in_the_same_second_get_folders_of_their_own(store) -> None:
    runs = [store.create(a_recipe()) for _ in range(12)]
    assert len({run.name for run in runs}) == 12


def test_the_newest_of_runs_made_in_the_same_second_is_the_latest(store) -> None:
    runs = [store.create(a_recipe()) for _ in range(11)]
    same = [run for run in runs if run.name[:15] == runs[-1].name[:15]]
    assert store.find("latest").name == same[-1].name


@NEEDS_ZONES
def test_the_latest_is_right_in_the_hour_that_the_clock_repeats(store, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Rome")
    time.tzset()
    try:
        first = 1792888200.0  # 02:30 in summer time, half an hour before the clock goes back
        for moment in (first, first + 2400):  # 02:10 in winter time
            monkeypatch.setattr(time, "time", lambda moment=moment: moment)
            monkeypatch.setattr(time, "gmtime", lambda at=moment, real=time.gmtime: real(at))
            monkeypatch.setattr(time, "localtime", lambda at=moment, real=time.localtime: real(at))
            made = store.create(a_recipe(f"at {moment:.0f}"))
            os.utime(made.recipe_file, (1, 1))  # as in a home that was copied
        assert [run.recipe().name for run in store.all()] == [
            f"at {first + 2400:.0f}", f"at {first:.0f}",
        ]  # fmt: skip
        assert made_at(made.name) == first + 2400
    finally:
        monkeypatch.undo()
        time.tzset()


@NEEDS_ZONES
def test_runs_of_older_versions_stand_where_their_local_time_puts_them(store, monkeypatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        order = [
            "20260110-080000-old", "20260110-100000-old", "20260110-153000Z-new",
            "20260110-110000-old",
        ]  # fmt: skip
        named(store, *reversed(order))
        assert [run.name for run in store.all()] == order[::-1]
        assert store.find("new").name == "20260110-153000Z-new"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_home_that_cannot_be_written_is_a_clear_error(tmp_path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError) as caught:
        RunStore(Home(blocked / "home")).create(a_recipe())
    assert caught.value.code == "disk.not_writable"
    assert str(blocked) in caught.value.message


# --- found --------------------------------------------------------------------------------------

NAMES = ("20260101-100000-tone", "20260102-100000-tone", "20260103-100000-faq", "20260103-1-x")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("20260101-100000-tone", "20260101-100000-tone"),
        ("20260101", "20260101-100000-tone"),
        ("20260103-10", "20260103-100000-faq"),
        ("faq", "20260103-100000-faq"),
        ("f", "20260103-100000-faq"),
        ("latest", "20260103-100000-faq"),
    ],
)
def test_found_by_name_beginning_slug_and_latest(store, name, found) -> None:
    named(store, *NAMES)
    assert store.find(name).name == found


def test_an_exact_name_wins_over_longer_ones(store) -> None:
    named(store, "20260101-100000-tone", "20260101-100000-tone-2")
    assert store.find("20260101-100000-tone").name == "20260101-100000-tone"


@pytest.mark.parametrize("name", ["tone", "2026", "20260103-1"])
def test_an_ambiguous_name_lists_what_it_fits(store, name) -> None:
    named(store, *NAMES[:3], "20260103-100000-fax")
    if name == "20260103-1":
        named(store, "20260103-110000-b")
    with pytest.raises(InputError) as caught:
        store.find(name)
    assert caught.value.code == "run.ambiguous"
    assert sum(run.name in caught.value.message for run in store.all()) >= 2


@pytest.mark.parametrize("name", ["nothing-like-it", "", "../runs", ".queue"])
def test_an_unknown_name_is_a_clear_error(store, name) -> None:
    with pytest.raises(InputError) as caught:
        store.find(name)
    assert caught.value.code == "run.not_found"
    assert "no runs yet" in caught.value.message
    named(store, *NAMES)
    with pytest.raises(InputError) as caught:
        store.find(name)
    assert caught.value.code == "run.not_found"


def test_a_run_called_latest_does_not_hide_the_latest(store) -> None:
    named(store, "20260101-100000-latest", "20260102-100000-other")
    assert store.find("latest").name == "20260102-100000-other"


def test_lists_newest_first_and_only_runs(store) -> None:
    named(store, *NAMES[:3], ".deleted-20260101-100000-old")
    (store.home.runs / "not-a-run").mkdir()
    (store.home.runs / "file.txt").write_text("")
    assert [run.name for run in store.all()] == [NAMES[2], NAMES[1], NAMES[0]]
    assert RunStore(Home(store.home.root / "absent")).all() == []


# --- read ---------------------------------------------------------------------------------------


def test_half_a_line_at_the_end_is_not_read_yet(store) -> None:
    run = store.create(a_recipe())
    write(run, Started(), Notice(code="a", text="ü"))
    whole = run.events_file.read_bytes()
    for cut in range(len(whole)):
        run.events_file.write_bytes(whole[:cut])
        assert len(list(run.events())) == whole[:cut].count(b"\n")


def test_a_broken_line_in_the_middle_is_passed_over(store) -> None:
    run = store.create(a_recipe())
    write(run, Started())
    with run.events_file.open("ab") as file:
        file.write(b'{"v": 1, "seq": 2, "t\n\n\xff\xfe\n')
    write(run, Finished(outcome="completed"))
    assert [event.payload.type for event in run.events()] == ["started", "finished"]


def test_a_run_without_events_or_recipe(store) -> None:
    run = RunFolder(store.home.runs / "absent")
    assert list(run.events()) == []
    damage = run.summary().damage
    assert damage is not None
    assert damage.code == "run.no_recipe"
    with pytest.raises(RunError) as caught:
        run.recipe()
    assert caught.value.code == "run.no_recipe"


def long_run(run: RunFolder, *, attempts: int = 1) -> None:
    """Events as a real run of several thousand steps writes them."""
    payloads: list[AnyPayload] = []
    for attempt in range(1, attempts + 1):
        payloads += [
            Started(attempt=attempt, pid=1, versions={f"library-{n}": "1.2.3" for n in range(8)}),
            Stage(name="prepare", index=1, count=5, resumed=attempt > 1),
            StageDone(name="prepare", seconds=1.0, peak_memory=100),
            Stage(name="train", index=2, count=5),
            *(
                Progress(
                    step=step,
                    total=1500,
                    activity="training",
                    loss=2.0,
                    lr=1e-4,
                    epoch=0.1,
                    tokens_per_s=500.0,
                    eta_s=5.0,
                    memory=10**9 + step,
                )
                for step in range(1, 1501)
            ),
        ]
    payloads += [
        Artifact(kind="adapter", path="adapter", bytes=4),
        StageDone(name="train", seconds=60.0, peak_memory=300),
        Stage(name="verify", index=5, count=5),
        *(
            Metrics(model=role, rows=9, accuracy=0.5, perplexity=2.0, stops=1.0)
            for role in ("base", "merged", "exported")
        ),
        Artifact(kind="model", path="model", bytes=5),
        StageDone(name="verify", seconds=9.0, peak_memory=2 * 10**9),
        Finished(outcome="completed", peak_memory=2 * 10**9),
    ]
    write(run, *payloads)


@pytest.mark.parametrize("attempts", [1, 3])
def test_the_summary_of_a_long_run_is_the_view_where_lists_need_it(store, attempts) -> None:
    run = store.create(a_recipe())
    long_run(run, attempts=attempts)
    assert run.events_file.stat().st_size > 100_000
    summary, view = run.summary(), run.view()
    for name in ("finished", "metrics", "stage", "started_at", "ended_at", "last_seq", "artifacts"):
        assert getattr(summary, name) == getattr(view, name), name
    assert run.state(summary) == run.state(view) == "completed"
    assert summary.peak_memory == view.peak_memory
    assert summary.metrics["exported"].accuracy == 0.5


def test_the_summary_of_a_short_run_is_the_view(store) -> None:
    run = store.create(a_recipe())
    write(run, Started(), Progress(step=1, total=2, loss=1.0))
    assert run.summary() == run.view()


def test_the_summary_of_a_long_running_run_shows_its_present_step(store) -> None:
    run = store.create(a_recipe())
    write(run, Started(), *(Progress(step=n, total=9000, loss=2.0) for n in range(1, 5000)))
    summary = run.summary()
    assert summary.progress == run.view().progress
    assert summary.attempt == 1


def test_the_summary_of_a_long_run_on_its_second_attempt_is_not_over(store) -> None:
    """The end of the first attempt lies in the part that is not read."""
    run = store.create(a_recipe())
    write(
        run,
        Started(attempt=1),
        Finished(outcome="cancelled"),
        *(Notice(code="x", text="y" * 100) for _ in range(40)),
        Started(attempt=2),
        Stage(name="train", index=2, count=5),
        *(Progress(step=n, total=9000, loss=2.0) for n in range(1, 2000)),
    )
    summary = run.summary()
    assert run.view().finished is None
    assert summary.finished is None
    assert summary.state(alive=True) == run.view().state(alive=True) == "running"
    assert summary.state(alive=False) == run.view().state(alive=False) == "interrupted"


def test_200_long_runs_are_listed_in_a_moment(store) -> None:
    first = store.create(a_recipe())
    long_run(first)
    for number in range(200):
        folder = store.home.runs / f"20260101-{number:06d}-many"
        folder.mkdir()
        (folder / "recipe.json").write_bytes(first.recipe_file.read_bytes())
        (folder / "events.jsonl").write_bytes(first.events_file.read_bytes())
    with at_most(3.0):
        states = {run.name: run.state(run.summary()) for run in store.all()}
    assert set(states.values()) == {"completed"}
    assert len(states) == 201


# --- damaged -----------------------------------------------------------------------------------


def damage_version(run: RunFolder) -> None:
    run.events_file.write_text('{"v": 99, "seq": 1, "t": 1.0, "type": "started"}\n')


def damage_folder(run: RunFolder) -> None:
    run.events_file.mkdir()


def damage_recipe(run: RunFolder) -> None:
    run.recipe_file.write_text("[" * 300_000)


def damage_recipe_folder(run: RunFolder) -> None:
    run.recipe_file.unlink()
    run.recipe_file.mkdir()


def damage_no_recipe(run: RunFolder) -> None:
    run.recipe_file.unlink()
    write(run, Started())


@pytest.mark.parametrize(
    "damage",
    [damage_version, damage_folder, damage_recipe, damage_recipe_folder, damage_no_recipe],
)
def test_one_bad_folder_is_one_bad_card(store, damage) -> None:
    good = store.create(a_recipe("good"))
    write(good, Started(), Finished(outcome="completed"))
    bad = RunFolder(store.home.runs / "29991231-235959Z-bad")
    bad.path.mkdir()
    bad.recipe_file.write_bytes(good.recipe_file.read_bytes())
    damage(bad)
    assert [run.name for run in store.all()] == [bad.name, good.name]
    assert [run.state() for run in store.all()] == ["damaged", "completed"]
    error = bad.summary().damage
    assert error is not None
    assert error.message
    assert error.hint
    assert store.find("latest") == good
    assert MachineQueue(store.home.runs).waiting() == []
    for refuse in (launch.resume, launch.cancel):
        with pytest.raises(InputError) as caught:
            refuse(bad)
        assert "damaged" in caught.value.message
    store.delete(bad)
    assert store.all() == [good]


@pytest.mark.parametrize(
    "line",
    [
        '{"v": 1, "seq": 1, "t": 1, "type": "started", "attempt": 1, "pid": 1e999}',
        '{"v": 1, "seq": 1e999, "t": 1, "type": "started", "attempt": 1}',
        '{"v": 1, "seq": 1, "t": 1e300, "type": "started", "attempt": 1}',
        '{"v": 1, "seq": 1, "t": NaN, "type": "started", "attempt": 1}',
        f'{{"v": 1, "seq": 1, "t": 1, "type": "started", "attempt": {"9" * 400}}}',
        f'{{"v": 1, "seq": 1, "t": {"9" * 5000}, "type": "started", "attempt": 1}}',
        '{"v": 1, "seq": 1, "t": 1, "type": "started", "x": ' + "[" * 300_000,
        "x" * 5_000_000,
    ],
    ids=range(8),
)
def test_a_line_that_cannot_be_an_event_is_passed_over(store, line) -> None:
    run = store.create(a_recipe())
    run.events_file.write_text(line + "\n")
    write(run, Started(attempt=7))
    for view in (run.view(), run.summary()):
        assert view.attempt == 7
    assert [event.payload.type for event in run.events()] == ["started"]
    assert run.state() == "interrupted"


def test_a_file_of_any_length_is_read_in_bounded_pieces(store) -> None:
    run = store.create(a_recipe())
    write(run, Started(attempt=1), Notice(code="first", text="x"))
    step = Event(seq=3, t=5.0, payload=Progress(step=1, total=9, loss=2.0)).to_line() + "\n"
    notice = Event(seq=4, t=5.0, payload=Notice(code="many", text="x")).to_line() + "\n"
    with run.events_file.open("a") as file:
        file.write(step * 30_000 + "y" * 6_000_000 + "\n" + notice * 20_000)
    write(run, Progress(step=8, total=9, loss=1.0), Notice(code="last", text="x"))
    view = run.view()
    assert view.progress is not None
    assert view.progress.step == 8
    assert view.attempt == 1
    assert (view.notices[0].code, view.notices[-1].code) == ("first", "last")
    assert len(view.notices) <= 5_000
    events = Follower(run).begin()
    assert sum(isinstance(event.payload, Progress) for event in events) <= 2 * CURVE_POINTS + 1
    assert len(run.curves().loss.points) == 2


def test_following_goes_on_where_the_beginning_was_read_to(store) -> None:
    run = store.create(a_recipe())
    follower = Follower(run)
    assert follower.begin() == []
    write(run, Started(), Stage(name="train", index=1, count=1))
    follower = Follower(run)
    with run.events_file.open("a") as file:
        file.write('{"v": 1, "seq": 3, "t": 9, ')
    assert [event.seq for event in follower.begin()] == [1, 2]
    with run.events_file.open("a") as file:
        file.write('"type": "paused"}\n')
    assert [event.seq for event in follower.read()] == [3]
    assert follower.read() == []


# --- alive --------------------------------------------------------------------------------------

# Lives as a worker does: holds the run's lock, and has written down its number.
HOLDER = """
import json, os, subprocess, sys, time
from pathlib import Path
from filelock import FileLock
folder = Path(sys.argv[-1])
lock = FileLock(folder / ".supervisor.lock")
lock.acquire()
(folder / "worker.json").write_text(json.dumps({"pid": os.getpid()}))
if "--child" in sys.argv:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("up", flush=True)
time.sleep(60)
"""

Holds = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def hold() -> Iterator[Holds]:
    """Start a process that lives as the worker of a run."""
    started: list[subprocess.Popen[bytes]] = []

    def start(run: RunFolder, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLDER, *arguments, "worker", "run", str(run.path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_alive_while_its_process_lives(store, hold) -> None:
    run = store.create(a_recipe())
    write(run, Started())
    process = hold(run)
    worker = run.worker()
    assert worker is not None
    assert worker.pid == process.pid
    assert run.alive()
    assert run.state() == "running"
    # Killed and not collected: a zombie holds nothing.
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert run.worker() is None
    assert run.state() == "interrupted"


@pytest.mark.parametrize("step", [-86400.0, -3600.0, -5.0, 5.0, 3600.0, 86400.0])
def test_a_step_of_the_clock_leaves_a_living_run_alone(store, hold, step) -> None:
    run = store.create(a_recipe())
    write(run, Started())
    process = hold(run)
    # What older versions recorded, seen after the step: start times move with the clock.
    started = psutil.Process(process.pid).create_time() + step
    run.worker_file.write_text(json.dumps({"pid": process.pid, "started": started}))
    assert run.state() == "running"
    with pytest.raises(InputError) as caught:
        launch.start(run)
    assert caught.value.code == "run.busy"
    with pytest.raises(InputError) as caught:
        store.delete(run)
    assert caught.value.code == "run.busy"
    assert run.recipe_file.is_file()
    launch.cancel(run, grace_s=0)
    assert process.wait(5) != 0


def test_a_recorded_process_that_holds_no_lock_is_not_the_worker(store) -> None:
    run = store.create(a_recipe())
    run.worker_file.write_text(json.dumps({"pid": os.getpid()}))
    (run.path / ".supervisor.lock").touch()
    assert not run.alive()
    assert run.worker() is None
    assert run.state() == "interrupted"


def test_the_copy_of_a_living_folder_does_not_live(store, hold) -> None:
    run = store.create(a_recipe())
    write(run, Started())
    process = hold(run)
    copy = RunFolder(run.path.with_name(run.name + "-copy"))
    shutil.copytree(run.path, copy.path)
    assert copy.state() == "interrupted"
    assert copy.worker() is None
    store.delete(copy)
    assert process.poll() is None
    assert run.state() == "running"


def test_a_folder_that_is_moved_while_it_lives_lives_on(store, hold) -> None:
    run = store.create(a_recipe())
    write(run, Started())
    hold(run)
    moved = RunFolder(run.path.with_name("20260101-000000Z-moved"))
    run.path.rename(moved.path)
    assert moved.state() == "running"
    with pytest.raises(InputError):
        store.delete(moved)


def test_a_worker_whose_number_is_another_process_here_is_not_ended(store, hold) -> None:
    # A container that shares the folder numbers its processes on its own.
    run = store.create(a_recipe())
    hold(run)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        run.worker_file.write_text(json.dumps({"pid": stranger.pid}))
        assert run.alive()
        assert run.worker() is None
        launch.cancel(run, grace_s=0)
        assert run.cancel_marker.exists()
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"pid": "x"}', '{"pid": -1}', '{"pid": 1e999}', f'{{"pid": {2**70}}}',
     "[" * 200_000],
)  # fmt: skip
def test_a_damaged_process_record_names_no_worker(store, hold, text) -> None:
    run = store.create(a_recipe())
    run.worker_file.write_text(text)
    assert not run.alive()
    hold(run)
    run.worker_file.write_text(text)
    assert run.worker() is None
    assert run.state() == "queued"


def test_many_that_look_at_once_see_no_worker_and_stop_none_from_starting(store) -> None:
    run = store.create(a_recipe())
    (run.path / ".supervisor.lock").touch()
    with ThreadPoolExecutor(8) as threads:
        assert not any(threads.map(lambda _: run.alive(), range(2000)))
        looks = [threads.submit(run.alive) for _ in range(2000)]
        with FileLock(run.life_lock, timeout=PATIENCE_S):
            assert run.alive()
        assert all(look.result() in (True, False) for look in looks)


# --- deleted ------------------------------------------------------------------------------------


def test_deleting_removes_the_folder(store) -> None:
    run = store.create(a_recipe())
    (run.path / "model").mkdir()
    (run.path / "model" / "m.onnx").write_bytes(b"x" * 1000)
    store.delete(run)
    assert store.all() == []
    assert list(store.home.runs.iterdir()) == []


def test_a_run_that_is_measured_is_not_deleted(store) -> None:
    run = store.create(a_recipe())
    with FileLock(run.attempt_lock), pytest.raises(InputError) as caught:
        store.delete(run)
    assert caught.value.code == "run.busy"


def test_a_living_run_is_not_deleted(store, hold) -> None:
    run = store.create(a_recipe())
    hold(run)
    with pytest.raises(InputError) as caught:
        store.delete(run)
    assert caught.value.code == "run.busy"
    assert run.recipe_file.exists()


# --- starting and stopping, without a worker ----------------------------------------------------


def test_a_living_run_is_not_started_twice(store, hold) -> None:
    run = store.create(a_recipe())
    hold(run)
    with pytest.raises(InputError) as caught:
        launch.start(run)
    assert caught.value.code == "run.busy"
    with pytest.raises(InputError) as caught:
        launch.resume(run)
    assert caught.value.code == "run.not_resumable"


def test_only_unfinished_runs_are_resumed(store) -> None:
    run = store.create(a_recipe())
    write(run, Started(), Finished(outcome="completed"))
    with pytest.raises(InputError) as caught:
        launch.resume(run)
    assert caught.value.code == "run.not_resumable"
    assert "completed" in caught.value.message
    assert not run.worker_file.exists()


def test_cancelling_a_finished_run_says_so(store) -> None:
    run = store.create(a_recipe())
    write(run, Started(), Finished(outcome="completed"))
    with pytest.raises(InputError) as caught:
        launch.cancel(run)
    assert caught.value.code == "run.not_running"
    assert not run.cancel_marker.exists()


def test_cancelling_an_interrupted_run_closes_it(store) -> None:
    run = store.create(a_recipe())
    write(run, Started())
    launch.cancel(run)
    assert run.state() == "cancelled"


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def test_cancelling_ends_a_worker_that_does_not_listen_with_its_children(store, hold) -> None:
    run = store.create(a_recipe())
    write(run, Started())
    process = hold(run, "--child")
    worker = psutil.Process(process.pid)
    tree = [worker, *worker.children()]
    assert len(tree) == 2
    launch.cancel(run, grace_s=0.3)
    assert not any(lives(member) for member in tree), "cancel returned before they had ended"
    process.wait()
    assert run.state() == "cancelled"


def test_the_worker_is_set_to_send_nothing_and_keep_caches_in_the_run(store, monkeypatch) -> None:
    monkeypatch.setattr(allocator, "find", lambda: None)
    run = store.create(a_recipe())
    assert launch.worker_environment(run, {"HOME": "/home/me"}) == {
        "MKL_CBWR": "AUTO,STRICT",
        "HOME": "/home/me",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
        "DO_NOT_TRACK": "1",
        "OLIVE_DISABLE_TELEMETRY": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(run.work / "datasets"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "GOMP_SPINCOUNT": "10000",
        "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0",
    }


def test_the_program_starts_itself_from_source_and_frozen(monkeypatch) -> None:
    command = [sys.executable, "-P", "-m", "phi3studio", "worker", "run", "x"]
    assert launch.program("worker", "run", "x") == command
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert launch.program("worker", "run", "x") == [sys.executable, "worker", "run", "x"]


def test_the_end_of_a_log(tmp_path) -> None:
    log = tmp_path / "log.txt"
    assert launch.log_tail(log) == ""
    log.write_bytes(b"".join(b"line %d \xff\n" % n for n in range(50_000)))
    assert launch.log_tail(log, 2) == "line 49998 \ufffd\nline 49999 \ufffd"


# --- the line -----------------------------------------------------------------------------------


def ticket(store: RunStore, run: RunFolder, place: int) -> None:
    folder = store.home.runs / ".queue"
    folder.mkdir(exist_ok=True)
    (folder / f"{place:020d}--{run.name}").touch()


def test_the_line_is_in_the_order_of_coming_and_forgets_the_dead(store, hold) -> None:
    runs = [store.create(a_recipe(name)) for name in ("a", "b", "dead")]
    for run in runs[:2]:
        hold(run)
    for place, run in enumerate((runs[2], runs[1], runs[0])):
        ticket(store, run, place)
    queue = MachineQueue(store.home.runs)
    assert [run.name for run in queue.waiting()] == [runs[1].name, runs[0].name]
    queue.move(runs[0], 0)
    assert [run.name for run in queue.waiting()] == [runs[0].name, runs[1].name]
    queue.move(runs[0], 1)
    assert [run.name for run in queue.waiting()] == [runs[1].name, runs[0].name]
    queue.move(runs[2], 0)
    assert len(queue.waiting()) == 2


def test_a_run_stands_in_line_once_and_behind_all_others_whatever_the_clock_says(
    store, hold
) -> None:
    first, second = (store.create(a_recipe(name)) for name in ("a", "b"))
    for run in (first, second):
        hold(run)
    # Killed twice while it waited; and the other came before the clock was set back.
    for place in (1, 2):
        ticket(store, second, place)
    ticket(store, first, time.time_ns() + 10**15)
    queue = MachineQueue(store.home.runs)
    seen: list[list[str]] = []

    class EnoughError(Exception):
        pass

    def on_wait(ahead: int, start_at: float | None) -> None:
        seen.append([run.name for run in queue.waiting()])
        raise EnoughError

    with pytest.raises(EnoughError):
        queue.acquire(second, on_wait)
    assert seen == [[first.name, second.name]]
    assert queue.waiting() == [first]


def test_the_line_of_a_home_without_runs_is_empty(tmp_path) -> None:
    assert MachineQueue(tmp_path / "runs").waiting() == []


def test_the_queue_is_not_listed_as_a_run(store) -> None:
    run = store.create(a_recipe())
    ticket(store, run, 1)
    assert [item.name for item in store.all()] == [run.name]


def test_the_home_follows_the_environment(monkeypatch, tmp_path) -> None:
    from phi3studio.app.paths import user_home

    monkeypatch.setenv("PHI3STUDIO_HOME", "~/studio")
    assert user_home().root == Path(os.path.expanduser("~/studio"))  # noqa: PTH111
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PHI3STUDIO_HOME", "relative")
    assert user_home().root == tmp_path / "relative"
    monkeypatch.delenv("PHI3STUDIO_HOME")
    assert user_home().root.name == "phi3studio"


def test_the_trash_keeps_runs_for_a_while(home: Home) -> None:
    store = RunStore(home)
    run = store.create(demo_recipe())
    thrown = store.discard(run)
    assert store.all() == []
    assert [t.name for t in store.trashed()] == [thrown.name]
    store.empty_trash(60.0)
    assert store.restore(thrown) == run
    assert store.all() == [run]
    store.discard(run)
    store.empty_trash()
    assert store.trashed() == []
    with FileLock(store.create(demo_recipe()).life_lock), pytest.raises(InputError, match="run"):
        store.discard(store.all()[0])


def test_the_notes_of_a_run_are_read_whatever_stands_there(home: Home) -> None:
    run = RunStore(home).create(demo_recipe())
    assert read_notes(run) == RunNotes()
    change_notes(run, name="Mine", tags=("a", "b"), note="x", pinned=True)
    assert change_notes(run, pinned=False) == RunNotes("Mine", ("a", "b"), "x")
    run.notes_file.write_text('{"name": 3, "tags": "a", "note": null, "pinned": 1}')
    assert read_notes(run) == RunNotes()
    assert parse_tags(" #a, A,, b  c ") == ("a", "b c")
