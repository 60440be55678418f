"""Messages about Olive configs, in and out."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
