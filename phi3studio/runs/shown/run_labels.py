"""The labels that a run was trained on, as its data folder lists them."""

from __future__ import annotations

from phi3studio.domain.parsing import parse_json
from phi3studio.runs.store import RunFolder

_MOST = 200


def run_labels(run: RunFolder) -> tuple[str, ...]:
    """The labels of a run whose completions are labels; none for any other."""
    try:
        values = parse_json((run.data / "manifest.json").read_text("utf-8"))
        labels = values["labels"] or ()
        return tuple(str(label) for label in labels)[:_MOST]
    except (OSError, ValueError, KeyError, TypeError):
        return ()
