"""Shapes are recognised with their reason, and every proposal can be trained as it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Template
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.inspecting.templates import template_presets
from phi3studio.worker.data.meaning.message_turns import turns_at
from phi3studio.worker.data.meaning.written_texts import notation
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from phi3studio.worker.data.reading.json_files.json_rows import is_python
from tests.processor_time import at_most
from tests.worker.data_fixtures import SAMPLES, byte_level, recipe_for, write_jsonl  # noqa: F401

TURNS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
SHAREGPT = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]

CASES: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "emotions": (
        [{"phrase": f"I feel thing {n} today", "tone": ["Joy", "Sad"][n % 2]} for n in range(20)],
        "columns",
        "“tone” has only 2 different values",
    ),
    "prompt/completion": ([{"prompt": "p", "completion": "c"}], "prompt_completion", "prompt"),
    "alpaca": ([{"instruction": "i", "input": "", "output": "o"}], "instruction", "Alpaca"),
    "alpaca, no input": ([{"instruction": "i", "output": "o"}], "instruction", "Alpaca"),
    "qa": ([{"Question": "q", "Best Answer": "a"}], "question_answer", "“Best Answer”"),
    "italian qa": ([{"domanda": "q", "risposta": "a"}], "question_answer", "“risposta”"),
    "messages": ([{"id": 1, "messages": TURNS}], "messages", "“role” and “content”"),
    "messages with tools": (
        [{"messages": TURNS, "tools": [{"name": "x"}]}],
        "messages",
        "“messages”",
    ),
    "messages as text": (
        [{"chat": '[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]'}],
        "messages",
        "“chat”",
    ),
    "sharegpt": ([{"conversations": SHAREGPT}], "sharegpt", "ShareGPT"),
    "text": ([{"text": "once upon a time"}], "text", "only column of text"),
    "columns named by digits": ([{"0": "l", "00": "r"}], "columns", "a guess"),
    "two unknown columns": ([{"left": "l", "right": "r"}], "columns", "a guess"),
    "braces in names": ([{"text": "x"}], "text", "“text”"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_shape_is_recognised_with_its_reason(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
    name: str,
) -> None:
    rows, shape, reason = CASES[name]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    report = describe(Source(source=str(path)))
    best = report.shapes[0]
    assert best.shape == shape
    assert reason in best.reason
    for proposal in report.shapes:
        keys: dict[str, Any] = {"messages": proposal.messages}
        if proposal.messages is None:
            keys = {"prompt": proposal.prompt, "completion": proposal.completion}
        recipe = recipe_for(path, **keys)
        passed = Process(recipe.data, byte_level, 500, columns_of(rows)).render(
            rows, range(len(rows))
        )
        assert [item.error for item in passed] == [None] * len(rows)


@pytest.mark.parametrize(
    ("sample", "shape"),
    [
        ("emotions.jsonl", "columns"),
        ("faq.csv", "question_answer"),
        ("recensioni_it.jsonl", "columns"),
        ("support_chat.jsonl", "messages"),
    ],
)
def test_the_bundled_samples_are_recognised(sample: str, shape: str) -> None:
    report = describe(Source(source=str(SAMPLES / sample)))
    assert report.shapes[0].shape == shape
    assert report.rows_exact


def test_columns_are_described(tmp_path: Path) -> None:
    rows = [
        {"t": "a", "n": 1, "b": True, "l": [1], "o": {"x": 1}, "m": n % 2 or "x", "e": None}
        for n in range(10)
    ]
    report = describe(Source(source=str(write_jsonl(tmp_path / "r.jsonl", rows))))
    kinds = {column.name: column.kind for column in report.columns}
    assert kinds == {
        **{"t": "text", "n": "number", "b": "boolean", "l": "list", "o": "object"},
        **{"m": "mixed", "e": "empty"},
    }
    missing = {column.name: column.missing for column in report.columns}
    assert (missing["t"], missing["e"]) == (0, 10)


def test_presets_fit_the_columns_and_the_chat_template_comes_first(
    byte_level: Any,  # noqa: F811
) -> None:
    plain = template_presets(byte_level)
    assert [preset.name for preset in plain] == [
        *("chat", "classification", "question_answer", "instruction", "phi3", "text"),
    ]
    for preset in plain:
        template = Template(prompt=preset.prompt, completion=preset.completion)
        assert set(template.columns) == set(preset.placeholders)
    filled = {preset.name: preset for preset in template_presets(byte_level, ["phrase", "tone"])}
    assert filled["chat"].prompt == (
        "<|im_start|>user\n{phrase}<|im_end|>\n<|im_start|>assistant\n"
    )
    assert filled["phi3"].prompt == "<|user|>\n{phrase}<|end|>\n<|assistant|>\n"
    for preset in filled.values():
        template = Template(prompt=preset.prompt, completion=preset.completion)
        assert set(template.columns) <= {"phrase", "tone"}
    assert filled["classification"].placeholders == ("phrase", "tone")
    assert "{?input}" not in filled["instruction"].prompt
    alpaca = template_presets(None, ["instruction", "input", "output"])
    assert "{?input}" in next(p.prompt for p in alpaca if p.name == "instruction")


def test_the_chat_preset_trains_what_the_chat_template_gives(byte_level: Any) -> None:  # noqa: F811
    preset = template_presets(byte_level, ["q", "a"])[0]
    row = {"q": "Hello {you}", "a": "Hi"}
    columns = recipe_for("x", prompt=preset.prompt, completion=preset.completion)
    chat = recipe_for("x", messages="m")
    turns = [{"role": "user", "content": row["q"]}, {"role": "assistant", "content": row["a"]}]
    rendered = [
        Process(recipe.data, byte_level, 500, [*row, "m"]).render([{**row, "m": turns}], [0])[0]
        for recipe in (columns, chat)
    ]
    examples = [
        Process(columns.data, byte_level, 500, []).encoder.examples([item.rendered], 500)[0]
        for item in rendered
        if item.rendered is not None
    ]
    assert examples[0] == examples[1]


# --- files that are more than lines of text ------------------------------------------------------

NUMBERS = range(12)
ASKED = [f"Where does road {n} of the old valley lead?" for n in NUMBERS]
ANSWERS = [f"Past mill number {n}, then up to the lake." for n in NUMBERS]
PAIRS = list(zip(ASKED, ANSWERS, strict=True))

NOTATIONS = {
    "SubRip/WebVTT": "".join(
        f"{n}\n00:01:{n:02},000 --> 00:01:{n:02},900\n{a}\n\n" for n, a in enumerate(ANSWERS)
    ),
    "gettext (.po)": 'msgid ""\nmsgstr ""\n"Language: it\\n"\n\n'
    + "".join(f'#: page.c:{len(q)}\nmsgid "{q}"\nmsgstr "{a}"\n\n' for q, a in PAIRS),
    "mbox/EML": "".join(
        f"From me@home Fri May  3 10:00:00 2024\nSubject: {q}\n\n{a}\n\n" for q, a in PAIRS
    ),
    "vCard": "BEGIN:VCARD\nFN:One\nEND:VCARD\n" * 9,
    "iCalendar": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Walk\nEND:VEVENT\nEND:VCALENDAR\n",
    "CoNLL": "\n".join(f"The DT O\nLake NN B-LOC\nroad{n} NN O\n" for n in NUMBERS),
    "BibTeX": "".join(f"@book{{key{n},\n  title = {{{q}}},\n}}\n" for n, q in enumerate(ASKED)),
    "TOML/INI": "".join(f'[[row]]\nask = "{q}"\nanswer = "{a}"\n\n' for q, a in PAIRS),
    "Moodle GIFT": "".join(f"::road:: {q} {{={a} ~Nowhere ~Home}}\n\n" for q, a in PAIRS),
    "Aiken": "".join(f"{q}\nA. {a}\nB. Nowhere.\nANSWER: A\n\n" for q, a in PAIRS),
    "LIBSVM": "".join(f"{n % 2} 1:0.5 4:{n} 9:1e-3\n" for n in NUMBERS),
    "Markdown": "# Roads\n\n| ask | answer |\n|---|:--|\n"
    + "".join(f"| {q} | {a} |\n" for q, a in PAIRS),
}


@pytest.mark.parametrize("name", NOTATIONS)
def test_a_notation_of_its_own_is_named_and_not_read_as_lines(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(NOTATIONS[name], "utf-8")
    with pytest.raises(InputError) as caught:
        describe(Source(source=str(path)))
    assert caught.value.code == "data.notation"
    assert f"is written in {name}, " in caught.value.message
    assert "data.format: text" in caught.value.hint
    # Who says so gets the lines.
    assert describe(Source(source=str(path), format="text")).rows


@pytest.mark.parametrize(
    "part",
    ["{=~", "::a", '" ', "|--|--" + " " * 9000 + "x", "-", "1:1 ", "From: a\n", "a = ", "0 O"],
)
def test_no_text_takes_long_to_be_recognised(part: str) -> None:
    with at_most(1.0):
        for text in (part * 9000, f"{part * 9000}x\n" * 2, " " * 250_000 + part):
            notation(text)
            is_python(text)


PROSE = {
    "prose": "\n\n".join(f"{q} {a} Nobody asks twice, and\nthe rain goes on." for q, a in PAIRS),
    "verse": "\n".join(f"{q}\nso says the song, and then again\n" for q in ASKED),
    "a table among prose": "\n\n".join(a * 3 for a in ANSWERS)
    + "\n\n| a | b |\n|---|---|\n| c | d |\n",
    "Greek": "\n".join(f"Ο δρόμος {n} περνά από τον παλιό μύλο." for n in NUMBERS),
    "Hindi": "\n".join(f"पुरानी घाटी की सड़क {n} झील तक जाती है।" for n in NUMBERS),
    "Chinese": "\n".join(f"山谷里的第{n}条旧路经过磨坊，一直通到湖边。" for n in NUMBERS),
}


@pytest.mark.parametrize("name", PROSE)
def test_prose_is_plain_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(PROSE[name], "utf-8")
    (shape,) = describe(Source(source=str(path))).shapes
    assert (shape.shape, shape.sure) == ("text", True)


ASKED_FIRST = {
    "a server's log": "".join(
        f'10.1.2.{n} - - [03/May/2024:10:00:{n:02} +0000] "GET /{n} HTTP/1.1" 200 51\n'
        for n in NUMBERS
    ),
    "terms and meanings": "".join(f"road {n} of old;{a}\n" for n, a in enumerate(ANSWERS)),
    "questions as headings": "".join(f"## {q}\n\n{a}\n\n" for q, a in PAIRS),
    "notes of a practice": "".join(
        f"{q}\nPatient:\n{q}\nDoctor:\n{a}\nand rest.\n\n\n" for q, a in PAIRS
    ),
    "single words": "".join(f"road{n}\n" for n in NUMBERS),
}


@pytest.mark.parametrize("name", ASKED_FIRST)
def test_lines_that_are_no_prose_are_asked_about(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rows.txt"
    path.write_text(ASKED_FIRST[name], "utf-8")
    assert not any(shape.sure for shape in describe(Source(source=str(path))).shapes)


REFUSED: dict[str, tuple[Any, str]] = {
    "masks by segment": (
        lambda q, a, n: {"segments": [{"label": False, "text": q}, {"label": True, "text": a}]},
        "data.segments",
    ),
    "questions inside of documents": (
        lambda q, a, n: {
            "title": f"Road {n}",
            "paragraphs": [
                {"context": a * 3, "qas": [{"question": q, "answers": [{"text": a}]}] * 2}
            ],
        },
        "data.nested",
    ),
    "words and their tags": (
        lambda q, a, n: {"word": a.split()[n % 4], "tag": ["O", "B-LOC", "I-LOC"][n % 3]},
        "data.spans",
    ),
    "cells of a notebook": (
        lambda q, a, n: {"cell_type": ["code", "markdown"][n % 2], "source": [a]},
        "data.notebook",
    ),
    "posts of a forum": (
        lambda q, a, n: {"Id": n, "PostTypeId": 1 + n % 2, "ParentId": n, "Body": a},
        "data.tree",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_template_can_say_is_refused_in_words(tmp_path: Path, name: str) -> None:
    make, code = REFUSED[name]
    rows = [make(q, a, n) for n, (q, a) in enumerate(PAIRS)]
    report = describe(Source(source=str(write_jsonl(tmp_path / "rows.jsonl", rows))))
    assert not report.shapes
    assert report.obstacle is not None
    assert report.obstacle["code"] == code


UNSURE: dict[str, Any] = {
    "questions and references apart": lambda q, a, n: {
        "turns": [q, f"{q} And then?"],
        "refs": [a, a],
    },
    "a student's answer and the right one": lambda q, a, n: {
        "question": q,
        "student answer": f"I think {a}",
        "correct answer": a,
    },
    "who speaks, by number": lambda q, a, n: {
        "turns": {"speaker": [n % 2, 1], "utterance": [q, a]}
    },
    "messages of several people": lambda q, a, n: {"author": f"p{n % 3}", "message": a},
    "a headline that may be the summary": lambda q, a, n: {
        "headline": q,
        "title": f"No {n}",
        "text": a * 4,
    },
}


@pytest.mark.parametrize("name", UNSURE)
def test_what_may_be_meant_otherwise_is_asked(tmp_path: Path, name: str) -> None:
    rows = [UNSURE[name](q, a, n) for n, (q, a) in enumerate(PAIRS)]
    report = describe(Source(source=str(write_jsonl(tmp_path / "rows.jsonl", rows))))
    assert report.obstacle is not None or not report.shapes[0].sure


def test_an_instruction_next_to_its_inputs_is_asked(tmp_path: Path) -> None:
    rows = [
        {"name": f"No {n}", "instruction": q, "instances": [{"input": "", "output": a}]}
        for n, (q, a) in enumerate(PAIRS)
    ]
    (best,) = describe(Source(source=str(write_jsonl(tmp_path / "rows.jsonl", rows)))).shapes
    assert (best.messages, best.sure) == ("instruction + instances", True)
    turns = turns_at(rows[0], best.messages or "")
    assert turns == [
        {"role": "user", "content": ASKED[0]},
        {"role": "assistant", "content": ANSWERS[0]},
    ]


def test_what_a_document_says_once_is_said(tmp_path: Path) -> None:
    rows = [{"input": q, "output": a} for q, a in PAIRS]
    task = {"Definition": ["Tell the way to the lake."], "Source": "roads", "instances": rows}
    path = tmp_path / "task.json"
    path.write_text(json.dumps(task), "utf-8")
    report = describe(Source(source=str(path)))
    assert report.rows == len(rows)
    (note,) = report.notes
    assert "says Definition once" in note


def test_choices_inside_of_a_question_are_shown_whole(tmp_path: Path) -> None:
    rows = [
        {
            "question": {
                "stem": q,
                "choices": [{"text": a, "label": "A"}, {"text": "No.", "label": "B"}],
            },
            "answerKey": "AB"[len(q) % 2],
        }
        for q, a in PAIRS
    ]
    best = describe(Source(source=str(write_jsonl(tmp_path / "rows.jsonl", rows)))).shapes[0]
    assert "{question.choices}" in (best.prompt or "")
    assert best.completion == "{answerKey}"


@pytest.mark.parametrize(
    ("head", "columns"),
    [
        ("#separator:tab\n#html:false\n#tags column:3\n", ["column1", "column2", "tags metadata"]),
        ("#separator:Semicolon\n#columns:ask;answer;tags\n", ["ask", "answer", "tags"]),
        ("#separator:|\n#guid column:3\n", ["column1", "column2", "guid"]),
    ],
)
def test_cards_of_anki_have_columns(tmp_path: Path, head: str, columns: list[str]) -> None:
    path, sign = tmp_path / "deck.txt", {"tab": "\t", "S": ";", "|": "|"}
    by = next(value for key, value in sign.items() if head.startswith(f"#separator:{key}"))
    path.write_text(head + "".join(f"{q}{by}{a}{by}t{len(a) % 2}\n" for q, a in PAIRS), "utf-8")
    report = describe(Source(source=str(path)))
    assert [column.name for column in report.columns] == columns
    assert report.rows == len(PAIRS)
    assert report.first[0][columns[0]] == ASKED[0]


def test_python_dictionaries_are_named(tmp_path: Path) -> None:
    for name, text in (
        ("rows.txt", "{'q': 'one', 'ok': True}\n" * 3),
        ("rows.json", "[{'q': 'one'}, {'q': 'two'}]"),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        with pytest.raises(InputError) as caught:
            describe(Source(source=str(tmp_path / name)))
        assert caught.value.code == "data.python"
        assert "json.dumps" in caught.value.hint
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text('{"q": "one", "a": "two"}\n' * 5 + "{'q': 'one', 'a': 'two'}\n", "utf-8")
    (broken,) = describe(Source(source=str(mixed))).broken
    assert (broken.line, str(broken.says)) == (6, "the line is a Python dictionary, not JSON")
