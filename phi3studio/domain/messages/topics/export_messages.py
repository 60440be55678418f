"""Messages about merging, quantisation, verification, bundles and cards."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
