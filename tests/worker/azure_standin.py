"""A stand-in for Azure on loopback: what the real SDK asks of ARM, Azure ML and blob storage.

It is an HTTPS proxy: a client with ``environment()`` opens its tunnels here, and finds whatever
host it wanted, with a certificate that it trusts. So the SDK, its transport, its credentials (a
stand-in ``az`` on PATH) and its addresses stay as they are. What is known of the services' answers
is written down here; it is no proof of what Azure does.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import http.server
import json
import os
import re
import ssl
import stat
import sys
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "tuning"
WORKSPACE = "studio"
TENANT = "00000000-0000-0000-0000-0000000000aa"
ACCOUNT_KEY = base64.b64encode(b"the key of the storage account, a secret").decode()
SAS = "sv=2025-01-05&sr=c&sp=rwl&sig=the-signature-of-the-code-upload"
JOB_TOKEN = "the.jobs.own-token"
ARTIFACTS, BLOBS = "azureml", "azureml-blobstore"
CONTAINERS = {"workspaceartifactstore": ARTIFACTS, "workspaceblobstore": BLOBS}
ROOT = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.MachineLearningServices/workspaces/{WORKSPACE}"
)
PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.MachineLearningServices"


@dataclass(frozen=True)
class Request:
    """One request that the stand-in answered, and the stand-in's time then."""

    at: float
    method: str
    host: str
    path: str
    status: int


@dataclass
class Job:
    """One job; ``life`` decides what becomes of it, at each look at it."""

    name: str
    body: dict[str, Any]
    status: str = "Queued"
    submitted_at: float = 0.0
    cancelled_at: float | None = None


Life = Callable[["AzureStandIn", Job], None]


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


