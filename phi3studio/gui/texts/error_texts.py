"""Translatable sentences for the codes of the wizard's problems: (what, what to do)."""

from __future__ import annotations

from phi3studio.gui.texts.i18n import QT_TRANSLATE_NOOP

ERRORS: dict[str, tuple[str, str]] = {
    "draft.no_source": (
        QT_TRANSLATE_NOOP("Errors", "No data has been chosen yet."),
        QT_TRANSLATE_NOOP("Errors", "Drop a file onto the page, or choose one."),
    ),
    "draft.no_shape": (
        QT_TRANSLATE_NOOP("Errors", "It is not chosen yet what the model learns from these rows."),
        QT_TRANSLATE_NOOP("Errors", "Choose a proposal next to the rows, or write the template."),
    ),
    "draft.no_completion": (
        QT_TRANSLATE_NOOP("Errors", "The completion is empty, so the model would learn nothing."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Write what the model shall answer: insert the column with the answers.",
        ),
    ),
    "draft.data_blocked": (
        QT_TRANSLATE_NOOP("Errors", "The check found something that stops the training ({count})."),
        QT_TRANSLATE_NOOP("Errors", "Use the buttons beside the findings, or correct the file."),
    ),
    "draft.few_rows": (
        QT_TRANSLATE_NOOP("Errors", "Only {count} rows: the model will hardly learn from so few."),
        QT_TRANSLATE_NOOP("Errors", "A hundred rows are a good beginning."),
    ),
    "draft.missing_column": (
        QT_TRANSLATE_NOOP("Errors", "The data has no column “{name}”."),
        QT_TRANSLATE_NOOP("Errors", "The columns are: {columns}."),
    ),
    "draft.missing_column_near": (
        QT_TRANSLATE_NOOP("Errors", "The data has no column “{name}”."),
        QT_TRANSLATE_NOOP("Errors", "Did you mean {near}? The columns are: {columns}."),
    ),
    "draft.no_model": (
        QT_TRANSLATE_NOOP("Errors", "No base model has been chosen."),
        QT_TRANSLATE_NOOP("Errors", "Choose one of the list, or a model folder."),
    ),
    "draft.model_missing": (
        QT_TRANSLATE_NOOP("Errors", "{title} is not on this computer."),
        QT_TRANSLATE_NOOP("Errors", "Fetch it first, or choose another model."),
    ),
    "draft.longer_than_context": (
        QT_TRANSLATE_NOOP(
            "Errors",
            "The sequence length of {length} is longer than the model's context of {context}.",
        ),
        QT_TRANSLATE_NOOP("Errors", "Set it to {context} or less."),
    ),
    "draft.cuts_off": (
        QT_TRANSLATE_NOOP("Errors", "Rows of up to {longest} tokens are cut off at {length}."),
        QT_TRANSLATE_NOOP("Errors", "Raise the sequence length, or shorten the rows."),
    ),
    "draft.high_rate": (
        QT_TRANSLATE_NOOP(
            "Errors",
            "The learning rate is high for LoRA: the training may become unstable.",
        ),
        QT_TRANSLATE_NOOP("Errors", "0.0002 is a good beginning."),
    ),
    "draft.no_cuda": (
        QT_TRANSLATE_NOOP("Errors", "This computer has no CUDA device that can train."),
        QT_TRANSLATE_NOOP("Errors", "Train on the CPU."),
    ),
    "draft.half_on_cpu": (
        QT_TRANSLATE_NOOP("Errors", "A model in {kind} does not run on a CPU."),
        QT_TRANSLATE_NOOP("Errors", "Choose int4 or fp32 for the CPU."),
    ),
    "draft.not_on_target": (
        QT_TRANSLATE_NOOP("Errors", "A model in {kind} does not run on {device}."),
        QT_TRANSLATE_NOOP("Errors", "Choose {kinds} for it."),
    ),
}
