"""What was measured of a model, kept: for the run that is interrupted, and for the next run.

Base models are measured once for a set of held-out rows: another run with the same rows finds the
result in the folder of the first. Results hold samples of rows and answers, so none lies outside of
a run's folder: they go with it. A merged model is its run's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio import __version__
from phi3studio.app.files import write_json
from phi3studio.domain.events.measured_events import Metrics, ModelFigures
from phi3studio.domain.events.payload import ModelRole
from phi3studio.domain.parsing import parse_json
from phi3studio.domain.preference_figures import Pair, Rated, Recall
from phi3studio.worker.data.preparing.held_out_rows import HeldOut, HeldOutRow

# Also another one where the bundled general questions change.
_VERSION = 3


@dataclass(frozen=True)
class Measured:
    """One model's figures, and its score row by row (empty without a task)."""

    role: ModelRole
    figures: ModelFigures
    metrics: Metrics | None = None
    """``None`` where the rows are no task, so that answers cannot be judged."""
    scores: tuple[float, ...] = ()
    kl: float | None = None
    agreement: float | None = None
    kl_interval: tuple[float, float] | None = None
    pairs: tuple[Pair, ...] = ()
    """How likely both answers of each pair are, where the rows are pairs."""
    rated: tuple[Rated, ...] = ()
    """How likely each answer is, where the answers are rated."""
    general: tuple[Recall, ...] = ()
    """How a PyTorch model knows the bundled general questions, where that was asked."""


def keep(result: Measured, file: Path, vocabulary: int = 0) -> None:
    """Write a PyTorch model's result; *vocabulary* is that of the distributions kept with it."""
    kept = {
        "version": _VERSION,
        "figures": result.figures.model_dump(mode="json"),
        "metrics": result.metrics.model_dump(mode="json") if result.metrics else None,
        "scores": list(result.scores),
        "pairs": result.pairs,
        "rated": result.rated,
        "general": result.general,
        "vocabulary": vocabulary,
    }
    write_json(file, kept)


def read(
    role: ModelRole, file: Path, reopen: Callable[[int], bool] | None = None
) -> Measured | None:
    """What :func:`keep` wrote; ``None`` if it is not there, damaged, of another version, or
    *reopen* finds no distributions of so large a vocabulary: then it is measured again."""
    try:
        kept = parse_json(file.read_text("utf-8"))
        if kept["version"] != _VERSION:
            return None
        if reopen is not None and not reopen(int(kept["vocabulary"])):
            return None
        metrics = Metrics.model_validate(kept["metrics"]) if kept["metrics"] else None
        figures = ModelFigures.model_validate(kept["figures"])
        return Measured(
            role,
            figures,
            metrics,
            tuple(map(float, kept["scores"])),
            pairs=tuple(Pair(*pair) for pair in kept["pairs"]),
            rated=tuple(Rated(*answer) for answer in kept["rated"]),
            general=tuple(Recall(*item) for item in kept["general"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def base_file(folder: Path, model: Path, data: HeldOut, stops: list[int]) -> Path:
    """Where below *folder* the result of the base model in folder *model* on these rows is kept.

    Its name tells weights (by name, size and time of each file), rows, stop tokens and version.
    """
    import torch

    files = sorted(item for item in model.iterdir() if item.is_file())
    stats = [(item.name, item.stat().st_size, item.stat().st_mtime_ns) for item in files]
    rows = [_digested(row) for row in (*data.rows, *data.bad)]
    what: Any = [
        (__version__, torch.__version__, torch.cuda.is_available()),
        (stats, stops, data.task_labels, data.conversation, data.general, rows, len(data.bad)),
    ]
    digest = hashlib.sha256(json.dumps(what).encode("utf-8")).hexdigest()
    return folder / f"{digest[:32]}.json"


def _digested(row: HeldOutRow) -> Any:
    worse = (row.rejected.input_ids, row.rejected.labels) if row.rejected is not None else ()
    return (row.prompt, row.expected, row.input_ids, row.labels, *worse)


def found_file(file: Path) -> Path | None:
    """*file* of a run's folder, else that of another run next to it; ``None`` if none has it."""
    if file.is_file():
        return file
    return next(file.parents[2].glob(f"*/{file.parent.name}/{file.name}"), None)
