"""What a job brings along: the program's code, its recipe, and the environment to build."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import phi3studio
from phi3studio.app.advice import repair
from phi3studio.app.files import write_json
from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import RunError
from phi3studio.domain.recipe import Recipe
from phi3studio.resources import resources
from phi3studio.worker.azure.pins import PYTHON, job_requirements

RECIPE = "recipe.json"
PROGRAM = "phi3studio.zip"
START = "start.py"
# The job has no window and no command line.
_LEFT_OUT = frozenset({"__pycache__", "gui", "cli"})
_NOT_NEEDED = frozenset({"translations", "screenshots", "icons", "__pycache__"})
_START = '''"""Unpacks the program into a folder of its own and runs the job."""

import runpy
import sys
import tempfile
import zipfile
from pathlib import Path

folder = tempfile.mkdtemp(prefix="phi3studio-")
with zipfile.ZipFile(Path(__file__).with_name("phi3studio.zip")) as program:
    program.extractall(folder)
sys.path.insert(0, folder)
runpy.run_module("phi3studio.worker.azure.job", run_name="__main__", alter_sys=True)
'''


def job_recipe(recipe: Recipe) -> Recipe:
    """The recipe as the job gets it: nothing of Azure, and the device of its own machine.

    Paths of this computer are left out of it: the job's inputs take their place.
    """
    assert recipe.azure is not None
    device = "cuda" if recipe.azure.gpus else "cpu"
    target = recipe.target.model_copy(update={"train_on": device})
    data = recipe.data
    if data is not None and data.format != "hub":
        split = data.split
        if split.file is not None:
            split = split.model_copy(update={"file": Path(split.file).name})
        source = (recipe.azure.data or data.source).rpartition("/")[2] or "data"
        also = [Path(name).name for name in data.also]
        data = data.model_copy(update={"source": source, "also": also, "split": split})
    training = recipe.training
    if recipe.azure.processes > 1:
        # One process alone cannot go on with other settings.
        training = training.model_copy(update={"recover": False})
    model = recipe.model
    if model.adapter is not None:
        model = model.model_copy(update={"adapter": Path(model.adapter).name})
    if Path(model.source).is_absolute():
        model = model.model_copy(update={"source": Path(model.source).name})
    return recipe.model_copy(
        update={"azure": None, "target": target, "data": data, "model": model, "training": training}
    )


def write_code(recipe: Recipe, folder: Path) -> None:
    """Write the job's code folder: the program as one archive, its start, the recipe.

    One archive, because each file of the folder is a request of its own when it is uploaded.
    Its content decides its bytes: the same program is the same code to Azure ML.
    """
    source = Path(phi3studio.__file__).parent
    if not (source / "__main__.py").is_file():
        raise RunError("azure.no_source", repair=repair("--azure --fresh doctor"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in _files(source):
            # A fixed date; files come in the order of their names.
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.read_bytes())
    (folder / PROGRAM).write_bytes(packed.getvalue())
    (folder / START).write_text(_START, "utf-8")
    write_json(folder / RECIPE, job_recipe(recipe).to_json())


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """Name in the archive and file: the package, then what the worker reads of the resources."""
    for file in sorted(source.rglob("*.py")):
        name = file.relative_to(source)
        if _LEFT_OUT.isdisjoint(name.parts):
            yield f"phi3studio/{name.as_posix()}", file
    for file in sorted(resources().rglob("*")):
        name = file.relative_to(resources())
        if file.is_file() and _NOT_NEEDED.isdisjoint(name.parts):
            yield f"resources/{name.as_posix()}", file


def conda(recipe: Recipe, azure: Azure) -> dict[str, Any]:
    """The conda file of the job's environment: Python, and pip's packages with their versions."""
    flavour = "cuda" if recipe.target.provider == "cuda" and azure.gpus else "cpu"
    extras: tuple[str, ...] = ()
    if azure.hub_token is not None:
        extras = ("azure-identity", "azure-keyvault-secrets")
        if azure.hub_token.connection is not None or azure.job_identity == "user":
            extras = ("azure-identity", "azure-keyvault-secrets", "azure-ai-ml")
    return {
        "name": "phi3studio",
        "channels": ["conda-forge"],
        "dependencies": [f"python={PYTHON}", "pip", {"pip": job_requirements(flavour, extras)}],
    }
