"""Ratings and blind comparisons from the command line, on real models of the tiny kind."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home
from phi3studio.cli.rating.asked_rows import AskedRow, asked_rows
from phi3studio.domain.ratings.rating import Message, Question, Rating
from phi3studio.runs.shown.rating_shelf import RatingShelf
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.services.connection import Service
from phi3studio.services.inspector_client import Inspector
from tests.cli.conftest import command
from tests.worker.running import tiny_recipe

pytestmark = pytest.mark.long

ASKED = Question("### Customer: where?\n### Answer:\n")


@pytest.fixture
def finished(home: Home, pair) -> tuple[RunFolder, RunFolder]:
    """Two completed runs in the test's own home."""
    home.runs.mkdir(parents=True)
    first, second = (
        RunFolder(Path(shutil.copytree(run.path, home.runs / run.name)))
        for run in (pair.first, pair.second)
    )
    return first, second


@pytest.fixture
def rated(home: Home) -> list[Rating]:
    ratings = [
        Rating(ASKED, "tones", "Here.", "up", 1.0),
        Rating(ASKED, "tones", "No.", "down", 2.0),
        Rating(Question("### Customer: when?\n### Answer:\n"), "tones", "\x1b[2JHm.", "down", 3.0),
    ]
    RatingShelf(RunStore(home)).add(ratings)
    return ratings


