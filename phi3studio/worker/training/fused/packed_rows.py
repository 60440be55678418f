"""The rows of a packed batch: which tokens they share, and where each would lie in a padded one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from phi3studio.worker.data.preparing.tokenise import IGNORED

_ROUNDED = 4
"""Tokens of a packed batch are a multiple of this. Products of every new size are compiled again by
PyTorch's library and kept, which made the memory grow by a third in a hundred steps."""

_PADDED = 128
"""Rows up to this length attend through padded matrices, longer ones through flash attention."""


Run = tuple[int, int]
"""Tokens of the packed order that follow one another: the first, and the one behind the last."""


@dataclass(frozen=True)
class Rows:
    """The rows of a packed batch, in which shared prefixes are stored once.

    *runs*: the tokens of each row; those of its last run are its own, which may be none, and the
    others those of rows before it. *lengths*: how many these are, which are those that its loss
    takes (:func:`needed_tokens`). What fills the batch up stands behind the tokens of all rows.

    *places* (rows, longest): for every place of the padded batch its token's number in the packed
    order (0 where a row has ended). *place_of* (tokens without filling,): the other way, in the
    row that the token is its own of. *repeated* (tokens,): those that more than one row has, and
    *places_of_repeated* (most rows, tokens) all their places; rows times longest where a token has
    fewer of them.
    """

    runs: tuple[tuple[Run, ...], ...]
    lengths: tuple[int, ...]
    places: torch.Tensor
    place_of: torch.Tensor
    repeated: torch.Tensor
    places_of_repeated: torch.Tensor
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
        """Whether padding to the longest row is cheap compared with the rows themselves."""
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
    *repeated*: the packed vectors of tokens that several rows have, and *summed* (most rows,
    vectors) all their places; the one behind all others where there are fewer. What fills the
    batch up has the place 0.
    """

    queries: int
    keys: int
    spread: torch.Tensor
    outputs: torch.Tensor
    gathered: torch.Tensor
    repeated: torch.Tensor
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
    by_place = torch.cat([of_query, of_key, of_key + keys], dim=2).view(-1, width)
    known = by_place[rows.place_of]
    gathered = by_place.new_zeros(tokens, width)
    gathered[: len(known)] = known
    behind = by_place.new_full((1, width), queries + 2 * keys)
    return HeadPlaces(
        queries=queries,
        keys=keys,
        spread=spread,
        outputs=gathered[:, :heads].flatten(),
        gathered=gathered.flatten(),
        repeated=(rows.repeated[:, None] * width + torch.arange(width)).flatten(),
        summed=torch.cat([by_place, behind])[rows.places_of_repeated].flatten(1),
    )


def rows_of(runs: Sequence[Sequence[Run]]) -> Rows:
    """The rows of these *runs*, of which the last of each row are new tokens."""
    lengths = [sum(end - begin for begin, end in row) for row in runs]
    longest = max(lengths)
    places = torch.zeros(len(runs), longest, dtype=torch.int64)
    for number, (row, length) in enumerate(zip(runs, lengths, strict=True)):
        places[number, :length] = torch.cat([torch.arange(*run) for run in row])
    # The places of the first token, then those of the second, and so on; the rows in their order.
    taken = torch.nonzero((torch.arange(longest) < torch.tensor(lengths)[:, None]).flatten())[:, 0]
    tokens = places.flatten()[taken]
    by_token = taken[torch.argsort(tokens, stable=True)]
    times = torch.bincount(tokens)
    first = times.cumsum(0) - times
    repeated = torch.nonzero(times > 1).flatten()
    number_of = torch.arange(int(times.max()))[:, None]
    at = (first[repeated] + number_of).clamp_(max=len(by_token) - 1)
    return Rows(
        runs=tuple(tuple(row) for row in runs),
        lengths=tuple(lengths),
        places=places,
        place_of=by_token[first],
        repeated=repeated,
        places_of_repeated=torch.where(number_of < times[repeated], by_token[at], places.numel()),
    )


def needed_tokens(row: Mapping[str, Sequence[int]]) -> int:
    """How many tokens of a *row* its loss takes: those before the last that is learned.

    What follows, and that one itself, is seen by nothing that counts. At least one.
    """
    labels = row["labels"]
    return next((at for at in range(len(labels) - 1, 0, -1) if labels[at] != IGNORED), 1)


def collate_rows(batch: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Any]:
    """A batch's rows one behind the other, shared prefixes stored once.

    The hidden state of a token depends on nothing but itself and those before it, so computing it
    once for all rows that begin with them gives the same loss and, summed over these rows, the
    same gradients. Tokens whose successor is learned are each row's own: it is not the same.

    ``input_ids``, ``labels`` and ``position_ids`` have the shape (1, tokens), and a label is the
    token that follows; ``learned`` are the positions of those that are learned, ``targets`` their
    labels; ``rows`` says which tokens see which, ``row_tokens`` how many the rows had.
    """
    ids: list[int] = []
    labels: list[int] = []
    positions: list[int] = []
    runs: list[list[Run]] = []
    tokens: dict[tuple[int, int], int] = {}  # by the token before and its own id
    for row in batch:
        length, begin, token = needed_tokens(row), len(ids), -1
        following = [*row["labels"][1 : length + 1], IGNORED][:length]
        found: list[int] = []
        for position, label in enumerate(following):
            key = token, row["input_ids"][position]
            if label == IGNORED and key in tokens:
                token = tokens[key]
                found.append(token)
                continue
            token = len(ids)
            if label == IGNORED:
                tokens[key] = token
            ids.append(key[1])
            labels.append(label)
            positions.append(position)
        runs.append([*_runs(found), (begin, len(ids))])
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
    inputs["rows"] = rows_of(runs)
    inputs["row_tokens"] = sum(len(row["input_ids"]) for row in batch)
    return inputs


def _runs(numbers: Sequence[int]) -> list[Run]:
    """Ascending *numbers* as runs of such as follow one another."""
    found: list[Run] = []
    for number in numbers:
        if found and found[-1][1] == number:
            found[-1] = found[-1][0], number + 1
        else:
            found.append((number, number + 1))
    return found
