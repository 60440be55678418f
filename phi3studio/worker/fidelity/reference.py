"""The reference's next-token distributions, kept on disk for the comparison with the export.

Rows × vocabulary of a large data set would be many gigabytes, so a bounded number of positions is
kept, spread evenly over all rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MOST_BYTES = 256 * 1024 * 1024


@dataclass
class Reference:
    """Log-probabilities in *file*, float32, of shape (positions, vocabulary).

    *learned* counts each row's learned positions; every ``step``-th of all of them is kept, so
    that the file has at most *most_bytes*.
    """

    file: Path
    learned: Sequence[int]
    most_bytes: int = MOST_BYTES
    _values: npt.NDArray[np.float32] | None = field(default=None, init=False)
    _shape: tuple[int, int] = field(default=(0, 0), init=False)
    _step: int = field(default=1, init=False)
    _starts: list[int] = field(default_factory=list, init=False)

    @property
    def positions(self) -> int:
        """How many positions are compared; 0 before :meth:`begin`."""
        return self._shape[0]

    @property
    def whole(self) -> bool:
        """Whether all learned positions are compared."""
        return self._step == 1

    @property
    def vocabulary(self) -> int:
        """Width of a distribution; 0 before :meth:`begin`."""
        return self._shape[1]

    def begin(self, vocabulary: int) -> None:
        """Decide the positions for a *vocabulary* and make the file."""
        self._plan(vocabulary)
        if self._shape[0]:
            self._values = np.memmap(self.file, np.float32, "w+", shape=self._shape)

    def reopen(self, vocabulary: int) -> bool:
        """Use what an earlier process left in the file; ``False`` if that is not whole."""
        if vocabulary <= 0:
            return False
        self._plan(vocabulary)
        size = self.file.stat().st_size if self.file.is_file() else 0
        if not self._shape[0] or size != 4 * self._shape[0] * vocabulary:
            self._shape = (0, 0)
            return False
        self._values = np.memmap(self.file, np.float32, "r", shape=self._shape)
        return True

    def _plan(self, vocabulary: int) -> None:
        total = sum(self.learned)
        most = max(1, self.most_bytes // (4 * vocabulary))
        self._step = max(1, math.ceil(total / most))
        self._starts, before = [], 0
        for count in self.learned:
            self._starts.append(before)
            before += count
        kept = math.ceil(total / self._step)
        self._shape = (kept, vocabulary)

    def held(self, row: int) -> list[int]:
        """Which of the learned positions of *row* (from 0) are kept."""
        first = -self._starts[row] % self._step
        return list(range(first, self.learned[row], self._step))

    def put(self, row: int, log_probabilities: npt.NDArray[np.float32]) -> None:
        """Keep those of *row*: log-probabilities (kept positions, vocabulary)."""
        assert self._values is not None
        first = self._first(row)
        self._values[first : first + len(log_probabilities)] = log_probabilities

    def part(self, row: int) -> dict[str, Any] | None:
        """What the exported model's process needs to compare *row*."""
        if self._values is None:
            return None
        return {
            "file": str(self.file),
            "shape": list(self._shape),
            "first": self._first(row),
            "held": self.held(row),
        }

    def close(self) -> None:
        """Remove the file."""
        self._values = None
        self.file.unlink(missing_ok=True)

    def _first(self, row: int) -> int:
        return math.ceil(self._starts[row] / self._step)
