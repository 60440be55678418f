"""Rows that are marked as bad, and what of the rows the model does not see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.rows.repairs import DropMarked
from phi3studio.worker.data.preparing.prepare_examples import load_prepared, prepare
from phi3studio.worker.data.preparing.tokenise import Encoder
from tests.worker.data_fixtures import byte_level, encoder, recipe_for, whole_check, write_jsonl  # noqa: F401
from tests.worker.meant_rows import Make, answered, asked, keys, long, look, turn, turns

MARKED: dict[str, tuple[Make, str, tuple[str, ...]]] = {
    "KTO": (
        lambda n: {"prompt": asked(n), "completion": answered(n), "label": n % 3 > 0},
        "label",
        ("false",),
    ),
    "KTO, turns": (
        lambda n: {"prompt": turns(n)[:1], "completion": turns(n)[1:], "label": n % 3 > 0},
        "label",
        ("false",),
    ),
    "status": (
        lambda n: {
            "question": asked(n),
            "answer": answered(n),
            "status": "rejected" if n % 3 == 0 else "accepted",
        },
        "status",
        ("rejected",),
    ),
    "KTO of LLaMA-Factory": (
        lambda n: {"instruction": asked(n), "output": answered(n), "kto_tag": n % 3 > 0},
        "kto_tag",
        ("false",),
    ),
    "good and bad": (
        lambda n: {
            "question": asked(n),
            "model_answer": answered(n),
            "human_label": "bad" if n % 3 == 0 else "good",
        },
        "human_label",
        ("bad",),
    ),
    "toxic conversations": (
        lambda n: {"conversation_hash": f"{n:032x}", "messages": turns(n), "toxic": n % 3 == 0},
        "toxic",
        ("true",),
    ),
    "thumbs": (
        lambda n: {
            "question": asked(n),
            "answer": answered(n),
            "feedback": "👎" if n % 3 == 0 else "👍",
        },
        "feedback",
        ("👎",),
    ),
    "is_correct": (
        lambda n: {"question": asked(n), "answer": answered(n), "is_correct": n % 3 > 0},
        "is_correct",
        ("false",),
    ),
}


@pytest.mark.parametrize("name", MARKED)
def test_rows_marked_as_bad_are_left_out_and_counted(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    name: str,
) -> None:
    make, column, values = MARKED[name]
    blank, best = (
        # Before it, what is rated may be proposed to learn from as well.
        next(shape for shape in look(tmp_path, of).shapes if shape.rating is None)
        for of in (lambda n: make(n) | ({column: ""} if n == 1 else {}), make)
    )
    assert best.sure
    assert DropMarked(column=column, values=values) in blank.repairs
    assert DropMarked(column=column, values=values) in best.repairs
    path = tmp_path / "rows.jsonl"
    report = whole_check(recipe_for(path, **keys(best)).rows, encoder, 900)
    assert report.statistics.kept == 16
    # Without the repair, the check says that bad answers are trained.
    shape = {name: value for name, value in keys(best).items() if name != "repairs"}
    found = {f.code: f for f in whole_check(recipe_for(path, **shape).rows, encoder, 900).findings}
    assert found["marked_bad"].rows == 8
    assert found["marked_bad"].repairs[0].repair == DropMarked(column=column, values=values)


def findings(tmp_path: Path, encoder: Encoder, make: Make, **data: Any) -> dict[str, Any]:  # noqa: F811
    path = write_jsonl(tmp_path / "rows.jsonl", [make(n) for n in range(24)])
    recipe = recipe_for(path, **({"messages": "messages"} | data))
    found = whole_check(recipe.rows, encoder, 900).findings
    return {finding.code: finding for finding in found}


UNREAD: dict[str, tuple[Make, str]] = {
    "a column": (lambda n: {"messages": turns(n), "background": long(n)}, "background"),
    "reasoning": (
        lambda n: {
            "messages": [turns(n)[0], turn("assistant", answered(n), reasoning_content=long(n))]
        },
        "messages.reasoning_content",
    ),
    "a thought as a part": (
        lambda n: {
            "messages": [
                turns(n)[0],
                turn(
                    "assistant",
                    [{"type": "thinking", "thinking": long(n)}, {"type": "text", "text": "Yes."}],
                ),
            ]
        },
        "messages.content.thinking",
    ),
    "settings with instructions inside": (
        lambda n: {"messages": turns(n), "kwargs": {"system_prompt": "Be brief.", "deep": True}},
        "kwargs",
    ),
    "a column of parts": (
        lambda n: {"messages": turns(n), "split": "test" if n % 4 == 0 else "train"},
        "split",
    ),
    "an unknown role": (lambda n: {"messages": [turn("hummany", "x"), *turns(n)]}, "role:hummany"),
    "pictures": (
        lambda n: {
            "messages": [
                turn(
                    "user",
                    [
                        {"type": "text", "text": asked(n)},
                        {"type": "image_url", "image_url": {"url": "x.png"}},
                    ],
                ),
                turns(n)[1],
            ]
        },
        "pictures",
    ),
    "a tag for a picture": (
        lambda n: {"messages": [turn("user", f"<image>{asked(n)}"), turns(n)[1]]},
        "pictures",
    ),
    "a column of pictures": (lambda n: {"messages": turns(n), "images": [f"{n}.png"]}, "pictures"),
    "tools that are not JSON": (
        lambda n: {"messages": turns(n), "tools": "[{'name': 'clock'}]"},
        "tools",
    ),
    "calls": (
        lambda n: {
            "messages": [
                turns(n)[0],
                turn(
                    "assistant",
                    None,
                    tool_calls=[
                        {
                            "id": "c",
                            "type": "function",
                            "function": {"name": "clock", "arguments": "{}"},
                        }
                    ],
                ),
                turn("tool", "noon"),
                turn("assistant", answered(n)),
            ]
        },
        "messages.tool_calls",
    ),
    "an empty question": (
        lambda n: {"messages": [turn("user", None), turns(n)[1]]},
        "empty user turns",
    ),
}


@pytest.mark.parametrize("name", UNREAD)
def test_what_the_model_does_not_see_is_said_until_it_is_ignored(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    name: str,
) -> None:
    make, unread = UNREAD[name]
    found = findings(tmp_path, encoder, make)[f"unread:{unread}"]
    assert found.rows == 24
    assert (found.level, found.unread) == ("warning", (unread,))
    assert found.examples[0].text
    assert f"unread:{unread}" not in findings(tmp_path, encoder, make, ignore=[unread])


def test_what_a_template_leaves_out_is_said_with_the_details_apart(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    def make(n: int) -> dict[str, Any]:
        return {"id": n, "context": long(n), "q": asked(n), "a": answered(n), "lang": "en"}

    shape = {"messages": None, "prompt": "{q}\n", "completion": "{a}"}
    found = findings(tmp_path, encoder, make, **shape)
    assert "context" in found["unread:context"].title
    assert found["unread_details"].level == "info"
    assert found["unread_details"].unread == ("id", "lang")
    used = findings(tmp_path, encoder, make, **shape | {"prompt": "{context}\n{q}\n"})
    assert "unread:context" not in used


def test_nothing_is_called_unread_where_all_is_read(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    found = findings(tmp_path, encoder, lambda n: {"messages": turns(n), "system": "Be kind."})
    assert not [code for code in found if code.startswith("unread")]


def test_a_number_as_an_answer_is_read(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    found = findings(tmp_path, encoder, lambda n: {"messages": [turns(n)[0], turn("assistant", n)]})
    assert not [code for code in found if code.startswith("unread")]


def test_parts_of_a_joined_conversation_are_read(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    def make(n: int) -> dict[str, Any]:
        message = turns(n)[1]
        return {
            "request": {"messages": turns(n)[:1], "model": "model-7"},
            "response": {"choices": [{"message": message, "finish_reason": "stop"}]},
            "copy": {"text": answered(n)},
            "account": {"uuid": f"{n:08x}-1111-2222-3333-444455556666"},
        }

    joined = "request.messages + response.choices.0.message"
    found = findings(tmp_path, encoder, make, messages=joined)
    assert set(found["unread_details"].unread) == {
        "request.model",
        "response.choices.finish_reason",
        "account",
    }
    assert not [code for code in found if code.startswith("unread:")]


def test_the_run_keeps_what_was_unread(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    def make(n: int) -> dict[str, Any]:
        return {"id": n, "context": long(n), "q": asked(n), "a": answered(n), "is_correct": n > 3}

    path = write_jsonl(tmp_path / "rows.jsonl", [make(n) for n in range(24)])
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}", ignore=["id"])
    prepared = prepare(recipe, byte_level, tmp_path / "data", lambda _done, _all: None)
    assert [(item["name"], item["rows"]) for item in prepared.unread if not item["detail"]] == [
        ("context", 24)
    ]
    assert prepared.marked_bad == ["is_correct"]
    assert load_prepared(tmp_path / "data") == prepared


def test_a_template_that_learns_identifiers_is_questioned(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    def make(n: int) -> dict[str, Any]:
        return {"id": f"doc-{n * 31}", "article": long(n)}

    shape = {"messages": None, "prompt": "{article}\n", "completion": "{id}"}
    assert "“id”" in findings(tmp_path, encoder, make, **shape)["odd_column"].title
    meant = shape | {"prompt": "{id} {article}\n", "completion": "{article}"}
    assert "odd_column" not in findings(tmp_path, encoder, make, **meant)
