"""What a data set's columns are, and which shapes fit them, with the reason in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from phi3studio.domain.dataset import Column, ShapeProposal
from phi3studio.domain.template import escape
from phi3studio.worker.data.checking.short_text import excerpt
from phi3studio.worker.data.preparing.row_pipeline import Row, columns_of

_EXAMPLES = 3
_MOST_COLUMNS = 200
_PROMPT = ("prompt", "input", "source")
_COMPLETION = ("completion", "response", "output", "target", "chosen")
_INSTRUCTION = ("instruction", "instructions", "task")
_OUTPUT = ("output", "response", "answer", "completion")
_QUESTION = ("question", "query", "q", "frage", "domanda", "pregunta", "problem", "title")
_ANSWER = ("answer", "best answer", "a", "antwort", "risposta", "respuesta", "solution", "reply")
_LABEL = ("label", "class", "category", "tone", "sentiment", "emotion", "intent", "tag", "topic")
_TEXT = ("text", "content", "body", "sentence", "phrase", "document")


def describe_columns(rows: Sequence[Row]) -> tuple[Column, ...]:
    """The columns of the first rows."""
    return tuple(_describe(name, rows) for name in columns_of(rows)[:_MOST_COLUMNS])


def _describe(name: str, rows: Sequence[Row]) -> Column:
    values = [row.get(name) for row in rows]
    present = [value for value in values if value is not None and value != ""]
    kinds = {_kind(value) for value in present}
    kind = "empty" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"
    shown = [_text(value) for value in present]
    distinct = dict.fromkeys(shown)
    return Column(
        name=name,
        kind=kind,
        examples=tuple(excerpt(text, 80) for text in list(distinct)[:_EXAMPLES]),
        missing=len(values) - len(present),
        distinct=len(distinct),
    )


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "messages" if _conversation(value) else "text"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, Sequence):
        return "messages" if _conversation(value) else "list"
    return "object" if isinstance(value, Mapping) else "text"


def _conversation(value: Any) -> str | None:
    """``messages`` or ``sharegpt`` for a conversation, written as list or as JSON text."""
    if isinstance(value, str):
        if not value.startswith("[{") or len(value) > 200_000:
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, Sequence) or not value or isinstance(value, str):
        return None
    turns = list(value)
    if all(isinstance(turn, Mapping) and "role" in turn for turn in turns):
        return "messages"
    if all(isinstance(turn, Mapping) and "from" in turn and "value" in turn for turn in turns):
        return "sharegpt"
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:1000]
    try:
        return json.dumps(value, ensure_ascii=False, default=str)[:1000]
    except (ValueError, RecursionError):
        return f"{type(value).__name__} (nested deeply)"


def propose(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[ShapeProposal, ...]:
    """The shapes that fit, the likeliest first; empty if there is nothing to learn from."""
    found: list[ShapeProposal] = []
    names = {column.name.strip().casefold(): column.name for column in columns}
    texts = [column for column in columns if column.kind in ("text", "number", "boolean", "mixed")]
    text_names = {column.name for column in texts}

    def named(*choices: str) -> str | None:
        return next(
            (names[c] for c in choices if c in names and names[c] in text_names),
            None,
        )

    for column in columns:
        if column.kind == "messages":
            found.append(_conversation_shape(column.name, rows))
    instruction, output = named(*_INSTRUCTION), named(*_OUTPUT)
    if instruction and output:
        found.append(_instruction(instruction, named("input", "context"), output))
    prompt, completion = named(*_PROMPT), named(*_COMPLETION)
    if prompt and completion and not (instruction and output):
        found.append(
            ShapeProposal(
                shape="prompt_completion",
                reason=f"The columns “{prompt}” and “{completion}” are named like a prompt and "
                "its completion.",
                prompt=f"{{{prompt}}}",
                completion=f"{{{completion}}}",
            )
        )
    question = named(*_QUESTION) or _ending(text_names, "question")
    answer = named(*_ANSWER) or _ending(text_names, "answer")
    if question and answer:
        found.append(
            ShapeProposal(
                shape="question_answer",
                reason=f"The columns “{question}” and “{answer}” are named like a question and "
                "its answer.",
                prompt=f"### Question: {{{question}}}\n### Answer:\n",
                completion=f"{{{answer}}}",
            )
        )
    found += _by_values(texts, rows, named)
    if len(texts) == 1:
        name = texts[0].name
        found.append(
            ShapeProposal(
                shape="text",
                reason=f"“{name}” is the only column of text: the model learns to write like it.",
                prompt="",
                completion=f"{{{name}}}",
            )
        )
    return tuple(found)


def _conversation_shape(name: str, rows: Sequence[Row]) -> ShapeProposal:
    kinds = {_conversation(row.get(name)) for row in rows if row.get(name) is not None}
    if "sharegpt" in kinds:
        return ShapeProposal(
            shape="sharegpt",
            reason=f"“{name}” holds lists of turns with “from” and “value”, as ShareGPT writes.",
            messages=name,
        )
    return ShapeProposal(
        shape="messages",
        reason=f"“{name}” holds lists of messages with “role” and “content”.",
        messages=name,
    )


def _instruction(instruction: str, extra: str | None, output: str) -> ShapeProposal:
    middle = f"{{?{extra}}}### Input:\n{{{extra}}}\n\n{{/{extra}}}" if extra else ""
    with_extra = f", “{extra}”" if extra else ""
    return ShapeProposal(
        shape="instruction",
        reason=f"The columns “{instruction}”{with_extra} and “{output}” are those of instruction "
        "data sets (Alpaca).",
        prompt=f"### Instruction:\n{{{instruction}}}\n\n{middle}### Response:\n",
        completion=f"{{{output}}}",
    )


def _ending(names: set[str], word: str) -> str | None:
    return next((name for name in sorted(names) if name.casefold().split()[-1:] == [word]), None)


def _by_values(texts: Sequence[Column], rows: Sequence[Row], named: Any) -> list[ShapeProposal]:
    """Two columns told apart by what is in them: labels repeat, texts do not."""
    if len(texts) < 2:
        return []
    present = {column.name: len(rows) - column.missing for column in texts}
    labels = [
        column
        for column in texts
        if present[column.name] >= 4
        and 1 < column.distinct <= max(20, present[column.name] // 10)
        and column.distinct * 2 <= present[column.name]
        and max((len(example) for example in column.examples), default=99) <= 40
    ]
    label_name = named(*_LABEL)
    label = next((c for c in labels if c.name == label_name), labels[-1] if labels else None)
    others = [column for column in texts if column is not label]
    text_name = named(*_TEXT)
    longest = max(others, key=lambda column: max(map(len, column.examples), default=0))
    text = next((column for column in others if column.name == text_name), longest)
    if label is not None:
        return [
            ShapeProposal(
                shape="columns",
                reason=f"“{label.name}” has only {label.distinct} different values in the first "
                f"{present[label.name]} rows: it is a label for “{text.name}”.",
                prompt=f"### {_title(text.name)}: {{{text.name}}}\n### {_title(label.name)}:\n",
                completion=f"{{{label.name}}}",
            )
        ]
    first, last = texts[0], texts[-1]
    return [
        ShapeProposal(
            shape="columns",
            reason=f"“{first.name}” and “{last.name}” are columns of text; which of them is to "
            "be learned is a guess.",
            prompt=f"### {_title(first.name)}: {{{first.name}}}\n### {_title(last.name)}:\n",
            completion=f"{{{last.name}}}",
        )
    ]


def _title(name: str) -> str:
    """A column's name as a heading inside a template."""
    words = name.replace("_", " ").strip()
    return escape(words[:1].upper() + words[1:])