def at_terminal(home: Home, keys: str, *arguments: str | Path) -> tuple[int, str]:
    """Run a command in a terminal where somebody writes *keys*, each when it is asked for."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments),
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root), "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said, answered, waiting = "", 0, iter(keys)
    end = time.monotonic() + 170
    while time.monotonic() < end:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece.decode("utf-8", "replace")
        while said.count("b or q> ") > answered:
            answered += 1
            os.write(ours, (next(waiting) + "\n").encode())
    os.close(ours)
    assert "Traceback" not in said, said
    return process.wait(30), said.replace("\r\n", "\n")


def test_ratings_are_listed_and_taken_back(studio, home, rated) -> None:
    said = studio("ratings", "list", "--json")
    assert [one["answer"] for one in said.document["ratings"]] == ["\x1b[2JHm.", "No.", "Here."]
    plain = studio("ratings", "list")
    assert "\x1b" not in plain.out
    assert rated[0].id in plain.out
    assert "good" in plain.out
    assert studio("ratings", "delete", rated[0].id).code == 0
    left = studio("ratings", "list", "--json").document["ratings"]
    assert [one["id"] for one in left] == [rated[2].id, rated[1].id]
    assert studio("ratings", "delete", "--all", "--json").document["deleted"] == [
        rated[2].id,
        rated[1].id,
    ]
    assert "No ratings yet" in studio("ratings", "list").out


def test_damaged_lines_are_said(studio, home, rated) -> None:
    (file,) = (home.root / "ratings").glob("*.jsonl")
    with file.open("a") as opened:
        opened.write('{"version": 9}\n')
    said = studio("ratings", "list")
    assert "Passed over: 1 damaged line." in said.err
    assert studio("ratings", "list", "--json").document["damaged_lines"] == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["delete"], "rating.which"),
        (["delete", "abc", "--all"], "rating.which"),
        (["delete", "abc"], "rating.unknown"),
        (["export", "here.jsonl"], "rating.none"),
        (["list", "--run", "nothing"], "run.not_found"),
    ],
)
def test_what_is_not_there_is_refused(studio, home, tmp_path, arguments, code) -> None:
    said = studio("ratings", *arguments, "--json", cwd=tmp_path)
    assert said.code == 2, said.out
    assert said.document["error"]["code"] == code
    assert list(tmp_path.glob("*.jsonl")) == []


def test_an_export_is_read_as_pairs_again_and_never_overwrites(
    studio, home, rated, tmp_path, tiny_phi3
) -> None:
    file = tmp_path / "mine.jsonl"
    said = studio("ratings", "export", file)
    assert said.code == 0, said.err
    assert "1 pair in" in said.out
    assert "1 answer without a counterpart" in said.out
    checked = studio("data", "check", file, "--model", tiny_phi3)
    assert checked.code == 0, checked.out
    assert "“chosen” is the better answer" in checked.out
    recipe = tmp_path / "recipe.json"
    made = studio("recipe", "new", "--data", file, "--model", tiny_phi3, "--out", recipe)
    assert made.code == 0, made.err
    written = json.loads(recipe.read_text())
    assert written["method"]["objective"] == "dpo"
    assert written["data"]["template"] == {"prompt": "{prompt}", "completion": "{chosen}"}
    assert written["data"]["rejected"] == "{rejected}"
    again = studio("ratings", "export", file, "--json")
    assert again.document["error"]["code"] == "rating.exists"


def test_what_was_rated_is_trained_from_where_its_run_is(studio, home, finished, tmp_path) -> None:
    first, _ = finished
    ratings = [
        Rating(ASKED, first.name, "Here.", "up", 1.0),
        Rating(ASKED, first.name, "No.", "down", 2.0),
    ]
    RatingShelf(RunStore(home)).add(ratings)
    file, recipe = tmp_path / "mine.jsonl", tmp_path / "recipe.json"
    assert f" --from {first.name} --out" in studio("ratings", "export", file).out
    made = studio("recipe", "new", "--data", file, "--from", first.name, "--out", recipe)
    assert made.code == 0, made.err
    assert f"Goes on from what {first.name} learned." in made.out
    written = json.loads(recipe.read_text())["model"]
    assert (recipe.parent / written["adapter"]).resolve() == first.adapter.resolve()
    assert written["source"] == first.recipe().model.source
    shutil.rmtree(first.adapter)
    again = tmp_path / "again.jsonl"
    assert "--from" not in studio("ratings", "export", again).out
    for name, code in ((first.name, "run.no_adapter"), ("nothing", "run.not_found")):
        refused = studio("recipe", "new", "--data", file, "--from", name, "--json", cwd=tmp_path)
        assert (refused.code, refused.document["error"]["code"]) == (2, code)


def test_an_export_with_labels_is_read_as_rated_answers(
    studio, home, rated, tmp_path, tiny_phi3
) -> None:
    file = tmp_path / "labels.jsonl"
    said = studio("ratings", "export", file, "--labels")
    assert said.code == 0, said.err
    assert "3 answers, each with a label, in" in said.out
    assert "Train on them" in said.out
    recipe = tmp_path / "recipe.json"
    made = studio("recipe", "new", "--data", file, "--model", tiny_phi3, "--out", recipe)
    assert made.code == 0, made.err
    written = json.loads(recipe.read_text())
    assert written["method"]["objective"] == "kto"
    assert written["data"]["rating"] == "label"
    shown = studio("data", "preview", file, "--row", "2", "--model", tiny_phi3)
    assert shown.code == 0, shown.out
    assert "rated bad" in shown.out
    named = studio(
        *("data", "check", file, "--model", tiny_phi3, "--json"),
        *("--template", "{prompt}{=>}{completion}", "--rating", "label"),
    )
    assert "one_rating" not in named.out, named.out
    absent = studio(
        *("data", "check", file, "--model", tiny_phi3, "--json"),
        *("--template", "{prompt}{=>}{completion}", "--rating", "stars"),
    )
    assert absent.document["error"]["code"] == "data.missing_column"


def test_an_export_of_conversations_keeps_their_turns(studio, home, tmp_path, tiny_phi3) -> None:
    turns = (Message("system", "Be kind."), Message("user", "where?"))
    rating = Rating(Question("", turns), "a", "Here.", "pair", 1.0, "No.", "b")
    RatingShelf(RunStore(home)).add([rating])
    file = tmp_path / "mine.jsonl"
    assert studio("ratings", "export", file, "--json").document["pairs"] == 1
    shown = studio(
        *("data", "preview", file, "--model", tiny_phi3, "--json"),
        *("--messages", "prompt + chosen", "--rejected", "prompt + rejected"),
    )
    assert shown.code == 0, shown.out
    asked = shown.document["prompt"]
    assert asked.index("Be kind.") < asked.index("where?")
    assert shown.document["completion"] == "Here."
    assert shown.document["rejected"]["completion"] == "No."


@pytest.mark.parametrize(
    ("row", "messages"),
    [
        (
            {"messages": [["system", "S"], ["user", "a"], ["assistant", "b"], ["user", "c"]]},
            [("system", "S"), ("user", "a")],
        ),
        (
            {"conversations": [["human", "a"], ["gpt", "b"], ["human", "c"], ["gpt", "d"]]},
            [("user", "a"), ("assistant", "b"), ("user", "c")],
        ),
        (
            {
                "prompt": [["user", "a"]],
                "chosen": [["assistant", "b"]],
                "rejected": [["assistant", "c"]],
            },
            [("user", "a")],
        ),
        ({"question": "a?", "answer": "b"}, [("user", "a?")]),
        ({"question": "a?"}, [("user", "a?")]),
    ],
)
def test_a_question_is_found_in_whatever_shape_the_rows_have(
    home, tmp_path, tiny_phi3, phrases, row, messages
) -> None:
    def written(value: Any, at: int) -> Any:
        if isinstance(value, str):
            return f"{value} {at}"
        sharegpt = "conversations" in row
        role, content = ("from", "value") if sharegpt else ("role", "content")
        return [{role: who, content: f"{text} {at}"} for who, text in value]

    file = tmp_path / "asked.jsonl"
    rows = [{name: written(value, at) for name, value in row.items()} for at in range(3)]
    file.write_text("".join(json.dumps(one) + "\n" for one in [*rows, rows[0]]))

    async def ask() -> list[AskedRow]:
        async with Service.start("inspector") as service:
            recipe = tiny_recipe(tiny_phi3, phrases, "x")
            return await asked_rows(Inspector(service), file, recipe, True, 10)

    found = asyncio.run(ask())
    assert len(found) == 3
    for at, one in enumerate(found):
        said = [(turn["role"], turn["content"]) for turn in one.messages]
        assert said == [(who, f"{text} {at}") for who, text in messages]


# --- compare ------------------------------------------------------------------------------------


def test_compare_asks_a_person_alone(studio, finished, phrases) -> None:
    first, second = finished
    said = studio("compare", first.name, second.name, "--data", phrases, stdin="1\n1\n")
    assert said.code == 2
    assert "rating.no_terminal" in said.err
    assert "in a terminal" in said.err


def test_compare_makes_pairs_and_says_the_score_with_its_interval(
    studio, home, finished, phrases, tmp_path
) -> None:
    first, _ = finished
    code, said = at_terminal(
        home,
        "1x2tbq",
        *("compare", first.name, first.name, "--data", phrases),
        *("--seed", "3", "--temperature", "2", "--max-tokens", "8"),
    )
    assert code == 0, said
    # Neither a name nor a seed before the end.
    asking, _, end = said.rpartition("b or q> ")
    assert first.name not in asking.replace(str(phrases), "")
    assert "Write 1, 2, t (tie)" in asking
    assert re.search(r"\d of 2 \(95 % interval|in \d+ % of 2 \(95 % interval", end), end
    ratings = studio("ratings", "list", "--run", first.name, "--json").document["ratings"]
    assert [one["verdict"] for one in ratings].count("pair") == 2
    assert [one["verdict"] for one in ratings].count("down") == 2
    assert all(one["prompt"] for one in ratings)
    shown = [one for one in ratings if one["verdict"] == "pair"]
    for one in shown:
        assert one["answer"].strip() in asking.replace("\r", "")
    file = tmp_path / "pairs.jsonl"
    assert studio("ratings", "export", file, "--json").document["pairs"] == 2


def test_compare_of_two_models_stops_when_the_input_ends(home, finished, phrases) -> None:
    first, second = finished
    code, said = at_terminal(
        home, "q", "compare", first.name, second.name, "--data", phrases, "--limit", "40"
    )
    assert code == 0, said
    assert "Nothing was compared." in said or "ties" in said


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (["--data", "nothing.jsonl"], "data.no_file"),
        (["--data", "other.jsonl"], "data.missing_column"),
        (["--data", "other.jsonl", "--temperature", "0"], "rating.same_answers"),
    ],
)
def test_compare_says_what_does_not_fit(home, finished, tmp_path, monkeypatch, more, code) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.jsonl").write_text('{"question": "a"}\n{"question": "b"}\n')
    name = finished[0].name
    ended, said = at_terminal(home, "", "compare", name, name, *more)
    assert ended == 2
    assert f"[{code}]" in said
