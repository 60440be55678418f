"""The fidelity gate's decisions: scores, intervals, verdicts, and which targets there are."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest

from phi3studio.domain.errors import InputError
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.event_line import parse_event as parse
from phi3studio.domain.events.measured_events import (
    Candidate,
    ModelFigures,
    ParityExample,
    VerdictNote,
    Verified,
)
from phi3studio.domain.events.run_events import Finished
from phi3studio.domain.fidelity import (
    Evidence,
    confusion_of,
    judge,
    labels_of,
    macro_f1,
    next_export,
    rows_to_tell,
)
from phi3studio.domain.intervals import lost_interval
from phi3studio.domain.messages import say
from phi3studio.domain.quantisation import ALLOWED, AUTO_ORDER
from phi3studio.domain.recipe import Fidelity, Recipe, Target, check_target
from phi3studio.domain.run import fold

# --- labels and scores ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "trained", "labels"),
    [
        (["Joy", "Sad", "Joy ", "Sad"], (), ("Joy", "Sad")),
        (["a", "b", "c", "d"], (), ()),  # nothing repeats
        (["yes"] * 3 + ["no"], (), ("no", "yes")),
        (["one\ntwo"] * 4, (), ()),  # several lines are a text
        (["x" * 121] * 4, (), ()),  # too long for a label
        (["Joy"], ("Sad", "Joy"), ("Joy", "Sad")),  # the whole data repeats them
        ([], (), ()),
    ],
)
def test_labels_are_short_answers_that_repeat(expected, trained, labels) -> None:
    assert labels_of(expected, trained) == labels


def test_the_confusion_matrix_has_a_row_a_label_and_a_column_for_other_answers() -> None:
    matrix = confusion_of(["a", "a", "b", "b", "b"], ["a", "b", "b", "nonsense", "b"])
    assert matrix.labels == ("a", "b")
    assert matrix.counts == ((1, 1, 0), (0, 2, 1))
    assert matrix.left_out == 0


def test_a_matrix_of_many_labels_shows_the_frequent_ones() -> None:
    expected = [f"label {n:02d}" for n in range(30) for _ in range(n + 1)]
    matrix = confusion_of(expected, expected)
    assert len(matrix.labels) == 20
    assert matrix.left_out == 10
    assert "label 29" in matrix.labels
    assert "label 00" not in matrix.labels


def test_macro_f1_is_the_mean_of_the_labels_f1() -> None:
    expected = ["a", "a", "a", "b"]
    answered = ["a", "a", "b", "b"]
    f1_a, f1_b = 2 * 2 / (3 + 2), 2 * 1 / (1 + 2)
    assert macro_f1(expected, answered) == pytest.approx((f1_a + f1_b) / 2)
    assert macro_f1(["a"], ["something else"]) == 0.0


# --- the interval ---------------------------------------------------------------------------------


def test_the_interval_is_bonett_and_prices_for_right_and_wrong_answers() -> None:
    before, after = [1.0] * 90 + [0.0] * 10, [1.0] * 84 + [0.0] * 12 + [1.0] * 4
    lost, won, rows = 6, 4, 100
    one, other = (lost + 1) / (rows + 2), (won + 1) / (rows + 2)
    difference = one - other
    error = math.sqrt((one + other - difference**2) / (rows + 2))
    low, high = lost_interval(before, after)
    assert low == pytest.approx(difference - 1.959964 * error)
    assert high == pytest.approx(difference + 1.959964 * error)


def test_thirty_equal_rows_do_not_prove_that_nothing_is_lost() -> None:
    low, high = lost_interval([1.0] * 30, [1.0] * 30)
    assert high > 0.05
    assert low < -0.05


def test_the_interval_holds_the_true_loss_nineteen_times_in_twenty() -> None:
    chance = random.Random(0)
    held = 0
    for _ in range(400):
        before = [float(chance.random() < 0.85) for _ in range(120)]
        after = [value if chance.random() < 0.9 else 1 - value for value in before]
        # One in ten answers flips: 0.85 of those are lost, 0.15 won.
        low, high = lost_interval(before, after)
        held += low <= 0.1 * 0.85 - 0.1 * 0.15 <= high
    assert held / 400 > 0.92


# --- verdicts -------------------------------------------------------------------------------------

MERGED = ModelFigures(perplexity=2.0, score=0.9, stops=1.0, other_stops=0.0)
ROWS = 1000
GOOD = Evidence(
    models={"merged": MERGED, "exported": MERGED.model_copy(update={"score": 0.89})},
    rows=ROWS,
    stop="<|end|>",
    stop_listed=True,
    score_name="accuracy",
    scores=([1.0] * 900 + [0.0] * 100, [1.0] * 890 + [0.0] * 110),
    kl=0.01,
    agreement=0.99,
    positions=3000,
    parity=1.0,
)


def verdict(target: Target | None = None, **changes: object) -> Verified:
    evidence = dataclasses.replace(GOOD, **changes)
    return judge(evidence, Fidelity(), target or Target(int4="fast"))


def exported(**changes: object) -> dict[str, ModelFigures]:
    figures = GOOD.models["exported"].model_copy(update=changes)
    return {"merged": MERGED, "exported": figures}


def codes(found: tuple[VerdictNote, ...]) -> list[str]:
    return [item.code for item in found]


def test_a_good_export_is_faithful_and_nothing_is_said_against_it() -> None:
    good = verdict()
    assert good.faithful
    assert good.word == "faithful"
    assert good.points_lost == pytest.approx(1.0)
    assert good.interval is not None
    assert good.interval[1] < 3
    assert good.reasons == good.remarks == ()


def test_a_loss_above_the_limit_is_a_reason_with_the_next_thing_to_try() -> None:
    bad = verdict(scores=([1.0] * 900 + [0.0] * 100, [1.0] * 860 + [0.0] * 140))
    assert bad.word == "not faithful"
    assert codes(bad.reasons) == ["fidelity.score"]
    assert "4.0 points of accuracy" in bad.reasons[0].said().message
    assert "chance" in bad.reasons[0].said().message  # 4.0 ± 1.3 reaches below 3
    assert bad.reasons[0].said().hint.startswith("Set target.int4: quality")


def test_after_a_search_the_next_thing_to_try_is_another_of_its_exports() -> None:
    bad = verdict(scores=([1.0] * 90 + [0.0] * 10, [1.0] * 60 + [0.0] * 40), searched=True)
    assert bad.reasons[0].said().hint.startswith("Take another of the exports")


def test_a_loss_just_above_the_limit_is_not_said_to_be_the_limit() -> None:
    bad = verdict(rows=132, scores=([1.0] * 122 + [0.0] * 10, [1.0] * 118 + [0.0] * 14))
    assert "loses 3.03 points" in bad.reasons[0].said().message


def test_a_loss_that_is_exactly_the_limit_passes() -> None:
    edge = verdict(scores=([1.0] * 900 + [0.0] * 100, [1.0] * 870 + [0.0] * 130))
    assert edge.points_lost == pytest.approx(3.0)
    assert edge.faithful


def test_few_rows_do_not_prove_a_small_loss_and_the_verdict_says_how_many_would() -> None:
    few = verdict(rows=30, scores=([1.0] * 30, [1.0] * 30))
    assert few.faithful
    assert codes(few.remarks) == ["fidelity.few_rows"]
    assert "30 held-out rows are too few" in few.remarks[0].said().message
    assert "are needed" in few.remarks[0].said().hint


def test_a_loss_on_few_rows_may_be_chance_and_the_reason_says_so() -> None:
    few = verdict(rows=30, scores=([1.0] * 30, [1.0] * 28 + [0.0] * 2))
    assert not few.faithful
    assert "may be chance" in few.reasons[0].said().message
    assert "More held-out rows" in few.reasons[0].said().hint


def test_rows_to_tell_grows_as_the_loss_nears_the_limit() -> None:
    assert rows_to_tell(0.0, (-3.6, 3.6), 132, 3.0) == 200
    assert rows_to_tell(1.5, (-2.1, 5.1), 132, 3.0) == 770
    assert rows_to_tell(3.0, (-1.0, 7.0), 132, 3.0) is None


@pytest.mark.parametrize(
    ("start", "merged", "blamed"),
    [
        (None, 1.0, "The export is the cause."),
        (None, 0.5, "Train longer"),
        # Trained on preferences, over an adapter that stopped, or did not either.
        (1.0, 0.5, "Lower training.learning_rate"),
        (0.5, 0.5, "Train longer"),
    ],
)
def test_answers_that_do_not_stop_are_blamed_on_what_caused_it(start, merged, blamed) -> None:
    models = exported(stops=0.9)
    models["merged"] = MERGED.model_copy(update={"stops": merged})
    if start is not None:
        models["start"] = MERGED.model_copy(update={"stops": start})
    bad = verdict(models=models)
    assert codes(bad.reasons) == ["fidelity.stops"]
    assert "Only 90 % of the answers" in bad.reasons[0].said().message
    assert bad.reasons[0].said().hint.startswith(blamed)


def test_another_stop_token_counts_but_is_reported() -> None:
    other = verdict(models=exported(stops=1.0, other_stops=0.3))
    assert other.faithful
    assert codes(other.remarks) == ["fidelity.other_stop"]
    assert "30 % of the answers" in other.remarks[0].said().message


def test_a_stop_token_that_is_not_listed_fails() -> None:
    assert codes(verdict(stop_listed=False).reasons) == ["fidelity.stop_not_listed"]


def test_one_prompt_read_otherwise_fails_and_shows_where() -> None:
    example = ParityExample(row=7, text="été", training=(1,), hugging_face=(1,), genai=(2, 3))
    bad = verdict(parity=0.999, parity_example=example)
    assert codes(bad.reasons) == ["fidelity.template"]
    assert "row 7" in bad.reasons[0].said().message
    assert "été" in bad.reasons[0].said().message


def test_perplexity_is_a_remark_next_to_a_score_and_a_reason_without() -> None:
    models = exported(perplexity=2.7)
    assert codes(verdict(models=models).remarks) == ["fidelity.perplexity"]
    general = verdict(models=models, general=True, scores=((), ()), score_name=None)
    assert codes(general.reasons) == ["fidelity.perplexity"]
    assert codes(general.remarks) == ["fidelity.no_task"]
    assert general.points_lost is None


def test_what_could_not_be_measured_is_not_proven() -> None:
    unmeasured = VerdictNote(code="fidelity.not_measured", text="no wheel", next="elsewhere")
    seen = verdict(unmeasured=unmeasured, models={"merged": MERGED}, scores=((), ()))
    assert not seen.faithful
    assert seen.word == "not proven"
    assert codes(seen.reasons) == ["fidelity.not_measured"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(int4="small"), "target.int4: fast"),
        (Target(int4="fast"), "target.int4: quality"),
        (Target(int4="quality"), "target.block_size: 16"),
        (Target(int4="auto"), "target.block_size: 16"),
        (Target(int4="quality", block_size=16), "target.accuracy_level: 1"),
        (Target(int4="quality", block_size=16, accuracy_level=1), "target.quantisation: fp32"),
        (
            Target(provider="cuda", int4="quality", block_size=16, accuracy_level=1),
            "target.quantisation: fp16",
        ),
        (Target(provider="dml", quantisation="fp16"), "target.provider: cpu"),
        (Target(quantisation="fp32"), "report it"),
    ],
)
def test_the_next_thing_to_try_is_the_next_more_exact_export(target, expected) -> None:
    assert expected in say(next_export(target)).message


def test_auto_tries_the_presets_from_small_to_large() -> None:
    assert AUTO_ORDER == ("small", "fast", "quality")


# --- stored and folded ----------------------------------------------------------------------------


def test_a_verdict_is_the_same_after_it_was_written_and_read() -> None:
    example = ParityExample(row=1, text="x", training=(1,), hugging_face=(2,), genai=(3,))
    event = Event(seq=1, t=1.0, payload=verdict(parity=0.5, parity_example=example))
    assert parse(event.to_line()) == event


def test_a_later_verdict_replaces_the_first_and_one_on_a_file_stands_next_to_it() -> None:
    first, again = verdict(), verdict(stop_listed=False)
    on_file = verdict(data="/rows.csv")
    view = fold(
        Event(seq=n, t=float(n), payload=payload)
        for n, payload in enumerate([first, Finished(outcome="completed"), on_file, again], start=1)
    )
    assert view.verdict == again
    assert view.checks == (on_file,)
    assert view.state(alive=False) == "completed"


# --- targets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["cpu", "cuda", "dml"])
@pytest.mark.parametrize("quantisation", ["int4", "fp16", "bf16", "fp32"])
def test_a_target_that_cannot_be_built_is_refused_with_what_can(provider, quantisation) -> None:
    recipe = Recipe.model_validate(
        {"steps": ["quantise"], "target": {"provider": provider, "quantisation": quantisation}}
    )
    if quantisation in ALLOWED[provider]:
        check_target(recipe)
        return
    with pytest.raises(InputError) as caught:
        check_target(recipe)
    assert caught.value.code == "recipe.target"
    for allowed in ALLOWED[provider]:
        assert allowed in caught.value.hint


def test_a_target_does_not_matter_where_nothing_is_exported() -> None:
    check_target(
        Recipe.model_validate(
            {
                "steps": ["merge"],
                "model": {"adapter": "a"},
                "target": {"provider": "cpu", "quantisation": "fp16"},
            }
        )
    )


def test_what_was_measured_on_the_cpu_instead_is_remarked() -> None:
    evidence = dataclasses.replace(GOOD, on_cpu=VerdictNote(code="fidelity.on_cpu"))
    assert "fidelity.on_cpu" in [f.code for f in judge(evidence, Fidelity(), Target()).remarks]


def test_rows_that_tokenizers_read_differently_are_a_reason_with_or_without_an_example() -> None:
    for example in (
        None,
        ParityExample(row=3, text="x", training=(1,), hugging_face=(1,), genai=(2,)),
    ):
        evidence = dataclasses.replace(GOOD, parity=0.98, parity_example=example)
        (reason,) = judge(evidence, Fidelity(), Target()).reasons
        assert (reason.code, reason.variant) == ("fidelity.template", "example" if example else "")


def test_without_the_reference_there_is_no_perplexity_to_compare() -> None:
    evidence = dataclasses.replace(GOOD, models={"exported": MERGED})
    reasons = judge(evidence, Fidelity(), Target()).reasons
    assert "fidelity.perplexity" not in [reason.code for reason in reasons]


def test_a_stop_token_other_than_the_trained_one_is_remarked_only_where_it_decides() -> None:
    def remarks(stops: float, other: float) -> list[str]:
        exported = MERGED.model_copy(update={"stops": stops, "other_stops": other})
        evidence = dataclasses.replace(GOOD, models={"merged": MERGED, "exported": exported})
        return [found.code for found in judge(evidence, Fidelity(), Target()).remarks]

    assert "fidelity.other_stop" in remarks(1.0, 0.5)
    assert "fidelity.other_stop" not in remarks(1.0, 0.001)


def test_an_export_of_a_training_for_four_bits_is_not_faithful_by_its_own_merged_model() -> None:
    half = [1.0] * 780 + [0.0] * 220
    found = verdict(int4_aware=True, scores=(half, half))
    assert found.word == "not proven"
    assert not found.faithful
    assert codes(found.reasons) == ["fidelity.int4_aware"]
    assert "78.0 %" in found.reasons[0].said().message
    assert verdict(scores=(half, half)).word == "faithful"


def test_without_a_score_a_training_for_four_bits_is_not_proven_either() -> None:
    found = verdict(int4_aware=True, scores=((), ()))
    assert found.word == "not proven"


def test_no_model_is_better_than_an_export_that_is_nearly_always_right() -> None:
    limit = Fidelity().points_lost
    wrong = int(10 * limit)
    right = [1.0] * (ROWS - wrong) + [0.0] * wrong
    assert verdict(int4_aware=True, scores=(right, right)).word == "faithful"
    one_more = [1.0] * (ROWS - wrong - 1) + [0.0] * (wrong + 1)
    assert verdict(int4_aware=True, scores=(one_more, one_more)).word == "not proven"


def test_a_loss_against_the_merged_model_stays_one_for_a_training_for_four_bits() -> None:
    after = [1.0] * 780 + [0.0] * 220
    found = verdict(int4_aware=True, scores=([1.0] * 900 + [0.0] * 100, after))
    assert found.word == "not faithful"
    assert codes(found.reasons) == ["fidelity.score"]


@pytest.mark.parametrize(
    ("faithful", "comparable", "word"),
    [(True, True, "faithful"), (False, True, "not faithful"), (False, False, "not proven")],
)
def test_a_preset_that_was_tried_says_what_is_known_of_it(faithful, comparable, word) -> None:
    tried = Candidate(preset="fast", bytes=1, faithful=faithful, comparable=comparable)
    assert tried.word == word
