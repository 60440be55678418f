"""What a recipe can is imported; where our defaults differ from Olive's, Olive's are kept."""

from __future__ import annotations

import importlib.resources
import json
from typing import Any

import pytest

from phi3studio.domain.recipe import Recipe
from tests.unit.test_olive_import import (
    ARGUMENTS,
    LORA,
    PARAMS,
    TEXT,
    assert_every_leaf_is_decided_once,
    changed,
    decision,
    fixture,
    read,
)

BUILDER_OPTIONS = "passes.builder.config.extra_options"
K_QUANT_MIXED = {
    "algo_config": "k_quant",
    "matmul_mixed_precision": "last_matmul:int8,mixed_layers:int8",
}


def recipe_of(config: Any) -> Recipe:
    """The recipe of a config that has no problem and no gap."""
    imported = read(config)
    assert_every_leaf_is_decided_once(config, imported)
    assert imported.problem is None, imported.problem
    assert imported.recipe is not None
    assert imported.gaps == ()
    return imported.recipe


def value_at(recipe: Recipe, key: str) -> Any:
    place: Any = recipe
    for name in key.split("."):
        place = getattr(place, name)
    return place


@pytest.mark.parametrize(
    ("path", "value", "key", "expected"),
    [
        ("passes.builder.config.int4_block_size", 128, "target.block_size", 128),
        ("passes.builder.config.int4_accuracy_level", 1, "target.accuracy_level", 1),
        ("passes.builder.config.extra_options", {"int4_block_size": 16}, "target.block_size", 16),
        # As onnxruntime-genai and the recipes of Olive write it today.
        ("passes.builder.config.block_size", 128, "target.block_size", 128),
        ("passes.builder.config.accuracy_level", 1, "target.accuracy_level", 1),
        (BUILDER_OPTIONS, {"block_size": 16}, "target.block_size", 16),
        (BUILDER_OPTIONS, {"algo_config": "k_quant_mixed"}, "target.int4", "quality"),
        (BUILDER_OPTIONS, {"op_types_to_quantize": ["MatMul", "Gather"]}, "target.int4", "small"),
        (BUILDER_OPTIONS, K_QUANT_MIXED, "target.int4", "quality"),
        (f"{ARGUMENTS}.load_best_model_at_end", True, "training.keep_best", True),
        (f"{ARGUMENTS}.load_best_model_at_end", False, "training.keep_best", False),
        (f"{ARGUMENTS}.warmup_steps", 100, "training.warmup_steps", 100),
        (f"{ARGUMENTS}.warmup_steps", 0.03, "training.warmup", 0.03),
        (f"{ARGUMENTS}.warmup_ratio", 0.03, "training.warmup", 0.03),
        (f"{PARAMS}.split", "train[:4096]", "data.slice", ":4096"),
        (f"{PARAMS}.split", "train[:50%]", "data.slice", ":50%"),
        (f"{PARAMS}.split", "train[-128:]", "data.slice", "-128:"),
        (f"{TEXT}.max_samples", 300, "data.slice", ":300"),
        (f"{TEXT}.max_samples", None, "data.slice", None),
        (f"{TEXT}.max_samples", -1, "data.slice", None),
    ],
)
def test_what_a_recipe_can_is_carried(path, value, key, expected) -> None:
    config = changed("lora-phrases", **{path: value})
    assert value_at(recipe_of(config), key) == expected
    found = [item for item in read(config).decisions if item.path.startswith(path)]
    assert all(item.kind != "refused" for item in found)


@pytest.mark.parametrize(
    ("split", "most", "expected"),
    [
        ("train[:100]", 300, ":100"),
        ("train[:1000]", 300, ":300"),
        ("train[50:]", 300, "50:350"),
        ("train[50:100]", 300, "50:100"),
        ("train[:80%]", 300, ":300"),
    ],
)
def test_a_slice_and_max_samples_give_the_first_of_the_slice(split, most, expected) -> None:
    config = changed("lora-phrases", **{f"{PARAMS}.split": split, f"{TEXT}.max_samples": most})
    assert recipe_of(config).rows.slice == expected


