"""The chat service: exported models in memory, answers token by token.

Several answers are written at once, a few of each model, first come, first served. They take
turns token by token, because two computations on the same cores are slower than one after the
other.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import Cancelled, InputError, RunError, first_line
from phi3studio.domain.sampling import Sampling
from phi3studio.worker.chat.conversations import Conversation, Voice
from phi3studio.worker.chat.shelf import LoadedModel, Shelf
from phi3studio.worker.chat.token_scores import TokenScores, scored
from phi3studio.worker.chat.turns import Turns
from phi3studio.worker.genai.genai import Constraint, adapter_names
from phi3studio.worker.genai.genai_native import GenaiError
from phi3studio.worker.serving import Cancel, Handler

Pieces = Generator[dict[str, Any], None, dict[str, Any]]


class ChatService:
    """The handlers and the models they share."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._shelf = shelf or Shelf()
        self._compute = Turns()

    def load(self, params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
        """Load ``folder``; what is loaded already is described again.

        ``unloaded`` of the result names the models that had to go for it.
        """
        model, gone = self._shelf.take(Path(params["folder"]), cancel)
        try:
            return model.describe() | {"unloaded": gone}
        finally:
            self._shelf.give_back(model)

    def unload(self, params: dict[str, Any], cancel: Cancel) -> None:
        """Forget the model of ``folder`` and free its memory."""
        self._shelf.unload(Path(params["folder"]))

    def prompt(self, params: dict[str, Any], cancel: Cancel) -> str:
        """The text that ``answer`` with these params sends to the model of ``folder``."""
        model, _ = self._shelf.take(Path(params["folder"]), cancel)
        try:
            return model.prompt_text(params)
        finally:
            self._shelf.give_back(model)

    def answer(self, params: dict[str, Any], cancel: Cancel) -> Pieces:
        """Answer one request; yields ``{"text": …}`` pieces, returns the figures.

        Params: ``folder``; ``messages``, ``values`` or ``prompt``; ``max_tokens``; ``sampling``
        (fields of :class:`Sampling`); ``labels`` or ``schema``, what the answer may be;
        ``adapter``, for an export that keeps its adapters apart (``""``: the base model);
        ``stop``, texts before which the answer ends; ``conversation``, a name under which the
        generator is kept, or ``*`` for whatever kept one begins alike; ``logprobs``, of how many
        other tokens the log probabilities are wanted: then the pieces have ``tokens`` too, of
        which the one that ends the answer says ``stop``. With ``tools``, as OpenAI's clients
        describe them, the answer comes in one piece, and the result has ``calls``: ``name`` and
        ``arguments`` (JSON) of each. ``call`` names the tools one of which has to be called.
        """
        model, _ = self._shelf.take(Path(params["folder"]), cancel)
        try:
            with model.turns.mine(cancel):
                if params.get("tools"):
                    return (yield from self._answer_with_tools(model, params, cancel))
                voice = _voice(params, _constraint(params))
                with self._compute.mine(cancel):
                    ids = model.prompt_ids(params)
                return (yield from self._answer(model, ids, params, voice, cancel))
        finally:
            self._shelf.give_back(model)

    def _answer_with_tools(
        self, model: LoadedModel, params: dict[str, Any], cancel: Cancel
    ) -> Pieces:
        """An answer that may be calls. One that has to be a call goes on from where the template
        begins it, and is held to the schema of the call's JSON."""
        with self._compute.mine(cancel):
            calls, ids = model.call_format, model.prompt_ids(params)
        wanted, constraint = params.get("call"), _constraint(params)
        names = [tool["function"]["name"] for tool in params["tools"]]
        if wanted is not None:
            functions = [tool["function"] for tool in params["tools"]]
            chosen = [function for function in functions if function["name"] in wanted]
            constraint = Constraint.schema(calls.schema(chosen))
            prompt = model.prompt(params["messages"], params["tools"])
            ids = model.model.encode(prompt + calls.before)
        answer = self._answer(model, ids, params, _voice(params, constraint), cancel)
        text = ""
        while True:
            try:
                piece = next(answer)
            except StopIteration as end:
                figures: dict[str, Any] = end.value
                break
            text += piece["text"]
        said, found = calls.read(text, names)
        if said:
            yield {"text": said}
        return figures | {"calls": found}

    def score(self, params: dict[str, Any], cancel: Cancel) -> list[dict[str, Any]]:
        """The tokens of a text, each with its log probability after those before it (nats).

        Params: ``folder``; ``prompt`` or ``ids``; ``logprobs``, how many of the likeliest tokens
        are named at each place; ``adapter``. The first token follows nothing: ``None``.
        """
        model, _ = self._shelf.take(Path(params["folder"]), cancel)
        try:
            with model.turns.mine(cancel):
                with self._compute.mine(cancel):
                    ids = model.prompt_ids(params)
                if len(ids) > model.model.context:
                    context = model.model.context
                    raise InputError("chat.too_long", tokens=len(ids), context=context)
                self._shelf.make_room(model, len(ids) + 1, cancel)
                top = int(params["logprobs"])
                return scored(model.model, ids, top, params.get("adapter"), cancel, self._compute)
        finally:
            self._shelf.give_back(model)

    def attach(self, params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
        """Put the PEFT ``adapter`` (a folder) next to the exported model of ``folder`` as ``name``.

        Returns the names of the model's adapters.
        """
        from phi3studio.worker.genai.separate_adapters import attach_adapter

        folder = Path(params["folder"])
        attach_adapter(Path(params["adapter"]), folder, str(params["name"]))
        self._shelf.unload(folder)  # a loaded model knows only the adapters of its time
        return {"adapters": adapter_names(folder)}

    def _answer(
        self,
        model: LoadedModel,
        ids: list[int],
        params: dict[str, Any],
        voice: Voice,
        cancel: Cancel,
    ) -> Pieces:
        began = time.monotonic()
        room = model.model.context - len(ids)
        if room < 1:
            raise InputError("chat.too_long", tokens=len(ids), context=model.model.context)
        longest = min(int(params.get("max_tokens") or 512), room)
        name = str(params.get("conversation") or "")
        if name == "*":
            name = model.conversations.find(ids, voice)
        self._shelf.make_room(model, len(ids) + longest, cancel)
        with self._compute.mine(cancel):
            talk = model.conversations.take(name, ids, len(ids) + longest, voice)
        try:
            kept = len(talk.ids)
            talk.read(ids, cancel, self._compute)
            stop_texts = StopTexts(params.get("stop") or ())
            scores = None
            if params.get("logprobs") is not None:
                scores = TokenScores(model.model, int(params["logprobs"]), ids[-1:])
            figures = yield from self._write(
                model, talk, longest, stop_texts, scores, cancel, began
            )
            return figures | {"prompt_tokens": len(ids), "prefilled": len(ids) - kept}
        except GenaiError as exc:
            name = ""  # its state is unknown: not kept
            raise _stuck(exc, voice) from exc
        finally:
            if cancel.requested:
                # Withdrawn at any moment, perhaps between two computations.
                talk.revive()
            model.conversations.keep(name, talk)

    def _write(
        self,
        model: LoadedModel,
        talk: Conversation,
        longest: int,
        stop_texts: StopTexts,
        scores: TokenScores | None,
        cancel: Cancel,
        began: float,
    ) -> Pieces:
        stops = model.model.stop_ids
        stream = model.model.stream()
        first_s, count, reason = 0.0, 0, "length"
        writing = time.monotonic()
        while count < longest and not stop_texts.found:
            try:
                logits = talk.next_logits(cancel, self._compute) if scores else None
                token = talk.next_token(cancel, self._compute)
            except Cancelled:
                reason = "cancelled"
                break
            count += 1
            if count == 1:
                first_s = time.monotonic() - began
            if token in stops:
                if scores is not None and logits is not None:
                    yield {"text": "", "tokens": [scores.of(token, logits) | {"stop": True}]}
                reason = "stop"
                break
            text = stop_texts.pass_on(stream.decode(token))
            if scores is not None and logits is not None:
                yield {"text": text, "tokens": [scores.of(token, logits)]}
            elif text:
                yield {"text": text}
        spent = time.monotonic() - writing
        if stop_texts.found:
            reason = "stop"
        elif text := stop_texts.rest():
            yield {"text": text}
        return {
            "tokens": count,
            "first_token_s": first_s,
            "tokens_per_s": count / spent if spent > 0 else 0.0,
            "reason": reason,
            "stopped": reason == "stop",
        }


class StopTexts:
    """Lets an answer through up to the first of some texts, however the pieces are cut."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [text for text in texts if text]
        self._held = ""
        self.found = False

    def pass_on(self, piece: str) -> str:
        """What of the answer so far is certain to come before a stop text."""
        if not self._texts or not piece:
            return piece
        text = self._held + piece
        places = [at for stop in self._texts if (at := text.find(stop)) >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        longest = max(
            size for stop in self._texts for size in range(len(stop)) if text.endswith(stop[:size])
        )
        self._held = text[len(text) - longest :]
        return text[: len(text) - longest]

    def rest(self) -> str:
        """What was held back because a stop text could have begun with it."""
        held, self._held = self._held, ""
        return held


def _stuck(error: GenaiError, voice: Voice) -> RunError:
    """The engine could not go on."""
    reason = first_line(error)
    if voice.constraint is not None:
        return RunError("chat.constraint", reason=reason)
    return RunError("chat.engine", reason=reason)


def _voice(params: dict[str, Any], constraint: Constraint | None) -> Voice:
    return Voice(Sampling(**params.get("sampling", {})), constraint, params.get("adapter"))


def _constraint(params: dict[str, Any]) -> Constraint | None:
    if params.get("labels") is not None:
        return Constraint.labels(params["labels"])
    if params.get("schema") is not None:
        return Constraint.schema(params["schema"])
    return None


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    service = ChatService()
    return {
        "load": service.load,
        "unload": service.unload,
        "prompt": service.prompt,
        "answer": service.answer,
        "score": service.score,
        "attach": service.attach,
    }


def warm_up() -> None:
    """Import what the first request needs."""
    import onnxruntime_genai  # noqa: F401
