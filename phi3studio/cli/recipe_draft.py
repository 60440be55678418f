"""A first recipe for a data file, drafted from what the inspector finds in it."""

from __future__ import annotations

from pathlib import Path

from phi3studio.domain.recipe import Recipe
