"""Messages about templates, conversations, masks and tokens."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
