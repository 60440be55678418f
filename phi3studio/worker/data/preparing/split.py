"""Which rows are held out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_SMALL = -2


def held_out_rows(
    groups: Sequence[int] | npt.NDArray[np.int64],
    labels: Sequence[int] | npt.NDArray[np.int32] | None,
    share: float,
    seed: int,
) -> npt.NDArray[np.bool_]:
    """Draw the held-out rows; one flag a row.

    Rows of one group (equal or nearly equal prompts) always fall on the same side, so that no
    held-out row has been seen in training. With *labels*, each label gives its share; labels with
    too few rows to give a whole one are drawn from together. The same arguments give the same draw
    on every machine.
    """
    members = np.asarray(groups, np.int64)
    chosen = np.zeros(len(members), np.bool_)
    if not len(members):
        return chosen
    _, first, inverse, sizes = np.unique(
        members, return_index=True, return_inverse=True, return_counts=True
    )
    strata = np.zeros(len(first), np.int64) if labels is None else np.asarray(labels)[first]
    taken = np.zeros(len(first), np.bool_)
    _, stratum_of = np.unique(strata, return_inverse=True)
    rows_of = np.bincount(stratum_of, weights=sizes)
    strata = np.where(rows_of[stratum_of] * share < 1, _SMALL, strata)
    draw = random.Random(seed)  # noqa: S311 - a reproducible draw, not a secret
    for stratum in np.unique(strata):
        candidates: list[Any] = np.flatnonzero(strata == stratum).tolist()
        draw.shuffle(candidates)
        wanted = share * float(sizes[candidates].sum())
        for group in candidates:
            size = int(sizes[group])
            if wanted < size / 2:
                break
            taken[group] = True
            wanted -= size
    result: npt.NDArray[np.bool_] = taken[inverse]
    return result
