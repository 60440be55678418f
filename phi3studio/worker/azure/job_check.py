"""What a recipe's job lacks: login, workspace, datastores, compute, quota, model, image."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

from phi3studio.domain.azure import Azure, parse_model, registry_data
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.messages import Phrase
from phi3studio.services.azure_client import CheckItem
from phi3studio.worker.azure.azure_failures import translated
from phi3studio.worker.azure.connect import Workspace

_TIMEOUT_S = 15


def check(azure: Azure, workspace: Workspace) -> Iterator[CheckItem]:
    """Look at one thing after the other. Without login or workspace the rest is not looked at."""
    for name, look in (("login", _login), ("workspace", _workspace)):
        finding = _finding(name, look, azure, workspace)
        yield finding
        if finding.error is not None:
            return
    yield _finding("datastores", _datastores, azure, workspace)
    found = _finding("compute", _compute, azure, workspace)
    yield found
    if found.error is None:
        yield _finding("quota", _quota, azure, workspace)
    if azure.data is not None and "/datastores/" not in azure.data:
        yield _finding("data", _data, azure, workspace)
    if azure.model is not None:
        yield _finding("model", _model, azure, workspace)
    yield _finding("image", _image, azure, workspace)


def check_before_submit(azure: Azure, workspace: Workspace) -> None:
    """Raise the first thing that would certainly stop the job."""
    for look in (_datastores, _compute):
        look(azure, workspace)


def _finding(
    name: str, look: Callable[[Azure, Workspace], Phrase], azure: Azure, workspace: Workspace
) -> CheckItem:
    try:
        return CheckItem(name, look(azure, workspace))
    except UserFacingError as exc:
        return CheckItem(name, exc)


def _login(azure: Azure, workspace: Workspace) -> Phrase:
    workspace.sign_in()
    return Phrase("azure_found.login", login=azure.login)


def _workspace(azure: Azure, workspace: Workspace) -> Phrase:
    with translated(azure):
        found = workspace.client.workspaces.get(azure.workspace)
    return Phrase("azure_found.workspace", name=found.name, location=found.location)


def _datastores(azure: Azure, workspace: Workspace) -> Phrase:
    names = {azure.datastore}
    if azure.data is not None and "/datastores/" in azure.data:
        names.add(azure.data.partition("/datastores/")[2].partition("/")[0])
    for name in sorted(names):
        with translated(azure, datastore=name):
            workspace.client.datastores.get(name)
    return Phrase("azure_found.name", name=", ".join(sorted(names)))


def _compute(azure: Azure, workspace: Workspace) -> Phrase:
    """The compute is there, is on, has the GPUs and machines that the recipe wants."""
    compute = _get_compute(azure, workspace)
    state = _plain(getattr(compute, "state", None) or "Running")
    if state.lower() not in ("running", "starting", "jobrunning", "settingup"):
        raise InputError("azure.compute_stopped", compute=azure.compute, state=state)
    provisioned = _plain(compute.provisioning_state or "Succeeded")
    if provisioned.lower() not in ("succeeded", "updating"):
        raise InputError("azure.compute_broken", compute=azure.compute, state=provisioned)
    if compute.type.lower() == "kubernetes":
        return _kubernetes(azure, compute)
    if azure.instance_type is not None:
        raise InputError("azure.instance_type", variant="not_kubernetes", compute=azure.compute)
    size = _size(azure, workspace, compute)
    gpus = int(getattr(size, "gpus", 0) or 0)
    if gpus < azure.gpus:
        raise InputError(
            "azure.no_gpu", compute=azure.compute, size=compute.size, gpus=gpus, wanted=azure.gpus
        )
    most = getattr(compute, "max_instances", None)
    if most is not None and azure.nodes > int(most):
        raise InputError(
            "azure.too_many_nodes", compute=azure.compute, most=int(most), wanted=azure.nodes
        )
    return Phrase(
        "azure_found.compute",
        variant="" if gpus else "no_gpu",
        compute=azure.compute,
        size=compute.size,
        gpus=gpus,
    )


def _attribute(thing: Any, *names: str) -> Any:
    """A value by the first of *names* that has one: some keep the spelling of the service."""
    for name in names:
        value = thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)
        if value is not None:
            return value
    return None


def _plain(value: Any) -> str:
    """The text of a value that may be an enum's."""
    return str(getattr(value, "value", value))


@contextlib.contextmanager
def _or(absent: InputError, azure: Azure) -> Iterator[None]:
    """Raise *absent* where the service does not find what the block asks for."""
    try:
        with translated(azure):
            yield
    except InputError as exc:
        raise (absent if exc.code == "azure.not_found" else exc) from exc.__cause__


def _get_compute(azure: Azure, workspace: Workspace) -> Any:
    absent = InputError("azure.no_compute", workspace=azure.workspace, compute=azure.compute)
    with _or(absent, azure):
        return workspace.client.compute.get(azure.compute)


def _kubernetes(azure: Azure, compute: Any) -> Phrase:
    types, default = _instance_types(compute.properties)
    if azure.instance_type is not None and types and azure.instance_type not in types:
        raise InputError(
            "azure.instance_type",
            compute=azure.compute,
            instance_type=azure.instance_type,
            types=list(types),
        )
    only = next(iter(types)) if len(types) == 1 else None
    wanted = azure.instance_type or default or only
    gpus = types.get(wanted) if wanted is not None else None
    if gpus is not None and gpus < azure.gpus:
        raise InputError(
            "azure.no_gpu",
            variant="instance_type",
            compute=azure.compute,
            instance_type=wanted,
            gpus=gpus,
            wanted=azure.gpus,
        )
    return Phrase(
        "azure_found.compute",
        variant=("kubernetes_gpu" if gpus else "kubernetes") if wanted else "kubernetes_default",
        compute=azure.compute,
        type=wanted,
    )


