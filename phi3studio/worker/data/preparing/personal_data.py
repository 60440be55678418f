"""Keys, e-mail addresses, card and account numbers in texts: found exactly, and replaced."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from phi3studio.domain.rows.repairs import SECRET_KINDS, SecretKind

# RE2, over whole columns at once: every text that could hold something. False alarms are
# weeded out below, one by one.
CANDIDATES = (
    r"@[A-Za-z0-9-]+\.|(?:\d[ -]?){12}\d|\b[A-Z]{2}\d\d ?[A-Z0-9]{4} ?[A-Z0-9]{4}|"
    r"-----BEGIN |AKIA|ASIA|gh[pousr]_|github_pat_|xox[abprs]-|"
    r"sk-|sk_live_|rk_live_|AIza|glpat-|hf_|npm_|pypi-|eyJ|SG\.|(?i:password|passwd|secret|api_?key|token)"
)

_KEY = re.compile(
    r"""
    -----BEGIN\ (?:[A-Z]+\ )*PRIVATE\ KEY-----
      (?:[\s\S]{0,8000}?-----END\ (?:[A-Z]+\ )*PRIVATE\ KEY-----)?
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | \bgh[pousr]_[A-Za-z0-9]{36,}\b
    | \bgithub_pat_[A-Za-z0-9_]{60,}\b
    | \bxox[abprs]-[A-Za-z0-9-]{10,}
    | \bsk-[A-Za-z0-9_-]{20,}
    | \b[sr]k_live_[A-Za-z0-9]{20,}\b
    | \bAIza[0-9A-Za-z_-]{35}
    | \bglpat-[A-Za-z0-9_-]{20,}
    | \bhf_[A-Za-z0-9]{30,}\b
    | \bnpm_[A-Za-z0-9]{36}\b
    | \bpypi-[A-Za-z0-9_-]{50,}
    | \bSG\.[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{30,}
    | \beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}
    | (?<=[=:\s"'])(?=[A-Za-z0-9/+_-]*\d)(?=[A-Za-z0-9/+_-]*[A-Za-z])
      [A-Za-z0-9/+_-]{32,}(?=["'\s,;]|$)
    """,
    re.VERBOSE,
)
_NAMED = re.compile(r"(?i)\b(?:password|passwd|secret|api[_-]?key|(?:access|auth)[_-]?token)\b")
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"
)
# Behind “+” stands a telephone number.
_CARD = re.compile(r"(?<![\w.,+-])(?:\d[ -]?){12,18}\d(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_HARMLESS_EMAILS = ("@example.com", "@example.org", "@example.net")


def find(
    text: str, kinds: Collection[SecretKind] = SECRET_KINDS
) -> Iterator[tuple[SecretKind, int, int]]:
    """Every secret in *text*: its kind, start and end; they do not overlap within a kind."""
    if "key" in kinds:
        named = bool(_NAMED.search(text))
        for match in _KEY.finditer(text):
            # A long token alone may be an id; next to a word such as "api_key" it is a secret.
            if match.group()[:1] != "-" and not _prefixed(match.group()) and not named:
                continue
            yield "key", match.start(), match.end()
    if "email" in kinds and "@" in text:
        for match in _EMAIL.finditer(text):
            if not match.group().lower().endswith(_HARMLESS_EMAILS):
                yield "email", match.start(), match.end()
    if "iban" in kinds:
        for match in _IBAN.finditer(text):
            if end := _iban_end(match.group()):
                yield "iban", match.start(), match.start() + end
    if "card" in kinds:
        # An account number with a slip is still no card.
        accounts = [match.span() for match in _IBAN.finditer(text)]
        for match in _CARD.finditer(text):
            inside = any(start < match.end() and match.start() < end for start, end in accounts)
            if not inside and _is_card(match.group()):
                yield "card", match.start(), match.end()


_PREFIXES = (
    *("AKIA", "ASIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xox", "sk-"),
    *("sk_live_", "rk_live_", "AIza", "glpat-", "hf_", "npm_", "pypi-", "SG.", "eyJ"),
)


def _prefixed(text: str) -> bool:
    return text.startswith(_PREFIXES)


def _iban_end(text: str) -> int:
    """Where an account number ends within the text that it begins; 0 where its check digits do
    not fit. A word of capitals may follow it."""
    parts = text.split(" ")
    for count in range(len(parts), 0, -1):
        whole = "".join(parts[:count])
        if 15 <= len(whole) <= 34 and any(c.isdigit() for c in whole[4:]):
            number = "".join(str(int(c, 36)) for c in whole[4:] + whole[:4])
            if int(number) % 97 == 1:
                return len(" ".join(parts[:count]))
    return 0


def _is_card(text: str) -> bool:
    """Whether the digits begin like a card of a large issuer and pass the Luhn check."""
    digits = [int(character) for character in text if character.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1 or digits[0] not in (2, 3, 4, 5, 6):
        return False
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def redact(text: str, kinds: Collection[SecretKind] = SECRET_KINDS) -> str:
    """*text* with every secret replaced by [KEY], [EMAIL], [IBAN] or [CARD]."""
    found = sorted(find(text, kinds), key=lambda item: (item[1], -item[2]))
    parts: list[str] = []
    end = 0
    for kind, start, stop in found:
        if start < end:
            continue
        parts += (text[end:start], f"[{kind.upper()}]")
        end = stop
    return "".join(parts) + text[end:] if parts else text
