"""Which text encoding a file has, and its text as UTF-8 lines of bounded length."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from phi3studio.domain.errors import InputError

LINE_BYTES = 4 * 1024 * 1024
"""Longest line, and longest row, that counts as data: about a million tokens."""

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
    *("iso8859_5", "iso8859_6"),
    *("gb18030", "big5", "shift_jis", "euc_jp", "euc_kr"),
    *("koi8_r", "koi8_u", "cp866", "mac_roman", "cp437", "cp850"),
]
_SAMPLE = 16 * 1024
_CONTROL = bytes({*range(0x20), 0x7F} - {*b"\t\n\r"})

# Encodings of the Latin alphabet, the commonest first, and the letters beyond ASCII of the
# languages that are written in them.
_LATIN = (
    *("cp1252", "cp1250", "cp1254", "cp1257", "iso8859_2", "iso8859_15"),
    *("mac_roman", "cp850", "cp852", "cp437"),
)
_LETTERS = tuple(
    frozenset(small + small.upper())
    for small in (
        "àâæçéèêëîïôœùûüÿ",  # French
        "àèéìíîòóùú",  # Italian
        "äöüß",  # German
        "áéíñóúü",  # Spanish
        "áâãàçéêíóôõúü",  # Portuguese
        "àçèéíïòóúü·",  # Catalan
        "åäöéü",  # Swedish, Finnish
        "æøåéèêóòôü",  # Danish, Norwegian
        "áðéíóúýþæö",  # Icelandic
        "àáèéëêïíóöôüú",  # Dutch
        "áéíóú",  # Irish
        "ąćęłńóśźż",  # Polish
        "áčďéěíňóřšťúůýž",  # Czech
        "áäčďéíĺľňóôŕšťúýž",  # Slovak
        "áéíóöőúüű",  # Hungarian
        "ăâîşţșț",  # Romanian
        "čćđšž",  # Croatian, Slovenian, Bosnian
        "çë",  # Albanian
        "çğıöşüâîûİ",  # Turkish
        "ąčęėįšųūž",  # Lithuanian
        "āčēģīķļņšūž",  # Latvian
        "äõöüšž",  # Estonian
    )
)
_SIGNS = frozenset("“”„‘’‚–—…«»‹›€£¥§°•·¡¿©®™½¼¾²³×±ºª´\u00a0")
_LATIN_SHARE = 0.5
_SURE_SHARE = 0.9


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
    if head.isascii() and b"\x1b$" in head:
        return Encoding("iso2022_jp")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=complete)
        return Encoding("utf-8")
    except UnicodeDecodeError as exc:
        if _mostly_utf8(head):
            return Encoding("utf-8")  # single bad lines are reported by number instead
        start = max(0, exc.start - 200)
    # Only lines that say something: those with bytes beyond ASCII.
    sample = b"\n".join(line for line in head[start:].splitlines() if not line.isascii())[:_SAMPLE]
    sample = sample.translate(None, _CONTROL)  # one of them rules out every likely encoding
    return Encoding(_latin(sample) or _by_statistics(sample), sure=False)


def _latin(sample: bytes) -> str | None:
    """The encoding in which the letters beyond ASCII are those of one language, if one is.

    Statistics over bytes alone take short French and Italian texts for Baltic ones.
    """
    found: list[tuple[float, int, str]] = []
    for place, name in enumerate(_LATIN):
        try:
            text = sample.decode(name)
        except UnicodeDecodeError:
            text = sample[:-1].decode(name, "replace")
        if (share := _one_language(text)) >= _SURE_SHARE:
            found.append((-round(share, 2), place, name))
    return min(found)[2] if found else None


def _one_language(text: str) -> float:
    """The share of the characters beyond ASCII that the best fitting language has; 0 for a text
    that has more of them than any language of the Latin alphabet."""
    letters: Counter[str] = Counter()
    signs = total = 0
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if character.isascii():
            continue
        total += 1
        if character in _SIGNS:
            signs += not (before.isalpha() and after.isalpha()) or character in "’·"
        elif not (character.isupper() and before.islower()):
            letters[character] += 1
    ascii_letters = sum(character.isascii() and character.isalpha() for character in text)
    if total - signs > _LATIN_SHARE * (ascii_letters + total - signs):
        return 0.0
    best = max(sum(letters[one] for one in known if one in letters) for known in _LETTERS)
    return (best + signs) / max(1, total)


def _by_statistics(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=_LIKELY))
    if not matches:
        return "cp1252"
    # Several often fit equally well: then the commoner one.
    best = min(matches, key=lambda m: (m.chaos, -m.coherence, _LIKELY.index(m.encoding)))
    return best.encoding


def _wide(head: bytes) -> str | None:
    """UTF-16 without its mark: there are NUL bytes, and of the two byte orders one gives line
    ends and spaces among printable characters."""
    sample = head[: len(head) // 2 * 2][:65536]
    if len(sample) < 8 or sample.count(0) * 200 < len(sample):
        return None
    found: list[tuple[int, str]] = []
    for name in ("utf-16-le", "utf-16-be"):
        text = sample.decode(name, "replace")
        blanks = sum(map(text.count, " \n\r\t"))
        odd = sum(not c.isprintable() or c == "\ufffd" for c in text) - sum(
            map(text.count, "\n\r\t")
        )
        if blanks and odd * 10 <= len(text):
            found.append((blanks, name))
    return max(found)[1] if found else None


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
        raise InputError("data.encoding", name=name) from None
    return name


def as_utf8(
    pieces: Iterable[bytes], encoding: str, *, carriage_returns: bool = False
) -> Iterator[bytes]:
    """The same text as UTF-8 without byte order mark; undecodable bytes become U+FFFD.

    UTF-8 itself passes unchecked: whoever reads its lines sees which one is broken. With
    *carriage_returns* these end the lines, as on the first Macs.
    """
    if carriage_returns:
        yield from (piece.replace(b"\r", b"\n") for piece in as_utf8(pieces, encoding))
        return
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
