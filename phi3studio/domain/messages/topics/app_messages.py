"""Messages about the program itself: folders, settings, disk, services, updates, runtime packs."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
