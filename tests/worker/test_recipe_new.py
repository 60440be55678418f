"""New recipes from the command line: what they say of the file, and when they are not written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.worker.data_fixtures import write_jsonl
from tests.worker.meant_rows import answered, asked, long, town


def recipe_new(tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", "recipe", "new", *arguments, "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PHI3STUDIO_HOME": str(tmp_path / "home")},
        check=False,
        cwd=tmp_path,
    )
    return done.returncode, json.loads(done.stdout)


def test_a_recipe_is_never_written_from_a_guess(tmp_path: Path) -> None:
    rows = [{"left": asked(n), "right": answered(n), "nr": n} for n in range(24)]
    path = str(write_jsonl(tmp_path / "rows.jsonl", rows))
    code, said = recipe_new(tmp_path, "--data", path)
    assert (code, said["error"]["code"]) == (2, "data.ambiguous")
    assert "left, right" in said["error"]["message"]
    assert "--answer-column" in said["error"]["hint"]
    assert not list(tmp_path.glob("*.yaml"))
    code, said = recipe_new(
        tmp_path, "--data", path, "--prompt-column", "right", "--answer-column", "left"
    )
    assert code == 0
    assert said["recipe"]["data"]["template"] == {
        "prompt": "{right}\n### left:\n",
        "completion": "{left}",
    }


def test_a_new_recipe_says_how_the_file_is_read(tmp_path: Path) -> None:
    lines = "".join(f"Où est {town(n)} ?;Près de {town(n + 1)}\n" for n in range(24))
    path = tmp_path / "rows.csv"
    path.write_bytes(f"question;answer\n{lines}".encode("cp1252"))
    code, document = recipe_new(tmp_path, "--data", str(path))
    assert code == 0
    assert "The text encoding looks like cp1252" in "\n".join(document["notes"])


def test_a_new_recipe_says_what_it_leaves_unread(tmp_path: Path) -> None:
    rows = [
        {"prompt": asked(n), "completion": answered(n), "label": n % 3 > 0, "notes": long(n)}
        for n in range(24)
    ]
    path = str(write_jsonl(tmp_path / "rows.jsonl", rows))
    code, said = recipe_new(tmp_path, "--data", path)
    assert code == 0
    assert (said["recipe"]["data"]["repairs"], said["recipe"]["data"]["rating"]) == ([], "label")
    assert said["recipe"]["method"]["objective"] == "kto"
    assert "the column “notes” (24 rows, for example “Anna" in said["notes"][0]
