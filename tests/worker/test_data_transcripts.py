"""Conversations written as a text: Human: …, Assistant: …, in a text file or in a column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import SourceReport
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.preparing.prepare_examples import prepare
from phi3studio.worker.data.preparing.row_pipeline import Process
from phi3studio.worker.data.reading.source_rows import RowSource
from tests.worker.data_fixtures import byte_level, recipe_for, write_jsonl  # noqa: F401


def written(folder: Path, text: str) -> tuple[SourceReport, list[str]]:
    path = folder / "chats.txt"
    path.write_text(text, "utf-8")
    source = Source(source=str(path))
    return describe(source), [row["text"] for row in RowSource(source).rows()]


@pytest.mark.parametrize(
    ("one", "parted"),
    [
        ("Human: hi {n}\nAssistant: yo {n}\n\n", True),
        ("Human: hi {n}\n\nAssistant: yo {n}\n\nHuman: on\n\nAssistant: ok\n\n---\n\n", True),
        ("USER: hi {n}\nASSISTANT: first\n\n1. one\n\n2. two\n\n\n", True),
        ("Customer: hi {n}\n\nAgent: yo {n}\n\n", False),
        ("User: hi {n}\nBot: yo {n}\n", False),
        ("Q: hi {n}?\nA: yo {n}\n\n", True),
        ("Domanda: hi {n}?\nRisposta: yo {n}\n\n", True),
        ("System: be kind\nUser: hi {n}\nBot: yo {n}\n\n", True),
    ],
)
def test_a_transcript_is_read_conversation_by_conversation(
    tmp_path: Path, one: str, parted: bool
) -> None:
    report, rows = written(tmp_path, "".join(one.format(n=n) for n in range(30)))
    assert report.text_rows == "conversation"
    assert [(shape.shape, shape.messages) for shape in report.shapes] == [("messages", "text")]
    assert report.shapes[0].sure
    assert len(rows) == 30
    assert rows[7] == one.format(n=7).replace("---", "").strip()
    told = [note for note in report.notes if note.startswith("Nothing parts")]
    assert len(told) == (0 if parted else 1)


def test_choices_after_a_question_are_no_speakers(tmp_path: Path) -> None:
    one = "Q: which is {n}?\nA: this\nB: that\n\n"
    report, rows = written(tmp_path, "".join(one.format(n=n) for n in range(30)))
    assert report.text_rows == "paragraph"
    assert rows[3] == one.format(n=3).strip()


def test_a_text_that_only_mentions_a_speaker_stays_text(tmp_path: Path) -> None:
    lines = [f"Paragraph {n} of a book: it goes on.\nUser: a word in it.\n\n" for n in range(30)]
    report, rows = written(tmp_path, "".join(lines))
    assert report.text_rows == "paragraph"
    assert [shape.shape for shape in report.shapes] == ["text"]
    assert len(rows) == 30


@pytest.mark.parametrize(
    "text",
    [
        "\n\nHuman: hi {n}\n\nAssistant: yo {n}\n\nHuman: more\n\nAssistant: done {n}",
        "### Human: hi {n}### Assistant: yo {n}### Human: more### Assistant: done {n}",
        "**User:** hi {n}\n**Assistant:** yo {n}\n**User:** more\n**Assistant:** done {n}",
    ],
)
def test_a_column_of_transcripts_is_trained_turn_by_turn(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
    text: str,
) -> None:
    rows = [{"id": n, "text": text.format(n=n)} for n in range(30)]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    shapes = describe(Source(source=str(path))).shapes
    assert [(shape.messages, shape.sure) for shape in shapes] == [("text", True)]
    recipe = recipe_for(path, messages="text")
    made = prepare(recipe, byte_level, tmp_path / "data", lambda done, of: None)
    row = pq.read_table(made.train).to_pylist()[0]
    learned = [token for token in row["labels"] if token >= 0]
    said = byte_level.decode(learned)
    number = rows[row["row"]]["id"]
    assert f"yo {number}<|im_end|>" in said
    assert f"done {number}<|im_end|>" in said
    assert "hi" not in said


@pytest.mark.parametrize(
    "row",
    [
        {"text": "User: hi {n}\nBot: yo {n}", "label": "praise"},
        {"prompt": "Human: hi {n}\n\nAssistant:", "completion": " yo {n}"},
        {"prompt": "Human: a\n\nAssistant: b\n\nHuman: hi {n}", "completion": "yo {n}"},
    ],
)
def test_a_transcript_next_to_other_texts_is_a_column_of_the_template(
    tmp_path: Path, row: dict[str, str]
) -> None:
    rows = [{name: text.format(n=n) for name, text in row.items()} for n in range(30)]
    for number in range(0, 30, 2):
        if "label" in rows[number]:
            rows[number]["label"] = "complaint"
    shapes = describe(Source(source=str(write_jsonl(tmp_path / "rows.jsonl", rows)))).shapes
    assert shapes
    assert shapes[0].messages is None


def test_what_a_function_gave_back_is_not_learned(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    rows = [
        {
            "system": "You may look up ferries.",
            "chat": f"USER: When does ferry {n} leave?\n\n\n"
            f'ASSISTANT: <functioncall> {{"ferry": {n}}} <|endoftext|>\n\n\n'
            f'FUNCTION RESPONSE: {{"hour": {n}}}\n\n\n'
            f"ASSISTANT: At {n} o'clock. <|endoftext|>",
        }
        for n in range(12)
    ]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    best = describe(Source(source=str(path))).shapes[0]
    assert (best.messages, best.sure) == ("chat", True)
    recipe = recipe_for(path, messages="chat")
    rendered = Process(recipe.rows, byte_level, 900, ["chat"]).render(rows[3:4], [3])[0].rendered
    assert rendered is not None
    learned = [part.text for part in rendered.segments if part.trained]
    assert learned == ['<functioncall> {"ferry": 3}', "At 3 o'clock."]
    assert '<|im_start|>tool\n{"hour": 3}<|im_end|>' in rendered.prompt
    assert "<|endoftext|>" not in rendered.prompt
