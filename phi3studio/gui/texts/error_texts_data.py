"""Sentences for the codes of the data, the recipe and the app home."""

from __future__ import annotations

from phi3studio.gui.texts.i18n import QT_TRANSLATE_NOOP

DATA_ERRORS: dict[str, tuple[str, str]] = {
    "draft.not_on_target": (
        QT_TRANSLATE_NOOP("Errors", "A model in {kind} does not run on {device}."),
        QT_TRANSLATE_NOOP("Errors", "Choose {kinds} for it."),
    ),
    "data.bomb": (
        QT_TRANSLATE_NOOP(
            "Errors", "The compressed file expands to far more than a data set holds."
        ),
        QT_TRANSLATE_NOOP("Errors", "Write it anew without compression, if it is meant to be so."),
    ),
    "data.broken_compression": (
        QT_TRANSLATE_NOOP("Errors", "The compressed file is damaged."),
        QT_TRANSLATE_NOOP("Errors", "Copy or download the file again."),
    ),
    "data.broken_json": (
        QT_TRANSLATE_NOOP("Errors", "The JSON of the file is broken."),
        QT_TRANSLATE_NOOP("Errors", "Correct the file at that line."),
    ),
    "data.broken_parquet": (
        QT_TRANSLATE_NOOP("Errors", "The Parquet file cannot be read."),
        QT_TRANSLATE_NOOP("Errors", "Write the file anew, or choose another."),
    ),
    "data.broken_arrow": (
        QT_TRANSLATE_NOOP("Errors", "The Arrow file cannot be read."),
        QT_TRANSLATE_NOOP("Errors", "Write the file anew, or choose another."),
    ),
    "data.changed": (
        QT_TRANSLATE_NOOP("Errors", "The file was changed while it was read."),
        QT_TRANSLATE_NOOP("Errors", "Wait until nothing writes to it, then try again."),
    ),
    "data.compressed_table": (
        QT_TRANSLATE_NOOP(
            "Errors", "The table is compressed as a whole, so it cannot be read in pieces."
        ),
        QT_TRANSLATE_NOOP("Errors", "Unpack the file first."),
    ),
    "data.conversation": (
        QT_TRANSLATE_NOOP("Errors", "The model's chat template refuses a conversation."),
        QT_TRANSLATE_NOOP("Errors", "Check the order of the roles: user and assistant in turn."),
    ),
    "data.encoding": (
        QT_TRANSLATE_NOOP("Errors", "There is no text encoding of that name."),
        QT_TRANSLATE_NOOP("Errors", "Choose a name such as utf-8 or cp1252."),
    ),
    "data.hub_choice": (
        QT_TRANSLATE_NOOP("Errors", "The data set of the hub cannot be read so."),
        QT_TRANSLATE_NOOP("Errors", "Choose a configuration and a split that it has."),
    ),
    "data.hub_not_found": (
        QT_TRANSLATE_NOOP("Errors", "The hub has no such data set that you may read."),
        QT_TRANSLATE_NOOP(
            "Errors", "Check the id (owner/name); accept its terms and sign in if it is gated."
        ),
    ),
    "data.hub_unreachable": (
        QT_TRANSLATE_NOOP("Errors", "The data set of the hub cannot be loaded."),
        QT_TRANSLATE_NOOP("Errors", "Check the network and the id."),
    ),
    "data.json_shape": (
        QT_TRANSLATE_NOOP("Errors", "The JSON is not a list of objects."),
        QT_TRANSLATE_NOOP("Errors", "Write a list of objects, or one object a line."),
    ),
    "data.messages_shape": (
        QT_TRANSLATE_NOOP("Errors", "The column does not hold lists of messages."),
        QT_TRANSLATE_NOOP("Errors", "Write lists of messages with role and content."),
    ),
    "data.no_assistant_turn": (
        QT_TRANSLATE_NOOP("Errors", "A conversation has no answer of the assistant to learn from."),
        QT_TRANSLATE_NOOP("Errors", "Add the answer, or remove the row."),
    ),
    "data.nothing_held_out": (
        QT_TRANSLATE_NOOP("Errors", "No row is held out, so the result could not be measured."),
        QT_TRANSLATE_NOOP("Errors", "Add rows, or hold out a larger share."),
    ),
    "data.nothing_readable": (
        QT_TRANSLATE_NOOP("Errors", "No line of the file can be read."),
        QT_TRANSLATE_NOOP("Errors", "Check the format of the file."),
    ),
    "data.row_too_long": (
        QT_TRANSLATE_NOOP("Errors", "A row is too long to be read."),
        QT_TRANSLATE_NOOP("Errors", "Divide it, or remove it."),
    ),
    "data.too_few_rows": (
        QT_TRANSLATE_NOOP("Errors", "Too few rows are left for training."),
        QT_TRANSLATE_NOOP("Errors", "Add rows, choose a smaller batch, or hold out fewer."),
    ),
    "data.too_many_columns": (
        QT_TRANSLATE_NOOP("Errors", "The table has too many columns."),
        QT_TRANSLATE_NOOP("Errors", "Check the delimiter, or leave columns out."),
    ),
    "data.unreadable": (
        QT_TRANSLATE_NOOP("Errors", "The file cannot be read."),
        QT_TRANSLATE_NOOP("Errors", "Check that it is there and that you may read it."),
    ),
    "recipe.sequence_too_long": (
        QT_TRANSLATE_NOOP("Errors", "The sequence length is longer than the model's context."),
        QT_TRANSLATE_NOOP("Errors", "Set a shorter one."),
    ),
    "settings.threads": (
        QT_TRANSLATE_NOOP("Errors", "This cannot be the number of threads."),
        QT_TRANSLATE_NOOP("Errors", "Choose a number from 1 on, or automatic."),
    ),
    "home.missing": (
        QT_TRANSLATE_NOOP("Errors", "The app home is not there."),
        QT_TRANSLATE_NOOP("Errors", "Connect its disk, or use another folder."),
    ),
}
