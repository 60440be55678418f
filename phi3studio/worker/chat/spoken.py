"""What somebody says to a model is text, also where it spells one of the model's control tokens.

genai's tokenizer reads ``<|end|>`` as the token wherever it stands, so a text that holds it could
end its own turn and speak for another role.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

_BREAK = "\u200b"


class Spoken:
    """Takes the control tokens of the model in *folder* apart in texts that are not ours."""

    def __init__(self, folder: Path) -> None:
        tokens = sorted(_control_tokens(folder), key=len, reverse=True)
        self._tokens = re.compile("|".join(map(re.escape, tokens))) if tokens else None

    def __call__(self, value: Any) -> Any:
        """*value* with its texts, however deep, free of control tokens: a space of no width stands
        after their first character. Names of roles and keys stay."""
        if isinstance(value, str):
            if self._tokens is None:
                return value
            return self._tokens.sub(lambda found: found[0][0] + _BREAK + found[0][1:], value)
        if isinstance(value, list):
            return [self(item) for item in value]
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        return value


def _control_tokens(folder: Path) -> set[str]:
    try:
        added = json.loads((folder / "tokenizer.json").read_text("utf-8"))["added_tokens"]
        texts = {str(token["content"]) for token in added if token.get("special")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return set()
    # One character cannot be taken apart, and is no control token that anybody would spell.
    return {text for text in texts if len(text) > 1}
