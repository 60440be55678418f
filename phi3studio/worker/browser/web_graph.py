"""The exported graph as ONNX Runtime Web runs it best.

Its WebAssembly build has no kernel for products with packed weights: each one unpacks all of them
again, 0.9 s a token for 135M parameters. The same values under DequantizeLinear are unpacked once,
when the page loads the model, and a token takes 0.04 s. Nothing is rounded: the weights are those
that were measured, and they take the same place in the file. ONNX Runtime would make the packed
products of it again, so the session is opened with ``session.disable_quant_qdq``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import (
    load_external_data_for_tensor,
    set_external_data,
    uses_external_data,
)

from phi3studio.domain.errors import RunError
from phi3studio.domain.places.browser import ONNX, ONNX_DATA, check_size

OnStep = Callable[[int, int], None]
"""Hears the operators that are done and those of the whole."""
_PACKED = "MatMulNBits"
_INLINE = 1024
"""Smaller tensors stay in the graph's own file: shapes are read before the data is."""


def write_web_graph(model: Path, head_size: int, out: Path, on_step: OnStep) -> None:
    """Write the ONNX model in the folder *model* into *out*, as transformers.js looks for it.

    The past of the attention gets its *head_size*: transformers.js takes what is symbolic in the
    shape of an empty one for zero. Raises :class:`InputError` when the weights are too large for a
    page, and :class:`RunError` for a product that has no plain form here.
    """
    proto = onnx.load(model / "model.onnx", load_external_data=False)
    graph = proto.graph
    packed = [node for node in graph.node if node.op_type == _PACKED]
    _answer_for_the_last_token(graph)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    check_size(_float_bytes(tensors, packed))
    for value in (*graph.input, *graph.output):
        last = value.type.tensor_type.shape.dim[-1]
        if value.name.startswith(("past_key_values.", "present.")) and last.dim_param:
            last.dim_value = head_size
    target = out / ONNX
    target.parent.mkdir(parents=True)
    nodes: list[Any] = []
    used = {name for node in packed for name in node.input[1:]}
    with target.with_name(ONNX_DATA).open("xb") as file:
        data = _Data(file)
        for at, node in enumerate(graph.node):
            on_step(at, len(graph.node))
            if node.op_type == _PACKED:
                nodes += _plain(node, _read(node, tensors, model), data)
            else:
                nodes.append(node)
        for name, tensor in tensors.items():
            if name not in used:
                if uses_external_data(tensor):
                    load_external_data_for_tensor(tensor, str(model))
                data.keep(tensor)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(data.tensors)
    graph.node.extend(nodes)
    target.write_bytes(proto.SerializeToString(deterministic=True))


def _answer_for_the_last_token(graph: Any) -> None:
    """Logits of the last token alone: a page needs no others, and those of a long prompt take
    most of the time where the vocabulary is large, and hundreds of megabytes.
    """
    producers = {output: node for node in graph.node for output in node.output}
    node = producers.get("logits")
    changed = []
    while node is not None and node.op_type not in (_PACKED, "MatMul"):
        changed += node.output
        node = producers.get(node.input[0])
    if node is None:
        return
    changed += node.output
    ends = {"last": [-1], "end": [np.iinfo(np.int64).max], "axis": [1]}
    names = [f"/last_token/{name}" for name in ends]
    graph.initializer.extend(
        numpy_helper.from_array(np.array(at, np.int64), name)
        for name, at in zip(names, ends.values(), strict=True)
    )
    last = helper.make_node("Slice", [node.input[0], *names], ["/last_token"])
    graph.node.insert(list(graph.node).index(node), last)
    node.input[0] = last.output[0]
    for value in (*graph.value_info, *graph.output):
        if value.name in changed:
            value.type.tensor_type.shape.dim[1].dim_value = 1


