"""What runs in the cloud: the job's inputs become a run folder, the worker does the run.

Started by ``start.py`` of the job's code folder, once for each training process. The process of
rank 0 writes the events where Azure ML shows them while the job runs, and copies the results to
the output at the end; the others only train along.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from phi3studio.app.paths import Home
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.run_events import Finished
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.models.model_store import ModelStore
from phi3studio.runs.launch import worker_environment
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.azure.keep import Keeper, drop_kept, restore
from phi3studio.worker.azure.results import write_results
from phi3studio.worker.azure.spec import EVENTS
from phi3studio.worker.failures import translate
from phi3studio.worker.process.emit import Emitter

_MODEL_WAIT_S = 3600.0


@dataclass(frozen=True)
class Place:
    """Which of the job's processes this is."""

    rank: int
    local_rank: int

    @classmethod
    def of_environment(cls) -> Place:
        """As Azure ML's PyTorch distribution (and torchrun) says it."""
        return cls(int(os.environ.get("RANK", "0")), int(os.environ.get("LOCAL_RANK", "0")))


@dataclass(frozen=True)
class Order:
    """The command line of the job."""

    recipe: Path
    output: Path
    inputs: dict[str, Path] = field(default_factory=dict)
    key_vault: str | None = None
    secret: str = "hf-token"  # noqa: S105 - the name of a secret
    connection: str | None = None
    identity: str = "none"


def read_order(arguments: Sequence[str]) -> Order:
    """Parse the command line; ends the process with a usage message for a wrong one."""
    parser = argparse.ArgumentParser(prog="phi3studio-job")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--input", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--key-vault")
    parser.add_argument("--secret", default="hf-token")
    parser.add_argument("--connection")
    parser.add_argument("--identity", default="none")
    given = vars(parser.parse_args(arguments))
    pairs = (item.partition("=") for item in given.pop("input"))
    return Order(inputs={name: Path(path) for name, _, path in pairs}, **given)


def do_job(order: Order, place: Place) -> int:
    """Do the whole job of one process; returns its exit code."""
    shared = _shared_folder()
    home = _home(shared, place)
    os.environ["PHI3STUDIO_HOME"] = str(home.root)
    recipe = with_inputs(parse_recipe(json.loads(order.recipe.read_text("utf-8"))), order.inputs)
    if place.rank > 0:
        recipe = recipe.model_copy(update={"steps": ["train"]})
    run = RunStore(home).create(recipe)
    if place.rank == 0:
        shown = Path(EVENTS).absolute()
        shown.parent.mkdir(parents=True, exist_ok=True)
        shown.touch()
        run.events_file.symlink_to(shown)
    try:
        _get_model(recipe, home, order, place, shared)
    except UserFacingError as exc:
        _report(run, exc)
        return exc.exit_code
    except Exception as exc:
        _report(run, translate(exc))
        raise
    if "checkpoints" in order.inputs:
        restore(order.inputs["checkpoints"], run.checkpoints)
    if place.rank > 0:
        return _work(run)
    with Keeper(run.checkpoints, order.output):
        code = _work(run)
    if code == 0:
        write_results(run, order.output)
        drop_kept(order.output)
    return code


def with_inputs(recipe: Recipe, inputs: dict[str, Path]) -> Recipe:
    """The recipe with the mounted paths of the job's inputs."""
    data, model = recipe.data, recipe.model
    if data is not None and "data" in inputs:
        also = [str(inputs[f"also_{at}"]) for at in range(1, len(data.also) + 1)]
        split = data.split
        if "held_out" in inputs:
            split = split.model_copy(update={"file": str(inputs["held_out"])})
        data = data.model_copy(update={"source": str(inputs["data"]), "also": also, "split": split})
    if "model" in inputs:
        found = str(find_model(inputs["model"]))
        model = model.model_copy(update={"source": found, "revision": None})
    if "adapter" in inputs:
        model = model.model_copy(update={"adapter": str(inputs["adapter"])})
    return recipe.model_copy(update={"data": data, "model": model})


def find_model(folder: Path) -> Path:
    """The model in a mounted folder: MLflow's, or the only folder with a config.json."""
    if (folder / "MLmodel").is_file() or (folder / "config.json").is_file():
        return folder
    found = sorted({file.parent for name in ("MLmodel", "config.json") for file in
                    (*folder.glob(f"*/{name}"), *folder.glob(f"*/*/{name}"))})  # fmt: skip
    return found[0] if len(found) == 1 else folder


