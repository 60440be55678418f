"""GGUF's kinds, the programs that use such files, and how these get the training's template.

llama.cpp, LM Studio and Jan run the Jinja template in the file; Ollama wants one of Go in a
``Modelfile`` next to it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from phi3studio.domain.errors import InputError
from phi3studio.domain.template import ParsedTemplate, Piece

GgufKind = Literal["q8_0", "iq4_nl", "f16"]
GGUF_KINDS: tuple[GgufKind, ...] = ("q8_0", "iq4_nl", "f16")
"""The first is made where none is named."""


def more_exact_gguf(kind: GgufKind) -> GgufKind | None:
    """The next larger kind; ``None`` after the exact one."""
    order: tuple[GgufKind, ...] = ("iq4_nl", "q8_0", "f16")
    return order[order.index(kind) + 1] if kind != "f16" else None


_BITS: dict[GgufKind, float] = {"q8_0": 8.5, "iq4_nl": 4.5, "f16": 16.0}
"""Bits for each weight, with the scales of 32 of them."""


def gguf_bytes(kind: GgufKind, parameters: int, embedded: int) -> int:
    """About how large a file of *kind* becomes; *embedded* of the model's weights are token
    embeddings, which 4 bits leave at 8."""
    kept = _BITS["q8_0"] if kind == "iq4_nl" else _BITS[kind]
    return round(((parameters - embedded) * _BITS[kind] + embedded * kept) / 8)


GgufPlace = Literal["ollama", "lmstudio", "llamacpp"]
GGUF_PLACES: tuple[GgufPlace, ...] = ("ollama", "lmstudio", "llamacpp")

_STARTS: dict[GgufPlace, str] = {
    "ollama": "ollama create {name} -f Modelfile && ollama run {name}",
    "lmstudio": "lms import {file}",
    "llamacpp": "llama-server -m {file}",
}
LORA_PLACES: tuple[GgufPlace, ...] = ("ollama", "llamacpp")
"""Those that load an adapter next to its base model."""

_PART = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_OLLAMA_NAME = re.compile(rf"(?:{_PART}/)?{_PART}(?::{_PART})?")

Turn = Mapping[str, str]


def check_ollama_name(name: str) -> None:
    """Raise :class:`InputError` for a name that ``ollama create`` refuses."""
    if not _OLLAMA_NAME.fullmatch(name) or ".." in name:
        raise InputError("gguf.ollama_name", name=name)


def start_line(place: GgufPlace, file: str, name: str, lora: str | None = None) -> str:
    """What is typed in the bundle's folder to use the GGUF *file*, with the adapter *lora*;
    *name* is Ollama's for it."""
    line = _STARTS[place].format(file=file, name=name)
    return f"{line} --lora {lora}" if lora is not None and place == "llamacpp" else line


@dataclass(frozen=True)
class Turns:
    """What a chat template writes around the texts of a conversation.

    ``first`` stands before a question that nothing precedes, ``system`` around a system prompt
    (``None``: there is none), ``between`` and ``after`` follow a question that is answered and the
    one that is to be, ``next`` stands between an answer and the question after it.
    """

    first: str
    system: tuple[str, str] | None
    between: str
    after: str
    next: str

    @property
    def default_system(self) -> str | None:
        """The system prompt that the template writes where none is given."""
        if self.system is None:
            return None
        before, behind = self.system
        within = len(self.first) > len(before) + len(behind)
        if within and self.first.startswith(before) and self.first.endswith(behind):
            return self.first[len(before) : len(self.first) - len(behind)]
        return None

    def write(self, turns: Sequence[Turn]) -> str:
        """The prompt of a conversation that ends with a question, as the Go template writes it."""
        asked = [turn for turn in turns if turn["role"] != "system"]
        system = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
        text = self.first
        if system and self.system is not None:
            text = self.system[0] + system + self.system[1]
        for at, turn in enumerate(asked, start=1):
            follows = self.between if turn["role"] == "user" else self.next
            text += turn["content"] + (self.after if at == len(asked) else follows)
        return text

    @property
    def go_template(self) -> str:
        """The same as Ollama's template."""
        head = _go(self.first)
        if self.system is not None:
            before, behind = map(_go, self.system)
            head = _if(".System", before + "{{ .System }}" + behind, head)
        follows = _if("$last", _go(self.after), _go(self.between))
        question = '{{ if eq .Role "user" }}{{ .Content }}' + follows
        following = _if("not $last", _go(self.next))
        answer = '{{ else if eq .Role "assistant" }}{{ .Content }}' + following
        last = "{{ $last := eq (len (slice $.Messages $i)) 1 }}"
        each = "{{ range $i, $_ := .Messages }}"
        return f"{head}{each}{last}{question}{answer}{{{{ end }}}}{{{{ end }}}}"


