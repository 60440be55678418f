"""A run's result uploaded to a hub on this computer: what goes, to whom, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.runs.bundle.hub_files import check_name, hub_files
from tests.worker.hub_standin import OWNER, TOKEN, Fault, HubStandIn, Repo
from tests.worker.test_gguf_export import run

__all__ = ["run"]


@pytest.fixture
def hub() -> Iterator[HubStandIn]:
    with HubStandIn() as standin:
        yield standin


def push(run, hub, *arguments: str, token: str | None = TOKEN) -> tuple[int, str, str]:
    environment = os.environ | {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
    }
    environment.pop("HF_TOKEN", None)
    if token is not None:
        environment["HF_TOKEN"] = token
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", "push", run.name, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-3000:]
    return done.returncode, done.stdout, done.stderr


def test_the_model_goes_private_with_card_and_licence(run, hub) -> None:
    code, said, wrong = push(run, hub, f"{OWNER}/tones", "--yes", "--json")
    assert code == 0, said + wrong
    document = json.loads(said)
    repo = hub.repos[f"{OWNER}/tones"]
    assert repo.private
    assert document["private"]
    assert document["url"] == f"{hub.endpoint}/{OWNER}/tones"
    assert {item["path"]: item["bytes"] for item in document["files"]} == {
        path: len(content) for path, content in repo.files.items()
    }
    assert {"README.md", "USE.md", "LICENCE-base-model.txt", "model/model.onnx"} <= set(repo.files)
    assert repo.files["README.md"].startswith(b"---\n")
    data = (run.model / "model.onnx.data").read_bytes()
    assert repo.files["model/model.onnx.data"] == data
    assert all(TOKEN.encode() not in content for content in repo.files.values())
    assert str(run.path).encode() not in b"".join(repo.files.values())


def test_an_adapter_lies_where_peft_looks_for_it(run, hub) -> None:
    code, _, wrong = push(run, hub, "tones", "--what", "adapter", "--public", "--yes")
    assert code == 0, wrong
    repo = hub.repos[f"{OWNER}/tones"]
    assert not repo.private
    assert {"README.md", "adapter_config.json", "adapter_model.safetensors"} <= set(repo.files)
    assert {path: len(content) for path, content in repo.files.items()} == {
        file.path: file.bytes for file in hub_files(run, "adapter")
    }
    assert (
        repo.files["adapter_model.safetensors"]
        == (run.adapter / "adapter_model.safetensors").read_bytes()
    )


def test_everything_is_shown_and_nothing_goes_unasked(run, hub) -> None:
    code, said, wrong = push(run, hub, "tones")
    assert code == 2
    assert "push.asks" in wrong
    assert "model/model.onnx.data" in said
    assert "README.md" in said
    assert hub.requests == []


@pytest.mark.parametrize(
    ("name", "token", "code"),
    [
        ("some one/tones", TOKEN, "push.name"),
        ("tones", None, "push.no_token"),
        ("other/tones", TOKEN, "push.refused"),
        ("someone/tones", "hf_anotherone", "token.rejected"),
    ],
)
def test_what_the_hub_or_the_name_forbids_is_said(run, hub, name, token, code) -> None:
    exit_code, _, wrong = push(run, hub, name, "--yes", token=token)
    assert exit_code == 2
    assert code in wrong
    assert hub.repos == {}
    assert TOKEN not in wrong


@pytest.mark.parametrize(
    "name", ["", "a/b/c", "../tones", "a b", "ä", "a--b", "x.git", "a" * 97, "/a", "a/"]
)
def test_a_name_that_no_repository_has_is_refused(name) -> None:
    check_name("some-one/tones_2.1")
    with pytest.raises(InputError) as caught:
        check_name(name)
    assert caught.value.code == "push.name"


def test_a_public_repository_takes_nothing_private(run, hub) -> None:
    hub.repos[f"{OWNER}/tones"] = Repo({"README.md": b"mine"})
    code, _, wrong = push(run, hub, "tones", "--yes")
    assert code == 2
    assert "push.public" in wrong
    assert hub.repos[f"{OWNER}/tones"].files == {"README.md": b"mine"}


def test_an_upload_that_breaks_leaves_no_commit(run, hub) -> None:
    hub.plan = lambda request, size: Fault(status=400) if request.method == "PUT" else None
    code, _, wrong = push(run, hub, "tones", "--yes")
    assert code != 0
    assert "[" in wrong
    assert hub.repos[f"{OWNER}/tones"].files == {}
