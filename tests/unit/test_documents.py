"""The documents: links lead somewhere, commands exist and run, generated pages are up to date."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from phi3studio.app.paths import Home

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


# --- links and anchors ---------------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    headings = re.findall(r"^#{1,6} +(.+?) *$", text, re.M)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_anchor_of_a_link_is_a_heading(page: Path) -> None:
    wrong = []
    for target in _LINK.findall(page.read_text("utf-8")):
        path, _, anchor = target.partition("#")
        if anchor and "://" not in target:
            aim = page.parent / path if path else page
            if anchor not in _anchors(aim):
                wrong.append(target)
    assert not wrong


# --- what README and tutorial say to type --------------------------------------------------------

TUTORIAL = (ROOT / "README.md", ROOT / "docs" / "first-fine-tune.md")
_PROGRAM = re.compile(r"^(phi3studio|python3 installers/bootstrap\.py|pipx|uv)\b")

# Run by tests of their own, which are named here.
ELSEWHERE = {
    "pipx install .": "tests/installers/test_wheel.py",
    "phi3studio": "tests/gui/test_app.py",
    "phi3studio demo": "tests/e2e/test_demo.py",
}
# Tried below, in this order, each with what it stands for in the test.
TRIED = {
    "phi3studio recipe new --data FILE": "phi3studio recipe new --data faq.csv",
    "phi3studio data preview FILE": "phi3studio data preview faq.csv",
    "phi3studio data check FILE": "phi3studio data check faq.csv",
}


def typed(page: Path) -> list[str]:
    """The command lines that a page shows, in code blocks and in its text, without remarks."""
    text = page.read_text("utf-8")
    lines = "\n".join(_CODE.findall(text)).splitlines()
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    found = [line.partition(" #")[0].strip() for line in (*lines, *spans)]
    return list(dict.fromkeys(line for line in found if _PROGRAM.match(line)))


def test_every_command_to_type_is_tried_somewhere() -> None:
    every = [line for page in TUTORIAL for line in typed(page)]
    setup = [line for line in every if line.startswith("python3 installers/bootstrap.py")]
    five = _five_lines()
    assert set(every) - set(setup) - set(ELSEWHERE) - set(TRIED) - set(five) == set()
    assert (set(ELSEWHERE) | set(TRIED)) - set(every) == set(), "the pages no longer show it"
    for test in ELSEWHERE.values():
        assert (ROOT / test).is_file(), test
    for line in setup:
        # It would make an environment: its options are read, and the command behind them exists.
        done = subprocess.run(
            [sys.executable, *line.split()[1:2], "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        options = [word for word in line.split()[2:] if word.startswith("--")]
        assert all(option in done.stdout for option in options), line


def _five_lines() -> list[str]:
    """“Your own data in five lines” of the README."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## Your own data in five lines")[2]
    lines = [line.partition(" #")[0].strip() for line in _CODE.findall(section)[0].splitlines()]
    assert len(lines) == 5
    return lines


@pytest.fixture
def desk(home: Home, tiny_phi3: Path, tmp_path: Path) -> Path:
    """A folder with a user's files; the tiny model takes the starter's place."""
    home.models.mkdir(parents=True)
    shutil.copytree(tiny_phi3, home.models / "starter")
    config = home.models / "starter" / "config.json"
    values = json.loads(config.read_text("utf-8"))
    # Recipes begin with the starter's sequence length.
    longer = dict.fromkeys(("max_position_embeddings", "original_max_position_embeddings"), 2048)
    config.write_text(json.dumps(values | longer), "utf-8")
    folder = tmp_path / "desk"
    folder.mkdir()
    rows = [(f"Where is order {n}?", f"It is on its way: {n}.") for n in range(40)]
    for name in ("tickets.csv", "faq.csv"):
        lines = [f"{question},{answer}" for question, answer in rows]
        (folder / name).write_text("\n".join(["question,answer", *lines]) + "\n", "utf-8")
    return folder


def _type(line: str, folder: Path) -> str:
    """Run one command line as it is written; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-m", *line.split()],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input="",
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def test_the_tutorials_commands_read_a_file(desk: Path) -> None:
    said = {line: _type(line, desk) for line in TRIED.values()}
    assert (desk / "faq.yaml").is_file()
    assert "order" in said["phi3studio data preview faq.csv"]
    assert "40" in said["phi3studio data check faq.csv"]


@pytest.mark.slow
def test_the_five_lines_go_from_a_file_to_an_answer(desk: Path) -> None:
    """As the README shows them, one after the other."""
    new, check, estimate, run, chat = _five_lines()
    assert "tickets.yaml" in _type(new, desk)
    assert "40" in _type(check, desk)
    assert "memory" in _type(estimate, desk).lower()
    _type(run, desk)
    _type(chat, desk)
