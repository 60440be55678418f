"""The one list of variables that switch off what libraries report to their makers."""

from __future__ import annotations

from collections.abc import Mapping

NO_TELEMETRY: Mapping[str, str] = {
    "DO_NOT_TRACK": "1",  # what many libraries agree on, huggingface_hub among them
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "OLIVE_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""Set before the libraries are imported, in every process of ours that imports them."""

PROCESS_VARIABLES: Mapping[str, str] = {
    **NO_TELEMETRY,
    "PYTHONUNBUFFERED": "1",
    "PYTHONUTF8": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
"""What a worker, a helper process and a job start with: nothing reported, plain lines in logs."""
