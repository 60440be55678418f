"""What this environment's flavour of onnxruntime-genai can run."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from phi3studio.app.files import link_tree, write_json
from phi3studio.domain.errors import RunError
from phi3studio.domain.events.measured_events import VerdictNote, verdict_note
from phi3studio.domain.quantisation import FLAVOURS, PROVIDER_TITLES, Provider

_ORT_NAMES: dict[Provider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "dml": "DmlExecutionProvider",
}


def can_run(provider: Provider) -> bool:
    """Whether the installed flavour knows *provider*."""
    import onnxruntime

    return _ORT_NAMES[provider] in onnxruntime.get_available_providers()


def prepare_gpu() -> None:
    """Load the libraries that a model on an NVIDIA GPU will need, none of its memory. What cannot
    be loaded is left to the model that needs it, which says so."""
    import onnxruntime
    import onnxruntime_genai  # noqa: F401

    if can_run("cuda"):
        with contextlib.suppress(Exception), contextlib.redirect_stdout(sys.stderr):
            onnxruntime.preload_dlls()


def measured_on_cpu(provider: Provider) -> VerdictNote:
    """What to tell of a model for *provider* that was measured on the CPU."""
    return verdict_note(
        "fidelity.measured_on_cpu",
        wheels=FLAVOURS[provider],
        device=PROVIDER_TITLES[provider],
    )


def not_measured(provider: Provider, error: RunError) -> VerdictNote:
    """What to tell of a model for *provider* that does not run here at all, because of *error*."""
    return verdict_note(
        "fidelity.not_measured",
        variant="" if can_run(provider) else "no_wheels",
        wheels=FLAVOURS[provider],
        device=PROVIDER_TITLES[provider],
        reason=_cause(error),
    )


def _cause(error: RunError) -> str:
    """The end of a library's message, without the paths of scratch folders."""
    said = str(error.values.get("reason", error.message))
    return said.rpartition(": ")[2].rstrip(".")[:200]


@contextlib.contextmanager
def runnable(
    model: Path, provider: Provider, scratch: Path
) -> Iterator[tuple[Path, VerdictNote | None]]:
    """*model* as it can run here: itself, or for a provider that is missing a copy of its
    settings for the CPU next to links to its files, and what to tell of it."""
    if can_run(provider):
        yield model, None
        return
    folder = Path(tempfile.mkdtemp(prefix="cpu-", dir=scratch))
    try:
        link_tree(model, folder, without="genai_config.json")
        settings = json.loads((model / "genai_config.json").read_text("utf-8"))
        settings["model"]["decoder"]["session_options"]["provider_options"] = []
        write_json(folder / "genai_config.json", settings)
        yield folder, measured_on_cpu(provider)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
