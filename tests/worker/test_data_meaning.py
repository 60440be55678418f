"""What public data sets' rows mean: the right proposal, a question, or a refusal in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.source import Source as DataSource
from phi3studio.domain.datasets.source_report import ShapeProposal, SourceReport
from phi3studio.domain.errors import InputError
from phi3studio.domain.rows.repairs import DropMarked
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.inspecting.shapes import propose
from phi3studio.worker.data.preparing.prepare_examples import load_prepared, prepare
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from phi3studio.worker.data.preparing.tokenise import Encoder
from tests.worker.data_fixtures import (  # noqa: F401
    byte_level,
    encoder,
    recipe_for,
    whole_check,
    write_jsonl,
)

TOWNS = ("Bergen", "Pisa", "Graz", "Lyon", "Porto", "Gent", "Brno", "Turku")
Make = Callable[[int], dict[str, Any]]


def town(n: int) -> str:
    return f"{TOWNS[n % 8]} {n}"


def asked(n: int) -> str:
    return f"What is {town(n)} known for?"


def answered(n: int) -> str:
    return f"{town(n)} is known for its {n + 2} bridges and a market."


def long(n: int) -> str:
    return f"Anna: shall we go to {town(n)}? Ben: yes, on the next train, at {n} o'clock. " * 2


def turn(role: str, text: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": text, **more}


def turns(n: int) -> list[dict[str, Any]]:
    return [turn("user", asked(n)), turn("assistant", answered(n))]


def node(name: str, parent: str, children: list[str], role: str, text: str) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    message = {"id": name, "author": {"role": role}, "content": content}
    return {"id": name, "message": message, "parent": parent, "children": children}


def look(tmp_path: Path, make: Make, count: int = 24) -> SourceReport:
    path = write_jsonl(tmp_path / "rows.jsonl", [make(n) for n in range(count)])
    return describe(DataSource(source=str(path)))


def keys(best: ShapeProposal) -> dict[str, Any]:
    shape: dict[str, Any] = {"repairs": [repair.model_dump() for repair in best.repairs]}
    if best.messages is not None:
        return shape | {"messages": best.messages}
    return shape | {"prompt": best.prompt, "completion": best.completion}


# name → (row, what the first row's prompt has to hold, what is learned)
SURE: dict[str, tuple[Make, tuple[str, ...], str]] = {
    "a text with template tags": (
        lambda n: {
            "text": f"<|im_start|>user\n{asked(n)}<|im_end|>\n<|im_start|>assistant\n{answered(n)}"
        },
        (f"<|im_start|>user\n{asked(0)}<|im_end|>",),
        answered(0),
    ),
    "a text of Llama 2": (
        lambda n: {
            "text": f"<s>[INST] <<SYS>>Be kind.<</SYS>>{asked(n)} [/INST] {answered(n)} </s>"
        },
        ("<|im_start|>system\nBe kind.<|im_end|>", asked(0)),
        answered(0),
    ),
    "a text of Alpaca": (
        lambda n: {
            "text": f"Do it.\n\n### Instruction:\nAnswer.\n\n### Input:\n{asked(n)}\n\n"
            f"### Response:\n{answered(n)}"
        },
        ("Do it.", f"Answer.\n\n{asked(0)}<|im_end|>"),
        answered(0),
    ),
    "a help desk's conversations": (
        lambda n: {
            "source": {"author": {"type": "user", "id": n}, "body": asked(n)},
            "parts": {
                "parts": [
                    {"body": answered(n), "author": {"type": "admin", "id": 1}},
                    {"body": None, "author": {"type": "admin", "id": 1}},
                ]
            },
        },
        (asked(0),),
        answered(0),
    ),
    "OpenOrca": (
        lambda n: {
            "id": f"cot.{n * 977}",
            "system_prompt": "Explain it to a child.",
            "question": asked(n),
            "response": answered(n),
        },
        ("Explain it to a child.", asked(0)),
        answered(0),
    ),
    "prompt and completion that look like identifiers": (
        lambda n: {"prompt": f"q{n}", "completion": f"a{n}"},
        ("q0",),
        "a0",
    ),
    "SAMSum": (
        lambda n: {"id": str(138_000 + n), "dialogue": long(n), "summary": answered(n)},
        (long(0),),
        answered(0),
    ),
    "CNN/DailyMail": (
        lambda n: {"article": long(n) * 3, "highlights": answered(n), "id": f"{n:040x}"},
        (long(0),),
        answered(0),
    ),
    "XSum": (
        lambda n: {"document": long(n) * 3, "summary": answered(n), "id": str(n * 7919)},
        (long(0),),
        answered(0),
    ),
    "SQuAD": (
        lambda n: {
            "id": f"5733be28{n:016x}",
            "title": "Towns",
            "context": long(n),
            "question": asked(n),
            "answers": {"text": [answered(n)], "answer_start": [n]},
        },
        (long(0), asked(0)),
        answered(0),
    ),
    "SQL": (
        lambda n: {
            "answer": f"SELECT {n} FROM t",
            "question": asked(n),
            "context": f"CREATE TABLE t{n} (id INT)",
        },
        ("CREATE TABLE t0", asked(0)),
        "SELECT 0 FROM t",
    ),
    "UltraChat": (
        lambda n: {"id": str(n), "data": [asked(n), answered(n)]},
        (asked(0),),
        answered(0),
    ),
    "Dolly": (
        lambda n: {
            "instruction": asked(n),
            "context": long(n) if n % 2 == 0 else "",
            "response": answered(n),
            "category": ("open_qa", "closed_qa")[n % 2],
        },
        (asked(0), long(0)),
        answered(0),
    ),
    "Alpaca": (
        lambda n: {
            "instruction": asked(n),
            "input": "",
            "output": answered(n),
            "text": f"Below is an instruction. {asked(n)} {answered(n)}",
        },
        (asked(0),),
        answered(0),
    ),
    "Alpaca with system and history": (
        lambda n: {
            "instruction": asked(n),
            "input": "in short",
            "output": answered(n),
            "system": "Talk like a sailor.",
            "history": [["hello", "ahoy"]],
        },
        ("Talk like a sailor.", "hello", "ahoy", asked(0), "in short"),
        answered(0),
    ),
    "prompt and completion": (
        lambda n: {"prompt": asked(n), "completion": answered(n)},
        (asked(0),),
        answered(0),
    ),
    "TRL turns": (
        lambda n: {"prompt": turns(n)[:1], "completion": turns(n)[1:]},
        (asked(0),),
        answered(0),
    ),
    "chat": (lambda n: {"uuid": f"{n:032x}", "messages": turns(n)}, (asked(0),), answered(0)),
    "ShareGPT, pairs": (
        lambda n: {"conversation": [{"human": asked(n), "assistant": answered(n)}]},
        (asked(0),),
        answered(0),
    ),
    "ShareGPT, role and text": (
        lambda n: {
            "items": [{"role": "user", "text": asked(n)}, {"role": "bot", "text": answered(n)}]
        },
        (asked(0),),
        answered(0),
    ),
    "request log": (
        lambda n: {
            "custom_id": f"request-{n}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "m", "messages": turns(n)[:1]},
            "response": {"body": {"choices": [{"index": 0, "message": turns(n)[1]}]}},
        },
        (asked(0),),
        answered(0),
    ),
    "Label Studio": (
        lambda n: {
            "id": n,
            "data": {"text": long(n), "ref": n},
            "project": 3,
            "created_at": "2023-05-01T10:00:00Z",
            "annotations": [
                {
                    "id": n,
                    "was_cancelled": False,
                    "result": [
                        {
                            "type": "choices",
                            "from_name": "mood",
                            "value": {"choices": [("Calm", "Angry")[n % 2]]},
                        }
                    ],
                }
            ],
        },
        (long(0),),
        "Calm",
    ),
    "Prodigy": (
        lambda n: {
            "text": long(n),
            "_input_hash": n,
            "_task_hash": -n,
            "label": ("TRAVEL", "HOME")[n % 2],
            "answer": ("accept", "reject", "ignore")[n % 3],
        },
        (long(0),),
        "TRAVEL",
    ),
    "Argilla": (
        lambda n: {
            "id": f"{n:032x}",
            "fields": {"text": long(n)},
            "metadata": {},
            "responses": [{"user_id": "u", "values": {"mood": {"value": "calm"}}}],
            "status": "completed",
        },
        (long(0),),
        "calm",
    ),
    "number and text of a label": (
        lambda n: {"text": long(n), "label": n % 3, "label_text": ("calm", "glad", "sad")[n % 3]},
        (long(0),),
        "calm",
    ),
    "sentence pairs": (
        lambda n: {"sentence1": asked(n), "sentence2": answered(n), "idx": n, "label": n % 2},
        (asked(0), answered(0)),
        "0",
    ),
    "premise and hypothesis": (
        lambda n: {
            "premise": long(n),
            "hypothesis": answered(n),
            "label": ("entailment", "neutral")[n % 2],
        },
        (long(0), answered(0)),
        "entailment",
    ),
    "ratings": (lambda n: {"review": long(n), "stars": float(n % 5) + 1}, (long(0),), "1.0"),
    "choices": (
        lambda n: {
            "question": asked(n),
            "choices": ["the sea", town(n)],
            "answer": ("A", "B")[n % 2],
        },
        (asked(0), "the sea"),
        "A",
    ),
    "answers that are numbers": (
        lambda n: {"question": asked(n), "answer": str(n * 37)},
        (asked(0),),
        "0",
    ),
    "corrections": (
        lambda n: {"incorrect": f"he go to {town(n)}", "corrected": f"He goes to {town(n)}."},
        (f"he go to {town(0)}",),
        f"He goes to {town(0)}.",
    ),
    "Italian": (
        lambda n: {"codice": f"A-{n:05}", "domanda del cliente": asked(n), "risposta": answered(n)},
        (asked(0),),
        answered(0),
    ),
    "German": (
        lambda n: {"Nr": n, "Frage": asked(n), "Antwort": answered(n), "Datum": "2024-01-02"},
        (asked(0),),
        answered(0),
    ),
    "French": (
        lambda n: {
            "Question posée": asked(n),
            "Réponse": answered(n),
            "Horodateur": "02/01/2024 10:11:12",
        },
        (asked(0),),
        answered(0),
    ),
    "Chinese": (
        lambda n: {"编号": n, "问题": asked(n), "答案": answered(n)},
        (asked(0),),
        answered(0),
    ),
    "Russian": (lambda n: {"вопрос": asked(n), "ответ": answered(n)}, (asked(0),), answered(0)),
    "camel case": (
        lambda n: {
            "createdAt": f"2024-01-{n + 1:02}",
            "userQuestion": asked(n),
            "modelResponse": answered(n),
        },
        (asked(0),),
        answered(0),
    ),
    "Wikipedia": (
        lambda n: {
            "id": str(n),
            "url": f"https://example.org/{n}",
            "title": town(n),
            "text": long(n) * 3,
        },
        (),
        long(0) * 3,
    ),
    "spam": (lambda n: {"v1": ("ham", "spam")[n % 3 == 0], "v2": long(n)}, (long(0),), "spam"),
    "Google Forms": (
        lambda n: {
            "Timestamp": f"1/{n + 1}/2024 10:00:00",
            "Email Address": f"a{n}@example.org",
            "What is your question about the town?": asked(n),
            "How would you answer it?": answered(n),
        },
        (asked(0),),
        answered(0),
    ),
    "accepted answers": (
        lambda n: {
            "Id": n,
            "Title": asked(n),
            "Body": long(n),
            "AcceptedAnswer": answered(n),
            "Score": n,
        },
        (asked(0), long(0)),
        answered(0),
    ),
    "identifier of a ticket": (
        lambda n: {"ticket": f"T{n}", "customer_message": asked(n), "agent_reply": answered(n)},
        (asked(0),),
        answered(0),
    ),
    "text and its category": (
        lambda n: {"Category": ("HR", "IT")[n % 2], "Resume": long(n)},
        (long(0),),
        "HR",
    ),
    "questions that come twice": (
        lambda n: {"instruction": f"Where is {town(n % 6)}?", "output": answered(n)},
        ("Where is Bergen 0?",),
        answered(0),
    ),
    "a form's long names": (
        lambda n: {
            "Start time": f"3/{n + 1}/24 9:12:11",
            "Question asked by the customer": asked(n % 6),
            "Answer that you gave": answered(n),
        },
        (asked(0),),
        answered(0),
    ),
    "tickets": (
        lambda n: {
            "Ticket ID": n,
            "Ticket Subject": ("Setup", "Refund")[n % 2],
            "Ticket Description": long(n),
            "Resolution": answered(n),
            "Ticket Priority": ("low", "high", "critical")[n % 3],
        },
        (long(0),),
        answered(0),
    ),
    "a story and its questions, one a row": (
        lambda n: {"story": long(n), "question": asked(n), "answer": answered(n)},
        (long(0), asked(0)),
        answered(0),
    ),
    "OpenAI's evals": (
        lambda n: {"input": [turn("system", "Be kind."), *turns(n)[:1]], "ideal": answered(n)},
        ("Be kind.", asked(0)),
        answered(0),
    ),
    "TL;DR": (
        lambda n: {"text": long(n), "doc_id": f"d-{n}", "tldr": answered(n)},
        (long(0),),
        answered(0),
    ),
    "Glaive": (
        lambda n: {
            "system": f"SYSTEM: Be kind to {town(n)}.",
            "chat": f"USER: {asked(n)}\n\n\nASSISTANT: {answered(n)}",
        },
        ("SYSTEM: Be kind to Bergen 0.", asked(0)),
        answered(0),
    ),
    "utterances as columns": (
        lambda n: {
            "id": n,
            "turns": {
                "turn_id": ["0", "1"],
                "speaker": [0, 1],
                "utterance": [asked(n), answered(n)],
            },
        },
        (asked(0),),
        answered(0),
    ),
    "choices next to the question": (
        lambda n: {
            "question": asked(n),
            "option_a": f"bridges of {town(n)}",
            "option_b": f"markets of {town(n)}",
            "correct_option": "AB"[n % 2],
        },
        (asked(0), "bridges of Bergen 0", "markets of Bergen 0"),
        "A",
    ),
    "an export of ChatGPT, one answer made again": (
        lambda n: {
            "title": town(n),
            "mapping": {
                "a": {"id": "a", "message": None, "parent": None, "children": ["b"]},
                "b": node("b", "a", ["c", "d"], "user", asked(n)),
                "c": node("c", "b", [], "assistant", "No idea."),
                "d": node("d", "b", ["e"], "assistant", ""),
                "e": node("e", "d", [], "assistant", answered(n)),
            },
            "current_node": "e",
        },
        (f"<|im_start|>user\n{asked(0)}<|im_end|>\n<|im_start|>assistant\n",),
        answered(0),
    ),
    "fields of a record, some without an answer": (
        lambda n: {
            "id": f"rec{n}",
            "fields": {"Question": asked(n)} | ({"Answer": answered(n)} if n % 4 != 3 else {}),
        },
        (asked(0),),
        answered(0),
    ),
    "an extraction, written as text": (
        lambda n: {
            "text": long(n),
            "output": json.dumps({"town": town(n), "hour": n}),
        },
        (long(0),),
        json.dumps({"town": "Bergen 0", "hour": 0}),
    ),
    "a message and when it was sent": (
        lambda n: {"message": long(n), "date": f"2025-03-{n % 28 + 1:02}"},
        (),
        long(0),
    ),
    "InstructLab, several questions of one context": (
        lambda n: {
            "context": long(n),
            "questions_and_answers": [
                {"question": asked(n), "answer": answered(n)},
                {"question": asked(n + 50), "answer": answered(n + 50)},
            ],
        },
        (long(0).strip() + " \n\n" + asked(0), answered(0), asked(50)),
        answered(50),
    ),
    "Gemini": (
        lambda n: {
            "systemInstruction": {"role": "system", "parts": [{"text": "Be kind."}]},
            "contents": [
                {"role": "user", "parts": [{"text": asked(n)}]},
                {"role": "model", "parts": [{"text": answered(n)}]},
            ],
        },
        ("<|im_start|>system\nBe kind.<|im_end|>", asked(0)),
        answered(0),
    ),
    "a column of system prompts": (
        lambda n: {"system_prompt": f"Be kind to {town(n)}.", "conversations": turns(n)},
        ("<|im_start|>system\nBe kind to Bergen 0.<|im_end|>", asked(0)),
        answered(0),
    ),
    "Argilla, rows that are not of several labels": (
        lambda n: {
            "text": long(n),
            "inputs": {"text": long(n)},
            "prediction": None,
            "annotation": ("POS", "NEG")[n % 2],
            "multi_label": False,
        },
        (long(0),),
        "POS",
    ),
    "choices and their letters": (
        lambda n: {
            "id": f"M{n}",
            "question": asked(n),
            "choices": {"text": ["the sea", town(n)], "label": ["A", "B"]},
            "answerKey": "AB"[n % 2],
        },
        ('"the sea", "Bergen 0"', '"A", "B"', asked(0)),
        "A",
    ),
    "choices that differ, the answer's number": (
        lambda n: {
            "question": asked(n),
            "choices": [f"near {town(n)}", "far", "nowhere"],
            "answer": n % 3,
        },
        (f'### Choices: ["near {town(0)}", "far", "nowhere"]\n### Question: {asked(0)}',),
        "0",
    ),
    "endings of a story": (
        lambda n: {
            "ind": n,
            "ctx": long(n),
            "endings": ["They stay.", answered(n), "It rains."],
            "label": str(n % 3),
        },
        (long(0), f'["They stay.", "{answered(0)}", "It rains."]'),
        "0",
    ),
    "fields that are extracted": (
        lambda n: {"input": long(n), "output": {"town": town(n), "bridges": n + 2}},
        (long(0),),
        '{"town": "Bergen 0", "bridges": 2}',
    ),
    "fields that are asked": (
        lambda n: {
            "instruction": "Write about the town.",
            "input": {"town": town(n), "year": 1900 + n},
            "output": {"answer": answered(n)},
        },
        ('{"town": "Bergen 0", "year": 1900}',),
        answered(0),
    ),
    "an answer and its other spellings": (
        lambda n: {
            "question": asked(n),
            "answer": {"aliases": ["B", town(n)], "value": answered(n), "type": "Entity"},
        },
        (asked(0),),
        answered(0),
    ),
    "Bedrock": (
        lambda n: {
            "schemaVersion": "bedrock-conversation-2024",
            "system": [{"text": f"Be kind to {town(n)}."}],
            "messages": [
                {"role": "user", "content": [{"text": asked(n)}]},
                {"role": "assistant", "content": [{"text": answered(n)}]},
            ],
        },
        ("<|im_start|>system\nBe kind to Bergen 0.<|im_end|>", asked(0)),
        answered(0),
    ),
    "a customer and an agent": (
        lambda n: {
            "chat": [
                {"sender": "customer", "message": asked(n)},
                {"sender": "agent", "message": answered(n)},
            ]
        },
        (asked(0),),
        answered(0),
    ),
    "an answer with its rating inside": (
        lambda n: {
            "input": asked(n),
            "output": {"output": answered(n), "rating": {"value": n % 5}, "source": {"by": "me"}},
        },
        (asked(0),),
        answered(0),
    ),
    "a list of one label": (
        lambda n: {"text": long(n), "labels": [n % 4], "id": f"x{n}"},
        (long(0),),
        "0",
    ),
}


@pytest.mark.parametrize("name", SURE)
def test_public_rows_are_read_by_meaning(tmp_path: Path, byte_level: Any, name: str) -> None:  # noqa: F811
    make, prompt, learned = SURE[name]
    report = look(tmp_path, make)
    assert report.obstacle is None
    best = report.shapes[0]
    assert best.sure, best.reason
    rows = [make(n) for n in range(24)]
    recipe = recipe_for("x", **keys(best))
    passed = Process(recipe.rows, byte_level, 900, columns_of(rows)).render(rows, range(len(rows)))
    assert [item.error for item in passed] == [None] * len(rows)
    first = passed[0].rendered
    assert first is not None
    assert first.completion == learned
    assert all(part in first.prompt for part in prompt), first.prompt


def page(n: int) -> dict[str, Any]:
    records = [{"q": asked(9 * n + at), "a": answered(9 * n + at)} for at in range(9)]
    return {"page": n, "total": 24 * 9, "items": records}


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
    "pages of a service's answer": (page, "data.nested", "page of a service's answer"),
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


def test_a_list_next_to_another_is_not_all_that_is_learned(tmp_path: Path) -> None:
    path = tmp_path / "forum.json"
    questions = [{"id": n, "text": asked(n)} for n in range(24)]
    answers = [{"question": n, "text": answered(n)} for n in range(24)]
    path.write_text(json.dumps({"questions": questions, "answers": answers}), "utf-8")
    assert not describe(DataSource(source=str(path))).shapes[0].sure
    path.write_text(json.dumps({"questions": questions}), "utf-8")
    assert describe(DataSource(source=str(path))).shapes[0].sure


def test_no_identifier_date_address_or_constant_is_prompt_or_answer(tmp_path: Path) -> None:
    def make(n: int) -> dict[str, Any]:
        return {
            "key": f"{n:08x}-1111-2222-3333-444455556666",
            "ref": f"T-{n * 31}",
            "sent": f"2024-03-{n + 1:02} 08:00:00",
            "page": f"https://example.org/{n}",
            "team": "north",
            "mail": f"a{n}@example.org",
            "note": long(n),
        }

    best = look(tmp_path, make).shapes[0]
    assert (best.prompt, best.completion, best.sure) == ("", "{note}", True)
    assert {item.name for item in best.unread} == {"key", "ref", "sent", "page", "team", "mail"}
    assert all(item.detail for item in best.unread)


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
    blank = look(tmp_path, lambda n: make(n) | ({column: ""} if n == 1 else {})).shapes[0]
    best = look(tmp_path, make).shapes[0]
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
    assert said["recipe"]["data"]["repairs"] == [
        {"kind": "drop_marked", "column": "label", "values": ["false"]}
    ]
    assert "the column “notes” (24 rows, for example “Anna" in said["notes"][0]


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
