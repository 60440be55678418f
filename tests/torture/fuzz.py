"""Inputs that nobody wrote, for every reader of :mod:`tests.torture.readers`.

    python -m tests.torture.fuzz recipe --count 100000 --seed 1

Guided by coverage where atheris can be imported (``pip install atheris``), else changed at random.
What leaves a reader other than an error for users is kept in ``corpus`` as ``READER-DIGEST``, which
the tests replay. Prints how many inputs were read; exits with 1 when there was a fault.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
MEMORY = 8_000_000_000


def mutated(content: bytes, chance: random.Random) -> bytes:
    """*content* changed somewhere: a value where it is JSON, else bytes."""
    from tests.unit.test_damaged_configs import damaged

    head, body = (content[:1], content[1:]) if content[:1] in b"jy\0\1" else (b"", content)
    if chance.random() < 0.6:
        lines = body.split(b"\n")
        at = chance.randrange(len(lines))
        for whole in (body, lines[at]):
            try:
                values, _ = damaged(json.loads(whole), chance.randrange(2**32))
                made = json.dumps(values).encode()
            except (ValueError, RecursionError, AttributeError, TypeError):
                continue
            return head + (
                made if whole is body else b"\n".join([*lines[:at], made, *lines[at + 1 :]])
            )
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                del data[at : at + chance.choice((1, 2, 8, 100))]
            case 1:
                data[at:at] = bytes([chance.randrange(256)])
            case 2 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 3:
                data[at:at] = chance.choice(TOKENS)
            case 4:
                other = chance.randrange(len(data) + 1)
                data[at:at] = data[other : other + chance.randrange(40)]
            case 5 if at < len(data):
                data[at] = chance.choice(b'{}[]",:\n\0\xff0-9\\.')
    return bytes(data)


TOKENS = (
    b"\xed\xa0\x80", b"\\ud800", b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\r", b"\x1b[2J",
    b"1e999", b"NaN", b"-Infinity", b"9" * 5000, b"9999999999999999999", b"-1", b"0", b"1.5",
    b"null", b"true", b'""', b"[]", b"{}", b"[" * 5000, b'{"a":' * 3000, b"{{", b"}}", b"{%",
    b"%", b"../", b"~nobody/", b"&a [*a]", b"!!python/object:os.system", b"2001-99-99",
    b"<<: *a", b"? [x]", b"\n=====\n", b"-\n",
)  # fmt: skip


def keep(reader: str, content: bytes, said: str, known: set[str]) -> bool:
    """Keep an input whose fault was not seen before; whether it is new."""
    kind = said.partition(" — ")[0]
    if kind in known:
        return False
    known.add(kind)
    file = CORPUS / f"{reader}-{hashlib.sha256(content).hexdigest()[:10]}"
    file.write_bytes(content)
    print(f"{file.name}: {said}", flush=True)
    return True


def at_random(reader: str, count: int, seed: int, until: float) -> tuple[int, int]:
    """Read *count* changed inputs; how many were read, and how many kinds of faults there were."""
    from tests.torture.readers import fault, seeds

    chance = random.Random(f"{seed} {reader}")
    begin = seeds(reader)
    pool = copy.copy(begin)
    known: set[str] = set()
    for number in range(count):
        if time.monotonic() > until:
            return number, len(known)
        content = mutated(chance.choice(pool), chance)
        said = fault(reader, content)
        if said is not None:
            keep(reader, content, said, known)
        if len(content) < 20_000 and chance.random() < 0.05:
            pool.append(content)
            if len(pool) > 300:
                del pool[len(begin)]
    return count, len(known)


def guided(reader: str, count: int, seed: int, minutes: float) -> None:
    """The same by libFuzzer, which keeps what reaches new code; it ends the process itself."""
    import atheris

    with atheris.instrument_imports(include=["phi3studio"]):
        from tests.torture.readers import fault, seeds
    known: set[str] = set()

    def one(content: bytes) -> None:
        said = fault(reader, content)
        if said is not None:
            keep(reader, content, said, known)

    def change(content: bytes, most: int, number: int) -> bytes:
        if number % 2:
            return mutated(content, random.Random(number))[:most]
        return atheris.Mutate(content, most)

    begin = Path(tempfile.mkdtemp(prefix=f"phi3studio-corpus-{reader}-"))
    for number, content in enumerate(seeds(reader)):
        (begin / f"seed{number}").write_bytes(content)
    options = [
        f"-runs={count}", f"-seed={seed % 2**31 or 1}", f"-max_total_time={int(60 * minutes)}",
        "-max_len=60000", "-rss_limit_mb=4000", "-timeout=60", "-verbosity=0",
        "-print_final_stats=1", f"-artifact_prefix={begin}/",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(begin)], one, custom_mutator=change)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--unguided", action="store_true")
    chosen = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)) if chosen.unguided else None
    os.environ["PHI3STUDIO_HOME"] = tempfile.mkdtemp(prefix="phi3studio-fuzz-home-")
    print(f"{chosen.reader}: seed {chosen.seed}", flush=True)
    if not chosen.unguided:
        guided(chosen.reader, chosen.count, chosen.seed, chosen.minutes)
    until = time.monotonic() + 60 * chosen.minutes
    read, faults = at_random(chosen.reader, chosen.count, chosen.seed, until)
    print(f"{chosen.reader}: {read} inputs, {faults} kinds of faults")
    return min(1, faults)


if __name__ == "__main__":
    sys.exit(main())
