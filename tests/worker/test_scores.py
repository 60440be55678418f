"""Scores of answers, and how long an answer may become."""

from __future__ import annotations

import pytest

from phi3studio.worker.data.preparing.held_out_rows import HeldOut, HeldOutRow
from phi3studio.worker.fidelity.scores import score_answers, words_of


def test_labels_are_right_or_wrong_whatever_the_space_around_them() -> None:
    score = score_answers(["Joy", "Sad", "Joy"], [" Joy\n", "joy", "Joy and Sad"], ("Joy", "Sad"))
    assert score.name == "accuracy"
    assert score.rows == (1.0, 0.0, 0.0)
    assert score.figures["confusion"].counts == ((1, 0, 1), (0, 0, 1))
    assert score.figures["macro_f1"] == pytest.approx((2 * 1 / (2 + 1) + 0) / 2)


def test_texts_overlap_by_words_and_by_their_order() -> None:
    score = score_answers(["the quick brown fox"], ["Brown fox, quick!"], ())
    assert score.name == "token_f1"
    # Three of three and of four words; in their order only two.
    assert score.rows == (pytest.approx(2 * 1 * 0.75 / 1.75),)
    assert score.figures["token_f1"] == pytest.approx(score.mean)
    assert score.figures["rouge_l"] == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))


def test_an_empty_answer_overlaps_with_nothing() -> None:
    assert score_answers(["a b"], [""], ()).rows == (0.0,)
    assert score_answers(["a b"], ["a b"], ()).rows == (1.0,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Città, PERÒ!", ["città", "però"]),
        ("今日は晴れ", ["今", "日", "は", "晴", "れ"]),
        ("GPU 3000元", ["gpu", "3000", "元"]),
        ("…", []),
    ],
)
def test_words_of_any_script(text, words) -> None:
    assert words_of(text) == words


def row(answer: int) -> HeldOutRow:
    return HeldOutRow("p", "e", tuple(range(10 + answer)), tuple(range(10 + answer)), 10)


@pytest.mark.parametrize(
    ("answers", "longest", "seen"),
    [
        ([3, 3, 4], 12, [True, True, True]),
        ([100, 60, 20], 150, [True, True, True]),
        ([900, 40, 30], 256, [False, True, True]),
        ([900, 800, 700], 864, [False, True, True]),
    ],
)
def test_answers_may_grow_until_most_are_seen_to_end(answers, longest, seen) -> None:
    data = HeldOut(tuple(map(row, answers)))
    assert data.answer_tokens == longest
    assert [data.may_end(item) for item in data.rows] == seen
