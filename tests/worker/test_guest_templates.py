"""Chat templates that loop, blow up or reach for the program: refused, and nothing else stops."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.worker.models import model_facts
from phi3studio.worker.models.open_tokenizer import check_fits, open_tokenizer
from tests.chat_templates import FAMILIES


@pytest.fixture
def copy(tiny_phi3: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_phi3, tmp_path / "model"))


def refused(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        open_tokenizer(folder)
    assert str(folder) in caught.value.message
    assert caught.value.hint
    return caught.value


LOOP = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}"
ENDLESS = "{% set ns = namespace(n=0) %}" + LOOP.replace("{{ a * b }}", "{% set ns.n = a %}")
LARGE = "{% set ns = namespace(x='0123456789' * 100) %}" + "{% set ns.x = ns.x ~ ns.x %}" * 40


@pytest.mark.parametrize(
    ("template", "variant"),
    [
        (ENDLESS, "endless"),
        (LARGE, "memory endless"),  # a busy machine takes seconds to give a gigabyte out
        ("{{ 'a' * 10 ** 11 }}", "memory"),
        ("{% for message in messages %}", ""),
        ("{{ messages | nosuchfilter }}", ""),
        ("{{ ''.__class__.__mro__ }}", ""),
        ("{{ cycler.__init__.__globals__ }}", ""),
        ("{{ '{0.__class__.__mro__}'.format(messages) }}", ""),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(copy, template, variant) -> None:
    (copy / "chat_template.jinja").write_text(template)
    error = refused(copy)
    assert error.code == "model.template"
    assert error.variant in (variant.split() or [""])


def test_a_surrogate_or_another_type_in_the_place_of_a_template_is_refused(copy) -> None:
    (copy / "chat_template.jinja").unlink()
    file = copy / "tokenizer_config.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps(values | {"chat_template": "{{ '\ud800' }}"}))
    refused(copy)
    file.write_text(json.dumps(values | {"chat_template": 3}))
    refused(copy)


@pytest.mark.parametrize("name", FAMILIES)
def test_published_templates_are_taken(copy, name) -> None:
    (copy / "chat_template.jinja").write_text(FAMILIES[name].template)
    assert open_tokenizer(copy).chat_template


# --- configuration, weights and tokenizer that do not go together ---------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"num_attention_heads": 0}, "num_attention_heads is 0"),
        ({"vocab_size": -1}, "vocab_size is -1"),
        ({"rope_parameters": 0}, "rope_parameters is 0"),
        ({"rope_parameters": {"rope_theta": float("nan")}}, "rope_parameters.rope_theta is nan"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
        ({"head_dim": 2**31}, "head_dim is 2147483648"),
        ({"num_labels": 10**9}, "num_labels"),
        (
            {"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 2**31}},
            "rope_parameters.partial_rotary_factor is 2147483648",
        ),
        ({"partial_rotary_factor": 1.5}, "partial_rotary_factor is 1.5"),
        ({"hidden_size": None}, "hidden_size is None"),
        ({"rms_norm_eps": -1.0}, "rms_norm_eps is -1.0"),
        ({"model_type": 3}, "model_type is 3"),
        ({"vocab_size": 640}, "640"),
        ({"num_hidden_layers": 3}, "layers.2"),
        ({"intermediate_size": 320}, "320"),
        ({"hidden_act": "nothing"}, "nothing"),
    ],
)
def test_a_configuration_that_lies_is_refused_with_what_is_wrong(copy, change, named) -> None:
    file = copy / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError) as caught:
        model_facts(copy)
    assert named in caught.value.message
    assert str(copy) in caught.value.message


def test_a_tokenizer_over_which_its_library_panics_is_refused(copy) -> None:
    file = copy / "tokenizer.json"
    values = json.loads(file.read_text())
    values["model"]["continuing_subword_prefix"] = "nan"
    file.write_text(json.dumps(values))
    with pytest.raises(InputError) as caught:
        open_tokenizer(copy)
    assert caught.value.code == "model.tokenizer"
    assert str(copy) in caught.value.message


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused(copy) -> None:
    tokenizer = open_tokenizer(copy)
    tokenizer.add_tokens([f"<extra-{n}>" for n in range(600)])
    with pytest.raises(InputError) as caught:
        check_fits(tokenizer, copy, model_facts(copy).vocabulary)
    assert caught.value.code == "model.tokenizer_larger"
    assert "512" in caught.value.message
