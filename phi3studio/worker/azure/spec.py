"""The job as Azure ML's own YAML: what ``az ml job create`` reads, and what is submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phi3studio.app.files import write_atomically
from phi3studio.app.paths import user_home
from phi3studio.app.telemetry import PROCESS_VARIABLES
from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe
from phi3studio.worker.azure.job_files import RECIPE, START, conda, write_code

JOB = "job.yml"
CONDA = "conda.yml"
CODE = "code"
OUTPUT = "run"
EVENTS = "logs/phi3studio/events.jsonl"
"""Where the job writes its events; Azure ML uploads what is in ``logs`` while the job runs."""

_SCHEMA = "https://azuremlschemas.azureedge.net/latest/commandJob.schema.json"


def output_path(job: str) -> str:
    """The folder of the datastore that holds the job's results."""
    return f"phi3studio/{job}"


def write_job(recipe: Recipe, folder: Path, job: str, checkpoints: str | None = None) -> list[str]:
    """Write ``job.yml``, ``conda.yml`` and the code folder into *folder*; returns their names.

    *job* becomes the job's name; *checkpoints* is the address of those of an earlier job, to go on
    from. Raises :class:`InputError` for inputs that cannot be given to a job.
    """
    azure = recipe.azure
    assert azure is not None  # The recipe refuses azureml without the section.
    values = job_values(recipe, azure, job, checkpoints)
    (folder / CODE).mkdir(parents=True)
    write_code(recipe, folder / CODE)
    write_atomically(folder / CONDA, _yaml(conda(recipe, azure)))
    write_atomically(folder / JOB, _yaml(values))
    return [JOB, CONDA, CODE]


def job_values(
    recipe: Recipe, azure: Azure, job: str, checkpoints: str | None = None
) -> dict[str, Any]:
    """The content of ``job.yml``."""
    inputs = job_inputs(recipe, azure)
    if checkpoints is not None:
        inputs["checkpoints"] = _mounted("uri_folder", checkpoints)
    given = "".join(f" --input {name}=${{{{inputs.{name}}}}}" for name in inputs)
    values: dict[str, Any] = {
        "$schema": _SCHEMA,
        "type": "command",
        "name": job,
        "display_name": recipe.name,
        "experiment_name": azure.experiment,
        "compute": f"azureml:{azure.compute}",
        "environment": {"image": azure.base_image, "conda_file": CONDA},
        "code": CODE,
        "command": f"python {START} {RECIPE}{given}"
        f" --output ${{{{outputs.{OUTPUT}}}}}" + _token_arguments(azure),
        "environment_variables": dict(PROCESS_VARIABLES),
        "inputs": inputs,
        "outputs": {
            OUTPUT: {
                "type": "uri_folder",
                "mode": "rw_mount",
                "path": f"azureml://datastores/{azure.datastore}/paths/{output_path(job)}",
            }
        },
        "resources": {"instance_count": azure.nodes},
        "limits": {"timeout": round(azure.hours * 3600)},
    }
    if not inputs:
        del values["inputs"]
    if azure.instance_type is not None:
        values["resources"]["instance_type"] = azure.instance_type
    if azure.processes > 1:
        values["distribution"] = {
            "type": "pytorch",
            "process_count_per_instance": max(1, azure.gpus),
        }
    if azure.job_identity != "none":
        kind = "managed" if azure.job_identity == "managed" else "user_identity"
        values["identity"] = {"type": kind}
    return values


def job_inputs(recipe: Recipe, azure: Azure) -> dict[str, dict[str, str]]:
    """The job's inputs by name: ``data``, ``also_1`` …, ``held_out``, ``model``, ``adapter``."""
    inputs: dict[str, dict[str, str]] = {}
    data = recipe.data
    if data is not None and azure.data is not None:
        inputs["data"] = _mounted(f"uri_{azure.data_type}", azure.data)
    elif data is not None and data.format != "hub":
        inputs["data"] = _local(data.source)
    if data is not None and data.format != "hub":
        for at, name in enumerate(data.also, start=1):
            inputs[f"also_{at}"] = _local(name)
        if data.split.file is not None:
            inputs["held_out"] = _local(data.split.file)
    if azure.model is not None:
        inputs["model"] = _mounted(f"{azure.model_format}_model", azure.model)
    else:
        folder = model_folder(recipe)
        if folder is not None:
            inputs["model"] = _local(str(folder))
    if recipe.model.adapter is not None:
        inputs["adapter"] = _local(recipe.model.adapter)
    return inputs


def model_folder(recipe: Recipe) -> Path | None:
    """The folder of a base model that has to be uploaded; ``None`` for one that the job can get.

    The starter and the hub's models are downloaded by the job; added models and folders are only
    on this computer.
    """
    from phi3studio.domain.base_models import is_hub_id
    from phi3studio.models.model_store import ModelStore

    store = ModelStore(user_home())
    entry = store.entry(recipe.model.source)
    if entry is not None and entry.origin in ("hub", "wheel"):
        return None
    if entry is None and is_hub_id(recipe.model.source):
        return None
    return store.folder(recipe.model.source, recipe.model.revision)


def _mounted(kind: str, path: str) -> dict[str, str]:
    return {"type": kind, "path": path, "mode": "ro_mount"}


def _local(name: str) -> dict[str, str]:
    path = Path(name)
    if any(sign in name for sign in "*?[") and not path.exists():
        raise InputError("azure.pattern", pattern=name)
    return _mounted("uri_folder" if path.is_dir() else "uri_file", str(path.absolute()))


def _token_arguments(azure: Azure) -> str:
    """Where the job looks for the hub's token: addresses, never the token."""
    token = azure.hub_token
    if token is None:
        return ""
    if token.key_vault is not None:
        where = f" --key-vault {token.key_vault.rstrip('/')} --secret {token.secret}"
    else:
        where = f" --connection {token.connection}"
    return where + f" --identity {azure.job_identity}"


def _yaml(values: dict[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=1000))
