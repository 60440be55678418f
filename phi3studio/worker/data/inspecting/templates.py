"""Templates ready to be chosen, among them the chat template of the chosen model."""

from __future__ import annotations

from collections.abc import Sequence

from phi3studio.domain.datasets.source_report import TemplatePreset
from phi3studio.domain.messages import Phrase
from phi3studio.domain.template import escape
from phi3studio.worker.data.preparing.tokenise import Tokenizer

_MARK = "question-7f3a"

# What a placeholder may be called in a data set, the most likely first.
_NAMES: dict[str, tuple[str, ...]] = {
    "text": ("text", "phrase", "sentence", "content", "body", "input"),
    "label": ("label", "tone", "class", "category", "sentiment", "emotion", "intent", "output"),
    "question": ("question", "instruction", "prompt", "query", "input", "text", "phrase"),
    "answer": ("answer", "response", "completion", "output", "label", "tone"),
    "instruction": ("instruction", "question", "prompt", "task"),
    "input": ("input", "context"),
    "output": ("output", "response", "answer", "completion"),
}
_FIRST = frozenset({"text", "question", "instruction"})

GENERAL = (
    TemplatePreset(
        says=Phrase("preset.classification"),
        prompt="### Text: {text}\n### Label:\n",
        completion="{label}",
        placeholders=("text", "label"),
    ),
    TemplatePreset(
        says=Phrase("preset.question_answer"),
        prompt="### Question: {question}\n### Answer:\n",
        completion="{answer}",
        placeholders=("question", "answer"),
    ),
    TemplatePreset(
        says=Phrase("preset.instruction"),
        prompt="### Instruction:\n{instruction}\n\n"
        "{?input}### Input:\n{input}\n\n{/input}### Response:\n",
        completion="{output}",
        placeholders=("instruction", "input", "output"),
    ),
    TemplatePreset(
        says=Phrase("preset.phi3"),
        prompt="<|user|>\n{question}<|end|>\n<|assistant|>\n",
        completion="{answer}",
        placeholders=("question", "answer"),
    ),
    TemplatePreset(
        says=Phrase("preset.text"),
        prompt="",
        completion="{text}",
        placeholders=("text",),
    ),
)


def template_presets(
    tokenizer: Tokenizer | None, columns: Sequence[str] = ()
) -> tuple[TemplatePreset, ...]:
    """All presets; with a tokenizer that has a chat template, that one first.

    With *columns* the placeholders are replaced by the columns that fit by name, else by place.
    """
    own = _chat_preset(tokenizer) if tokenizer is not None else None
    found = (own, *GENERAL) if own is not None else GENERAL
    return tuple(filled(preset, columns) for preset in found) if columns else found


def filled(preset: TemplatePreset, columns: Sequence[str]) -> TemplatePreset:
    """*preset* with its placeholders replaced by *columns*."""
    folded = {column.casefold(): column for column in columns if not set("{}\n") & set(column)}
    if not folded:
        return preset
    names = list(folded.values())
    prompt, completion = preset.prompt, preset.completion
    used: list[str] = []
    for placeholder in preset.placeholders:
        choices = _NAMES.get(placeholder, (placeholder,))
        column = next((folded[name] for name in choices if name in folded), None)
        if column is None or (column in used and len(names) > 1):
            if placeholder == "input":
                prompt = _without_section(prompt, placeholder)
                continue
            rest = [name for name in names if name not in used] or names
            column = rest[0] if placeholder in _FIRST else rest[-1]
        used.append(column)
        for mark in ("", "?", "/"):
            old, new = f"{{{mark}{placeholder}}}", f"{{{mark}{column}}}"
            prompt, completion = prompt.replace(old, new), completion.replace(old, new)
    return preset.model_copy(
        update={"prompt": prompt, "completion": completion, "placeholders": tuple(used)}
    )


def _without_section(prompt: str, name: str) -> str:
    before, _, rest = prompt.partition(f"{{?{name}}}")
    return before + rest.partition(f"{{/{name}}}")[2] if rest else prompt


def _chat_preset(tokenizer: Tokenizer) -> TemplatePreset | None:
    if not tokenizer.chat_template:
        return None
    text = str(
        tokenizer.apply_chat_template(
            [{"role": "user", "content": _MARK}], tokenize=False, add_generation_prompt=True
        )
    )
    if text.count(_MARK) != 1:
        return None
    beginning = getattr(tokenizer, "bos_token", None)
    if beginning:
        # The tokenizer puts it there by itself.
        text = text.removeprefix(beginning)
    before, after = text.split(_MARK)
    return TemplatePreset(
        says=Phrase("preset.chat"),
        prompt=escape(before) + "{question}" + escape(after),
        completion="{answer}",
        placeholders=("question", "answer"),
    )
