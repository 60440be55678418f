"""Where a recipe's job runs in Azure Machine Learning: workspace, compute, data, model, login.

Pure values; the SDK is in ``worker/azure``. Everything that can be said against a section without
asking the service is said here.
"""

from __future__ import annotations

import re
import uuid
from typing import Literal, NamedTuple

from pydantic import Field, field_validator, model_validator

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipes.section import Section

Login = Literal["cli", "browser", "managed_identity"]
JobIdentity = Literal["none", "managed", "user"]

GPU_IMAGE = "mcr.microsoft.com/azureml/openmpi5.0-cuda12.4-ubuntu22.04:latest"
CPU_IMAGE = "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest"
"""Base images; Python, PyTorch and CUDA's libraries come with the packages of the job, so that the
image's own CUDA is not used. The driver is the machine's: PyTorch's CUDA 13 wants 580 or newer."""

# What a name may be; the message azure.name/… of each says it in words.
_PATTERNS = {
    "resource_group": r"[\w.()-]{1,89}[\w()-]",
    "workspace": r"[A-Za-z0-9][\w-]{1,32}",
    "compute": r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?",
    "datastore": r"\w{1,255}",
    "experiment": r"[A-Za-z0-9][\w-]{0,254}",
    "instance_type": r"[A-Za-z0-9][\w.-]{0,252}",
    "image": r"[\w.:/@-]{1,400}",
}
_REGISTRY_DATA = re.compile(
    r"azureml://registries/(?P<registry>[\w.-]+)/data/(?P<name>[\w.-]+)/versions/(?P<version>[\w.-]+)"
)
_DATA = (
    r"azureml://(?:subscriptions/[^/]+/resource[gG]roups/[^/]+/workspaces/[^/]+/)?"
    r"datastores/[\w-]+/paths/.+",
    r"azureml:[\w.-]+:[\w.-]+",
    r"azureml:[\w.-]+@latest",
    r"abfss://[a-z0-9$][a-z0-9-]{2,62}@[a-z0-9]{3,24}\.dfs\.[a-z.]+/.+",
    _REGISTRY_DATA,
)
_REGISTRY = re.compile(
    r"azureml://registries/(?P<registry>[\w.-]+)/models/(?P<model>[\w.-]+)"
    r"(?:/(?:versions/(?P<version>[\w.-]+)|labels/(?P<label>[\w.-]+)))?/?"
)
_WORKSPACE_MODEL = re.compile(r"azureml:(?P<model>[\w.-]+)(?::(?P<version>[\w.-]+))?")
_MAX_GPUS = 16


class RegisteredModel(NamedTuple):
    """A model (or data) that Azure ML keeps; ``registry`` is ``None`` for the workspace's own."""

    registry: str | None
    name: str
    version: str


class HubToken(Section):
    """Where the job finds the hub's token: a secret of a Key Vault, or a workspace connection.

    The token itself is in no file of ours: the job reads it there with its own identity.
    """

    key_vault: str | None = Field(
        None, description="https://NAME.vault.azure.net; with the secret's name in secret."
    )
    secret: str = Field("hf-token", min_length=1, description="Name of the secret in the vault.")
    connection: str | None = Field(
        None, description="Name of a connection of the workspace that holds the token."
    )

    @model_validator(mode="before")
    @classmethod
    def _is_no_token(cls, value: object) -> object:
        """A text here may be the token itself: it must reach no error message."""
        if isinstance(value, str):
            raise InputError("azure.hub_token", variant="text")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> HubToken:
        if (self.key_vault is None) == (self.connection is None):
            raise InputError("azure.hub_token", variant="both" if self.key_vault else "neither")
        if self.key_vault is not None and not re.fullmatch(
            r"https://[A-Za-z0-9-]{3,24}\.vault\.[a-z.]+/?", self.key_vault
        ):
            raise InputError("azure.hub_token", variant="address", value=self.key_vault)
        return self


