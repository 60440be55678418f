"""Nearly equal texts among a million: MinHash over word pairs, and groups of what is alike.

A text's signature is 48 MinHash values of 16 bits. Two texts whose sets of neighbouring word
pairs have the Jaccard similarity *s* agree in a share of about *s* of them. Candidates are
texts that agree in four values at once at one of 12 places (similarity 0.8 is then found with
a probability of 0.998), and are compared by their signatures.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Signatures = npt.NDArray[np.uint16]

PERMUTATIONS = 48
_BAND = 4
_SEED = 20240
_FIRST = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)
_UNSPACED = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}])"
_PUNCTUATION = re.compile(r"[\W_]+")
_COMPARED_AT_ONCE = 50_000
_LEAST_TEXTS = 10


def signatures(
    texts: Sequence[str], shared: npt.NDArray[np.uint64] | None = None
) -> tuple[Signatures, npt.NDArray[np.bool_]]:
    """The signature of each text, and whether it has one (it holds at least a word).

    Case, punctuation and white space do not count, nor the word pairs of *shared*. Deterministic
    across processes.
    """
    pairs, bounds, has_words = _word_pairs(texts)
    if shared is not None and len(shared):
        pairs, bounds, has_words = _without(pairs, bounds, shared)
    if not len(texts):
        return np.zeros((0, PERMUTATIONS), np.uint16), has_words
    import rensa  # type: ignore[import-untyped]

    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(pairs, bounds, PERMUTATIONS, _SEED)
    digests = np.array(matrix.to_rows(), np.uint64)
    # The low bits: MinHash values are minima, so their high bits say little.
    return (digests & np.uint64(0xFFFF)).astype(np.uint16), has_words


def shared_pairs(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """The word pairs that at least half of *texts* have: a long instruction that rows repeat.

    Without them rows are compared by what differs. Empty for fewer than 10 different texts.
    """
    different = list(dict.fromkeys(text for text in texts if text))
    if len(different) < _LEAST_TEXTS:
        return np.zeros(0, np.uint64)
    pairs, bounds, _ = _word_pairs(different)
    row = np.repeat(np.arange(len(different), dtype=np.uint64), np.diff(bounds).astype(np.int64))
    once = np.unique(np.stack((pairs, row), axis=1), axis=0)[:, 0]
    values, counts = np.unique(once, return_counts=True)
    found: npt.NDArray[np.uint64] = values[counts * 2 >= len(different)]
    return found


def _without(pairs: Any, bounds: Any, shared: Any) -> tuple[Any, Any, npt.NDArray[np.bool_]]:
    kept = ~np.isin(pairs, shared)
    counts = np.concatenate(([0], np.cumsum(kept)))
    left = counts[bounds.astype(np.int64)]
    return pairs[kept], left.astype(np.uint64), np.diff(left) > 0


def _word_pairs(texts: Sequence[str]) -> tuple[Any, Any, npt.NDArray[np.bool_]]:
    """Hashes of neighbouring words of all texts, where each text's begin, and which have words."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not texts:
        return np.zeros(0, np.uint64), np.zeros(1, np.uint64), np.zeros(0, np.bool_)
    column = pc.utf8_lower(pa.array(texts, pa.large_string()))
    if pc.any(pc.match_substring_regex(column, _UNSPACED)).as_py():
        column = pc.replace_substring_regex(column, _UNSPACED, r" \1 ")
    lists = pc.utf8_split_whitespace(column)
    words = lists.values.dictionary_encode()
    # xxhash, because Python's own hash differs from process to process. 0: no word at all.
    known = np.array([_word_hash(word) for word in words.dictionary.to_pylist()], np.uint64)
    hashed = known[words.indices.to_numpy()]
    real = hashed != 0
    kept = np.concatenate(([0], np.cumsum(real)))
    offsets = kept[lists.offsets.to_numpy()]
    hashed = hashed[real]
    has_words = np.diff(offsets) > 0
    pairs, bounds = _pairs(hashed, offsets)
    return pairs, bounds, has_words


