"""The held-out rows in two halves: a training search chooses by one and reports on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phi3studio.domain.errors import InputError
from phi3studio.runs.studies.trial_mark import HeldOutPart
from phi3studio.worker.data.preparing.decide import SAME_SIDE
from phi3studio.worker.data.preparing.near_duplicates import groups, link, shared_pairs, signatures
from phi3studio.worker.data.preparing.prepare_examples import Prepared
from phi3studio.worker.data.preparing.split import held_out_rows

_SEED = 0


def with_part(prepared: Prepared, part: HeldOutPart, folder: Path) -> Prepared:
    """*prepared* with a half of its held-out rows, which is written into *folder*.

    Raises :class:`InputError` where there are no two halves.
    """
    import pyarrow.parquet as pq

    rows = pq.read_table(prepared.held_out)
    chosen = halves(rows.column("prompt").to_pylist())
    if chosen.all() or not chosen.any():
        raise InputError("study.few_rows", rows=len(chosen))
    kept = rows.filter(chosen if part == "choosing" else ~chosen)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{part}-{prepared.held_out.name}"
    pq.write_table(kept, file)
    return replace(prepared, held_out=file, held_out_rows=kept.num_rows)


def halves(prompts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Which rows are to choose by: about half of them. Rows with an equal or nearly equal prompt
    are on one side, as everywhere."""
    marks, worded = signatures(prompts, shared_pairs(prompts))
    first: dict[str, int] = {}
    equal = np.array([first.setdefault(p, at) for at, p in enumerate(prompts)], np.int64)
    places = np.arange(len(prompts), dtype=np.int64)
    together = link(groups(marks, worded, SAME_SIDE), equal, places)
    return held_out_rows(together, None, 0.5, _SEED)