def error(status: int, code: str, message: str, **headers: str) -> Reply:
    """An error as ARM writes it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"error": {"code": code, "message": message}}, named)


class AzureStandIn:
    """The services of one workspace. Use as a context manager; *folder* holds its files."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.clock = clock
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.hosts: set[str] = set()
        """Whatever a client wanted to reach, answered or not."""
        self.bodies: list[bytes] = []
        """All that was sent to ARM, for the search for secrets."""
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.jobs: dict[str, Job] = {}
        self.assets: dict[str, dict[str, Any]] = {}
        self.computes: dict[str, dict[str, Any]] = {
            "gpu-cluster": aml_compute("gpu-cluster", "Standard_NC24ads_A100_v4"),
            "cpu-cluster": aml_compute("cpu-cluster", "Standard_D4s_v3"),
        }
        self.models: dict[str, list[str]] = {"azureml:Phi-3-mini-4k-instruct": ["11"]}
        self.folders: dict[str, Path] = {}
        """What a model of a registry consists of: its address from the registry's name on."""
        self.quota = {"Standard NCADSA100v4 Family vCPUs": (24, 96)}
        self.life: Life = lambda standin, job: None
        self.secrets: dict[str, str] = {}
        """Of the key vault."""
        self.faults: list[Callable[[str, str, str], Reply | None]] = []
        """Asked first, with (method, host, path); a reply is given instead of the true one."""
        self.down = False
        """As if the network were gone: tunnels are refused."""
        self._server: _Server | None = None

    # --- the life of the stand-in ------------------------------------------------------------

    def __enter__(self) -> AzureStandIn:
        self.folder.mkdir(parents=True, exist_ok=True)
        certificate, key = make_certificate(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = _Server(self, context)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self._write_az()
        self.sign_in()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def environment(self) -> dict[str, str]:
        """What a client needs in its environment to come here."""
        assert self._server is not None
        address = f"http://127.0.0.1:{self._server.server_address[1]}"
        authority = str(self.folder / "ca.pem")
        return {
            "HTTPS_PROXY": address,
            "https_proxy": address,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": authority,
            "SSL_CERT_FILE": authority,
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "AZURE_CONFIG_DIR": str(self.folder / "az"),
        }

    def _write_az(self) -> None:
        (self.folder / "bin").mkdir(exist_ok=True)
        az = self.folder / "bin" / "az"
        token, expired = (
            self.folder / "token.json",
            (
                "ERROR: AADSTS70043: The refresh token has expired or is invalid due to sign-in "
                "frequency checks by conditional access. Please run: az login"
            ),
        )
        az.write_text(
            f'#!/bin/sh\nif [ -f "{token}" ]; then cat "{token}"; '
            f'else echo "{expired}" >&2; exit 1; fi\n'
        )
        az.chmod(az.stat().st_mode | stat.S_IXUSR)

    def sign_in(self, valid_s: float = 3600) -> None:
        """As ``az login``: from now on there is a token, valid so long."""
        until = int(time.time() + valid_s)
        claims = {"tid": TENANT, "aud": "https://management.azure.com", "exp": until}
        token = ".".join(
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
            for part in ({"alg": "none", "typ": "JWT"}, claims | {"n": time.time_ns()})
        )
        self.token = f"{token}.secretsignature"
        written = {
            "accessToken": self.token,
            "expiresOn": datetime.datetime.fromtimestamp(until).isoformat(sep=" "),
            "expires_on": until,
            "subscription": SUBSCRIPTION,
            "tenant": TENANT,
            "tokenType": "Bearer",
        }
        part = self.folder / "token.part"
        part.write_text(json.dumps(written))
        part.replace(self.folder / "token.json")

    def sign_out(self) -> None:
        """The login has expired: neither its token nor a new one works."""
        (self.folder / "token.json").unlink(missing_ok=True)
        self.token = ""

    # --- what the tests look at and set ------------------------------------------------------

    @property
    def job(self) -> Job:
        """The only job."""
        (found,) = self.jobs.values()
        return found

    def counted(self, after: float = float("-inf")) -> int:
        """Requests that were answered after a time."""
        return sum(1 for request in self.requests if request.at > after)

    def put_log(self, job: Job, name: str, text: str | bytes) -> None:
        """Append to a file that the job writes into its artifacts."""
        data = text.encode() if isinstance(text, str) else text
        with self.lock:
            key = (ARTIFACTS, f"ExperimentRun/dcid.{job.name}/{name}")
            self.blobs[key] = self.blobs.get(key, b"") + data

    def put_output(self, job: Job, folder: Path) -> None:
        """What the job wrote into its output folder is in the datastore now."""
        path = output_folder(job)
        with self.lock:
            for file in folder.rglob("*"):
                if file.is_file():
                    name = file.relative_to(folder).as_posix()
                    self.blobs[BLOBS, f"{path}/{name}"] = file.read_bytes()

    def code_of(self, job: Job, folder: Path) -> Path:
        """Write the code that was uploaded for the job into *folder*."""
        version = self.assets[job.body["properties"]["codeId"]]
        where = urllib.parse.urlparse(version["properties"]["codeUri"]).path.strip("/")
        container, _, prefix = where.partition("/")
        prefix = f"{prefix}/" if prefix else ""
        for (other, path), data in self.blobs.items():
            if other == container and path.startswith(prefix):
                file = folder / path.removeprefix(prefix)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
        return folder

    def uploaded(self, uri: str, folder: Path) -> Path:
        """What stands at an ``azureml://…/datastores/…/paths/…`` address, written to *folder*; a
        registry's model is where it is."""
        if "azureml://registries/" in uri:
            return self.folders[uri.partition("azureml://registries/")[2]]
        found = re.search(r"datastores/([\w-]+)/paths/(.*)", uri)
        assert found is not None, uri
        container, prefix = CONTAINERS[found[1]], found[2].rstrip("/")
        single = self.blobs.get((container, prefix))
        if single is not None:
            file = folder / Path(prefix).name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(single)
            return file
        for (other, path), data in self.blobs.items():
            if other == container and path.startswith(f"{prefix}/"):
                file = folder / path.removeprefix(f"{prefix}/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
        return folder

    # --- answers -----------------------------------------------------------------------------

    def answer(
        self, method: str, host: str, target: str, headers: Any, body: bytes
    ) -> tuple[Reply, str]:
        """The reply to one request, and its path."""
        path, _, query = target.partition("?")
        path = urllib.parse.unquote(path)
        values = {k: v[0] for k, v in urllib.parse.parse_qs(query, keep_blank_values=True).items()}
        for fault in list(self.faults):
            reply = fault(method, host, path)
            if reply is not None:
                return reply, path
        if not host:
            return self._identity(headers), path
        if host == "mcr.microsoft.com":
            return Reply(404 if "/absent/" in path else 200, b""), path
        if host.endswith(".vault.azure.net"):
            return self._vault(path, headers), path
        if ".blob." in host:
            return self._blob(method, path, values, headers, body), path
        if body:
            self.bodies.append(body)
        if headers.get("Authorization") not in (f"Bearer {self.token}", f"Bearer {JOB_TOKEN}"):
            reply = error(401, "AuthenticationFailed", "The access token is expired.")
            reply.headers["WWW-Authenticate"] = 'Bearer authorization_uri="https://x", error="x"'
            return reply, path
        return self._arm(method, path, json.loads(body) if body else {}), path

    def _arm(self, method: str, path: str, body: dict[str, Any]) -> Reply:
        for pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, path, re.IGNORECASE)
            if found is not None:
                return handler(self, method, path, body, *found.groups())
        sys.stderr.write(f"stand-in: unknown {method} {path}\n")
        return error(404, "ResourceNotFound", f"The resource {path} was not found.")

    def _workspace(self, method: str, path: str, body: Any, group: str, name: str) -> Reply:
        if (group.lower(), name.lower()) != (GROUP, WORKSPACE):
            return error(404, "ResourceNotFound", f"The workspace {name} was not found.")
        return Reply(
            body={
                "id": ROOT,
                "name": WORKSPACE,
                "type": "Microsoft.MachineLearningServices/workspaces",
                "location": "westeurope",
                "kind": "Default",
                "identity": {"type": "SystemAssigned", "tenantId": TENANT},
                "properties": {
                    "workspaceId": "00000000-0000-0000-0000-0000000000bb",
                    "friendlyName": WORKSPACE,
                    "discoveryUrl": "https://westeurope.api.azureml.ms/discovery",
                    "storageAccount": f"{ROOT}/storage",
                },
            }
        )

    def _datastore(self, method: str, path: str, body: Any, name: str) -> Reply:
        container = CONTAINERS.get(name)
        if container is None:
            return error(404, "UserError", f"Error getting datastore {name}: it was not found.")
        if method == "POST":
            return Reply(body={"secretsType": "AccountKey", "key": ACCOUNT_KEY})
        return Reply(
            body={
                "id": f"{ROOT}/datastores/{name}",
                "name": name,
                "type": "Microsoft.MachineLearningServices/workspaces/datastores",
                "properties": {
                    "datastoreType": "AzureBlob",
                    "accountName": "studiostorage",
                    "containerName": container,
                    "endpoint": "core.windows.net",
                    "protocol": "https",
                    "isDefault": name == "workspaceblobstore",
                    "credentials": {"credentialsType": "AccountKey"},
                },
            }
        )

    def _datastores(self, method: str, path: str, body: Any) -> Reply:
        return Reply(body={"value": [self._datastore("GET", "", {}, "workspaceblobstore").body]})

    def _compute(self, method: str, path: str, body: Any, name: str) -> Reply:
        found = self.computes.get(name)
        if found is None:
            return error(404, "ResourceNotFound", f"The compute {name} was not found.")
        return Reply(body=found)

    def _sizes(self, method: str, path: str, body: Any) -> Reply:
        sizes = [
            ("Standard_NC24ads_A100_v4", 1, 24, "Standard NCADSA100v4 Family"),
            ("Standard_D4s_v3", 0, 4, "Standard DSv3 Family"),
        ]
        return Reply(
            body={
                "value": [
                    {"name": name, "gpus": gpus, "vCPUs": cpus, "family": family, "memoryGB": 220,
                     "lowPriorityCapable": True, "premiumIO": True}
                    for name, gpus, cpus, family in sizes
                ]
            }
        )  # fmt: skip

    def _usages(self, method: str, path: str, body: Any) -> Reply:
        return Reply(
            body={
                "value": [
                    {"id": f"{path}/{name}", "type": "x", "unit": "Count", "currentValue": used,
                     "limit": limit, "name": {"value": name, "localizedValue": name}}
                    for name, (used, limit) in self.quota.items()
                ]
            }
        )  # fmt: skip

    def _asset(
        self, method: str, path: str, body: dict[str, Any], kind: str, name: str, version: str
    ) -> Reply:
        key = f"{ROOT}/{kind}/{name}/versions/{version}"
        if method == "PUT":
            self.assets[key] = {"id": key, "name": version, "properties": body["properties"]}
            return Reply(201, self.assets[key])
        found = self.assets.get(key)
        if found is None:
            return error(404, "UserError", f"{kind} {name}:{version} was not found.")
        return Reply(body=found)

    def _versions(self, method: str, path: str, body: Any, kind: str, name: str) -> Reply:
        """Code of the same content that was uploaded before: none is ever kept."""
        return Reply(body={"value": []})

    def _pending(self, method: str, path: str, body: Any, name: str, version: str) -> Reply:
        """Where code is uploaded to, with a signature that allows it."""
        folder = f"https://studiostorage.blob.core.windows.net/{BLOBS}-{name}"
        CONTAINERS[f"{BLOBS}-{name}"] = f"{BLOBS}-{name}"
        return Reply(
            body={
                "pendingUploadId": "1",
                "pendingUploadType": "TemporaryBlobReference",
                "blobReferenceForConsumption": {
                    "blobUri": folder,
                    "storageAccountArmId": f"{ROOT}/storage",
                    "credential": {"credentialType": "SAS", "sasUri": f"{folder}?{SAS}"},
                },
            }
        )

    def _job(self, method: str, path: str, body: dict[str, Any], name: str) -> Reply:
        job = self.jobs.get(name)
        if method == "PUT":
            job = self.jobs[name] = Job(name, body, submitted_at=self.clock())
            return Reply(201, self._shown(job))
        if job is None:
            return error(404, "UserError", f"The job {name} was not found.")
        self.life(self, job)
        return Reply(body=self._shown(job))

    def _cancel(self, method: str, path: str, body: Any, name: str) -> Reply:
        job = self.jobs.get(name)
        if job is None:
            return error(404, "UserError", f"The job {name} was not found.")
        if job.status not in ("Completed", "Failed", "Canceled"):
            job.cancelled_at, job.status = self.clock(), "Canceled"
        return Reply(200, None)

    def _shown(self, job: Job) -> dict[str, Any]:
        studio = f"https://ml.azure.com/runs/{job.name}?wsid={ROOT}"
        more = {
            "status": job.status,
            "services": {"Studio": {"jobServiceType": "Studio", "endpoint": studio}},
        }
        return {
            "id": f"{ROOT}/jobs/{job.name}",
            "name": job.name,
            "type": "Microsoft.MachineLearningServices/workspaces/jobs",
            "properties": job.body["properties"] | more,
        }

    def _model(self, method: str, path: str, body: Any, name: str, version: str) -> Reply:
        if version not in self.models.get(name, []):
            return error(404, "UserError", f"The model {name}:{version} was not found.")
        place = f"azureml://registries/azureml/models/{name.rpartition(':')[2]}/versions/{version}"
        properties = {"modelUri": "azureml://x", "modelType": "mlflow_model", "flavors": {}}
        return Reply(body={"id": place, "name": version, "properties": properties})

    def _connection(self, method: str, path: str, body: Any, name: str) -> Reply:
        if name not in self.secrets:
            return error(404, "UserError", f"The connection {name} was not found.")
        properties = {
            "authType": "ApiKey",
            "category": "ApiKey",
            "target": "https://huggingface.co",
            "metadata": {},
        }
        if method == "POST":
            properties["credentials"] = {"key": self.secrets[name]}
        return Reply(body={"id": path, "name": name, "type": "x", "properties": properties})

    def _registry(self, method: str, path: str, body: Any, name: str) -> Reply:
        """Where a registry's own services are."""
        if name != "azureml":
            return error(404, "UserError", f"The registry {name} was not found.")
        return Reply(
            body={
                "registryName": name,
                "primaryRegion": "eastus",
                "primaryRegionResourceProviderUri": "https://eastus.api.azureml.ms/",
                "resourceGroup": "registries",
                "subscriptionId": SUBSCRIPTION,
            }
        )

    def _registry_data(
        self, method: str, path: str, body: Any, registry: str, name: str, version: str
    ) -> Reply:
        """A data asset that a registry shares."""
        key = f"{registry}/data/{name}/versions/{version}"
        found = self.assets.get(key)
        if found is None:
            return error(404, "UserError", f"The data {name}:{version} was not found.")
        return Reply(body=found)

    def _registry_model(
        self, method: str, path: str, body: Any, registry: str, name: str, version: str
    ) -> Reply:
        return self._model(method, path, body, f"{registry}:{name}", version)

    # --- a job's identity, and the vault that it reads --------------------------------------

    def job_environment(self) -> dict[str, str]:
        """What Azure ML gives a job on a compute with a managed identity."""
        assert self._server is not None
        return {
            "MSI_ENDPOINT": f"http://127.0.0.1:{self._server.server_address[1]}/identity",
            "MSI_SECRET": "the-secret-of-the-identity-endpoint",
            "DEFAULT_IDENTITY_CLIENT_ID": "00000000-0000-0000-0000-0000000000cc",
            "AZUREML_ARM_SUBSCRIPTION": SUBSCRIPTION,
            "AZUREML_ARM_RESOURCEGROUP": GROUP,
            "AZUREML_ARM_WORKSPACE_NAME": WORKSPACE,
        }

    def _identity(self, headers: Any) -> Reply:
        if headers.get("secret") != "the-secret-of-the-identity-endpoint":
            return error(403, "Forbidden", "The secret is wrong.")
        until = str(int(time.time() + 3600))
        return Reply(
            body={
                "access_token": JOB_TOKEN,
                "expires_on": until,
                "resource": "https://vault.azure.net",
                "token_type": "Bearer",
            }
        )

    def _vault(self, path: str, headers: Any) -> Reply:
        if headers.get("Authorization") != f"Bearer {JOB_TOKEN}":
            where = f"https://login.microsoftonline.com/{TENANT}"
            challenge = f'Bearer authorization="{where}", resource="https://vault.azure.net"'
            return Reply(401, b"", {"WWW-Authenticate": challenge})
        name = path.strip("/").split("/")[1]
        if name not in self.secrets:
            return error(404, "SecretNotFound", f"A secret with the name {name} was not found.")
        url = f"https://keys.vault.azure.net/secrets/{name}/1"
        return Reply(body={"value": self.secrets[name], "id": url, "attributes": {}})

    # --- blob storage ------------------------------------------------------------------------

    def _blob(
        self, method: str, path: str, query: dict[str, str], headers: Any, body: bytes
    ) -> Reply:
        """The few operations of blob storage that uploads and downloads need."""
        signed = headers.get("Authorization", "").startswith(("SharedKey ", "Bearer "))
        if not signed and "sig" not in query:
            return Reply(403, None, {"x-ms-error-code": "AuthenticationFailed"})
        _, container, *rest = path.split("/", 2)
        name = rest[0] if rest else ""
        if query.get("comp") == "list":
            return self._list(container, query)
        if not name:
            return Reply(200, b"", {"x-ms-request-id": "1"})
        key = (container, name)
        with self.lock:
            if method == "PUT" and query.get("comp") == "block":
                self.blobs[container, f"{name}#{query['blockid']}"] = body
                return Reply(201, b"")
            if method == "PUT" and query.get("comp") == "blocklist":
                blocks = re.findall(rb"<Latest>(.*?)</Latest>", body)
                self.blobs[key] = b"".join(
                    self.blobs.pop((container, f"{name}#{block.decode()}")) for block in blocks
                )
                return Reply(201, b"", _blob_headers(self.blobs[key]))
            if method == "PUT" and query.get("comp") in ("metadata", "properties"):
                return Reply(200, b"", _blob_headers(b""))
            if method == "PUT":
                self.blobs[key] = body
                return Reply(201, b"", _blob_headers(body))
            data = self.blobs.get(key)
        if data is None:
            return Reply(404, b"", {"x-ms-error-code": "BlobNotFound"})
        if method == "HEAD":
            return Reply(200, data, _blob_headers(data))
        return _ranged(data, headers.get("x-ms-range") or headers.get("Range"))

    def _list(self, container: str, query: dict[str, str]) -> Reply:
        prefix = query.get("prefix", "")
        with self.lock:
            found = {
                path: data
                for (other, path), data in sorted(self.blobs.items())
                if other == container and path.startswith(prefix)
            }
        items = "".join(
            f"<Blob><Name>{path}</Name><Properties><Content-Length>{len(data)}</Content-Length>"
            f"<Etag>0x1</Etag><BlobType>BlockBlob</BlobType></Properties></Blob>"
            for path, data in found.items()
        )
        xml = (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="x" '
            f'ContainerName="{container}"><Prefix>{prefix}</Prefix><Blobs>{items}</Blobs>'
            "<NextMarker/></EnumerationResults>"
        )
        return Reply(200, xml.encode(), {"Content-Type": "application/xml"})


_WORKSPACE = (
    rf"/subscriptions/{SUBSCRIPTION}/resourceGroups/([^/]+)/providers/"
    r"Microsoft\.MachineLearningServices/workspaces/([^/]+)"
)
_BELOW = re.escape(ROOT)
_S = AzureStandIn
_ROUTES: list[tuple[str, Callable[..., Reply]]] = [
    (_WORKSPACE, _S._workspace),
    (rf"{_BELOW}/datastores/([^/]+?)(?:/listSecrets)?", _S._datastore),
    (rf"{_BELOW}/datastores", _S._datastores),
    (rf"{_BELOW}/computes/([^/]+)", _S._compute),
    (rf"{_BELOW}/(codes|environments|data)/([^/]+)/versions/([^/]+)", _S._asset),
    (rf"{_BELOW}/(codes|environments|data)/([^/]+)/versions", _S._versions),
    (rf"{_BELOW}/codes/([^/]+)/versions/([^/]+)/startPendingUpload", _S._pending),
    (rf"{_BELOW}/models/([^/]+)/versions/([^/]+)", _S._model),
    (rf"{_BELOW}/connections/([^/]+?)(?:/listsecrets)?", _S._connection),
    (r"/registrymanagement/v1\.0/registries/([^/]+)/discovery", _S._registry),
    (r".*/registries/([^/]+)/models/([^/]+)/versions/([^/]+)", _S._registry_model),
    (r".*/registries/([^/]+)/data/([^/]+)/versions/([^/]+)", _S._registry_data),
    (rf"{_BELOW}/jobs/([^/]+)", _S._job),
    (rf"{_BELOW}/jobs/([^/]+)/cancel", _S._cancel),
    (rf"{re.escape(PROVIDER)}/locations/[^/]+/vmSizes", _S._sizes),
    (rf"{re.escape(PROVIDER)}/locations/[^/]+/usages", _S._usages),
]


def output_folder(job: Job) -> str:
    """The folder in the datastore that the job's output is written to."""
    uri = job.body["properties"]["outputs"]["run"]["uri"]
    return str(uri).partition("/paths/")[2].rstrip("/")


def aml_compute(name: str, size: str, **changes: Any) -> dict[str, Any]:
    """A cluster as ARM describes it; *changes* of its own properties."""
    properties = {
        "vmSize": size,
        "vmPriority": "Dedicated",
        "osType": "Linux",
        "allocationState": "Steady",
        "scaleSettings": {
            "minNodeCount": 0,
            "maxNodeCount": 4,
            "nodeIdleTimeBeforeScaleDown": "PT2M",
        },
    }
    return _compute(name, "AmlCompute", properties | changes)


def kubernetes(name: str, *instance_types: str) -> dict[str, Any]:
    """An attached cluster (Azure Arc) with its instance types."""
    return _compute(
        name,
        "Kubernetes",
        {
            "namespace": "default",
            "defaultInstanceType": instance_types[0],
            "instanceTypes": {
                kind: {"resources": {"limits": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": 1}}}
                for kind in instance_types
            },
        },
    )


def compute_instance(name: str, state: str) -> dict[str, Any]:
    """A single machine that can be stopped."""
    return _compute(name, "ComputeInstance", {"vmSize": "Standard_NC24ads_A100_v4", "state": state})


def _compute(name: str, kind: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{ROOT}/computes/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/computes",
        "location": "westeurope",
        "properties": {
            "computeType": kind,
            "computeLocation": "westeurope",
            "provisioningState": "Succeeded",
            "properties": properties,
        },
    }


def _blob_headers(data: bytes) -> dict[str, str]:
    return {
        "ETag": '"0x1"',
        "Last-Modified": "Tue, 24 Nov 2026 10:00:00 GMT",
        "Content-MD5": base64.b64encode(hashlib.md5(data).digest()).decode(),
        "x-ms-blob-type": "BlockBlob",
        "x-ms-version": "2025-01-05",
        "x-ms-request-server-encrypted": "true",
    }


def _ranged(data: bytes, wanted: str | None) -> Reply:
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
    if found is None:
        return Reply(200, data, _blob_headers(data))
    begin = int(found[1])
    if begin >= len(data):
        headers = {"x-ms-error-code": "InvalidRange", "Content-Range": f"bytes */{len(data)}"}
        return Reply(416, b"", headers)
    end = min(int(found[2] or len(data) - 1), len(data) - 1)
    part = data[begin : end + 1]
    headers = _blob_headers(data) | {"Content-Range": f"bytes {begin}-{end}/{len(data)}"}
    del headers["Content-MD5"]
    return Reply(206, part, headers)


# --- HTTP ---------------------------------------------------------------------------------------


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, standin: AzureStandIn, context: ssl.SSLContext) -> None:
        self.standin, self.context = standin, context
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    host = ""

    def do_CONNECT(self) -> None:
        if self.server.standin.down:
            self.close_connection = True
            self.connection.close()
            return
        self.host = self.path.partition(":")[0]
        self.server.standin.hosts.add(self.host)
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def finish(self) -> None:
        super().finish()
        # The server closes the bare one only.
        self.connection.close()

    def _serve(self) -> None:
        standin = self.server.standin
        body = self._body()
        if standin.down:
            self.close_connection = True
            self.connection.close()
            return
        reply, path = standin.answer(self.command, self.host, self.path, self.headers, body)
        standin.requests.append(
            Request(standin.clock(), self.command, self.host, path, reply.status)
        )
        data = reply.body if isinstance(reply.body, bytes) else b""
        headers = dict(reply.headers)
        if reply.body is not None and not isinstance(reply.body, bytes):
            data = json.dumps(reply.body).encode()
            headers.setdefault("Content-Type", "application/json")
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    do_GET = do_PUT = do_POST = do_PATCH = do_HEAD = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for all of Azure's hosts, signed by itself, for clients that trust it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in")])
    hosts = [
        "management.azure.com", "*.api.azureml.ms", "*.blob.core.windows.net",
        "login.microsoftonline.com", "*.vault.azure.net",
        "mcr.microsoft.com", "*.dfs.core.windows.net",
    ]  # fmt: skip
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(h) for h in hosts]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "ca.pem", folder / "key.pem"


@contextlib.contextmanager
def away(standin: AzureStandIn) -> Iterator[None]:
    """The network is gone within the block."""
    standin.down = True
    try:
        yield
    finally:
        standin.down = False
