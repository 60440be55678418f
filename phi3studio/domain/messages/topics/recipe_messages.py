"""Messages about recipes: keys, values, settings."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
