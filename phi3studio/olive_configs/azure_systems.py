"""What a config says of Azure ML: the workspace, the machines, data and model kept there.

Olive ran in Azure ML until 0.9.3; a recipe does with ``target.train_on: azureml`` and its section
``azure``. Where the host of the config is this computer, its cloud parts are refused instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phi3studio.olive_configs.decisions import Draft, Entry, Section, leaves
from phi3studio.olive_configs.rules import (
    Rule,
    apply,
    carried,
    is_a,
    nested,
    noted,
    refused,
    wrong_kind,
)

SYSTEMS = ("azureml", "azure_arc", "azurearc")
MODELS = ("azureml_registry_model", "azureml_model")
_CLIENT = {
    "subscription_id": "azure.subscription",
    "resource_group": "azure.resource_group",
    "workspace_name": "azure.workspace",
}
_RETRIES = noted("Requests that fail for a while are repeated.")
_CLIENT_REST: dict[str, Rule] = {
    "aml_config_path": refused(
        "A file of the workspace is not read.",
        "Write its subscription_id, resource_group and workspace_name.",
        blocks=True,
    ),
    "default_auth_params": noted("The login is that of az login, or azure.login says another."),
    "keyvault_name": noted("The hub's token comes from where azure.hub_token says."),
    "read_timeout": noted("The program waits as long as the service needs."),
    "max_operation_retries": _RETRIES,
    "operation_retry_interval": _RETRIES,
}


def host_in_azure(values: Mapping[str, Any]) -> bool:
    """Whether the config's host is a system in Azure ML."""
    engine = values.get("engine")
    engine = engine if isinstance(engine, Mapping) and engine else values
    inner = engine.get("config") if isinstance(engine.get("config"), Mapping) else {}
    host = engine.get("host", (inner or {}).get("host"))
    systems = values.get("systems")
    if isinstance(host, str) and isinstance(systems, Mapping):
        host = systems.get(host)
    return isinstance(host, Mapping) and str(host.get("type")).casefold() in SYSTEMS


def read_client(draft: Draft, entry: Entry) -> None:
    """The workspace: ``azureml_client``, which stands in several places."""
    if not draft.cloud:
        draft.azure(entry, "The workspace")
        return
    client = Section(entry, draft)
    for key, to in _CLIENT.items():
        part = client.take(key)
        if part is None:
            continue
        if draft.values.get(to, part.value) != part.value:
            draft.refuse(
                part,
                f"A recipe has one workspace, and {draft.sources.get(to)} says {draft.values[to]}.",
                "Keep one of them.",
                blocks=True,
            )
        elif to in draft.values:
            draft.translate(part, f"The same as {draft.sources.get(to)}.")
        else:
            carried(to, str)(draft, part)
    apply(client, _CLIENT_REST, "The workspace", also=(*_CLIENT,))


def read_system(system: Section) -> None:
    """The machines of the host."""
    system.read(_DOCKER, "aml_docker_config", "aml_environment_config")
    apply(system, _SYSTEM, "The system", also=("aml_docker_config",))


def read_datastore(files: Entry, draft: Draft) -> None:
    """Data in a datastore, ``{"type": "azureml_datastore", …}``."""
    section = Section(files, draft)
    section.read(noted("The job reads the rows where they are: azure.data."), "type")
    section.read(read_client, "azureml_client")
    store, path, url = (
        section.take(key) for key in ("datastore_name", "relative_path", "datastore_url")
    )
    named, at, address = (_text(part, draft) for part in (store, path, url))
    if not address and at:
        address = f"azureml://datastores/{named or 'workspaceblobstore'}/paths/{at.lstrip('/')}"
    if address:
        draft.values["azure.data"] = address
        draft.sources["azure.data"] = files.path
    else:
        draft.lack("olive.no_data", "azure")
    for part in (store, path, url):
        if part is not None and is_a(part.value, (str, int)) and part.value != "":
            draft.translate(part, f"A part of azure.data: {address}.")
    draft.values.setdefault("data.source", address.rstrip("/").rpartition("/")[2] or "data")
    section.refuse_rest(("datastore_name", "relative_path", "azureml_client"), "The data")


