"""The runtime of an AppImage: the small program in front of the packed folder, which mounts it.

It is the AppImage project's own (MIT; https://github.com/AppImage/type2-runtime), linked
statically, so that a system needs no libfuse. One release is pinned by its hash and fetched once to
``.build/downloads``. ``APPIMAGE_RUNTIME`` names a file instead, for a machine that reaches no
download host but has the runtime.
"""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

from installers.product import BUILD, BuildError
from installers.tools import say, sha256

VARIABLE = "APPIMAGE_RUNTIME"
RELEASE = "20251108"
URL = "https://github.com/AppImage/type2-runtime/releases/download/{release}/runtime-{machine}"
HASHES = {
    "x86_64": "2fca8b443c92510f1483a883f60061ad09b46b978b2631c807cd873a47ec260d",
    "aarch64": "00cbdfcf917cc6c0ff6d3347d59e0ca1f7f45a6df1a428a0d6d8a78664d87444",
}
_TIMEOUT_S = 30
# An ELF file whose padding names the second type of AppImage.
_MAGIC = (b"\x7fELF", b"AI\x02")


def find_runtime(machine: str, cache: Path = BUILD / "downloads") -> tuple[Path | None, str]:
    """The runtime for *machine*, or ``None`` with the reason.

    Raises :class:`BuildError` for a file that is not what it should be: that is no want of a
    network, but a thing to look into.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _of_the_user(Path(named), machine), ""
    wanted = HASHES.get(machine)
    if wanted is None:
        return None, f"no runtime is pinned for processors of type {machine}"
    file = cache / f"appimage-runtime-{RELEASE}-{machine}"
    if file.is_file() and sha256(file) == wanted:
        return file, ""
    url = URL.format(release=RELEASE, machine=machine)
    cache.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            part.write_bytes(answer.read())
    except (urllib.error.URLError, OSError) as exc:
        reason = getattr(exc, "reason", exc)
        return None, (
            f"the runtime that goes before it: {url} cannot be fetched ({reason}). Set {VARIABLE} "
            "to that file"
        )
    if (found := sha256(part)) != wanted:
        part.unlink()
        raise BuildError(f"{url} is not the file that is pinned: its hash is {found}.")
    part.replace(file)
    return file, ""


def _of_the_user(file: Path, machine: str) -> Path:
    """A runtime that the environment names; one other than the pinned is reported."""
    head = file.read_bytes()[:11] if file.is_file() else b""
    if (head[:4], head[8:11]) != _MAGIC:
        raise BuildError(f"{VARIABLE}: {file} is no AppImage runtime of type 2.")
    if (found := sha256(file)) != HASHES.get(machine):
        say(f"  {file} is another runtime than the pinned one: {found}")
    return file
