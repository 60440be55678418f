"""Preferences as people write them: in other languages, by hand, and as public sets have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phi3studio.cli.data_lines import report_lines
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import ShapeProposal, SourceReport
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import parse_recipe
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.preparing.tokenise import Encoder
from tests.worker.data_fixtures import byte_level, encoder, whole_check  # noqa: F401
from tests.worker.pairs import pair_rows, write_pairs

Row = dict[str, Any]
PAIRS = [(row["prompt"], row["chosen"], row["rejected"]) for row in pair_rows()]


def looked_at(folder: Path, rows: list[Row]) -> SourceReport:
    return describe(Source(source=str(write_pairs(folder / "rows.jsonl", rows))))


def best(folder: Path, rows: list[Row]) -> ShapeProposal:
    return looked_at(folder, rows).shapes[0]


def said(who: str, text: str) -> Row:
    return {"role": who, "content": text}


def columns(asked: str, good: str, bad: str) -> tuple[Callable[[str, str, str], Row], str, str]:
    return (lambda q, c, r: {asked: q, good: c, bad: r}), f"{{{good}}}", f"{{{bad}}}"


# name → (a row, where the better answer is, where the worse one is)
SHAPES: dict[str, tuple[Callable[[str, str, str], Row], str, str]] = {
    "by hand": columns("question", "good answer", "bad answer"),
    "by hand, capitals": columns("Question", "Good Answer", "Bad Answer"),
    "best and worst": columns("Ticket", "Best reply", "Worst reply"),
    "camel case": columns("prompt", "chosenResponse", "rejectedResponse"),
    "German": columns("Frage", "Gute Antwort", "Schlechte Antwort"),
    "German participles": columns("Kundenfrage", "bevorzugt", "abgelehnt"),
    "Italian": columns("domanda", "risposta migliore", "risposta peggiore"),
    "Italian adjectives": columns("Domanda", "Risposta buona", "Risposta cattiva"),
    "French": columns("question", "bonne réponse", "mauvaise réponse"),
    "Spanish": columns("pregunta", "respuesta elegida", "respuesta rechazada"),
    "Polish": columns("pytanie", "lepsza odpowiedź", "gorsza odpowiedź"),
    "Portuguese": columns("pergunta", "resposta boa", "resposta ruim"),
    "Dutch": columns("vraag", "goed antwoord", "slecht antwoord"),
    "an error of spelling": columns("prompt", "prefered", "not_prefered"),
    "short marks": columns("prompt", "answer_w", "answer_l"),
    "positive and negative": columns("prompt", "positive", "negative"),
    "lists of one text": (
        lambda q, c, r: {"prompt": q, "chosen": [c], "rejected": [r]},
        "{chosen.0}",
        "{rejected.0}",
    ),
    "lists of one text after turns": (
        lambda q, c, r: {"prompt": [said("user", q)], "chosen": [c], "rejected": [r]},
        "prompt + chosen.0",
        "prompt + rejected.0",
    ),
    "inside of an object": (
        lambda q, c, r: {"id": len(q), "data": {"prompt": q, "chosen": c, "rejected": r}},
        "{data.chosen}",
        "{data.rejected}",
    ),
    "turns inside of an object": (
        lambda q, c, r: {
            "prompt": q,
            "pair": {
                "chosen": [said("user", q), said("assistant", c)],
                "rejected": [said("user", q), said("assistant", r)],
            },
        },
        "pair.chosen",
        "pair.rejected",
    ),
    "several turns before": (
        lambda q, c, r: {
            "prompt": [said("user", "Hi"), said("assistant", "Hello!"), said("user", q)],
            "chosen": [said("assistant", c)],
            "rejected": [said("assistant", r)],
        },
        "prompt + chosen",
        "prompt + rejected",
    ),
    "what a judge was asked": (
        lambda q, c, r: {
            "system": "Be kind.",
            "input": q,
            "chosen": c,
            "rejected": r,
            "labelling_prompt": [
                said("system", "You judge."),
                said("user", f"Which is better for {q}?\nA: {c}\nB: {r}"),
            ],
            "generations": [c, r],
            "rating": [9.0, 3.0],
            "status": "unchanged",
        },
        "{chosen}",
        "{rejected}",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_pairs_are_recognised_however_they_are_called(tmp_path: Path, name: str) -> None:
    row, better, worse = SHAPES[name]
    found = looked_at(tmp_path, [row(*pair) for pair in PAIRS]).shapes
    first, alone = found[:2]
    assert (first.sure, first.messages or first.completion, first.rejected) == (True, better, worse)
    assert (alone.messages or alone.completion, alone.rejected) == (better, None)
    if first.messages is None:
        assert "{" in (first.prompt or ""), "what is asked is read"
        assert "labelling" not in (first.prompt or "")


@pytest.mark.parametrize(
    "names",
    [
        ("review", "good", "bad"),
        ("Hotel", "Positive_Review", "Negative_Review"),
        ("anchor", "positive", "negative"),
    ],
)
def test_good_and_bad_sides_of_one_thing_are_no_answers(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    rows = [dict(zip(names, pair, strict=True)) for pair in PAIRS]
    assert all(shape.rejected is None for shape in looked_at(tmp_path, rows).shapes)


def test_the_options_of_a_question_are_no_preferences(tmp_path: Path) -> None:
    rows = [
        {"question": q, "options": {"answer_1": c, "answer_2": r}, "label": n % 2}
        for n, (q, c, r) in enumerate(PAIRS)
    ]
    assert all(shape.rejected is None for shape in looked_at(tmp_path, rows).shapes)


VERDICTS: dict[str, tuple[Callable[[int, str, str, str], Row], str]] = {
    "left or right": (
        lambda n, q, c, r: {"prompt": q, "answer1": c, "answer2": r,
                            "comparison": ("left", "right")[n % 2]},
        "comparison",
    ),
    "a ranking": (
        lambda n, q, c, r: {"prompt": q, "response-1": c, "response-2": r,
                            "ranking": [{"value": "response-1", "rank": 1}]},
        "ranking",
    ),
    "a score each, some equal": (
        lambda n, q, c, r: {"prompt": q, "answer_a": c, "answer_b": r, "score_a": 3 + n % 3,
                            "score_b": 3},
        "score_a",
    ),
    "German": (
        lambda n, q, c, r: {"Frage": q, "Antwort A": c, "Antwort B": r, "better": "AB"[n % 2]},
        "better",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VERDICTS)
def test_which_of_two_is_better_is_not_guessed(tmp_path: Path, name: str) -> None:
    row, verdict = VERDICTS[name]
    report = looked_at(tmp_path, [row(n, *pair) for n, pair in enumerate(PAIRS)])
    assert report.obstacle is not None
    found = InputError.from_json(report.obstacle)
    assert (found.code, found.variant) == ("data.preference", "numbered")
    assert verdict in found.message
    assert "chosen" in found.hint


def test_several_worse_answers_are_no_conversation(tmp_path: Path) -> None:
    rows = [{"prompt": q, "chosen": c, "rejected": [r, r[:20]]} for q, c, r in PAIRS]
    report = looked_at(tmp_path, rows)
    assert report.obstacle is not None
    found = InputError.from_json(report.obstacle)
    assert (found.code, found.variant) == ("data.preference", "several")
    assert "“rejected”" in found.message


def test_without_any_worse_answer_it_is_said_that_there_is_nothing_to_prefer(
    tmp_path: Path,
) -> None:
    rows: list[Row] = [{"prompt": q, "chosen": c, "rejected": ""} for q, c, _ in PAIRS]
    found = best(tmp_path, rows)
    assert (found.completion, found.rejected, found.sure) == ("{chosen}", None, True)
    assert [reason.code for reason in found.reasons] == ["shape.worse_empty"]
    talks = [
        {"prompt": [said("user", q)], "chosen": [said("assistant", c)], "rejected": []}
        for q, c, _ in PAIRS
    ]
    found = best(tmp_path, talks)
    assert (found.messages, found.rejected) == ("prompt + chosen", None)
    assert [reason.code for reason in found.reasons] == ["shape.worse_empty"]


def rated(name: str, good: Any, bad: Any) -> list[Row]:
    return [
        {"question": q, "answer": answer, name: mark}
        for q, c, r in PAIRS
        for answer, mark in ((c, good), (r, bad))
    ]


@pytest.mark.parametrize(
    ("name", "good", "bad", "meant"),
    [
        ("Bewertung", "gut", "schlecht", True),
        ("valutazione", "Sì", "No", True),
        ("giudizio", "buona", "cattiva", True),
        ("feedback", "positive", "negative", True),
        ("feedback.user_score", 1.0, 0.0, True),
        ("Utile", "Sì", "No", False),
        ("Hilfreich", "ja", "nein", False),
        ("helpful?", "yes", "no", False),
    ],
)
def test_ratings_of_other_languages_are_heeded(
    tmp_path: Path, name: str, good: Any, bad: Any, meant: bool
) -> None:
    """Where they are there to be learned from that comes first, else the bad ones are left out;
    never are they learned as if they were good."""
    found = looked_at(tmp_path, rated(name, good, bad)).shapes
    of_ratings, alone = found[:2] if meant else (found[1], found[0])
    assert of_ratings.rating == name
    assert not of_ratings.repairs
    assert alone.rating is None
    (left_out,) = alone.repairs
    assert left_out.model_dump()["values"] == (str(bad).casefold(),)


@pytest.mark.parametrize("marks", [("chosen", "rejected"), ("desirable", "undesirable")])
def test_words_of_a_label_rate_too(tmp_path: Path, marks: tuple[str, str]) -> None:
    rows = [
        {"prompt": row["question"], "completion": row["answer"], "label": row["label"]}
        for row in rated("label", *marks)
    ]
    of_ratings, alone = looked_at(tmp_path, rows).shapes[:2]
    assert of_ratings.rating == "label"
    assert [repair.kind for repair in alone.repairs] == ["drop_marked"]


@pytest.mark.parametrize(
    ("name", "good", "bad"), [("escalate", "yes", "no"), ("votes", 1, 0), ("paid", "ja", "nein")]
)
def test_yes_and_no_of_another_meaning_rate_nothing(
    tmp_path: Path, name: str, good: Any, bad: Any
) -> None:
    for shape in looked_at(tmp_path, rated(name, good, bad)).shapes:
        assert (shape.rating, shape.repairs) == (None, ())


def check_of(folder: Path, rows: list[Row], with_encoder: Encoder) -> Any:
    recipe = parse_recipe(
        {
            "data": {
                "source": str(write_pairs(folder / "pairs.jsonl", rows)),
                "template": {"prompt": "{prompt}\n", "completion": "{chosen}"},
                "rejected": "{rejected}",
            },
            "method": {"objective": "dpo"},
        }
    )
    return whole_check(recipe.rows, with_encoder, 200, 2)


@pytest.mark.parametrize(
    "spaced",
    [
        lambda text: text + " \r\n",
        lambda text: text.replace(" ", "  "),
        lambda text: text.replace("! ", "!\r\n"),
        lambda text: text.replace("! ", "!\n\n"),
    ],
)
def test_answers_that_differ_in_spaces_alone_are_the_same(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    spaced: Callable[[str], str],
) -> None:
    rows = pair_rows()
    odd = rows[0] | {"prompt": "And?", "chosen": "Sorry!\nWe send it. Today."}
    odd["rejected"] = spaced(odd["chosen"])
    found = {item.code: item.rows for item in check_of(tmp_path, [*rows, odd], encoder).findings}
    assert found == {"unusable:data.equal_answers": 1}


def test_what_indents_code_is_no_space_alone(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    code = {
        "chosen": "for a in b:\n    print(a)\nend()",
        "rejected": "for a in b:\nprint(a)\nend()",
    }
    rows = [*pair_rows(), {"prompt": "Write a loop.", **code}]
    codes = {item.code for item in check_of(tmp_path, rows, encoder).findings}
    assert "unusable:data.equal_answers" not in codes


def test_of_pairs_it_is_said_what_the_counted_tokens_are(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    report = check_of(tmp_path, pair_rows(), encoder)
    line = report_lines(report)[1]
    assert report.statistics.trained_tokens > report.statistics.tokens * 0.8
    assert f"{report.statistics.trained_tokens} tokens of both answers are trained" in line
    assert str(report.statistics.tokens) not in line.split()


def test_windows_lines_and_emoji_are_kept(tmp_path: Path) -> None:
    rows = [{"prompt": f"{q} 😡", "chosen": f"{c}\r\n👍🏽", "rejected": r} for q, c, r in PAIRS]
    file = tmp_path / "rows.jsonl"
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    file.write_bytes(text.encode("utf-8"))
    report = describe(Source(source=str(file)))
    assert report.shapes[0].rejected == "{rejected}"
    assert str(report.first[0]["prompt"]).endswith("😡")