def read_model(resource: Section, kind: Entry) -> None:
    """A model of a registry or of the workspace."""
    draft = resource.draft
    draft.translate(kind, "The job gets the model from Azure ML: azure.model.")
    resource.read(read_client, "azureml_client")
    name, registry, version = (resource.take(key) for key in ("name", "registry_name", "version"))
    found, number = _text(name, draft), _text(version, draft)
    place = _text(registry, draft)
    if not found and (name is None or name.value in (None, "")):
        draft.lack("olive.no_model", "azure")
    if not number and (version is None or version.value in (None, "")):
        draft.lack("azure.model_version", "config")
    if found and number:
        # Names of the registries have no owner in front.
        plain = found.rpartition("/")[2]
        address = f"azureml:{plain}:{number}"
        if kind.value == "azureml_registry_model":
            where = place or "azureml"
            address = f"azureml://registries/{where}/models/{plain}/versions/{number}"
        draft.values["azure.model"] = address
        draft.values.setdefault("model.source", found)
        draft.sources["azure.model"] = resource.path
    for part, text in ((name, found), (registry, place), (version, number)):
        if part is not None and text:
            draft.translate(part, f"A part of azure.model: {text}.")


def _text(part: Entry | None, draft: Draft) -> str:
    """The text of a name or a version; what is neither is refused, what is unset is noted."""
    if part is None:
        return ""
    if part.value in (None, ""):
        draft.translate(part, "Not set.")
    elif is_a(part.value, (str, int)):
        return str(part.value)
    else:
        wrong_kind(draft, part, (str,))
    return ""


def _accelerators(draft: Draft, entry: Entry) -> None:
    """``["gpu"]``, or a list of mappings with a ``device``."""
    wanted = int(any("gpu" in str(leaf.value).casefold() for leaf in leaves(entry.value)))
    text = "One GPU of each machine." if wanted else "The machines' CPUs."
    draft.translate(entry, text, "azure.gpus", wanted)


_ENVIRONMENT: dict[str, Rule] = {
    "base_image": carried("azure.image", str),
    "conda_file_path": noted("The packages of the job are those of this program, with its pins."),
    "name": noted("The environment is named by its content."),
    "version": noted("The environment is named by its content."),
    "label": noted("The environment is named by its content."),
    "dockerfile": refused("No image is built from a Dockerfile.", "Push it; name it: azure.image."),
    "build_context_path": refused("No image is built.", "Push it; name it: azure.image."),
}
_DOCKER = nested(_ENVIRONMENT, "aml_docker_config", unset="Not set: an image of Azure ML's own.")
_RESOURCES: dict[str, Rule] = {
    "instance_type": carried("azure.instance_type", str),
    "instance_count": carried("azure.nodes", int),
    "properties": refused("Properties of resources are not passed on.", "Leave them out."),
    "shm_size": refused("The shared memory is not set.", "Leave it out."),
}
_HUB = (
    "The job finds the hub's token where azure.hub_token says: a Key Vault, or a connection of "
    "the workspace."
)
_SYSTEM: dict[str, Rule] = {
    "type": noted("The run is a job in Azure ML.", "target.train_on", "azureml"),
    "azureml_client": read_client,
    "azureml_client_config": read_client,
    "resources": nested(_RESOURCES, "resources"),
    "accelerators": _accelerators,
    "aml_compute": carried("azure.compute", str),
    "instance_type": carried("azure.instance_type", str),
    "datastores": carried("azure.datastore", str),
    "hf_token": noted(_HUB),
    "tags": refused("Tags are not passed on.", "Leave them out."),
    "environment_variables": refused("Variables are not passed on.", "Leave them out."),
    "requirements_file": noted("The packages of the job are those of this program."),
    "is_dev": noted("The job is the program itself."),
    "olive_managed_env": noted("The job is the program itself."),
}
