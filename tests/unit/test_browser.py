"""What a page in a browser needs of a model."""

from __future__ import annotations

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.domain.places.browser import (
    MOST_BYTES,
    check_model,
    check_size,
    web_config,
    web_generation,
)


@pytest.mark.parametrize(
    ("kind", "provider", "adapter", "code"),
    [
        ("falcon", "cpu", None, "browser.architecture"),
        (None, "cpu", None, "browser.architecture"),
        ("llama", "cuda", None, "browser.target"),
        ("llama", "cpu", "tone", "browser.adapter"),
    ],
)
def test_what_a_page_cannot_run_is_refused(kind, provider, adapter, code) -> None:
    with pytest.raises(InputError) as caught:
        check_model({"model_type": kind}, provider, adapter)
    assert caught.value.code == code


def test_what_a_page_can_run_passes() -> None:
    check_model({"model_type": "llama"}, "cpu", None)
    check_size(MOST_BYTES)
    with pytest.raises(InputError) as caught:
        check_size(MOST_BYTES + 1)
    assert caught.value.code == "browser.large"


def test_the_configuration_says_how_the_weights_lie() -> None:
    assert web_config({"model_type": "llama", "quantization_config": {"bits": 4}}) == {
        "model_type": "llama",
        "transformers.js_config": {
            "dtype": "fp32",
            "device": "wasm",
            "use_external_data_format": {"model.onnx": 1},
        },
    }


def test_generation_ends_at_the_stop_tokens_of_the_training() -> None:
    prompt = {"stop_ids": [7, 9]}
    assert web_generation(prompt, {}) == {
        "eos_token_id": [7, 9],
        "pad_token_id": 7,
        "do_sample": False,
    }
    config = {"bos_token_id": 1, "pad_token_id": 2, "other": 3}
    assert web_generation(prompt, config) == {
        "eos_token_id": [7, 9],
        "bos_token_id": 1,
        "pad_token_id": 2,
        "do_sample": False,
    }
