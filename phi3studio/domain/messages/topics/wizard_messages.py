"""Messages about drafts in the wizard."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "draft.incomplete": Message(
        "No data has been chosen yet.",
        "Complete the Data page.",
    ),
    "draft.incomplete/template": Message(
        "The template is not complete.",
        "Complete the Data page.",
    ),
    "draft.invalid_value": Message(
        "{key} cannot be {given}: {reason}.",
        "Choose a value in the range that is shown next to it.",
    ),
}
