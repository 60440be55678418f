"""Results of a run that somebody removed or cut: said by whatever needs them, and made again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.cli.exported_runs import exported_run
from phi3studio.domain.errors import InputError
from phi3studio.runs import launch
from phi3studio.runs.bundle import export_bundle
from phi3studio.runs.continuing import continue_run
from phi3studio.runs.result_check import check_result
from phi3studio.runs.store import RunFolder, RunStore
from tests.worker.running import completed


@pytest.fixture
def run(pair, tmp_path, monkeypatch) -> RunFolder:
    """A copy of a completed run, in a home of its own."""
    home = tmp_path / "home"
    shutil.copytree(pair.second.path, home / "runs" / pair.second.name)
    monkeypatch.setenv("PHI3STUDIO_HOME", str(home))
    return RunStore(Home(home)).find("latest")


def gone(run: RunFolder) -> None:
    shutil.rmtree(run.model)


def cut(run: RunFolder) -> None:
    weights = next(run.model.glob("*.onnx.data"))
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size // 2)


def overwritten(run: RunFolder) -> None:
    (run.model / "genai_config.json").write_text("{bad", encoding="utf-8")


@pytest.mark.parametrize("damage", [gone, cut, overwritten])
def test_a_damaged_model_is_neither_used_nor_exported(
    run: RunFolder, tmp_path: Path, damage: Callable[[RunFolder], None]
) -> None:
    damage(run)
    for use in (
        lambda: exported_run("latest"),
        lambda: export_bundle(run, tmp_path / "out"),
    ):
        with pytest.raises(InputError) as caught:
            use()
        assert caught.value.code == "run.damaged_result"
        assert f"phi3studio resume {run.name}" in caught.value.hint
    assert not (tmp_path / "out").exists()
    check_result(run, "adapter")  # which is whole


def test_an_adapter_that_is_gone_is_not_trained_further(run: RunFolder) -> None:
    shutil.rmtree(run.adapter)
    with pytest.raises(InputError) as caught:
        continue_run(RunStore(Home(run.path.parent.parent)), run)
    assert (caught.value.code, caught.value.variant) == ("run.damaged_result", "gone")


def test_a_completed_run_makes_a_damaged_model_again(run: RunFolder) -> None:
    before = {file.name: file.read_bytes() for file in run.model.iterdir() if file.is_file()}
    trained = {file.name: file.stat().st_mtime_ns for file in run.adapter.iterdir()}
    cut(run)
    launch.resume(run)
    completed(run)
    after = {file.name: file.read_bytes() for file in run.model.iterdir() if file.is_file()}
    assert after == before
    assert {file.name: file.stat().st_mtime_ns for file in run.adapter.iterdir()} == trained


def test_an_adapter_with_damaged_settings_is_kept_beside_the_new_one(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = (run.adapter / "adapter_model.safetensors").read_bytes()
    (run.adapter / "adapter_config.json").write_text("{bad", encoding="utf-8")
    started: list[RunFolder] = []
    monkeypatch.setattr(launch, "start", lambda run: started.append(run) or 1)
    launch.resume(run)
    assert started == [run]
    assert not run.adapter.exists()
    kept = run.adapter.with_name("adapter.damaged")
    assert (kept / "adapter_model.safetensors").read_bytes() == weights


def test_nothing_damaged_is_taken_away_where_there_is_no_room_to_make_it_again(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(run)
    monkeypatch.setattr(launch, "LEAST_FREE", 2**62)
    with pytest.raises(InputError) as caught:
        launch.resume(run)
    assert caught.value.code == "disk.too_little"
    assert run.model.is_dir()


def test_a_whole_run_is_not_resumed(run: RunFolder) -> None:
    with pytest.raises(InputError) as caught:
        launch.resume(run)
    assert (caught.value.code, caught.value.variant) == ("run.not_resumable", "")
