"""Colours, type, icons and the style sheet, all from ``resources/style/tokens.json``."""

from phi3studio.gui.theme.theme import Mode, Theme
from phi3studio.gui.theme.tokens import Tokens, load_tokens

__all__ = ["Mode", "Theme", "Tokens", "load_tokens"]
