"""The models that the server answers with, and the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from tests import tiny_families
from tests.services.model_server import Server, exports, running
from tests.worker.running import completed, only_export
from tests.worker.test_chat_templates import tokenizer


@pytest.fixture(scope="session")
def conversational(pair, tmp_path_factory) -> Path:
    """The float32 model as if it had been trained on conversations."""
    import shutil

    folder = shutil.copytree(pair.second.model, tmp_path_factory.mktemp("talk") / "model")
    facts = json.loads((folder / "studio.json").read_text())
    (folder / "studio.json").write_text(json.dumps(facts | {"template": None}))
    return folder


@pytest.fixture(scope="session")
def with_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose chat template knows tools, and whose vocabulary has every sign of JSON."""
    root = tmp_path_factory.mktemp("tools")
    base = tiny_families.make(tiny_families.SHAPES["qwen2.5"], root / "base")
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (base / file).unlink(missing_ok=True)
    tokenizer("qwen2.5").save_pretrained(base)
    run = RunStore(Home(root / "home")).create(only_export(base, ["quantise"]))
    launch.start(run)
    return completed(run).model


@pytest.fixture
def server(pair, conversational, with_tools, home, tmp_path) -> Iterator[Server]:
    with running(exports(pair.second.model, with_tools, conversational), tmp_path) as found:
        yield found
