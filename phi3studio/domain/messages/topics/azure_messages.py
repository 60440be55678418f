"""Messages about jobs in Azure Machine Learning."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {}
