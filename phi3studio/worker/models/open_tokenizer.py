"""A model folder's tokenizer, opened where nothing is known of it yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, first_line, is_fault
from phi3studio.worker.failures import memory_cause
from phi3studio.worker.import_lock import auto_tokenizer
from phi3studio.worker.process.template_trial import try_template


def open_tokenizer(folder: Path, trust_remote_code: bool = False) -> Any:
    """The tokenizer in *folder*; raises :class:`InputError` for one that cannot be used, or whose
    chat template cannot."""
    try:
        tokenizer = auto_tokenizer().from_pretrained(
            folder, trust_remote_code=trust_remote_code, local_files_only=True
        )
        len(tokenizer("a")["input_ids"])
        template = tokenizer.chat_template
    except BaseException as exc:
        # Damaged files make the libraries raise whatever they come across first.
        if not is_fault(exc) or memory_cause(exc) is not None:
            raise
        raise InputError("model.tokenizer", folder=folder, reason=first_line(exc)) from exc
    templates = template.values() if isinstance(template, dict) else [template]
    for text in templates:
        if text is not None and not _is_text(text):
            raise InputError(
                "model.field", file=folder, field="chat_template", value=ascii(text)[:80]
            )
        if text:
            try:
                try_template(text)
            except InputError as exc:
                raise exc.within("model.template_of", folder=folder) from exc
    return tokenizer


def _is_text(value: object) -> bool:
    """Whether *value* is a text without halves of surrogate pairs."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def check_fits(tokenizer: Any, folder: Path, vocabulary: int) -> None:
    """Raise :class:`InputError` for a tokenizer that knows more tokens than the model's embedding
    has rows (*vocabulary*)."""
    highest = max(tokenizer.get_vocab().values(), default=0)
    if highest >= vocabulary:
        raise InputError(
            "model.tokenizer_larger", folder=folder, tokens=highest + 1, vocabulary=vocabulary
        )
