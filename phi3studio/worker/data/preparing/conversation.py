"""Conversations through a model's own chat template, and which parts of them are learned.

Published templates differ in ways that a mask must survive: Phi-3's end with the end-of-text
token when no generation prompt is asked for, Qwen3's strip the reasoning of earlier turns,
Gemma's refuse a system turn or two turns of one role, Qwen2.5's write a system prompt of their
own, DeepSeek's begin a thought in the prompt and write none. So a turn is learned where two
renderings agree: the one that inference would have seen when the turn was written (the
conversation before it, with the generation prompt), and the one whole conversation that is
trained on. A template that marks the assistant's parts itself (``{% generation %}``) decides
alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from phi3studio.domain.errors import InputError, first_line

Message = dict[str, Any]
_MARKS = re.compile(r"\{%-?\s*generation\s*-?%\}")
_PROBE = "probe-7f3a"
_ARGUMENT = "argument-7f3a"
_THINK = "<think>"


class Render(Protocol):
    """A chat template; raises whatever the template raises."""

    def __call__(self, messages: list[Message], tools: Any, generation: bool) -> str: ...


class Span(NamedTuple):
    """Characters of a rendered conversation that are learned; ``stops``: the stop token follows."""

    start: int
    end: int
    stops: bool


class ChatTemplate:
    """A chat template as training, chat and server use it: one way to prepare messages for it."""

    def __init__(self, render: Render) -> None:
        self._render = render

    def prompt(self, messages: Sequence[Message], tools: Any = None) -> str:
        """What is sent for the next answer; raises :class:`InputError` if the template refuses."""
        return self.rendered(self.accepted(messages, tools), tools, generation=True)

    def accepted(self, messages: Sequence[Message], tools: Any = None) -> list[Message]:
        """*messages* in the form that the template takes.

        A system turn that it has no place for goes before the first question, turns of one role
        in a row become one, identifiers of calls get nine characters, and answers before the first
        question are left out: each only where the template refuses the conversation otherwise (or
        passes the system turn over).
        """
        found = [self._message(message) for message in messages]
        if tools and self._tools_in_system:
            found = _with_tools(found, tools)
        if not self._takes_system:
            found = _system_merged(found)
        refusal: InputError | None = None
        for change in (lambda given: given, _calls_numbered, _turns_merged, _without_greeting):
            found = change(found)
            try:
                self.rendered(found, tools, generation=found[-1]["role"] != "assistant")
            except InputError as exc:
                refusal = refusal or exc
                continue
            return found
        assert refusal is not None
        raise refusal

    def rendered(self, messages: list[Message], tools: Any, *, generation: bool) -> str:
        """*messages* as text."""
        try:
            return self._render(messages, tools or None, generation)
        except Exception as exc:  # whatever a template raises: jinja's errors, TypeError, …
            raise InputError("data.conversation", reason=first_line(exc)) from exc

    def learned(
        self, messages: list[Message], tools: Any, stop: str, skipped: set[int]
    ) -> tuple[str, list[Span]]:
        """The text of an accepted conversation that ends with an answer, and what is learned of it.

        *skipped* are turns that are not to be learned. An answer before the first question is
        not: nobody asks for it at inference.
        """
        whole = self._whole(messages, tools, stop)
        spans: list[Span] = []
        # A conversation of answers alone has nothing else to learn.
        asked = not any(
            turn["role"] == "assistant" and _is_asked(messages[:at])
            for at, turn in enumerate(messages)
        )
        for at, turn in enumerate(messages):
            asked = asked or _is_asked(messages[at : at + 1])
            if turn["role"] != "assistant" or not asked or at in skipped:
                continue
            last = at == len(messages) - 1
            until = whole if last else self.rendered(messages[: at + 1], tools, generation=False)
            before = self.rendered(messages[:at], tools, generation=True) if at else ""
            if not before or not until.startswith(before):
                continue
            end = _answer_end(until, len(before), str(turn["content"]), stop)
            stops = until.startswith(stop, end)
            kept = end + len(stop) if stops else end
            if whole[:kept] == until[:kept]:
                # Where the template writes no stop token, the last answer has to end all the same;
                # an earlier one may end with the mark of the next question.
                stops = stops or last or whole.startswith(stop, end)
                spans.append(Span(len(before), end, stops))
        return whole, spans

    def _whole(self, messages: list[Message], tools: Any, stop: str) -> str:
        """The text of a conversation that ends with an answer. Where it does not begin as the
        prompt of that answer, the answer is put after the prompt: the prompt begins a thought that
        the template does not write, or holds a system turn that it leaves out once the answer is
        there."""
        whole = self.rendered(messages, tools, generation=False)
        before = self.rendered(messages[:-1], tools, generation=True) if messages[:-1] else ""
        content = messages[-1]["content"]
        if whole.startswith(before) or not content:
            return whole
        if not before.rstrip().endswith(_THINK):
            written = self._answer_alone(messages, tools)
            return whole if written is None else before + written
        thought, _, answer = content.rpartition("</think>")
        thought = thought.split(_THINK)[-1].strip()
        thought = thought or str(messages[-1].get("reasoning_content") or "").strip()
        line = "" if before.endswith("\n") else "\n"
        return f"{before}{line}{thought}\n</think>\n\n{answer.strip()}{stop}"

    def _answer_alone(self, messages: list[Message], tools: Any) -> str | None:
        """The last answer as the template writes it after a prompt without a system turn."""
        asked = [turn for turn in messages if turn["role"] != "system"]
        if len(asked) == len(messages):
            return None
        try:
            prompt = self.rendered(asked[:-1], tools, generation=True)
            text = self.rendered(asked, tools, generation=False)
        except InputError:
            return None
        return text[len(prompt) :] if text.startswith(prompt) else None

    def shows_call(self, message: Message) -> bool:
        """Whether the template writes a turn's calls, if all that the turn holds is calls."""
        return (
            bool(message["content"])
            or not message.get("tool_calls")
            or self._encodes_arguments is not None
        )

    def _message(self, message: Message) -> Message:
        message = dict(message)
        if message["role"] == "developer" and not self._takes_developer:
            message["role"] = "system"
        calls = message.get("tool_calls")
        if isinstance(calls, list):
            as_text = bool(self._encodes_arguments)
            message["tool_calls"] = [_call(call, as_text) for call in calls]
        return message

    @cached_property
    def _takes_system(self) -> bool:
        return self._shows("system")

    @cached_property
    def _takes_developer(self) -> bool:
        return self._shows("developer")

    @cached_property
    def _tools_in_system(self) -> bool:
        """Whether the template reads the tools from the system turn, as Phi-4-mini's does."""
        system = {"role": "system", "content": "", "tools": json.dumps([{"name": _PROBE}])}
        return _PROBE in self._tried([system, _question()])

    @cached_property
    def _encodes_arguments(self) -> bool | None:
        """Whether the template wants the arguments of calls as JSON texts, as DeepSeek's do;
        ``None`` where it writes no calls."""
        for as_text in (False, True):
            function = {"name": _PROBE, "arguments": {_ARGUMENT: _PROBE}}
            call = {"id": "call12345", "type": "function", "function": function}
            calls = [_call(call, as_text)]
            turn = {"role": "assistant", "content": "", "tool_calls": calls}
            text = self._tried([_question(), turn], generation=False)
            # An object that is put into the text as it is looks like Python's.
            if _PROBE in text and f"'{_ARGUMENT}':" not in text:
                return as_text
        return None

    def _shows(self, role: str) -> bool:
        return _PROBE in self._tried([{"role": role, "content": _PROBE}, _question()])

    def _tried(self, messages: list[Message], *, generation: bool = True) -> str:
        try:
            return self._render(messages, None, generation)
        except Exception:  # a refusal is the answer
            return ""