def with_evaluation(train: dict[str, Any], other: dict[str, Any], **pre: Any) -> Any:
    """The example with data of its own for the evaluation."""
    config = fixture("lora-phrases")
    lora = config["passes"]["lora"]["config"]
    del lora["eval_dataset_size"]
    text = {"text_template": "{phrase} {tone}"}
    config["data_configs"] = [
        {"name": name, "load_dataset_config": load, "pre_process_data_config": text | extra}
        for name, load, extra in (("rows", train, {}), ("others", other, pre))
    ]
    lora |= {"train_data_config": "rows", "eval_data_config": "others"}
    return config


HUB = {"data_name": "nampdn-ai/tiny-codes"}
FILE = {"data_name": "json", "data_files": "rows.json"}


@pytest.mark.parametrize(
    ("train", "other", "split", "rows"),
    [
        (HUB | {"split": "train"}, HUB | {"split": "test"}, {"hub_split": "test"}, None),
        (
            HUB | {"split": "train[:70%]"},
            HUB | {"split": "validation[:100]"},
            {"hub_split": "validation", "slice": ":100"},
            ":70%",
        ),
        (
            HUB | {"split": "train[:70%]"},
            HUB | {"split": "train[-128:]"},
            {"slice": "-128:"},
            ":70%",
        ),
        (HUB | {"split": "train[:70%]"}, HUB | {"split": "train[70%:]"}, {"held_out": 0.3}, None),
        (
            FILE | {"split": "train[:4096]"},
            FILE | {"split": "train[4096:]"},
            {"slice": "4096:"},
            ":4096",
        ),
        (FILE, {"data_name": "json", "data_files": ["b.json"]}, {"file": "b.json"}, None),
        (
            FILE,
            {"data_name": "json", "data_files": "b.json", "split": "train[:10%]"},
            {"file": "b.json", "slice": ":10%"},
            None,
        ),
        (FILE, FILE | {"split": "train"}, {}, None),
    ],
)
def test_the_evaluations_rows_are_held_out(train, other, split, rows) -> None:
    recipe = recipe_of(with_evaluation(train, other))
    assert recipe.rows.split.model_dump(exclude_defaults=True) == split
    assert recipe.rows.slice == rows
    notes = " ".join(read(with_evaluation(train, other)).defaults)
    assert ("No rows are set aside" in notes) == (split == {})
    if "held_out" in split:
        return
    limited = recipe_of(with_evaluation(train, other, max_samples=64))
    assert limited.rows.split.limit == 64


def test_another_data_set_of_the_hub_for_the_evaluation_is_a_gap() -> None:
    other = {"data_name": "somebody/else", "split": "test"}
    imported = read(with_evaluation(HUB, other))
    assert [gap.key for gap in imported.gaps] == ["data.split.file"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data_configs[0].user_script", "user_script.py"),
        (f"{LORA}.user_script", "user_script.py"),
        ("input_model.config.model_script", "user_script.py"),
    ],
)
def test_a_script_that_nothing_refers_to_does_not_matter(path, value) -> None:
    config = changed("lora-phrases", **{path: value})
    assert recipe_of(config) == recipe_of(fixture("lora-phrases"))
    assert "not run" in decision(read(config), path).text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{PARAMS.rpartition('.')[0]}.type", "load_my_rows"),
        (f"{TEXT.rpartition('.')[0]}.type", "my_pre_process"),
        (f"{TEXT}.text_formatting_func", "my_text"),
    ],
)
def test_a_script_that_the_data_needs_is_refused(path, value) -> None:
    script = "data_configs[0].user_script"
    imported = read(changed("lora-phrases", **{script: "user_script.py", path: value}))
    assert imported.problem is not None
    assert decision(imported, script).blocks


