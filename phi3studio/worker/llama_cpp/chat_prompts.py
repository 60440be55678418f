"""The prompts that llama.cpp's own engine writes with the chat template in a GGUF file.

Its engine for Jinja is no part of the C interface: its server is asked, which xllamacpp brings.
That listens on this machine only, wants a key that nobody else has, and lives as long as the
process.
"""

from __future__ import annotations

import importlib.util
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import RunError, first_line

_CONTEXT = 64
_TIMEOUT_S = 30.0


def chat_prompts(file: Path, conversations: Sequence[Sequence[Mapping[str, str]]]) -> list[str]:
    """The prompt of each conversation; none where no server is installed.

    Raises :class:`RunError` for a template that the engine cannot run.
    """
    if importlib.util.find_spec("xllamacpp") is None:
        return []
    import xllamacpp

    key = secrets.token_urlsafe()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.n_ctx, parameters.n_parallel, parameters.port = _CONTEXT, 1, 0
    parameters.warmup = parameters.ui = parameters.endpoint_slots = parameters.fit_params = False
    parameters.use_jinja, parameters.api_keys = True, [key]
    try:
        server = xllamacpp.Server(parameters)
    except Exception as exc:  # whatever its C++ raises
        raise RunError("gguf.template", reason=first_line(exc)) from exc
    return [_prompt(server.listening_address, key, turns) for turns in conversations]


def _prompt(address: str, key: str, turns: Sequence[Mapping[str, str]]) -> str:
    request = urllib.request.Request(  # noqa: S310 - an address of this machine
        f"{address}/apply-template",
        json.dumps({"messages": [dict(turn) for turn in turns]}).encode(),
        {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
            return str(json.load(answer)["prompt"])
    except urllib.error.HTTPError as exc:
        raise RunError("gguf.template", reason=_said(exc)) from exc


def _said(error: urllib.error.HTTPError) -> str:
    try:
        said: Any = json.load(error)
        return str(said["error"]["message"]).strip().splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        return str(error)