def marked_spans(
    render_marked: Callable[[], tuple[str, list[tuple[int, int]]]], stop: str
) -> tuple[str, list[Span]]:
    """The text and the spans that a template marks itself with ``{% generation %}``."""
    whole, marks = render_marked()
    spans = []
    for start, end in marks:
        text = whole[start:end]
        body = text.rstrip("\n").removesuffix(stop)
        inside = len(body) < len(text.rstrip("\n"))
        stops = inside or whole.startswith(stop, end)
        spans.append(Span(start, start + len(body) if inside else end, stops))
    return whole, spans


def marks_answers(template: Any) -> bool:
    """Whether a template marks the assistant's parts itself."""
    return isinstance(template, str) and _MARKS.search(template) is not None


def _is_asked(messages: Sequence[Message]) -> bool:
    return any(turn["role"] not in ("assistant", "system", "developer") for turn in messages)


def _answer_end(text: str, start: int, content: str, stop: str) -> int:
    """Where an answer ends: before the stop token after its content, else before the line ends."""
    at = text.find(content.strip(), start) if content.strip() else -1
    after = at + len(content.strip()) if at >= 0 else start
    found = text.find(stop, after)
    if found < 0 and at < 0:
        found = text.rfind(stop, start)
    return found if found >= 0 else max(start, len(text.rstrip("\n")))


