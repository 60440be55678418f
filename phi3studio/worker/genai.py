"""An exported model in onnxruntime-genai: loading, logits and token-by-token generation.

genai holds Python's lock while it computes, so it is used only in processes that need not
answer anybody meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phi3studio.domain.errors import RunError


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen. Temperature 0 is greedy."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 50
    repetition_penalty: float = 1.0
    seed: int | None = None


class GenaiModel:
    """One loaded model. *threads* are ONNX Runtime's own; 0 leaves the choice to it.

    Raises :class:`RunError` when the model does not load.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        import onnxruntime_genai as og

        self._og = og
        try:
            config = og.Config(str(folder))
            if threads:
                config.overlay(_threads(threads))
            self._model = og.Model(config)
            self._tokenizer = og.Tokenizer(self._model)
        except Exception as exc:  # the library raises its own untyped errors
            raise RunError(
                "export.does_not_load",
                f"onnxruntime-genai cannot load the model in {folder}: {exc}",
                "Look at the run's log; another quantisation preset may help.",
            ) from exc
        self.settings: dict[str, Any] = json.loads(
            (folder / "genai_config.json").read_text("utf-8")
        )

    @property
    def context(self) -> int:
        """The longest text in tokens, prompt and answer together."""
        return int(self.settings["model"]["context_length"])

    @property
    def stop_ids(self) -> list[int]:
        """The ids that end an answer."""
        value = self.settings["model"]["eos_token_id"]
        return [int(v) for v in value] if isinstance(value, list) else [int(value)]

    def encode(self, text: str) -> list[int]:
        """Ids of a text, as genai's own tokenizer reads it."""
        return [int(token) for token in self._tokenizer.encode(text)]

    def logits(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Logits of shape (tokens, vocabulary) for a whole text."""
        generator = self.generator(len(ids) + 1)
        generator.append_tokens(np.array(ids, dtype=np.int32))
        values: npt.NDArray[np.float32] = np.asarray(
            generator.get_output("logits"), dtype=np.float32
        )[0]
        return values

    def generate(
        self, prompt: Sequence[int], longest: int, sampling: Sampling | None = None
    ) -> Iterator[int]:
        """Answer ids one by one, the stop token included, at most *longest* of them."""
        length = min(len(prompt) + longest, self.context)
        generator = self.generator(length, sampling)
        generator.append_tokens(np.array(prompt, dtype=np.int32))
        while not generator.is_done():
            generator.generate_next_token()
            yield int(generator.get_next_tokens()[0])

    def generator(self, length: int, sampling: Sampling | None = None) -> Any:
        """A generator with memory for *length* tokens, not for the model's maximum."""
        chosen = sampling or Sampling()
        params = self._og.GeneratorParams(self._model)
        options: dict[str, Any] = {"max_length": length, "do_sample": chosen.temperature > 0}
        if chosen.temperature > 0:
            options |= {
                "temperature": chosen.temperature,
                "top_p": chosen.top_p,
                "top_k": chosen.top_k,
            }
        options["repetition_penalty"] = chosen.repetition_penalty
        if chosen.seed is not None:
            options["random_seed"] = chosen.seed
        params.set_search_options(**options)
        return self._og.Generator(self._model, params)

    def stream(self) -> Any:
        """A decoder of single tokens that never splits a character."""
        return self._tokenizer.create_stream()

    def apply_chat_template(self, messages: Sequence[dict[str, str]]) -> str:
        """The conversation as the model's own template writes it, ready for an answer."""
        return str(
            self._tokenizer.apply_chat_template(
                json.dumps(list(messages)), add_generation_prompt=True
            )
        )


def _threads(count: int) -> str:
    options = {"session_options": {"intra_op_num_threads": count}}
    return json.dumps({"model": {"decoder": options}})
