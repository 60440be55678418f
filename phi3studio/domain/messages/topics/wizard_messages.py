"""Messages about drafts in the wizard."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
