"""A hub on the loopback interface: the parts of Hugging Face's HTTP API that a download uses.

Model information with file metadata, file trees, ``resolve`` with ETag, X-Repo-Commit and ranges,
large files redirected to a second server as to a CDN, gated and private models, errors and broken
bodies on demand; and those that an upload uses, without Xet. Also a program, for benchmarks:
``python -m tests.worker.hub_standin FOLDER``.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_standinstandinstandin"
OWNER = "someone"
"""Whose repositories the token may write."""
COMMIT = "c" * 40


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_hash(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


@dataclass
class Repo:
    """One model: its files, who may have them, and names under which its commit is known.

    Files of *large_from* bytes on, and safetensors, are large ones, as with git LFS.
    """

    files: dict[str, bytes]
    commit: str = COMMIT
    gated: bool = False
    private: bool = False
    granted: bool = True
    revisions: tuple[str, ...] = ("main",)
    large_from: int = 50_000
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Replaces parts of what the information says of a file."""

    def is_large(self, path: str) -> bool:
        return path.endswith(".safetensors") or len(self.files[path]) >= self.large_from

    def entry(self, path: str) -> dict[str, Any]:
        """What a file tree says of a file."""
        data = self.files[path]
        size = len(data)
        item = {"type": "file", "oid": known_hash(git_hash, data), "size": size, "path": path}
        if self.is_large(path):
            lfs = {"oid": known_hash(sha256, data), "size": size, "pointerSize": 134}
            return item | {"lfs": lfs}
        return item

    def sibling(self, path: str) -> dict[str, Any]:
        data = self.files[path]
        item: dict[str, Any] = {
            "rfilename": path,
            "size": len(data),
            "blobId": known_hash(git_hash, data),
        }
        if self.is_large(path):
            item["lfs"] = {
                "sha256": known_hash(sha256, data),
                "size": len(data),
                "pointerSize": 134,
            }
        return item | self.claims.get(path, {})


def directory(path: str) -> dict[str, Any]:
    """What a file tree says of a folder."""
    return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer.

    ``after``: bytes of the body that still arrive before the connection breaks (reset or, with
    *quiet*, closed as if all was sent). ``status``: an error instead of the file.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after: int | None = None
    reset: bool = True
    short: bool = False
    """The Content-Length speaks only of what arrives: a truncation that looks complete."""
    corrupt: bool = False
    ignore_range: bool = False
    bytes_per_s: float | None = None


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    range: str | None
    token: str | None
    agent: str
    server: str


Plan = Callable[[Request, int], Fault | None]
"""Given a request for bytes and how many bytes it asks for: what goes wrong, if anything."""


