"""Tables with a column for each label, and a cross in those that apply."""

from __future__ import annotations

from collections.abc import Sequence

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.messages import Phrase
from phi3studio.worker.data.inspecting.row_places import Rows, columns, heading

_CROSSES = frozenset(["x", "✓", "✔", "✗", "✘", "☑", "☒", "•", "*", "+"])


def crossed_columns(rows: Rows) -> list[str]:
    """The columns that hold nothing but a cross, and not in every row."""
    found = []
    for name in columns(rows):
        cells = [row.get(name) for row in rows]
        present = {str(cell).strip().casefold() for cell in cells} - {"", "none", "nan"}
        if len(present) == 1 and present <= _CROSSES and any(not _crossed(cell) for cell in cells):
            found.append(name.strip())
    return found


def _crossed(cell: object) -> bool:
    return str(cell).strip().casefold() in _CROSSES


def labels_by_crosses(text: str, crossed: Sequence[str]) -> ShapeProposal:
    """The names of the crossed columns, one a line, as what is learned of a text."""
    labels = "".join(f"{{?{name}}}{heading(name)}\n{{/{name}}}" for name in crossed)
    return ShapeProposal(
        shape="columns",
        reasons=(Phrase("shape.crosses", columns=list(crossed), text=text), Phrase("shape.guess")),
        prompt=f"### {heading(text)}: {{{text}}}\n### Labels:\n",
        completion=labels,
        sure=False,
    )
