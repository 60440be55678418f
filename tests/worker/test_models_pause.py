"""``models get`` on the command line: paused by Ctrl-C, gone on with, dropped; and listed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from phi3studio.app.download_log import DownloadLog
from phi3studio.app.paths import Home
from phi3studio.models.hub_cache import HubCache
from phi3studio.models.unfinished import discard, unfinished_bytes
from tests.worker.hub_standin import Fault, HubStandIn, Repo
from tests.worker.test_models_download import HUB_ID, model_files

SIZE = 3_000_000
Studio = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")


@pytest.fixture
def hub() -> Iterator[HubStandIn]:
    """Slow enough to be stopped half-way."""
    with HubStandIn({HUB_ID: Repo(model_files(shards=1, size=SIZE))}) as standin:
        standin.plan = lambda request, size: Fault(bytes_per_s=400_000) if size > 10**5 else None
        yield standin


@pytest.fixture
def cache(tmp_path: Path) -> HubCache:
    return HubCache(tmp_path / "hf" / "hub")


@pytest.fixture
def studio(home: Home, hub: HubStandIn, tmp_path: Path) -> Studio:
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"}
    } | {
        "PHI3STUDIO_HOME": str(home.root),
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "phi3studio", *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def paused(studio: Studio, cache: HubCache) -> str:
    """Begin, press Ctrl-C when a good part is there; what the command said."""
    program = studio("models", "get", HUB_ID)
    end = time.monotonic() + 60
    while unfinished_bytes(cache, HUB_ID) < 700_000:
        assert program.poll() is None, program.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=20)
    assert program.returncode == 130, said
    return said


def test_ctrl_c_pauses_and_the_same_command_goes_on(
    studio: Studio, hub: HubStandIn, cache: HubCache, home: Home
) -> None:
    said = paused(studio, cache)
    assert "Paused:" in said
    assert f"phi3studio models get {HUB_ID} continues" in said
    assert "Traceback" not in said
    kept = unfinished_bytes(cache, HUB_ID)
    assert kept >= 700_000
    sent = hub.sent
    hub.plan = lambda request, size: None
    program = studio("models", "get", HUB_ID)
    out, said = program.communicate(timeout=90)
    assert program.returncode == 0, said
    assert f"{HUB_ID} is in" in out
    assert hub.sent - sent < SIZE, "what was there was not fetched again"
    assert unfinished_bytes(cache, HUB_ID) == 0
    last, first = DownloadLog(home.root).read()
    assert (first.what, first.outcome, last.outcome) == (HUB_ID, "stopped", "done")
    assert first.hosts == ("127.0.0.1",)
    assert SIZE < first.bytes + last.bytes < SIZE + 1_500_000


def test_a_paused_download_is_dropped_by_remove(
    studio: Studio, cache: HubCache, home: Home
) -> None:
    paused(studio, cache)
    program = studio("models", "remove", HUB_ID, "--yes")
    out, said = program.communicate(timeout=30)
    assert program.returncode == 0, said
    assert out.startswith(f"Removed {HUB_ID}")
    assert not cache.repo(HUB_ID).exists()


def test_a_whole_model_is_not_touched_by_dropping_what_is_unfinished(cache: HubCache) -> None:
    repo = cache.repo("a/b")
    (repo / "blobs").mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0" * 40)
    (repo / "blobs" / ("1" * 64)).write_bytes(b"whole")
    (repo / "blobs" / f"{'2' * 64}.incomplete").write_bytes(b"half")
    # Another program's unfinished file has a longer name.
    theirs = repo / "blobs" / f"{'3' * 64}.7b2c.incomplete"
    theirs.write_bytes(b"theirs")
    assert unfinished_bytes(cache, "a/b") == 4
    assert discard(cache, "a/b") == 4
    assert sorted(item.name for item in (repo / "blobs").iterdir()) == ["1" * 64, theirs.name]
    assert unfinished_bytes(cache, "a/b") == 0
    assert discard(cache, "nobody/nothing") == 0
