"""The recipe: what it accepts, and what it says about everything else."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.hyperparameters import Training
from phi3studio.domain.quantisation import PRESETS
from phi3studio.domain.recipe import Data, Recipe, check_target, json_schema, parse_recipe, slugify
from phi3studio.domain.recipe_diff import recipe_differences

SMALLEST: dict[str, Any] = {
    "data": {"source": "d.csv", "template": {"prompt": "{q}", "completion": "{a}"}}
}
COMPLETE: dict[str, Any] = {
    "version": 1,
    "name": "Complete",
    "data": {
        "source": "/d.csv",
        "also": ["/e.csv"],
        "format": "csv",
        "encoding": "utf-8",
        "delimiter": ";",
        "quote": '"',
        "header": True,
        "text_rows": "line",
        "hub_split": "train",
        "skip_broken": True,
        "template": {"prompt": "{q}\n", "completion": "{a}"},
        "repairs": [
            {"kind": "trim"},
            {"kind": "merge_labels", "column": "a", "labels": {"JOY": "Joy"}},
            {"kind": "drop_rare_labels", "fewer_than": 3},
        ],
        "ignore": ["id"],
        "split": {
            "held_out": 0.1,
            "values": ["test"],
            "column": "part",
            "stratify": False,
            "seed": 3,
            "limit": 10,
        },
    },
    "steps": ["train", "merge", "quantise"],
    "model": {
        "source": "/model",
        "revision": "abc",
        "adapter": "/adapter",
        "trust_remote_code": False,
    },
    "fidelity": {"points_lost": 2.0, "preference_lost": 1.5, "stops": 0.9},
    "method": {
        "kind": "lora",
        "objective": "sft",
        "beta": 0.2,
        "label_smoothing": 0.1,
        "margin": 0.4,
        "desirable_weight": 1.5,
        "undesirable_weight": 0.5,
        "rank": 8,
        "alpha": 16.0,
        "dropout": 0.0,
        "target_modules": ["qkv_proj"],
        "rank_stabilised": True,
        "double_quantisation": True,
    },
    "training": {
        "epochs": 1.5,
        "max_steps": 10,
        "learning_rate": 1e-3,
        "schedule": "linear",
        "warmup": 0.1,
        "weight_decay": 0.01,
        "max_grad_norm": 0.5,
        "batch_size": 2,
        "accumulation": 3,
        "sequence_length": 64,
        "seed": 5,
        "precision": "float32",
        "gradient_checkpointing": True,
        "evaluations": 2,
        "checkpoint_minutes": 0.5,
        "keep_best": False,
        "early_stopping": 2,
        "int4_aware": 0.0,
        "recover": False,
    },
    "target": {
        "train_on": "cpu",
        "provider": "dml",
        "quantisation": "fp16",
        "int4": "fast",
        "block_size": 64,
        "accuracy_level": 1,
    },
}

# As version 0.1.0 wrote it into a run's folder: every later version has to read it.
RECORDED = """{
  "version": 1, "name": "demo",
  "data": {
    "source": "/samples/emotions.jsonl", "format": "auto",
    "template": {"prompt": "### Text: {phrase}\\n### The tone is:\\n", "completion": "{tone}"},
    "split": {"held_out": 0.2, "stratify": true, "seed": 0}
  },
  "model": {"source": "starter", "trust_remote_code": false},
  "method": {
    "kind": "lora", "rank": 16, "alpha": 32.0, "dropout": 0.05, "target_modules": "auto"
  },
  "training": {
    "epochs": 3.0, "learning_rate": 0.0005, "schedule": "cosine", "warmup": 0.05,
    "weight_decay": 0.0, "max_grad_norm": 1.0, "batch_size": 8, "accumulation": 1,
    "sequence_length": 1024, "seed": 0, "precision": "auto", "gradient_checkpointing": false,
    "evaluations": 3, "checkpoint_minutes": 5.0
  },
  "target": {
    "train_on": "auto", "provider": "cpu", "quantisation": "int4", "int4": "quality"
  }
}"""


def changed(path: str, value: Any, base: dict[str, Any] = SMALLEST) -> dict[str, Any]:
    """*base* with the dotted *path* set to *value*."""
    values = copy.deepcopy(base)
    *sections, key = path.split(".")
    inner = values
    for section in sections:
        inner = inner.setdefault(section, {})
    inner[key] = value
    return values


def refusal(values: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        parse_recipe(values)
    assert caught.value.message
    assert caught.value.hint
    return caught.value


# --- accepted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [SMALLEST, COMPLETE])
def test_a_recipe_comes_back_from_json_as_it_was(values) -> None:
    recipe = parse_recipe(values)
    assert parse_recipe(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_a_complete_recipe_is_written_with_every_key_that_was_given() -> None:
    assert parse_recipe(COMPLETE).to_json() == COMPLETE | {
        "data": COMPLETE["data"]
        | {
            "repairs": [
                {"kind": "trim"},
                {"kind": "merge_labels", "column": "a", "labels": {"JOY": "Joy"}},
                {"kind": "drop_rare_labels", "fewer_than": 3},
            ]
        }
    }


def test_a_recipe_that_an_old_version_recorded_still_reads() -> None:
    recipe = parse_recipe(json.loads(RECORDED))
    assert recipe.name == "demo"
    assert recipe.training.learning_rate == 5e-4
    assert recipe.data.template is not None
    assert recipe.data.template.columns == ("phrase", "tone")


def test_conversations_need_no_template() -> None:
    recipe = parse_recipe({"data": {"source": "c.jsonl", "messages": "messages"}})
    assert recipe.data.template is None


PAIRS = {
    "data": {
        "source": "pairs.jsonl",
        "template": {"prompt": "{?about}{about}{/about}{asked}", "completion": "{good}"},
        "rejected": "{bad}",
    },
    "method": {"objective": "dpo"},
}


def test_pairs_of_answers_are_read_by_two_templates_or_at_two_places() -> None:
    data = parse_recipe(PAIRS).rows
    assert data.worse is not None
    assert data.worse.template is not None
    assert data.worse.template.prompt == data.template.prompt
    assert data.worse.template.completion == "{bad}"
    assert data.worse.worse is None
    assert data.text_places == ("about", "asked", "good", "bad")
    assert data.required_columns == ("asked", "good", "bad")
    places = {"source": "pairs.jsonl", "messages": "asked + good", "rejected": "asked + bad"}
    talks = parse_recipe(changed("data", places, PAIRS)).rows
    assert talks.text_places == ("asked + good", "asked + bad")
    assert talks.required_columns == ()
    plain = parse_recipe(SMALLEST).rows
    assert plain.worse is None
    assert plain.text_places == plain.template.columns


def test_a_recipe_that_does_not_train_may_keep_its_pairs() -> None:
    values = changed("method", {}, PAIRS) | {"steps": ["quantise"]}
    assert parse_recipe(values).rows.rejected == "{bad}"


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("method.objective", "sft", "recipe.rejected_unused"),
        ("data.rejected", None, "recipe.no_rejected"),
        ("data.rejected", " ", "recipe.no_rejected"),
        ("data.rejected", "{bad", "template.brace"),
        ("method.objective", "ppo", "recipe.invalid_value"),
        ("method.beta", 0, "recipe.invalid_value"),
        ("method.label_smoothing", 0.5, "recipe.invalid_value"),
        ("method.margin", -0.1, "recipe.invalid_value"),
        ("method", {"objective": "orpo", "label_smoothing": 0.1}, "recipe.no_smoothing"),
    ],
)
def test_pairs_and_objective_belong_together(path: str, value: Any, code: str) -> None:
    assert refusal(changed(path, value, PAIRS)).code == code


RATED = {
    "data": {
        "source": "rated.jsonl",
        "template": {"prompt": "{asked}", "completion": "{said}"},
        "rating": "liked",
    },
    "method": {"objective": "kto", "undesirable_weight": 2},
}


def test_rated_answers_are_read_with_their_column() -> None:
    recipe = parse_recipe(RATED)
    assert (recipe.rows.rating, recipe.rows.worse) == ("liked", None)
    assert recipe.rows.required_columns == ("asked", "said")
    assert (recipe.method.strength, recipe.method.undesirable_weight) == (0.1, 2.0)
    values = changed("method", {}, RATED) | {"steps": ["quantise"]}
    assert parse_recipe(values).rows.rating == "liked"


@pytest.mark.parametrize(
    ("path", "value", "code", "variant"),
    [
        ("data.rating", None, "recipe.no_rating", ""),
        ("data.rating", " ", "recipe.no_rating", "empty"),
        ("data", PAIRS["data"], "recipe.no_rating", "pairs"),
        ("data.rejected", "{bad}", "recipe.two_preferences", ""),
        ("method.objective", "sft", "recipe.rating_unused", ""),
        ("method.objective", "dpo", "recipe.rating_unused", ""),
        ("method.label_smoothing", 0.1, "recipe.no_smoothing", ""),
        ("method.undesirable_weight", 0, "recipe.invalid_value", None),
        ("method.desirable_weight", float("inf"), "recipe.invalid_value", None),
    ],
)
def test_ratings_and_objective_belong_together(
    path: str, value: Any, code: str, variant: str | None
) -> None:
    found = refusal(changed(path, value, RATED))
    assert found.code == code
    assert variant is None or found.variant == variant
    assert found.hint


@pytest.mark.parametrize(("objective", "usual"), [("dpo", 0.1), ("orpo", 0.1), ("simpo", 2.0)])
def test_an_objective_has_its_usual_strength_unless_the_recipe_names_one(
    objective: str, usual: float
) -> None:
    method = parse_recipe(changed("method", {"objective": objective}, PAIRS)).method
    assert (method.beta, method.strength) == (None, usual)
    method = parse_recipe(changed("method", {"objective": objective, "beta": 0.3}, PAIRS)).method
    assert method.strength == 0.3


def test_a_recipe_cannot_be_changed() -> None:
    recipe = parse_recipe(SMALLEST)
    with pytest.raises(ValueError, match="frozen"):
        recipe.training.epochs = 9  # type: ignore[misc]


# --- refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [None, [], "text", 3, [("data", 1)]])
def test_what_is_no_mapping_is_refused(values) -> None:
    assert refusal(values).code == "recipe.not_a_mapping"


@pytest.mark.parametrize(
    ("path", "named", "nearest"),
    [
        ("trainning", "trainning", "training"),
        ("training.learning_rat", "training.learning_rat", "learning_rate"),
        ("training.Batch_Size", "training.Batch_Size", "batch_size"),
        ("training.lr", "training.lr", "training.learning_rate"),
        ("training.num_train_epochs", "training.num_train_epochs", "training.epochs"),
        ("method.r", "method.r", "method.rank"),
        ("method.lora_alpha", "method.lora_alpha", "alpha"),
        ("method.learning_rate", "method.learning_rate", "training.learning_rate"),
        ("rank", "rank", "method.rank"),
        ("batch_size", "batch_size", "training.batch_size"),
        ("data.templat", "data.templat", "template"),
        ("data.template.promt", "data.template.promt", "prompt"),
        ("data.split.heldout", "data.split.heldout", "held_out"),
        ("target.quantization", "target.quantization", "quantisation"),
        ("model.sourc", "model.sourc", "source"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_right_one(path, named, nearest) -> None:
    error = refusal(changed(path, 1))
    assert error.code == "recipe.unknown_key"
    assert named in error.message
    assert f"“{nearest}”" in error.hint


def test_an_unknown_key_that_is_near_to_nothing_is_to_be_removed() -> None:
    error = refusal(changed("training.zzzzqqqq", 1))
    assert error.code == "recipe.unknown_key"
    assert error.hint == "Remove the key."


def test_an_unknown_key_comes_before_other_problems_and_they_are_counted() -> None:
    values = changed("training.epochs", -1, changed("training.lr", 1, changed("method.rank", 0)))
    error = refusal(values)
    assert error.code == "recipe.unknown_key"
    assert "2 more problems" in error.message


@pytest.mark.parametrize("version", [2, 99])
def test_a_newer_version_is_refused_before_anything_else(version) -> None:
    error = refusal({"version": version, "key_of_the_future": 1})
    assert error.code == "recipe.newer_version"
    assert str(version) in error.message


@pytest.mark.parametrize("version", [0, -1, "1.0", None, 1.5, []])
def test_a_version_that_never_was_is_refused(version) -> None:
    assert refusal(changed("version", version)).code == "recipe.invalid_value"


@pytest.mark.parametrize("values", [{"data": {}}, {"data": {"template": {"prompt": "{q}"}}}])
def test_a_missing_key_is_named(values) -> None:
    error = refusal(values)
    assert error.code == "recipe.missing_key"
    assert "data" in error.message


# --- steps left out -----------------------------------------------------------------------------

WITHOUT_DATA = {name: value for name, value in SMALLEST.items() if name != "data"}


def test_steps_are_put_in_order_and_give_the_stages() -> None:
    recipe = parse_recipe(SMALLEST | {"steps": ["quantise", "train", "train"]})
    assert recipe.steps == ["train", "quantise"]
    assert recipe.stages == ("prepare", "train", "quantise")


@pytest.mark.parametrize(
    ("steps", "model"),
    [
        (["quantise"], {}),
        (["merge"], {"adapter": "/a"}),
        (["merge", "quantise"], {"adapter": "/a"}),
    ],
)
def test_what_trains_nothing_needs_no_data(steps, model) -> None:
    recipe = parse_recipe(WITHOUT_DATA | {"steps": steps, "model": model})
    assert recipe.data is None
    with pytest.raises(InputError):
        _ = recipe.rows


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (WITHOUT_DATA, "recipe.no_data"),
        (WITHOUT_DATA | {"steps": ["merge"]}, "recipe.no_adapter"),
        (SMALLEST | {"steps": ["verify"]}, "recipe.only_verify"),
        (SMALLEST | {"steps": []}, "recipe.invalid_value"),
        (SMALLEST | {"steps": ["dance"]}, "recipe.invalid_value"),
    ],
)
def test_steps_that_make_no_sense_are_refused(values, code) -> None:
    assert refusal(values).code == code


BAD_VALUES = [
    ("name", ""),
    ("name", "x" * 81),
    ("name", 3),
    ("data", "d.csv"),
    ("data.source", ""),
    ("data.format", "xlsx"),
    ("data.delimiter", "ab"),
    ("data.delimiter", "\n"),
    ("data.repairs", [{"kind": "polish"}]),
    ("data.repairs", [{"kind": "drop_rare_labels", "fewer_than": 1}]),
    ("data.split.held_out", 0),
    ("data.split.held_out", 1),
    ("data.split.held_out", "a fifth"),
    ("data.split.limit", 0),
    ("data.split.values", []),
    ("data.split.seed", -1),
    ("data.template", "{q}{a}"),
    ("model.source", ""),
    ("model.trust_remote_code", "perhaps"),
    ("method.kind", "bitfit"),
    ("method.rank", 0),
    ("method.rank", 1.5),
    ("method.rank", 5000),
    ("method.alpha", 0),
    ("method.dropout", 1),
    ("method.dropout", -0.1),
    ("method.target_modules", "some"),
    ("training.epochs", 0),
    ("training.epochs", 1001),
    ("training.epochs", float("nan")),
    ("training.epochs", float("inf")),
    ("training.max_steps", 0),
    ("training.learning_rate", 0),
    ("training.learning_rate", 2),
    ("training.learning_rate", "fast"),
    ("training.learning_rate", float("nan")),
    ("training.schedule", "zigzag"),
    ("training.warmup", 1),
    ("training.weight_decay", -1),
    ("training.max_grad_norm", 0),
    ("training.batch_size", 0),
    ("training.accumulation", 0),
    ("training.sequence_length", 7),
    ("training.seed", -1),
    ("training.precision", "int8"),
    ("training.evaluations", -1),
    ("training.checkpoint_minutes", 0),
    ("target.train_on", "tpu"),
    ("target.provider", "metal"),
    ("target.quantisation", "int2"),
    ("target.int4", "best"),
]


@pytest.mark.parametrize(("path", "value"), BAD_VALUES, ids=lambda v: str(v)[:30])
def test_a_bad_value_is_refused_with_its_key(path, value) -> None:
    error = refusal(changed(path, value))
    assert error.code == "recipe.invalid_value"
    assert path in error.message
    assert "input should be" not in error.hint


@pytest.mark.parametrize("completion", ["", "  \n"])
def test_a_template_without_completion_is_refused(completion) -> None:
    error = refusal(changed("data.template.completion", completion))
    assert error.code == "template.no_completion"


def test_data_needs_exactly_one_shape() -> None:
    assert refusal({"data": {"source": "x"}}).code == "recipe.data_shape"
    assert refusal(changed("data.messages", "m")).code == "recipe.data_shape"


def test_only_one_way_to_hold_out() -> None:
    values = changed("data.split", {"file": "x", "column": "c"})
    assert refusal(values).code == "recipe.two_splits"


@pytest.mark.parametrize("prompt", ["{", "}", "{}", "{?x}open", "{/x}"])
def test_a_broken_template_is_refused(prompt) -> None:
    assert refusal(changed("data.template.prompt", prompt)).code.startswith("template.")


# --- the published schema -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found = json_schema()
    jsonschema.Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize(
    "values",
    [
        SMALLEST,
        COMPLETE,
        json.loads(RECORDED),
        {"data": {"source": "c.jsonl", "messages": "m"}},
        parse_recipe(SMALLEST).to_json(),
        parse_recipe(COMPLETE).to_json(),
    ],
)
def test_the_schema_accepts_what_the_program_accepts(schema, values) -> None:
    parse_recipe(values)
    jsonschema.validate(values, schema)


@pytest.mark.parametrize(
    "path",
    ["x", "data.x", "data.template.x", "data.split.x", "model.x", "method.x", "training.x"],
)
def test_the_schema_refuses_unknown_keys_everywhere(schema, path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(path, 1), schema)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        case
        for case in BAD_VALUES
        # JSON has no such numbers, and a schema cannot see into a template or a character.
        if case[1] == case[1] and case[1] not in (float("inf"), "\n")
    ],
    ids=lambda v: str(v)[:30],
)
def test_the_schema_refuses_every_bad_value(schema, path, value) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed(path, value), schema)


def test_the_schema_describes_its_keys(schema) -> None:
    described = schema["$defs"]["Training"]["properties"]["learning_rate"]
    assert described["description"]
    assert described["default"] == 2e-4


# --- names and differences ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Tone of a Phrase", "tone-of-a-phrase"),
        ("  --  ", "run"),
        ("速い", "run"),
        ("a/b\\c:d", "a-b-c-d"),
        ("../../etc", "etc"),
        ("x" * 80, "x" * 40),
    ],
)
def test_slug(name, slug) -> None:
    assert slugify(name) == slug


@given(st.text(min_size=1, max_size=80))
def test_a_slug_is_always_a_safe_folder_name(name) -> None:
    slug = slugify(name)
    assert slug
    assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_differences_name_the_settings_that_differ() -> None:
    one, two = parse_recipe(SMALLEST), parse_recipe(changed("training.epochs", 5))
    assert recipe_differences((one, one)) == []
    assert recipe_differences((one, two)) == [("training.epochs", ("3.0", "5.0"))]
    three = parse_recipe(changed("training.max_steps", 7))
    assert recipe_differences((one, three)) == [("training.max_steps", ("", "7"))]


def test_the_template_knows_its_columns_and_label() -> None:
    template = Recipe.model_validate(SMALLEST).data.template
    assert template is not None
    assert (template.columns, template.required, template.label_column) == (
        ("q", "a"),
        ("q", "a"),
        "a",
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": {"kind": "qlora"}}, "qlora does not hold"),
        ({"target": {"quantisation": "fp32"}}, "target.quantisation is fp32"),
        ({"steps": ["train", "quantise"]}, "exported apart"),
    ],
)
def test_training_for_4_bits_is_refused_where_the_export_rounds_something_else(
    changes: dict[str, Any], said: str
) -> None:
    template = {"prompt": "{a}", "completion": "{b}"}
    recipe = {"data": {"source": "d.csv", "template": template}}
    aware = {"training": {"int4_aware": 0.5}}
    parse_recipe(recipe | changes)
    parse_recipe(recipe | aware)
    with pytest.raises(InputError, match=said) as caught:
        parse_recipe(recipe | changes | aware)
    assert caught.value.code == "recipe.int4_aware"


def test_the_last_steps_are_those_for_4_bits() -> None:
    first = [Training(int4_aware=share).int4_from(10) for share in (0, 0.01, 0.5, 1)]
    assert first == [10, 9, 5, 0]


def test_early_stopping_needs_evaluations() -> None:
    with pytest.raises(InputError) as caught:
        parse_recipe(
            {
                "data": {"source": "d.csv", "template": {"prompt": "{a}", "completion": "{b}"}},
                "training": {"early_stopping": 2, "evaluations": 0},
            }
        )
    assert caught.value.code == "recipe.no_evaluations"


def test_a_recipe_without_data_has_no_rows() -> None:
    data = {"source": "d.csv", "template": {"prompt": "{a}", "completion": "{b}"}}
    assert parse_recipe({"data": data}).rows.source == "d.csv"
    assert parse_recipe({"data": data, "name": "Tone of a Phrase"}).slug == "tone-of-a-phrase"
    with pytest.raises(InputError) as caught:
        _ = parse_recipe({"steps": ["quantise"]}).rows
    assert (caught.value.code, caught.value.variant) == ("recipe.no_data", "rows")


def test_a_preset_that_its_provider_does_not_run_is_refused(monkeypatch) -> None:
    row = dataclasses.replace(PRESETS["small"], providers=("cuda",))
    monkeypatch.setitem(PRESETS, "small", row)
    target = {"int4": "small", "provider": "cpu"}
    with pytest.raises(InputError) as caught:
        check_target(parse_recipe({"steps": ["quantise"], "target": target}))
    assert (caught.value.code, caught.value.variant) == ("recipe.target", "preset")
    assert "small" not in caught.value.values["presets"]


def test_a_whole_recipe_of_the_wrong_shape_and_an_unknown_section_are_explained() -> None:
    with pytest.raises(InputError) as caught:
        parse_recipe({"version": 1, "nowhere": {"r": 8}})
    assert caught.value.code == "recipe.unknown_key"
    with pytest.raises(InputError) as caught:
        parse_recipe({"data": {"source": "d.csv", "repairs": [{"kind": "trim", "odd": 1}]}})
    assert caught.value.code == "recipe.unknown_key"


_HALF = "a\ud800"


def _halved(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """The places of all texts and keys in *values*, each with a copy in which it ends in half a
    surrogate pair."""
    found: list[tuple[tuple[Any, ...], Any]] = []
    if isinstance(values, str):
        return [(path, values + _HALF)]
    keys = list(values) if isinstance(values, dict) else range(len(values))
    for key in keys:
        if isinstance(values, dict):
            renamed = {k + _HALF if k == key else k: part for k, part in values.items()}
            found.append(((*path, ascii(key + _HALF)), renamed))
        if isinstance(values[key], (str, dict, list)):
            for place, changed in _halved(values[key], (*path, key)):
                copied = copy.copy(values)
                copied[key] = changed
                found.append((place, copied))
    return found


def test_half_a_character_anywhere_in_a_recipe_is_an_error_that_names_its_key() -> None:
    repairs = [
        {"kind": "merge_labels", "column": "a", "labels": {"JOY": "Joy"}},
        {"kind": "add_row", "values": {"q": ["x", {"y": "z"}]}},
    ]
    azure = {
        "subscription": "00000000-0000-0000-0000-000000000000",
        "resource_group": "group",
        "workspace": "work",
        "compute": "gpus",
        "job_identity": "managed",
        "hub_token": {"connection": "hub"},
    }
    whole = COMPLETE | {"azure": azure, "data": COMPLETE["data"] | {"repairs": repairs}}
    parse_recipe(whole)
    halved = _halved(whole)
    assert len(halved) > 80
    for place, changed in halved:
        with pytest.raises(InputError) as caught:
            parse_recipe(changed)
        name = ".".join(map(str, place))
        assert (caught.value.code, caught.value.values) == ("recipe.half_character", {"name": name})


def test_half_a_character_is_no_part_of_a_recipe_made_of_parts() -> None:
    for part in (lambda: Data(source="d.csv", sheet=_HALF), lambda: Source(source=_HALF)):
        with pytest.raises(InputError, match=r"half a character"):
            part()


@pytest.mark.parametrize(("kind", "title"), [("loha", "LoHa"), ("lokr", "LoKr")])
def test_a_product_has_no_rank_stabilised_scaling(kind: str, title: str) -> None:
    template = {"prompt": "{a}", "completion": "{b}"}
    recipe = {"data": {"source": "d.csv", "template": template}, "method": {"kind": kind}}
    assert parse_recipe(recipe).method.kind == kind
    recipe["method"]["rank_stabilised"] = True
    with pytest.raises(InputError, match=title) as caught:
        parse_recipe(recipe)
    assert caught.value.code == "recipe.not_stabilised"
