"""The azure service: what the command line asks for without a run."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

from phi3studio.app.files import new_folder, write_atomically
from phi3studio.domain.azure import Azure
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe, parse_recipe

README = "README.txt"


def check(params: dict[str, Any], cancel: Any) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Look for what ``recipe``'s job lacks; yields one finding after the other."""
    azure = section_of(parse_recipe(params["recipe"]))
    from phi3studio.worker.azure.connect import connect
    from phi3studio.worker.azure.job_check import check as look

    for finding in look(azure, connect(azure)):
        yield finding.to_json()
    return {}


def export(params: dict[str, Any], cancel: Any) -> dict[str, Any]:
    """Write ``recipe``'s job into ``out``, a new or empty folder; returns its files."""
    recipe, out = parse_recipe(params["recipe"]), Path(str(params["out"]))
    return {"folder": str(out), "files": export_job(recipe, out)}


def export_job(recipe: Recipe, out: Path) -> list[str]:
    """Write job.yml, conda.yml and the code folder; returns the names.

    Raises :class:`InputError` for a folder that is not empty.
    """
    section_of(recipe)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("azure.export_exists", path=out)
    made = new_folder(out)
    from phi3studio.worker.azure.spec import write_job

    try:
        files = write_job(recipe, out, f"phi3studio-{recipe.slug}")
        write_atomically(out / README, _readme(recipe))
    except BaseException:
        for item in [out] if made else list(out.iterdir()):
            shutil.rmtree(item, ignore_errors=True) if item.is_dir() else item.unlink()
        raise
    return [*files, README]


def section_of(recipe: Recipe) -> Azure:
    """The section azure of a recipe; raises :class:`InputError` without one."""
    if recipe.azure is None:
        raise InputError("azure.no_section", recipe=recipe.name)
    return recipe.azure


def _readme(recipe: Recipe) -> str:
    azure = section_of(recipe)
    return "\n".join(
        [
            f"{recipe.name}: a job for Azure Machine Learning, exported from Phi-3 Studio.",
            "",
            "In this folder, with Azure's command line and its extension ml:",
            "",
            f"    az ml job create --file job.yml --subscription {azure.subscription} \\",
            f"        --resource-group {azure.resource_group} --workspace-name {azure.workspace}",
            "",
            "A job's name is used once: change name in job.yml before you create another.",
            "Files of this computer that the recipe names are uploaded from where they are.",
            "The results are written to the datastore as outputs.run of job.yml says, with their",
            "checksums: adapter/, model/ and data/.",
            "",
        ]
    )


def handlers() -> dict[str, Any]:
    """The service's methods."""
    return {"check": check, "export": export}