def _question() -> Message:
    return {"role": "user", "content": "question"}


def _system_merged(messages: list[Message]) -> list[Message]:
    """System turns at the beginning of the user's next turn."""
    found: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(str(message["content"]))
        elif message["role"] == "user" and waiting:
            content = "\n\n".join([*waiting, str(message["content"])])
            found.append({**message, "content": content})
            waiting = []
        else:
            found.append(message)
    if waiting:
        found.append({"role": "user", "content": "\n\n".join(waiting)})
    return found


def _calls_numbered(messages: list[Message]) -> list[Message]:
    """Calls with identifiers of nine characters, as Mistral's templates want them."""
    known: dict[Any, str] = {}

    def short(given: Any) -> str:
        return known.setdefault(given, f"call{len(known) + 1:05}")

    found: list[Message] = []
    for message in messages:
        if isinstance(calls := message.get("tool_calls"), list):
            named = [
                call | {"id": short(call.get("id"))} for call in calls if isinstance(call, dict)
            ]
            message = {**message, "tool_calls": named}
        if message["role"] == "tool" and "tool_call_id" in message:
            message = {**message, "tool_call_id": short(message["tool_call_id"])}
        found.append(message)
    return found


def _turns_merged(messages: list[Message]) -> list[Message]:
    """Turns of one role in a row as one, an empty line between them."""
    found: list[Message] = []
    for message in messages:
        before = found[-1] if found else None
        calls = "tool_calls" in message or (before is not None and "tool_calls" in before)
        if before is not None and before["role"] == message["role"] != "tool" and not calls:
            content = f"{before['content']}\n\n{message['content']}"
            found[-1] = {**before, **message, "content": content}
        else:
            found.append(message)
    return found


def _without_greeting(messages: list[Message]) -> list[Message]:
    """Without what the assistant says before anybody asked."""
    first = next((n for n, turn in enumerate(messages) if turn["role"] == "user"), 0)
    return [turn for n, turn in enumerate(messages) if n >= first or turn["role"] == "system"]


def _with_tools(messages: list[Message], tools: Any) -> list[Message]:
    text = tools if isinstance(tools, str) else json.dumps(tools, ensure_ascii=False)
    if messages[0]["role"] == "system":
        return [{**messages[0], "tools": text}, *messages[1:]]
    return [{"role": "system", "content": "", "tools": text}, *messages]


def _call(call: Any, as_text: bool) -> Any:
    """A tool call with its arguments as an object, where a text would be encoded a second time,
    or *as_text*."""
    if not isinstance(call, dict):
        return call
    call = dict(call)
    inner = call.get("function")
    target = dict(inner) if isinstance(inner, dict) else call
    arguments = target.get("arguments")
    if as_text and isinstance(arguments, dict):
        target["arguments"] = json.dumps(arguments, ensure_ascii=False)
    elif not as_text and isinstance(arguments, str):
        try:
            value = json.loads(arguments)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            target["arguments"] = value
    if isinstance(inner, dict):
        call["function"] = target
    return call
