"""What measured likelihoods say of preferences and of forgetting, and how they are judged."""

from __future__ import annotations

import random

import pytest

from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.measured_events import Metrics, ModelFigures, Preference, Verified
from phi3studio.domain.fidelity import Evidence, judge
from phi3studio.domain.hyperparameters import Method
from phi3studio.domain.intervals import difference_interval, mean_interval, share_interval
from phi3studio.domain.messages import say
from phi3studio.domain.preference_figures import (
    FORGOT,
    Pair,
    Rated,
    Recall,
    compared_by,
    forgetting_of,
    preference_of,
    preference_phrase,
    preference_scores,
    preferred_by,
    rated_preference_of,
    rated_scores,
)
from phi3studio.domain.recipe import Fidelity, Target
from phi3studio.domain.run import fold

DPO, SIMPO = Method(objective="dpo"), Method(objective="simpo")
# A long better answer: less likely as a whole, likelier a token.
LONG = Pair(-30.0, -20.0, 30, 10)
SHORT = Pair(-10.0, -20.0, 10, 10)


@pytest.mark.parametrize(("objective", "by"), [("dpo", "sum"), ("orpo", "mean"), ("simpo", "mean")])
def test_answers_are_compared_as_the_loss_compares_them(objective, by) -> None:
    assert compared_by(Method(objective=objective)) == by


def test_a_sum_knows_no_length_and_a_mean_does() -> None:
    assert preferred_by([LONG, SHORT], "sum") == (-10.0, 10.0)
    assert preferred_by([LONG, SHORT]) == (1.0, 1.0)
    assert preferred_by([Pair(0.0, 0.0, 0, 0)], "mean") == (0.0,)  # nothing of it was supervised
    assert preference_scores([2.0, -1.0, 0.0]) == (1.0, 0.0, 0.5)


def test_of_the_model_that_training_begins_with_no_reward_is_known() -> None:
    found = preference_of([LONG, SHORT], DPO)
    assert (found.pairs, found.prefers) == (2, 1.0)
    assert found.reward is found.margin is None


def test_the_reward_is_what_the_better_answer_gained() -> None:
    # Still less likely as a whole, but 8 nats nearer than before.
    after = [Pair(-25.0, -23.0, 30, 10), SHORT]
    found = preference_of(after, DPO, [LONG, SHORT])
    assert found.prefers == 1.0
    assert found.reward == 0.75  # the second pair is as it was: a tie
    assert found.margin == pytest.approx(0.1 * (8.0 + 0.0) / 2)
    by_token = preference_of(after, SIMPO, [LONG, SHORT])
    assert by_token.margin == pytest.approx(2.0 * (-25 / 30 + 2.3 - 1.0) / 2)
    assert found.margin_interval is not None
    assert found.margin_interval[0] < found.margin < found.margin_interval[1]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_nineteen_of_twenty_intervals_hold_the_share(share) -> None:
    draw = random.Random(5)
    held = 0
    for _ in range(400):
        low, high = share_interval([float(draw.random() < share) for _ in range(46)])
        held += low <= share <= high
    assert held >= 0.93 * 400


def test_no_interval_is_without_width() -> None:
    low, high = share_interval([1.0] * 46)
    assert high == 1.0
    assert 0.85 < low < 0.96
    assert mean_interval([1.0, 3.0]) == pytest.approx((2 - 1.959964, 2 + 1.959964))
    assert mean_interval([1.0]) == (1.0, 1.0)


def test_forgetting_is_the_nats_that_general_answers_lost() -> None:
    before = [Recall(1.0, 1.0), Recall(2.0, 0.0)]
    after = [Recall(2.5, 0.0), Recall(4.5, 0.0)]
    found = forgetting_of(before, after)
    assert (found.before, found.after, found.lost) == (1.5, 3.5, 2.0)
    assert (found.right_before, found.right_after) == (0.5, 0.0)
    assert found.interval[0] < 2.0 < found.interval[1]
    assert found.limit == FORGOT < 2.0
    assert found.is_much
    assert not forgetting_of(after, before).is_much
    assert not forgetting_of(before, before).is_much
    assert fold([Event(seq=1, t=0.0, payload=found)]).forgetting == found


