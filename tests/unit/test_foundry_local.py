"""What Foundry Local is told of a model."""

from __future__ import annotations

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.domain.places.foundry_local import (
    check_adapter,
    check_name,
    inference_model,
    most_likely_answers,
    start_line,
)
from phi3studio.domain.template import parse_template


def test_one_column_is_the_message() -> None:
    template = parse_template("Text: {text}\n", "prompt")
    assert inference_model("tones", template) == {
        "Name": "tones",
        "PromptTemplate": {"prompt": "Text: {Content}\n", "assistant": "{Content}"},
    }


def test_several_columns_and_conversations_are_left_to_the_chat_template() -> None:
    template = parse_template("{question} about {text}", "prompt")
    for given in (template, None):
        assert inference_model("talk", given) == {"Name": "talk", "PromptTemplate": None}


@pytest.mark.parametrize("name", ["", "a b", "-a", "a:1", "ä", "a" * 65, "a/b"])
def test_a_name_that_cannot_be_asked_for_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        check_name(name)
    assert caught.value.code == "export.foundry_name"


def test_a_name_is_what_is_typed() -> None:
    check_name("my-tones_2.1")
    assert start_line("my-tones_2.1") == "foundry model run my-tones_2.1"


def test_an_adapter_apart_is_refused() -> None:
    check_adapter(None)
    with pytest.raises(InputError) as caught:
        check_adapter("tones")
    assert caught.value.code == "export.foundry_adapter"


def test_sampling_has_one_token_to_choose_from() -> None:
    config = {"model": {"type": "llama"}, "search": {"do_sample": False, "top_k": 50, "top_p": 1.0}}
    assert most_likely_answers(config) == {
        "model": {"type": "llama"},
        "search": {"do_sample": False, "top_k": 1, "top_p": 1.0},
    }