def _facts(node: Any) -> dict[str, Any]:
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def _float_bytes(tensors: Mapping[str, Any], packed: Sequence[Any]) -> int:
    used = {name for node in packed for name in node.input[1:]}
    facts = [_facts(node) for node in packed]
    plain: int = sum(
        helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize * int(np.prod(tensor.dims))
        for name, tensor in tensors.items()
        if name not in used
    )
    folded: int = 4 * sum(fact["K"] * fact["N"] for fact in facts)
    return plain + folded


@dataclass
class _Data:
    """The file of the tensors, and what the graph says of them."""

    file: IO[bytes]
    tensors: list[Any] = field(default_factory=list)

    def keep(self, tensor: Any) -> str:
        """The name of *tensor*, whose values are now in the file."""
        if len(tensor.raw_data) >= _INLINE:
            at = self.file.tell()
            self.file.write(tensor.raw_data)
            set_external_data(tensor, ONNX_DATA, offset=at, length=self.file.tell() - at)
            tensor.ClearField("raw_data")
        self.tensors.append(tensor)
        return str(tensor.name)

    def array(self, name: str, values: npt.NDArray[Any]) -> str:
        return self.keep(numpy_helper.from_array(np.ascontiguousarray(values), name))

    def unsigned(self, name: str, bits: int, values: npt.NDArray[np.uint8]) -> str:
        """Numbers of so many bits, two of 4 bits in a byte."""
        kind, numbers = TensorProto.UINT8, values.tobytes()
        if bits == 4:
            flat = np.resize(values, values.size + values.size % 2)  # an even count
            kind, numbers = TensorProto.UINT4, (flat[0::2] | flat[1::2] << 4).tobytes()
        tensor = TensorProto(name=name, data_type=kind, dims=values.shape, raw_data=numbers)
        return self.keep(tensor)


@dataclass(frozen=True)
class _Weight:
    """A packed weight whose numbers have ``bits`` bits: ``values`` (rows, columns), and for each
    ``block`` of rows, of which the last may be shorter, ``zeros`` and the float32 ``scales``
    (blocks, columns)."""

    bits: int
    block: int
    values: npt.NDArray[np.uint8]
    zeros: npt.NDArray[np.uint8]
    scales: npt.NDArray[np.float32]


def _read(node: Any, tensors: Mapping[str, Any], folder: Path) -> _Weight:
    facts = _facts(node)
    rows, columns, block, bits = facts["K"], facts["N"], facts["block_size"], facts.get("bits", 4)
    blocks = -(-rows // block)
    if bits not in (4, 8) or any(node.input[4:]):
        raise RunError("browser.operator", name=node.name)

    def numbers(name: str, width: int) -> npt.NDArray[np.uint8]:
        """Of each line, which begins with a byte of its own, the first *width* numbers."""
        packed: npt.NDArray[np.uint8] = numpy_helper.to_array(tensors[name], str(folder))
        packed = packed.reshape(columns, -1)
        if bits == 4:
            packed = np.stack([packed & 15, packed >> 4], -1).reshape(columns, -1)
        return packed[:, :width]

    if len(node.input) > 3 and node.input[3]:
        zeros = numbers(node.input[3], blocks)
    else:
        zeros = np.full((columns, blocks), 1 << (bits - 1), np.uint8)
    scales = numpy_helper.to_array(tensors[node.input[2]], str(folder)).astype(np.float32)
    values = numbers(node.input[1], rows)
    return _Weight(bits, block, values.T, zeros.T, scales.reshape(columns, blocks).T)


def _plain(node: Any, weight: _Weight, data: _Data) -> list[Any]:
    """(values - zeros) · scales, which is folded when the model is loaded, and the product."""
    name = node.name
    parts = [
        data.unsigned(f"{name}/values", weight.bits, weight.values),
        data.array(f"{name}/scales", weight.scales),
        data.unsigned(f"{name}/zeros", weight.bits, weight.zeros),
    ]
    whole = f"{name}/weight"
    return [
        helper.make_node("DequantizeLinear", parts, [whole], axis=0, block_size=weight.block),
        helper.make_node("MatMul", [node.input[0], whole], node.output, name=name),
    ]
