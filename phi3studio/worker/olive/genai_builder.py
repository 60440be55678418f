"""ModelBuilder of onnxruntime-genai, newer and older than Olive 0.13's pass, which is for 0.14.

The newer builder wants its options checked before it is called and names them without ``int4_``,
its loaders of quantised weights are a package, and its methods have other names. What Olive brings
to it (weights that Olive quantised, embeddings among them) is still right and used as it is.
Olive's main branch builds with the newer releases; once that is released, most of this goes. The
DirectML flavour still has the older one.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

from olive.passes.onnx import model_builder as olive_pass

_OLD = "int4_"


@contextlib.contextmanager
def builder_of_today() -> Iterator[None]:
    """While inside, Olive's pass can call the installed builder, which reads what it needs of
    the configurations that transformers 5 writes."""
    from onnxruntime_genai.models import builder

    _mend(builder)
    create, configs = builder.create_model, builder.AutoConfig

    class Completed:
        @staticmethod
        def from_pretrained(*arguments: Any, **options: Any) -> Any:
            config = configs.from_pretrained(*arguments, **options)
            _complete(config)
            return config

    def checked(
        model_name: Any, input_path: str, output_dir: str, precision: str,
        execution_provider: str, cache_dir: str, **options: Any,
    ) -> None:  # fmt: skip
        options = {name.removeprefix(_OLD): value for name, value in options.items()}
        model = (model_name, input_path, output_dir, precision, execution_provider, cache_dir)
        builder.check_extra_options(*model, options)
        create(*model, **options)

    builder.AutoConfig = Completed
    if is_new():
        builder.create_model = checked
    try:
        yield
    finally:
        builder.create_model, builder.AutoConfig = create, configs


@functools.cache
def is_new() -> bool:
    """Whether the installed builder is newer than Olive's pass for it."""
    return importlib.util.find_spec("onnxruntime_genai.models.quantized_model") is None


@functools.cache
def _mend(builder: Any) -> None:
    """Correct the builder's classes, once in a process."""
    if is_new():
        # The builder's folder is on the path by now: its modules know each other by short names.
        loaders = importlib.import_module("loaders.quant_model")
        parts = importlib.import_module("loaders.base")
        _read_what_olive_quantised(builder.Model, loaders, parts)
        # It would ask git, which answers with the commit of whatever repository the environment
        # lies in: an unrelated one, and another model file after each commit there.
        builder.Model.get_genai_commit = classmethod(lambda model: genai_commit())
    else:
        # Its Gemma 2 begins with the layer that looks at everything.
        builder.Gemma2Model.is_local = lambda self, layer_id: layer_id % 2 == 0


def genai_commit() -> str | None:
    """The commit that the installed onnxruntime-genai was made from, as the package says it."""
    return getattr(importlib.import_module("onnxruntime_genai"), "__commit__", None)


def _read_what_olive_quantised(model: Any, loaders: Any, parts: Any) -> None:
    """Olive's loader and its nodes for weights without zero points and embeddings of few bits."""
    parts.QuantizedTensorModule._group_size = property(
        lambda part: part.group_size_value,
        lambda part, value: setattr(part, "group_size_value", value),
    )
    sys.modules["onnxruntime_genai.models.quantized_model"] = parts
    loaders.OliveModel.__init__ = olive_pass.OliveQuantizedModel.__init__
    model.make_matmul_int4 = model.make_matmul_nbits
    model.make_packed_matmul_int4 = olive_pass.patched_make_packed_matmul_int4
    plain = model.make_embedding

    def make_embedding(self: Any, embedding: Any) -> None:
        quantised = hasattr(embedding, "qweight")
        (olive_pass.patched_make_embedding if quantised else plain)(self, embedding)

    model.make_embedding = make_embedding


def _complete(config: Any) -> None:
    """Add what the builders ask of a model's configuration and transformers 5 does not say so."""
    rope = getattr(config, "rope_parameters", None) or {}
    near, far = rope.get("sliding_attention"), rope.get("full_attention")
    if near and far:  # Gemma 3: the rotary bases of its two kinds of layers
        config.rope_local_base_freq = near["rope_theta"]
        config.rope_parameters = rope = far
    for name in ("rope_theta", "partial_rotary_factor"):
        if name in rope:
            setattr(config, name, rope[name])
    if "rope_type" in rope:
        rope["type"] = rope["rope_type"]
    # Phi-3 and Mistral: all layers look at the window alone. The newer builder would take them for
    # such that look at everything, and answer differently to texts longer than the window.
    if getattr(config, "sliding_window", None) and not getattr(config, "layer_types", None):
        config.layer_types = ["sliding_attention"] * config.num_hidden_layers
