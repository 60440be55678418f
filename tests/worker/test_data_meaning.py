"""What public data sets' rows mean: the right proposal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.source import Source as DataSource
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from tests.worker.data_fixtures import byte_level, recipe_for  # noqa: F401
from tests.worker.meant_rows import Make, answered, asked, keys, long, look, node, town, turn, turns

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
