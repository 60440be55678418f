"""Answers that were rated good or bad: recognised, checked, shown, split by prompt, and refused
where nothing can be learned from the ratings."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from phi3studio.cli.recipe_draft import method_keys, preferring, shape_keys
from phi3studio.domain.datasets.check_report import Report
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.inspecting.preview import preview
from phi3studio.worker.data.meaning.answer_ratings import is_good
from phi3studio.worker.data.preparing.calibration_rows import calibration_rows
from phi3studio.worker.data.preparing.held_out_rows import load_held_out
from phi3studio.worker.data.preparing.prepare_examples import Prepared, load_prepared, prepare
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.training.examples import RatedDataset
from tests.worker.data_fixtures import (  # noqa: F401
    Defect,
    assert_found_and_repaired,
    byte_level,
    encoder,
    found_in,
    whole_check,
)
from tests.worker.pairs import TEMPLATE, rated_rows, write_pairs

Row = dict[str, Any]
SOUND = rated_rows()
LONG = "We look into it and write to you again. " * 40


def recipe_for(file: Path, *repairs: str, **data: Any) -> Recipe:
    template = {"prompt": TEMPLATE.prompt, "completion": "{completion}"}
    shape = data or {"template": template}
    return parse_recipe(
        {
            "data": {
                "source": str(file),
                "repairs": [{"kind": kind} for kind in repairs],
                "rating": "label",
                **shape,
            },
            "method": {"objective": "kto"},
            "training": {"sequence_length": 200, "batch_size": 2},
        }
    )


def report_on(folder: Path, with_encoder: Encoder, rows: list[Row], *repairs: str) -> Report:
    recipe = recipe_for(write_pairs(folder / "rated.jsonl", rows), *repairs)
    return whole_check(recipe.rows, with_encoder, 200, 2)


def prepared_from(folder: Path, tokenizer: Any, rows: list[Row], *repairs: str) -> Prepared:
    recipe = recipe_for(write_pairs(folder / "rated.jsonl", rows), *repairs)
    return prepare(recipe, tokenizer, folder / "data", lambda done, total: None)


def proposals(folder: Path, rows: list[Row]) -> tuple[ShapeProposal, ...]:
    return describe(Source(source=str(write_pairs(folder / "rows.jsonl", rows)))).shapes


@pytest.mark.parametrize(
    ("value", "good"),
    [
        *[
            (value, True)
            for value in (True, 1, 1.0, "1", "True", " yes ", "👍", "thumbs_up", "Good")
        ],
        *[(value, False) for value in (False, 0, -1, 0.0, "no", "👎", "thumbs down", "BAD")],
        *[(value, None) for value in (2, 0.5, "maybe", "5 stars", "", None, [1], {"a": 1})],
    ],
)
def test_what_a_rating_says(value: Any, good: bool | None) -> None:
    assert is_good(value) is good


def test_sound_ratings_give_no_findings(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    report = report_on(tmp_path, encoder, SOUND)
    assert found_in(report) == {}
    assert report.statistics.kept == len(SOUND)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("label", (True, False)),
        ("label", (1, 0)),
        ("feedback", ("👍", "👎")),
        ("rating", ("thumbs_up", "thumbs_down")),
    ],
)
def test_rated_answers_are_recognised_first(
    tmp_path: Path,
    name: str,
    values: tuple[Any, Any],
) -> None:
    rows = [
        {"prompt": row["prompt"], "completion": row["completion"], name: values[not row["label"]]}
        for row in SOUND
    ]
    found = proposals(tmp_path, rows)
    assert (found[0].sure, found[0].rating) == (True, name)
    assert not found[0].repairs
    assert found[0].unread == ()
    assert method_keys(shape_keys(found[0])) == {"objective": "kto"}
    numbers = isinstance(values[0], int) and not isinstance(values[0], bool)
    left_out = [] if numbers else ["drop_marked"]
    assert [repair.kind for repair in found[1].repairs] == left_out
    assert found[1].rating is None
    blank = proposals(tmp_path, [rows[0] | {name: None}, *rows[1:]])[0]
    assert (blank.rating, [repair.kind for repair in blank.repairs]) == (name, ["drop_empty"])
    keys = preferring(shape_keys(found[1]), None, name)
    assert (keys["rating"], keys["repairs"]) == (name, [])


def test_a_label_of_numbers_next_to_other_columns_may_be_anything(tmp_path: Path) -> None:
    rows = [
        {"question": row["prompt"], "answer": row["completion"], "label": int(row["label"])}
        for row in SOUND
    ]
    assert all(shape.rating is None for shape in proposals(tmp_path, rows))


def test_marks_of_rows_that_are_not_to_be_used_stay_that(tmp_path: Path) -> None:
    rows = [
        {"prompt": row["prompt"], "completion": row["completion"], "approved": row["label"]}
        for row in SOUND
    ]
    first, second = proposals(tmp_path, rows)[:2]
    assert [repair.kind for repair in first.repairs] == ["drop_marked"]
    assert (first.rating, second.rating) == (None, "approved")
    # True means bad there.
    rows = [row | {"deleted": not row["approved"]} for row in rows]
    for row in rows:
        del row["approved"]
    assert all(shape.rating is None for shape in proposals(tmp_path, rows))
    # A few exceptions are no ratings to learn from.
    rows = [
        {"prompt": row["prompt"], "completion": row["completion"], "label": at > 2}
        for at, row in enumerate(SOUND)
    ]
    assert proposals(tmp_path, rows)[0].rating is None


def talks() -> list[Row]:
    return [
        {
            "prompt": [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Hello! What is it?"},
                {"role": "user", "content": row["prompt"]},
            ],
            "completion": [{"role": "assistant", "content": row["completion"]}],
            "label": row["label"],
        }
        for row in SOUND
    ]


def test_of_conversations_the_last_answer_alone_is_learned(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    first = proposals(tmp_path, talks())[0]
    assert (first.messages, first.rating, first.sure) == ("prompt + completion", "label", True)
    file = write_pairs(tmp_path / "talks.jsonl", talks())
    recipe = recipe_for(file, messages="prompt + completion")
    prepared = prepare(recipe, byte_level, tmp_path / "data", lambda done, total: None)
    for row in pq.read_table(prepared.train).to_pylist():
        assert row["labels"][: row["prompt_tokens"]] == [-100] * row["prompt_tokens"]
        learned = [token for token in row["labels"] if token != -100]
        assert byte_level.decode(learned).startswith(row["completion"])
        assert "What is it?" in byte_level.decode(row["input_ids"][: row["prompt_tokens"]])


DEFECTS: dict[str, Defect] = {
    "neither good nor bad": (
        [SOUND[0] | {"prompt": "Why?", "label": "maybe"}],
        "unusable:data.rating_value", 1, "skip_broken",
    ),
    "not rated": ([SOUND[0] | {"prompt": "Why?", "label": None}], "empty_values", 1, "drop_empty"),
    "no answer": ([SOUND[0] | {"prompt": "Why?", "completion": " "}], "empty_values", 1,
                  "drop_empty"),
    "good and bad": ([SOUND[3] | {"label": not SOUND[3]["label"]}], "contradictions", 2,
                     "drop_contradictions"),
    "twice": ([SOUND[5]], "duplicates", 1, "drop_duplicates"),
    "a long answer": ([SOUND[0] | {"prompt": "And then?", "completion": LONG}], "cut_off", 1,
                      "drop_cut_off"),
    "a long prompt": ([SOUND[0] | {"prompt": LONG}], "nothing_fits", 1, "drop_cut_off"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_ratings_is_found_and_repaired(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    name: str,
) -> None:
    assert_found_and_repaired(partial(report_on, tmp_path, encoder), SOUND, DEFECTS[name])


def test_two_answers_to_one_prompt_contradict_nothing(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    assert len({row["prompt"] for row in SOUND}) == len(SOUND) / 2
    assert "contradictions" not in found_in(report_on(tmp_path, encoder, SOUND))


@pytest.mark.parametrize("label", [True, False])
def test_answers_that_are_all_rated_alike_are_refused(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    byte_level: Any,  # noqa: F811
    label: bool,
) -> None:
    rows = [row | {"label": label} for row in SOUND]
    found = found_in(report_on(tmp_path, encoder, rows))["one_rating"]
    assert (found.level, found.rows) == ("error", len(rows))
    assert found.says.variant == ("good" if label else "bad")
    with pytest.raises(InputError) as caught:
        prepared_from(tmp_path, byte_level, rows)
    assert (caught.value.code, caught.value.variant) == (
        "data.one_rating",
        "good" if label else "bad",
    )
    assert caught.value.hint


def test_held_out_rows_of_one_kind_measure_nothing(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    bad = [row for row in rated_rows(60) if not row["label"]][-10:]
    file = write_pairs(tmp_path / "bad.jsonl", bad)
    source = write_pairs(tmp_path / "rated.jsonl", SOUND)
    recipe = recipe_for(source)
    split = recipe.rows.split.model_copy(update={"file": str(file)})
    data = recipe.rows.model_copy(update={"split": split})
    with pytest.raises(InputError) as caught:
        prepare(
            recipe.model_copy(update={"data": data}), byte_level, tmp_path / "data",
            lambda done, total: None,
        )  # fmt: skip
    assert (caught.value.code, caught.value.variant) == ("data.one_rating", "held_out")


@pytest.mark.parametrize("few", [True, False])
def test_many_more_of_one_kind_are_said_with_the_weight_that_evens_it(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    few: bool,
) -> None:
    some = [row for row in SOUND if row["label"] is few][:10]
    rows = [*(row for row in SOUND if row["label"] is not few), *some]
    found = found_in(report_on(tmp_path, encoder, rows))["uneven_ratings"]
    assert (found.level, found.rows) == ("info", 10)
    assert f"{'' if few else 'un'}desirable_weight: 4.0" in found.advice


def test_a_column_that_is_not_there_is_named(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    rows = [{"prompt": row["prompt"], "completion": row["completion"]} for row in SOUND]
    with pytest.raises(InputError) as caught:
        prepared_from(tmp_path, byte_level, rows)
    assert caught.value.code == "data.missing_column"
    assert "label" in caught.value.message


def test_both_kinds_are_held_out_and_a_prompt_stays_on_one_side(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    prepared = prepared_from(tmp_path, byte_level, SOUND)
    train, held_out = (
        pq.read_table(file).to_pylist() for file in (prepared.train, prepared.held_out)
    )
    assert not {row["prompt"] for row in train} & {row["prompt"] for row in held_out}
    for rows in (train, held_out):
        good = sum(row["good"] for row in rows)
        assert 0.3 < good / len(rows) < 0.7
    said = {json.dumps([row["prompt"], row["completion"]]): row["label"] for row in SOUND}
    prompt = TEMPLATE.prompt
    for row in train:
        (asked,) = (r["prompt"] for r in SOUND if prompt.format(prompt=r["prompt"]) == row["prompt"]
                    and r["completion"] == row["completion"])  # fmt: skip
        assert said[json.dumps([asked, row["completion"]])] is row["good"]
    assert load_prepared(tmp_path / "data") == prepared
    measured = load_held_out(prepared.held_out)
    assert len(measured.rows) + len(measured.bad) == len(held_out)
    assert {row.good for row in measured.rows} == {True}
    assert {row.good for row in measured.bad} == {False}


@pytest.mark.parametrize("good", [5, 40])
def test_int4_is_calibrated_on_good_answers_and_on_what_was_asked(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
    good: int,
) -> None:
    rows = [row for row in rated_rows(60) if not row["label"]]
    rows += [row for row in SOUND if row["label"]][:good]
    prepared = prepared_from(tmp_path, byte_level, rows)
    written = pq.read_table(prepared.train).to_pylist()
    bad = [row for row in written if not row["good"]]
    assert bad
    general = len(calibration_rows(None, byte_level))
    found = calibration_rows(prepared.train, byte_level)[:-general]
    assert found[: len(written) - len(bad)] == [row["input_ids"] for row in written if row["good"]]
    texts = "".join(byte_level.decode(ids) for ids in found)
    assert not [row for row in bad if row["completion"] in texts]
    assert bad[0]["prompt"] in texts


def test_the_preview_shows_how_an_answer_was_rated(encoder: Encoder) -> None:  # noqa: F811
    recipe = recipe_for(Path("rated.jsonl"))
    process = Process(recipe.rows, encoder, 200, columns_of(SOUND))
    for number in (0, len(SOUND) - 1):
        seen = preview(process, SOUND[number], number)
        assert seen.good is SOUND[number]["label"]
        assert seen.rejected is None
        assert [token.kind for token in seen.tokens][-1] == "stop"


def rated_data(prompts: list[int]) -> RatedDataset:
    """A data set whose rows have these prompts of two tokens, and an answer of its own each."""
    rows = [{"input_ids": [prompt, prompt, 100 + at], "labels": [-100, -100, 100 + at],
             "prompt_tokens": 2, "good": True} for at, prompt in enumerate(prompts)]  # fmt: skip
    return RatedDataset(Dataset.from_list(rows))


@pytest.mark.parametrize(
    "prompts", [[1, 2, 3], [1, 1, 2, 2], [1, 2, 2, 2, 3, 1], [1, 1, 1, 2, 3, 4, 1]]
)
def test_the_other_answer_is_one_to_another_prompt(prompts: list[int]) -> None:
    data = rated_data(prompts)
    for at, prompt in enumerate(prompts):
        other = data[at]["other"]
        assert other["input_ids"][:2] == [prompt, prompt]
        assert other["labels"][:2] == [-100, -100]
        assert prompts[other["input_ids"][2] - 100] != prompt


def test_with_one_prompt_alone_the_other_answer_is_that_of_another_row() -> None:
    data = rated_data([1, 1, 1])
    assert [data[at]["other"]["input_ids"][2] for at in range(3)] == [102, 100, 101]
    data.max_tokens = 2
    assert data[0]["other"]["input_ids"] == [1, 102]
    assert data[0]["answer"]["input_ids"] == [1, 100]
