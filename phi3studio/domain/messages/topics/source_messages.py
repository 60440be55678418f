"""Messages about reading files: formats, encodings, CSV dialects, archives, folders."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
