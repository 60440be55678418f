"""All messages, by code."""

from __future__ import annotations

from collections.abc import Mapping

from phi3studio.domain.messages.message import Message
from phi3studio.domain.messages.topics import (
    app_messages,
    azure_messages,
    chat_messages,
    data_messages,
    export_messages,
    model_messages,
    olive_messages,
    recipe_messages,
    run_messages,
    source_messages,
    template_messages,
    wizard_messages,
)

CATALOGUE: Mapping[str, Message] = {
    code: message
    for topic in (
        app_messages,
        azure_messages,
        chat_messages,
        data_messages,
        export_messages,
        model_messages,
        olive_messages,
        recipe_messages,
        run_messages,
        source_messages,
        template_messages,
        wizard_messages,
    )
    for code, message in topic.MESSAGES.items()
}
"""Code, or code/variant → message, in English."""


def find(
    code: str, variant: str = "", catalogue: Mapping[str, Message] = CATALOGUE
) -> Message | None:
    """The message of a code: the variant's where it has one."""
    return catalogue.get(f"{code}/{variant}") or catalogue.get(code)
