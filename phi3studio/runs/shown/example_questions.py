"""Questions to begin a chat with: rows that the model was not trained on, as it saw them."""

from __future__ import annotations

import re

from phi3studio.domain.run import RunView
from phi3studio.domain.template import parse_template
from phi3studio.runs.shown.transcript import Ask

_MOST = 3
_LONGEST = 2000
# The signs that chat templates put between turns: <|im_start|>, <start_of_turn>, [INST], </s>.
_SIGN = re.compile(r"(<[^<>\s]{1,40}>|\[/?INST\])")


def example_questions(view: RunView, template: str = "") -> tuple[Ask, ...]:
    """Some of the held-out rows' questions, from the answers that the run reported.

    *template* is the prompt of the training's template, by whose columns they are asked; without
    one they are what the user says in a conversation.
    """
    metrics = view.metrics.get("exported") or view.metrics.get("merged") or view.metrics.get("base")
    found: list[Ask] = []
    for sample in metrics.samples if metrics is not None else ():
        ask = _values(sample.prompt, template) if template else _said(sample.prompt)
        if ask is not None and len(ask.shown) <= _LONGEST and ask not in found:
            found.append(ask)
    return tuple(found[:_MOST])


def _values(prompt: str, template: str) -> Ask | None:
    """The values of the columns from which *template* made *prompt*."""
    parsed = parse_template(template, "prompt")
    if not parsed.columns or any(piece.inner is not None for piece in parsed.pieces):
        return None
    seen: set[str] = set()
    pattern = ""
    for piece in parsed.pieces:
        if piece.column is None:
            pattern += re.escape(piece.text)
        elif piece.column not in seen:
            seen.add(piece.column)
            pattern += "(.*?)"
        else:
            pattern += "(?:.*?)"
    match = re.fullmatch(pattern, prompt, re.DOTALL)
    if match is None:
        return None
    return Ask(values=dict(zip(parsed.columns, match.groups(), strict=True)))


def _said(prompt: str) -> Ask | None:
    """What the user says in a prompt of one question."""
    parts = _SIGN.split(prompt)
    said, next_is_users = [], False
    for sign, text in zip(parts[1::2], parts[2::2], strict=True):
        role, _, after = text.partition("\n")
        if next_is_users or "user" in sign.casefold() or sign == "[INST]":
            said.append(text.strip())
            next_is_users = False
        elif role.strip().casefold() == "user":
            # Some templates close the header with a sign of its own.
            next_is_users = not after
            if after:
                said.append(after.strip())
    return Ask(text=said[0]) if len(said) == 1 and said[0] else None
