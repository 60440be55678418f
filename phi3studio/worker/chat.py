"""The chat service: exported models in memory, answers token by token.

A conversation keeps its generator, so a second turn computes only what is new. The prompt is
read in small pieces, so that a request can be stopped while it is still being read.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from phi3studio.domain.errors import InputError
from phi3studio.domain.template import parse_template
from phi3studio.runs.files import folder_bytes
from phi3studio.worker.export import CHAT_FACTS
from phi3studio.worker.genai import GenaiModel, Sampling
from phi3studio.worker.service import Cancel, Handler
from phi3studio.worker.threads import usable_cores

# Tokens of the prompt that are computed between two looks at the stop button.
_PREFILL_TOKENS = 32
# Generators are made for lengths in this step, so that a longer turn often fits the present one.
_LENGTH_STEP = 512

Pieces = Generator[dict[str, Any], None, dict[str, Any]]


@dataclass
class _Conversation:
    """A generator and the ids that it has seen."""

    generator: Any
    length: int
    sampling: Sampling
    ids: list[int] = field(default_factory=list)


class _Loaded:
    """One model and its conversations. Used by one request at a time."""

    def __init__(self, folder: Path) -> None:
        began = time.monotonic()
        self.model = GenaiModel(folder, threads=usable_cores())
        self.load_s = time.monotonic() - began
        self.folder = folder
        self.lock = threading.Lock()
        self.conversations: dict[str, _Conversation] = {}
        facts_file = folder / CHAT_FACTS
        self.facts: dict[str, Any] = (
            json.loads(facts_file.read_text("utf-8")) if facts_file.is_file() else {}
        )

    def describe(self) -> dict[str, Any]:
        template = self.facts.get("template")
        columns = parse_template(template["prompt"], "prompt").columns if template else ()
        return {
            "folder": str(self.folder),
            "name": self.facts.get("name") or self.folder.name,
            "context": self.model.context,
            "template": template,
            "columns": list(columns),
            "is_conversation": template is None,
            "load_s": self.load_s,
            "bytes": folder_bytes(self.folder),
        }

    def prompt_ids(self, params: dict[str, Any]) -> list[int]:
        """The ids of a request: ``messages``, ``values`` for the template, or plain ``prompt``."""
        if "messages" in params:
            return self.model.encode(self.model.apply_chat_template(params["messages"]))
        if "values" in params:
            template = self.facts.get("template")
            if template is None:
                raise InputError(
                    "chat.no_template",
                    "This model was trained on conversations, not on a template with columns.",
                    "Write a message instead.",
                )
            return self.model.encode(
                parse_template(template["prompt"], "prompt").render(params["values"])
            )
        return self.model.encode(str(params["prompt"]))


class ChatService:
    """The handlers and the models they share."""

    def __init__(self) -> None:
        self._models: dict[str, _Loaded] = {}
        self._lock = threading.Lock()

    def load(self, params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
        """Load ``folder``; what is loaded already is described again."""
        return self._get(params).describe()

    def unload(self, params: dict[str, Any], cancel: Cancel) -> None:
        """Forget the model of ``folder`` and free its memory."""
        with self._lock:
            self._models.pop(str(Path(params["folder"])), None)

    def answer(self, params: dict[str, Any], cancel: Cancel) -> Pieces:
        """Answer one request; yields ``{"text": …}`` pieces, returns the figures.

        Params: ``folder``; ``messages``, ``values`` or ``prompt``; ``max_tokens``; ``sampling``
        (fields of :class:`Sampling`); ``conversation``, a name under which the generator is kept.
        """
        loaded = self._get(params)
        sampling = Sampling(**params.get("sampling", {}))
        with loaded.lock:
            return (yield from self._answer(loaded, params, sampling, cancel))

    def _answer(
        self, loaded: _Loaded, params: dict[str, Any], sampling: Sampling, cancel: Cancel
    ) -> Pieces:
        began = time.monotonic()
        ids = loaded.prompt_ids(params)
        room = loaded.model.context - len(ids)
        if room < 1:
            raise InputError(
                "chat.too_long",
                f"The text has {len(ids)} tokens, and the model can hold {loaded.model.context}.",
                "Shorten it, or start a new conversation.",
            )
        longest = min(int(params.get("max_tokens") or 512), room)
        name = str(params.get("conversation") or "")
        talk = self._conversation(loaded, name, ids, len(ids) + longest, sampling)
        kept = len(talk.ids)
        for start in range(kept, len(ids), _PREFILL_TOKENS):
            cancel.check()
            piece = ids[start : start + _PREFILL_TOKENS]
            talk.generator.append_tokens(np.array(piece, dtype=np.int32))
            talk.ids.extend(piece)
        first_s = 0.0
        count, reason = 0, "length"
        stream = loaded.model.stream()
        stops = loaded.model.stop_ids
        writing = time.monotonic()
        while count < longest:
            if cancel.requested:
                reason = "cancelled"
                break
            talk.generator.generate_next_token()
            token = int(talk.generator.get_next_tokens()[0])
            talk.ids.append(token)
            count += 1
            if count == 1:
                first_s = time.monotonic() - began
            if token in stops:
                reason = "stop"
                break
            text = stream.decode(token)
            if text:
                yield {"text": text}
        spent = time.monotonic() - writing
        return {
            "tokens": count,
            "prompt_tokens": len(ids),
            "prefilled": len(ids) - kept,
            "first_token_s": first_s,
            "tokens_per_s": count / spent if spent > 0 else 0.0,
            "reason": reason,
            "stopped": reason == "stop",
        }

    def _conversation(
        self, loaded: _Loaded, name: str, ids: Sequence[int], length: int, sampling: Sampling
    ) -> _Conversation:
        """The kept generator, wound back to what *ids* begins with, or a new one."""
        talk = loaded.conversations.pop(name, None)
        if talk is None or talk.length < length or talk.sampling != sampling:
            rounded = -(-length // _LENGTH_STEP) * _LENGTH_STEP
            size = min(rounded, loaded.model.context)
            talk = _Conversation(loaded.model.generator(size, sampling), size, sampling)
        common = 0
        # At least one token stays to be appended: a generator cannot go on from a rewind.
        for ours, theirs in zip(talk.ids, ids[:-1], strict=False):
            if ours != theirs:
                break
            common += 1
        if common < len(talk.ids):
            talk.generator.rewind_to(common)
            del talk.ids[common:]
        if name:
            loaded.conversations[name] = talk
        return talk

    def _get(self, params: dict[str, Any]) -> _Loaded:
        folder = Path(params["folder"])
        with self._lock:
            if str(folder) not in self._models:
                if not (folder / "genai_config.json").is_file():
                    raise InputError(
                        "chat.no_model",
                        f"{folder} holds no exported model.",
                        "Choose a completed run, or a folder with genai_config.json.",
                    )
                self._models[str(folder)] = _Loaded(folder)
            return self._models[str(folder)]


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    service = ChatService()
    return {"load": service.load, "unload": service.unload, "answer": service.answer}


def warm_up() -> None:
    """Import what the first request needs."""
    import onnxruntime_genai  # noqa: F401
