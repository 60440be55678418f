"""The starter model that the installed app carries."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from phi3studio.app.frozen import MODELS
from phi3studio.domain.errors import RunError
from phi3studio.models.model_store import bytes_to_download, catalogue
from phi3studio.resources import resources
from phi3studio.worker.models.starter import STARTER_WHEEL, bundled_starter, make_starter, place


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed app whose starter model is damaged."""
    wheel = tmp_path / "_internal" / MODELS / STARTER_WHEEL
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(b"half of it")
    (tmp_path / "_internal" / "resources").symlink_to(resources())
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "_internal"), raising=False)
    return wheel


def test_from_source_there_is_none() -> None:
    assert bundled_starter() is None
    assert all(bytes_to_download(entry) == entry.download_bytes for entry in catalogue())


@pytest.mark.parametrize("there", [True, False])
def test_a_damaged_one_is_not_used_and_nothing_is_downloaded(
    bundle: Path, tmp_path: Path, there: bool
) -> None:
    if not there:
        bundle.unlink()
    said: list[str] = []
    with pytest.raises(RunError) as caught:
        make_starter(tmp_path / "models" / "starter", tmp_path, said.append)
    assert caught.value.code == "model.bundled_damaged"
    assert "Install Phi-3 Studio again" in caught.value.hint
    assert said == []
    assert not (tmp_path / "models").exists()


def test_a_model_that_another_process_has_just_made_stays(tmp_path: Path, tiny_phi3: Path) -> None:
    """Two first runs at once: the one that comes second must not take the model from the other."""
    folder = tmp_path / "models" / "starter"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")  # what a broken disk left
    for number in range(2):
        made = tmp_path / f"made{number}"
        shutil.copytree(tiny_phi3, made)
        (made / "README.md").write_text(str(number))
        place(made, folder)
        assert (folder / "README.md").read_text() == "0"
        assert not (folder / made.name).exists()


@pytest.mark.usefixtures("bundle")
def test_the_installed_app_has_nothing_to_download_for_it() -> None:
    known = {entry.name: bytes_to_download(entry) for entry in catalogue()}
    assert known.pop("starter") == 0
    assert all(known.values())
