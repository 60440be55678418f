"""What is kept of every row while a source streams by: a few numbers, about 140 bytes.

From them is decided which rows are duplicates, contradict one another, leak, or are held out;
see ``decide``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from phi3studio.worker.data.preparing.near_duplicates import PERMUTATIONS, shared_pairs, signatures
from phi3studio.worker.data.preparing.row_pipeline import Measured, Passed, Process

USABLE = 0
"""The state of a row that can be trained; other states are places in ``Survey.reasons``."""


class Survey:
    """Collects the numbers of all rows, batch by batch; :meth:`finish` turns them into arrays.

    ``prompts``, ``answers``: 64-bit hashes; ``disputed``: of what rows with different answers
    contradict one another about: the prompt, of pairs with both answers in any order, of a rated
    answer with the answer. ``ratings``: 1 good, 0 bad, -1 not rated. ``states``:
    :data:`USABLE` or why not. ``labels``: places in ``label_names``, or -1. ``marked``: whether
    the split's column marks the row as held out. With :meth:`add_tokens` also ``tokens`` (before
    cutting off), ``trained`` (within the sequence length) and ``late``: the state of rows that
    were left out because of their length. Decisions do not look at the latter three, so they can
    be made before anything is tokenised.
    """

    def __init__(
        self, process: Process, *, near: bool = True, like: Surveyed | None = None
    ) -> None:
        self._process = process
        self._near = near
        # Found in the first batch; a second file's rows are compared with the first's by the same.
        self.shared_pairs: npt.NDArray[np.uint64] | None = (
            like.shared_pairs if like is not None else None
        )
        self._parts: dict[str, list[Any]] = {
            name: []
            for name in (
                *("prompts", "answers", "disputed", "states", "labels", "marked", "signatures"),
                *("worded", "ratings", "tokens", "trained", "late"),
            )
        }
        self._label_places: dict[str, int] = {}
        self.reasons: list[str] = ["usable"]
        self.rows = 0

    @property
    def label_names(self) -> list[str]:
        """The labels in the order of their first appearance."""
        return list(self._label_places)

    def add(self, rows: Sequence[Passed], *, held_out_part: bool = False) -> None:
        """Take in the next rows, rendered; *held_out_part*: they are of a validation part."""
        process, split = self._process, self._process.data.split
        prompts = np.zeros(len(rows), np.uint64)
        answers = np.zeros(len(rows), np.uint64)
        disputed = np.zeros(len(rows), np.uint64)
        states = np.zeros(len(rows), np.uint8)
        labels = np.full(len(rows), -1, np.int32)
        ratings = np.full(len(rows), -1, np.int32)
        marked = np.full(len(rows), held_out_part, np.bool_)
        texts: list[str] = []
        held_out = {value.strip().casefold() for value in split.values}
        for at, passed in enumerate(rows):
            state = passed.dropped or (f"error:{passed.error.code}" if passed.error else None)
            rendered = passed.rendered
            if rendered is None or state is not None:
                states[at] = self._state(state or "error")
            if rendered is None:
                texts.append("")
                continue
            answers[at] = _hash(rendered.completion)
            # Plain text has no prompt: equal texts are then equal answers.
            prompts[at] = _hash(rendered.prompt) if process.has_prompt else answers[at]
            disputed[at] = prompts[at]
            if passed.rejected is not None:
                both = rendered.completion, passed.rejected.completion
                answers[at] = _hash("\0".join(both))
                disputed[at] = _hash("\0".join((rendered.prompt, *sorted(both))))
            if passed.good is not None:
                ratings[at] = passed.good
                disputed[at] = _hash("\0".join((rendered.prompt, rendered.completion)))
                answers[at] = _hash(f"{rendered.completion}\0{passed.good}")
            label = process.label(passed)
            if label is not None:
                labels[at] = self._label_places.setdefault(label, len(self._label_places))
            if split.column is not None:
                marked[at] |= process.text_of(passed, split.column).strip().casefold() in held_out
            texts.append(process.input_text(passed) if self._near else "")
        values = {
            "prompts": prompts,
            "answers": answers,
            "disputed": disputed,
            "states": states,
            "labels": labels,
            "ratings": ratings,
            "marked": marked,
        }
        if self.shared_pairs is None and self._near:
            self.shared_pairs = shared_pairs(texts)
        values["signatures"], values["worded"] = (
            signatures(texts, self.shared_pairs)
            if self._near
            else (np.zeros((len(rows), PERMUTATIONS), np.uint16), np.zeros(len(rows), np.bool_))
        )
        for name, value in values.items():
            self._parts[name].append(value)
        self.rows += len(rows)

    def add_tokens(self, rows: Sequence[Measured]) -> None:
        """Take in the lengths of the next rows; in step with :meth:`add`."""
        tokens = np.array([row.tokens for row in rows], np.int32)
        trained = np.array([row.trained for row in rows], np.int32)
        late = np.zeros(len(rows), np.uint8)
        for at, row in enumerate(rows):
            if row.dropped is not None:
                late[at] = self._state(row.dropped)
            elif row.tokens and not row.trained:
                late[at] = self._state("nothing_learned")
        for name, value in (("tokens", tokens), ("trained", trained), ("late", late)):
            self._parts[name].append(value)

    def _state(self, reason: str) -> int:
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason)

    def finish(self) -> Surveyed:
        """All rows as arrays; the survey gives up its own copies, to save memory."""
        whole = {}
        for name in list(self._parts):
            parts = self._parts.pop(name)
            if parts:
                whole[name] = np.concatenate(parts)
            elif name in ("tokens", "trained", "late"):
                whole[name] = np.zeros(self.rows, _EMPTY[name].dtype)
            else:
                whole[name] = _EMPTY[name]
        return Surveyed(self, whole)


_EMPTY: dict[str, Any] = {
    "prompts": np.zeros(0, np.uint64),
    "answers": np.zeros(0, np.uint64),
    "disputed": np.zeros(0, np.uint64),
    "states": np.zeros(0, np.uint8),
    "labels": np.zeros(0, np.int32),
    "ratings": np.zeros(0, np.int32),
    "tokens": np.zeros(0, np.int32),
    "late": np.zeros(0, np.uint8),
    "trained": np.zeros(0, np.int32),
    "marked": np.zeros(0, np.bool_),
    "signatures": np.zeros((0, PERMUTATIONS), np.uint16),
    "worded": np.zeros(0, np.bool_),
}


class Surveyed:
    """The numbers of all rows, as arrays with one entry a row; see :class:`Survey`."""

    def __init__(self, survey: Survey, arrays: dict[str, Any]) -> None:
        self.prompts = arrays["prompts"]
        self.answers = arrays["answers"]
        self.disputed = arrays["disputed"]
        self.states = arrays["states"]
        self.labels = arrays["labels"]
        self.ratings = arrays["ratings"]
        self.tokens = arrays["tokens"]
        self.trained = arrays["trained"]
        self.late = arrays["late"]
        self.marked = arrays["marked"]
        self.signatures = arrays["signatures"]
        self.worded = arrays["worded"]
        self.label_names = survey.label_names
        self.reasons = survey.reasons
        self.shared_pairs = survey.shared_pairs

    def __len__(self) -> int:
        return len(self.states)


def _hash(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))
