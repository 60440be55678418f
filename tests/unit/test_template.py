"""Templates: what they render to, and what their errors say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi3studio.domain.errors import InputError
from phi3studio.domain.template import as_column, escape, parse_template, split_template


def render(text: str, **row: object) -> str:
    return parse_template(text).render(row)


def test_fills_columns_and_keeps_literal_braces() -> None:
    assert render("{{{a}}} {{x}} { b }", a="1", b="2") == "{1} {x} 2"


def test_reaches_into_nested_values_by_dotted_path() -> None:
    row = {"user": {"names": ["Ann", "Bo"]}, "a.b": "whole name"}
    template = parse_template("{user.names.1} {a.b}")
    assert template.render(row) == "Bo whole name"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (0, "0"),
        (1.5, "1.5"),
        ("", ""),
        (["é", 1], '["é", 1]'),
        ({"a": None}, '{"a": null}'),
    ],
)
def test_shows_values_as_text(value: object, text: str) -> None:
    assert render("{v}", v=value) == text


@pytest.mark.parametrize("value", [None, float("nan")])
def test_nothing_is_an_error_and_never_the_word_none(value: object) -> None:
    with pytest.raises(InputError) as caught:
        render("{v}", v=value)
    assert caught.value.code == "data.empty_value"
    assert "“v”" in caught.value.message


def test_an_unknown_column_is_named_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        render("{phrse}", phrase="x", tone="y")
    assert caught.value.code == "data.missing_column"
    assert "phrse" in caught.value.message
    assert "“phrase”" in caught.value.message


def test_a_column_that_other_rows_have_is_only_empty_in_this_one() -> None:
    with pytest.raises(InputError) as caught:
        parse_template("{tone}").render({"phrase": "x"}, known=["phrase", "tone"])
    assert caught.value.code == "data.empty_value"


@pytest.mark.parametrize("text", ["a { b", "}", "{}", "{ }", "{?}x", "{/}", "{a\n}"])
def test_a_single_brace_is_an_error_that_shows_the_place(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_template(text, "prompt")
    assert caught.value.code == "template.brace"
    assert "prompt" in caught.value.message


OPTIONAL = "Do: {task}\n{?input}With: {input}\n{/input}Done:"


def test_an_optional_part_appears_only_with_a_value() -> None:
    assert render(OPTIONAL, task="t", input="i") == "Do: t\nWith: i\nDone:"
    for blank in (None, "", "  "):
        assert render(OPTIONAL, task="t", input=blank) == "Do: t\nDone:"
    assert render(OPTIONAL, task="t") == "Do: t\nDone:"
    template = parse_template(OPTIONAL)
    assert template.columns == ("task", "input")
    assert template.required == ("task",)


@pytest.mark.parametrize("text", ["{?a}x", "x{/a}", "{?a}{?b}{/a}{/b}", "{?a}" * 40 + "{/a}" * 40])
def test_an_unclosed_optional_part_is_an_error(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_template(text)
    assert caught.value.code == "template.section"


def test_one_text_is_divided_at_the_mark_or_before_its_last_column() -> None:
    assert split_template("Q: {q}\nA: {=>}{a} ({b})") == ("Q: {q}\nA: ", "{a} ({b})")
    assert split_template("### {phrase}\n{tone}<|end|>") == ("### {phrase}\n", "{tone}<|end|>")
    with pytest.raises(InputError):
        split_template("no column at all")


@given(st.text())
def test_an_escaped_text_renders_to_itself(text: str) -> None:
    assert parse_template(escape(text)).render({}) == text


@given(st.text(alphabet="{}?/ab. \n\0é"))
def test_any_text_is_a_template_or_an_input_error(text: str) -> None:
    try:
        template = parse_template(text)
    except InputError:
        return
    row = dict.fromkeys(template.columns, "v")
    assert isinstance(template.render(row), str)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), st.text(), min_size=1))
def test_values_with_braces_are_not_read_as_templates(row: dict[str, str]) -> None:
    template = parse_template("|".join(f"{{{name}}}" for name in row))
    assert template.render(row) == "|".join(row.values())


@pytest.mark.parametrize(
    ("text", "column", "tail"),
    [("{a}", "a", ""), ("{a} end", None, " end"), ("{?a}x{/a}", None, ""), ("", None, "")],
)
def test_a_template_knows_its_only_column_and_its_tail(text, column, tail) -> None:
    found = parse_template(text, "completion")
    assert (found.only_column, found.tail) == (column, tail)


def test_a_path_beyond_a_list_or_into_a_text_is_missing() -> None:
    assert render("{a.1}", a=["x", "y"]) == "y"
    for text in ("{a.2}", "{b.c}"):
        with pytest.raises(InputError):
            render(text, a=["x", "y"], b="text")


def test_half_a_character_in_a_template_is_named_with_its_place() -> None:
    with pytest.raises(InputError) as caught:
        parse_template("ab\ud83d", "prompt")
    assert caught.value.code == "template.half_character"
    assert (caught.value.values["character"], caught.value.values["point"]) == (3, "U+D83D")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["See ", {"type": "link", "text": "here"}, "."], "See here."),
        ([{"type": "text", "text": "One. "}, {"type": "text", "text": "Two."}], "One. Two."),
        (["a", "b"], '["a", "b"]'),
        ([{"text": "a", "label": 1}], '[{"text": "a", "label": 1}]'),
        (["a", {"id": 1}], '["a", {"id": 1}]'),
        ([], "[]"),
    ],
)
def test_a_text_in_parts_is_one_text(value: list[Any], text: str) -> None:
    assert parse_template("{said}").render({"said": value}) == text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Question {de}", "Question (de)"),
        ("Answer\r\n (final)\t", "Answer (final)"),
        ("a  b", "a  b"),
    ],
)
def test_a_column_can_be_named_whatever_it_is_called(name: str, expected: str) -> None:
    column = as_column(name)
    assert column == expected
    assert render(f"{{{column}}}", **{column: "x"}) == "x"
