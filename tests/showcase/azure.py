"""Recorded runs of jobs in Azure ML: no login, no service, no job."""

from __future__ import annotations

from pathlib import Path

from phi3studio.domain.azure import Azure
from phi3studio.domain.events.event_line import AnyPayload
from phi3studio.domain.events.run_events import Notice, Paused, Progress, Started
from phi3studio.domain.recipe import parse_recipe
from phi3studio.runs.azure_job import KnownJob
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.store import RunFolder
from phi3studio.wizard.azure_form import AzureForm
from tests.showcase.runs import course, write_run

FORM = AzureForm(
    subscription="5d0a2c1e-7c1b-4f63-9a3f-0c9d1f6f2a11",
    resource_group="tuning",
    workspace="studio",
    compute="gpu-cluster",
    nodes=1,
    gpus=2,
    hours=6,
    data_in_cloud=True,
    data="azureml://datastores/workspaceblobstore/paths/emotions/train.jsonl",
    model_in_cloud=True,
    model="azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions/11",
)


def write_cloud_runs(root: Path, sample: str, alive: bool) -> dict[str, RunFolder]:
    """A job that trains, one in the queue, and one that nobody follows at the moment."""
    azure = Azure.model_validate(
        FORM.model_dump(
            include={"subscription", "resource_group", "workspace", "compute", "gpus", "model"}
        )
    )
    values = demo_recipe().to_json()
    values["data"] = {**values["data"], "source": sample}
    values["target"] = {**values["target"], "train_on": "azureml"}
    values["azure"] = azure.model_dump(mode="json", exclude_none=True)

    def write(
        name: str, told: list[tuple[float, AnyPayload]], age_s: float, alive: bool
    ) -> RunFolder:
        recipe = parse_recipe({**values, "name": name})
        job = KnownJob(
            f"phi3studio-{recipe.slug}-3f9a21",
            submitted=True,
            studio=f"https://ml.azure.com/runs/phi3studio-{recipe.slug}-3f9a21",
        )
        text = f"The job {job.name} was submitted to {azure.where}."
        begun: list[tuple[float, AnyPayload]] = [
            (0.0, Started(attempt=1, device="azureml", stages=recipe.stages)),
            (9.0, Notice(code="azure.submitted", text=text)),
        ]
        run = write_run(root, recipe, [*begun, *told], age_s=age_s, alive=alive)
        job.save(run)
        return run

    trained: list[tuple[float, AnyPayload]] = [
        (moment + 60, payload)
        for moment, payload in course(until=119)
        if not isinstance(payload, Started)
    ]
    queued: list[tuple[float, AnyPayload]] = [
        (20.0, Progress(step=0, total=0, activity="in the queue of the compute"))
    ]
    return {
        "cloud": write("emotions-phi-3", trained, 130.0, alive),
        "cloud-queued": write("support-phi-3", queued, 40.0, alive),
        "cloud-left": write("reviews-phi-3", [*trained, (180.0, Paused())], 7 * 3600, False),
    }
