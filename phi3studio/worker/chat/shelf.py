"""The models in memory: loaded when asked for, the least used unloaded when memory is short."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from phi3studio.app.files import folder_bytes
from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.template import parse_template
from phi3studio.worker.chat.conversations import Conversations
from phi3studio.worker.chat.spoken import Spoken
from phi3studio.worker.chat.tool_calls import CallFormat, call_format
from phi3studio.worker.chat.turns import Turns
from phi3studio.worker.data.preparing.conversation import ChatTemplate
from phi3studio.worker.genai.genai import GenaiModel
from phi3studio.worker.process.threads import usable_cores
from phi3studio.worker.serving import Cancel

# What a loaded model takes, as a multiple of its files, and what has to stay free besides it.
_TIMES_FILES = 1.25
_SPARE_BYTES = 256 * 1024**2
_MOST_ANSWERS = 4
"""So many answers of one model are written at once; further requests wait."""


def free_memory() -> int:
    """Bytes that this process may still take without the system's swapping."""
    return int(psutil.virtual_memory().available)


class LoadedModel:
    """One model and its conversations."""

    def __init__(self, folder: Path) -> None:
        began = time.monotonic()
        self.model = GenaiModel(folder, threads=usable_cores())
        self.load_s = time.monotonic() - began
        self.folder = folder
        self.turns = Turns(_MOST_ANSWERS, by_arrival=True)
        self.users = 0
        self.conversations = Conversations(self.model)
        self.facts = self.model.facts
        self._spoken = Spoken(folder)
        # The same preparation of messages as in training.
        self._chat = ChatTemplate(self.model.apply_chat_template)

    @property
    def name(self) -> str:
        return str(self.facts.get("name") or self.folder.name)

    def describe(self) -> dict[str, Any]:
        """What ``services.chat.LoadedModel`` holds."""
        template = self.facts.get("template")
        columns = parse_template(template["prompt"], "prompt").columns if template else ()
        return {
            "folder": str(self.folder),
            "name": self.name,
            "context": self.model.context,
            "template": template,
            "columns": list(columns),
            "is_conversation": template is None,
            "load_s": self.load_s,
            "bytes": folder_bytes(self.folder),
            "adapters": list(self.model.adapters),
            "adapter": self.model.own_adapter,
        }

    def prompt(self, messages: Any, tools: Any = None) -> str:
        """What is sent for the next answer of a conversation."""
        return self._chat.prompt(self._spoken(messages), self._spoken(tools))

    @cached_property
    def call_format(self) -> CallFormat:
        """How the model's template writes calls of tools; raises :class:`InputError` if it shows
        the model no tools, or writes no calls."""
        found = call_format(self._chat)
        question = [{"role": "user", "content": "question"}]
        tool = {"name": "probe", "parameters": {"type": "object", "properties": {}}}
        tools = [{"type": "function", "function": tool}]
        if found is None or self._chat.prompt(question) == self._chat.prompt(question, tools):
            raise InputError("chat.no_tools", model=self.name)
        return found

    def prompt_text(self, params: dict[str, Any]) -> str:
        """What a request sends: its ``messages`` or ``values`` in the model's template, or its
        plain ``prompt``."""
        if "messages" in params:
            return self.prompt(params["messages"], params.get("tools"))
        if "values" in params:
            template = self.facts.get("template")
            if template is None:
                raise InputError("chat.no_template")
            return parse_template(template["prompt"], "prompt").render(
                self._spoken(params["values"])
            )
        return str(params["prompt"])

    def prompt_ids(self, params: dict[str, Any]) -> list[int]:
        """The ids of what a request sends, or the ``ids`` that it names."""
        if "ids" in params:
            return self._known(params["ids"])
        return self.model.encode(self.prompt_text(params))

    def _known(self, ids: Sequence[int]) -> list[int]:
        """*ids*, all of which the model has; raises :class:`InputError`."""
        size = int(self.model.settings["model"]["vocab_size"])
        for token in ids:
            if not 0 <= token < size:
                raise InputError("chat.token", token=token, size=size)
        return list(ids)


class Shelf:
    """All loaded models. *free* says how much memory there is; thread-safe."""

    def __init__(self, free: Callable[[], int] = free_memory) -> None:
        self._free = free
        self._models: dict[str, LoadedModel] = {}  # the least recently used first
        self._loading = Turns(by_arrival=True)
        self._guard = threading.Lock()

    def take(self, folder: Path, cancel: Cancel) -> tuple[LoadedModel, list[str]]:
        """The model of *folder*, loaded if need be, and the names of those that had to go for it.

        It stays until :meth:`give_back`. Raises :class:`InputError` when there is no model, and
        :class:`RunError` when it does not load or the memory is too short for it.
        """
        key = str(folder)
        with self._loading.mine(cancel):
            gone: list[str] = []
            with self._guard:
                found = self._models.pop(key, None)
            if found is None:
                found, gone = self._load(folder)
            with self._guard:
                self._models[key] = found
                found.users += 1
            return found, gone

    def give_back(self, model: LoadedModel) -> None:
        """The request that took *model* is done with it."""
        with self._guard:
            model.users -= 1

    def unload(self, folder: Path) -> None:
        """Forget the model of *folder*; its memory is free when its last answer has ended."""
        with self._guard:
            self._models.pop(str(folder), None)

    def make_room(self, model: LoadedModel, length: int, cancel: Cancel) -> None:
        """See that *model* has the memory for *length* tokens more: forgets old conversations, and
        waits for answers that were asked for before.

        Raises :class:`RunError` when there is not enough all the same.
        """
        need = model.conversations.memory_for(length)
        while (free := self._free()) < need + _SPARE_BYTES:
            if model.conversations.forget_oldest() or model.turns.wait_for_earlier(cancel):
                continue
            raise RunError("chat.memory", tokens=length, needed=need, free=free)

    def _load(self, folder: Path) -> tuple[LoadedModel, list[str]]:
        if not (folder / "genai_config.json").is_file():
            raise InputError("chat.no_model", folder=folder)
        need = int(_TIMES_FILES * folder_bytes(folder)) + _SPARE_BYTES
        gone = []
        while self._free() < need and (other := self._least_used()) is not None:
            gone.append(other.name)
            other.conversations.close()
            del other
        free = self._free()
        if free < need:
            raise RunError("chat.memory", variant="model", folder=folder, needed=need, free=free)
        return LoadedModel(folder), gone

    def _least_used(self) -> LoadedModel | None:
        """Take the model away that was not used longest and is not answering."""
        with self._guard:
            for key, model in self._models.items():
                if model.users == 0:
                    return self._models.pop(key)
        return None
