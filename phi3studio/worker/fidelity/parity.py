"""Whether the training, Hugging Face's tokenizer and genai's read a prompt into the same ids."""

from __future__ import annotations

from typing import Any

from phi3studio.domain.events.measured_events import ParityExample
from phi3studio.worker.data.preparing.held_out_rows import HeldOut
from phi3studio.worker.fidelity.exported_model import ExportedModel

_AT_ONCE = 256
_SHOWN_IDS = 6
_SHOWN_CHARACTERS = 40


def template_parity(
    model: ExportedModel, tokenizer: Any, data: HeldOut
) -> tuple[float, ParityExample | None]:
    """Share of the rows whose prompt becomes the same ids three times: inside the whole row as
    the training saw it, by *tokenizer*, and by the exported model's own; with the first that does
    not."""
    equal = 0
    example: ParityExample | None = None
    for start in range(0, len(data.rows), _AT_ONCE):
        rows = data.rows[start : start + _AT_ONCE]
        prompts = [row.prompt for row in rows]
        ours = tokenizer(prompts, add_special_tokens=not data.conversation)["input_ids"]
        theirs = model.encode(prompts)
        for number, (row, hugging_face, genai) in enumerate(
            zip(rows, ours, theirs, strict=True), start=start + 1
        ):
            trained = row.prompt_ids
            if trained == list(hugging_face) == genai:
                equal += 1
            elif example is None:
                example = _example(number, tokenizer, trained, list(hugging_face), genai)
    return equal / max(1, len(data.rows)), example


def _example(
    row: int, tokenizer: Any, trained: list[int], hugging_face: list[int], genai: list[int]
) -> ParityExample:
    """The place from the first id that differs on."""
    all_three = (trained, hugging_face, genai)
    shortest = min(map(len, all_three))
    at = next(
        (i for i in range(shortest) if len({ids[i] for ids in all_three}) > 1),
        shortest,
    )
    parts = [tuple(ids[at : at + _SHOWN_IDS]) for ids in all_three]
    longest = max(parts, key=len)
    text = str(tokenizer.decode(parts[0] or longest))
    return ParityExample(
        row=row,
        text=text[:_SHOWN_CHARACTERS],
        training=parts[0],
        hugging_face=parts[1],
        genai=parts[2],
    )
