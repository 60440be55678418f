"""A bare onnxruntime-genai loop, the other side of ``tests.benchmarks.chat``.

Nothing of ours is imported: the package as its own examples use it, with its own settings.
Reads jobs from standard input, one JSON object a line, and answers each on one line.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import onnxruntime_genai as og


class Bare:
    """One model."""

    def __init__(self, folder: str) -> None:
        self.model = og.Model(folder)
        self.tokenizer = og.Tokenizer(self.model)

    def generator(self, length: int) -> Any:
        params = og.GeneratorParams(self.model)
        params.set_search_options(max_length=length, do_sample=False)
        return og.Generator(self.model, params)

    def speed(self, job: dict[str, Any]) -> dict[str, float]:
        """Tokens a second while reading ``prompt`` and while writing ``tokens``."""
        ids = self.tokenizer.encode(job["prompt"])
        generator = self.generator(len(ids) + job["tokens"] + 1)
        stream = self.tokenizer.create_stream()
        began = time.perf_counter()
        generator.append_tokens(ids)
        generator.generate_next_token()
        stream.decode(generator.get_next_tokens()[0])
        read = time.perf_counter()
        count = 1
        while count < job["tokens"] and not generator.is_done():
            generator.generate_next_token()
            stream.decode(generator.get_next_tokens()[0])
            count += 1
        wrote = time.perf_counter()
        return {
            "prefill": len(ids) / (read - began),
            "decode": (count - 1) / (wrote - read),
            "tokens": count,
        }

    def turn(self, job: dict[str, Any]) -> float:
        """Seconds from the new tokens of a second turn to its first token, the first turn kept."""
        ids = list(self.tokenizer.encode(job["prompt"]))
        new = ids[: job["new"]]
        generator = self.generator(len(ids) + job["tokens"] + len(new) + 8)
        generator.append_tokens(ids)
        for _ in range(job["tokens"]):
            if generator.is_done():
                generator.append_tokens(ids[:1])
            generator.generate_next_token()
        began = time.perf_counter()
        generator.append_tokens(new)
        generator.generate_next_token()
        return time.perf_counter() - began


def main() -> None:
    bare = Bare(sys.argv[1])
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(getattr(bare, job["do"])(job)), flush=True)


if __name__ == "__main__":
    main()
