"""Exports that keep their adapters apart: one quantised base model, several LoRA adapters.

ModelBuilder writes the adapter's two products next to each layer of the base, Olive's
ExtractAdapters turns their matrices into inputs of the graph, of any rank and empty by default.
So the graph without an adapter answers as the base model, and every adapter that was trained over
that base, on layers that the first one had too, can be used with it.

The matrices stay in floating point (the base's are quantised): they are small, and their inner
dimension, the rank, is often less than a block of int4 weights.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.messages import Phrase
from phi3studio.models.adapters import read_adapter
from phi3studio.worker.genai.genai import ADAPTER_ENDING, ADAPTERS
from phi3studio.worker.models.adapter_check import check_plain

_INPUT = re.compile(
    r"model\.layers\.(?P<layer>\d+)\.(?P<block>attn|mlp)\.(?P<module>\w+)"
    r"\.lora_(?P<matrix>[AB])\.MatMul\.weight"
)
_BLOCKS = {"attn": "self_attn", "mlp": "mlp"}
_FUSED = {
    "q_proj": ("qkv_proj", ("q_proj", "k_proj", "v_proj")),
    "k_proj": ("qkv_proj", ("q_proj", "k_proj", "v_proj")),
    "v_proj": ("qkv_proj", ("q_proj", "k_proj", "v_proj")),
    "gate_proj": ("gate_up_proj", ("gate_proj", "up_proj")),
    "up_proj": ("gate_up_proj", ("gate_proj", "up_proj")),
}
"""Layers that Phi-3 trains as one and the graph has apart: module → (trained as, its parts)."""


def float_nodes(model: Path) -> list[str]:
    """ModelBuilder's names of the products of an adapter over the PyTorch *model*; they are not
    to be quantised."""
    layers = int(json.loads((model / "config.json").read_text("utf-8"))["num_hidden_layers"])
    modules = {
        "attn": ("q_proj", "k_proj", "v_proj", "o_proj"),
        "mlp": ("gate_proj", "up_proj", "down_proj"),
    }
    return [
        f"/model/layers.{layer}/{block}/{module}/lora_{matrix}/MatMul"
        for layer in range(layers)
        for block, names in modules.items()
        for module in names
        for matrix in "AB"
    ]


def check_can_be_apart(adapter: Path, provider: str) -> None:
    """Raise :class:`InputError` where an adapter has to be merged to be used."""
    found = read_adapter(adapter)
    if provider == "dml":
        raise InputError("export.adapters_on_directml")
    if found.kind != "LORA" or found.settings.get("use_dora"):
        title = {"LOHA": "LoHa", "LOKR": "LoKr"}.get(found.kind, "DoRA")
        raise InputError("export.adapter_kind", kind=title)
    check_plain(found)


def attach_adapter(adapter: Path, model: Path, name: str) -> Path:
    """Convert the PEFT *adapter* for the exported *model* and put it next to it as *name*.

    Returns the file. Raises :class:`InputError` when it does not fit.
    """
    from onnxruntime import AdapterFormat, OrtValue

    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,39}", name):
        raise InputError("chat.adapter_name", name=name)
    inputs = adapter_inputs(model)
    if not inputs:
        raise InputError("chat.no_adapters", folder=model)
    values = {
        input_: OrtValue.ortvalue_from_numpy(matrix)
        for input_, matrix in _matrices(adapter, inputs)
    }
    folder = model / ADAPTERS
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}{ADAPTER_ENDING}"
    partial = file.with_suffix(".partial")
    written = AdapterFormat()
    written.set_adapter_version(1)
    written.set_model_version(1)
    written.set_parameters(values)
    try:
        written.export_adapter(str(partial))
        partial.replace(file)
    except OSError as exc:
        raise RunError(
            "disk.not_writable", variant="file", path=file, reason=exc.strerror or exc
        ) from exc
    finally:
        partial.unlink(missing_ok=True)
    return file


def adapter_inputs(model: Path) -> dict[str, tuple[int, int]]:
    """The exported graph's inputs for adapters: name → shape, the rank as 0."""
    import onnx

    graph = onnx.load(str(model / "model.onnx"), load_external_data=False).graph
    found = {}
    for entry in graph.input:
        if _INPUT.fullmatch(entry.name):
            rows, columns = (int(d.dim_value) for d in entry.type.tensor_type.shape.dim)
            found[entry.name] = (rows, columns)
    return found


def _matrices(adapter: Path, inputs: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, Any]]:
    """For every input that the adapter has: its matrix as the graph multiplies it, scaled."""
    import numpy as np
    from safetensors.torch import load_file

    check_can_be_apart(adapter, "cpu")
    given = read_adapter(adapter)
    given.shapes()  # A damaged file is refused by its name.
    weights = load_file(given.weights)
    rank = given.rank
    scale = given.alpha / (math.sqrt(rank) if given.settings.get("use_rslora") else rank)
    used = set()
    for name, shape in inputs.items():
        match = _INPUT.fullmatch(name)
        assert match is not None
        found = _trained(weights, match)
        if found is None:
            continue
        key, part = found
        used.add(key)
        matrix = weights[key].float().numpy()
        if part is not None and match["matrix"] == "B":
            start = sum(_rows(inputs, match, module) for module in part)
            matrix = matrix[start : start + shape[1]]
        # PEFT: A (rank, in), B (out, rank); the graph: A (in, rank), B (rank, out).
        matrix = np.ascontiguousarray(matrix.T)
        if match["matrix"] == "B":
            matrix *= scale
        expected = (shape[0], rank) if match["matrix"] == "A" else (rank, shape[1])
        if matrix.shape != expected:
            raise _does_not_fit(adapter, Phrase("model.matrix", variant="size", matrix=key))
        yield name, matrix
    left = sorted(set(weights) - used)
    if left:
        raise _does_not_fit(adapter, Phrase("model.matrix", variant="no_place", matrix=left[0]))


def _trained(
    weights: Mapping[str, Any], match: re.Match[str]
) -> tuple[str, tuple[str, ...] | None] | None:
    """The adapter's own name of an input, and for a part of a fused layer the parts before it."""
    start = f"base_model.model.model.layers.{match['layer']}.{_BLOCKS[match['block']]}"
    key = f"{start}.{match['module']}.lora_{match['matrix']}.weight"
    if key in weights:
        return key, None
    if match["module"] in _FUSED:
        fused, parts = _FUSED[match["module"]]
        key = f"{start}.{fused}.lora_{match['matrix']}.weight"
        if key in weights:
            return key, parts[: parts.index(match["module"])]
    return None


def _rows(inputs: Mapping[str, tuple[int, int]], match: re.Match[str], module: str) -> int:
    name = f"model.layers.{match['layer']}.{match['block']}.{module}.lora_B.MatMul.weight"
    return inputs[name][1]


def _does_not_fit(adapter: Path, reason: Phrase) -> InputError:
    return InputError(
        "model.adapter_of_another_base", variant="exported", adapter=adapter, reason=reason
    )