class Azure(Section):
    """The workspace and what the job uses there; needed with ``target.train_on: azureml``."""

    subscription: str = Field(description="Id of the subscription.")
    resource_group: str = Field(description="Resource group of the workspace.")
    workspace: str = Field(description="Name of the workspace.")
    compute: str = Field(
        description="Name of an AmlCompute cluster, or of an attached Kubernetes cluster (Arc)."
    )
    instance_type: str | None = Field(
        None, description="Kubernetes only: the instance type that the job's pods get."
    )
    nodes: int = Field(1, ge=1, le=64, description="Machines that train together.")
    gpus: int = Field(1, ge=0, le=_MAX_GPUS, description="GPUs of each machine; 0 trains on CPUs.")
    image: str | None = Field(
        None, description="Base image of the environment; one of Azure ML's own when absent."
    )
    data: str | None = Field(
        None,
        description="The rows, where they are in the cloud already: a data asset "
        "(azureml:NAME:VERSION, or a registry's, azureml://registries/R/data/NAME/versions/V), a "
        "path of a datastore (azureml://datastores/STORE/paths/FILE) or of a Data Lake "
        "(abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/FILE). Without it data.source is "
        "uploaded.",
    )
    data_type: Literal["file", "folder"] = Field(
        "file", description="Whether azure.data is one file or a folder of them."
    )
    model: str | None = Field(
        None,
        description="The base model of a registry (azureml://registries/R/models/M/versions/V) or "
        "of the workspace (azureml:NAME:VERSION). Without it model.source counts.",
    )
    model_format: Literal["mlflow", "custom"] = Field(
        "mlflow", description="How that model is stored: an MLflow folder, or plain files."
    )
    datastore: str = Field(
        "workspaceblobstore", description="The datastore that the results are written to."
    )
    experiment: str = Field("phi3studio", description="The experiment that holds the job.")
    login: Login = Field(
        "cli", description="How this computer signs in: az login, a browser, a managed identity."
    )
    job_identity: JobIdentity = Field(
        "none", description="What the job acts as: the compute's managed identity, or you."
    )
    hub_token: HubToken | None = Field(
        None, description="Where the job finds the hub's token, for models that need one."
    )
    hours: float = Field(24.0, gt=0, le=24 * 30, description="The job is stopped after this time.")

    @field_validator("subscription")
    @classmethod
    def _is_id(cls, value: str) -> str:
        try:
            return str(uuid.UUID(value))
        except ValueError as exc:
            raise InputError("azure.subscription", value=value) from exc

    @field_validator(*_PATTERNS)
    @classmethod
    def _is_name(cls, value: str | None, info: object) -> str | None:
        name = getattr(info, "field_name", "")
        if value is not None and not re.fullmatch(_PATTERNS[name], value):
            raise InputError("azure.name", variant=name, value=value)
        return value

    @field_validator("data")
    @classmethod
    def _is_data(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if re.search(r"[@/]onelake\.|\.fabric\.microsoft\.", value, re.IGNORECASE):
            raise InputError("azure.data", variant="onelake", value=value)
        if not any(re.fullmatch(pattern, value) for pattern in _DATA):
            raise InputError("azure.data", value=value)
        return value

    @field_validator("model")
    @classmethod
    def _is_model(cls, value: str | None) -> str | None:
        if value is not None:
            parse_model(value)
        return value

    @model_validator(mode="after")
    def _fits(self) -> Azure:
        if self.hub_token is not None and self.job_identity == "none":
            raise InputError("azure.hub_token", variant="no_identity")
        return self

    @property
    def processes(self) -> int:
        """Training processes of the job: one per GPU, one per machine without GPUs."""
        return self.nodes * max(1, self.gpus)

    @property
    def base_image(self) -> str:
        """The environment's image."""
        return self.image or (GPU_IMAGE if self.gpus else CPU_IMAGE)

    @property
    def where(self) -> str:
        """The compute, for people of any language."""
        return f"{self.workspace}/{self.compute}"


def parse_model(text: str) -> RegisteredModel:
    """A model's address; raises :class:`InputError` for one without a version."""
    found = _REGISTRY.fullmatch(text)
    if found is not None and found["version"]:
        return RegisteredModel(found["registry"], found["model"], found["version"])
    if found is not None:
        address = f"azureml://registries/{found['registry']}/models/{found['model']}/versions/N"
        raise InputError("azure.model_version", model=found["model"], address=address)
    own = _WORKSPACE_MODEL.fullmatch(text)
    if own is not None and own["version"]:
        return RegisteredModel(None, own["model"], own["version"])
    if own is not None:
        address = f"azureml:{own['model']}:N"
        raise InputError("azure.model_version", model=own["model"], address=address)
    raise InputError("azure.model", value=text)


def registry_data(text: str) -> RegisteredModel | None:
    """The data asset of a registry that *text* is the address of, if it is one."""
    found = _REGISTRY_DATA.fullmatch(text)
    return RegisteredModel(*found.groups()) if found is not None else None


def share_of_batch(batch_size: int, accumulation: int, processes: int) -> tuple[int, int]:
    """Batch size and accumulation of one of *processes*, their product together as before.

    So a training takes the same steps on one GPU and on eight. Raises :class:`InputError` where
    the rows of a step cannot be shared evenly.
    """
    rows = batch_size * accumulation
    if rows % processes:
        raise InputError("azure.batch", rows=rows, processes=processes)
    share = rows // processes
    size = next(size for size in range(min(batch_size, share), 0, -1) if share % size == 0)
    return size, share // size
