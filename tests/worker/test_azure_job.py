"""What a job brings along, what Azure ML's own validation says of it, and what it does there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("azure.ai.ml")

from safetensors.numpy import load_file

from installers.lock import LOCKS, read_lock
from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.run_events import Progress
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.event_file import all_events
from phi3studio.worker.azure.azure_service import export_job
from phi3studio.worker.azure.pins import job_requirements
from phi3studio.worker.azure.spec import job_values
from tests.worker import azure_standin as az
from tests.worker.azure_standin import AzureStandIn
from tests.worker.hub_standin import TOKEN, HubStandIn, Repo
from tests.worker.test_azure_runs import cloud_recipe, section

REGISTRY = "azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions/11"
VAULT = {"key_vault": "https://keys.vault.azure.net", "secret": "hf-token"}
SECTIONS: dict[str, dict[str, Any]] = {
    "a cluster of CPUs": {},
    "a GPU": {"compute": "gpu-cluster", "gpus": 1},
    "many GPUs of many machines": {"compute": "gpu-cluster", "gpus": 4, "nodes": 2},
    "Kubernetes": {"compute": "arc", "gpus": 1, "instance_type": "gpu-small"},
    "data of a datastore": {"data": "azureml://datastores/workspaceblobstore/paths/a/b.jsonl"},
    "a data asset": {"data": "azureml:phrases:3", "data_type": "folder"},
    "a Data Lake": {
        "data": "abfss://rows@lake0001.dfs.core.windows.net/tuning",
        "data_type": "folder",
        "job_identity": "managed",
    },
    "a registry's data": {"data": "azureml://registries/shared/data/phrases/versions/3"},
    "a registry's model": {"model": REGISTRY},
    "a model of the workspace": {"model": "azureml:mine:2", "model_format": "custom"},
    "a token": {"hub_token": VAULT, "job_identity": "managed"},
    "my identity": {"hub_token": {"connection": "hub"}, "job_identity": "user"},
    "an image of my own": {"image": "mine.azurecr.io/train:1", "hours": 0.5},
}

# The SDK uses marshmallow as it was before its release 4.
pytestmark = pytest.mark.filterwarnings("ignore:The `context` parameter:DeprecationWarning")


@pytest.fixture
def standin(tmp_path: Path, home: Home, monkeypatch) -> Iterator[AzureStandIn]:
    with AzureStandIn(tmp_path / "azure") as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


# --- the files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECTIONS)
def test_azures_own_validation_has_nothing_against_a_job(
    name, standin, tiny_phi3, phrases, tmp_path
) -> None:
    from azure.ai.ml import load_job

    from phi3studio.worker.azure.connect import connect

    recipe = cloud_recipe(tiny_phi3, phrases, section(**SECTIONS[name]), batch_size=8)
    export_job(recipe, tmp_path / "out")
    job = load_job(tmp_path / "out" / "job.yml")
    result = connect(recipe.azure).client.jobs.validate(job)
    # Warnings would stand beside the result.
    assert json.loads(str(result)) == {"result": "Succeeded"}
    assert standin.requests == []
    assert job.environment.conda_file["dependencies"][0] == "python=3.11"


def test_the_job_of_a_recipe_as_a_whole(home, tiny_phi3, phrases) -> None:
    azure = section(
        compute="arc",
        gpus=2,
        nodes=2,
        instance_type="gpu-small",
        model=REGISTRY,
        data="azureml:phrases:3",
        job_identity="managed",
        hub_token=VAULT,
        hours=2,
    )
    values = job_values(cloud_recipe(tiny_phi3, phrases, azure), azure, "my-job")
    del values["environment_variables"]
    assert values == {
        "$schema": "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json",
        "type": "command",
        "name": "my-job",
        "display_name": "cloud",
        "experiment_name": "phi3studio",
        "compute": "azureml:arc",
        "environment": {
            "image": "mcr.microsoft.com/azureml/openmpi5.0-cuda12.4-ubuntu22.04:latest",
            "conda_file": "conda.yml",
        },
        "code": "code",
        "command": "python start.py recipe.json --input data=${{inputs.data}} "
        "--input model=${{inputs.model}} --output ${{outputs.run}} "
        "--key-vault https://keys.vault.azure.net --secret hf-token --identity managed",
        "inputs": {
            "data": {"type": "uri_file", "path": "azureml:phrases:3", "mode": "ro_mount"},
            "model": {"type": "mlflow_model", "path": REGISTRY, "mode": "ro_mount"},
        },
        "outputs": {
            "run": {
                "type": "uri_folder",
                "mode": "rw_mount",
                "path": "azureml://datastores/workspaceblobstore/paths/phi3studio/my-job",
            }
        },
        "resources": {"instance_count": 2, "instance_type": "gpu-small"},
        "limits": {"timeout": 7200},
        "distribution": {"type": "pytorch", "process_count_per_instance": 2},
        "identity": {"type": "managed"},
    }


def test_the_environment_is_pinned_and_has_no_window(home, tiny_phi3, phrases, tmp_path) -> None:
    export_job(cloud_recipe(tiny_phi3, phrases), tmp_path / "out")
    conda = yaml.safe_load((tmp_path / "out" / "conda.yml").read_text())
    pins = conda["dependencies"][-1]["pip"]
    assert all(re.fullmatch(r"[a-z0-9-]+==[\w.]+", pin) for pin in pins), pins
    names = {pin.partition("==")[0] for pin in pins}
    assert {
        "torch",
        "transformers",
        "peft",
        "olive-ai",
        "onnxruntime-genai",
        "python-calamine",
    } <= names
    assert names.isdisjoint({"pyside6", "qasync", "pyqtgraph", "typer", "azure-ai-ml", "pytest"})
    constraints = Path(__file__).parents[2] / "installers" / "constraints" / "base.txt"
    theirs = {
        name.lower().replace("_", "-"): version
        for name, _, version in (
            line.partition("==") for line in constraints.read_text().splitlines()
        )
    }
    for pin in pins:
        name, _, version = pin.partition("==")
        assert theirs.get(name, version) == version


def test_a_job_on_a_gpu_takes_the_releases_for_linux() -> None:
    # The same packages have other releases on Windows.
    lock = read_lock((LOCKS / "cuda-linux.txt").read_text("utf-8"))
    pins = [pin.partition("==") for pin in job_requirements("cuda") if "onnxruntime" in pin]
    assert [name for name, _, _ in pins] == [
        "onnxruntime-genai-cuda",
        "onnxruntime-gpu[cuda,cudnn]",
    ]
    for name, _, version in pins:
        assert lock[name.partition("[")[0]][0] == version


def test_the_code_is_always_the_same_and_names_nothing_of_this_computer(
    home, tiny_phi3, phrases, tmp_path
) -> None:
    recipe = cloud_recipe(tiny_phi3, phrases)
    for name in ("a", "b"):
        export_job(recipe, tmp_path / name)
    first, second = (
        {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in (tmp_path / name / "code").iterdir()
        }
        for name in ("a", "b")
    )
    assert first == second
    assert set(first) == {"phi3studio.zip", "recipe.json", "start.py"}
    given = (tmp_path / "a" / "code" / "recipe.json").read_text()
    assert str(phrases.parent) not in given
    assert str(tiny_phi3.parent) not in given
    assert "azure" not in json.loads(given)
    with zipfile.ZipFile(tmp_path / "a" / "code" / "phi3studio.zip") as archive:
        names = archive.namelist()
    assert "phi3studio/worker/azure/job.py" in names
    assert not [name for name in names if "/gui/" in name or "/cli/" in name or ".git" in name]


def test_a_folder_with_something_in_it_is_left_alone(home, tiny_phi3, phrases, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError) as caught:
        export_job(cloud_recipe(tiny_phi3, phrases), tmp_path)
    assert caught.value.code == "azure.export_exists"


def test_a_pattern_of_files_cannot_be_given_to_a_job(home, tiny_phi3, phrases, tmp_path) -> None:
    recipe = cloud_recipe(tiny_phi3, phrases.parent / "*.jsonl")
    with pytest.raises(InputError) as caught:
        export_job(recipe, tmp_path / "out")
    assert caught.value.code == "azure.pattern"
    assert not (tmp_path / "out").exists()


# --- what the job does ---------------------------------------------------------------------------


def do_job(
    recipe: Recipe, folder: Path, processes: int = 1, python: Path | None = None, **more: str
) -> list[subprocess.CompletedProcess[str]]:
    """Write the job of a recipe and run its command line, once for each of its processes."""
    export_job(recipe, folder / "job")
    job = yaml.safe_load((folder / "job" / "job.yml").read_text())
    command = job["command"].replace("${{outputs.run}}", str(folder / "output"))
    for name, given in job.get("inputs", {}).items():
        command = command.replace(f"${{{{inputs.{name}}}}}", given["path"])
    command = command.replace("python ", f"exec {python or sys.executable} ", 1)
    hidden = ("PHI3STUDIO_HOME", "PYTHONPATH", "HF_HUB_OFFLINE")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment |= job["environment_variables"]
    environment |= {"AZUREML_RUN_ID": "job", "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"} | more
    running = []
    for rank in range(processes):
        work = Path(shutil.copytree(folder / "job" / "code", folder / f"work-{rank}"))
        own = {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": "29617",
        }
        running.append(
            subprocess.Popen(
                ["/bin/sh", "-c", command],
                cwd=work,
                env=environment | (own if processes > 1 else {}),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    done = []
    for process in running:
        said, _ = process.communicate(timeout=300)
        done.append(subprocess.CompletedProcess(process.args, process.returncode, said))
    return done


def the_losses(folder: Path, rank: int = 0) -> dict[int, float]:
    events = all_events(folder / f"work-{rank}" / "logs/phi3studio/events.jsonl")
    told = [event.payload for event in events]
    return {p.step: p.loss for p in told if isinstance(p, Progress) and p.loss is not None}


@pytest.mark.slow
def test_two_processes_train_what_one_does(home, tiny_phi3, phrases, tmp_path) -> None:
    """Each takes its half of every step's rows; gloo carries the gradients."""
    results = {}
    for processes in (1, 2):
        recipe = cloud_recipe(
            tiny_phi3, phrases, section(nodes=processes), dropout=0.0, evaluations=2, max_steps=6
        )
        recipe = recipe.model_copy(update={"steps": ["train"]})
        folder = tmp_path / str(processes)
        folder.mkdir()
        done = do_job(recipe, folder, processes)
        assert [process.returncode for process in done] == [0] * processes, done[0].stdout[-2000:]
        results[processes] = folder
    one, two = (the_losses(results[processes]) for processes in (1, 2))
    assert list(one) == list(two) == [1, 2, 3, 4, 5, 6]
    assert two == pytest.approx(one, rel=1e-4)
    # Only one of them writes events and results.
    assert not (results[2] / "work-1" / "logs").exists()
    adapters = [
        load_file(folder / "output" / "adapter" / "adapter_model.safetensors")
        for folder in results.values()
    ]
    for key, value in adapters[0].items():
        assert adapters[1][key] == pytest.approx(value, abs=2e-3), key


