"""The questions in a data file, as models are asked them."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phi3studio.cli.recipe_draft import first_proposal, method_keys, shape_keys
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.domain.template import missing_column, parse_template

if TYPE_CHECKING:
    from phi3studio.services.inspector_client import Inspector

Messages = list[dict[str, str]]


class AskedRow:
    """One row of the file. ``values`` are its columns, ``messages`` what was said up to its last
    answer, empty where no model holds conversations."""

    def __init__(self, row: Mapping[str, Any], messages: Messages) -> None:
        self._row = row
        self.messages = messages

    def values(self, columns: Sequence[str]) -> dict[str, str]:
        """What fills the *columns* of a template; raises :class:`InputError` where one lacks."""
        for name in columns:
            if name not in self._row:
                raise missing_column(name, list(self._row))
        return {name: str(self._row[name]) for name in columns}


async def asked_rows(
    inspector: Inspector, file: Path, recipe: Recipe, talk: bool, limit: int
) -> list[AskedRow]:
    """The first *limit* questions of *file*, each once; rows without one are passed over.

    *talk*: conversations are needed as well, for the model of *recipe*. Raises
    :class:`InputError` where there is no question at all.
    """
    source = Source(source=str(file))
    found: list[AskedRow] = []
    seen: set[str] = set()
    asking = await _conversations(inspector, source, recipe) if talk else None
    offset = 0
    while len(found) < limit:
        page = await inspector.rows(source, offset, 100, whole=True)
        for number, row in zip(page.numbers, page.rows, strict=True):
            messages: Messages = []
            if asking is not None:
                # A row that could not be trained on either asks nothing.
                with contextlib.suppress(InputError):
                    messages = await _messages(inspector, asking, number)
                if not messages:
                    continue
            key = repr(messages or row)
            if key not in seen:
                seen.add(key)
                found.append(AskedRow(row, messages))
            if len(found) == limit:
                break
        offset += len(page.rows)
        if page.end or not page.rows:
            break
    if not found:
        raise InputError("rating.no_questions", file=file.name)
    return found


async def _conversations(inspector: Inspector, source: Source, recipe: Recipe) -> Recipe:
    """A recipe that reads the file as its first proposal does, with the model of *recipe*."""
    shape = shape_keys(first_proposal(await inspector.look(source)))
    return parse_recipe(
        {
            "data": {"source": source.source, **shape, "repairs": []},
            "model": {"source": recipe.model.source},
            "method": method_keys(shape),
        }
    )


async def _messages(inspector: Inspector, recipe: Recipe, number: int) -> Messages:
    """What was said before the last answer of a row: of a conversation its turns, else the
    question alone, the prompt of several columns, or the text of rows that have nothing else."""
    preview = await inspector.preview(recipe, number)
    place = recipe.rows.messages
    if recipe.rows.template is not None:
        columns = parse_template(recipe.rows.template.prompt, "prompt").columns
        asked = preview.repaired[columns[0]] if len(columns) == 1 else preview.prompt
        text = str(asked).strip() or preview.completion.strip()
        return [{"role": "user", "content": text}] if text else []
    turns = [
        {"role": str(turn["role"]), "content": str(turn["content"])}
        for turn in preview.repaired.get(place or "", ())
        if turn.get("content") and turn.get("role") in ("system", "user", "assistant")
    ]
    answers = [at for at, turn in enumerate(turns) if turn["role"] == "assistant"]
    return turns[: answers[-1]] if answers else turns
