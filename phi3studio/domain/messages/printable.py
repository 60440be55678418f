"""Control characters of data, made visible before anybody's terminal or file obeys them."""

from __future__ import annotations

# C0 but for tab and newline, DEL, C1: what terminals obey and XML forbids. Half surrogate pairs,
# which no encoding takes, and noncharacters that XML refuses as well.
_SHOWN: dict[int, int] = {
    **{code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: 0x2421,
    **dict.fromkeys((*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), 0xFFFD),
}


def printable(text: str) -> str:
    """*text* with every control character but tab and newline shown as a picture of itself (␛)."""
    if text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_SHOWN)
