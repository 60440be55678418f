"""Translatable sentences for what the inspector reports: findings, shapes, template presets.

The same form as ``error_texts``: code → (what, what to do). English shows the inspector's own
words, which name columns and labels.
"""

from __future__ import annotations

from phi3studio.gui.texts.i18n import QT_TRANSLATE_NOOP

DATA_TEXTS: dict[str, tuple[str, str]] = {
    "finding.empty_values": (
        QT_TRANSLATE_NOOP("Data", "Empty or missing values"),
        QT_TRANSLATE_NOOP(
            "Data",
            "A row needs a value in every column of the template; an empty answer teaches silence.",
        ),
    ),
    "finding.cut_off": (
        QT_TRANSLATE_NOOP("Data", "Rows that are too long"),
        QT_TRANSLATE_NOOP(
            "Data",
            "What is cut off is not learned; a larger sequence length keeps it.",
        ),
    ),
    "finding.secrets": (
        QT_TRANSLATE_NOOP("Data", "Keys or personal data"),
        QT_TRANSLATE_NOOP("Data", "A model can repeat what it was trained on word for word."),
    ),
    "finding.template_tags": (
        QT_TRANSLATE_NOOP("Data", "Template tags inside the data"),
        QT_TRANSLATE_NOOP("Data", "The model takes such a tag for the end of a turn."),
    ),
    "finding.mojibake": (
        QT_TRANSLATE_NOOP("Data", "Wrongly decoded text"),
        QT_TRANSLATE_NOOP(
            "Data", "The text went through a wrong encoding; the model would learn to write so."
        ),
    ),
    "finding.control_characters": (
        QT_TRANSLATE_NOOP("Data", "Control or invisible characters"),
        QT_TRANSLATE_NOOP("Data", "They cost tokens and teach nothing."),
    ),
    "finding.white_space": (
        QT_TRANSLATE_NOOP("Data", "White space around values"),
        QT_TRANSLATE_NOOP("Data", "It becomes part of what is learned."),
    ),
    "finding.contradictions": (
        QT_TRANSLATE_NOOP("Data", "One prompt with different answers"),
        QT_TRANSLATE_NOOP("Data", "The model cannot satisfy both and learns neither well."),
    ),
    "finding.duplicates": (
        QT_TRANSLATE_NOOP("Data", "Rows that occur more than once"),
        QT_TRANSLATE_NOOP("Data", "A repeated row counts as often as it occurs."),
    ),
    "finding.near_duplicates": (
        QT_TRANSLATE_NOOP("Data", "Rows that are nearly the same"),
        QT_TRANSLATE_NOOP("Data", "Together they outweigh what is said only once."),
    ),
    "finding.leaked": (
        QT_TRANSLATE_NOOP("Data", "Training rows that are also held out"),
        QT_TRANSLATE_NOOP(
            "Data", "They are left out of training, so that the figures stay honest."
        ),
    ),
    "finding.label_variants": (
        QT_TRANSLATE_NOOP("Data", "One label in several spellings"),
        QT_TRANSLATE_NOOP("Data", "To the model each spelling is an answer of its own."),
    ),
    "finding.rare_labels": (
        QT_TRANSLATE_NOOP("Data", "Labels that occur only once"),
        QT_TRANSLATE_NOOP("Data", "Nothing can be learned from a single example."),
    ),
    "finding.one_label": (
        QT_TRANSLATE_NOOP("Data", "Every row has the same label"),
        QT_TRANSLATE_NOOP("Data", "The model would give this answer to everything."),
    ),
    "finding.unbalanced_labels": (
        QT_TRANSLATE_NOOP("Data", "Unbalanced labels"),
        QT_TRANSLATE_NOOP(
            "Data", "The model will lean towards the frequent labels; add rows of the others."
        ),
    ),
    "finding.broken_lines": (
        QT_TRANSLATE_NOOP("Data", "Lines that cannot be read"),
        QT_TRANSLATE_NOOP("Data", "Correct the lines, or leave them out."),
    ),
    "finding.too_few_rows": (
        QT_TRANSLATE_NOOP("Data", "Too few rows for one step"),
        QT_TRANSLATE_NOOP("Data", "Add rows, lower the batch size, or hold out less."),
    ),
    "finding.nothing_held_out": (
        QT_TRANSLATE_NOOP("Data", "No row is held out"),
        QT_TRANSLATE_NOOP(
            "Data", "The result could not be measured: add rows, or hold out a larger share."
        ),
    ),
    "finding.unread": (
        QT_TRANSLATE_NOOP("Data", "Not seen by the model: {names}"),
        QT_TRANSLATE_NOOP("Data", "Use it in the template, or ignore it knowingly."),
    ),
    "finding.unread_details": (
        QT_TRANSLATE_NOOP("Data", "Not used: {names}"),
        QT_TRANSLATE_NOOP(
            "Data", "Identifiers, dates, numbers, constants and the like do not reach the model."
        ),
    ),
    "finding.odd_column": (
        QT_TRANSLATE_NOOP(
            "Data", "“{names}” in the template holds identifiers, dates or addresses"
        ),
        QT_TRANSLATE_NOOP("Data", "Choose the column that is meant."),
    ),
    "finding.marked_bad": (
        QT_TRANSLATE_NOOP("Data", "“{names}” marks rows as bad, and they are trained as good ones"),
        QT_TRANSLATE_NOOP("Data", "The model would learn what somebody has rejected."),
    ),
    "finding.unusable": (
        QT_TRANSLATE_NOOP("Data", "Rows that cannot be used"),
        QT_TRANSLATE_NOOP("Data", "Correct these rows, or leave them out."),
    ),
    "shape.columns": (
        QT_TRANSLATE_NOOP("Data", "each row fills a template"),
        "",
    ),
    "shape.prompt_completion": (
        QT_TRANSLATE_NOOP("Data", "the columns are named like a prompt and its completion"),
        "",
    ),
    "shape.instruction": (
        QT_TRANSLATE_NOOP("Data", "the columns are those of instruction data"),
        "",
    ),
    "shape.question_answer": (
        QT_TRANSLATE_NOOP("Data", "the columns are named like a question and its answer"),
        "",
    ),
    "shape.messages": (
        QT_TRANSLATE_NOOP("Data", "a column holds lists of messages"),
        "",
    ),
    "shape.sharegpt": (
        QT_TRANSLATE_NOOP("Data", "a column holds turns as ShareGPT writes them"),
        "",
    ),
    "shape.text": (
        QT_TRANSLATE_NOOP("Data", "there is only one column of text"),
        "",
    ),
    "preset.classification": (
        QT_TRANSLATE_NOOP("Data", "Classification"),
        "",
    ),
    "preset.question_answer": (
        QT_TRANSLATE_NOOP("Data", "Question and answer"),
        "",
    ),
    "preset.instruction": (
        QT_TRANSLATE_NOOP("Data", "Instruction"),
        "",
    ),
    "preset.phi3": (
        QT_TRANSLATE_NOOP("Data", "Phi-3 tags"),
        "",
    ),
    "preset.text": (
        QT_TRANSLATE_NOOP("Data", "Plain text"),
        "",
    ),
    "preset.chat": (
        QT_TRANSLATE_NOOP("Data", "The model's chat template"),
        "",
    ),
}
