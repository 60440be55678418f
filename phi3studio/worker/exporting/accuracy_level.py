"""An export with another accuracy level, without building it again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from phi3studio.app.files import keep_for_good, link_tree

_ONNX = "model.onnx"


def with_level(source: Path, target: Path, level: int) -> None:
    """The export *source* as *target* with another accuracy level: what ModelBuilder would build,
    without building it, as the level is an attribute of its int4 products."""
    import onnx

    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    link_tree(source, part, without=_ONNX)
    graph: Any = onnx.load(source / _ONNX, load_external_data=False)
    for node in graph.graph.node:
        for attribute in node.attribute:
            if node.op_type == "MatMulNBits" and attribute.name == "accuracy_level":
                attribute.i = level
    onnx.save(graph, part / _ONNX)
    keep_for_good(part)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
