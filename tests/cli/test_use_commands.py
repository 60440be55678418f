"""Commands that use an exported model, as processes of their own: export, serve, chat, adapters."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from phi3studio.app.paths import Home
from phi3studio.runs.store import RunFolder
from tests.cli.conftest import command

KEY = "only-for-this-test"
PHRASE = "Nobody answered when I called."


@pytest.fixture
def finished(pair, home: Home) -> RunFolder:
    """A completed run in the test's own home."""
    home.runs.mkdir(parents=True)
    copied = shutil.copytree(pair.second.path, home.runs / pair.second.name)
    return RunFolder(Path(copied))


# --- chat ---------------------------------------------------------------------------------------


def test_chat_is_held_to_labels_and_a_schema(studio, finished, tmp_path) -> None:
    ask = ("chat", "latest", "--prompt", PHRASE, "--temperature", "3", "--seed", "1", "--json")
    said = studio(*ask, "--labels", "Joy, Surprise")
    assert said.code == 0, said.err
    assert said.document["text"] in ("Joy", "Surprise")
    (tmp_path / "schema.json").write_text('{"type": "boolean"}')
    said = studio(*ask, "--schema", tmp_path / "schema.json")
    assert said.document["text"] in ("true", "false")


def test_chat_refuses_constraints_that_make_no_sense(studio, finished, tmp_path) -> None:
    (tmp_path / "broken.json").write_text("{")
    for arguments, code in (
        (["--labels", " , "], "chat.labels"),
        (["--labels", "a", "--schema", tmp_path / "broken.json"], "chat.constraint"),
        (["--schema", tmp_path / "broken.json"], "chat.schema"),
        (["--schema", tmp_path / "absent.json"], "chat.schema"),
        (["--adapter", "absent"], "chat.no_adapter"),
        (["--system", "Be brief."], "chat.no_system_turn"),
    ):
        said = studio("chat", "latest", "--prompt", PHRASE, *arguments, "--json")
        assert said.code == 2, said.out
        assert said.document["error"]["code"] == code


def test_adapters_of_a_merged_export_are_none_and_cannot_be_added(studio, finished) -> None:
    assert studio("adapters", "list", "latest", "--json").document["adapters"] == []
    said = studio("adapters", "add", "latest", finished.adapter, "--name", "x", "--json")
    assert said.code == 2
    assert said.document["error"]["code"] == "chat.no_adapters"


# --- export -------------------------------------------------------------------------------------


def test_export_writes_a_bundle_with_the_olive_config(studio, finished, tmp_path) -> None:
    said = studio("export", "latest", "--out", tmp_path / "tone.zip", "--json")
    assert said.code == 0, said.err
    assert said.document["path"] == str(tmp_path / "tone.zip")
    with zipfile.ZipFile(tmp_path / "tone.zip") as archive:
        names = archive.namelist()
        config = json.loads(archive.read("tone/olive/olive-config.json"))
    assert sorted(name.partition("/")[2] for name in names) == sorted(said.document["files"])
    assert not any(name.startswith("tone/olive/data/") for name in names)
    assert config["input_model"]["model_path"] == "tiny-phi3"
    again = studio("export", "latest", "--out", tmp_path / "tone.zip", "--no-olive", "--json")
    assert again.code == 2
    assert again.document["error"]["code"] == "export.exists"
    replaced = studio("export", "latest", "--out", tmp_path / "tone.zip", "--no-olive", "--replace")
    assert replaced.code == 0, replaced.err


def test_export_says_why_there_is_no_olive_config(studio, finished, tmp_path) -> None:
    recipe = json.loads(finished.recipe_file.read_text())
    recipe["data"]["source"] = str(tmp_path / "gone.jsonl")
    finished.recipe_file.write_text(json.dumps(recipe))
    said = studio("export", "latest", "--out", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    assert any("no Olive config" in note for note in said.document["notes"])
    assert not (tmp_path / "out" / "olive").exists()


def test_export_refuses_what_is_not_there(studio, finished, tmp_path) -> None:
    for arguments, code in (
        (["--what", "everything"], "export.what"),
        (["--what", "merged"], "export.nothing_there"),
    ):
        said = studio("export", "latest", "--out", tmp_path / "out", *arguments, "--json")
        assert said.code == 2
        assert said.document["error"]["code"] == code
    assert not (tmp_path / "out").exists()


# --- serve --------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(home: Home, *arguments: str, key: str | None = KEY) -> Iterator[tuple[Any, Any]]:
    """The process and what it printed; ended by Ctrl-C."""
    environment = os.environ | {"PHI3STUDIO_HOME": str(home.root)}
    environment.pop("PHI3STUDIO_API_KEY", None)
    if key is not None:
        environment["PHI3STUDIO_API_KEY"] = key
    process = subprocess.Popen(
        command("serve", "latest", "--port", "0", "--json", *arguments),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        assert lines, process.stderr.read() if process.stderr else ""
        yield process, json.loads("".join(lines))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(15)
        assert process.stderr is not None
        with process.stdout, process.stderr as said:
            process.stderr = io.StringIO(said.read())  # for whoever looks at it afterwards


def client(started: Any, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=started["url"], api_key=key, max_retries=0, timeout=60)


def test_serve_answers_and_shows_its_key_nowhere(home, finished) -> None:
    with serving(home) as (process, started):
        assert started["models"] == [finished.name]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", started["url"])
        answer = client(started, KEY).chat.completions.create(
            model=finished.name, messages=[{"role": "user", "content": PHRASE}], max_tokens=8
        )
        assert answer.usage is not None
        assert answer.usage.completion_tokens > 0
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        for one in children:
            assert KEY not in " ".join(one.cmdline())
            assert KEY not in one.environ().values()
    assert process.returncode == 0
    assert process.stderr.read() == ""
    for file in home.root.rglob("*"):
        if file.is_file() and file.stat().st_size < 1_000_000:
            assert KEY.encode() not in file.read_bytes(), file


def test_serve_makes_a_key_and_shows_it_once(home, finished) -> None:
    with serving(home, key=None) as (process, started):
        shown = process.stderr.readline()
        key = shown.partition(": ")[2].strip()
        assert len(key) > 30
        assert [model.id for model in client(started, key).models.list()] == [finished.name]
        with pytest.raises(openai.AuthenticationError):
            client(started, "guess").models.list()
    assert key not in process.stderr.read()


def test_serve_refuses_an_address_that_is_taken(studio, home, finished) -> None:
    with serving(home) as (_, started):
        port = started["url"].partition("127.0.0.1:")[2].partition("/")[0]
        said = studio("serve", "latest", "--port", port, "--key", "x", "--json")
        assert said.code == 2
        assert said.document["error"]["code"] == "serve.address"
    said = studio("serve", "latest", "--key", " ", "--json")
    assert said.document["error"]["code"] == "serve.key"
