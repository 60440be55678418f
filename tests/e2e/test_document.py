"""The source document from the command line: each of its configs to a model that answers.

``tests/gui/test_document.py`` does the same in the window.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.runs.store import RunFolder, RunStore
from tests.cli.conftest import say
from tests.conftest import end_workers
from tests.document import (
    check_run,
    check_starter,
    cloud_document,
    local_document,
    starter_document,
)
from tests.worker.azure_standin import AzureStandIn
from tests.worker.running import story

MODEL = "azureml-msr/models/Phi-3-mini-4k-instruct/versions/11"


def run_of(config: Path, home: Home) -> RunFolder:
    """``phi3studio run olive-config.json`` in the config's folder, to its end."""
    said = say("run", config.name, home=home, cwd=config.parent)
    run = RunStore(home).all()[0]
    assert said.code == 0, said.err + story(run)
    assert "carried     passes.lora.config.lora_r: 64 → method.rank" in said.err
    assert "Refused" not in said.err
    return run


def answer(home: Home, *arguments: str) -> str:
    said = say("chat", "latest", *arguments, "--max-tokens", "8", "--json", home=home)
    assert said.code == 0, said.err
    assert said.document["tokens"] >= 1
    text: str = said.document["text"]
    return text


# Trains, builds int4 and measures; the document's own chain, once for each of its data blocks.
@pytest.mark.parametrize(
    ("name", "rows", "question"),
    [
        ("lora-phrases", 40, "The results came back clear!"),
        ("qlora-questions", 30, "What is 2 and 2?"),
    ],
)
def test_a_config_of_the_document_runs_to_an_answer(
    name: str, rows: int, question: str, home: Home, tiny_phi3: Path, tmp_path: Path
) -> None:
    if name.startswith("qlora"):
        pytest.importorskip("bitsandbytes")
    run = run_of(local_document(tmp_path, tiny_phi3, name), home)
    check_run(run, 0.3 * rows)
    assert run.recipe().method.kind == name.partition("-")[0]
    answer(home, "--prompt", question)


@pytest.fixture
def standin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureStandIn]:
    """Azure's services, found by the program."""
    pytest.importorskip("azure.ai.ml")
    with AzureStandIn(tmp_path / "azure", time.time) as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


# The job really trains, in a stand-in for Azure ML: its model comes back and answers here.
def test_the_cloud_blocks_of_the_document_run_to_an_answer(
    home: Home, standin: AzureStandIn, tiny_phi3: Path, tmp_path: Path
) -> None:
    from tests.worker.test_azure_runs import Machine

    standin.life = machine = Machine(tmp_path / "machine")
    standin.folders[MODEL] = tiny_phi3
    (tmp_path / "config").mkdir()
    run = run_of(cloud_document(tmp_path / "config", standin), home)
    machine.wait()
    inputs = standin.job.body["properties"]["inputs"]
    assert {name: given["uri"] for name, given in inputs.items()} == {
        "data": "azureml://datastores/workspaceblobstore/paths/folder/train_data.json",
        "model": f"azureml://registries/{MODEL}",
    }
    check_run(run, 0.3 * 30)
    answer(home, "--prompt", "What is 2 and 2?")


@pytest.mark.slow
def test_the_documents_classifier_becomes_good_on_the_starter(
    starter: Home, tmp_path: Path
) -> None:
    run = run_of(starter_document(tmp_path), starter)
    end_workers(starter)
    check_starter(run)
    assert answer(starter, "--prompt", "The results came back clear!") in (
        "Joy", "Sad", "Fear", "Surprise",
    )  # fmt: skip
