"""A disk that fills up at any moment: reported with figures, nothing lost, resumed later."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.app.process_tree import process_tree
from phi3studio.domain.errors import InputError
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from tests.conftest import wait_until
from tests.small_disks import mounted
from tests.worker.running import (
    Matches,
    completed,
    is_notice,
    is_stage,
    is_step,
    losses,
    notices,
    story,
    tiny_recipe,
    wait_for_end,
    wait_for_event,
)
from tests.worker.test_faults import train_only


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 MB of one's own, where the system lets us mount one."""
    with mounted(tmp_path / "small", "size=600m") as disk:
        yield disk


LOOKED_FOR = 100_000


class Filler:
    """Takes every byte of a disk, also those that become free, until it is told to stop.

    What a run keeps aside for its last words is less than it looks for: no race for that.
    """

    def __init__(self, disk: Path) -> None:
        self._file = disk / "filler"
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._fill)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._file.unlink()

    def _fill(self) -> None:
        with self._file.open("wb", buffering=0) as file:
            while not self._done.is_set():
                try:
                    file.write(b"\0" * 65536)
                except OSError:
                    while not self._done.wait(0.05):
                        if shutil.disk_usage(self._file.parent).free > LOOKED_FOR:
                            break


def fills_at(run: RunFolder, disk: Path, moment: Matches) -> None:
    """The disk is full from *moment* on; the run says so with figures, and goes on later."""
    launch.start(run)
    wait_for_event(run, moment)
    worker = run.worker()
    assert worker is not None
    # It stands still until the disk is full, however busy the machine is.
    tree = process_tree(worker)
    for process in tree:
        process.suspend()
    with Filler(disk):
        wait_until(lambda: shutil.disk_usage(disk).free == 0)
        for process in tree:
            process.resume()
        assert wait_for_end(run) == "failed", story(run)
    finished = run.view().finished
    assert finished is not None
    # At its beginning a run looks at the disk itself.
    assert finished.code in ("disk.full", "disk.too_little"), story(run)
    assert finished.variant == "run"
    error = finished.error
    assert error is not None
    assert str(run.path) in error.message
    assert "MB" in error.message
    assert "Free some space" in error.hint
    assert not (run.path / ".reserve").exists()
    launch.resume(run)


@pytest.mark.slow
def test_a_disk_that_fills_up_during_the_checkpoints_fails_plainly_and_goes_on_later(
    small_disk, tiny_phi3, phrases
) -> None:
    recipe = train_only(
        tiny_phi3, phrases, max_steps=5000, rank=64, target_modules="all_linear",
        checkpoint_minutes=1e-6,
    )  # fmt: skip
    run = RunStore(Home(small_disk / "home")).create(recipe)
    fills_at(run, small_disk, is_notice("train.checkpoint"))
    before = max(losses(run))
    wait_for_event(run, is_step(before + 5))
    launch.cancel(run)
    assert notices(run, "train.resumed")
    # The one that the disk had no room for is passed over; one before it is whole.
    assert all("continuing from" in said for said in notices(run, "train.damaged_checkpoint"))
    assert sorted(losses(run)) == list(range(1, max(losses(run)) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["prepare", "train", "merge", "quantise", "verify"])
def test_a_disk_that_fills_up_in_any_stage_is_reported_and_nothing_is_lost(
    small_disk, tiny_phi3, phrases, stage
) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, "full", max_steps=8, quantisation="int4")
    run = RunStore(Home(small_disk / "home")).create(recipe)
    fills_at(run, small_disk, is_stage(stage))
    completed(run)
    assert sorted(losses(run)) == list(range(1, 9))


def test_a_full_disk_refuses_a_resume_with_what_is_missing(small_disk, tiny_phi3, phrases) -> None:
    run = RunStore(Home(small_disk / "home")).create(train_only(tiny_phi3, phrases))
    with Filler(small_disk):
        wait_until(lambda: shutil.disk_usage(small_disk).free == 0)
        with pytest.raises(InputError) as caught:
            launch.resume(run)
    assert caught.value.code == "disk.too_little"
    assert run.state() == "interrupted"