@functools.lru_cache(maxsize=100_000)
def _word_hash(word: str) -> int:
    import xxhash

    bare = word if word.isalnum() else _PUNCTUATION.sub("", word)
    return xxhash.xxh3_64_intdigest(bare.encode()) or 1 if bare else 0


def _pairs(words: Any, offsets: Any) -> tuple[Any, Any]:
    """Hashes of neighbouring words, row by row; a row of a single word keeps that word.

    Every row has a beginning pair with its first word, so no row of words is without pairs.
    """
    counts = np.diff(offsets)
    shifted = np.empty_like(words)
    shifted[1:] = words[:-1]
    starts = offsets[:-1][counts > 0]
    shifted[starts] = 0
    with np.errstate(over="ignore"):
        mixed = words * _FIRST ^ (shifted * _SECOND + (shifted >> np.uint64(29)))
        mixed ^= mixed >> np.uint64(32)
    return mixed.astype(np.uint64), offsets.astype(np.uint64)


def groups(
    marks: Signatures,
    usable: npt.NDArray[np.bool_],
    least: float,
    split_by: npt.NDArray[np.int32] | None = None,
) -> npt.NDArray[np.int64]:
    """A group number for each text: the position of the first text that it is linked to.

    Texts whose signatures agree in a share of at least *least* are linked, and so is what is
    linked to either. Texts that are not *usable*, or differ in *split_by*, are not linked. Each
    bucket's members are compared with its first and with their neighbours, so the time is linear
    however many are alike.
    """
    parents = np.arange(len(marks), dtype=np.int64)
    rows = np.flatnonzero(usable)
    if len(rows) < 2:
        return parents
    for band in range(0, PERMUTATIONS, _BAND):
        keys = np.ascontiguousarray(marks[:, band : band + _BAND]).view(np.uint64)[:, 0][rows]
        if split_by is not None:
            with np.errstate(over="ignore"):
                keys ^= split_by[rows].astype(np.uint64) * _FIRST
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        same = keys[1:] == keys[:-1]
        at = np.flatnonzero(same) + 1
        if not len(at):
            continue
        begins = np.flatnonzero(np.concatenate(([True], ~same)))
        firsts = begins[np.searchsorted(begins, at, side="right") - 1]
        members = rows[order]
        for others in (firsts, at - 1):
            parents = _compare(marks, parents, members[others], members[at], least)
    return parents


def _compare(marks: Signatures, parents: Any, one: Any, two: Any, least: float) -> Any:
    """The groups after all pairs that are alike and not yet together were joined."""
    apart = parents[one] != parents[two]
    one, two = one[apart], two[apart]
    linked = np.zeros(len(one), np.bool_)
    for start in range(0, len(one), _COMPARED_AT_ONCE):
        part = slice(start, start + _COMPARED_AT_ONCE)
        agree = (marks[one[part]] == marks[two[part]]).sum(axis=1, dtype=np.uint8)
        linked[part] = agree >= least * PERMUTATIONS
    return link(parents, one[linked], two[linked]) if linked.any() else parents


def link(parents: Any, one: Any, two: Any) -> Any:
    """The groups after each pair was joined."""
    while True:
        first, second = parents[one], parents[two]
        apart = first != second
        if not apart.any():
            return settle(parents)
        one, two, first, second = one[apart], two[apart], first[apart], second[apart]
        np.minimum.at(parents, np.maximum(first, second), np.minimum(first, second))
        parents = settle(parents)


def settle(parents: Any) -> Any:
    """Point every member at its group's first."""
    while True:
        above = parents[parents]
        if np.array_equal(above, parents):
            return parents
        parents = above


def first_of_equal(keys: Any) -> Any:
    """For each key the position of the first equal one."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return first[inverse]
