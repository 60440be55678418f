"""Messages about data files, rows, findings, templates and splits."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