@pytest.mark.slow
def test_the_hubs_token_comes_from_the_vault_and_stays_nowhere(
    standin, tiny_phi3, phrases, tmp_path
) -> None:
    files = {file.name: file.read_bytes() for file in tiny_phi3.iterdir() if file.is_file()}
    standin.secrets["hf-token"] = TOKEN
    azure = section(hub_token=VAULT, job_identity="managed")
    recipe = cloud_recipe(tiny_phi3, phrases, azure)
    recipe = recipe.model_copy(
        update={
            "model": recipe.model.model_copy(update={"source": "owner/gated"}),
            "steps": ["train"],
        }
    )
    with HubStandIn({"owner/gated": Repo(files, gated=True, granted=True)}) as hub:
        (done,) = do_job(recipe, tmp_path, HF_ENDPOINT=hub.endpoint, **standin.job_environment())
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "output" / "adapter" / "adapter_model.safetensors").is_file()
    secrets = [TOKEN, az.JOB_TOKEN]
    assert not [secret for secret in secrets if secret in done.stdout]
    for file in tmp_path.rglob("*"):
        if file.is_file() and not file.is_relative_to(tmp_path / "azure"):
            data = file.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in data], file


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("hf-token", ["--key-vault", "https://keys.vault.azure.net", "--secret", "hf-token"]),
        ("hub", ["--connection", "hub"]),
    ],
)
def test_the_token_is_read_with_the_jobs_identity(
    standin, place, arguments, monkeypatch, capfd
) -> None:
    from phi3studio.worker.azure.job import hub_token, read_order

    for name, value in standin.job_environment().items():
        monkeypatch.setenv(name, value)
    standin.secrets[place] = TOKEN
    order = read_order(["recipe.json", "--output", "out", *arguments, "--identity", "managed"])
    assert hub_token(order) == TOKEN
    said = capfd.readouterr()
    assert TOKEN not in said.out + said.err


