"""Ratings: their lines, their files, what is trained from them, and blind comparisons."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.domain.ratings.blind import BlindPair, BlindScore, Side
from phi3studio.domain.ratings.preference_rows import preference_rows, rated_rows, rows_to_train
from phi3studio.domain.ratings.rating import (
    Message,
    Question,
    Rating,
    Verdict,
    deletion_line,
    messages_of,
    parse_ratings,
)
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.shown.rating_shelf import RatingShelf
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.wizard.flow import to_recipe
from phi3studio.wizard.preference_draft import preference_draft

ASKED = Question("### Customer: where?\n### Answer:\n")
TALK = Question("<user>where?<bot>", (Message("system", "Be kind."), Message("user", "where?")))


def thumb(answer: str, verdict: Verdict, question: Question = ASKED, time: float = 1.0) -> Rating:
    return Rating(question, "tones", answer, verdict, time)


def pair(good: str, bad: str, question: Question = ASKED) -> Rating:
    return Rating(question, "tones", good, "pair", 2.0, bad, "other")


# --- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rating", [thumb("Here.", "up"), thumb("", "down", TALK), pair("Here.", "Hm \ud83d", TALK)]
)
def test_a_line_holds_all_of_a_rating(rating: Rating) -> None:
    line = rating.to_line()
    assert "\n" not in line
    assert line.encode("utf-8")
    assert json.loads(line)["version"] == 1
    assert parse_ratings([line]).ratings == (rating,)


def test_a_later_line_replaces_the_earlier_and_a_deletion_takes_it_back() -> None:
    up, down, other = thumb("Here.", "up"), thumb("Here.", "down", time=3), thumb("No.", "down")
    lines = [up.to_line(), other.to_line(), "", down.to_line()]
    assert parse_ratings(lines).ratings == (other, down)
    gone = [*lines, deletion_line(up.id, 4.0), deletion_line("never-there", 4.0)]
    assert parse_ratings(gone).ratings == (other,)


def test_to_rate_the_other_way_round_is_the_same_rating() -> None:
    one = pair("Here.", "No.")
    turned = one.turned(5.0)
    assert (turned.answer, turned.model, turned.rejected) == ("No.", "other", "Here.")
    assert (turned.rejected_model, turned.time, turned.id) == ("tones", 5.0, one.id)
    assert thumb("a", "up").turned(5.0) == thumb("a", "down", time=5.0)
    # The question is the same however a template of today renders it.
    rendered = replace(TALK, prompt="[INST]where?[/INST]")
    assert thumb("a", "up", TALK).id == thumb("a", "up", rendered).id
    assert thumb("a", "up", TALK).id != thumb("a", "up").id


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        '{"version": 2, "id": "x", "verdict": "up"}',
        '{"version": 1, "id": "x", "verdict": "up"}',
        thumb("a", "up").to_line().replace('"up"', '"sideways"'),
        thumb("a", "up").to_line().replace('"up"', '["up"]'),
        thumb("a", "up", TALK).to_line().replace('"role": "user", ', ""),
        pair("a", "b").to_line().replace('"rejected_model"', '"else"'),
    ],
)
def test_damaged_lines_are_passed_over_and_counted(line: str) -> None:
    read = parse_ratings([thumb("b", "up").to_line(), line, thumb("c", "up").to_line()])
    assert [rating.answer for rating in read.ratings] == ["b", "c"]
    assert read.damaged == 1


def test_what_is_shown_of_a_question() -> None:
    assert TALK.shown == "where?"
    assert ASKED.shown == ASKED.prompt
    turns = messages_of([{"role": "user", "content": "where?"}])
    assert turns == (Message("user", "where?"),)


# --- rows to train on ---------------------------------------------------------------------------


def test_thumbs_are_a_pair_only_where_one_question_has_both() -> None:
    alone = Question("### Customer: when?\n### Answer:\n")
    found = preference_rows(
        [
            thumb("Here.", "up"),
            thumb("No.", "down"),
            thumb("Hm.", "down"),
            thumb("Soon.", "up", alone),
        ]
    )
    assert found.pairs == (
        {"prompt": ASKED.prompt, "chosen": "Here.", "rejected": "No."},
        {"prompt": ASKED.prompt, "chosen": "Here.", "rejected": "Hm."},
    )
    assert found.labelled == ({"prompt": alone.prompt, "completion": "Soon.", "label": True},)
    assert not found.conversations


def test_as_labels_both_answers_of_a_pair_are_rows_and_each_is_there_once() -> None:
    ratings = [pair("Here.", "No."), thumb("Here.", "up"), thumb("No.", "up"), thumb(" ", "down")]
    found = rated_rows(ratings)
    assert not found.pairs
    assert found.labelled == (
        {"prompt": ASKED.prompt, "completion": "Here.", "label": True},
        {"prompt": ASKED.prompt, "completion": "No.", "label": False},
        {"prompt": ASKED.prompt, "completion": "No.", "label": True},
    )
    assert found.both_kinds
    assert found.left_out == 1


def test_the_form_to_train_in_is_the_one_with_more_to_learn() -> None:
    other = [thumb("a", "up", Question("x")), thumb("b", "down", Question("y"))]
    assert rows_to_train([pair("Here.", "No."), other[0]]).pairs
    more = rows_to_train([pair("Here.", "No."), *other])
    assert (len(more.pairs), len(more.labelled)) == (0, 4)
    # Good answers alone teach nothing by their label.
    good = rows_to_train([other[0], thumb("c", "up", Question("z"))])
    assert (len(good.pairs), len(good.labelled)) == (0, 2)
    assert not good.both_kinds


def test_conversations_keep_their_turns_and_a_template_among_them_is_one() -> None:
    found = preference_rows([pair("Here.", "No.", TALK), thumb("Bad.", "down")])
    asked = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "where?"}]
    assert found.conversations
    assert found.pairs == (
        {
            "prompt": asked,
            "chosen": [{"role": "assistant", "content": "Here."}],
            "rejected": [{"role": "assistant", "content": "No."}],
        },
    )
    assert found.labelled == (
        {
            "prompt": [{"role": "user", "content": ASKED.prompt}],
            "completion": [{"role": "assistant", "content": "Bad."}],
            "label": False,
        },
    )


def test_what_teaches_nothing_is_no_row() -> None:
    empty, same = pair("Here.", " "), [thumb("x", "up"), replace(thumb("x", "down"), model="b")]
    found = preference_rows([empty, *same, thumb("", "up"), pair("a", "b"), pair("a", "b")])
    assert [row["chosen"] for row in found.pairs] == ["a"]
    # An empty answer is worth nothing to learn from, in a pair or alone.
    assert found.left_out == 2
    assert [row["label"] for row in found.labelled] == [True, False]


# --- blind comparison ---------------------------------------------------------------------------

BLIND = BlindPair(ASKED, Side("tones", "Here."), Side("other", "No."))


def test_a_pick_names_the_model_whatever_the_order() -> None:
    assert BLIND.shown == ("Here.", "No.")
    assert [BLIND.choice(pick) for pick in ("1", "2", "tie", "bad")] == [
        "first",
        "second",
        "tie",
        "bad",
    ]
    swapped = replace(BLIND, swapped=True)
    assert swapped.shown == ("No.", "Here.")
    assert [swapped.choice("1"), swapped.choice("2")] == ["second", "first"]
    assert not BLIND.equal
    assert replace(BLIND, second=Side("other", " Here.\n")).equal


def test_the_order_is_random_and_balanced() -> None:
    random = Random(1)
    swapped = sum(BLIND.shuffled(random).swapped for _ in range(1000))
    assert 450 < swapped < 550


def test_a_choice_is_kept_as_a_pair_and_two_bad_answers_as_thumbs() -> None:
    (first,) = BLIND.ratings("first", 2.0)
    assert first == pair("Here.", "No.")
    (second,) = BLIND.ratings("second", 2.0)
    assert second == first.turned(2.0)
    assert BLIND.ratings("tie", 2.0) == ()
    bad = BLIND.ratings("bad", 2.0)
    assert [(one.model, one.verdict) for one in bad] == [("tones", "down"), ("other", "down")]


def test_the_score_and_its_interval() -> None:
    score = BlindScore()
    assert (score.share, score.interval, score.winner) == (0.5, (0.0, 1.0), None)
    for choice in ("first",) * 8 + ("second",) * 2 + ("tie", "bad"):
        score = score.counted(choice)  # type: ignore[arg-type]
    assert (score.decided, score.total, score.share) == (10, 12, 0.8)
    # As in Wilson's own table for 8 of 10.
    assert score.interval == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert score.winner is None
    assert BlindScore(first=80, second=20).winner == "first"
    assert BlindScore(first=20, second=80).winner == "second"
    assert BlindScore(first=10).interval[1] == pytest.approx(1.0)
    assert BlindScore(second=10).interval[0] == pytest.approx(0.0)


# --- files --------------------------------------------------------------------------------------


@pytest.fixture
def run(home: Home) -> RunFolder:
    return RunStore(home).create(demo_recipe())


@pytest.fixture
def shelf(home: Home) -> RatingShelf:
    return RatingShelf(RunStore(home))


def test_ratings_lie_with_the_run_and_for_the_user_alone(shelf, run) -> None:
    name = shelf.name_of(run.model)
    assert name == run.name
    mine = replace(thumb("Here.", "up"), model=name)
    shelf.add([mine])
    file = run.path / "ratings.jsonl"
    assert file.read_text("utf-8") == mine.to_line() + "\n"
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert shelf.all().ratings == (mine,)
    assert shelf.of(name).ratings == (mine,)
    assert shelf.of("other").ratings == ()


def test_lines_are_appended_and_never_rewritten(shelf, run) -> None:
    one = replace(thumb("Here.", "up"), model=run.name)
    shelf.add([one])
    file = run.path / "ratings.jsonl"
    before = file.read_bytes()
    turned = shelf.turn(one)
    assert shelf.all().ratings == (turned,)
    shelf.delete(turned)
    assert shelf.all().ratings == ()
    assert file.read_bytes().startswith(before)
    assert len(file.read_text().splitlines()) == 3


def test_after_a_halved_line_the_next_one_is_whole(shelf, run) -> None:
    one = replace(thumb("Here.", "up"), model=run.name)
    shelf.add([one])
    file = run.path / "ratings.jsonl"
    with file.open("ab") as opened:
        opened.write(b'{"version": 1, "id": "\xff')
    other = replace(thumb("No.", "down", time=2), model=run.name)
    shelf.add([other])
    read = shelf.all()
    assert read.ratings == (other, one)
    assert read.damaged == 1


def test_a_pair_is_found_by_either_model_and_turns_in_place(shelf, run, tmp_path) -> None:
    apart = str(tmp_path / "a model of no run")
    assert shelf.name_of(Path(apart)) == apart
    kept = replace(pair("Here.", "No."), model=run.name, rejected_model=apart)
    shelf.add([kept])
    assert shelf.of(apart).ratings == shelf.of(run.name).ratings == (kept,)
    turned = shelf.turn(kept)
    assert turned.model == apart
    assert shelf.all().ratings == (turned,)
    shelf.delete(turned)
    assert shelf.all().ratings == ()


def test_an_export_holds_pairs_and_next_to_them_what_has_no_counterpart(shelf, tmp_path) -> None:
    file = tmp_path / "mine.jsonl"
    done = shelf.export([pair("Here.", "No."), thumb("Hm.", "down")], file)
    assert [json.loads(line) for line in file.read_text().splitlines()] == list(done.rows.pairs)
    assert done.labels == tmp_path / "mine-labels.jsonl"
    (label,) = done.labels.read_text().splitlines()
    assert json.loads(label) == {"prompt": ASKED.prompt, "completion": "Hm.", "label": False}
    alone = shelf.export([thumb("Hm.", "down")], tmp_path / "thumbs.jsonl")
    assert alone.labels is None
    assert '"label": false' in (tmp_path / "thumbs.jsonl").read_text()


def test_an_export_with_labels_has_all_answers_in_one_file(shelf, tmp_path) -> None:
    done = shelf.export([pair("Here.", "No."), thumb("Hm.", "down")], tmp_path / "l", rated_rows)
    assert done.labels is None
    rows = [json.loads(line) for line in (tmp_path / "l").read_text().splitlines()]
    assert rows == list(done.rows.labelled)
    assert [row["label"] for row in rows] == [True, False, False]


def test_what_cannot_be_done_is_said(shelf, run, tmp_path) -> None:
    with pytest.raises(InputError, match="no rating") as none:
        shelf.export([], tmp_path / "none.jsonl")
    assert none.value.code == "rating.none"
    with pytest.raises(InputError) as unwritten:
        shelf.export([pair("a", "b")], tmp_path / "no folder" / "x.jsonl")
    assert unwritten.value.code == "rating.not_written"
    (run.path / "ratings.jsonl").mkdir()
    with pytest.raises(InputError) as unreadable:
        shelf.all()
    assert unreadable.value.code == "rating.unreadable"
    with pytest.raises(InputError) as unkept:
        shelf.add([replace(thumb("a", "up"), model=run.name)])
    assert unkept.value.code == "rating.not_written"


# --- the wizard ---------------------------------------------------------------------------------


def test_ratings_are_trained_from_where_the_model_is(home) -> None:
    base = demo_recipe()
    texts = preference_rows([pair("a", "b")])
    draft = preference_draft("/x/r.jsonl", texts, base, "/run/adapter")
    assert (draft.prompt, draft.completion, draft.rejected) == (
        "{prompt}",
        "{chosen}",
        "{rejected}",
    )
    assert (draft.model, draft.adapter, draft.objective) == (
        base.model.source,
        "/run/adapter",
        "dpo",
    )
    talk = preference_draft("/x/r.jsonl", preference_rows([pair("a", "b", TALK)]), None, None)
    assert (talk.messages, talk.rejected) == ("prompt + chosen", "prompt + rejected")
    assert to_recipe(talk).method.objective == "dpo"


def test_thumbs_alone_are_trained_by_their_label_and_good_ones_as_examples(home) -> None:
    base = demo_recipe()
    both = [thumb("a", "up"), thumb("b", "down", Question("other"))]
    rated = preference_draft("/x/r.jsonl", rows_to_train(both), base, "/run/adapter")
    assert (rated.prompt, rated.completion, rated.rating) == ("{prompt}", "{completion}", "label")
    recipe = to_recipe(rated)
    assert (recipe.method.objective, recipe.data.rating) == ("kto", "label")
    assert (rated.model, rated.adapter) == (base.model.source, "/run/adapter")
    good = preference_draft("/x/r.jsonl", preference_rows([thumb("a", "up")]), base, None)
    assert (good.prompt, good.rating, good.objective) == ("{prompt}", "", "sft")
    talks = [thumb("a", "up", TALK), thumb("b", "down", Question("other"))]
    talk = preference_draft("/x/r.jsonl", rows_to_train(talks), None, None)
    assert (talk.messages, talk.rating) == ("prompt + completion", "label")
