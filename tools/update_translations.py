"""Brings the translation files up to date: python tools/update_translations.py

Takes new texts from the sources into the ``.ts`` files (translations that are there stay), drops
texts that are gone, and compiles the ``.qm`` files. English holds only the plural forms. Prints
what is still to be translated; edit the ``.ts`` files with Qt Linguist and run this again.
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TRANSLATIONS = ROOT / "resources" / "translations"
SOURCES = sorted((ROOT / "phi3studio" / "gui").rglob("*.py"))


def tool(name: str, *arguments: str) -> None:
    """Run one of Qt's language tools."""
    subprocess.run([str(Path(sys.executable).parent / f"pyside6-{name}"), *arguments], check=True)


def main() -> int:
    """Update and compile; returns 1 while texts are untranslated."""
    open_texts = 0
    for language in ("en", "it"):
        file = TRANSLATIONS / f"phi3studio_{language}.ts"
        plural = ["-pluralonly"] if language == "en" else []
        tool(
            "lupdate", "-silent", "-no-obsolete", "-locations", "none", *plural,
            "-source-language", "en", "-target-language", language,
            *map(str, SOURCES), "-ts", str(file),
        )  # fmt: skip
        tool("lrelease", "-silent", str(file), "-qm", str(file.with_suffix(".qm")))
        for message in ElementTree.parse(file).getroot().iter("message"):  # noqa: S314 - our own file
            translation = message.find("translation")
            if translation is not None and translation.get("type") == "unfinished":
                open_texts += 1
                print(f"{language}: {message.findtext('source')}")
    return 1 if open_texts else 0


if __name__ == "__main__":
    sys.exit(main())
