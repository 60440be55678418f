"""What GGUF kinds lose in llama.cpp: ``python -m tests.benchmarks.gguf_loss RUN MERGED FILE …``

RUN is a run's folder; MERGED (f16) and the FILEs are GGUF files that ``export --for llamacpp``
made of it. All answer the rows that the run held out, and predict their answers' tokens one by one.
Each FILE's losses are differences to MERGED on the same rows, with 95 % intervals by a bootstrap
over the rows. The score of whole answers to few rows is mostly chance, since a text that differs in
one token goes on differently; the tokens of the expected answers are many, each with what it
follows.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phi3studio.app.paths import Home
from phi3studio.models.model_store import ModelStore
from phi3studio.runs.store import RunFolder
from phi3studio.worker.data.preparing.held_out_rows import HeldOut
from phi3studio.worker.fidelity.evaluator import held_out_of
from phi3studio.worker.fidelity.exported_model import ExportedModel
from phi3studio.worker.fidelity.scores import score_answers
from phi3studio.worker.models.open_tokenizer import open_tokenizer

Row = npt.NDArray[np.float64]
_DRAWS = 10_000


@dataclass(frozen=True)
class Measured:
    """Row by row: tokens of the expected answer, how many of them were the most likely ones, their
    loss (nats), the answer's score from 0 to 1, and whether it stopped."""

    tokens: Row
    right: Row
    loss: Row
    score: Row
    stops: Row


def measure(file: Path, data: HeldOut, decode: Callable[[list[int]], str]) -> Measured:
    """The GGUF *file* on all rows."""
    tokens, right, loss, stops, texts = [], [], [], [], []
    longest = max(len(row.input_ids) for row in data.rows) + data.answer_tokens
    with ExportedModel(file, context=longest + 1) as model:
        ends = set(model.stop_ids)
        for row in data.rows:
            scored = model.score(row.input_ids, row.learned)
            expected = [row.input_ids[at] for at in row.learned]
            tokens.append(len(expected))
            right.append(sum(a == b for a, b in zip(expected, scored.predicted, strict=True)))
            loss.append(scored.loss)
            answer = model.generate(row.prompt_ids, data.answer_tokens)
            stops.append(answer[-1] in ends)
            texts.append(decode([token for token in answer if token not in ends]))
    score = score_answers([row.expected for row in data.rows], texts, data.task_labels)
    found = (tokens, right, loss, score.rows, stops)
    return Measured(*(np.asarray(values, np.float64) for values in found))


def interval(lost: Row, counts: Row) -> Row:
    """The sum of *lost* for each of *counts*: of all rows, and the 95 % interval over draws of as
    many rows."""
    draws = np.random.default_rng(0).integers(0, len(lost), (_DRAWS, len(lost)))
    drawn = lost[draws].sum(1) / counts[draws].sum(1)
    return np.asarray([lost.sum() / counts.sum(), *np.percentile(drawn, [2.5, 97.5])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("merged", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    given = parser.parse_args()
    run = RunFolder(given.run)
    recipe = run.recipe()
    store = ModelStore(Home(run.path.parent.parent))
    tokenizer = open_tokenizer(store.folder(recipe.model.source, recipe.model.revision), False)
    data = held_out_of(run, recipe, tokenizer)

    def decode(ids: list[int]) -> str:
        text: str = tokenizer.decode(ids, skip_special_tokens=True)
        return text

    merged = measure(given.merged, data, decode)
    count = len(data.rows)
    print(f"{count} rows, {merged.tokens.sum():.0f} tokens; score {100 * merged.score.mean():.2f}, "
          f"token accuracy {100 * merged.right.sum() / merged.tokens.sum():.2f}, "
          f"stops {merged.stops.sum():.0f}")  # fmt: skip
    for file in given.files:
        kind = measure(file, data, decode)
        of_tokens = 100 * interval(merged.right - kind.right, merged.tokens)
        of_score = 100 * interval(merged.score - kind.score, np.ones(count))
        perplexity = np.exp(interval(kind.loss - merged.loss, merged.tokens))
        print(file.name)
        print("  points of token accuracy lost", of_tokens.round(2))
        print("  points of the score lost     ", of_score.round(2))
        print("  times the perplexity         ", perplexity.round(4))
        both = (merged.stops * kind.stops).sum()
        print(f"  stops in {both:.0f} of the {merged.stops.sum():.0f} rows in which merged stops")


if __name__ == "__main__":
    main()
