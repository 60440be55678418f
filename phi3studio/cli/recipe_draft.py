"""A first recipe for a data file, drafted from what the inspector finds in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe, parse_recipe


def draft_recipe(
    data: Path, model: str, prompt: str | None, completion: str | None
) -> tuple[Recipe, str]:
    """A complete recipe for *data* and the reason for its shape, in words.

    With *prompt* and *completion* given, those are taken and the file is only looked at.
    """
    if (prompt is None) != (completion is None):
        raise InputError(
            "recipe.half_a_template",
            "Only one of --prompt and --completion is given.",
            "Give both, or none to have them proposed.",
        )
    report = wait_for(_look(data.expanduser().absolute()))
    if prompt is not None and completion is not None:
        shape: dict[str, Any] = {
            "template": {"prompt": _line_breaks(prompt), "completion": _line_breaks(completion)}
        }
        reason = "The template is the one given."
    elif report.shapes:
        best = report.shapes[0]
        reason = f"Looks like {best.shape.replace('_', ' ')}: {best.reason}"
        shape = (
            {"messages": best.messages}
            if best.messages is not None
            else {"template": {"prompt": best.prompt, "completion": best.completion}}
        )
    else:
        raise InputError(
            "data.no_shape",
            f"No shape fits {data.name} by itself.",
            "Give --prompt and --completion with {column} placeholders. The columns are: "
            + ", ".join(column.name for column in report.columns[:12])
            + ".",
        )
    values = {
        "name": data.stem[:80] or "fine-tune",
        "data": {"source": str(data), **shape},
        "model": {"source": model},
        "training": {"batch_size": _batch_size(report)},
    }
    return parse_recipe(values), reason


async def _look(path: Path) -> Any:
    from phi3studio.domain.dataset import Source
    from phi3studio.services.connection import Service
    from phi3studio.services.inspector_client import Inspector

    async with Service.start("inspector") as service:
        return await Inspector(service).look(Source(source=str(path)))


def _batch_size(report: Any) -> int:
    """Eight rows, fewer where a tiny data set would not fill a few batches."""
    return max(1, min(8, report.rows // 10)) if report.rows_exact else 8


def _line_breaks(text: str) -> str:
    """Shells pass \\n as two characters; in a template it means a line break."""
    return text if "\n" in text else text.replace("\\n", "\n")
