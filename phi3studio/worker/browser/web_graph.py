"""The exported graph as ONNX Runtime Web runs it best.

Its WebAssembly build has no kernel for products with packed weights: each one unpacks all of them
again, 0.9 s a token for 135M parameters. The same values written with plain operators are unpacked
once, when the page loads the model, and a token takes 0.04 s. Nothing is rounded: the weights are
those that were measured, and they take the same place in the file.
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
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    packed = [node for node in graph.node if node.op_type == _PACKED]
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
    """A packed weight of *rows* × columns: ``values`` (blocks, block, columns) and ``zeros``
    (blocks, 1, columns) have ``bits`` bits, ``scales`` (blocks, 1, columns) is float32. The last
    block may be filled up."""

    rows: int
    bits: int
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

    values = numbers(node.input[1], blocks * block).reshape(columns, blocks, block)
    if len(node.input) > 3 and node.input[3]:
        zeros = numbers(node.input[3], blocks)
    else:
        zeros = np.full((columns, blocks), 1 << (bits - 1), np.uint8)
    scales = numpy_helper.to_array(tensors[node.input[2]], str(folder)).astype(np.float32)
    by_block = scales.reshape(columns, blocks).T[:, None]
    return _Weight(rows, bits, values.transpose(1, 2, 0), zeros.T[:, None], by_block)


def _plain(node: Any, weight: _Weight, data: _Data) -> list[Any]:
    """(values - zeros) · scales, which is folded when the model is loaded, and the product."""
    name = node.name
    blocks, block, columns = weight.values.shape
    values = data.unsigned(f"{name}/values", weight.bits, weight.values)
    zeros = data.unsigned(f"{name}/zeros", weight.bits, weight.zeros)
    scales = data.array(f"{name}/scales", weight.scales)
    shape = data.array(f"{name}/shape", np.array([blocks * block, columns], np.int64))
    made = [
        helper.make_node("Cast", [values], [f"{name}/a"], to=TensorProto.FLOAT),
        helper.make_node("Cast", [zeros], [f"{name}/b"], to=TensorProto.FLOAT),
        helper.make_node("Sub", [f"{name}/a", f"{name}/b"], [f"{name}/c"]),
        helper.make_node("Mul", [f"{name}/c", scales], [f"{name}/d"]),
        helper.make_node("Reshape", [f"{name}/d", shape], [f"{name}/weight"]),
    ]
    whole = f"{name}/weight"
    if blocks * block != weight.rows:
        ends = [data.array(f"{name}/{at}", np.array([at], np.int64)) for at in (0, weight.rows)]
        whole = f"{name}/rows"
        made.append(helper.make_node("Slice", [f"{name}/weight", *ends], [whole]))
    return [*made, helper.make_node("MatMul", [node.input[0], whole], node.output, name=name)]
