"""llama.cpp's side of ``tests.benchmarks.chat``; run by a Python that has llama-cpp-python.

Reads jobs from standard input, one JSON object a line, and answers each on one line.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from llama_cpp import Llama  # type: ignore[import-not-found]


def main() -> None:
    file, context, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    options = {"n_ctx": context, "n_threads": threads, "n_threads_batch": threads}
    model = Llama(file, n_batch=512, verbose=False, **options)
    for line in sys.stdin:
        job = json.loads(line)
        if job["do"] == "nll":
            scorer = Llama(file, n_batch=512, logits_all=True, verbose=False, **options)
            print(json.dumps(nll(scorer, job["ids"])), flush=True)
            del scorer
        else:
            print(json.dumps(speed(model, job["ids"], job["tokens"])), flush=True)


def nll(model: Llama, ids: list[int]) -> float:
    """Mean negative log likelihood (nats) of every token but the first."""
    model.eval(ids)
    scores = np.array(model.scores[: len(ids) - 1], dtype=np.float64)
    scores -= scores.max(-1, keepdims=True)
    total = np.log(np.exp(scores).sum(-1))
    return float((total - scores[np.arange(len(ids) - 1), ids[1:]]).mean())


def speed(model: Llama, ids: list[int], tokens: int) -> dict[str, float]:
    """Tokens a second while reading *ids* and while writing *tokens* more."""
    model.reset()
    began = time.perf_counter()
    model.eval(ids)
    token = model.sample(temp=0.0)
    read = time.perf_counter()
    for _ in range(tokens):
        model.eval([token])
        token = model.sample(temp=0.0)
    wrote = time.perf_counter()
    return {"prefill": len(ids) / (read - began), "decode": tokens / (wrote - read)}


if __name__ == "__main__":
    main()
