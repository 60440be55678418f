"""A chat template from elsewhere, tried in a process of its own before this one renders it.

Jinja's sandbox keeps a template from reaching the program, but not from looping for hours or
filling the memory: neither can be stopped inside a process.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from functools import lru_cache
from typing import Any

import psutil

from phi3studio.app.program import program
from phi3studio.domain.errors import InputError

_MOST_S = 3.0
_LONGEST_S = 20.0
_MOST_BYTES = 1_000_000_000
_LOOK_S = 0.02
_CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How are you?"},
    {"role": "assistant", "content": "Well."},
    {"role": "user", "content": "And now?"},
]


@lru_cache(maxsize=64)
def try_template(template: str) -> None:
    """Raise :class:`InputError` for a template that is none, or that takes more than a few
    seconds of computing or a gigabyte for a conversation of four turns.

    That it refuses this conversation says nothing against it.
    """
    creation = 0
    if sys.platform == "win32":
        creation = subprocess.CREATE_NO_WINDOW
    child = subprocess.Popen(
        program("worker", "template"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=creation,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        with contextlib.suppress(OSError):
            child.stdin.write(json.dumps(template).encode())
            child.stdin.close()
        watched = psutil.Process(child.pid)
        end = time.monotonic() + _LONGEST_S
        while child.poll() is None:
            with contextlib.suppress(psutil.Error):
                if watched.memory_info().rss > _MOST_BYTES:
                    raise InputError("model.template", variant="memory", most=_MOST_BYTES)
                spent = watched.cpu_times()
                # Waiting for a busy machine is not the template's doing.
                if spent.user + spent.system > _MOST_S or time.monotonic() > end:
                    raise InputError("model.template", variant="endless", seconds=_MOST_S)
            time.sleep(_LOOK_S)
        said = child.stdout.read()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    if not said:
        raise InputError("model.template", variant="memory", most=_MOST_BYTES)
    reason = json.loads(said)
    if reason is not None:
        raise InputError("model.template", reason=reason)


def main() -> int:
    """The child: the template on the input, ``null`` or what is wrong with it on the output."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (2 * _MOST_BYTES, 2 * _MOST_BYTES))
    print(json.dumps(template_fault(json.loads(sys.stdin.buffer.read()))), flush=True)
    return 0


def template_fault(template: str) -> str | None:
    import jinja2
    from jinja2.exceptions import SecurityError
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The tag that marks the assistant's parts."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = time.strftime
    try:
        compiled = environment.from_string(template)
    except Exception as exc:  # also RecursionError, OverflowError: whatever a parser runs into
        return f"{type(exc).__name__}: {exc}"[:300]
    try:
        compiled.render(messages=_CONVERSATION, add_generation_prompt=True)
    except SecurityError as exc:
        return f"{type(exc).__name__}: {exc}"[:300]
    except MemoryError:
        raise
    except Exception:  # it refuses this conversation
        return None
    return None
