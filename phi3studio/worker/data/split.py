"""Which rows are held out."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence


def held_out_rows(
    keys: Sequence[Hashable], labels: Sequence[str] | None, share: float, seed: int
) -> set[int]:
    """Draw the indices of held-out rows.

    Rows with an equal *key* (the same prompt) always fall on the same side, so that no held-out
    row has been seen in training. With *labels*, each label gives its share.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, key in enumerate(keys):
        groups.setdefault(key, []).append(index)
    strata: dict[str, list[list[int]]] = {}
    for members in groups.values():
        stratum = labels[members[0]] if labels is not None else ""
        strata.setdefault(stratum, []).append(members)
    draw = random.Random(seed)  # noqa: S311 - a reproducible draw, not a secret
    chosen: set[int] = set()
    for stratum in sorted(strata):
        candidates = strata[stratum]
        draw.shuffle(candidates)
        wanted = share * sum(len(members) for members in candidates)
        for members in candidates:
            if wanted < len(members) / 2:
                break
            chosen.update(members)
            wanted -= len(members)
    return chosen
