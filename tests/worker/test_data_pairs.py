"""Pairs of answers: rendered alike, checked, shown, split by prompt, and refused where they are no
pairs."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phi3studio.domain.datasets.check_report import Report
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.resources import resources
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.inspecting.preview import preview
from phi3studio.worker.data.preparing.calibration_rows import calibration_rows
from phi3studio.worker.data.preparing.prepare_examples import Prepared, load_prepared, prepare
from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
from phi3studio.worker.data.preparing.tokenise import Encoder
from tests.worker.data_fixtures import (  # noqa: F401
    Defect,
    assert_found_and_repaired,
    byte_level,
    encoder,
    found_in,
    whole_check,
)
from tests.worker.pairs import TEMPLATE, pair_rows, write_pairs

Row = dict[str, Any]
LONG = "We look into it and write to you again. " * 40


def recipe_for(file: Path, *repairs: str, **data: Any) -> Recipe:
    shape = {"template": TEMPLATE.model_dump(), "rejected": "{rejected}"}
    return parse_recipe(
        {
            "data": {
                "source": str(file),
                "repairs": [{"kind": kind} for kind in repairs],
                **(data or shape),
            },
            "method": {"objective": "dpo"},
            "training": {"sequence_length": 200, "batch_size": 2},
        }
    )


def report_on(folder: Path, with_encoder: Encoder, rows: list[Row], *repairs: str) -> Report:
    recipe = recipe_for(write_pairs(folder / "pairs.jsonl", rows), *repairs)
    return whole_check(recipe.rows, with_encoder, 200, 2)


def prepared_from(folder: Path, tokenizer: Any, recipe: Recipe) -> Prepared:
    return prepare(recipe, tokenizer, folder / "data", lambda done, total: None)


def changed(row: Row, **values: Any) -> Row:
    return row | values


SOUND = pair_rows()


def test_sound_pairs_give_no_findings(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    report = report_on(tmp_path, encoder, SOUND)
    assert found_in(report) == {}
    assert report.statistics.kept == len(SOUND)
    assert report.statistics.labels == ()


def test_the_sample_of_pairs_is_sound_and_length_does_not_decide(
    encoder: Encoder,  # noqa: F811
) -> None:
    file = resources() / "samples" / "customer_answers.jsonl"
    report = describe(Source(source=str(file)))
    assert report.shapes[0].rejected == "{rejected}"
    template = {"prompt": "### Customer: {message}\n### Answer:\n", "completion": "{chosen}"}
    recipe = recipe_for(file, template=template, rejected="{rejected}")
    checked = whole_check(recipe.rows, encoder, 400, 8)
    assert found_in(checked) == {}
    assert checked.statistics.kept >= 200
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    longer = sum(len(row["chosen"]) > len(row["rejected"]) for row in rows)
    assert abs(longer / len(rows) - 0.5) < 0.05


DEFECTS: dict[str, Defect] = {
    "equal answers": (
        [changed(SOUND[0], prompt="Where is it?", rejected=SOUND[0]["chosen"] + " ")],
        "unusable:data.equal_answers",
        1,
        "skip_broken",
    ),
    "no better answer": ([changed(SOUND[0], prompt="Why?", chosen=None)], "empty_values", 1,
                         "drop_empty"),
    "no worse answer": ([changed(SOUND[0], prompt="Why?", rejected=None)], "empty_values", 1,
                        "drop_empty"),
    "an empty worse answer": ([changed(SOUND[0], prompt="Why?", rejected="  ")], "empty_values",
                              1, "drop_empty"),
    "swapped": (
        [changed(SOUND[3], chosen=SOUND[3]["rejected"], rejected=SOUND[3]["chosen"])],
        "contradictions",
        2,
        "drop_contradictions",
    ),
    "twice": ([SOUND[5]], "duplicates", 1, "drop_duplicates"),
    "one breaks off": (
        [changed(SOUND[0], prompt="Why so late?", rejected=SOUND[0]["chosen"][:20])],
        "pairs_of_one_answer",
        1,
        None,
    ),
    "a long worse answer": ([changed(SOUND[0], prompt="And then?", rejected=LONG)], "cut_off", 1,
                            "drop_cut_off"),
    "a long better answer": ([changed(SOUND[0], prompt="And then?", chosen=LONG)], "cut_off", 1,
                             "drop_cut_off"),
    "a long prompt": ([changed(SOUND[0], prompt=LONG)], "nothing_fits", 1, "drop_cut_off"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_of_pairs_is_found_and_repaired(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    name: str,
) -> None:
    assert_found_and_repaired(partial(report_on, tmp_path, encoder), SOUND, DEFECTS[name])


def test_other_answers_to_one_prompt_contradict_nothing(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    other = changed(SOUND[3], chosen="We are sorry, it comes tomorrow.", rejected="Wait.")
    assert found_in(report_on(tmp_path, encoder, [*SOUND, other])) == {}


@pytest.mark.parametrize("longer", [True, False])
def test_length_that_decides_by_itself_is_said(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    longer: bool,
) -> None:
    names = ("chosen", "rejected") if longer else ("rejected", "chosen")
    rows = [changed(row, **{names[0]: f"{row['prompt']} {LONG[:100]}"}) for row in SOUND]
    found = found_in(report_on(tmp_path, encoder, rows))["length_bias"]
    assert found.says.variant == ("longer" if longer else "shorter")
    assert "100" in found.advice


@pytest.mark.parametrize("empty", [None, "", " "])
def test_without_any_worse_answer_it_says_what_to_do(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
    empty: str | None,
) -> None:
    rows = [changed(row, rejected=empty) for row in SOUND]
    recipe = recipe_for(write_pairs(tmp_path / "pairs.jsonl", rows))
    with pytest.raises(InputError) as caught:
        prepared_from(tmp_path, byte_level, recipe)
    assert "ejected" in caught.value.message
    assert caught.value.hint


def test_a_file_without_worse_answers_is_refused(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [{"prompt": row["prompt"], "chosen": row["chosen"]} for row in SOUND]
    recipe = recipe_for(write_pairs(tmp_path / "plain.jsonl", rows))
    with pytest.raises(InputError) as caught:
        prepared_from(tmp_path, byte_level, recipe)
    assert caught.value.code == "data.missing_column"
    assert "rejected" in caught.value.message


def turns(*texts: str) -> list[dict[str, str]]:
    return [
        {"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(texts)
    ]


TALKS = [
    {
        "chosen": turns("Hello", "Hello! What is it?", row["prompt"], row["chosen"]),
        "rejected": turns("Hello", "Hello! What is it?", row["prompt"], row["rejected"]),
    }
    for row in SOUND
]


def test_of_conversations_the_last_answer_alone_is_learned(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    file = write_pairs(tmp_path / "talks.jsonl", TALKS)
    recipe = recipe_for(file, messages="chosen", rejected="rejected")
    prepared = prepared_from(tmp_path, byte_level, recipe)
    row = pq.read_table(prepared.train).to_pylist()[0]
    for ids, labels, completion in (
        ("input_ids", "labels", "completion"),
        ("rejected_ids", "rejected_labels", "rejected"),
    ):
        learned = [token for token in row[labels] if token != -100]
        assert row[labels][row["prompt_tokens"] :] == learned
        said = byte_level.decode(learned)
        assert said.startswith(row[completion])
        assert "What is it?" in byte_level.decode(row[ids][: row["prompt_tokens"]])
    assert row["input_ids"][: row["prompt_tokens"]] == row["rejected_ids"][: row["prompt_tokens"]]


def test_conversations_that_part_before_the_answer_are_no_pair(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    odd = {"chosen": turns("Is it late?", "Yes."), "rejected": turns("Is it early?", "No.")}
    file = write_pairs(tmp_path / "talks.jsonl", [*TALKS, odd])
    places = {"messages": "chosen", "rejected": "rejected"}
    with pytest.raises(InputError) as caught:
        prepared_from(tmp_path, byte_level, recipe_for(file, **places))
    assert "different prompts" in caught.value.message
    assert "skip_broken" in caught.value.hint
    prepared = prepared_from(tmp_path, byte_level, recipe_for(file, "skip_broken", **places))
    assert prepared.train_rows + prepared.held_out_rows == len(TALKS)
    assert "data.pair_prompts" in str(prepared.left_out)


def test_pairs_with_one_prompt_stay_on_one_side(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [
        changed(row, chosen=f"{row['chosen']} {more}") for row in SOUND for more in ("Bye.", "Yes.")
    ]
    recipe = recipe_for(write_pairs(tmp_path / "pairs.jsonl", rows))
    prepared = prepared_from(tmp_path, byte_level, recipe)
    sides = [
        {row["prompt"] for row in pq.read_table(file).to_pylist()}
        for file in (prepared.train, prepared.held_out)
    ]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert load_prepared(tmp_path / "data") == prepared


def test_sides_that_are_equal_as_far_as_they_fit_are_left_out(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    odd = changed(SOUND[0], prompt="And?", chosen=f"{LONG} Yes.", rejected=f"{LONG} No.")
    recipe = recipe_for(write_pairs(tmp_path / "pairs.jsonl", [*SOUND, odd]))
    prepared = prepared_from(tmp_path, byte_level, recipe)
    assert prepared.train_rows + prepared.held_out_rows == len(SOUND)
    assert prepared.left_out_rows == 1


def test_the_counted_tokens_are_those_of_both_sides(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    from phi3studio.worker.estimating.known_facts import data_size

    recipe = recipe_for(write_pairs(tmp_path / "pairs.jsonl", SOUND))
    prepared = prepared_from(tmp_path, byte_level, recipe)
    rows = [
        row
        for file in (prepared.train, prepared.held_out)
        for row in pq.read_table(file).to_pylist()
    ]
    tokens = sum(
        len(row["input_ids"]) + len(row["rejected_ids"]) - row["prompt_tokens"] for row in rows
    )
    assert prepared.tokens == tokens
    size = data_size(prepared)
    assert size.train_tokens + size.held_out_tokens == tokens


def test_the_preview_shows_both_answers_with_their_tokens(
    encoder: Encoder,  # noqa: F811
) -> None:
    recipe = recipe_for(Path("pairs.jsonl"))
    process = Process(recipe.rows, encoder, 200, columns_of(SOUND))
    seen = preview(process, SOUND[0], 0)
    assert seen.rejected is not None
    stop = encoder.stop.text
    assert seen.rendered == f"{seen.prompt}{SOUND[0]['chosen']}{stop}"
    assert seen.rejected.rendered == f"{seen.prompt}{SOUND[0]['rejected']}{stop}"
    for side in (seen, seen.rejected):
        assert "".join(token.text for token in side.tokens).endswith(side.rendered)
        masks = [token.kind for token in side.tokens]
        assert masks[: seen.prompt_tokens] == ["masked"] * seen.prompt_tokens
        assert masks[-1] == "stop"
        assert side.trained_tokens == len(masks) - seen.prompt_tokens
    plain = parse_recipe({"data": {"source": "x", "template": TEMPLATE.model_dump()}})
    assert (
        preview(Process(plain.rows, encoder, 200, columns_of(SOUND)), SOUND[0], 0).rejected is None
    )


def test_a_repair_mends_both_answers(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    rows = [
        changed(row, chosen=row["chosen"] + "\u200b", rejected=row["rejected"] + "\u200b")
        for row in SOUND
    ]
    recipe = recipe_for(write_pairs(tmp_path / "pairs.jsonl", rows), "strip_control")
    prepared = prepared_from(tmp_path, byte_level, recipe)
    for row in pq.read_table(prepared.train).to_pylist():
        assert "\u200b" not in row["completion"] + row["rejected"]


def test_int4_is_calibrated_on_the_better_answers(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    recipe = recipe_for(write_pairs(tmp_path / "pairs.jsonl", SOUND))
    prepared = prepared_from(tmp_path, byte_level, recipe)
    written = pq.read_table(prepared.train).to_pylist()
    found = calibration_rows(prepared.train, byte_level)
    assert found[: len(written)] == [row["input_ids"] for row in written]
    texts = "".join(byte_level.decode(ids) for ids in found)
    for row in written:
        assert row["completion"] in texts
        assert row["rejected"] not in texts