# --- Olive's defaults ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "modules"), [("LoRA", "family"), ("DoRA", "family"), ("QLoRA", "all_linear")]
)
def test_where_our_defaults_differ_olives_are_kept_and_said(kind, modules) -> None:
    config = fixture("lora-phrases")
    lora = {"type": kind, "train_data_config": "dataset_default_train"}
    config["passes"]["lora"] = lora
    recipe, told = recipe_of(config), " ".join(read(config).defaults)
    assert recipe.method.target_modules == modules
    assert (recipe.training.precision, recipe.training.keep_best) == ("bfloat16", False)
    for key in ("method.target_modules", "training.precision", "training.keep_best"):
        assert key in told


def test_modules_listed_for_qlora_are_all_linear_ones_as_in_olive() -> None:
    config = changed("lora-phrases", **{"passes.lora.type": "QLoRA"})
    assert recipe_of(config).method.target_modules == "all_linear"
    assert "As in Olive" in decision(read(config), f"{LORA}.target_modules").text


# --- passes that quantise before ModelBuilder ---------------------------------------------------


def quantised_by(
    *passes: dict[str, Any], precision: str = "int4", tied: bool = False
) -> dict[str, Any]:
    built = {"type": "ModelBuilder", "precision": precision}
    chain = {f"q{at}": each for at, each in enumerate(passes)} | {"builder": built}
    if tied:
        chain["tied"] = {"type": "GraphSurgeries", "surgeries": [{"surgeon": "TieWordEmbeddings"}]}
    return {"input_model": {"type": "HfModel", "model_path": "base"}, "passes": chain}


@pytest.mark.parametrize(
    ("passes", "preset", "block"),
    [
        ([{"type": "Rtn", "bits": 4, "sym": True, "group_size": 32}], "fast", 32),
        ([{"type": "Rtn", "sym": True, "embeds": True, "lm_head": True}], "small", 128),
        ([{"type": "Gptq", "group_size": 64}], "quality", 64),
        ([{"type": "AutoAWQQuantizer"}], "quality", 128),
        (
            [
                {"type": "SelectiveMixedPrecision", "algorithm": "kld_gradient", "bits": 4},
                {"type": "gptq", "bits": 4, "sym": False, "group_size": 128},
                {"type": "rtn", "bits": 8, "lm_head": True, "embeds": True},
            ],
            "quality",
            128,
        ),
        (
            [
                {"type": "SelectiveMixedPrecision", "algorithm": "k_quant_mixed"},
                {"type": "KQuant", "bits": 4, "group_size": 32},
            ],
            "quality",
            32,
        ),
    ],
)
def test_passes_that_quantise_become_a_preset(passes, preset, block) -> None:
    recipe = recipe_of(quantised_by(*passes, tied=True))
    assert (recipe.target.int4, recipe.target.block_size) == (preset, block)
    imported = read(quantised_by(*passes))
    kind = decision(imported, f"passes.q{len(passes) - 1}.type")
    assert preset in kind.text + kind.instead
    assert (kind.kind == "refused") == (passes[-1]["type"] != "Rtn")


@pytest.mark.parametrize(
    ("passes", "precision", "said"),
    [
        ([{"type": "Gptq", "bits": 8}], "int4", "8 bits"),
        ([{"type": "Rtn"}], "fp16", "another precision"),
        ([{"type": "OnnxHqqQuantization"}], "int4", "OnnxHqqQuantization"),
    ],
)
def test_what_cannot_be_quantised_is_refused(passes, precision, said) -> None:
    imported = read(quantised_by(*passes, precision=precision))
    assert imported.problem is not None
    assert said in imported.problem.message


def test_a_target_that_cannot_be_built_is_said_at_the_import() -> None:
    config = quantised_by(precision="fp32") | {"execution_providers": "CUDAExecutionProvider"}
    imported = read(config)
    assert imported.problem is not None
    assert "fp32" in imported.problem.message