# --- the verdict ----------------------------------------------------------------------------------


def verdict(lost: int, pairs: int, **limits: float) -> Verified:
    """Of so many pairs, the exported model no longer prefers the better answer in *lost*."""
    before = [1.0] * pairs
    after = [0.0] * lost + [1.0] * (pairs - lost)
    figures = ModelFigures(perplexity=2.0, stops=1.0)
    evidence = Evidence(
        models={"merged": figures, "exported": figures},
        rows=pairs,
        stop="<end>",
        preferred=(before, after),
    )
    return judge(evidence, Fidelity(**limits), Target())


def test_an_export_within_two_points_of_preference_is_faithful() -> None:
    found = verdict(1, 100)
    assert found.faithful
    assert found.preference_lost == 1.0
    assert found.limits["preference_lost"] == 2.0
    # One pair of a hundred: more of them would have to show that it is not three.
    assert [note.code for note in found.remarks] == ["fidelity.few_pairs"]
    assert "100 held-out pairs are too few" in say(found.remarks[0]).message


def test_an_export_that_prefers_less_is_not() -> None:
    found = verdict(30, 100)
    assert [note.code for note in found.reasons] == ["fidelity.preference"]
    assert found.reasons[0].variant == ""
    said = say(found.reasons[0])
    assert "30.0 points fewer of the pairs than the merged model; 2 are allowed" in said.message
    assert "target.block_size: 16" in said.hint
    assert verdict(30, 100, preference_lost=40).faithful


def test_a_loss_that_may_be_chance_says_so() -> None:
    found = verdict(3, 100)
    assert [(note.code, note.variant) for note in found.reasons] == [
        ("fidelity.preference", "chance")
    ]
    assert "100 held-out pairs that may be chance" in say(found.reasons[0]).message


def test_one_pair_of_few_is_allowed_for_nothing_finer_can_be_seen() -> None:
    assert verdict(1, 46).faithful
    assert verdict(1, 46).limits["preference_lost"] == pytest.approx(100 / 46)
    assert not verdict(2, 46).faithful


def test_enough_pairs_without_a_loss_leave_nothing_to_remark() -> None:
    found = verdict(0, 1000)
    assert found.faithful
    assert not found.remarks


def test_without_pairs_nothing_is_said_of_them() -> None:
    figures = ModelFigures(perplexity=2.0, stops=1.0)
    evidence = Evidence(models={"merged": figures, "exported": figures}, rows=4, stop="<end>")
    found = judge(evidence, Fidelity(), Target())
    assert found.preference_lost is found.preference_interval is None
    assert "preference_lost" not in found.limits


# --- the sentence ---------------------------------------------------------------------------------


def models(**shares: float) -> dict[str, Metrics]:
    return {
        role: Metrics(
            model=role,  # type: ignore[arg-type]
            rows=100,
            accuracy=0.0,
            perplexity=2.0,
            stops=1.0,
            preference=Preference(pairs=100, prefers=share, interval=(0.0, 1.0)),
        )
        for role, share in shares.items()
    }


def sentence(found: dict[str, Metrics], judged: Verified | None = None) -> str:
    phrase = preference_phrase(found, judged)  # type: ignore[arg-type]
    assert phrase is not None
    return say(phrase).message


def test_the_sentence_says_before_after_and_the_export() -> None:
    found = models(base=0.52, merged=0.91, exported=0.9)
    assert (
        sentence(found, verdict(1, 100))
        == "It prefers the better answer in 91 of 100 pairs, before 52; the exported model is as "
        "good."
    )
    lossy = models(base=0.52, merged=0.91, exported=0.61)
    assert sentence(lossy, verdict(30, 100)).endswith("; the exported model only in 61.")


