"""What a page in a browser needs of an exported model, which transformers.js loads there.

transformers.js looks for ``config.json``, the tokenizer and ``onnx/model.onnx`` with its data in
``model.onnx_data`` (``src/models/session.js`` and ``src/utils/model-loader.js`` of
huggingface/transformers.js 4.3). The model computes in WebAssembly, in float32.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from phi3studio.domain.errors import InputError

BROWSER: Final = "browser"
"""The place's name in ``export --for``."""
START = "python -m http.server --bind 127.0.0.1"
"""What is typed in the folder; the page is then http://localhost:8000."""
ONNX = "onnx/model.onnx"
ONNX_DATA = "model.onnx_data"
MOST_BYTES = 3_000_000_000
"""Of the weights in float32. WebAssembly has 4 GB, and the page needs some while it loads."""
KINDS = ("gemma2", "gemma3_text", "llama", "mistral", "phi3", "qwen2", "qwen3")
"""transformers' ``model_type`` of the models that both sides have."""
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "connect-src 'self'; worker-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
)
"""The page's Content-Security-Policy: nothing from elsewhere, nothing sent elsewhere."""


def check_model(config: Mapping[str, Any], provider: str, adapter: str | None) -> None:
    """Raise :class:`InputError` for a model that a page cannot run: of another kind than those
    that transformers.js has, made for a GPU, or with an adapter apart."""
    kind = config.get("model_type")
    if kind not in KINDS:
        raise InputError("browser.architecture", kind=kind, known=KINDS)
    if provider != "cpu":
        raise InputError("browser.target", provider=provider)
    if adapter is not None:
        raise InputError("browser.adapter", adapter=adapter)


def check_size(weights: int) -> None:
    """Raise :class:`InputError` when the *weights* take more bytes in float32 than a page has."""
    if weights > MOST_BYTES:
        raise InputError("browser.large", needed=weights, most=MOST_BYTES)


def web_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The model's config.json for transformers.js, which takes how the weights lie from it."""
    kept = {name: value for name, value in config.items() if name != "quantization_config"}
    layout = {"dtype": "fp32", "device": "wasm", "use_external_data_format": {"model.onnx": 1}}
    return kept | {"transformers.js_config": layout}


def web_generation(prompt: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """generation_config.json: the stop tokens of prompt.json, and the most likely answer."""
    stops = prompt["stop_ids"]
    tokens = {name: config[name] for name in ("bos_token_id", "pad_token_id") if name in config}
    return {"eos_token_id": stops, "pad_token_id": stops[0], **tokens, "do_sample": False}
