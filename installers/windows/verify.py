"""Prove the Windows installer under wine, with a stand-in for the program.

    python3 installers/windows/verify.py

Builds two versions of the installer, then as a user would: installs the older one silently, looks
at files, registry and Start menu, opens a recipe, upgrades, uninstalls. The program itself needs
Windows; the release workflow does the same there with the real one.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from installers.product import NAME, RECIPE_SUFFIX, SLUG, BuildError, Product, read_product
from installers.tools import run, say
from installers.windows.build import PROGRAM, build, find_makensis

HERE = Path(__file__).resolve().parent
OLD = "0.0.9"
UNINSTALL = rf"HKCU\Software\Microsoft\Windows\CurrentVersion\Uninstall\{SLUG}"
_TIMEOUT_S = 180


class VerifyError(AssertionError):
    """Something is not as it should be."""


def missing() -> str:
    """Why this cannot be done here; empty if it can."""
    if wine_command() is None:
        return "wine is missing (apt-get install wine64)"
    if shutil.which("makensis") is None:
        return "makensis is missing (apt-get install nsis)"
    return ""


def wine_command() -> str | None:
    """The 64-bit wine; Debian keeps it out of the path when only wine64 is installed."""
    for name in ("wine64", "wine", "/usr/lib/wine/wine64"):
        found = shutil.which(name)
        if found is not None:
            return found
    return None


class Wine:
    """A fresh Windows in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "prefix"
        self._environment = os.environ | {
            "WINEPREFIX": str(self.prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=",
            "DISPLAY": "",
        }
        self.call("wineboot", "--init")

    def call(self, *command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a Windows program to its end."""
        wine = wine_command()
        assert wine is not None
        done = subprocess.run(
            [wine, *map(str, command)],
            env=self._environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}{done.stderr}".strip()[-500:]
            words = " ".join(map(str, command))
            raise VerifyError(f"“{words}” ended with {done.returncode}: {said}")
        return done

    def registry(self, key: str, value: str | None = None) -> str | None:
        """A value of the registry, the default one for ``None``; ``None`` where it is absent."""
        name = ["/ve"] if value is None else ["/v", value]
        done = self.call("reg", "query", key, *name, check=False)
        if done.returncode != 0:
            return None
        found = re.search(r"REG_(?:SZ|DWORD)\s+(.*)", done.stdout)
        return found[1].strip() if found else None

    def copy_key(self, key: str, target: str) -> None:
        """Copy a key of the registry. Tried again, because wine's reg, started right behind
        another, was seen to fail."""
        for _ in range(3):
            done = self.call("reg", "copy", key, target, "/s", "/f", check=False)
            if done.returncode == 0:
                return
            time.sleep(2)
        said = f"{done.stdout}{done.stderr}".strip()[-500:]
        raise VerifyError(f"{key} cannot be copied to {target} ({done.returncode}): {said}")

    @property
    def user(self) -> Path:
        """The user's folder."""
        return next(
            folder for folder in (self.prefix / "drive_c" / "users").iterdir()
            if folder.name != "Public"
        )  # fmt: skip

    @property
    def local(self) -> Path:
        """The user's %LOCALAPPDATA%."""
        return self.user / "AppData" / "Local"

    @property
    def start_menu(self) -> Path:
        """The user's Start menu."""
        return self.user / "AppData/Roaming/Microsoft/Windows/Start Menu/Programs"

    def close(self) -> None:
        """End whatever still runs in it."""
        server = shutil.which("wineserver") or "/usr/lib/wine/wineserver64"
        for flag in ("-k", "-w"):
            subprocess.run([server, flag], env=self._environment, check=False, timeout=60)


def payload(folder: Path, version: str, extra: str) -> Path:
    """A bundle with stand-ins for the programs, and a file that only this version has."""
    bundle = folder / f"bundle-{version}"
    (bundle / "_internal" / "resources").mkdir(parents=True)
    (bundle / "_internal" / "resources" / "hällo wörld.txt").write_text("text", "utf-8")
    (bundle / "_internal" / extra).write_text(version)
    (bundle / "LICENSE").write_text("MIT")
    program = bundle / PROGRAM
    run([find_makensis(), "-V1", f"-DOUT={program}", f"-DVERSION={version}", HERE / "stub.nsi"])
    shutil.copyfile(program, bundle / f"{SLUG}.exe")
    return bundle


def verify(folder: Path) -> Iterator[str]:
    """Do it all in *folder*, yielding what was proven; raises :class:`VerifyError`."""
    product = read_product()
    new = product.version
    installers = {
        version: _installer(folder, product, version, extra)
        for version, extra in ((OLD, "only-in-old.txt"), (new, "only-in-new.txt"))
    }
    sizes = ", ".join(f"{file.stat().st_size} bytes" for file in installers.values())
    yield f"makensis built both installers ({sizes})"
    wine = Wine(folder)
    try:
        yield from _life(wine, installers, new)
    finally:
        wine.close()


def _life(wine: Wine, installers: dict[str, Path], new: str) -> Iterator[str]:
    home = wine.local / SLUG
    place = wine.local / "Programs" / NAME
    data = home / "runs" / "a run" / "recipe.json"
    data.parent.mkdir(parents=True)
    data.write_text("{}")

    wine.call(installers[OLD], "/S")
    _check((place / PROGRAM).is_file(), "the program was not installed")
    _check((place / "_internal/resources/hällo wörld.txt").is_file(), "a file is missing")
    _check((wine.start_menu / f"{NAME}.lnk").is_file(), "there is no Start menu entry")
    entry = {
        name: wine.registry(UNINSTALL, name)
        for name in ("DisplayName", "DisplayVersion", "QuietUninstallString", "InstallLocation")
    }
    _check(entry["DisplayName"] == NAME, f"wrong name: {entry}")
    _check(entry["DisplayVersion"] == OLD, f"wrong version: {entry}")
    _check(str(entry["QuietUninstallString"]).endswith('uninstall.exe" /S'), f"wrong: {entry}")
    yield "silent installation without administrator's rights: files, Start menu, uninstall entry"

    kind = wine.registry(rf"HKCU\Software\Classes\{RECIPE_SUFFIX}")
    command = wine.registry(rf"HKCU\Software\Classes\{kind}\shell\open\command") or ""
    _check(command.endswith(f'{PROGRAM}" gui "%1"'), f"wrong association: {command}")
    recipe = wine.local / f"my recipe{RECIPE_SUFFIX}"
    recipe.write_text("name: x\n")
    opened = rf"C:\users\{wine.user.name}\AppData\Local\my recipe{RECIPE_SUFFIX}"
    # Windows shows the user's classes in HKEY_CLASSES_ROOT; wine 8 only those of the machine.
    for key in (RECIPE_SUFFIX, str(kind)):
        wine.copy_key(rf"HKCU\Software\Classes\{key}", rf"HKLM\Software\Classes\{key}")
    wine.call("start", "/wait", opened)
    said = _started(place)
    _check(said.startswith(f"{OLD}|") and opened in said, f"not opened by the program: {said}")
    yield "a double click on a recipe starts the program with it"

    wine.call(installers[new], "/S")
    _check(wine.registry(UNINSTALL, "DisplayVersion") == new, "the version did not change")
    _check((place / "_internal" / "only-in-new.txt").is_file(), "the new version is not there")
    _check(not (place / "_internal" / "only-in-old.txt").exists(), "old files were left")
    _check(data.is_file(), "the upgrade touched the user's runs")
    wine.call("start", "/wait", opened)
    _check(_started(place).startswith(f"{new}|"), "the old program still runs")
    yield "upgrade over an older version: old files gone, runs kept"

    foreign = place / "my own notes.txt"
    foreign.write_text("mine")
    _uninstall(wine, place)
    _check(not (place / PROGRAM).exists() and not (place / "_internal").exists(), "files were left")
    _check(foreign.is_file(), "a file that is not ours was removed")
    _check(wine.registry(UNINSTALL, "DisplayName") is None, "the uninstall entry was left")
    _check(wine.registry(rf"HKCU\Software\Classes\{RECIPE_SUFFIX}") is None, "association left")
    _check(not (wine.start_menu / f"{NAME}.lnk").exists(), "the Start menu entry was left")
    _check(data.is_file(), "the user's runs were removed without being asked for")
    yield "silent uninstallation: everything of ours gone, runs and foreign files kept"

    wine.call(installers[new], "/S", r"/D=C:\Other\Studio")
    other = wine.prefix / "drive_c/Other/Studio"
    _check((other / PROGRAM).is_file(), "the chosen folder was not taken")
    _uninstall(wine, other, "/REMOVEDATA")
    _check(not home.exists(), "the runs were kept although their removal was asked for")
    _check(not other.exists(), "the folder was left")
    yield "another folder; data removed when asked for"


def _installer(folder: Path, product: Product, version: str, extra: str) -> Path:
    return build(
        payload(folder, version, extra),
        folder / version,
        "cpu",
        product=dataclasses.replace(product, version=version),
    )


def _uninstall(wine: Wine, place: Path, *options: str) -> None:
    wine.call(place / "uninstall.exe", "/S", *options)
    # It goes on from a copy of itself in a temporary folder.
    end = time.monotonic() + 30
    while time.monotonic() < end and (
        (place / PROGRAM).exists() or wine.registry(UNINSTALL, "DisplayName") is not None
    ):
        time.sleep(0.3)
    time.sleep(1)


def _started(place: Path) -> str:
    file = place / "started.txt"
    if not file.is_file():
        raise VerifyError("the program was not started")
    text = file.read_text("utf-16")
    file.unlink()
    return text


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise VerifyError(otherwise)


def main() -> int:
    """Print what was proven; exit code 1 when something was not."""
    reason = missing()
    if reason:
        say(f"Error: {reason}.")
        return 2
    with tempfile.TemporaryDirectory(prefix="phi3studio-wine-") as folder:
        try:
            for proven in verify(Path(folder)):
                print(f"  proven: {proven}", flush=True)
        except (VerifyError, BuildError) as exc:
            say(f"Error: {exc}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
