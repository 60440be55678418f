"""What a config says of Azure ML: the workspace, the machines, data and model kept there.

Olive ran in Azure ML until 0.9.3; a recipe does with ``target.train_on: azureml`` and its section
``azure``. Where the host of the config is this computer, its cloud parts are refused instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section, is_placeholder, leaves
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
_VAULT = "azure.hub_token.key_vault"
_RETRIES = noted("Requests that fail for a while are repeated.")
_CLIENT_REST: dict[str, Rule] = {
    "default_auth_params": noted("The login is that of az login, or azure.login says another."),
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


def read_client(draft: ImportDraft, entry: Entry) -> None:
    """The workspace: ``azureml_client``, which stands in several places."""
    if not draft.cloud:
        draft.azure(entry, "The workspace")
        return
    client = Section(entry, draft)
    for key, to in _CLIENT.items():
        part = client.take(key)
        if part is None:
            continue
        known = to in draft.values
        if to in draft.gaps:
            carried(to, str)(draft, part)
        elif known and draft.values[to] != part.value and not is_placeholder(part.value):
            draft.refuse(
                part,
                f"A recipe has one workspace, and {draft.sources.get(to)} says {draft.values[to]}.",
                "Keep one of them.",
                blocks=True,
            )
        elif known:
            draft.translate(part, f"The same as {draft.sources.get(to)}.")
        else:
            carried(to, str)(draft, part)
    vault = client.given("keyvault_name")
    if vault is not None:
        _read_vault(vault, draft)
    file = client.given("aml_config_path")
    if file is not None:
        _read_workspace_file(file, draft)
    also = (*_CLIENT, "keyvault_name", "aml_config_path")
    apply(client, _CLIENT_REST, "The workspace", also=also)


def _read_workspace_file(file: Entry, draft: ImportDraft) -> None:
    """A file that names the workspace; somebody writes what it says into the recipe."""
    missing = [to for to in _CLIENT.values() if to not in draft.values]
    if not missing:
        draft.translate(file, "The workspace is named already.")
        return
    for to in missing:
        draft.gap(to, f"{file.path} names a file, which is not read.")
    draft.leave_open(
        file,
        missing[0],
        "A file of the workspace, which is not read.",
        "Write its subscription_id, resource_group and workspace_name into the recipe.",
    )


def _read_vault(vault: Entry, draft: ImportDraft) -> None:
    """The Key Vault with the hub's token. Olive reads it as the job's managed identity."""
    if is_placeholder(vault.value):
        draft.carry(vault, _VAULT)
    elif not (is_a(vault.value, (str,)) and re.fullmatch(r"[A-Za-z0-9-]{3,24}", vault.value)):
        wrong_kind(draft, vault, (str,))
        return
    else:
        text = "The job reads the hub's token, the secret hf-token, there as its managed identity."
        draft.translate(vault, text, _VAULT, f"https://{vault.value}.vault.azure.net")
    draft.values["azure.job_identity"] = "managed"


def note_gaps(draft: ImportDraft) -> None:
    """What a job needs and the config does not say."""
    for name, key in _CLIENT.items():
        draft.gap(key, f"No azureml_client says {name}.")
    draft.gap("azure.compute", "The host has no aml_compute.")


def read_system(system: Section) -> None:
    """The machines of the host."""
    system.read(_DOCKER, "aml_docker_config", "aml_environment_config")
    apply(system, _SYSTEM, "The system", also=("aml_docker_config",))


def read_datastore(files: Entry, draft: ImportDraft) -> None:
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
    if is_placeholder(named) or is_placeholder(at) or is_placeholder(address):
        draft.gap("azure.data", f"{files.path} has placeholders.")
        address = ""
    elif address:
        draft.values["azure.data"] = address
        draft.sources["azure.data"] = files.path
    else:
        draft.gap("azure.data", "The data in Azure ML has no datastore_name and relative_path.")
    for part in (store, path, url):
        if part is not None and is_a(part.value, (str, int)) and part.value != "":
            draft.translate(part, f"A part of azure.data: {address or 'a gap'}.")
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
    if not found or not number:
        lacks = "version" if found else "name"
        draft.gap("azure.model", f"The model in Azure ML has no {lacks}.")
    elif any(map(is_placeholder, (found, number, place))):
        draft.gap("azure.model", f"{resource.path} has placeholders.")
    else:
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


def _text(part: Entry | None, draft: ImportDraft) -> str:
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


def _accelerators(draft: ImportDraft, entry: Entry) -> None:
    """``["gpu"]``, or a list of mappings with a ``device``."""
    wanted = int(any("gpu" in str(leaf.value).casefold() for leaf in leaves(entry.value)))
    text = "One GPU of each machine." if wanted else "The machines' CPUs."
    draft.translate(entry, text, "azure.gpus", wanted)


_ENVIRONMENT: dict[str, Rule] = {
    "base_image": carried("azure.image", str),
    "conda_file_path": refused(
        "The job installs this program's own packages with their pins, not those of a conda file.",
        "If the training needs another package, name an image that has it: azure.image.",
    ),
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


def _hub_token(draft: ImportDraft, entry: Entry) -> None:
    """Olive's jobs take the token from the client's Key Vault."""
    if not entry.value:
        draft.translate(entry, "Not set.")
    elif _VAULT in draft.values or _VAULT in draft.gaps:
        draft.translate(entry, f"The secret hf-token of the Key Vault: {_VAULT}.")
    else:
        draft.refuse(
            entry,
            "The job has no token of the hub: azureml_client names no keyvault_name to read it in.",
            f"If the model needs one, write {_VAULT} (or azure.hub_token.connection) and "
            "azure.job_identity.",
        )


_SYSTEM: dict[str, Rule] = {
    "type": noted("The run is a job in Azure ML.", "target.train_on", "azureml"),
    "azureml_client": read_client,
    "azureml_client_config": read_client,
    "resources": nested(_RESOURCES, "resources"),
    "accelerators": _accelerators,
    "aml_compute": carried("azure.compute", str),
    "instance_type": carried("azure.instance_type", str),
    "instance_count": carried("azure.nodes", int),
    "datastores": carried("azure.datastore", str),
    "hf_token": _hub_token,
    "tags": refused("Tags are not passed on.", "Leave them out."),
    "environment_variables": refused("Variables are not passed on.", "Leave them out."),
    "requirements_file": refused(
        "The job installs this program's own packages with their pins, not those of a file.",
        "If the training needs another package, name an image that has it: azure.image.",
    ),
    "is_dev": noted("The job is the program itself."),
    "olive_managed_env": noted("The job is the program itself."),
}
