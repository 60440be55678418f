"""Whether one commit gives one package: built twice, in two folders, and compared byte by byte.

Environment, bundle and package are made from scratch each time. The folders
have names of different lengths, the second is younger, its files were written in another order.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from installers.product import BUILD, ROOT, SLUG, BuildError, Product
from installers.tools import Step, need, run, say, sha256

PLACES = ("one", "another place/with a longer name")
_SHOWN = 30


def reproduce(out: Path, product: Product) -> int:
    """Build the .deb twice; 0 when the bytes are the same.

    Leaves ``reproduce/report.json`` in *out*. Packages that differ are kept below
    ``.build/reproduce``.
    """
    need("dpkg-deb", "zstd")
    place = BUILD / "reproduce"
    shutil.rmtree(place, ignore_errors=True)
    sources = [place / name for name in PLACES]
    # Both at once: nobody's next change comes between them.
    for turn, source in enumerate(sources):
        copy_source(source, backwards=turn % 2 == 1)
    packages: list[Path] = []
    for turn, source in enumerate(sources, 1):
        with Step(f"package {turn}, in {source.relative_to(ROOT)}"):
            packages.append(_build(source, place / f"package-{turn}", product))
        # Its environment and bundle take gigabytes.
        shutil.rmtree(source)
    hashes = [sha256(package) for package in packages]
    different = [] if hashes[0] == hashes[1] else list(differences(*packages))
    report = {
        "commit": product.commit,
        "sha256": hashes,
        "bytes": [package.stat().st_size for package in packages],
        "different": different,
        "seconds": {title: round(seconds) for title, seconds in Step.took},
    }
    summary = out / "reproduce" / "report.json"
    summary.parent.mkdir(parents=True, exist_ok=True)
    summary.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    for digest in hashes:
        print(f"{digest}  {packages[0].name}")
    earlier = out / packages[0].name
    if earlier.is_file():
        same = "the same" if sha256(earlier) in hashes else "another: of another source?"
        print(f"The one in {out} is {same}.")
    if hashes[0] == hashes[1]:
        print("The same bytes twice.")
        shutil.rmtree(place)
        return 0
    say(f"Error: the packages differ; both are in {place}.")
    for line in different[:_SHOWN]:
        say(f"  {line}")
    if len(different) > _SHOWN:
        say(f"  and {len(different) - _SHOWN} more: {summary}")
    return 1


def copy_source(place: Path, *, backwards: bool, root: Path = ROOT) -> None:
    """Copy what git has or would take of the source tree, with changes that are not committed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        raise BuildError(f"{root} is no git checkout, so it is unknown what belongs to the source.")
    for name in sorted({*listed.stdout.split("\0")} - {""}, reverse=backwards):
        file = root / name
        if not file.is_file():
            continue  # removed, and the removal not committed
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        target.chmod(0o755 if os.access(file, os.X_OK) else 0o644)


def differences(one: Path, other: Path) -> Iterator[str]:
    """What differs inside two packages: the files that one lacks, and those with other content."""
    first, second = _members(one), _members(other)
    for name in sorted(first.keys() | second.keys()):
        if name not in second:
            yield f"{name}: only in {one}"
        elif name not in first:
            yield f"{name}: only in {other}"
        elif first[name] != second[name]:
            what = [
                said for said, a, b in zip(_FACTS, first[name], second[name], strict=True) if a != b
            ]
            yield f"{name}: {', '.join(what)}"


_FACTS = ("kind", "rights", "owner", "date", "target", "content")


def _members(package: Path) -> dict[str, tuple[object, ...]]:
    """Facts of each file of a package, its control files included."""
    found: dict[str, tuple[object, ...]] = {}
    for option, prefix in (("--ctrl-tarfile", "DEBIAN/"), ("--fsys-tarfile", "")):
        packed = subprocess.run(
            ["dpkg-deb", option, str(package)], capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() else None
                digest = hashlib.sha256(content.read()).hexdigest() if content else ""
                found[prefix + member.name.removeprefix("./")] = (
                    member.type,
                    member.mode,
                    (member.uid, member.gid),
                    member.mtime,
                    member.linkname,
                    digest,
                )
    return found


def _build(source: Path, out: Path, product: Product) -> Path:
    """The .deb of a source tree, built by its own ``build.py``."""
    # The commit is found by git, from below this checkout.
    said = run(
        [sys.executable, "installers/build.py", "linux", "--only", "deb", "--out", out],
        environment=os.environ | {"SOURCE_DATE_EPOCH": str(product.epoch)},
        folder=source,
        log=BUILD / "logs" / f"reproduce-{out.name}.log",
    )
    for line in said.splitlines():
        if line.startswith("Took "):
            say(f"  {line}")
    (package,) = out.glob(f"{SLUG}_*.deb")
    return package