def test_a_model_that_the_hub_does_not_give_is_the_jobs_error(
    standin, tiny_phi3, phrases, tmp_path
) -> None:
    recipe = cloud_recipe(tiny_phi3, phrases)
    recipe = recipe.model_copy(
        update={"model": recipe.model.model_copy(update={"source": "owner/absent"})}
    )
    with HubStandIn({}) as hub:
        (done,) = do_job(recipe, tmp_path, HF_ENDPOINT=hub.endpoint)
    assert done.returncode == 2, done.stdout[-2000:]
    events = list(all_events(tmp_path / "work-0" / "logs/phi3studio/events.jsonl"))
    assert events[-1].payload.code.startswith(("model.", "token."))
    assert not (tmp_path / "output").exists()


@pytest.mark.slow
def test_the_job_runs_in_an_environment_of_its_own_pins(home, tiny_phi3, phrases, tmp_path) -> None:
    import venv

    recipe = cloud_recipe(tiny_phi3, phrases, quantisation="int4")
    export_job(recipe, tmp_path / "pins")
    conda = yaml.safe_load((tmp_path / "pins" / "conda.yml").read_text())
    (tmp_path / "requirements.txt").write_text("\n".join(conda["dependencies"][-1]["pip"]))
    venv.EnvBuilder(with_pip=True, symlinks=True).create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-r", tmp_path / "requirements.txt"]
    subprocess.run(list(map(str, install)), check=True, timeout=550)
    check = subprocess.run(
        [str(python), "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert check.returncode == 0, check.stdout
    (done,) = do_job(recipe, tmp_path, python=python)
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "output" / "model" / "genai_config.json").is_file()
