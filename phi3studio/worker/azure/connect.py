"""The one place that makes the SDK's clients: signing in, the workspace, the storage behind it."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from typing import Any

from phi3studio.app.azure_sdk import no_azure
from phi3studio.domain.azure import Azure, Login
from phi3studio.domain.errors import RunError
from phi3studio.worker.azure.azure_failures import translated

ARTIFACTS = "workspaceartifactstore"
"""The datastore of every workspace that holds what jobs write to ``logs`` and ``outputs``."""

_ARM = "https://management.azure.com/.default"
_CONNECT_TIMEOUT_S = 10
_READ_TIMEOUT_S = 60


@dataclass(frozen=True)
class Folder:
    """A folder of a datastore: the container's client, and the path in it."""

    container: Any
    path: str

    def blob(self, name: str) -> Any:
        """The client of one file."""
        return self.container.get_blob_client(f"{self.path}/{name}")


@dataclass(frozen=True)
class Workspace:
    """The SDK's clients for one workspace. Makes no request on its own."""

    azure: Azure
    credential: Any
    client: Any
    retries: int

    def sign_in(self) -> None:
        """Get a token now, so that an expired login is reported before anything is made."""
        with translated(self.azure):
            self.credential.get_token(_ARM)

    def registry(self, name: str) -> Any:
        """The SDK's client for a registry."""
        from azure.ai.ml import MLClient

        return MLClient(
            self.credential,
            registry_name=name,
            enable_telemetry=False,
            show_progress=False,
            **_http_options(self.retries),
        )

    def folder(self, datastore: str, path: str) -> Folder:
        """A folder of a datastore; one or two requests, for the datastore and its key.

        Raises :class:`InputError` for a datastore that does not exist.
        """
        from azure.storage.blob import ContainerClient

        with translated(self.azure, datastore=datastore):
            store = self.client.datastores.get(datastore, include_secrets=True)
        account = getattr(store, "account_name", None)
        container = getattr(store, "container_name", None) or getattr(store, "filesystem", None)
        if account is None or container is None:
            raise RunError("azure.datastore_kind", datastore=datastore, kind=store.type)
        secrets = store.credentials
        key = getattr(secrets, "account_key", None) or getattr(secrets, "sas_token", None)
        endpoint = getattr(store, "endpoint", None) or "core.windows.net"
        return Folder(
            ContainerClient(
                f"https://{account}.blob.{endpoint}",
                container,
                credential=key or self.credential,
                **_http_options(self.retries),
            ),
            path,
        )


def connect(azure: Azure, retries: int = 3, credential: Any = None) -> Workspace:
    """The clients for the workspace of *azure*; raises :class:`InputError` without the extra.

    A request that fails is repeated *retries* times, after a second or what the service asks
    for. Whoever follows a job waits by its own, longer measure, and wants none. *credential*:
    one that is signed in already.
    """
    try:
        _be_quiet()
        from azure.ai.ml import MLClient
    except ImportError as exc:
        raise no_azure() from exc
    credential = credential or _credential(azure.login)
    client = MLClient(
        credential,
        azure.subscription,
        azure.resource_group,
        azure.workspace,
        enable_telemetry=False,
        show_progress=False,
        **_http_options(retries),
    )
    return Workspace(azure, credential, client, retries)


def _credential(login: Login) -> Any:
    from azure.identity import (
        AzureCliCredential,
        InteractiveBrowserCredential,
        ManagedIdentityCredential,
    )

    if login == "cli":
        return AzureCliCredential(process_timeout=30)
    return InteractiveBrowserCredential() if login == "browser" else ManagedIdentityCredential()


def _http_options(retries: int) -> dict[str, Any]:
    return {
        "retry_total": retries,
        "retry_backoff_factor": 0.4,
        "connection_timeout": _CONNECT_TIMEOUT_S,
        "read_timeout": _READ_TIMEOUT_S,
        # Headers carry tokens, bodies carry keys.
        "logging_enable": False,
    }


def _be_quiet() -> None:
    """Keep the SDK's own chatter, and all that it would send elsewhere, out of the way."""
    for name in ("azure", "msrest", "msal", "urllib3", "azure.identity"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"azure\..*")
    warnings.filterwarnings("ignore", module=r"marshmallow\..*")
