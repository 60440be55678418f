"""``pre_process_data_config``: from texts by a template to the recipe's prompt and completion."""

from __future__ import annotations

import re
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.template import parse_template, split_template
from phi3studio.olive_configs.decisions import Entry, ImportDraft, Section
from phi3studio.olive_configs.rules import (
    Rule,
    apply,
    carried,
    is_a,
    noted,
    refused,
    same_if,
    wrong_kind,
)

_KEYS = (
    "text_template", "text_cols", "chat_template", "message_col", "max_seq_len", "strategy",
    "pad_to_max_len", "use_attention_mask", "type", "max_samples",
)  # fmt: skip
# Conversions, format specifications and indices, which str.format knows and a recipe does not.
_FORMATTED = re.compile(r"(?<!\{)\{[^{}]*[!:\[][^{}]*\}")
TEXT_TYPES = (
    "huggingface_pre_process",
    "text_generation_huggingface_pre_process",
    "studio_examples",
)


def is_text_key(key: str) -> bool:
    """Whether a key belongs to the preparation of texts."""
    return key in _KEYS or key in _TABLE


def read_text(pre: Section, own: bool) -> None:
    """Decide on every key, and set ``data.template`` or ``data.messages``.

    *own*: the section is one that Phi-3 Studio exported.
    """
    draft = pre.draft
    if own:
        apply(pre, _EXPORTED)
        if not any(key.startswith("data.template") for key in draft.values):
            draft.values["data.messages"] = "messages"
    _read_length(pre)
    apply(pre, _TABLE)
    if own:
        pre.refuse_rest(tuple(_EXPORTED), "pre_process_data_config")
        return
    template, columns = pre.take("text_template"), pre.take("text_cols")
    chat, messages = pre.take("chat_template"), pre.take("message_col")
    if chat is not None and chat.value not in (None, False):
        _read_conversation(chat, messages, draft)
        template_text = "The chat template renders the rows."
        for entry in (template, columns):
            if entry is not None:
                draft.translate(entry, template_text)
    else:
        for entry in (chat, messages):
            if entry is not None:
                draft.translate(entry, "Rows have columns, no conversations.")
        _read_columns(template, columns, draft)
    pre.refuse_rest(_KEYS, "pre_process_data_config")


def _read_length(pre: Section) -> None:
    draft = pre.draft
    length = pre.take("max_seq_len", "source_max_len")
    if length is None:
        draft.default(
            "training.sequence_length",
            1024,
            "No max_seq_len is given: Olive takes 1024, and so does training.sequence_length.",
        )
    else:
        carried("training.sequence_length", int)(draft, length)


def _read_conversation(chat: Entry, messages: Entry | None, draft: ImportDraft) -> None:
    if chat.value is not True:
        draft.refuse(
            chat,
            "Conversations are rendered by the model's own chat template.",
            "Write chat_template: true, or put the template into the model's tokenizer.",
            blocks=True,
        )
        return
    column = messages.value if messages is not None and messages.value else "messages"
    draft.translate(chat, f"The conversations of column “{column}”.", "data.messages", column)
    if messages is not None:
        draft.carry(messages, "data.messages", column)


def _read_columns(template: Entry | None, columns: Entry | None, draft: ImportDraft) -> None:
    if template is not None and template.value is not None:
        if columns is not None:
            draft.translate(columns, "The template names the columns; it wins over text_cols.")
        _read_template(template, draft)
        return
    if template is not None:
        draft.translate(template, "Not set: text_cols count.")
    names: Any = columns.value if columns is not None and columns.value is not None else ["text"]
    names = [names] if isinstance(names, str) else names
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        assert columns is not None
        wrong_kind(draft, columns, (list,))
        return
    parts = {
        "prompt": "".join(f"{{{name}}} " for name in names[:-1]),
        "completion": f"{{{names[-1]}}}",
    }
    if columns is None:
        draft.default(
            "data.template",
            parts,
            "Neither text_template nor text_cols is given: Olive learns the column “text”, and so "
            "does the recipe.",
        )
        return
    text = f"Joined by spaces; only the last column, “{names[-1]}”, is learned."
    draft.translate(columns, text, "data.template", parts)


def _read_template(template: Entry, draft: ImportDraft) -> None:
    if not is_a(template.value, (str,)):
        wrong_kind(draft, template, (str,))
        return
    if _FORMATTED.search(template.value):
        draft.refuse(
            template,
            "Columns are put in as they are: {column}, without :, ! or [ in the braces.",
            "Write a column of its own for the formatted value.",
            blocks=True,
        )
        return
    try:
        prompt, completion = split_template(template.value)
        parse_template(prompt, "prompt")
        parse_template(completion, "completion")
    except InputError as exc:
        draft.refuse(template, exc.message, exc.hint, blocks=True)
        return
    draft.translate(
        template,
        "Only what begins with the last column is learned, and the model's stop token after it; "
        "Olive would learn the prompt too. Beginning and stop token are added once, as in chat.",
        "data.template",
        {"prompt": prompt, "completion": completion},
    )


_ROWS = (
    "Each row is one example, and rows of a batch are packed one after the other without seeing "
    "each other; Olive's join cuts them in pieces and drops the rest."
)
_PADDING = noted("Nothing is padded, which gives the same loss in less time.")
_CODE = refused("Python code of a config is not run.", "Write a text_template.", blocks=True)
_ONE_ROW = noted("Rows are not joined to one text.")
_ORDER = noted("Rows are shuffled by training.seed.")
_TABLE: dict[str, Rule] = {
    "type": same_if(
        TEXT_TYPES,
        "Rows are rendered by the recipe's template.",
        "Write a text_template.",
        blocks=True,
    ),
    "dataset_type": same_if(
        ("corpus",),
        "No longer a setting of Olive; each row is one text.",
        "Write a text_template with the columns of both parts.",
        blocks=True,
    ),
    "corpus_strategy": noted(f"Now called strategy. {_ROWS}"),
    "strategy": noted(_ROWS),
    "pad_to_max_len": _PADDING,
    "use_attention_mask": noted("No mask is needed where nothing is padded."),
    "padding_side": _PADDING,
    "drop_short_sequences": refused("Short rows are trained too.", "Leave it out."),
    "add_special_tokens": same_if(
        (True,), "Beginning and stop token are added as in chat.", "Leave it out."
    ),
    "joiner": _ONE_ROW,
    "stride": _ONE_ROW,
    "random_seed": _ORDER,
    "random_retries": _ORDER,
    "processing_batch_size": noted("Rows are tokenised in batches that fit the memory."),
    "batch_size": noted("training_args say how many rows are in a batch."),
    "model_name": noted("The tokenizer is the model's own."),
    "task": noted("Text generation is what is fine-tuned."),
    "trust_remote_code": noted("model.trust_remote_code counts for the tokenizer too."),
    "text_formatting_func": refused(
        "Python code of a config is not run.",
        "Write the texts that it makes to a file, or a text_template.",
        blocks=True,
    ),
    "user_script": _CODE,
    "script_dir": _CODE,
}
_EXPORTED: dict[str, Rule] = {
    "prompt": carried("data.template.prompt", str),
    "completion": carried("data.template.completion", str),
    "rank_stabilised": carried("method.rank_stabilised", bool),
    "stop": noted("The stop token is the model's own."),
}
TEXT_KEYS = frozenset({*_KEYS, *_TABLE, *_EXPORTED, "source_max_len"})
"""Every key that is known here."""
