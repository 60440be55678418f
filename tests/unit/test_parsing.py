"""JSON and YAML from outside: a value, or the one error that their readers expect."""

from __future__ import annotations

import json

import pytest
import yaml

from phi3studio.domain.answer_constraints import parse_schema
from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import NotParsedError, parse_file, parse_json, parse_yaml
from phi3studio.domain.rows.row_slice import parse_slice
from phi3studio.runs.recipe_files import read_recipe


def test_what_is_right_is_read() -> None:
    text = '{"a": [1, -2.5e3, true, null, "\\u00e9"]}'
    assert parse_json(text) == parse_json(text.encode()) == {"a": [1, -2500.0, True, None, "é"]}
    assert parse_yaml("a: [1, 2.5, true]") == {"a": [1, 2.5, True]}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100_000, '{"a":' * 50_000, "1e999", "NaN", "[-Infinity]", "9" * 5000, "\ud800"],
    ids=lambda text: text[:6] or "empty",
)
def test_whatever_is_no_json_is_one_kind_of_error(text) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        parse_json(text)


def test_the_place_of_a_mistake_is_reported() -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        parse_json('{\n"a": x}')
    assert (caught.value.lineno, caught.value.colno) == (2, 6)


@pytest.mark.parametrize("text", ["a: [", "2001-99-99", "[" * 5000, "? {a: b}", "\0", "0b_"])
def test_whatever_is_no_yaml_is_one_kind_of_error(text) -> None:
    with pytest.raises(yaml.YAMLError, match=r"\S"):
        parse_yaml(text)


def test_a_key_that_stands_twice_is_refused_where_it_is_asked_for() -> None:
    twice = '{"a": {"b": 1, "c": 2, "b": 3}}'
    assert parse_json(twice) == {"a": {"b": 3, "c": 2}}
    with pytest.raises(ValueError, match="the key b stands twice"):
        parse_json(twice, unique=True)
    assert parse_json('{"a": {"b": 1}, "b": [{"a": 1}, {"a": 2}]}', unique=True)["b"][1] == {"a": 2}
    with pytest.raises(yaml.MarkedYAMLError, match="the key b stands twice") as caught:
        parse_yaml("a:\n- b: 1\n  c: 2\n  b: 3\n", unique=True)
    assert caught.value.problem_mark is not None
    assert caught.value.problem_mark.line == 3
    # What an alias or a merge repeats stands there once.
    merged = "a: &a {x: 1}\nb: {<<: *a, x: 2}\nc: *a\n? [1, 2]\n: 3\n? [1, 2]\n: 4\n"
    with pytest.raises(yaml.YAMLError, match="unhashable"):
        parse_yaml(merged, unique=True)
    merged = merged.partition("?")[0]
    assert parse_yaml(merged, unique=True) == {"a": {"x": 1}, "b": {"x": 2}, "c": {"x": 1}}


def test_aliases_that_repeat_one_another_are_refused() -> None:
    assert parse_yaml("a: &a [1, 2]\nb: [*a, *a]") == {"a": [1, 2], "b": [[1, 2], [1, 2]]}
    bomb = "&a0 [x, x, x, x, x, x, x, x, x]"
    for level in range(1, 9):
        bomb = f"&a{level} [{bomb}" + f", *a{level - 1}" * 8 + "]"
    for text in (bomb, "&a [*a]", "&a {b: *a}"):
        with pytest.raises(yaml.YAMLError, match="repeat"):
            parse_yaml(text)


@pytest.mark.parametrize(
    ("text", "yaml", "line"),
    [
        ('{\n"a": x}', False, 2),
        ('{"a": 1,\n"a": 2}', False, None),
        ("a:\n- b: 1\n  b: 2\n", True, 3),
        ("[" * 100_000, True, None),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(
    text: str, yaml: bool, line: int | None
) -> None:
    with pytest.raises(NotParsedError) as caught:
        parse_file(text, yaml=yaml)
    assert caught.value.line == line
    assert caught.value.reason


def test_a_file_is_parsed_as_json_or_yaml() -> None:
    assert parse_file('{"a": [1]}', yaml=False) == parse_file("a: [1]", yaml=True) == {"a": [1]}


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_a_recipe_without_end_is_refused(tmp_path, suffix) -> None:
    file = tmp_path / f"recipe{suffix}"
    file.write_text("[" * 100_000)
    with pytest.raises(InputError) as caught:
        read_recipe(file)
    assert caught.value.code == "recipe.broken"


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000])
def test_a_schema_without_end_is_refused(text) -> None:
    with pytest.raises(InputError) as caught:
        parse_schema(text)
    assert caught.value.code == "chat.schema"


def test_a_row_that_no_file_has_is_no_slice() -> None:
    assert parse_slice("9" * 5000 + ":") is None
    assert parse_slice(":" + "9" * 18) is not None
