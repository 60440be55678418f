"""The fields of the section Azure ML: title, explanation and example of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from phi3studio.gui.pages.wizard.setting_list import limits_of
from phi3studio.wizard.azure_form import AzureForm

translate = QCoreApplication.translate


@dataclass(frozen=True)
class Entry:
    """One field of :class:`AzureForm`, in words. With ``choices`` (value → words) it is a list."""

    name: str
    title: str
    about: str
    example: str = ""
    choices: Mapping[object, str] | None = None

    @property
    def is_number(self) -> bool:
        """Whether it takes a number."""
        return AzureForm.model_fields[self.name].annotation in (int, float)

    @property
    def limits(self) -> str:
        """The range of a number."""
        return limits_of(AzureForm.model_fields[self.name].metadata) if self.is_number else ""


def place_entries() -> list[Entry]:
    """Where the job runs, and how this computer signs in."""
    return [
        Entry(
            "subscription",
            translate("Azure", "Subscription"),
            translate("Azure", "Its id, as “az account show --query id” prints it."),
            "00000000-0000-0000-0000-000000000000",
        ),
        Entry(
            "resource_group",
            translate("Azure", "Resource group"),
            translate("Azure", "The one that holds the workspace."),
        ),
        Entry(
            "workspace",
            translate("Azure", "Workspace"),
            translate("Azure", "The name that the studio shows at its top."),
        ),
        Entry(
            "login",
            translate("Azure", "Sign in with"),
            translate("Azure", "How this computer signs in; no password is kept here."),
            choices={
                "cli": translate("Azure", "az login (command line)"),
                "browser": translate("Azure", "the browser"),
                "managed_identity": translate("Azure", "this machine's managed identity"),
            },
        ),
        Entry(
            "compute",
            translate("Azure", "Compute"),
            translate("Azure", "A cluster, or a Kubernetes cluster attached through Azure Arc."),
            "gpu-cluster",
        ),
        Entry(
            "instance_type",
            translate("Azure", "Instance type"),
            translate("Azure", "Only for Kubernetes: what the job's pods get."),
        ),
        Entry(
            "nodes",
            translate("Azure", "Machines"),
            translate("Azure", "How many train together."),
        ),
        Entry(
            "gpus",
            translate("Azure", "GPUs of each machine"),
            translate("Azure", "0 trains on processors."),
        ),
        Entry(
            "hours",
            translate("Azure", "Time limit in hours"),
            translate("Azure", "The job is stopped after this time."),
        ),
    ]


def source_entries() -> list[Entry]:
    """Where the job's data and model come from."""
    return [
        Entry(
            "data_in_cloud",
            translate("Azure", "Data from"),
            translate(
                "Azure",
                "If the data is already in Azure, the file on the Data page is a "
                "sample of it, for template and preview.",
            ),
            choices={
                False: translate("Azure", "this computer (uploaded)"),
                True: translate("Azure", "a datastore or data asset"),
            },
        ),
        Entry(
            "data",
            translate("Azure", "Address of the data"),
            translate(
                "Azure",
                "A path of a datastore, a data asset (azureml:NAME:VERSION, or a registry's), or "
                "abfss:// of a Data Lake.",
            ),
            "azureml://datastores/workspaceblobstore/paths/train.jsonl",
        ),
        Entry(
            "data_type",
            translate("Azure", "The address is"),
            translate("Azure", "One file, or a folder of them."),
            choices={
                "file": translate("Azure", "a file"),
                "folder": translate("Azure", "a folder"),
            },
        ),
        Entry(
            "model_in_cloud",
            translate("Azure", "Model from"),
            translate(
                "Azure",
                "The job downloads a model of the hub; a model on this computer is uploaded.",
            ),
            choices={
                False: translate("Azure", "the Model page"),
                True: translate("Azure", "a registry or workspace"),
            },
        ),
        Entry(
            "model",
            translate("Azure", "Address of the model"),
            translate("Azure", "With its version, so that another run trains the same one."),
            "azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions/11",
        ),
        Entry(
            "model_format",
            translate("Azure", "It is stored as"),
            translate("Azure", "As the model's page in the studio says."),
            choices={"mlflow": "MLflow", "custom": translate("Azure", "plain files (custom)")},
        ),
    ]


def more_entries() -> list[Entry]:
    """What few people need."""
    return [
        Entry(
            "datastore",
            translate("Azure", "Datastore for the results"),
            translate("Azure", "They are written there and downloaded from there."),
        ),
        Entry(
            "experiment",
            translate("Azure", "Experiment"),
            translate("Azure", "The studio lists the job under this name."),
        ),
        Entry(
            "image",
            translate("Azure", "Base image"),
            translate("Azure", "Of the environment; empty: one of Azure ML's own."),
        ),
        Entry(
            "job_identity",
            translate("Azure", "The job acts as"),
            translate("Azure", "Needed where it reads a vault, or data without a key."),
            choices={
                "none": translate("Azure", "no identity"),
                "managed": translate("Azure", "the compute's managed identity"),
                "user": translate("Azure", "you"),
            },
        ),
        Entry(
            "key_vault",
            translate("Azure", "Key vault with the hub's token"),
            translate("Azure", "For models with a licence to accept. Never the token itself."),
            "https://NAME.vault.azure.net",
        ),
        Entry(
            "secret",
            translate("Azure", "Name of the secret"),
            translate("Azure", "The vault holds the token under this name."),
        ),
        Entry(
            "connection",
            translate("Azure", "Or a workspace connection"),
            translate("Azure", "The name of one that holds the token, instead of a vault."),
        ),
    ]
