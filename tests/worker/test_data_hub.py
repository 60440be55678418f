"""Data sets of the hub: the real client against a hub on the loopback interface."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Data, Split
from phi3studio.worker.data.preparing.prepare_examples import load_prepared
from phi3studio.worker.data.reading.read_tables import hub_rows
from tests.worker.hub_standin import Fault, HubStandIn, Repo
from tests.worker.running import TEMPLATE, notices, story, tiny_recipe, wait_for_end

pytestmark = pytest.mark.long

NAME = "some/tones"


def rows(part: str, count: int) -> bytes:
    """JSON lines of a phrase and its tone."""
    lines = (
        json.dumps({"phrase": f"{part} phrase number {at}", "tone": ["joy", "fear"][at % 2]})
        for at in range(count)
    )
    return "".join(line + "\n" for line in lines).encode()


@pytest.fixture
def hub(home, monkeypatch) -> Iterator[HubStandIn]:
    card = b"---\nlicense: mit\n---\n"
    files = {"README.md": card, "data/train.jsonl": rows("train", 300)}
    repo = Repo(files | {"data/test.jsonl": rows("test", 20)})
    locked = Repo(dict(files), gated=True)
    with HubStandIn({f"datasets/{NAME}": repo, "datasets/some/locked": locked}) as standin:
        monkeypatch.setenv("HF_ENDPOINT", standin.endpoint)
        monkeypatch.setenv("HF_HOME", str(home.root / "hub"))
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)
        yield standin


def data(*arguments: str) -> tuple[int, Any]:
    """``phi3studio data … --json``: exit code and document."""
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", "data", *arguments, "--format", "hub", "--json"],
        env=os.environ,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_data_set_of_the_hub_is_looked_into(hub, tiny_phi3) -> None:
    code, shapes = data("shapes", NAME)
    assert code == 0, locals()
    assert [column["name"] for column in shapes["columns"]] == ["phrase", "tone"]
    template = "{phrase}{=>}{tone}"
    code, preview = data(
        "preview", NAME, "--split", "test", "--row", "3", "--template", template,
        "--model", str(tiny_phi3), "--length", "128",
    )  # fmt: skip
    assert code == 0, locals()
    assert preview["raw"] == {"phrase": "test phrase number 2", "tone": "joy"}


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        (NAME, ("--split", "nope"), "data.hub_choice"),
        (NAME, ("--config", "nope"), "data.hub_choice"),
        ("some/locked", (), "data.hub"),
        ("some/thing", (), "data.hub"),
    ],
)
def test_what_cannot_be_had_is_said(hub, name, options, code) -> None:
    status, document = data("shapes", name, *options)
    assert status == 2
    assert document["error"]["code"].startswith(code)
    assert document["error"]["hint"]


def test_a_hub_that_does_not_answer_is_said(hub) -> None:
    hub.api_plan = hub.plan = lambda request, size: Fault(status=404)
    status, document = data("shapes", NAME)
    assert status == 2
    assert document["error"]["code"].startswith("data.hub")


@pytest.mark.parametrize("silent", [True, False])
def test_a_hub_that_cannot_be_reached_is_said_within_seconds(hub, monkeypatch, silent) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not silent:
            server.close()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        begin = time.monotonic()
        with pytest.raises(InputError) as caught:
            next(hub_rows(Source(source=NAME, format="hub")))
        assert time.monotonic() - begin < 6
    assert caught.value.code == "data.hub_unreachable"
    assert "127.0.0.1 does not answer" in str(caught.value)


@pytest.mark.parametrize(
    ("slice_", "split", "rows"),
    [
        (None, Split(held_out=0.1), (270, 30)),
        (":40", Split(hub_split="test", slice="1:5"), (40, 4)),
    ],
)
def test_a_run_trains_on_a_data_set_of_the_hub(
    hub, start_run, tiny_phi3, phrases: Path, slice_, split, rows
) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, "hub", max_steps=2)
    recipe = recipe.model_copy(
        update={
            "steps": ["train"],
            "data": Data(source=NAME, format="hub", template=TEMPLATE, slice=slice_, split=split),
        }
    )
    run = start_run(recipe)
    assert wait_for_end(run) == "completed", story(run)
    prepared = load_prepared(run.data)
    assert prepared is not None
    assert (prepared.train_rows, prepared.held_out_rows) == rows
    assert notices(run, "data.left_out") == []
    assert run.adapter.is_dir()
