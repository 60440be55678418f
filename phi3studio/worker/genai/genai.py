"""An exported model in onnxruntime-genai: loading, logits and token-by-token generation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from phi3studio.domain.errors import InputError, RunError, first_line
from phi3studio.domain.sampling import Sampling
from phi3studio.worker.genai.genai_native import (
    Adapters,
    GenaiError,
    Generator,
    Model,
    Tokenizer,
    TokenStream,
)

CHAT_FACTS = "studio.json"
"""Next to the exported model: the template of the training and the stop token, for the chat."""
ADAPTERS = "adapters"
"""Next to an export whose adapters are kept apart: ``<name>.onnx_adapter`` files."""
BASE = ""
"""In place of an adapter's name: the base model without any."""
ADAPTER_ENDING = ".onnx_adapter"


PIECE = 64
"""Tokens of a prompt that are computed at once. Fewer are slower (16: a third of the speed); more
are hardly faster, and their logits take memory (tokens × vocabulary × 4 bytes)."""


def pieces(ids: Sequence[int], start: int = 0) -> Iterator[Sequence[int]]:
    """The pieces in which a prompt is read, from *start* on: to the next multiple of
    :data:`PIECE`, however much of it was read before."""
    while start < len(ids):
        end = (start // PIECE + 1) * PIECE
        yield ids[start:end]
        start = end


@dataclass(frozen=True)
class Constraint:
    """What an answer may be: one of some labels, or JSON that fits a schema.

    ``kind`` and ``text`` are genai's: ``lark_grammar`` or ``json_schema``.
    """

    kind: str
    text: str

    @classmethod
    def labels(cls, labels: Sequence[str]) -> Constraint:
        """Exactly one of *labels*. Raises :class:`InputError` when there is none."""
        if not labels or not all(isinstance(label, str) and label for label in labels):
            raise InputError("chat.labels")
        # Lark's string literals are JSON's.
        choices = " | ".join(json.dumps(label, ensure_ascii=False) for label in labels)
        return cls("lark_grammar", f"start: {choices}")

    @classmethod
    def schema(cls, schema: Any) -> Constraint:
        """JSON that fits *schema*, a JSON schema as an object."""
        if not isinstance(schema, dict):
            raise InputError("chat.schema", variant="not_object")
        # Without it a small model may write white space for ever: the schema allows it anywhere.
        strict = {"x-guidance": {"whitespace_flexible": False}} | closed(schema)
        return cls("json_schema", json.dumps(strict, ensure_ascii=False))


def closed(schema: Any) -> Any:
    """*schema* whose objects have no properties but those that it names: a small model would
    otherwise invent some without end."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    if isinstance(parts.get("properties"), dict):
        parts.setdefault("additionalProperties", False)
    return parts


def adapter_names(folder: Path) -> list[str]:
    """The names of the adapters that an exported model keeps apart."""
    return sorted(file.stem for file in (folder / ADAPTERS).glob(f"*{ADAPTER_ENDING}"))


class GenaiModel:
    """One loaded model. *threads* are ONNX Runtime's own; 0 leaves the choice to it.

    Raises :class:`RunError` when the model does not load.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        try:
            self._model = Model(folder, _session(threads))
            self._tokenizer = Tokenizer(self._model)
            self._adapters, self.adapters = self._load_adapters(folder)
        except GenaiError as exc:
            raise RunError("export.does_not_load", folder=folder, reason=first_line(exc)) from exc
        self.settings: dict[str, Any] = json.loads(
            (folder / "genai_config.json").read_text("utf-8")
        )
        facts = folder / CHAT_FACTS
        self.facts: dict[str, Any] = json.loads(facts.read_text("utf-8")) if facts.is_file() else {}

    def _load_adapters(self, folder: Path) -> tuple[Adapters | None, tuple[str, ...]]:
        names = adapter_names(folder)
        if not names:
            return None, ()
        adapters = Adapters(self._model)
        for name in names:
            adapters.load(folder / ADAPTERS / f"{name}{ADAPTER_ENDING}", name)
        return adapters, tuple(names)

    @property
    def own_adapter(self) -> str:
        """The adapter that is used where none is named: the run's own, ``""`` without any."""
        named = self.facts.get("adapter")
        return named if named in self.adapters else next(iter(self.adapters), BASE)

    @property
    def context(self) -> int:
        """The longest text in tokens, prompt and answer together."""
        return int(self.settings["model"]["context_length"])

    @property
    def stop_ids(self) -> list[int]:
        """The ids that end an answer."""
        value = self.settings["model"]["eos_token_id"]
        return [int(v) for v in value] if isinstance(value, list) else [int(value)]

    @property
    def memory_per_token(self) -> int:
        """Bytes that a generator holds for each token of its length (keys and values)."""
        decoder = self.settings["model"]["decoder"]
        values = decoder["num_hidden_layers"] * decoder["num_key_value_heads"]
        return int(2 * values * decoder["head_size"] * 4)

    def encode(self, text: str) -> list[int]:
        """Ids of a text, as genai's own tokenizer reads it."""
        return self._tokenizer.encode(text)

    def logits(self, ids: Sequence[int], adapter: str | None = None) -> npt.NDArray[np.float32]:
        """Logits of shape (tokens, vocabulary) for a whole text."""
        generator = self.generator(len(ids) + 1, adapter=adapter)
        generator.append_tokens(ids)
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
        for piece in pieces(prompt):
            generator.append_tokens(piece)
        while not generator.is_done():
            yield generator.generate_next_token()

    def generator(
        self,
        length: int,
        sampling: Sampling | None = None,
        constraint: Constraint | None = None,
        adapter: str | None = None,
    ) -> Generator:
        """A generator with memory for *length* tokens, not for the model's maximum.

        *adapter* is :attr:`own_adapter` where ``None``, and :data:`BASE` for the base model.
        Raises :class:`InputError` for an adapter that there is not, and for a constraint that
        genai cannot read.
        """
        used = self.own_adapter if adapter is None else adapter
        if used not in (BASE, *self.adapters):
            raise _no_adapter(used, self.adapters)
        chosen = sampling or Sampling()
        options: dict[str, float | bool] = {
            "max_length": length,
            "do_sample": chosen.temperature > 0,
            "repetition_penalty": chosen.repetition_penalty,
        }
        if chosen.temperature > 0:
            options |= {
                "temperature": chosen.temperature,
                "top_p": chosen.top_p,
                "top_k": chosen.top_k,
            }
        if chosen.seed is not None:
            options["random_seed"] = chosen.seed
        guidance = (constraint.kind, constraint.text) if constraint is not None else None
        try:
            generator = Generator(self._model, options, guidance)
        except GenaiError as exc:
            if constraint is None:
                raise
            raise InputError("chat.schema", variant="unsupported", reason=first_line(exc)) from exc
        if used != BASE and self._adapters is not None:
            generator.set_active_adapter(self._adapters, used)
        return generator

    def stream(self) -> TokenStream:
        """A decoder of single tokens that never splits a character."""
        return self._tokenizer.create_stream()

    def apply_chat_template(
        self, messages: Sequence[dict[str, Any]], tools: Any = None, generation: bool = True
    ) -> str:
        """The conversation as the model's own template writes it; with *generation* ready for an
        answer. *tools* as OpenAI's clients describe them."""
        given = json.dumps(tools) if tools else None
        return self._tokenizer.apply_chat_template(json.dumps(list(messages)), given, generation)


def _no_adapter(name: str, names: Sequence[str]) -> InputError:
    return InputError("chat.no_adapter", variant="" if names else "merged", name=name, names=names)


def _session(threads: int) -> str:
    """Session options over those of the model's own genai_config.json."""
    # A thread of ONNX Runtime waits for the others by spinning. Where another program, or our own
    # client, wants the core, the one that is waited for then cannot run: on two busy cores writing
    # was 3 times slower than with threads that sleep.
    options: dict[str, Any] = {"session.intra_op.allow_spinning": "0"}
    if threads:
        options["intra_op_num_threads"] = threads
    return json.dumps({"model": {"decoder": {"session_options": options}}})
