"""What is said of the settings of an Olive config, in the language of the window."""

from __future__ import annotations


def olive_words(text: str) -> str:
    """A sentence of an import in the language of the window."""
    return text
