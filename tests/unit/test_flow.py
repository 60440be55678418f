"""The wizard without Qt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import say
from phi3studio.domain.recipe import Limits
from phi3studio.domain.recipe_diff import recipe_differences
from phi3studio.domain.rows.repairs import MergeLabels, Trim
from phi3studio.wizard.azure_form import AzureForm
from phi3studio.wizard.flow import (
    PAGES,
    DataFacts,
    Draft,
    Facts,
    MachineFacts,
    ModelFacts,
    display_name,
    edit,
    from_recipe,
    is_begun,
    next_page,
    parse_draft,
    previous_page,
    to_recipe,
    visit,
    with_answers_alone,
    with_column,
    with_ignored,
    with_model,
    with_repair,
    with_shape,
    with_source,
    without_repair,
)
from phi3studio.wizard.machine_fit import estimate_draft, fit, model_size, size_of_config
from phi3studio.wizard.page_problems import can_continue, problems, reachable
from phi3studio.wizard.tuning_presets import (
    follow_preset,
    preset_settings,
    total_steps,
    tuning_preset,
    with_objective,
    with_preset,
)

DATA = DataFacts(
    columns=("phrase", "tone"),
    rows=612,
    train_rows=489,
    held_out_rows=123,
    tokens=21_400,
    longest=41,
)
FACTS = Facts(
    data=DATA,
    model=ModelFacts("Starter", model_size(134_515_008), context=8192),
    machine=MachineFacts(memory=24 * 2**30, free_memory=20 * 2**30, free_disk=10**11, cores=2),
)
PROPOSAL = ShapeProposal(
    shape="columns",
    reasons=(),
    prompt="### Text: {phrase}\n### The tone is:\n",
    completion="{tone}",
)


@pytest.fixture
def draft() -> Draft:
    return with_shape(with_source(Draft(), "/data/emotions.jsonl"), PROPOSAL)


def codes(draft: Draft, facts: Facts, page: str) -> list[str]:
    return [p.code for p in problems(draft, facts, page)]  # type: ignore[arg-type]


def test_an_empty_draft_asks_for_data_and_goes_no_further() -> None:
    assert codes(Draft(), Facts(), "data") == ["draft.no_source"]
    assert not can_continue(Draft(), Facts(), "data")
    assert not reachable(Draft(), Facts(), "model")
    assert reachable(Draft(), Facts(), "data")


def test_a_source_that_is_still_being_read_cannot_be_left(draft: Draft) -> None:
    assert not can_continue(draft, Facts(), "data")
    assert can_continue(draft, FACTS, "data")


def test_a_missing_column_names_the_nearest_one(draft: Draft) -> None:
    wrong = edit(draft, "data", completion="{tones}")
    (problem,) = problems(wrong, FACTS, "data")
    assert (problem.code, problem.where, problem.says.values["near"]) == (
        "draft.missing_column",
        "completion",
        "tone",
    )
    assert not can_continue(wrong, FACTS, "data")


@pytest.mark.parametrize(
    ("part", "text", "code"),
    [
        ("prompt", "### Text: {phrase", "template.brace"),
        ("completion", "   ", "draft.no_completion"),
        ("prompt", "{nowhere_at_all}", "draft.missing_column"),
    ],
)
def test_wrong_templates_hold_the_page(draft: Draft, part: str, text: str, code: str) -> None:
    assert code in codes(edit(draft, "data", **{part: text}), FACTS, "data")


def test_a_conversation_needs_its_column(draft: Draft) -> None:
    chat = with_shape(draft, ShapeProposal(shape="messages", reasons=(), messages="turns"))
    assert codes(chat, FACTS, "data") == ["draft.missing_column"]
    facts = replace(FACTS, data=replace(DATA, columns=("turns",)))
    assert codes(chat, facts, "data") == []
    assert to_recipe(chat).data.messages == "turns"


def test_pairs_of_answers_are_compared_as_long_as_the_shape_has_them(draft: Draft) -> None:
    pairs = PROPOSAL.model_copy(update={"rejected": "{worse}"})
    chosen = with_shape(draft, pairs)
    recipe = to_recipe(chosen)
    assert recipe.data.rejected == "{worse}"
    assert recipe.method.objective == "dpo"
    assert to_recipe(from_recipe(recipe)) == recipe
    limited = recipe.model_copy(update={"limits": Limits(size_mb=100)})
    assert to_recipe(from_recipe(limited)) == limited
    plain = to_recipe(with_shape(from_recipe(recipe), PROPOSAL))
    assert (plain.data.rejected, plain.method.objective) == (None, "sft")
    followed = follow_preset(chosen, FACTS)
    assert followed.method.objective == "dpo"
    learned = follow_preset(draft, FACTS).training.learning_rate
    assert followed.training.learning_rate < learned / 5
    assert with_preset(chosen, "quick", FACTS).method.objective == "dpo"
    # As many rows in a pass as examples have, and as many pairs in a step.
    batches = follow_preset(draft, FACTS).training, followed.training
    assert [(item.batch_size, item.accumulation) for item in batches] == [(8, 1), (4, 2)]
    assert with_source(chosen, "/data/other.csv").rejected == ""


PAIRS = PROPOSAL.model_copy(update={"rejected": "{worse}"})
WITH_PAIRS = replace(FACTS, data=replace(DATA, columns=("phrase", "tone", "worse"), pairs=PAIRS))


def test_an_objective_for_pairs_stays_with_the_preset_that_it_was_chosen_next_to(
    draft: Draft,
) -> None:
    chosen = with_shape(draft, PAIRS)
    assert chosen.objective == "dpo"
    orpo = with_objective(chosen, "orpo")
    assert (orpo.preset, orpo.objective) == ("balanced", "orpo")
    assert follow_preset(orpo, WITH_PAIRS).method.objective == "orpo"
    assert with_preset(orpo, "thorough", WITH_PAIRS).method.objective == "orpo"
    smoothed = edit(with_objective(chosen, "simpo"), "tuning", method={"label_smoothing": 0.1})
    back = with_objective(smoothed, "orpo")
    assert (back.preset, back.method.label_smoothing, back.method.beta) == (None, 0.0, None)
    assert to_recipe(back).method.objective == "orpo"


@pytest.mark.parametrize(
    ("rows", "name", "share"),
    [(172, "balanced", 0.1), (172, "thorough", 0.038), (5000, "thorough", 0.03)],
)
def test_preferences_are_learned_in_few_or_small_steps(rows: int, name: str, share: float) -> None:
    _, plain = preset_settings("balanced", rows, 135_000_000)
    _, dpo = preset_settings(name, rows, 135_000_000, objective="dpo")
    assert dpo.learning_rate == pytest.approx(plain.learning_rate * share, rel=0.05)
    assert dpo.epochs == (3 if name == "thorough" else 1)
    _, orpo = preset_settings(name, rows, 135_000_000, objective="orpo")
    assert orpo.learning_rate == pytest.approx(plain.learning_rate * 0.1)
    assert orpo.epochs > 1


def test_pairs_that_are_not_compared_are_said_and_both_ways_mended(draft: Draft) -> None:
    assert codes(with_shape(draft, PAIRS), WITH_PAIRS, "data") == []
    assert codes(draft, WITH_PAIRS, "data") == ["draft.pairs_unused"]
    assert can_continue(draft, WITH_PAIRS, "data")
    untrained = draft.model_copy(update={"steps": ("quantise",)})
    assert codes(untrained, WITH_PAIRS, "data") == []
    alone = with_answers_alone(follow_preset(with_shape(draft, PAIRS), WITH_PAIRS))
    assert (alone.objective, alone.rejected, alone.preset) == ("sft", "", "balanced")
    own = with_answers_alone(edit(with_shape(draft, PAIRS), "tuning", training={"epochs": 7}))
    assert (own.preset, own.method.objective, own.training.epochs) == (None, "sft", 7)


def test_a_preference_recipe_over_rows_of_one_answer_is_said(draft: Draft) -> None:
    recipe = to_recipe(with_shape(draft, PAIRS))
    opened = from_recipe(recipe)
    assert codes(opened, Facts(), "data") == []
    assert codes(opened, WITH_PAIRS, "data") == []
    (problem,) = problems(opened, FACTS, "data")
    assert (problem.code, problem.level) == ("draft.no_worse_answer", "error")
    assert problem.says.values["name"] == "worse"
    assert not can_continue(opened, FACTS, "data")
    assert codes(with_answers_alone(opened), FACTS, "data") == []
    # Another file has taken the worse answers' place away.
    emptied = opened.model_copy(update={"rejected": ""})
    (problem,) = problems(emptied, FACTS, "data")
    assert (problem.code, problem.level) == ("draft.not_pairs", "warning")
    assert codes(with_answers_alone(emptied), FACTS, "data") == []
    broken = opened.model_copy(update={"rejected": "{worse"})
    assert codes(broken, FACTS, "data") == ["template.brace"]


def test_a_conversation_of_pairs_needs_the_column_of_the_worse_answer(draft: Draft) -> None:
    shape = ShapeProposal(shape="messages", reasons=(), messages="p + c", rejected="p + r")
    chat = with_shape(draft, shape)
    for columns, found in ((("p", "c", "r"), []), (("p", "c"), ["draft.no_worse_answer"])):
        facts = replace(FACTS, data=replace(DATA, columns=columns))
        assert codes(chat, facts, "data") == found


RATED = PROPOSAL.model_copy(update={"rating": "liked"})
WITH_RATINGS = replace(FACTS, data=replace(DATA, columns=("phrase", "tone", "liked"), pairs=RATED))


def test_rated_answers_are_told_apart_as_long_as_the_shape_has_them(draft: Draft) -> None:
    chosen = with_shape(draft, RATED)
    assert codes(chosen, WITH_RATINGS, "data") == []
    recipe = to_recipe(chosen)
    assert (recipe.data.rating, recipe.method.objective) == ("liked", "kto")
    assert to_recipe(from_recipe(recipe)) == recipe
    followed = follow_preset(chosen, WITH_RATINGS)
    assert followed.method.objective == "kto"
    assert with_source(chosen, "/data/other.csv").rating == ""
    pairs = with_shape(chosen, PAIRS)
    assert (pairs.rating, pairs.objective) == ("", "dpo")
    (problem,) = problems(draft, WITH_RATINGS, "data")
    assert (problem.code, problem.says.variant) == ("draft.pairs_unused", "rated")
    alone = with_answers_alone(followed)
    assert (alone.objective, alone.rating, alone.preset) == ("sft", "", "balanced")


def test_ratings_that_are_not_there_are_said(draft: Draft) -> None:
    opened = from_recipe(to_recipe(with_shape(draft, RATED)))
    assert codes(opened, Facts(), "data") == []
    (problem,) = problems(opened, FACTS, "data")
    assert (problem.code, problem.level) == ("draft.no_ratings", "error")
    assert problem.says.values["name"] == "liked"
    emptied = opened.model_copy(update={"rating": ""})
    (problem,) = problems(emptied, FACTS, "data")
    assert (problem.code, problem.says.variant) == ("draft.not_pairs", "rated")
    assert codes(with_answers_alone(emptied), FACTS, "data") == []


def test_a_column_of_parts_splits_unless_the_user_chose_a_split(draft: Draft) -> None:
    parted = PROPOSAL.model_copy(update={"split_column": "part", "split_values": ("dev",)})
    split = to_recipe(with_shape(draft, parted)).data.split
    assert (split.column, split.values) == ("part", ["dev"])
    chosen = edit(draft, "data", split={"file": "/data/other.csv"})
    assert to_recipe(with_shape(chosen, parted)).data.split.file == "/data/other.csv"


def test_a_nested_column_counts_as_present(draft: Draft) -> None:
    facts = replace(FACTS, data=replace(DATA, columns=("user", "tone")))
    assert codes(edit(draft, "data", prompt="{user.name}"), facts, "data") == []


def test_few_rows_warn_and_do_not_hold(draft: Draft) -> None:
    facts = replace(FACTS, data=replace(DATA, rows=7))
    assert codes(draft, facts, "data") == ["draft.few_rows"]
    assert can_continue(draft, facts, "data")


def test_rows_that_are_in_azure_alone_do_not_hold(draft: Draft) -> None:
    facts = replace(
        FACTS, data=DataFacts(error=InputError("data.no_file", variant="recipe", path="gone.jsonl"))
    )
    assert not can_continue(draft, facts, "data")
    there = edit(draft, "target", target={"train_on": "azureml"})
    assert not can_continue(there, facts, "data")
    form = AzureForm(data_in_cloud=True, data="azureml://datastores/d/paths/rows.jsonl")
    there = there.model_copy(update={"azure": form})
    assert codes(there, facts, "data") == ["draft.rows_in_cloud"]
    assert can_continue(there, facts, "data")
    # The template is looked at all the same; a copy of the rows here is as well.
    assert not can_continue(edit(there, "data", completion=""), facts, "data")
    assert codes(there, FACTS, "data") == []


def test_a_prompt_that_is_the_same_in_every_row_is_said(draft: Draft) -> None:
    constant = edit(draft, "data", prompt="Say it")
    assert codes(constant, FACTS, "data") == ["draft.constant_prompt"]
    assert can_continue(constant, FACTS, "data")
    # Without any prompt the model learns to write, which is a task of its own.
    assert codes(edit(draft, "data", prompt=""), FACTS, "data") == []


def test_an_unreadable_source_shows_its_own_error(draft: Draft) -> None:
    error = InputError("data.empty", source="x.jsonl")
    assert codes(draft, replace(FACTS, data=DataFacts(error=error)), "data") == ["data.empty"]


def test_blocking_findings_hold_the_page(draft: Draft) -> None:
    facts = replace(FACTS, data=replace(DATA, blocking=2))
    assert codes(draft, facts, "data") == ["draft.data_blocked"]
    assert not can_continue(draft, facts, "data")


def test_a_later_change_marks_finished_pages_until_they_are_seen(draft: Draft) -> None:
    for page in PAGES:
        draft = visit(draft, page)
    back = visit(draft, "data")
    assert back.touched == frozenset()
    changed = edit(back, "data", completion="{tone}!")
    assert changed.touched == {"tuning", "review"}
    assert visit(changed, "tuning").touched == {"review"}


def test_pages_not_yet_seen_are_never_marked(draft: Draft) -> None:
    assert edit(draft, "data", prompt="{phrase}").touched == frozenset()


def test_an_edit_that_changes_nothing_marks_nothing(draft: Draft) -> None:
    seen = visit(visit(draft, "tuning"), "data")
    assert edit(seen, "data", prompt=seen.prompt) is seen


def test_a_value_out_of_range_is_refused_with_its_name(draft: Draft) -> None:
    with pytest.raises(InputError, match=r"training\.epochs"):
        edit(draft, "tuning", training={"epochs": -1})


def test_own_settings_leave_the_preset_and_stay(draft: Draft) -> None:
    own = edit(draft, "tuning", training={"epochs": 7})
    assert own.preset is None
    assert follow_preset(own, FACTS) is own
    assert follow_preset(draft, FACTS).training.sequence_length == 64


@pytest.mark.parametrize("name", ["quick", "balanced", "thorough"])
def test_presets_never_cut_rows_off_where_the_context_allows(name: str) -> None:
    facts = replace(FACTS, data=replace(DATA, longest=300))
    _, training = tuning_preset(name, facts)  # type: ignore[arg-type]
    assert training.sequence_length == 320
    assert training.sequence_length <= 8192


def test_presets_spare_a_small_machine() -> None:
    large = ModelFacts("Phi-3-mini", model_size(3_800_000_000), context=4096)
    small = MachineFacts(memory=8 * 2**30, free_memory=6 * 2**30)
    _, roomy = tuning_preset("balanced", replace(FACTS, model=large))
    _, tight = tuning_preset("balanced", replace(FACTS, model=large, machine=small))
    assert (roomy.batch_size, tight.batch_size) == (2, 1)
    assert roomy.batch_size * roomy.accumulation == tight.batch_size * tight.accumulation
    assert tight.gradient_checkpointing


def test_quick_look_is_short_on_any_data() -> None:
    facts = replace(FACTS, data=replace(DATA, train_rows=100_000))
    quick = with_preset(Draft(), "quick", facts)
    assert total_steps(quick, facts) == 80
    assert quick.training.steps_per_epoch(100_000) == 12_500


def test_the_sequence_length_is_checked_against_the_context(draft: Draft) -> None:
    long = edit(draft, "tuning", training={"sequence_length": 9000})
    assert codes(long, FACTS, "tuning") == ["draft.longer_than_context"]
    short = edit(draft, "tuning", training={"sequence_length": 16})
    assert codes(short, FACTS, "tuning") == ["draft.cuts_off"]


def test_targets_that_cannot_work_are_held(draft: Draft) -> None:
    assert codes(edit(draft, "target", target={"train_on": "cuda"}), FACTS, "target") == [
        "draft.no_cuda"
    ]
    half = edit(draft, "target", target={"quantisation": "fp16"})
    assert codes(half, FACTS, "target") == ["draft.not_on_target"]
    assert "draft.not_on_target" in codes(half, FACTS, "review")


def test_a_model_that_is_not_there_is_held(draft: Draft) -> None:
    facts = replace(FACTS, model=ModelFacts("Phi-3", download_first=True))
    assert codes(draft, facts, "model") == ["draft.model_missing"]
    assert codes(with_model(draft, " "), FACTS, "model") == ["draft.no_model"]


def test_repairs_of_one_kind_replace_each_other(draft: Draft) -> None:
    first = MergeLabels(column="tone", labels={"Joy ": "Joy"})
    second = MergeLabels(column="tone", labels={"joy": "Joy"})
    both = with_repair(with_repair(with_repair(draft, first), Trim()), second)
    assert both.repairs == (Trim(), second)
    assert without_repair(both, second).repairs == (Trim(),)
    assert to_recipe(both).data.repairs == [Trim(), second]


def test_another_source_forgets_what_was_found_in_the_old_one(draft: Draft) -> None:
    other = with_source(with_repair(draft, Trim()), "owner/name", hub=True)
    assert (other.shape, other.prompt, other.repairs) == (None, "", ())
    assert other.source is not None
    assert other.source.format == "hub"


def test_the_draft_survives_its_file(draft: Draft) -> None:
    full = with_repair(visit(edit(draft, "tuning", training={"epochs": 5}), "target"), Trim())
    assert parse_draft(full.to_json()) == full


@pytest.mark.parametrize("text", ["", "{", '{"version": 99}', '{"training": {"epochs": -4}}', "[]"])
def test_a_damaged_draft_becomes_a_new_one(text: str) -> None:
    assert parse_draft(text) == Draft()


def test_the_recipe_says_what_the_draft_says_and_back(draft: Draft) -> None:
    full = edit(draft, "tuning", training={"epochs": 5}, name="My run")
    recipe = to_recipe(full)
    assert recipe.name == "My run"
    assert recipe.data.template is not None
    assert recipe.data.template.prompt == PROPOSAL.prompt
    assert to_recipe(from_recipe(recipe)) == recipe
    limited = recipe.model_copy(update={"limits": Limits(size_mb=100)})
    assert to_recipe(from_recipe(limited)) == limited
    assert recipe_differences(
        (recipe, to_recipe(edit(full, "tuning", training={"epochs": 6})))
    ) == [("training.epochs", ("5.0", "6.0"))]


def test_an_incomplete_draft_is_no_recipe() -> None:
    with pytest.raises(InputError):
        to_recipe(Draft())
    with pytest.raises(InputError):
        to_recipe(Draft(prompt="{a}", completion="{b}"))


def test_names_and_neighbours(draft: Draft) -> None:
    assert display_name(draft) == "emotions"
    assert display_name(Draft()) == "fine-tune"
    assert (previous_page("data", draft), next_page("data", draft)) == (None, "model")
    assert (previous_page("review", draft), next_page("review", draft)) == ("target", None)


def test_what_a_model_needs_is_compared_with_what_is_free() -> None:
    found = fit(model_size(134_515_008), 8 * 10**9)
    assert found.level == "fits"
    assert 0 < found.training < found.need < found.free
    assert fit(model_size(3_800_000_000), 8 * 10**9).level == "too_large"


def test_the_estimate_waits_for_the_facts_and_follows_the_draft(draft: Draft) -> None:
    assert estimate_draft(draft, Facts()) is None
    short = estimate_draft(edit(draft, "tuning", training={"epochs": 1}), FACTS)
    long = estimate_draft(edit(draft, "tuning", training={"epochs": 9}), FACTS)
    assert short is not None
    assert long is not None
    assert long.total_seconds > short.total_seconds


def test_columns_that_the_model_does_not_see_are_shown_or_left_out_on_purpose(draft) -> None:
    assert with_ignored(with_ignored(draft, ["id"]), ["id", "date"]).ignore == ("id", "date")
    shown = with_column(draft, "user_name")
    assert shown.prompt == "{?user_name}### User name:\n{user_name}\n\n{/user_name}" + draft.prompt


def test_a_template_that_does_not_parse_is_no_recipe(draft) -> None:
    broken = edit(draft, "data", prompt="{")
    with pytest.raises(InputError) as caught:
        to_recipe(broken)
    assert caught.value.code == "template.brace"
    assert estimate_draft(broken, FACTS) is None


def test_the_proportions_of_a_model_come_from_its_configuration() -> None:
    guess = model_size(10**9, 2 * 10**9)
    assert size_of_config({"hidden_size": "x"}, 10**9, 2 * 10**9) == guess
    config = {"hidden_size": 512, "num_hidden_layers": 4, "vocab_size": 9, "intermediate_size": 7}
    found = size_of_config(config | {"tie_word_embeddings": True}, 10**9, 0)
    assert (found.hidden, found.layers, found.vocabulary, found.inner) == (512, 4, 9, 7)
    assert found.tied
    assert found.file_bytes == guess.file_bytes


def test_rows_without_a_chosen_task_are_a_problem_of_the_data_page(draft) -> None:
    undecided = with_source(Draft(), "/data/emotions.jsonl")
    assert codes(undecided, FACTS, "data") == ["draft.no_shape"]
    assert codes(undecided, Facts(), "data") == []
    problem = problems(undecided, FACTS, "data")[0]
    assert say(problem.says).message


def test_a_template_of_its_own_may_have_no_problem_before_the_rows_are_known(draft) -> None:
    assert codes(draft, Facts(), "data") == []
    assert codes(edit(draft, "data", prompt="{"), FACTS, "data") == ["template.brace"]
    talk = edit(draft, "data", shape="messages", messages="talk")
    assert codes(talk, FACTS, "data") == ["draft.missing_column"]
    assert codes(talk, Facts(), "data") == []


def test_steps_without_training_have_no_training_to_complain_of(draft) -> None:
    export = edit(draft, "data", steps=("quantise",))
    assert codes(export, FACTS, "tuning") == []


def test_rows_longer_than_the_model_reads_are_warned_of(draft) -> None:
    short = replace(FACTS, model=ModelFacts("Small", model_size(10**8), context=128))
    assert "draft.longer_than_context" in codes(draft, short, "tuning")


def test_presets_follow_memory_and_length(draft) -> None:
    phi3 = ModelFacts("Phi-3-mini", model_size(3_800_000_000), context=4096)
    small = MachineFacts(memory=8 * 2**30, free_memory=6 * 2**30, free_disk=10**11, cores=2)
    for machine, batch in ((FACTS.machine, 2), (small, 1)):
        facts = replace(FACTS, model=phi3, machine=machine)
        assert tuning_preset("balanced", facts)[1].batch_size == batch
    long = replace(FACTS, data=replace(DATA, longest=1500))
    assert tuning_preset("balanced", long)[1].batch_size == 4


def test_presets_see_few_rows_more_often_and_long_answers_less(draft) -> None:
    def epochs(name: str, rows: int, learned: float | None = 3.0) -> float:
        facts = replace(FACTS, data=replace(DATA, train_rows=rows, learned=learned))
        return tuning_preset(name, facts)[1].epochs  # type: ignore[arg-type]

    assert [epochs("balanced", rows) for rows in (30, 100, 300, 1000, 5000)] == [12, 12, 11, 3, 2]
    assert [epochs("balanced", rows, 60.0) for rows in (30, 300, 5000)] == [3, 3, 2]
    assert [epochs("thorough", rows) for rows in (100, 1000, 20_000)] == [15, 6, 1]
    assert epochs("quick", 100, None) == epochs("quick", 100) == 6


def test_presets_learn_faster_the_smaller_the_model_and_the_shorter_the_time(draft) -> None:
    def rate(name: str, parameters: int, learned: float = 3.0) -> float:
        model = ModelFacts("A model", model_size(parameters), context=4096)
        facts = replace(FACTS, model=model, data=replace(DATA, learned=learned))
        return tuning_preset(name, facts)[1].learning_rate  # type: ignore[arg-type]

    assert rate("balanced", 134_515_008) == 1e-3
    assert rate("quick", 134_515_008) == 2e-3
    assert rate("thorough", 134_515_008) == 1e-3
    assert rate("thorough", 134_515_008, learned=60.0) == 5e-4
    assert rate("balanced", 3_821_079_552) == 1.9e-4
    assert rate("balanced", 10**12) == 1e-4


def test_rows_that_are_cut_off_are_warned_of(draft) -> None:
    long = replace(FACTS, data=replace(DATA, longest=draft.training.sequence_length + 1))
    assert "draft.cuts_off" in codes(draft, long, "tuning")


def test_a_high_learning_rate_is_warned_of(draft) -> None:
    high = edit(draft, "tuning", training=draft.training.model_copy(update={"learning_rate": 0.01}))
    assert "draft.high_rate" in codes(high, FACTS, "tuning")


def test_training_for_4_bits_is_held_where_the_export_rounds_something_else(draft) -> None:
    aware = edit(draft, "tuning", training={"int4_aware": 0.5})
    assert "recipe.int4_aware" not in codes(aware, FACTS, "tuning")
    whole = edit(aware, "target", target={"quantisation": "fp32"})
    assert "recipe.int4_aware" in codes(whole, FACTS, "tuning")
    assert not can_continue(whole, FACTS, "review")
    packed = edit(aware, "tuning", method={"kind": "qlora"})
    assert "recipe.int4_aware" in codes(packed, FACTS, "tuning")


def test_a_draft_is_begun_once_something_was_decided(draft) -> None:
    assert not is_begun(Draft())
    assert not is_begun(visit(Draft(), "model"))
    assert is_begun(draft)
    own = edit(Draft(), "tuning", preset=None)
    assert is_begun(own)
