"""Messages about runs: starting, training, pausing, resuming, the queue."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
