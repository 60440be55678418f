"""Files of models and adapters from elsewhere, looked into before a library reads them."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, first_line
from phi3studio.domain.messages import Phrase

_LFS = b"version https://git-lfs.github.com/spec/"
_HTML = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.I | re.S)
_HEAD = 512
_MOST_JSON = 256 * 1024 * 1024
_MOST_HEADER = 32 * 1024 * 1024


def refuse_stand_in(file: Path) -> None:
    """Raise :class:`InputError` for a file that is not there, is empty, or came in the place of
    the real one: a Git LFS pointer, a web page."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as exc:
        absent = isinstance(exc, FileNotFoundError)
        reason = exc.strerror or first_line(exc)
        raise InputError(
            "model.file", variant="absent" if absent else "", file=file, reason=reason
        ) from exc
    if not head.strip():
        raise InputError("model.file", variant="empty", file=file)
    if head.startswith(_LFS):
        raise InputError("model.file", variant="lfs", file=file)
    if _HTML.match(head):
        raise InputError("model.file", variant="html", file=file)


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object in *file*; raises :class:`InputError` that names the file for all else."""
    refuse_stand_in(file)
    if file.stat().st_size > _MOST_JSON:
        raise InputError("model.file", variant="large", file=file, most=_MOST_JSON)
    try:
        values = json.loads(file.read_text("utf-8-sig"))
        # A half of a surrogate pair is no character: it could be neither shown nor written.
        json.dumps(values, ensure_ascii=False).encode()
    except (OSError, ValueError, RecursionError) as exc:
        raise InputError("model.file", file=file, reason=first_line(exc)) from exc
    if not isinstance(values, dict):
        raise InputError("model.file", variant="no_object", file=file)
    return values


def tensor_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Name → shape of the tensors in a safetensors *file*, from its header alone.

    Raises :class:`InputError` unless the file has exactly the bytes that its header tells.
    """
    refuse_stand_in(file)
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if size < 8 or length > min(size - 8, _MOST_HEADER):
                raise _damaged(file, Phrase("model.weights_damage", variant="start"))
            header = json.loads(stream.read(length))
        shapes, end = {}, 0
        parts = ((name, item) for name, item in header.items() if name != "__metadata__")
        for name, item in sorted(parts, key=lambda part: part[1]["data_offsets"]):
            first, last = item["data_offsets"]
            shape = tuple(item["shape"])
            if first != end or last < first or any(type(n) is not int or n < 0 for n in shape):
                raise _damaged(file, Phrase("model.weights_damage", variant="tensor", tensor=name))
            if math.prod(shape) > 8 * (last - first):
                raise _damaged(file, Phrase("model.weights_damage", variant="tensor", tensor=name))
            shapes[name], end = shape, last
    except OSError as exc:
        reason = exc.strerror or first_line(exc)
        raise InputError("model.file", file=file, reason=reason) from exc
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise _damaged(file, Phrase("model.weights_damage", variant="header")) from exc
    expected = 8 + length + end
    if size != expected:
        raise _damaged(
            file, Phrase("model.weights_damage", variant="length", size=size, expected=expected)
        )
    return shapes


def _damaged(file: Path, reason: Phrase) -> InputError:
    return InputError("model.file", variant="weights", file=file, reason=reason)
