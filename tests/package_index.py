"""A package index on loopback with small wheels of the tests' own, and lock files over it.

It can be made to break a file off, to give other bytes, to stop half-way, or to be gone.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import sys
import threading
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from phi3studio.runtime_pack.pack_files import GENERATION, PackFacts

PYTHON = ".".join(map(str, sys.version_info[:2]))
BLOB = 1_200_000
"""Bytes of the large file in each wheel."""
_THREADS = 16


def make_wheel(folder: Path, name: str, version: str, files: dict[str, bytes]) -> Path:
    """A pure wheel with *files*; its RECORD holds their true hashes."""
    info = f"{name}-{version}.dist-info"
    contents = files | {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={_digest(data)},{len(data)}\n" for path, data in contents.items()
    )
    contents[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_STORED) as archive:
        for path, data in contents.items():
            archive.writestr(path, data)
    return wheel


def library(folder: Path, name: str, version: str = "1.0", size: int = BLOB) -> Path:
    """A wheel with a module and one large file, as the real libraries have them."""
    blob = hashlib.shake_256(f"{name} {version}".encode()).digest(size)
    module = f"VERSION = {version!r}\n".encode()
    return make_wheel(
        folder, name, version, {f"{name}/__init__.py": module, f"{name}/lib.bin": blob}
    )


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


class PackageIndex:
    """The index as a context manager. ``asked`` counts the requests of each file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: Counter[str] = Counter()
        self.broken: set[str] = set()
        """Projects whose files break off half-way."""
        self.changed: set[str] = set()
        """Projects whose files come with other bytes."""
        self.held: set[str] = set()
        """Projects whose files stop half-way until they are let go on."""
        self.go_on = threading.Event()
        handler = functools.partial(_Handler, self)
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/simple"

    def __enter__(self) -> PackageIndex:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Be gone: connections are refused from now on."""
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.pool.shutdown()
        self._thread.join()


class _Server(HTTPServer):
    """Answers from threads that all exist from the beginning, so that a test which counts
    threads sees none come."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.pool = ThreadPoolExecutor(_THREADS)
        together = threading.Barrier(_THREADS)
        list(self.pool.map(lambda _: together.wait(), range(_THREADS)))

    def process_request(self, request: Any, client_address: Any) -> None:
        self.pool.submit(self._answer, request, client_address)

    def _answer(self, request: Any, client_address: Any) -> None:
        with contextlib.suppress(OSError):
            self.finish_request(request, client_address)
        self.shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, index: PackageIndex, *arguments: object) -> None:
        self._index = index
        super().__init__(*arguments)  # type: ignore[arg-type]

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        parts = [part for part in self.path.split("/") if part]
        if parts[0] == "simple" and len(parts) == 2:
            self._page(parts[1])
        elif parts[0] == "files":
            self._file(parts[1])
        elif parts[0] == "python":
            # An archive that is not the one whose hash uv knows.
            self._index.asked[parts[-1]] += 1
            self._send(b"no interpreter", "application/gzip")
        else:
            self.send_error(404)

    def _page(self, project: str) -> None:
        links = [
            f'<a href="/files/{file.name}#sha256={hashlib.sha256(file.read_bytes()).hexdigest()}">'
            f"{file.name}</a>"
            for file in sorted(self._index.folder.glob(f"{project.replace('-', '_')}-*.whl"))
        ]
        if not links:
            self.send_error(404)
            return
        self._send(
            f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode(), "text/html"
        )

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, name: str) -> None:
        index, project = self._index, name.partition("-")[0]
        data = (index.folder / name).read_bytes()
        index.asked[name] += 1
        if project in index.changed:
            # A whole and readable archive, only not the one that was released.
            data = _other(data, name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        until = len(data) // 2 if project in index.broken else len(data)
        try:
            for start in range(0, until, 65536):
                if project in index.held and start > until // 2:
                    index.go_on.wait(30)
                self.wfile.write(data[start : min(until, start + 65536)])
        except OSError:
            pass
        if until < len(data):
            self.close_connection = True


def _other(data: bytes, name: str) -> bytes:
    """Another build of the same wheel."""
    import io
    import tempfile

    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {
            item: archive.read(item) for item in archive.namelist() if ".dist-info/" not in item
        }
        project, version = name.split("-")[:2]
        changed = files | {f"{project}/__init__.py": b"VERSION = 'evil'\n"}
        return make_wheel(Path(folder), project, version, changed).read_bytes()


def write_lock(
    locks: Path,
    index: PackageIndex,
    projects: dict[str, str],
    *,
    platform: str = "linux",
    installed_bytes: int | None = None,
    imports: tuple[str, ...] | None = None,
    loads: tuple[str, ...] = (),
    generation: int = GENERATION,
    python: str = PYTHON,
) -> Path:
    """The lock file ``cuda-PLATFORM.txt`` and its facts over *projects* (name → version)."""
    locks.mkdir(parents=True, exist_ok=True)
    lines, size = [], 0
    for name, version in projects.items():
        wheel = index.folder / f"{name}-{version}-py3-none-any.whl"
        data = wheel.read_bytes()
        size += len(data)
        lines.append(f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(data).hexdigest()}")
    file = locks / f"cuda-{platform}.txt"
    file.write_text("\n".join(lines) + "\n")
    facts = PackFacts(
        generation=generation,
        python=python,
        packages=len(projects),
        download_bytes=size,
        installed_bytes=size if installed_bytes is None else installed_bytes,
        imports=tuple(projects) if imports is None else imports,
        loads=loads,
        indexes=(index.url,),
    )
    file.with_suffix(".json").write_text(facts.to_json())
    return file
