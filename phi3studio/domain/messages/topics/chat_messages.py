"""Messages about chat, answers, and the OpenAI-compatible server."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
