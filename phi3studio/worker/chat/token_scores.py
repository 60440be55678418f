"""Log probabilities of tokens, as the model has them before sampling and constraints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from phi3studio.worker.chat.turns import Turns
from phi3studio.worker.fidelity.exported_process import log_softmax
from phi3studio.worker.genai.genai import GenaiModel, pieces
from phi3studio.worker.serving import Cancel


class TokenScores:
    """Says of each token of a text how likely it was, and which *top* tokens were likeliest.

    *before* is the last token in front of the text: where a word begins shows only after it.
    """

    def __init__(self, model: GenaiModel, top: int, before: Sequence[int] = ()) -> None:
        self._model = model
        self._top = top
        self._before = list(before)

    def of(self, token: int, logits: npt.NDArray[np.float32] | None) -> dict[str, Any]:
        """``id``, ``text``, ``logprob`` (nats) and ``top``, pairs of text and log probability.

        *logits*, of shape (vocabulary,), are those that *token* was chosen from; without them
        nothing is known of it.
        """
        facts: dict[str, Any] = {"id": token, "text": self._text(token)}
        if logits is None:
            facts |= {"logprob": None, "top": []}
        else:
            logprobs = log_softmax(logits)
            top = [[self._text(at), float(logprobs[at])] for at in _likeliest(logprobs, self._top)]
            facts |= {"logprob": float(logprobs[token]), "top": top}
        self._before = [token]
        return facts

    def _text(self, token: int) -> str:
        stream = self._model.stream()
        for before in self._before:
            stream.decode(before)
        return stream.decode(token)


def _likeliest(logprobs: npt.NDArray[np.float32], count: int) -> list[int]:
    """The *count* likeliest tokens, the likeliest first; the whole vocabulary is not sorted."""
    if not count:
        return []
    least = np.partition(logprobs, -count)[-count]
    found = np.flatnonzero(logprobs >= least)
    order = np.argsort(-logprobs[found], kind="stable")[:count]
    return [int(token) for token in found[order]]


def scored(
    model: GenaiModel,
    ids: Sequence[int],
    top: int,
    adapter: str | None,
    cancel: Cancel,
    compute: Turns,
) -> list[dict[str, Any]]:
    """The tokens *ids*, each as :meth:`TokenScores.of` describes it; the first follows nothing.

    Read in the same pieces as any prompt, so that the values are those of the verification.
    """
    generator = model.generator(len(ids) + 1, adapter=adapter)
    scores = TokenScores(model, top)
    found: list[dict[str, Any]] = []
    last: npt.NDArray[np.float32] | None = None
    try:
        for piece in pieces(ids):
            with compute.mine(cancel):
                generator.append_tokens(piece)
            rows = np.asarray(generator.get_output("logits"), dtype=np.float32)[0]
            for token, logits in zip(piece, [last, *rows[:-1]], strict=True):
                cancel.check()
                found.append(scores.of(token, logits))
            last = rows[-1]
    finally:
        generator.close()
    return found