def prompt_in_go(template: ParsedTemplate) -> str:
    """Ollama's template for a prompt template: the question fills its column.

    With several columns the program writes the whole prompt, and this hands it on.
    """
    if len(template.columns) != 1:
        return "{{ .Prompt }}"

    def written(pieces: Sequence[Piece]) -> str:
        return "".join(
            _go(piece.text)
            if piece.column is None
            else "{{ .Prompt }}"
            if piece.inner is None
            else _if(".Prompt", written(piece.inner))
            for piece in pieces
        )

    return written(template.pieces)


def prompt_in_jinja(template: ParsedTemplate) -> str:
    """The chat template for a prompt template: the last message fills its column."""
    asked = "messages[-1]['content']"
    if len(template.columns) != 1:
        return f"{{{{ {asked} }}}}"

    def written(pieces: Sequence[Piece]) -> str:
        return "".join(
            f"{{{{ {_quoted(piece.text)} }}}}"
            if piece.column is None
            else f"{{{{ {asked} }}}}"
            if piece.inner is None
            else f"{{% if {asked} %}}{written(piece.inner)}{{% endif %}}"
            for piece in pieces
        )

    return written(template.pieces)


def modelfile(
    file: str,
    template: str,
    *,
    stops: Sequence[str],
    context: int,
    lora: str | None = None,
    system: str | None = None,
    licence: str = "",
) -> str:
    """Ollama's Modelfile for the GGUF *file* next to it, and the adapter *lora*: the template in
    Go, the stop tokens, the length of the context, and answers as they were measured (the most
    likely token).

    Raises :class:`InputError` for a text that a Modelfile cannot hold.
    """
    lines = [f"FROM ./{file}"]
    if lora is not None:
        lines.append(f"ADAPTER ./{lora}")
    lines.append(f"TEMPLATE {_block(template)}")
    if system is not None:
        lines.append(f"SYSTEM {_block(system)}")
    lines += [f'PARAMETER stop "{stop}"' for stop in stops]
    lines += [
        "PARAMETER temperature 0",
        "PARAMETER repeat_penalty 1",
        f"PARAMETER num_ctx {context}",
    ]
    if licence:
        lines.append(f"LICENSE {_block(licence.replace(chr(34) * 3, chr(39) * 3))}")
    return "\n".join(lines) + "\n"


def _block(text: str) -> str:
    # Ollama drops what is not printable, and has no way to write three quotation marks.
    odd = next((sign for sign in text if not (sign.isprintable() or sign in "\n\r\t")), None)
    if odd is not None or '"""' in text or text.endswith('"'):
        shown = f"U+{ord(odd):04X}" if odd is not None else '"""'
        raise InputError("gguf.modelfile", sign=shown)
    return f'"""{text}"""'


def _if(condition: str, text: str, other: str = "") -> str:
    otherwise = "{{ else }}" + other if other else ""
    return "{{ if " + condition + " }}" + text + otherwise + "{{ end }}"


def _go(text: str) -> str:
    return text.replace("{{", '{{ "{{" }}')


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"
