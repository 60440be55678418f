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
# languages that are written in them, the commonest letter first.
_LATIN = (
    *("cp1252", "cp1250", "cp1254", "cp1257", "iso8859_2", "iso8859_15"),
    *("mac_roman", "cp850", "cp852", "cp437"),
)
_LATIN_LETTERS = (
    "éàèêçôùîâûëïœæüÿ",  # French
    "èàùòìéíóîú",  # Italian
    "üäöß",  # German
    "óíáéñúü",  # Spanish
    "ãçáéíóêõâúàôü",  # Portuguese
    "àéòóíèçúïü·",  # Catalan
    "äåöéü",  # Swedish, Finnish
    "øåæéèêóòôü",  # Danish, Norwegian
    "ðáíóþæöéúý",  # Icelandic
    "éëïèêóöüáíàôú",  # Dutch
    "áíéóú",  # Irish
    "łąężśóćńź",  # Polish
    "íáéěřýčžšůúďťňó",  # Czech
    "áíčéžýšťúľäďôňóĺŕ",  # Slovak
    "áéöóőüíúű",  # Hungarian
    "ăîţșâşț",  # Romanian
    "čšžćđ",  # Croatian, Slovenian, Bosnian
    "ëç",  # Albanian
    "ıüşçğöİâîû",  # Turkish
    "ėšųžįąūęč",  # Lithuanian
    "āīēšņļūžčģķ",  # Latvian
    "äõüöšž",  # Estonian
)
# The same of other alphabets.
_ALPHABETS = (
    (
        ("cp1251", "koi8_r", "koi8_u", "cp866", "iso8859_5"),
        (
            "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",  # Russian
            "оанивіетрслкудмпзяьбгчйхцжїюєшщфґ",  # Ukrainian
            "аиоентрсвлкдпмзгябучъщцхжшюфьй",  # Bulgarian
            "аиоенрстјукдлмвпгзбчцшњљћжхђфџ",  # Serbian
        ),
    ),
    (("cp1255", "iso8859_8"), ("יוהלאמרתשנבכדעחקפםגסטןצזךףץ",)),
    (("cp1253", "iso8859_7"), ("αοιετσνηρυκπμλςίόγάδωήέχύθφώβζξψϊϋΐΰ",)),
    (("cp874",), ("านรอกเง่มยลวดทสต้ัปบคหแจพชีไใขิุูะโถ์ำผืฟศ็ธณภซึฮษญฉฐฏฝฎฬๆฯฆฑฒฌ",)),  # Thai
    (("cp1256", "iso8859_6"), ("اليمنتوربهدعسكفقحةجأشصطىخإذضزثءئغظؤآ",)),
)
_SIGNS = frozenset("“”„‘’‚–—…«»‹›€£¥§°•·¡¿©®™½¼¾²³×±ºª´\u00a0")
_LATIN_SHARE = 0.5
_SURE_SHARE = 0.9
_RARE = 0.45
"""A text whose letters beyond ASCII are on average further back among those of a Latin language
is more likely another language's: Turkish reads as Icelandic of Þ and ý alone."""
_COMMON = 0.4
"""The same for other alphabets, where half of the alphabet is what any bytes come to."""


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
    name = _latin(sample) or _other_alphabet(sample) or _by_statistics(sample)
    return Encoding(name, sure=False)


def _latin(sample: bytes) -> str | None:
    """The encoding in which the letters beyond ASCII are those of one language, if one is.

    Statistics over bytes alone take short French and Italian texts for Baltic ones.
    """
    found: list[tuple[float, bool, int, str]] = []
    for place, name in enumerate(_LATIN):
        share, rank = _one_language(_decoded(sample, name), _LATIN_LETTERS, _LATIN_SHARE)
        if share >= _SURE_SHARE:
            found.append((-round(share, 2), rank > _RARE, place, name))
    return min(found)[-1] if found else None


def _other_alphabet(sample: bytes) -> str | None:
    """The encoding in which the letters beyond ASCII are the common ones of a language with
    another alphabet, if there is one: a single line is too short for statistics over bytes."""
    found: list[tuple[float, str]] = []
    for names, letters in _ALPHABETS:
        for name in names:
            share, rank = _one_language(_decoded(sample, name), letters)
            if share >= _SURE_SHARE and rank < _COMMON:
                found.append((share - rank, name))
    return max(found, key=lambda item: item[0])[1] if found else None


def _decoded(sample: bytes, name: str) -> str:
    try:
        return sample.decode(name)
    except UnicodeDecodeError:
        return sample[:-1].decode(name, "replace")


def _one_language(text: str, languages: tuple[str, ...], most: float = 1.0) -> tuple[float, float]:
    """The share of the characters beyond ASCII that the best fitting language has, and how far
    back its letters stand on average in that language: 0 for the commonest, 1 for the rarest. A
    single letter says nothing of that. The share is 0 for a text with more than *most* of its
    letters beyond ASCII."""
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
    if total - signs > most * (ascii_letters + total - signs):
        return 0.0, 1.0
    best = (0, 1.0)
    for known in languages:
        ranks = {letter: rank / len(known) for rank, letter in enumerate(known)}
        ranks |= {letter.upper(): rank for letter, rank in ranks.items()}
        here = {letter: count for letter, count in letters.items() if letter in ranks}
        count = sum(here.values())
        rank = sum(ranks[letter] * times for letter, times in here.items()) / max(1, count)
        rank = rank if len(here) > 1 else 0.0
        best = max(best, (count, rank), key=lambda item: (item[0], -item[1]))
    return (best[0] + signs) / max(1, total), best[1]


def _by_statistics(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    matches = list(from_bytes(sample, cp_isolation=_LIKELY))
    if not matches:
        return "cp1252"
    # Several often fit equally well: then the commoner one.
    best = min(matches, key=lambda m: (m.chaos, -m.coherence, _LIKELY.index(m.encoding)))
    if best.encoding == "gb18030" and _is_japanese(_decoded(sample, "euc_jp")):
        return "euc_jp"  # Chinese encodings have kana too, at the same places
    return best.encoding


def _is_japanese(text: str) -> bool:
    kana = sum("\u3041" <= character <= "\u30fe" for character in text)
    return kana > len(text) / 5 and "\ufffd" not in text


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
