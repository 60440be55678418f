"""The service that writes a run's exported model for a page in a browser."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import Cancelled, RunError
from phi3studio.worker.process import privacy
from phi3studio.worker.serving import Cancel, Handler
from phi3studio.worker.streamed import Tell, streamed


def graph(
    params: dict[str, Any], cancel: Cancel
) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Write the ONNX model in the folder ``model`` into the folder ``out`` for ONNX Runtime Web.

    Yields ``{"activity", "step", "total"}``; returns an empty object.
    """

    def write(tell: Tell) -> dict[str, Any]:
        from phi3studio.worker.browser.web_graph import write_web_graph

        def step(done: int, total: int) -> None:
            if cancel.requested:
                raise Cancelled
            tell({"activity": "writing the model for browsers", "step": done, "total": total})

        model = Path(params["model"])
        config = json.loads((model / "genai_config.json").read_text("utf-8"))
        head_size = config["model"]["decoder"]["head_size"]
        out = Path(params["out"])
        try:
            write_web_graph(model, head_size, out, step)
        except OSError as exc:
            reason = exc.strerror or str(exc)
            raise RunError("export.not_written", path=out.parent, reason=reason) from exc
        return {}

    return (yield from streamed(write))


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    privacy.disable_telemetry()
    return {"graph": graph}
