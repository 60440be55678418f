"""The probe service: what torch and ONNX Runtime find on this machine."""

from __future__ import annotations

from typing import Any

from phi3studio.domain.errors import first_line
from phi3studio.worker.serving import Cancel, Handler


def devices(params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
    """Devices for training and ONNX Runtime's execution providers.

    A part that cannot be imported is reported with its reason instead of raising.
    """
    found: dict[str, Any] = {"train_on": ["cpu"], "cuda": [], "providers": [], "problems": []}
    try:
        import torch

        from phi3studio.worker.process.hardware import cpu_has_bfloat16
        from phi3studio.worker.process.threads import usable_cores

        found["threads"] = usable_cores()
        found["cpu_bfloat16"] = cpu_has_bfloat16()
        found["torch_cuda_build"] = torch.version.cuda
        if torch.cuda.is_available():
            found["train_on"].append("cuda")
            for index in range(torch.cuda.device_count()):
                facts = torch.cuda.get_device_properties(index)
                found["cuda"].append({"name": facts.name, "memory": facts.total_memory})
    except (ImportError, OSError, RuntimeError) as exc:
        found["problems"].append(_broken("torch", exc))
    try:
        import onnxruntime

        found["providers"] = list(onnxruntime.get_available_providers())
    except (ImportError, OSError, AttributeError) as exc:
        found["problems"].append(_broken("onnxruntime", exc))
    try:
        import onnxruntime_genai  # noqa: F401
    except (ImportError, OSError) as exc:
        found["problems"].append(_broken("onnxruntime-genai", exc))
    return found


def _broken(library: str, exc: Exception) -> dict[str, str]:
    return {"library": library, "reason": first_line(exc)}


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    return {"devices": devices}