@pytest.mark.parametrize(("half", "made"), [(True, ("fp16", "cuda")), (False, ("fp32", "cpu"))])
@pytest.mark.parametrize("converted", [True, False])
@pytest.mark.parametrize("metadata", [True, False])
def test_what_olive_finetune_of_0_7_wrote_keeps_the_adapter_next_to_the_model(
    half, made, converted, metadata
) -> None:
    config = fixture("lora-phrases")
    lora = config["passes"]["lora"]
    config["systems"]["local_system"]["config"]["accelerators"] = ["gpu"]
    del config["engine"]["execution_providers"]
    config["passes"] = {
        "f": lora,
        "c": {"type": "OnnxConversion", "target_opset": 17, "torch_dtype": "float32",
              "save_metadata_for_token_generation": True},
        "o": {"type": "OrtTransformersOptimization", "model_type": "gpt2", "opt_level": 0,
              "keep_io_types": False, "float16": half},
        "e": {"type": "ExtractAdapters"},
        **({"m": {"type": "ModelBuilder", "metadata_only": True, "precision": "fp16"}}
           if metadata else {}),
    }  # fmt: skip
    if not converted:  # as recipes of Olive have it
        del config["passes"]["c"]
    recipe = recipe_of(config)
    assert recipe.steps == ["train", "quantise", "verify"]
    assert (recipe.target.quantisation, recipe.target.provider) == made


def test_an_adapter_that_is_extracted_from_a_built_model_stays_next_to_it() -> None:
    config = fixture("lora-phrases")
    builder = {"precision": "int4", "enable_GQA_on_CPU": True, "search": {"max_length": 2048}}
    config["passes"] = {
        "lora": config["passes"]["lora"],
        "builder": {"type": "ModelBuilder", "config": builder},
        "extract": {"type": "ExtractAdapters", "config": {"make_inputs": True}},
    }
    recipe = recipe_of(config)
    assert recipe.steps == ["train", "quantise", "verify"]
    assert recipe.target.quantisation == "int4"
    # Where the adapter is merged, there is none to extract.
    config["passes"] |= {"merge": {"type": "MergeAdapterWeights"}}
    problem = read(config).problem
    assert problem is not None
    assert "ExtractAdapters" in f"{problem.message} {problem.hint}"


def test_where_olive_0_2_wrote_its_checkpoints_does_not_matter() -> None:
    config = fixture("lora-phrases")
    config["passes"]["lora"]["config"]["training_output_dir"] = "models/checkpoints"
    recipe_of(config)


def test_what_only_the_script_reads_is_not_called_unknown() -> None:
    config = fixture("lora-phrases")
    config["data_configs"][0] = {
        "name": "dataset_default_train",
        "type": "HuggingfaceContainer",
        "user_script": "script.py",
        "components": {"load_dataset": {"type": "load_tiny_code_dataset"}},
        "params_config": {
            "dataset_name": "owner/codes",
            "component_kwargs": {
                "load_dataset": {"language": "Python"},
                "pre_process_data": {"text_template": "{prompt}\n{response}"},
            },
        },
    }
    imported = read(config)
    assert_every_leaf_is_decided_once(config, imported)
    blocking = {item.path.rpartition(".")[2] for item in imported.decisions if item.blocks}
    assert blocking == {"user_script", "type"}
    for key in ("dataset_name", "component_kwargs.load_dataset.language"):
        item = decision(imported, f"data_configs[0].params_config.{key}")
        assert "script" in item.text
        assert "data_files" in item.instead


def test_every_pass_of_olive_is_known_by_its_name() -> None:
    """Also one that is not run: its refusal says what to do, not that there is no such pass."""
    package = importlib.resources.files("olive") / "olive_config.json"
    names = json.loads(package.read_text("utf-8"))["passes"]
    assert len(names) > 60
    for name in names:
        imported = read({"passes": {"only": {"type": name}}})
        said = "" if imported.problem is None else imported.problem.message
        assert "There is no pass" not in said, name
