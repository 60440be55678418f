"""What the programs that use GGUF are told: names, templates, Modelfiles."""

from __future__ import annotations

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.domain.fidelity import Evidence, judge, next_gguf
from phi3studio.domain.places.gguf import (
    GGUF_KINDS,
    GgufKind,
    Turns,
    check_ollama_name,
    gguf_bytes,
    modelfile,
    more_exact_gguf,
    prompt_in_go,
    prompt_in_jinja,
    start_line,
)
from phi3studio.domain.recipe import Fidelity, Target
from phi3studio.domain.template import parse_template

CHATML = Turns(
    first="<S>system\nBe kind.<E>\n<S>user\n",
    system=("<S>system\n", "<E>\n<S>user\n"),
    between="<E>\n<S>assistant\n",
    after="<E>\n<S>assistant\n<think>\n",
    next="<E>\n<S>user\n",
)
SYSTEM, ASKED, ANSWERED, AGAIN = (
    {"role": role, "content": text}
    for role, text in (("system", "s"), ("user", "q"), ("assistant", "a"), ("user", "r"))
)


@pytest.mark.parametrize("name", ["tone", "Tone_2.1-x", "me/tone:v1", "a" * 80])
def test_names_that_ollama_takes(name) -> None:
    check_ollama_name(name)


@pytest.mark.parametrize(
    "name", ["", "my tone", "tön", "-x", "a..b", "a/b/c", "x:", "a" * 81, "t\n"]
)
def test_names_that_ollama_refuses(name) -> None:
    with pytest.raises(InputError) as raised:
        check_ollama_name(name)
    assert raised.value.code == "gguf.ollama_name"
    assert "--name" in raised.value.hint


@pytest.mark.parametrize(("kind", "megabytes"), [("f16", 269), ("q8_0", 143), ("iq4_nl", 90)])
def test_how_large_a_file_becomes(kind: GgufKind, megabytes: int) -> None:
    # SmolLM2-135M: 4 bits leave the embeddings at 8.
    assert round(gguf_bytes(kind, 134_515_008, 49_152 * 576) / 1e6) == megabytes


def test_each_place_has_its_line() -> None:
    assert start_line("ollama", "m.gguf", "t") == "ollama create t -f Modelfile && ollama run t"
    assert start_line("lmstudio", "m.gguf", "t") == "lms import m.gguf"
    assert start_line("llamacpp", "m.gguf", "t") == "llama-server -m m.gguf"
    assert start_line("llamacpp", "m", "t", "l") == "llama-server -m m --lora l"
    assert start_line("ollama", "m", "t", "l") == start_line("ollama", "m", "t")


def test_kinds_grow_more_exact_up_to_the_exact_one() -> None:
    assert [more_exact_gguf(kind) for kind in ("iq4_nl", "q8_0", "f16")] == ["q8_0", "f16", None]
    assert set(GGUF_KINDS) == {"iq4_nl", "q8_0", "f16"}
    assert next_gguf("iq4_nl").variant == "gguf"
    assert next_gguf("f16").variant == "defect"


def test_a_gguf_that_is_not_faithful_says_which_kind_is_next() -> None:
    evidence = Evidence({}, 100, "<E>", False, scores=([1.0] * 100, [0.0] * 100), gguf="iq4_nl")
    verdict = judge(evidence, Fidelity(), Target())
    assert [found.code for found in verdict.reasons] == [
        "fidelity.score",
        "fidelity.stop_not_listed",
    ]
    assert "--kind q8_0" in verdict.reasons[0].said().hint
    assert "llama.cpp" in verdict.reasons[1].said().message


# --- conversations -------------------------------------------------------------------------------


def test_a_conversation_is_written_around_its_texts() -> None:
    assert CHATML.write([SYSTEM, ASKED, ANSWERED, AGAIN]) == (
        "<S>system\ns<E>\n<S>user\nq<E>\n<S>assistant\na<E>\n<S>user\nr<E>\n<S>assistant\n<think>\n"
    )
    assert CHATML.write([ASKED]).startswith("<S>system\nBe kind.<E>\n<S>user\nq")


def test_the_system_prompt_that_a_template_writes_by_itself_is_known() -> None:
    assert CHATML.default_system == "Be kind."
    plain = Turns("<S>user\n", CHATML.system, "", "", "")
    assert plain.default_system is None
    deaf = Turns("<S>user\n", None, "", "", "")
    assert deaf.default_system is None
    assert deaf.write([SYSTEM, ASKED]) == "<S>user\nq"


def test_ollamas_template_says_the_same() -> None:
    assert CHATML.go_template == (
        "{{ if .System }}<S>system\n{{ .System }}<E>\n<S>user\n"
        "{{ else }}<S>system\nBe kind.<E>\n<S>user\n{{ end }}"
        "{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}"
        '{{ if eq .Role "user" }}{{ .Content }}'
        "{{ if $last }}<E>\n<S>assistant\n<think>\n{{ else }}<E>\n<S>assistant\n{{ end }}"
        '{{ else if eq .Role "assistant" }}{{ .Content }}'
        "{{ if not $last }}<E>\n<S>user\n{{ end }}{{ end }}{{ end }}"
    )
    assert Turns("{{x", None, "", "", "").go_template.startswith('{{ "{{" }}x{{ range')


# --- prompt templates ----------------------------------------------------------------------------


def test_a_prompt_templates_column_is_the_question() -> None:
    template = parse_template("It's \\ {{{text}}}\n{?text}(so){/text}")
    assert prompt_in_go(template) == "It's \\ {{{ .Prompt }}}\n{{ if .Prompt }}(so){{ end }}"
    assert prompt_in_jinja(template) == (
        "{{ 'It\\'s \\\\ {' }}{{ messages[-1]['content'] }}{{ '}\\n' }}"
        "{% if messages[-1]['content'] %}{{ '(so)' }}{% endif %}"
    )


def test_with_several_columns_the_program_writes_the_prompt() -> None:
    template = parse_template("{a} {b}")
    assert prompt_in_go(template) == "{{ .Prompt }}"
    assert prompt_in_jinja(template) == "{{ messages[-1]['content'] }}"


# --- the Modelfile -------------------------------------------------------------------------------


def test_a_modelfile_holds_template_stops_and_system() -> None:
    text = modelfile(
        "m.gguf",
        "T {{ .Prompt }}\n",
        stops=["<E>"],
        context=4096,
        system="S",
        licence='L """x"""\n',
    )
    assert text == (
        'FROM ./m.gguf\nTEMPLATE """T {{ .Prompt }}\n"""\nSYSTEM """S"""\n'
        'PARAMETER stop "<E>"\nPARAMETER temperature 0\nPARAMETER repeat_penalty 1\n'
        "PARAMETER num_ctx 4096\nLICENSE \"\"\"L '''x'''\n\"\"\"\n"
    )
    assert "LICENSE" not in modelfile("m", "T", stops=[], context=1)
    apart = modelfile("m", "T", stops=[], context=1, lora="l")
    assert apart.startswith('FROM ./m\nADAPTER ./l\nTEMPLATE """T"""\n')


@pytest.mark.parametrize(
    ("template", "sign"), [("a\u200bb", "U+200B"), ('a"""b', '"""'), ('a"', '"""')]
)
def test_a_modelfile_refuses_what_it_cannot_hold(template, sign) -> None:
    with pytest.raises(InputError) as raised:
        modelfile("m", template, stops=[], context=1)
    assert raised.value.code == "gguf.modelfile"
    assert raised.value.values["sign"] == sign