class HubStandIn:
    """Both servers; use it as a context manager."""

    def __init__(self, repos: dict[str, Repo] | None = None) -> None:
        self.repos = repos or {}
        self.requests: list[Request] = []
        self.sent = 0
        self.plan: Plan = lambda request, size: None
        """For the bytes of files."""
        self.api_plan: Plan = lambda request, size: None
        """For model information."""
        self.objects: dict[str, bytes] = {}
        """Large files that were uploaded, by their SHA-256."""
        self.lock = threading.Lock()
        self._hub = _Server(self, "hub")
        self._cdn = _Server(self, "cdn")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._hub.server_port}"

    @property
    def cdn(self) -> str:
        return f"http://127.0.0.1:{self._cdn.server_port}"

    def __enter__(self) -> HubStandIn:
        for server in (self._hub, self._cdn):
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        for server in (self._hub, self._cdn):
            server.shutdown()
            server.server_close()

    def asked(self, part: str) -> list[Request]:
        """The requests whose path holds *part*."""
        return [request for request in self.requests if part in request.path]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, standin: HubStandIn, kind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.standin = standin
        self.kind = kind

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that breaks off is no error of the server."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer()

    def do_PUT(self) -> None:
        self.do_POST()

    def _answer(self) -> None:
        standin = self.server.standin
        path = unquote(urlsplit(self.path).path)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        request = Request(
            self.command,
            path,
            self.headers.get("Range"),
            token,
            self.headers.get("User-Agent", ""),
            self.server.kind,
        )
        with standin.lock:
            standin.requests.append(request)
        if self.server.kind == "cdn":
            found = next(
                (
                    data
                    for repo in standin.repos.values()
                    for data in repo.files.values()
                    if len(data) >= 1 and known_hash(sha256, data) == path.rpartition("/")[2]
                ),
                None,
            )
            if found is None:
                return self._error(404, {})
            return self._file(request, found, {"ETag": f'"{path.rpartition("/")[2]}"'})
        if path == "/api/whoami-v2":
            return self._json({"type": "user", "name": OWNER})
        if path == "/api/validate-yaml":  # a card's front matter
            return self._json({"errors": [], "warnings": []})
        if self.command in ("POST", "PUT") and (upload := self._upload(path)):
            return upload()
        # A data set is known as “datasets/owner/name”, as in the addresses of its files.
        path = path.replace("/api/datasets/", "/api/models/datasets/", 1)
        repo = r"((?:datasets/)?[^/]+/[^/]+)"
        if match := re.fullmatch(rf"/api/models/{repo}(?:/revision/(.+))?", path):
            return self._info(request, match[1], match[2])
        if match := re.fullmatch(rf"/api/models/{repo}/tree/([^/]+)(?:/(.*))?", path):
            return self._tree(request, match[1], match[2], match[3] or "")
        if match := re.fullmatch(rf"/api/models/{repo}/paths-info/([^/]+)", path):
            return self._paths_info(request, match[1], match[2])
        if match := re.fullmatch(rf"/{repo}/resolve/([^/]+)/(.+)", path):
            return self._resolve(request, match[1], match[2], match[3])
        return self._error(404, {})

    # --- the API -----------------------------------------------------------------------------

    def _repo(self, request: Request, hub_id: str, revision: str | None) -> Repo | None:
        """The model if it exists, this client may see it, and it has the revision."""
        if request.token is not None and request.token != TOKEN:
            self._error(401, {"X-Error-Message": "Invalid credentials in Authorization header"})
            return None
        repo = self.server.standin.repos.get(hub_id)
        if repo is None or (repo.private and request.token is None):
            code = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            self._error(401 if request.token is None else 404, code)
            return None
        if revision is not None and revision not in (repo.commit, *repo.revisions):
            self._error(404, {"X-Error-Code": "RevisionNotFound"})
            return None
        return repo

    def _info(self, request: Request, hub_id: str, revision: str | None) -> None:
        fault = self.server.standin.api_plan(request, 0)
        if fault is not None and fault.status is not None:
            return self._error(fault.status, fault.headers)
        repo = self._repo(request, hub_id, revision)
        if repo is None:
            return None
        return self._json(
            {
                "_id": "1",
                "id": hub_id,
                "sha": repo.commit,
                "private": repo.private,
                "gated": "manual" if repo.gated else False,
                "siblings": [repo.sibling(path) for path in repo.files],
            }
        )

    def _tree(self, request: Request, hub_id: str, revision: str, folder: str) -> None:
        repo = self._repo(request, hub_id, revision)
        if repo is None:
            return None
        recursive = "recursive=true" in self.path.lower()
        inside = f"{folder}/" if folder else ""
        entries: dict[str, dict[str, Any]] = {}
        for path in repo.files:
            if not path.startswith(inside):
                continue
            head, more, _ = path.removeprefix(inside).partition("/")
            if more:
                entries[inside + head] = directory(inside + head)
            if recursive or not more:
                entries[path] = repo.entry(path)
        if folder and not entries:
            return self._error(404, {"X-Error-Code": "EntryNotFound"})
        return self._json(list(entries.values()))

    def _paths_info(self, request: Request, hub_id: str, revision: str) -> None:
        repo = self._repo(request, hub_id, revision)
        if repo is None:
            return
        try:
            asked = json.loads(self.body)["paths"]
        except ValueError:
            asked = parse_qs(self.body.decode()).get("paths", [])
        found = []
        for path in asked if isinstance(asked, list) else [asked]:
            if path in repo.files:
                found.append(repo.entry(path))
            elif any(name.startswith(f"{path}/") for name in repo.files):
                found.append(directory(path))
        self._json(found)

    def _resolve(self, request: Request, hub_id: str, revision: str, path: str) -> None:
        repo = self._repo(request, hub_id, revision)
        if repo is None:
            return None
        if repo.gated and not (request.token == TOKEN and repo.granted):
            status = 401 if request.token is None else 403
            message = "Access to this model is restricted"
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": message}
            return self._error(status, headers)
        data = repo.files.get(path)
        if data is None:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": repo.commit}
            return self._error(404, headers)
        headers = {"X-Repo-Commit": repo.commit}
        if not repo.is_large(path):
            return self._file(request, data, headers | {"ETag": f'"{known_hash(git_hash, data)}"'})
        digest = known_hash(sha256, data)
        self.send_response(302)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("ETag", f'"{known_hash(git_hash, data)}"')
        self.send_header("X-Linked-ETag", f'"{digest}"')
        self.send_header("X-Linked-Size", str(len(data)))
        self.send_header("Location", f"{self.server.standin.cdn}/blobs/{digest}?signature=1")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return None

    # --- uploads -----------------------------------------------------------------------------

    def _upload(self, path: str) -> Callable[[], None] | None:
        """What answers a request of an upload; ``None`` for others."""
        repo = r"([^/]+/[^/]+)"
        if path == "/api/repos/create":
            return self._create
        if match := re.fullmatch(rf"/api/models/{repo}/preupload/main", path):
            return partial(self._preupload, match[1])
        if match := re.fullmatch(rf"/{repo}\.git/info/lfs/objects/batch", path):
            return partial(self._lfs_batch, match[1])
        if match := re.fullmatch(r"/put/([0-9a-f]{64})", path):
            return partial(self._put, match[1])
        if match := re.fullmatch(rf"/api/models/{repo}/commit/main", path):
            return partial(self._commit, match[1])
        return None

    def _may_write(self, hub_id: str) -> bool:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token == TOKEN and hub_id.startswith(f"{OWNER}/"):
            return True
        self._error(403 if token == TOKEN else 401, {"X-Error-Message": "No right to write"})
        return False

    def _create(self) -> None:
        asked = json.loads(self.body)
        hub_id = f"{asked.get('organization') or OWNER}/{asked['name']}"
        if self._may_write(hub_id):
            self.server.standin.repos[hub_id] = Repo({}, private=asked["visibility"] == "private")
            self._json({"url": f"{self.server.standin.endpoint}/{hub_id}", "id": hub_id})

    def _preupload(self, hub_id: str) -> None:
        if self._may_write(hub_id):
            large = [
                (file["path"], file["size"] >= 50_000 or file["path"].endswith(".safetensors"))
                for file in json.loads(self.body)["files"]
            ]
            self._json(
                {
                    "files": [
                        {"path": path, "uploadMode": "lfs" if is_large else "regular",
                         "shouldIgnore": False, "oid": None}
                        for path, is_large in large
                    ]
                }
            )  # fmt: skip

    def _lfs_batch(self, hub_id: str) -> None:
        if self._may_write(hub_id):
            address = f"{self.server.standin.endpoint}/put"
            self._json(
                {
                    "transfer": "basic",
                    "objects": [
                        item | {"actions": {"upload": {"href": f"{address}/{item['oid']}"}}}
                        for item in json.loads(self.body)["objects"]
                    ],
                }
            )

    def _put(self, digest: str) -> None:
        fault = self.server.standin.plan(
            Request("PUT", self.path, None, None, "", "hub"), len(self.body)
        )
        if fault is not None and fault.status is not None:
            return self._error(fault.status, fault.headers)
        assert sha256(self.body) == digest
        self.server.standin.objects[digest] = self.body
        return self._json({})

    def _commit(self, hub_id: str) -> None:
        if not self._may_write(hub_id):
            return
        repo = self.server.standin.repos[hub_id]
        for line in self.body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                repo.files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                repo.files[value["path"]] = self.server.standin.objects[value["oid"]]
        url = f"{self.server.standin.endpoint}/{hub_id}/commit/{COMMIT}"
        self._json({"success": True, "commitOid": COMMIT, "commitUrl": url, "hookOutput": ""})

    # --- bytes -------------------------------------------------------------------------------

    def _file(self, request: Request, data: bytes, headers: dict[str, str]) -> None:
        begin = 0
        if request.range and (match := re.fullmatch(r"bytes=(\d+)-", request.range)):
            begin = int(match[1])
        standin = self.server.standin
        fault = None
        if request.method == "GET":
            with standin.lock:
                fault = standin.plan(request, len(data) - begin)
        fault = fault or Fault()
        if fault.status is not None:
            return self._error(fault.status, fault.headers)
        if fault.ignore_range:
            begin = 0
        if begin >= len(data) > 0:
            return self._error(416, {"Content-Range": f"bytes */{len(data)}"})
        body = memoryview(data)[begin:]
        if fault.corrupt and len(body):
            body = memoryview(bytes([body[0] ^ 255]) + bytes(body[1:]))
        sent = body if fault.after is None else body[: fault.after]
        self.send_response(206 if begin else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(sent) if fault.short else len(body)))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if request.method == "HEAD":
            return None
        self._send(sent, fault)
        if len(sent) < len(body) and not fault.short:
            self._break(fault.reset)
        return None

    def _send(self, body: memoryview, fault: Fault) -> None:
        step = len(body) if fault.bytes_per_s is None else max(1, int(fault.bytes_per_s / 50))
        for at in range(0, len(body), max(1, step)):
            block = body[at : at + step]
            self.wfile.write(block)
            with self.server.standin.lock:
                self.server.standin.sent += len(block)
            if fault.bytes_per_s is not None:
                time.sleep(len(block) / fault.bytes_per_s)

    def _break(self, reset: bool) -> None:
        with contextlib.suppress(OSError):
            self.wfile.flush()
            if reset:
                time.sleep(0.002)  # a reset would also discard what was sent but not yet read
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
            else:
                self.connection.shutdown(socket.SHUT_RDWR)
            self.connection.close()
        self.close_connection = True

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _error(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


_hashes: dict[tuple[int, Callable[[bytes], str]], tuple[bytes, str]] = {}


def known_hash(kind: Callable[[bytes], str], data: bytes) -> str:
    """The hash of an object that lives as long as the stand-in; large ones are hashed once."""
    known = _hashes.get((id(data), kind))
    if known is None or known[0] is not data:
        known = _hashes[id(data), kind] = (data, kind(data))
    return known[1]


def main(folder: Path) -> None:
    """Serve *folder* as the model ``tests/bench``; prints the address, ends with its input."""
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    with HubStandIn({"tests/bench": Repo(files)}) as standin:
        sys.stdout.write(f"{standin.endpoint}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
