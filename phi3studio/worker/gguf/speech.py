"""How a run's model is talked to in other programs, found out from its own tokenizer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.places.gguf import Turn, Turns, prompt_in_go, prompt_in_jinja
from phi3studio.domain.recipe import Template
from phi3studio.domain.template import parse_template
from phi3studio.worker.data.preparing.tokenise import Stop
from phi3studio.worker.fidelity.exported_model import ExportedModel
from phi3studio.worker.gguf.write import Speech

_MARKS = ("system-7f3a", "question-7f3a", "answer-7f3a", "question-9c1e")
_SYSTEM, _USER, _ANSWER, _NEXT = (
    {"role": role, "content": text}
    for role, text in zip(("system", "user", "assistant", "user"), _MARKS, strict=True)
)
CONVERSATIONS: tuple[tuple[Turn, ...], ...] = (
    (_USER,),
    (_SYSTEM, _USER),
    (_USER, _ANSWER, _NEXT),
    (_SYSTEM, _USER, _ANSWER, _NEXT, _ANSWER, _USER),
)
"""What two renderings of a template are compared on."""
_SHOWN = 20
_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")

Render = Callable[[Sequence[Turn]], str]


def speech_of(tokenizer: Any, stop: Stop, template: Template | None) -> Speech:
    """What the file holds for llama.cpp: the run's prompt *template* as a chat template, or the
    tokenizer's own."""
    if template is not None:
        beginning = list(tokenizer("a")["input_ids"])[:1] == [tokenizer.bos_token_id]
        parsed = parse_template(template.prompt, "prompt")
        return Speech(prompt_in_jinja(parsed), stop.id, beginning)
    written = tokenizer.chat_template
    if isinstance(written, dict):
        written = written.get("default") or next(iter(written.values()))
    if not written:
        raise InputError("model.no_chat_template")
    # Without the marks of what is learned, which only transformers knows. The template writes the
    # beginning token itself, as in the training.
    return Speech(_GENERATION.sub("", written), stop.id, beginning=False)


def renderer(tokenizer: Any) -> Render:
    """The prompt of a conversation, as Hugging Face's tokenizer writes it."""

    def render(turns: Sequence[Turn]) -> str:
        return str(
            tokenizer.apply_chat_template(
                [dict(turn) for turn in turns], tokenize=False, add_generation_prompt=True
            )
        )

    return render


def accepted(render: Render) -> list[tuple[Sequence[Turn], str]]:
    """The conversations that the template takes, with the prompts that it writes."""
    found: list[tuple[Sequence[Turn], str]] = []
    for turns in CONVERSATIONS:
        try:
            found.append((turns, render(turns)))
        except Exception:  # noqa: S112 - whatever a template raises: it knows no such roles
            continue
    return found


def check_template(model: ExportedModel, tokenizer: Any, template: Template | None) -> None:
    """Raise :class:`RunError` unless llama.cpp's own engine writes the prompts of the training."""
    if template is None:
        expected = accepted(renderer(tokenizer))
    else:
        parsed = parse_template(template.prompt, "prompt")
        only = len(parsed.columns) == 1
        prompt = parsed.render({parsed.columns[0]: _MARKS[1]}) if only else _MARKS[1]
        expected = [((_USER,), prompt)]
    written = model.prompts([turns for turns, _ in expected])
    for (_, ours), theirs in zip(expected, written, strict=False):
        if ours != theirs:
            pairs = enumerate(zip(ours, theirs, strict=False))
            same = next((at for at, (a, b) in pairs if a != b), min(len(ours), len(theirs)))
            shown = theirs[max(0, same - _SHOWN) : same + _SHOWN]
            raise RunError("gguf.template", variant="differs", text=shown)


def go_template(tokenizer: Any, template: Template | None) -> tuple[str, str | None]:
    """Ollama's template and system prompt. Raises :class:`InputError` for a chat template that
    is more than pieces around the texts."""
    if template is not None:
        return prompt_in_go(parse_template(template.prompt, "prompt")), None
    turns = turns_of(renderer(tokenizer))
    return turns.go_template, turns.default_system


def turns_of(render: Render) -> Turns:
    """The pieces of a chat template; raises :class:`InputError` where it is more than these."""
    prompts = accepted(render)
    try:
        alone = render((_USER,))
        first, after = alone.split(_MARKS[1])
        _, between, following = _parts(render((_USER, _ANSWER, _NEXT)))
        system = _system_of(render, after)
    except Exception as exc:
        raise InputError("gguf.go_template") from exc
    found = Turns(first, system, between, after, following)
    for conversation, prompt in prompts:
        without_system = found.system is None and conversation[0] is _SYSTEM
        if not without_system and found.write(conversation) != prompt:
            raise InputError("gguf.go_template")
    return found


def _parts(text: str) -> tuple[str, str, str]:
    first, rest = text.split(_MARKS[1])
    between, rest = rest.split(_MARKS[2])
    return first, between, rest.split(_MARKS[3])[0]


def _system_of(render: Render, after: str) -> tuple[str, str] | None:
    try:
        before, rest = render((_SYSTEM, _USER)).split(_MARKS[0])
    except Exception:  # the template has no system prompt, or none that it writes
        return None
    behind, tail = rest.split(_MARKS[1])
    return (before, behind) if tail == after else None
