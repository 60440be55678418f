"""Rows of pairs, rows that are refused in words, and rows whose meaning is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.inspecting.shapes import propose
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from tests.worker.data_fixtures import byte_level, recipe_for  # noqa: F401
from tests.worker.meant_rows import (
    TOWNS,
    Make,
    answered,
    asked,
    keys,
    long,
    look,
    town,
    turn,
    turns,
)
from tests.worker.test_data_meaning import SURE

REFUSED: dict[str, tuple[Make, str, str]] = {
    "places in a text with their labels": (
        lambda n: {"id": n, "text": asked(n), "label": [[8, 14, "CITY"], [0, 4, "ASKED"]]},
        "data.spans",
        "spans",
    ),
    "a number of a tag for each word": (
        lambda n: {
            "id": str(n),
            "tokens": asked(n).split(),
            "ner_tags": [int(word in TOWNS) for word in asked(n).split()],
        },
        "data.spans",
        "spans",
    ),
    "two answers and a verdict": (
        lambda n: {
            "prompt": asked(n),
            "response_0": "no",
            "response_1": answered(n),
            "better_response_id": 1,
        },
        "data.preference",
        "better_response_id",
    ),
    "OASST": (
        lambda n: {"message_id": str(n), "parent_id": None, "role": "prompter", "text": asked(n)},
        "data.tree",
        "tree",
    ),
    "OASST, nested": (
        lambda n: {"message_tree_id": str(n), "prompt": {"text": asked(n), "replies": []}},
        "data.tree",
        "tree",
    ),
    "one turn a row": (
        lambda n: {
            "conversation_id": n // 2,
            "role": ("user", "assistant")[n % 2],
            "content": asked(n),
        },
        "data.one_turn_a_row",
        "“role”",
    ),
    "token ids": (
        lambda n: {"input_ids": [1, 2, n], "labels": [-100, 2, n]},
        "data.tokenised",
        "tokens",
    ),
    "requests": (
        lambda n: {"custom_id": f"r-{n}", "body": {"messages": turns(n)[:1]}},
        "data.no_answers",
        "body.messages",
    ),
    "spans": (
        lambda n: {
            "text": long(n),
            "_input_hash": n,
            "spans": [{"start": 0, "end": 4}],
            "answer": "accept",
        },
        "data.spans",
        "spans",
    ),
    "Label Studio, spans": (
        lambda n: {
            "id": n,
            "data": {"text": long(n)},
            "annotations": [
                {"result": [{"type": "labels", "value": {"start": 0, "end": 4, "labels": ["PER"]}}]}
            ],
        },
        "data.label_studio",
        "Label Studio",
    ),
    "ranked answers": (
        lambda n: {
            "prompt": asked(n),
            "answers": [{"answer": answered(n), "rank": 1}, {"answer": "no", "rank": 2}],
        },
        "data.preference",
        "“answers”",
    ),
    "askers whom nobody knows": (
        lambda n: {"messages": [turn("hummany", asked(n)), turn("assistant", answered(n))]},
        "data.no_questions",
        "“hummany”",
    ),
    "roles that nobody knows": (
        lambda n: {"messages": [turn("user", asked(n)), turn("asistant", answered(n))]},
        "data.no_answers",
        "“asistant”",
    ),
    "an answer and a rejected one": (
        lambda n: {"messages": turns(n), "rejected_response": "no"},
        "data.preference",
        "“rejected_response”",
    ),
    "answers with scores of their own": (
        lambda n: {
            "question": asked(n),
            "answers": [{"text": answered(n), "pm_score": 3}, {"text": "no", "pm_score": 1}],
        },
        "data.preference",
        "“answers”",
    ),
    "two summaries and a choice": (
        lambda n: {
            "info": {"post": long(n)},
            "summaries": [{"text": "no"}, {"text": answered(n)}],
            "choice": 1,
        },
        "data.preference",
        "“summaries”",
    ),
    "an export of ChatGPT": (
        lambda n: {
            "title": town(n),
            "mapping": {
                f"a{n}": {"message": None, "parent": None, "children": [f"b{n}"]},
                f"b{n}": {"message": {"author": {"role": "user"}}, "parent": "a", "children": []},
            },
        },
        "data.tree",
        "tree",
    ),
    "answers of requests elsewhere": (
        lambda n: {"id": f"b{n}", "response": {"body": {"choices": [{"message": turns(n)[1]}]}}},
        "data.no_questions",
        "answers without their questions",
    ),
}


# name → (row, the better answer, its place or template, the worse one's)
PAIRS: dict[str, tuple[Make, str, str]] = {
    "preference": (
        lambda n: {"prompt": asked(n), "chosen": answered(n), "rejected": "no"},
        "{chosen}",
        "{rejected}",
    ),
    "with what it is about, and scores": (
        lambda n: {
            "instruction": asked(n),
            "input": long(n),
            "score_chosen": 9,
            "score_rejected": 2,
            "chosen": answered(n),
            "rejected": "no",
        },
        "{chosen}",
        "{rejected}",
    ),
    "turns, rejected first": (
        lambda n: {"rejected": [*turns(n)[:1], turn("assistant", "no")], "chosen": turns(n)},
        "chosen",
        "rejected",
    ),
    "turns after a text": (
        lambda n: {
            "prompt": asked(n),
            "chosen": [turn("assistant", answered(n))],
            "rejected": [turn("assistant", "no")],
        },
        "prompt + chosen",
        "prompt + rejected",
    ),
    "texts after turns": (
        lambda n: {"prompt": turns(n)[:1], "chosen": answered(n), "rejected": "no"},
        "prompt + chosen",
        "prompt + rejected",
    ),
    "HH-RLHF": (
        lambda n: {
            "chosen": f"\n\nHuman: {asked(n)}\n\nAssistant: {answered(n)}",
            "rejected": f"\n\nHuman: {asked(n)}\n\nAssistant: no",
        },
        "chosen",
        "rejected",
    ),
    "OpenAI preference": (
        lambda n: {
            "input": {"messages": turns(n)[:1]},
            "preferred_output": turns(n)[1:],
            "non_preferred_output": [turn("assistant", "no")],
        },
        "input.messages + preferred_output",
        "input.messages + non_preferred_output",
    ),
    "won and lost": (
        lambda n: {"prompt": asked(n), "y_w": answered(n), "y_l": "no"},
        "{y_w}",
        "{y_l}",
    ),
    "StackExchange": (
        lambda n: {"question": asked(n), "response_j": answered(n), "response_k": "no"},
        "{response_j}",
        "{response_k}",
    ),
    "an answer and a rejected one": (
        lambda n: {"prompt": asked(n), "response": answered(n), "rejected_response": "no"},
        "{response}",
        "{rejected_response}",
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_of_answers_are_proposed_and_read(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
    name: str,
) -> None:
    make, better, worse = PAIRS[name]
    report = look(tmp_path, make)
    assert report.obstacle is None
    best, alone = report.shapes[:2]
    assert best.sure, best.reason
    assert (best.messages or best.completion, best.rejected) == (better, worse)
    assert not [item for item in best.unread if item.is_missed]
    # Whoever wants to can train on the better answers alone.
    assert (alone.messages, alone.completion, alone.rejected) == (
        best.messages,
        best.completion,
        None,
    )
    rows = [make(n) for n in range(24)]
    data = recipe_for("x", **keys(best)).rows.model_copy(update={"rejected": best.rejected})
    passed = Process(data, byte_level, 900, columns_of(rows)).render(rows, range(len(rows)))
    assert [item.error for item in passed] == [None] * len(rows)
    first = passed[0]
    assert first.rendered is not None
    assert first.rejected is not None
    assert (first.rendered.completion, first.rejected.completion) == (answered(0), "no")
    assert asked(0) in first.rendered.prompt == first.rejected.prompt


@pytest.mark.parametrize("name", REFUSED)
def test_rows_that_cannot_be_trained_are_refused_in_words(tmp_path: Path, name: str) -> None:
    make, code, word = REFUSED[name]
    report = look(tmp_path, make)
    assert report.shapes == ()
    assert report.obstacle is not None
    assert report.obstacle["code"] == code
    assert word in report.obstacle["message"]
    assert report.obstacle["hint"]


GUESSED: dict[str, Make] = {
    "unknown names": lambda n: {"left": asked(n), "right": answered(n)},
    "translation": lambda n: {"translation": {"en": asked(n), "fr": answered(n)}},
    "languages": lambda n: {"it": asked(n), "de": answered(n)},
    "messages of a chat and who sent them": lambda n: {
        "date": f"2024-03-12T09:{n:02}:00",
        "from": ("Anna", "Shop")[n % 2],
        "text": asked(n),
    },
    "several questions of one story": lambda n: {
        "story": long(n),
        "questions": [asked(n), asked(n + 50)],
        "answers": {"input_text": [answered(n), answered(n + 50)]},
    },
    "candidates of a reply": lambda n: {
        "persona": ["I like tea."],
        "utterances": [{"history": [asked(n)], "candidates": ["no", answered(n)]}],
    },
    "arrays as text": lambda n: {"messages": f"array([{n}, {n + 1}], dtype=object)"},
    "lists as text": lambda n: {"dialog": str([asked(n), answered(n)]), "act": "[1 2]"},
    "two texts in a line": lambda n: {"text": f"{asked(n)} => {answered(n)}"},
    "a mark of yes or no": lambda n: {
        "tweet_id": n,
        "inbound": ("True", "False")[n % 2],
        "text": long(n),
    },
    "several examples in one text": lambda n: {
        "intent": ("greet", "leave")[n % 2],
        "examples": f"- {asked(n)}\n- {answered(n)}\n",
    },
    "who speaks, next to a text": lambda n: {
        "content": asked(n),
        "author": {"name": ("Ann", "Bob")[n % 2], "isBot": n % 2 > 0},
    },
    "a ticket and its comments": lambda n: {
        "description": long(n),
        "comments": [{"author_id": n, "body": answered(n)}],
        "satisfaction_rating": {"score": ("good", "bad")[n % 3 > 1]},
    },
    "labels of fastText": lambda n: {"text": f"__label__{n % 2} {long(n)}"},
    "subtitles": lambda n: {"text": f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},900\n{asked(n)}"},
    "a chat on a telephone": lambda n: {"text": f"[12.03.24, 09:{n:02}:01] Anna: {asked(n)}"},
    "objects as text": lambda n: {"text": json.dumps({"question": asked(n)})},
    "a question alone": lambda n: {"id": n, "question": asked(n)},
    "pairs of a list that is called no conversation": lambda n: {
        "shop": town(n),
        "faq": [
            {"question": asked(n), "answer": answered(n)},
            {"question": asked(n + 50), "answer": answered(n + 50)},
        ],
    },
    "a letter and a date that is in it": lambda n: {
        "letter": f"{long(n)} Be there by then.",
        "due": f"2025-03-{n % 28 + 1:02}",
    },
    "topics with a cross": lambda n: {
        "message": long(n),
        "trains": "x" if n % 2 else None,
        "hotels": "X" if n % 3 else None,
        "food": None if n % 5 else "x",
    },
    "one topic with a cross": lambda n: {"message": long(n), "urgent": "" if n % 3 else "x"},
    "objects with one text each, written as text": lambda n: {
        "inputs": json.dumps({"question": asked(n)}),
        "outputs": json.dumps({"answer": answered(n)}),
    },
    "labels that are choices, written as text": lambda n: {
        "text": long(n),
        "tone": json.dumps({"choices": ["dry", "warm"]}) if n % 3 == 0 else ("dry", "warm")[n % 2],
    },
    "text beside nested text": lambda n: {
        "name": town(n) + " is here",
        "parts": {"one": asked(n), "two": long(n)},
    },
}


@pytest.mark.parametrize("name", GUESSED)
def test_what_is_not_clear_is_a_guess(tmp_path: Path, name: str) -> None:
    report = look(tmp_path, GUESSED[name])
    assert report.shapes
    assert not any(shape.sure for shape in report.shapes)
    assert "guess" in report.shapes[0].reason


EVERY: dict[str, Make] = {
    **{f"sure: {name}": found[0] for name, found in SURE.items()},
    **{f"refused: {name}": found[0] for name, found in REFUSED.items()},
    **{f"pairs: {name}": found[0] for name, found in PAIRS.items()},
    **{f"guessed: {name}": make for name, make in GUESSED.items()},
}


def proposal(rows: list[dict[str, Any]]) -> Any:
    """What comes first, without the repairs: a row without an answer adds one."""
    try:
        found = propose(rows)
    except InputError as error:
        return error.code
    return found and (found[0].prompt, found[0].completion, found[0].messages, found[0].sure)


@pytest.mark.parametrize("name", EVERY)
def test_one_odd_row_does_not_change_what_the_others_are(name: str) -> None:
    rows = [EVERY[name](n) for n in range(24)]
    meant = proposal(rows)
    kinds = {str: "", list: [], dict: {}}
    emptied = {column: kinds.get(type(value)) for column, value in rows[0].items()}
    for odd in ({}, {"remark": "old"}, dict.fromkeys(rows[0]), emptied):
        assert proposal([odd, *rows]) == meant
        assert proposal([*rows, odd]) == meant
    for column in rows[0]:
        assert proposal([rows[0] | {column: None}, *rows[1:]]) == meant, column


@pytest.mark.parametrize(
    ("prompt", "completion", "meant"),
    [
        ("{}", "{}", "{prompt}\n"),
        ("{}\n\n", "{}", "{prompt}"),
        ("{} ->", "{}", "{prompt}"),
        ("{}", " {}", "{prompt}"),
    ],
)
def test_a_prompt_and_its_completion_are_parted_once(
    prompt: str, completion: str, meant: str
) -> None:
    rows = [
        {"prompt": prompt.format(asked(n)), "completion": completion.format(answered(n))}
        for n in range(24)
    ]
    assert proposal(rows) == (meant, "{completion}", None, True)
