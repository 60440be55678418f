"""Messages about base models, adapters, downloads and the hub."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
