"""The models commands as processes, with their service, against the stand-in."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from tests.worker.hub_standin import TOKEN, Fault, HubStandIn, Repo
from tests.worker.running import tiny_recipe, wait_for_end

pytestmark = pytest.mark.long

HUB_ID = "tests/tiny"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class World:
    """A hub, a user with an empty cache, and who connected to where."""

    hub: HubStandIn
    environment: dict[str, str]
    connections: Path

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "phi3studio", "models", *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def models(self, *arguments: str | Path) -> Done:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in out + err, err
        return Done(process.returncode, out, err)


@pytest.fixture
def world(tmp_path: Path, tiny_phi3: Path, home: Home, watcher: Path) -> Iterator[World]:
    files = {file.name: file.read_bytes() for file in tiny_phi3.iterdir()}
    with HubStandIn({HUB_ID: Repo(files)}) as hub:
        dropped = ("HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")
        environment = {key: value for key, value in os.environ.items() if key not in dropped}
        connections = tmp_path / "connections"
        environment |= {
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": hub.endpoint,
            "PYTHONPATH": str(watcher),
            "WATCHED_CONNECTIONS": str(connections),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        yield World(hub, environment, connections)


def test_a_model_is_got_listed_verified_used_and_removed(
    world: World, home: Home, phrases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    got = world.models("get", HUB_ID)
    assert got.code == 0, got.err
    assert "model.safetensors" in got.err
    again = world.models("get", HUB_ID, "--json").document
    assert (again["name"], again["fetched"]) == (HUB_ID, 0)
    folder = Path(again["folder"])

    rows = {row["name"]: row for row in world.models("list", "--json").document}
    assert rows[HUB_ID] == {
        "name": HUB_ID, "installed": True, "place": "hub", "folder": str(folder),
    }  # fmt: skip
    assert rows["phi-4-mini"]["installed"] is False
    assert rows["phi-4-mini"]["licence"] == "MIT"
    assert HUB_ID in world.models("list").out

    # A run uses it by that name, and reaches nobody.
    monkeypatch.setenv("HF_HOME", world.environment["HF_HOME"])
    recipe = tiny_recipe(Path("unused"), phrases, max_steps=1)
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"source": HUB_ID})})
    run = RunStore(home).create(recipe)
    asked = len(world.hub.requests)
    launch.start(run)
    assert wait_for_end(run) == "completed"
    assert len(world.hub.requests) == asked

    assert world.models("verify", HUB_ID, "--json").document[0]["damages"] == []
    weights = (folder / "model.safetensors").resolve()
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    bad = world.models("verify")
    assert bad.code == 1
    assert "DAMAGED" in bad.out
    assert "model.safetensors" in bad.out

    removed = world.models("remove", HUB_ID, "--json").document
    assert removed["place"] == "hub"
    assert removed["bytes"] > len(data)
    assert not folder.exists()
    assert world.models("remove", HUB_ID, "--json").code == 2
    assert not world.connections.exists() or world.connections.read_text() == ""


def test_a_download_that_was_interrupted_goes_on(world: World) -> None:
    files = world.hub.repos[HUB_ID].files
    weights = files["model.safetensors"]
    end = 8 + int.from_bytes(weights[:8], "little")
    header = weights[8:end] + b" " * 3_000_000  # so that it takes a while and stays whole
    files["model.safetensors"] = len(header).to_bytes(8, "little") + header + weights[end:]
    world.hub.plan = lambda request, size: Fault(bytes_per_s=2e6) if size > 10**6 else None
    process = world.start("get", HUB_ID)
    cache = Path(world.environment["HF_HOME"]) / "hub"
    wait_until(lambda: any(f.stat().st_size > 500_000 for f in cache.rglob("*.incomplete")))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    (partial,) = cache.rglob("*.incomplete")
    kept = partial.stat().st_size
    world.hub.plan = lambda request, size: None
    got = world.models("get", HUB_ID, "--json")
    assert got.code == 0, got.err
    total = sum(map(len, world.hub.repos[HUB_ID].files.values()))
    assert got.document["fetched"] <= total - kept
    assert f"bytes={kept}-" in {request.range for request in world.hub.requests}


def test_a_gated_model_is_refused_with_the_next_step_and_got_with_a_token(world: World) -> None:
    world.hub.repos[HUB_ID].gated = True
    refused = world.models("get", HUB_ID, "--json")
    assert refused.code == 2
    assert refused.document["error"]["code"] == "model.gated"
    assert "sign-in" in refused.document["error"]["hint"]
    world.environment["HF_TOKEN"] = TOKEN
    assert world.models("get", HUB_ID).code == 0


def test_a_folder_is_added_and_forgotten(world: World, tiny_phi3: Path) -> None:
    added = world.models("add", tiny_phi3, "--name", "mine", "--json").document
    assert added == {"name": "mine", "folder": str(tiny_phi3)}
    assert world.models("add", tiny_phi3, "--name", "mine").code == 2
    said = world.models("remove", "mine", "--yes")
    assert "forgotten" in said.out
    assert (tiny_phi3 / "config.json").is_file()


@pytest.mark.parametrize("name", ["phi-4-mini", "tests/absent"])
def test_a_run_with_a_model_that_is_not_here_says_how_to_get_it(
    world: World, home: Home, phrases: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HF_HOME", world.environment["HF_HOME"])
    monkeypatch.setenv("HF_ENDPOINT", world.hub.endpoint)
    recipe = tiny_recipe(Path("unused"), phrases)
    recipe = recipe.model_copy(update={"model": recipe.model.model_copy(update={"source": name})})
    run = RunStore(home).create(recipe)
    launch.start(run)
    assert wait_for_end(run) == "failed"
    finished = run.view().finished
    assert finished is not None
    assert finished.code == "model.not_on_disk"
    assert f"phi3studio models get {name}" in finished.error.hint
    assert world.hub.requests == []


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
