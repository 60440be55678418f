"""The rows of a packed batch: which tokens they share, and where each would lie in a padded one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from phi3studio.worker.data.tokenise import IGNORED

_ROUNDED = 4
"""Tokens of a packed batch are a multiple of this. Products of every new size are compiled anew by
PyTorch's library and kept, which made the memory grow by a third in a hundred steps."""

_PADDED = 128
"""Rows up to this length attend through padded matrices, longer ones through flash attention."""


@dataclass(frozen=True)
class Rows:
    """Rows that begin with the same *shared* tokens, which are in the batch only once.

    *lengths*: the tokens of each row that its loss takes (:func:`needed_tokens`). Every row sees
    the shared tokens and its own. The packed order is: shared tokens, then each row's own ones,
    then what fills it up. *places* (rows, longest): for every place of the padded batch its token's
    number in the packed order (0 where a row has ended). *place_of* (tokens without filling,): the
    other way; a shared token has the place of the first row.
    """

    lengths: tuple[int, ...]
    shared: int
    places: torch.Tensor
    place_of: torch.Tensor
    _of_heads: dict[tuple[int, int, int], HeadPlaces] = field(
        default_factory=dict, compare=False, repr=False
    )

    def of_heads(self, heads: int, kept: int, tokens: int) -> HeadPlaces:
        """The places of each head of so many *tokens*, found once for all layers of a batch."""
        key = heads, kept, tokens
        found = self._of_heads.get(key)
        if found is None:
            found = self._of_heads[key] = _head_places(self, heads, kept, tokens)
        return found

    @property
    def is_even(self) -> bool:
        """Whether padding to the longest row is cheap beside what the rows need themselves."""
        longest = max(self.lengths)
        if longest > _PADDED:
            return False
        return len(self.lengths) * longest**2 <= 3 * sum(length**2 for length in self.lengths)


@dataclass(frozen=True)
class HeadPlaces:
    """Numbers that bring the heads of packed tokens to the matrices of attention, and back.

    Packed, each token has its *heads* of queries, then its *kept* heads of keys and those of
    values: vectors numbered through in this order. In matrices all queries come first, as (rows,
    kept, heads that share a key, longest), then all keys, then all values, as (rows, kept,
    longest). *spread*: the packed vector in each place of the matrices. *outputs*: the place
    among the queries of each packed query. *gathered*: the place of each packed vector.
    *summed* (rows, vectors of the shared tokens): all places of those. What fills the batch up
    has the place 0.
    """

    queries: int
    keys: int
    spread: torch.Tensor
    outputs: torch.Tensor
    gathered: torch.Tensor
    summed: torch.Tensor


def _head_places(rows: Rows, heads: int, kept: int, tokens: int) -> HeadPlaces:
    count, longest = rows.places.shape
    group, width = heads // kept, heads + 2 * kept
    queries, keys = count * heads * longest, count * kept * longest
    head = torch.arange(heads).view(kept, group)
    key = torch.arange(kept)
    first = rows.places * width
    spread = torch.cat(
        [
            (first[:, None, None] + head[..., None]).flatten(),
            (first[:, None] + heads + key[:, None]).flatten(),
            (first[:, None] + heads + kept + key[:, None]).flatten(),
        ]
    )
    # The number of each vector's place: (rows, longest, heads or kept).
    row, at = torch.arange(count)[:, None, None], torch.arange(longest)[:, None]
    of_query = (row * heads + head.flatten()) * longest + at
    of_key = queries + (row * kept + key) * longest + at
    by_place = torch.cat([of_query, of_key, of_key + keys], dim=2)
    known = by_place.view(count * longest, width)[rows.place_of]
    gathered = by_place.new_zeros(tokens, width)
    gathered[: len(known)] = known
    return HeadPlaces(
        queries=queries,
        keys=keys,
        spread=spread,
        outputs=gathered[:, :heads].flatten(),
        gathered=gathered.flatten(),
        summed=by_place[:, : rows.shared].flatten(1).contiguous(),
    )


def rows_of(lengths: Sequence[int], shared: int = 0) -> Rows:
    """The rows of these *lengths* (shared tokens included), of which the first *shared* are one."""
    longest = max(lengths)
    places = torch.zeros(len(lengths), longest, dtype=torch.int64)
    beginning = torch.arange(shared)
    parts = [beginning]
    next_token = shared
    for number, length in enumerate(lengths):
        places[number, :shared] = beginning
        own = length - shared
        places[number, shared:length] = torch.arange(next_token, next_token + own)
        begin = number * longest + shared
        parts.append(torch.arange(begin, begin + own))
        next_token += own
    return Rows(tuple(lengths), shared, places, torch.cat(parts))


def needed_tokens(row: Mapping[str, Sequence[int]]) -> int:
    """How many tokens of a *row* its loss takes: those before the last that is learned.

    What follows, and that one itself, is seen by nothing that counts. At least one.
    """
    labels = row["labels"]
    return next((at for at in range(len(labels) - 1, 0, -1) if labels[at] != IGNORED), 1)


def shared_tokens(batch: Sequence[Mapping[str, Sequence[int]]]) -> int:
    """How many tokens all rows begin with, of which none and no direct successor is learned.

    Their hidden states depend on nothing but themselves, so computing them once gives the same
    loss and, summed over the rows, the same gradients.
    """
    if len(batch) < 2:
        return 0
    first = batch[0]["input_ids"]
    # At least one token of each row is its own.
    count = min(needed_tokens(row) for row in batch) - 1
    for row in batch:
        ids, labels = row["input_ids"], row["labels"]
        at = 0
        while at < count and ids[at] == first[at] and labels[at + 1] == IGNORED:
            at += 1
        count = at
    return count


def collate_rows(batch: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Any]:
    """A batch's rows one behind the other, what they begin with in common only once.

    ``input_ids``, ``labels`` and ``position_ids`` have the shape (1, tokens), and a label is the
    token that follows; ``learned`` are the positions of those that are learned, ``targets`` their
    labels; ``rows`` says which tokens see which, ``row_tokens`` how many the rows had.
    """
    shared = shared_tokens(batch)
    lengths = [needed_tokens(row) for row in batch]
    ids = list(batch[0]["input_ids"][:shared])
    labels = [IGNORED] * shared
    positions = list(range(shared))
    for row, length in zip(batch, lengths, strict=True):
        ids.extend(row["input_ids"][shared:length])
        labels.extend(row["labels"][shared + 1 : length + 1])
        positions.extend(range(shared, length))
    filling = -len(ids) % _ROUNDED
    ids.extend([0] * filling)
    labels.extend([IGNORED] * filling)
    positions.extend([0] * filling)
    inputs: dict[str, Any] = {
        "input_ids": torch.tensor([ids]),
        "labels": torch.tensor([labels]),
        "position_ids": torch.tensor([positions]),
    }
    inputs["learned"] = torch.nonzero(inputs["labels"][0] != IGNORED).flatten()
    inputs["targets"] = inputs["labels"][0].index_select(0, inputs["learned"])
    inputs["rows"] = rows_of(lengths, shared)
    inputs["row_tokens"] = sum(len(row["input_ids"]) for row in batch)
    return inputs