def _instance_types(properties: Any) -> tuple[dict[str, int], str | None]:
    """Instance type → its GPUs, of a Kubernetes cluster's properties, and the default type."""
    inner = properties.get("properties", properties) if isinstance(properties, dict) else {}
    found: dict[str, int] = {}
    kinds = inner.get("instanceTypes") or inner.get("instance_types") or {}
    for name, kind in kinds.items():
        resources = (kind or {}).get("resources") or {}
        limits = resources.get("limits") or {}
        found[name] = sum(int(n or 0) for key, n in limits.items() if "gpu" in key.lower())
    return found, inner.get("defaultInstanceType") or inner.get("default_instance_type")


def _size(azure: Azure, workspace: Workspace, compute: Any) -> Any:
    with translated(azure):
        sizes = list(workspace.client.compute.list_sizes(location=compute.location))
    wanted = str(compute.size or "").lower()
    return next((size for size in sizes if str(size.name).lower() == wanted), None)


def _quota(azure: Azure, workspace: Workspace) -> Phrase:
    """Cores that are left for the machines of the cluster."""
    compute = _get_compute(azure, workspace)
    if compute.type.lower() != "amlcompute":
        return Phrase("azure_found.quota", variant="unlimited", type=compute.type)
    size = _size(azure, workspace, compute)
    family = str(getattr(size, "family", "") or "")
    with translated(azure):
        usages = list(workspace.client.compute.list_usage(location=compute.location))
    for usage in usages:
        name = str(_attribute(_attribute(usage, "name"), "value") or "")
        if family and _same_family(family, name):
            used = _attribute(usage, "current_value", "currentValue") or 0
            return _enough(azure, size, name, int(usage.limit) - int(used))
    return Phrase("azure_found.quota", variant="no_limit", family=family or compute.size)


def _same_family(family: str, name: str) -> bool:
    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]|vcpus|cluster|dedicated", "", text.lower())

    return plain(family) == plain(name)


def _enough(azure: Azure, size: Any, name: str, free: int) -> Phrase:
    needed = int(_attribute(size, "v_cp_us", "vCPUs") or 0) * azure.nodes
    if free < needed:
        raise InputError(
            "azure.quota",
            variant="cores",
            nodes=azure.nodes,
            needed=needed,
            family=name,
            free=max(0, free),
        )
    return Phrase("azure_found.quota", free=free, needed=needed, family=name)


def _data(azure: Azure, workspace: Workspace) -> Phrase:
    """The data asset is there and is what the recipe says; a path can only be read by the job."""
    assert azure.data is not None
    if azure.data.startswith("abfss:"):
        return Phrase("azure_found.not_looked_at", variant="data", name=azure.data)
    shared = registry_data(azure.data)
    if shared is not None:
        name, version = shared.name, shared.version
    else:
        name, _, version = azure.data.removeprefix("azureml:").partition(":")
        name = name.removesuffix("@latest")
    registry = shared.registry if shared is not None else None
    absent = InputError(
        "azure.no_data",
        variant="registry" if registry else "",
        name=name,
        version=version or "latest",
        registry=registry,
    )
    with _or(absent, azure):
        data = (workspace.registry(registry) if registry else workspace.client).data
        found = data.get(name, version=version) if version else data.get(name, label="latest")
    if found.type != f"uri_{azure.data_type}":
        raise InputError(
            "azure.data_type",
            variant="" if found.type in ("uri_file", "uri_folder") else "other",
            name=name,
            type=str(found.type).removeprefix("uri_"),
            wanted=azure.data_type,
        )
    return Phrase("azure_found.name", name=f"{name}:{found.version}")


def _model(azure: Azure, workspace: Workspace) -> Phrase:
    assert azure.model is not None
    wanted = parse_model(azure.model)
    variant = "registry" if wanted.registry else ""
    named = {"name": wanted.name, "version": wanted.version, "registry": wanted.registry}
    absent = InputError("azure.no_model", variant=variant, **named)
    with _or(absent, azure):
        client = workspace.registry(wanted.registry) if wanted.registry else workspace.client
        client.models.get(wanted.name, version=wanted.version)
    return Phrase("azure_found.model", variant=variant, **named)


def _image(azure: Azure, workspace: Workspace) -> Phrase:
    """Whether the environment's image is there; only public registries can be asked."""
    import requests

    image = azure.base_image
    host, _, rest = image.partition("/")
    if host != "mcr.microsoft.com":
        return Phrase("azure_found.not_looked_at", variant="image", name=image)
    name, _, tag = rest.partition(":")
    url = f"https://{host}/v2/{name}/manifests/{tag or 'latest'}"
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json, */*"}
    try:
        answer = requests.head(url, headers=accept, timeout=_TIMEOUT_S, allow_redirects=True)
    except requests.RequestException:
        return Phrase("azure_found.not_asked", image=image)
    if answer.status_code == 404:
        raise InputError("azure.no_image", image=image)
    return Phrase("azure_found.name", name=image)