# --- the model ----------------------------------------------------------------------------------


def _get_model(recipe: Recipe, home: Home, order: Order, place: Place, shared: Path) -> None:
    """Download a model that the job did not get as an input: once on each machine."""
    if "model" in order.inputs:
        return
    done, failed = shared / "model.done", shared / "model.failed"
    if place.local_rank > 0:
        end = time.monotonic() + _MODEL_WAIT_S
        while not done.exists() and not failed.exists() and time.monotonic() < end:
            time.sleep(1)
        return
    from phi3studio.worker.models.download import get_model

    token = hub_token(order)
    if token is not None:
        os.environ["HF_TOKEN"] = token
    try:
        source, revision = recipe.model.source, recipe.model.revision
        get_model(source, ModelStore(home), revision=revision, tell=_print)
    except BaseException:
        failed.touch()
        raise
    finally:
        # The worker needs the network no more, nor the token.
        os.environ.pop("HF_TOKEN", None)
    done.touch()


def hub_token(order: Order) -> str | None:
    """The hub's token, read with the job's identity; ``None`` where the recipe names no place."""
    if order.key_vault is None and order.connection is None:
        return None
    if order.identity == "user":
        from azure.ai.ml.identity import AzureMLOnBehalfOfCredential

        credential = AzureMLOnBehalfOfCredential()
    else:
        from azure.identity import ManagedIdentityCredential

        client = os.environ.get("DEFAULT_IDENTITY_CLIENT_ID")
        credential = ManagedIdentityCredential(**{"client_id": client} if client else {})
    if order.key_vault is not None:
        from azure.keyvault.secrets import SecretClient

        found = SecretClient(order.key_vault, credential).get_secret(order.secret)
        return str(found.value)
    from azure.ai.ml import MLClient

    client = MLClient(
        credential,
        os.environ["AZUREML_ARM_SUBSCRIPTION"],
        os.environ["AZUREML_ARM_RESOURCEGROUP"],
        os.environ["AZUREML_ARM_WORKSPACE_NAME"],
        enable_telemetry=False,
    )
    connection = client.connections.get(order.connection, populate_secrets=True)
    secrets = connection.credentials
    return str(getattr(secrets, "key", None) or secrets["key"])


def _print(item: dict[str, object]) -> None:
    activity = item.get("activity")
    if activity:
        print(activity, flush=True)


# --- the run ------------------------------------------------------------------------------------


def _work(run: RunFolder) -> int:
    """Run the worker, its output in the job's log; a job that is ended cancels it."""
    run.work.mkdir(exist_ok=True)
    environment = worker_environment(run)
    paths = [str(Path(__file__).resolve().parents[3]), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    command = [sys.executable, "-P", "-m", "phi3studio", "worker", "run", str(run.path)]

    def stop(number: int, frame: FrameType | None) -> None:
        run.cancel_marker.touch()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return subprocess.call(command, env=environment, cwd=run.path, stdin=subprocess.DEVNULL)


def _report(run: RunFolder, error: UserFacingError) -> None:
    """Report an error that came before the worker, as the worker would have."""
    print(f"Error: {error.message}\n{error.hint}\n[{error.code}]", file=sys.stderr, flush=True)
    with Emitter(run) as emit:
        emit(Finished.failed(error))


def _shared_folder() -> Path:
    """A folder that the job's processes on this machine share."""
    name = os.environ.get("AZUREML_RUN_ID") or f"{os.getppid()}"
    folder = Path(tempfile.gettempdir()) / f"phi3studio-job-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _home(shared: Path, place: Place) -> Home:
    """A home for this process's run; the models are the machine's."""
    home = Home(shared / f"process-{place.local_rank}")
    home.root.mkdir(exist_ok=True)
    models = shared / "models"
    models.mkdir(exist_ok=True)
    if not home.models.is_symlink():
        home.models.symlink_to(models)
    os.environ.setdefault("HF_HOME", str(shared / "hub"))
    return home


if __name__ == "__main__":
    sys.exit(do_job(read_order(sys.argv[1:]), Place.of_environment()))
