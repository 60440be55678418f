"""Which text encoding a file has, and its text as UTF-8 lines of bounded length."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from phi3studio.domain.errors import InputError

LINE_BYTES = 4 * 1024 * 1024
"""Longest line, and longest row, that is taken for data: about a million tokens."""

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# charset-normalizer knows some hundred encodings and, given little text, prefers odd ones.
_LIKELY = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("gb18030", "big5", "shift_jis", "euc_jp", "euc_kr", "koi8_r", "mac_roman", "cp437", "cp850"),
]
_SAMPLE = 16 * 1024


@dataclass(frozen=True)
class Encoding:
    """A codec's name; not ``sure`` when it was guessed from the bytes' statistics."""

    name: str
    sure: bool = True


def detect(head: bytes, complete: bool) -> Encoding:
    """The encoding of a text that begins with *head* (all of it, if *complete*)."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return Encoding(name)
    wide = _wide(head)
    if wide is not None:
        return Encoding(wide, sure=False)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=complete)
        return Encoding("utf-8")
    except UnicodeDecodeError as exc:
        if _mostly_utf8(head):
            return Encoding("utf-8")  # single bad lines are reported by number instead
        start = max(0, exc.start - 200)
    from charset_normalizer import from_bytes

    # Only lines that tell something: those with bytes beyond ASCII.
    telling = [line for line in head[start:].splitlines() if not line.isascii()]
    matches = list(from_bytes(b"\n".join(telling)[:_SAMPLE], cp_isolation=_LIKELY))
    if not matches:
        return Encoding("cp1252", sure=False)
    # Several often fit equally well (cp1250 and cp1252 for French): then the commoner one.
    best = min(matches, key=lambda m: (m.chaos, -m.coherence, _LIKELY.index(m.encoding)))
    return Encoding(best.encoding, sure=False)


def _wide(head: bytes) -> str | None:
    """UTF-16 without its mark: every second byte of Western text is NUL."""
    sample = head[:4096]
    if len(sample) < 8:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _mostly_utf8(head: bytes) -> bool:
    """Whether far more lines beyond ASCII are valid UTF-8 than not."""
    good = bad = 0
    for line in head.split(b"\n")[:-1]:
        if line.isascii():
            continue
        try:
            line.decode("utf-8")
            good += 1
        except UnicodeDecodeError:
            bad += 1
    return good > 4 * bad


def check_name(name: str) -> str:
    """The codec that a user named; raises :class:`InputError` if there is none."""
    try:
        if not codecs.lookup(name)._is_text_encoding:
            raise LookupError(name)
        "".encode(name)
    except (LookupError, UnicodeError, ValueError, TypeError):
        raise InputError(
            "data.encoding",
            f"There is no text encoding named {name!r}.",
            "Use a name such as utf-8, utf-16, cp1252 or shift_jis in data.encoding.",
        ) from None
    return name


def as_utf8(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The same text as UTF-8 without byte order mark; undecodable bytes become U+FFFD.

    UTF-8 itself passes unchecked: whoever reads its lines sees which one is broken.
    """
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        first = True
        for piece in pieces:
            yield piece.removeprefix(codecs.BOM_UTF8) if first else piece
            first = False
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    first = True
    for piece in pieces:
        text = decoder.decode(piece)
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        yield text.encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def lines(pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines (from 1) without their line feed; ``None`` for one that is too long."""
    number = 0
    rest: list[bytes] = []
    held = 0
    too_long = False
    for piece in pieces:
        parts = piece.split(b"\n")
        for part in parts[:-1]:
            number += 1
            if too_long or held + len(part) > LINE_BYTES:
                yield number, None
            elif rest:
                rest.append(part)
                yield number, b"".join(rest)
            else:
                yield number, part
            rest, held, too_long = [], 0, False
        last = parts[-1]
        if last and not too_long:
            held += len(last)
            rest.append(last)
            if held > LINE_BYTES:
                rest, held, too_long = [], 0, True
    if too_long:
        yield number + 1, None
    elif rest:
        yield number + 1, b"".join(rest)
