"""Texts that grow token by token: read a prompt, write an answer, keep the state for the next.

A conversation keeps its generator, so a second turn computes only what is new. A computation
under way ends within milliseconds when its request is withdrawn, and what was computed until then
is kept.

How many tokens are computed at once decides how their values are rounded (int4 kernels: a token
alone has logits that differ by 0.3 from those of a token among others). So for an answer that is
not drawn by chance, a prompt is always read in the same pieces, and only whole ones are kept: the
same request has the same answer whatever was asked before, and the one that the verification
measured.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from phi3studio.domain.errors import Cancelled
from phi3studio.domain.sampling import Sampling
from phi3studio.worker.chat.turns import Turns
from phi3studio.worker.genai.genai import PIECE, Constraint, GenaiModel, pieces
from phi3studio.worker.genai.genai_native import GenaiError, Generator
from phi3studio.worker.serving import Cancel

# Generators are made for lengths in this step, so that a longer turn often fits the present one.
_LENGTH_STEP = 256
# A conversation that is kept will go on: with room for it, its next turns need no new generator,
# for which everything would be read again.
_HEADROOM = 512
_WORTH_KEEPING = 16
"""So many tokens have to be alike for an unnamed request to go on from a kept conversation."""
_KEPT = 4
"""Conversations that one model keeps; the one that was silent longest goes first."""


@dataclass(frozen=True)
class Voice:
    """How a generator answers; it cannot be changed afterwards."""

    sampling: Sampling
    constraint: Constraint | None = None
    adapter: str | None = None

    @property
    def by_chance(self) -> bool:
        """Whether the same question may have another answer the next time."""
        return self.sampling.temperature > 0 and self.sampling.seed is None


@dataclass
class Conversation:
    """A generator and the ids that it has computed. Used by one thread at a time."""

    generator: Generator
    length: int
    voice: Voice
    ids: list[int] = field(default_factory=list)
    read_ids: int = 0
    """So many of ``ids`` were read, the others written."""

    def common(self, ids: Sequence[int]) -> int:
        """How many tokens at the beginning are the same."""
        for at, (ours, theirs) in enumerate(zip(self.ids, ids, strict=False)):
            if ours != theirs:
                return at
        return min(len(self.ids), len(ids))

    def wind_back(self, ids: Sequence[int]) -> None:
        """Keep the beginning that is common with *ids*."""
        # At least one token stays to be appended: a generator cannot go on from a rewind. Under
        # a constraint the rewind is what makes the constraint begin again.
        limit = len(ids) - 1
        if self.voice.constraint is not None:
            limit = min(limit, len(self.ids) - 1)
        common = min(self.common(ids), max(0, limit))
        if not self.voice.by_chance:
            common = min(common, self.read_ids) // PIECE * PIECE
        if common < len(self.ids):
            self.generator.rewind_to(common)
            del self.ids[common:]
        self.read_ids = min(self.read_ids, common)

    def read(self, ids: Sequence[int], cancel: Cancel, compute: Turns) -> None:
        """Compute the tokens of *ids* beyond those that are kept."""
        for piece in pieces(ids, len(self.ids)):
            with self._stopping(cancel), compute.mine(cancel):
                self.generator.append_tokens(piece)
            self.ids.extend(piece)
            self.read_ids = len(self.ids)

    def next_token(self, cancel: Cancel, compute: Turns) -> int:
        """Write one token more and return it."""
        with self._stopping(cancel), compute.mine(cancel):
            token = self.generator.generate_next_token()
        self.ids.append(token)
        return token

    def next_logits(self, cancel: Cancel, compute: Turns) -> npt.NDArray[np.float32]:
        """The logits, of shape (vocabulary,), from which the next token will be chosen."""
        with self._stopping(cancel), compute.mine(cancel):
            return np.asarray(self.generator.next_logits(), dtype=np.float32)

    def revive(self) -> None:
        """Make it usable again after its request was withdrawn, wherever it was then."""
        # The token that was written last may not have been computed yet.
        del self.ids[-1:]
        self.read_ids = min(self.read_ids, len(self.ids))
        self.generator.revive(len(self.ids))

    @contextlib.contextmanager
    def _stopping(self, cancel: Cancel) -> Iterator[None]:
        """A withdrawal ends what is computed inside; raises :class:`Cancelled` then."""
        try:
            cancel.check()
            with cancel.calling(self.generator.terminate):
                yield
        except (GenaiError, Cancelled) as exc:
            if not cancel.requested:
                raise
            self.revive()
            raise Cancelled from exc


class Conversations:
    """The kept conversations of one model. Thread-safe."""

    def __init__(self, model: GenaiModel) -> None:
        self._model = model
        self._guard = threading.RLock()
        self._kept: dict[str, Conversation] = {}  # the one that was silent longest first
        self._named = 0

    @property
    def bytes(self) -> int:
        """What the kept generators take of memory, about."""
        with self._guard:
            kept = sum(talk.length for talk in self._kept.values())
        return self._model.memory_per_token * kept

    def forget_oldest(self) -> bool:
        """Free the memory of the conversation that was silent longest, if there is one."""
        with self._guard:
            if not self._kept:
                return False
            self._kept.pop(next(iter(self._kept))).generator.close()
            return True

    def memory_for(self, length: int) -> int:
        """Bytes that a new generator for *length* tokens takes."""
        return self._model.memory_per_token * self._rounded(length + _HEADROOM)

    def find(self, ids: Sequence[int], voice: Voice) -> str:
        """The name of the kept conversation that begins most like *ids*, or a new one."""
        with self._guard:
            best, longest = "", _WORTH_KEEPING - 1
            for name, talk in self._kept.items():
                if talk.voice == voice and (common := talk.common(ids)) > longest:
                    best, longest = name, common
            if not best:
                self._named += 1
                best = f"*{self._named}"
            return best

    def take(self, name: str, ids: Sequence[int], length: int, voice: Voice) -> Conversation:
        """The conversation *name*, wound back to what *ids* begins with, or a new one.

        *length* tokens must fit. It belongs to the caller until :meth:`keep`.
        """
        with self._guard:
            talk = self._kept.pop(name, None)
        if talk is not None and (talk.voice != voice or _draws_by_seed(voice)):
            talk.generator.close()
            talk = None
        if talk is not None and talk.length < length:
            # At least doubled, so that a long conversation is read again only a few times.
            length = max(length, 2 * talk.length)
            talk.generator.close()
            talk = None
        if talk is None:
            size = self._rounded(length + _HEADROOM if name else length)
            generator = self._model.generator(size, voice.sampling, voice.constraint, voice.adapter)
            talk = Conversation(generator, size, voice)
        talk.wind_back(ids)
        return talk

    def keep(self, name: str, talk: Conversation) -> None:
        """Keep *talk* for the next turn; without a name it is closed."""
        if not name:
            talk.generator.close()
            return
        with self._guard:
            # Another answer may have gone on under the same name meanwhile.
            if (other := self._kept.pop(name, None)) is not None:
                other.generator.close()
            self._kept[name] = talk
            while len(self._kept) > _KEPT:
                self.forget_oldest()

    def close(self) -> None:
        while self.forget_oldest():
            pass

    def _rounded(self, length: int) -> int:
        return min(-(-length // _LENGTH_STEP) * _LENGTH_STEP, self._model.context)


def _draws_by_seed(voice: Voice) -> bool:
    """Whether an answer is drawn from a seed: only a new generator begins at the seed, and the
    same question with the same seed has to get the same answer."""
    return voice.sampling.temperature > 0 and voice.sampling.seed is not None