def test_the_pairs_that_there_are_are_counted() -> None:
    few = {
        role: item.model_copy(
            update={"preference": item.preference.model_copy(update={"pairs": 7})}
        )
        for role, item in models(base=3 / 7, merged=5 / 7).items()
        if item.preference is not None
    }
    assert sentence(few) == "It prefers the better answer in 5 of 7 pairs, before 3."


def test_of_rated_answers_comparisons_are_said_in_hundreds() -> None:
    rated = {
        role: item.model_copy(
            update={"preference": item.preference.model_copy(update={"rated": True, "pairs": 7})}
        )
        for role, item in models(base=0.5, merged=0.91).items()
        if item.preference is not None
    }
    assert "gained more in 91 of 100 comparisons, by chance 50" in sentence(rated)


def test_before_is_the_adapter_that_the_run_goes_on_from() -> None:
    found = models(base=0.4, start=0.6, merged=0.9)
    assert sentence(found) == "It prefers the better answer in 90 of 100 pairs, before 60."
    assert sentence(models(base=0.4, start=0.9, merged=0.92)).startswith("It does not prefer")


def test_where_nothing_was_compared_there_is_no_sentence() -> None:
    assert preference_phrase({}, None) is None
    assert preference_phrase(models(merged=0.9), None) is None  # type: ignore[arg-type]
    plain = models(base=0.5)["base"].model_copy(update={"preference": None})
    assert preference_phrase({"base": plain}, None) is None


KTO = Method(objective="kto")
BEFORE = [Rated(-10.0, True), Rated(-30.0, True), Rated(-20.0, False)]


def test_of_rated_answers_each_good_one_is_compared_with_each_bad_one() -> None:
    # The good ones gained 3 and -1, the bad one 1: likelihoods of other prompts say nothing.
    after = [Rated(-7.0, True), Rated(-31.0, True), Rated(-19.0, False)]
    assert rated_scores(after, BEFORE) == (0.5,)
    found = rated_preference_of(after, KTO, BEFORE)
    assert (found.rated, found.pairs) == (True, 2)
    assert found.prefers == found.reward == 0.5
    assert found.margin == pytest.approx(0.1 * (1.0 - 1.0))
    better = rated_preference_of([*after[:2], Rated(-22.0, False)], KTO, BEFORE)
    assert (better.prefers, better.interval) == (1.0, share_interval([1.0]))
    assert better.margin == pytest.approx(0.1 * (1.0 + 2.0))


def test_the_scores_are_those_of_the_kind_that_there_are_fewer_of() -> None:
    swapped = [Rated(item.likelihood, not item.good) for item in BEFORE]
    after = [Rated(-9.0, False), Rated(-31.0, False), Rated(-20.0, True)]
    # The good one gained nothing, the bad ones 1 and -1.
    assert rated_scores(after, swapped) == (0.5,)
    both = [*BEFORE, Rated(-5.0, False)]
    after = [Rated(-9.0, True), Rated(-30.0, True), Rated(-20.0, False), Rated(-5.0, False)]
    assert rated_scores(after, both) == (1.0, 0.5)


def test_before_the_training_no_rated_answer_has_gained() -> None:
    found = rated_preference_of(BEFORE, KTO, None)
    assert (found.prefers, found.reward, found.margin) == (0.5, None, None)


def test_the_difference_of_two_means_is_between_them() -> None:
    low, high = difference_interval([2.0, 4.0, 3.0], [1.0, 1.0, 1.0])
    assert low < 2.0 < high
    one = mean_interval([2.0, 4.0, 3.0])
    assert (low, high) == pytest.approx((one[0] - 1.0, one[1] - 1.0))
    wider = difference_interval([2.0, 4.0, 3.0], [0.0, 1.0, 2.0])
    assert wider[0] < low < high < wider[1]
