"""The documents: links lead somewhere, commands exist, and generated pages are up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if page.is_file()
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```[a-z]*\n(.*?)^```", re.M | re.S)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file(page: Path) -> None:
    wrong = []
    for target in _LINK.findall(page.read_text("utf-8")):
        path = target.partition("#")[0]
        if path and "://" not in path and not (page.parent / path).exists():
            wrong.append(target)
    assert not wrong


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_of_a_page_exists(page: Path) -> None:
    from phi3studio.cli.command_line import app

    commands = typer.main.get_command(app)
    wrong = []
    for line in "\n".join(_CODE.findall(page.read_text("utf-8"))).splitlines():
        words = re.sub(r"^python3? installers/bootstrap.py", "phi3studio", line.strip()).split()
        if words[:1] != ["phi3studio"] or len(words) < 2 or not words[1][:1].islower():
            continue
        command, path = commands, []
        for word in words[1:]:
            inner = getattr(command, "commands", {})
            if not inner:
                break
            path.append(word)
            if word not in inner and word not in ("test", "app"):
                wrong.append(" ".join(path))
            if word not in inner:
                break
            command = inner[word]
    assert not wrong


def test_the_recipe_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.recipe_reference", "--check"], cwd=ROOT, check=False
    )
    assert done.returncode == 0, "run: python -m tools.recipe_reference"


def test_the_readme_is_a_landing_page() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120
