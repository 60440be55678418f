"""What columns and turns say about the rows themselves: part, decision, weight, what was unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from phi3studio.cli.recipe_draft import shape_keys
from phi3studio.domain.datasets.check_report import Report
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.rows.repairs import DropEmpty, DropMarked
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.preparing.row_pipeline import Process
from phi3studio.worker.data.preparing.tokenise import Encoder
from tests.worker.data_fixtures import (  # noqa: F401
    byte_level,
    encoder,
    recipe_for,
    whole_check,
    write_jsonl,
)

Row = dict[str, Any]


def ask(n: int) -> str:
    return f"Where does the ferry number {n} leave, and is it on time?"


def say(n: int) -> str:
    return f"It leaves from pier {n % 7}, some {n} minutes late."


def turn(role: str, text: str | None, **more: Any) -> Row:
    return {"role": role, "content": text, **more}


def best(folder: Path, rows: list[Row]) -> ShapeProposal:
    return describe(Source(source=str(write_jsonl(folder / "rows.jsonl", rows)))).shapes[0]


def checked(folder: Path, with_encoder: Encoder, rows: list[Row], **data: Any) -> Report:
    path = write_jsonl(folder / "rows.jsonl", rows)
    data = data or shape_keys(best(folder, rows))
    data |= data.pop("template", {})
    recipe = recipe_for(path, length=400, **data)
    return whole_check(recipe.data, with_encoder, 400, 4)


def found(report: Report) -> dict[str, tuple[str, int]]:
    return {item.code: (item.level, item.rows) for item in report.findings}


def test_a_column_of_parts_holds_its_rows_out(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    parts = ("train", "train", "Test", "train")
    rows = [{"text": ask(n), "label": "ab"[n % 2], "fold": parts[n % 4]} for n in range(40)]
    proposal = best(tmp_path, rows)
    assert (proposal.sure, proposal.split_column) == (True, "fold")
    assert proposal.unread == ()
    rows.append({"text": ask(99), "label": "a", "fold": "dev"})  # beyond what was looked at
    keys = shape_keys(proposal)
    report = checked(tmp_path, encoder, rows, **keys)
    assert report.statistics.held_out_rows == 11


def test_numbered_parts_hold_their_rows_out(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    parts = (0, 0, 0, 1, 0, 2)
    rows = [{"text": ask(n), "label": "ab"[n % 2], "split": parts[n % 6]} for n in range(60)]
    proposal = best(tmp_path, rows)
    assert (proposal.sure, proposal.split_column) == (True, "split")
    report = checked(tmp_path, encoder, rows, **shape_keys(proposal))
    assert report.statistics.held_out_rows == 20
    for row in rows:
        row["split"] = 1 - min(row["split"], 1)  # mostly 1: that 0 is the training is not said
    assert best(tmp_path, rows).split_column is None


def test_parts_that_are_not_split_by_are_told(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    rows = [{"text": ask(n), "label": "ab"[n % 2], "fold": ("train", "test")[n > 30]}
            for n in range(40)]  # fmt: skip
    report = checked(tmp_path, encoder, rows, prompt="{text}\n", completion="{label}")
    told = next(item for item in report.findings if item.code == "unread:fold")
    assert (told.level, told.rows) == ("warning", 40)
    assert "data.split.column: fold" in told.advice


def test_a_column_of_other_words_is_no_split(tmp_path: Path) -> None:
    rows = [{"text": ask(n), "label": "ab"[n % 2], "place": ("train", "bus")[n % 2]}
            for n in range(40)]  # fmt: skip
    assert best(tmp_path, rows).split_column is None
    rows = [{"text": ask(n), "kind": ("train", "test")[n % 2]} for n in range(40)]
    assert best(tmp_path, rows).split_column is None


def test_chosen_options_with_a_decision_are_annotations(tmp_path: Path) -> None:
    options = [{"id": name, "text": name.title()} for name in ("late", "lost")]
    rows = [
        {
            "text": ask(n),
            "options": options,
            "accept": [("late", "lost")[n % 2]] if n % 5 else [],
            "answer": ("ignore", "accept", "accept", "reject")[n % 4],
        }
        for n in range(40)
    ]
    proposal = best(tmp_path, rows)
    assert (proposal.sure, proposal.completion) == (True, "{accept.0}")
    assert DropMarked(column="answer", values=("ignore", "reject")) in proposal.repairs
    assert DropEmpty() in proposal.repairs


def test_turns_that_are_only_context_are_not_called_unseen(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [
        {
            "messages": [
                turn("assistant", "Good morning!"),
                turn("user", ask(n)),
                turn("assistant", f"Let me look at number {n}.", weight=0),
                turn("user", "Do."),
                turn("assistant", say(n), weight=1),
            ]
        }
        for n in range(20)
    ]
    report = checked(tmp_path, encoder, rows)
    told = found(report)
    assert told.pop("unread:greetings that are not trained") == ("info", 20)
    assert not [code for code in told if code.startswith("unread")]
    assert report.statistics.kept == 20


def test_unseen_calls_are_counted_in_every_row(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    call = {"type": "function", "function": {"name": "due", "arguments": {"id": 0}}}
    rows = [
        {
            "messages": [
                turn("user", f"{ask(n)} It is number {n}, with residues."),
                turn("assistant", None, tool_calls=[call]),
                turn("tool", "0"),
                turn("assistant", f"{say(n)} Number 0."),
            ]
        }
        for n in range(20)
    ]
    report = checked(tmp_path, encoder, rows)
    told = found(report)
    assert told["unread:messages.tool_calls"] == ("warning", 20)
    assert told["unread:answers that are not trained"] == ("warning", 20)


def test_a_mark_next_to_a_learned_one_is_missed(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    rows = [{"text": ask(n), "toxic": n % 2, "rude": int(n % 3 > 1), "n": n} for n in range(40)]
    report = checked(tmp_path, encoder, rows, prompt="{text}\n", completion="{toxic}")
    told = found(report)
    assert told["unread:rude"] == ("warning", 40)
    assert "unread:n" not in told


def test_the_better_answers_alone_are_rows_that_train(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [
        {
            "input": {"messages": [turn("user", ask(n))]},
            "preferred_output": [turn("assistant", say(n))],
            "non_preferred_output": [turn("assistant", "no")],
        }
        for n in range(20)
    ]
    way = better_alone(tmp_path, rows)
    assert way.messages == "input.messages + preferred_output"
    report = checked(tmp_path, encoder, rows, messages=way.messages)
    assert report.statistics.kept == 20
    report = checked(tmp_path, encoder, rows, messages="preferred_output")
    unusable = next(item for item in report.findings if item.code.startswith("unusable"))
    assert (unusable.code, unusable.rows) == ("unusable:data.no_user_turn", 20)
    replies = {"chosen": {"from": "gpt", "value": "Yes."}, "rejected": {"from": "gpt", "value": ""}}
    talk = [{"conversations": [{"from": "human", "value": ask(n)}], **replies} for n in range(9)]
    assert better_alone(tmp_path, talk).messages == "conversations + chosen"
    texts = [{"question": ask(n), "chosen": say(n), "rejected": "no"} for n in range(9)]
    found = better_alone(tmp_path, texts)
    assert found.completion == "{chosen}"
    assert "{question}" in (found.prompt or "")
    question = turn("user", "Where?")
    both = {"chosen": [question, turn("assistant", "Here.")], "rejected": [question]}
    assert better_alone(tmp_path, [both] * 9).messages == "chosen"


def better_alone(folder: Path, rows: list[Row]) -> ShapeProposal:
    """The proposal next to that of the pairs."""
    report = describe(Source(source=str(write_jsonl(folder / "rows.jsonl", rows))))
    pairs, alone = report.shapes[:2]
    assert pairs.rejected is not None
    assert alone.rejected is None
    return alone


def test_tagged_conversations_are_not_cleaned_of_their_turns(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [{"text": f"[INST] {ask(n)} [/INST] {say(n)}</s>"} for n in range(20)]
    report = checked(tmp_path, encoder, rows, prompt="", completion="{text}")
    told = next(item for item in report.findings if item.code == "tagged_turns")
    assert (told.rows, told.repairs) == (20, ())
    assert "data.messages: text" in told.advice


def test_a_mark_inside_of_a_list_leaves_its_rows_out(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    rows = [
        {
            "request": {"messages": [turn("user", ask(n))]},
            "choices": [
                {
                    "message": turn("assistant", say(n)),
                    "finish_reason": ("length", "stop")[n % 4 > 0],
                }
            ],
        }
        for n in range(20)
    ]
    proposal = best(tmp_path, rows)
    keys = {"messages": proposal.messages}
    told = next(f for f in checked(tmp_path, encoder, rows, **keys).findings if f.repairs)
    assert (told.code, told.rows) == ("marked_bad", 5)
    repair = told.repairs[0].repair
    assert repair == DropMarked(column="choices.0.finish_reason", values=("length",))
    assert proposal.repairs == (repair,)
    report = checked(tmp_path, encoder, rows, **{**keys, "repairs": [repair.model_dump()]})
    assert report.statistics.kept == 15
    assert "marked_bad" not in found(report)


def test_long_answers_that_occur_twice_are_no_labels(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    rows = [{"q": ask(n), "a": say(n // 2) + " Please wait there until we call you."}
            for n in range(60)]  # fmt: skip
    assert (
        checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}").statistics.labels == ()
    )


def test_line_breaks_that_were_written_out_are_told_and_repaired(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [{"q": ask(n), "a": say(n) + r"\nMind the gap."} for n in range(20)]
    report = checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}")
    told = next(item for item in report.findings if item.code == "escaped_breaks")
    assert (told.rows, len(told.repairs)) == (20, 1)
    repair = told.repairs[0].repair.model_dump()
    data = {"prompt": "{q}\n", "completion": "{a}"}
    assert "escaped_breaks" not in found(checked(tmp_path, encoder, rows, repairs=[repair], **data))
    rows[:17] = [{"q": ask(n), "a": say(n)} for n in range(17)]
    assert "escaped_breaks" not in found(checked(tmp_path, encoder, rows, **data))


def test_answers_that_are_their_prompts_are_told(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    rows = [{"q": ask(n), "a": ask(n)} for n in range(20)]
    report = checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}")
    assert found(report)["copied_answers"] == ("warning", 20)
    rows[:4] = [{"q": ask(n), "a": say(n)} for n in range(4)]
    report = checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}")
    assert found(report)["copied_answers"] == ("info", 16)  # corrections of texts are like this
    rows[:19] = [{"q": ask(n), "a": say(n)} for n in range(19)]
    report = checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}")
    assert "copied_answers" not in found(report)


def test_answers_in_the_tags_of_web_pages_are_told(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    def told(question: str, answer: str, share: int = 2) -> dict[str, tuple[str, int]]:
        rows = [
            {"q": ask(n) + question * (n % share == 0), "a": say(n) + answer * (n % share == 0)}
            for n in range(20)
        ]
        return found(checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}"))

    for written in ("<p>Bye.</p>", '<div style="color: red">Bye</div>', " Tea &amp; milk", "<br/>"):
        assert told("", written)["markup"] == ("warning", 10)
        assert "markup" not in told(written, "")
    for plain in (" 3 < 4 > 2", " a <- b", " AT&T; <name>"):
        assert "markup" not in told("", plain)
    assert "markup" not in told("", "<p>Bye.</p>", share=10)


def test_answers_of_two_kinds_are_told(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    other: list[Any] = [[say(1)], {"text": say(2)}]
    rows: list[Row] = [
        {"q": ask(n), "a": other[n % 2] if n % 5 == 0 else say(n)} for n in range(20)
    ]
    report = checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}")
    assert found(report)["mixed_answers"] == ("warning", 4)
    rows = [{"q": ask(n), "a": [say(n)]} for n in range(20)]
    report = checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}")
    assert "mixed_answers" not in found(report)


def test_cut_answers_are_found_inside_of_other_columns(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    rows = [
        {
            "q": ask(n),
            "a": say(n),
            "meta": {"usage": {"stop_reason": ("max_tokens", "end")[n % 4 > 0]}},
        }
        for n in range(20)
    ]
    marks = (DropMarked(column="meta.usage.stop_reason", values=("max_tokens",)),)
    assert best(tmp_path, rows).repairs == marks
    report = checked(tmp_path, encoder, rows, prompt="{q}\n", completion="{a}")
    assert found(report)["marked_bad"] == ("warning", 5)
    # In a turn only the turn is cut: it is said, no row is left out for it.
    rows = [
        {
            "messages": [
                turn("user", ask(n)),
                turn("assistant", say(n)) | {"finish_reason": "length"},
            ]
        }
        for n in range(20)
    ]
    assert best(tmp_path, rows).repairs == ()
    told = found(checked(tmp_path, encoder, rows, messages="messages"))
    assert told["unread:messages.finish_reason"] == ("warning", 20)


def test_copies_and_written_out_breaks_are_found_in_conversations(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    def told(*answers: str) -> dict[str, tuple[str, int]]:
        rows = [
            {
                "messages": [
                    t
                    for a in answers
                    for t in (turn("user", ask(n)), turn("assistant", a or ask(n)))
                ]
            }
            for n in range(20)
        ]
        return found(checked(tmp_path, encoder, rows, messages="messages"))

    assert told("", "")["copied_answers"] == ("warning", 20)
    assert "copied_answers" not in told("", "Yes, it does.")
    escaped = told("First this.\\nThen that.", "Yes.")
    assert escaped["escaped_breaks"] == ("warning", 20)
    assert "escaped_breaks" not in told("First this.\nThen that.", "Yes.")


def test_names_in_messages_that_no_template_shows_are_told(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [
        {"messages": [turn("user", ask(n)) | {"name": "Ingrid"}, turn("assistant", say(n))]}
        for n in range(20)
    ]
    report = checked(tmp_path, encoder, rows, messages="messages")
    told = next(item for item in report.findings if item.code == "unread_details")
    assert (told.unread, told.rows) == (("messages.name",), 20)


def test_parts_below_the_first_rows_are_seen(tmp_path: Path) -> None:
    rows = [
        {"q": ask(n), "a": f"{say(n)} {n}", "split": "train" if n < 700 else "test"}
        for n in range(900)
    ]
    proposal = best(tmp_path, rows)
    assert proposal.split_column == "split"
    assert best(tmp_path, rows[:700]).split_column is None


def test_tagged_texts_next_to_other_facts_are_conversations(tmp_path: Path) -> None:
    rows = [
        {
            "id": f"conv-{n:04d}",
            "url": f"https://example.org/{n}",
            "text": f"<|im_start|>user\n{ask(n)}<|im_end|>\n"
            f"<|im_start|>assistant\n{say(n)}<|im_end|>",
        }
        for n in range(20)
    ]
    assert (best(tmp_path, rows).messages, best(tmp_path, rows).sure) == ("text", True)


def test_several_marks_of_one_text_are_labels_and_drop_no_row(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [
        {"text": ask(n), "toxic": str(n % 2), "unsafe": str(int(n % 3 == 0)), "rude": str(n % 2)}
        for n in range(40)
    ]
    proposal = best(tmp_path, rows)
    assert (proposal.sure, proposal.repairs) == (False, ())
    report = checked(tmp_path, encoder, rows, prompt="{text}\n", completion="{toxic}")
    codes = found(report)
    assert "marked_bad" not in codes
    assert codes["unread:unsafe"] == ("warning", 40)
    # Next to an answer the same column is a mark.
    rows = [{"question": ask(n), "answer": say(n), "unsafe": str(n % 2)} for n in range(40)]
    assert best(tmp_path, rows).repairs == (DropMarked(column="unsafe", values=("1",)),)


def test_crossed_columns_are_labels_of_which_a_row_has_several(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [
        {
            "message": ask(n),
            "ferry": "x" if n % 2 else "",
            "pier": "X" if n % 3 else None,
            "time": None if n % 7 else "x",
        }
        for n in range(42)
    ]
    proposal = best(tmp_path, rows)
    assert not proposal.sure
    assert (proposal.prompt, proposal.completion) == (
        "### Message: {message}\n### Labels:\n",
        "{?ferry}Ferry\n{/ferry}{?pier}Pier\n{/pier}{?time}Time\n{/time}",
    )
    keys = shape_keys(proposal)
    assert proposal.repairs == (DropEmpty(),)  # three columns are empty in rows 6, 12, 18 …
    report = checked(tmp_path, encoder, rows, **keys)
    empty = sum(not n % 2 and not n % 3 and n % 7 > 0 for n in range(42))
    assert report.statistics.kept == 42 - empty


def test_an_empty_answer_is_left_out_whatever_file_it_is_in(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [{"question": ask(n), "answer": "  " if n % 4 == 0 else say(n)} for n in range(40)]
    proposal = best(tmp_path, rows)
    assert proposal.repairs == (DropEmpty(),)
    assert "Rows without an answer are left out." in proposal.reason
    report = checked(tmp_path, encoder, rows, **shape_keys(proposal))
    assert report.statistics.kept == 30
    report = checked(tmp_path, encoder, rows, prompt="{question}\n", completion="{answer}")
    assert found(report)["empty_values"] == ("error", 10)
    assert report.statistics.kept == 30


@pytest.mark.parametrize(
    "note",
    [{"public": False}, {"private": True}, {"part_type": "note"}, {"message_type": "internal"}],
    ids=str,
)
def test_a_note_among_colleagues_is_not_learned_and_said(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    note: Row,
) -> None:
    def thread(n: int) -> list[Row]:
        public: Row = {key: "public" if key[-1] == "e" else not note[key] for key in note}
        return [
            {"author": "customer", "body": ask(n), **public},
            {"author": "agent", "body": f"She called {n} times.", **note},
            {"author": "agent", "body": say(n), **public},
        ]

    rows = [{"thread": thread(n)} for n in range(30)]
    proposal = best(tmp_path, rows)
    assert (proposal.messages, proposal.sure) == ("thread", True)
    recipe = recipe_for(tmp_path / "rows.jsonl", length=400, messages="thread")
    rendered = Process(recipe.rows, encoder, 400, ["thread"]).render(rows[4:5], [4])[0].rendered
    assert rendered is not None
    assert [part.text for part in rendered.segments if part.trained] == [say(4)]
    assert found(checked(tmp_path, encoder, rows))["unread:role:note"] == ("warning", 30)


def test_tools_that_the_model_does_not_see_are_said_though_a_call_names_one(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [
        {
            "conversations": [
                {"from": "human", "value": ask(n)},
                {
                    "from": "function_call",
                    "value": f'{{"name": "look", "arguments": {{"n": {n}}}}}',
                },
                {"from": "observation", "value": "ok"},
                {"from": "gpt", "value": say(n)},
            ],
            "tools": '[{"name": "look"}]',
        }
        for n in range(20)
    ]
    assert found(checked(tmp_path, encoder, rows)) == {}  # this template writes them
    plain = encoder.tokenizer.chat_template
    try:
        encoder.tokenizer.chat_template = str(plain).replace("{% if tools %}", "{% if false %}")
        report = checked(tmp_path, encoder, rows, messages="conversations")
    finally:
        encoder.tokenizer.chat_template = plain
    assert found(report)["unread:tools"] == ("warning", 20)


def test_a_list_of_no_pictures_is_no_picture(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    rows = [{"text": ask(n), "stars": "12345"[n % 5], "images": "[]"} for n in range(40)]
    assert "unread:pictures" not in found(checked(tmp_path, encoder, rows))
    rows[3]["images"] = '["pier.png"]'
    assert found(checked(tmp_path, encoder, rows))["unread:pictures"] == ("warning", 1)


def test_a_misspelt_role_is_named_where_its_rows_are_missed(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [
        {"messages": [turn("user", ask(n)), turn("asistant" if n > 25 else "assistant", say(n))]}
        for n in range(30)
    ]
    report = found(checked(tmp_path, encoder, rows, messages="messages"))
    assert report["empty_values"] == ("error", 4)
    assert report["unread:role:asistant"] == ("warning", 4)
