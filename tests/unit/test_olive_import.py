"""Olive configs become recipes, and of every key it is said what became of it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest

from phi3studio.olive_configs import Imported, import_config, leaves

FIXTURES = sorted((Path(__file__).parents[1] / "fixtures" / "olive").glob("*.json"))
CATALOGUE = {"microsoft/Phi-3-mini-4k-instruct": "phi-3-mini"}
PARAMS = "data_configs[0].load_dataset_config.params"
TEXT = "data_configs[0].pre_process_data_config.params"
LORA = "passes.lora.config"
ARGUMENTS = f"{LORA}.training_args"


def fixture(name: str) -> Any:
    return json.loads(next(file for file in FIXTURES if file.stem == name).read_text("utf-8"))


def at(config: Any, path: str) -> tuple[Any, Any]:
    """The place that holds the value of *path*, and its key there."""
    keys = [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]
    for key in keys[:-1]:
        config = config[key]
    return config, keys[-1]


def changed(name: str, **changes: Any) -> Any:
    """A fixture with other values: ``changed("lora-phrases", **{"engine.host": None})``."""
    config = fixture(name)
    for path, value in changes.items():
        place, key = at(config, path)
        place[key] = value
    return config


def read(config: Any) -> Imported:
    return import_config(config, "example", CATALOGUE)


def decision(imported: Imported, path: str) -> Any:
    return next(item for item in imported.decisions if item.path == path)


# --- nothing is dropped in silence --------------------------------------------------------------


def assert_every_leaf_is_decided_once(config: Any, imported: Imported) -> None:
    decided = [item.path for item in imported.decisions]
    assert decided == [leaf.path for leaf in leaves(config)]


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
def test_every_key_ends_as_one_decision_in_the_files_order(file) -> None:
    config = json.loads(file.read_text("utf-8"))
    before = copy.deepcopy(config)
    imported = read(config)
    assert config == before
    assert_every_leaf_is_decided_once(config, imported)
    for item, leaf in zip(imported.decisions, leaves(config), strict=True):
        assert item.value == leaf.value
        assert item.kind != "carried" or item.to
        assert item.kind != "translated" or item.text
        assert item.kind != "refused" or (item.text and item.instead)


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
def test_whatever_stands_in_place_of_a_value_is_decided_on_too(file) -> None:
    config = json.loads(file.read_text("utf-8"))
    strange = (None, True, -1, 0.5, "", "other", [], {}, ["x"], [{}], {"x": 1}, [[1], {"y": "{"}])
    for leaf in leaves(config):
        for value in strange:
            mutant = copy.deepcopy(config)
            place, key = at(mutant, leaf.path)
            place[key] = value
            imported = read(mutant)
            assert_every_leaf_is_decided_once(mutant, imported)
            assert imported.recipe is not None or imported.problem is not None, leaf.path


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
def test_a_misspelt_key_is_never_taken_for_unset(file) -> None:
    config = json.loads(file.read_text("utf-8"))
    for leaf in leaves(config):
        mutant = copy.deepcopy(config)
        place, key = at(mutant, leaf.path)
        if not isinstance(key, str):
            continue
        place[f"{key}_x"] = place.pop(key)
        imported = read(mutant)
        assert_every_leaf_is_decided_once(mutant, imported)
        path = leaf.path[: -len(key)] + f"{key}_x"
        assert decision(imported, path).kind == "refused", path
        unused = decision(imported, path).text.startswith("No step uses the system")
        if not decision(imported, path).needs_azure and not unused:
            assert imported.problem is not None, path


# --- the tutorial's blocks ----------------------------------------------------------------------


def test_the_lora_example_as_a_whole_recipe() -> None:
    imported = read(fixture("lora-phrases"))
    assert imported.problem is None
    assert imported.steps == ("train", "merge", "quantise")
    assert imported.recipe is not None
    assert imported.recipe.model_dump(exclude_defaults=True) == {
        "name": "example",
        "data": {
            "source": "dataset/dataset-classification.json",
            "template": {
                "prompt": "### Text: {phrase}\n### The tone is:\n",
                "completion": "{tone}",
            },
            "split": {"held_out": 0.3},
        },
        "model": {"source": "model-cache/microsoft/phi-3-mini"},
        "method": {
            "rank": 64,
            "alpha": 64.0,
            "dropout": 0.1,
            "target_modules": ["o_proj", "qkv_proj"],
        },
        "training": {
            "max_steps": 10,
            "learning_rate": 0.0001,
            "schedule": "constant",
            "warmup": 0.0,
            "max_grad_norm": 0.3,
            "batch_size": 1,
            "accumulation": 4,
            "sequence_length": 2048,
            "evaluations": 0,
            "precision": "bfloat16",
            "keep_best": False,
        },
        "target": {"int4": "fast"},
    }


def test_the_qlora_example_quantises_twice_and_is_for_cuda() -> None:
    recipe = read(fixture("qlora-questions")).recipe
    assert recipe is not None
    assert recipe.method.kind == "qlora"
    assert recipe.method.double_quantisation is True
    assert recipe.target.provider == "cuda"
    assert recipe.data.template is not None
    assert recipe.data.template.model_dump() == {
        "prompt": "<|user|>\n{Question}<|end|>\n<|assistant|>\n",
        "completion": "{Best Answer}\n<|end|>",
    }


def test_todays_config_as_a_recipe() -> None:
    imported = read(fixture("today"))
    assert imported.problem is None
    assert imported.recipe is not None
    values = imported.recipe.model_dump(exclude_defaults=True)
    assert values["method"] == {
        "kind": "dora",
        "rank": 8,
        "alpha": 16.0,
        "dropout": 0.0,
        "target_modules": ["qkv_proj"],
    }
    assert imported.recipe.data.split.held_out == pytest.approx(0.2)
    assert imported.recipe.training.warmup_steps == 2
    assert imported.recipe.training.evaluations == 4
    assert imported.recipe.training.gradient_checkpointing is True  # Olive's default
    assert imported.recipe.target.int4 == "quality"


@pytest.mark.parametrize("kind", ["LoHa", "LoKr"])
def test_hadamard_and_kronecker_passes_are_imported(kind) -> None:
    config = fixture("today")
    data = {key: value for key, value in config["passes"]["l"].items() if "data" in key}
    given = {"type": kind, "r": 4, "alpha": 2, "rank_dropout": 0.1, "module_dropout": 0.0, **data}
    config["passes"]["l"] = given
    imported = read(config)
    assert imported.problem is None
    assert imported.recipe is not None
    assert imported.recipe.method.model_dump(exclude_defaults=True) == {
        "kind": kind.casefold(),
        "rank": 4,
        "alpha": 2.0,
        "dropout": 0.1,
        "target_modules": "all_linear",
    }
    del given["rank_dropout"]
    given |= {"decompose_both": True, "init_weights": False}
    imported = read(config)
    refused = {decision.path for decision in imported.decisions if decision.kind == "refused"}
    assert {path for path in refused if path.startswith("passes.l.")} == {
        "passes.l.decompose_both",
        "passes.l.init_weights",
    }
    assert imported.recipe is not None
    assert imported.recipe.method.dropout == 0


def test_flat_and_nested_syntax_give_the_same_recipe() -> None:
    def flat(value: Any) -> Any:
        if isinstance(value, list):
            return [flat(item) for item in value]
        if not isinstance(value, dict):
            return value
        result: dict[str, Any] = {}
        for key, inner in value.items():
            if key in ("config", "params"):
                result |= flat(inner)
            else:
                result[key] = flat(inner)
        return result

    for name in ("lora-phrases", "qlora-questions", "azure"):
        config = fixture(name)
        flattened = flat(config)
        assert flattened != config
        assert read(flattened).recipe == read(config).recipe


def test_keys_of_the_engine_may_stand_at_the_top() -> None:
    config = fixture("lora-phrases")
    top = {key: value for key, value in config.items() if key != "engine"} | config["engine"]
    imported = read(top)
    assert_every_leaf_is_decided_once(top, imported)
    assert imported.recipe == read(config).recipe


def here(config: Any) -> Any:
    """The same config with its work done on this computer."""
    config["systems"]["here"] = {"type": "LocalSystem"}
    config["engine"] |= {"host": "here", "target": "here"}
    return config


def test_the_azure_example_is_a_job_in_azure() -> None:
    imported = read(fixture("azure"))
    assert imported.problem is None
    assert imported.recipe is not None
    recipe = imported.recipe
    assert recipe.target.train_on == "azureml"
    assert recipe.azure is not None
    assert recipe.azure.model_dump(exclude_defaults=True) == {
        "subscription": "00000000-0000-0000-0000-000000000000",
        "resource_group": "my-group",
        "workspace": "my-workspace",
        "compute": "my-compute",
        "image": "my-image",
        "data": "azureml://datastores/workspaceblobstore/paths/folder/train_data.json",
        "model": "azureml://registries/azureml-msr/models/Phi-3-mini-4k-instruct/versions/11",
    }
    assert not [item for item in imported.decisions if item.needs_azure]
    assert decision(imported, "systems.azure_arc.config.aml_compute").kind == "refused"


def test_the_arc_cluster_of_the_azure_example() -> None:
    config = changed("azure", **{"engine.host": "azure_arc", "engine.target": "azure_arc"})
    config["systems"]["azure_arc"]["config"] |= {
        "instance_type": "gpu-small",
        "resources": {"instance_count": 2},
        "accelerators": [{"device": "GPU"}],
    }
    imported = read(config)
    assert imported.problem is None
    assert imported.recipe is not None
    azure = imported.recipe.azure
    assert azure is not None
    assert (azure.compute, azure.instance_type, azure.nodes, azure.gpus) == (
        "my-arc-compute",
        "gpu-small",
        2,
        1,
    )


def test_two_workspaces_are_refused() -> None:
    path = f"{PARAMS}.data_files.config.azureml_client.workspace_name"
    imported = read(changed("azure", **{path: "another"}))
    assert imported.problem is not None
    assert decision(imported, path).kind == "refused"


def test_an_id_that_is_none_is_named_with_its_key() -> None:
    path = "azureml_client.subscription_id"
    config = changed("azure", **{path: "12-34"})
    files = config["data_configs"][0]["load_dataset_config"]["params"]["data_files"]
    del files["config"]["azureml_client"]
    problem = read(config).problem
    assert problem is not None
    assert problem.code == "olive.invalid_value"
    assert path in problem.message


def test_what_speaks_of_azure_needs_that_target_where_the_work_is_done_here() -> None:
    config = here(fixture("azure"))
    imported = read(config)
    assert_every_leaf_is_decided_once(config, imported)
    kept = {item.path: item.value for item in imported.decisions if item.needs_azure}
    speaking = ("azureml_client", "systems.aml", "systems.azure_arc")
    expected = {
        leaf.path: leaf.value
        for leaf in leaves(config)
        if leaf.path.startswith(
            (*speaking, f"{PARAMS}.data_files", "input_model.config.model_path")
        )
    }
    assert kept == expected
    assert imported.problem is not None
    assert imported.problem.code == "olive.needs_azure"
    assert "train_data.json" in imported.recipe.data.source  # with --partial
    assert imported.recipe.model.source == "phi-3-mini"


def test_a_registry_model_without_a_name_on_the_hub_cannot_be_had_here() -> None:
    config = here(fixture("azure"))
    del config["input_model"]["config"]["hf_config"]
    config["data_configs"] = fixture("qlora-questions")["data_configs"]
    imported = read(config)
    assert imported.problem is not None
    assert imported.problem.code == "olive.needs_azure"
    assert "Phi-3" in str(decision(imported, "input_model.config.model_path.config.name").value)


# --- host and target ----------------------------------------------------------------------------


def systems(today: bool, **providers: str) -> dict[str, Any]:
    """The LocalSystems of a config, of today's syntax or the older one: name → provider."""
    made: dict[str, Any] = {}
    for name, provider in providers.items():
        device = "cpu" if provider == "CPU" else "gpu"
        accelerators = [{"device": device, "execution_providers": [f"{provider}ExecutionProvider"]}]
        inner = {"accelerators": accelerators}
        made[name] = {"type": "LocalSystem"} | (inner if today else {"config": inner})
    return made


@pytest.mark.parametrize("today", [True, False], ids=["today", "older"])
@pytest.mark.parametrize(
    ("host", "target", "expected"),
    [("CPU", "Dml", "dml"), ("CUDA", "CPU", "cpu"), ("CPU", "CUDA", "cuda"), ("Dml", "CPU", "cpu")],
)
def test_the_target_alone_says_what_the_model_runs_on(today, host, target, expected) -> None:
    places = {"host": "host_system", "target": "target_system"}
    config = {
        "input_model": {"type": "HfModel", "model_path": "meta-llama/Llama-3.1-8B-Instruct"},
        "systems": systems(today, host_system=host, target_system=target),
        "passes": {"mb": {"type": "ModelBuilder", "precision": "int4"}},
        **(places if today else {"engine": places}),
    }
    imported = read(config)
    assert imported.problem is None, imported.problem
    assert_every_leaf_is_decided_once(config, imported)
    assert imported.recipe is not None
    assert imported.recipe.target.provider == expected
    assert imported.recipe.target.train_on == "auto"  # Olive too takes a GPU where there is one
    assert all(item.kind != "refused" for item in imported.decisions)


def test_devices_without_providers_are_the_targets_too() -> None:
    config = fixture("lora-phrases")
    config["systems"] = {
        "a": {"type": "LocalSystem", "config": {"accelerators": ["gpu"]}},
        "b": {"type": "LocalSystem", "config": {"accelerators": ["cpu"]}},
    }
    for host, target, expected in (("a", "b", "cpu"), ("b", "a", "cuda"), ("a", None, "cpu")):
        config["engine"] = {"host": host, "target": target}
        imported = read(config)
        assert imported.problem is None
        assert imported.recipe is not None
        assert imported.recipe.target.provider == expected


def test_a_model_tuned_in_azure_runs_where_the_target_says() -> None:
    config = fixture("azure")
    del config["engine"]["execution_providers"]
    recipe = read(config).recipe
    assert recipe is not None
    assert recipe.target.provider == "cuda"  # the target is the host, with GPUs
    config["systems"] |= systems(True, laptop="CPU")
    config["engine"]["target"] = "laptop"
    recipe = read(config).recipe
    assert recipe is not None
    assert (recipe.target.train_on, recipe.target.provider) == ("azureml", "cpu")


# --- single settings ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "section", "key", "expected"),
    [
        (f"{LORA}.lora_alpha", 7, "method", "alpha", 7),
        (f"{LORA}.eval_dataset_size", 0.25, "data.split", "held_out", 0.25),
        (f"{LORA}.target_modules", None, "method", "target_modules", "family"),
        (f"{ARGUMENTS}.seed", 5, "training", "seed", 5),
        (f"{ARGUMENTS}.max_steps", -1, "training", "max_steps", None),
        (f"{ARGUMENTS}.eval_steps", 2, "training", "evaluations", 5),
        (f"{ARGUMENTS}.evaluation_strategy", "no", "training", "evaluations", 0),
        (f"{ARGUMENTS}.gradient_checkpointing", True, "training", "gradient_checkpointing", True),
        (f"{TEXT}.source_max_len", 128, "training", "sequence_length", 128),
        (f"{PARAMS}.data_name", "csv", "data", "format", "csv"),
        (f"{PARAMS}.data_name", "parquet", "data", "format", "parquet"),
        ("engine.execution_providers", ["DmlExecutionProvider"], "target", "provider", "dml"),
        ("passes.builder.config.precision", "fp32", "target", "quantisation", "fp32"),
    ],
)
def test_a_changed_value_reaches_the_recipe(path, value, section, key, expected) -> None:
    imported = read(changed("lora-phrases", **{path: value}))
    assert imported.problem is None, imported.problem
    place: Any = imported.recipe
    for name in section.split("."):
        place = getattr(place, name)
    assert getattr(place, key) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lora_r", "r"),
        ("lora_alpha", "alpha"),
    ],
)
def test_old_and_new_names_mean_the_same(old, new) -> None:
    config = fixture("lora-phrases")
    lora = config["passes"]["lora"]["config"]
    lora[new] = lora.pop(old)
    assert read(config).recipe == read(fixture("lora-phrases")).recipe


def test_what_the_config_leaves_to_olive_is_as_olive_would_take_it_and_reported() -> None:
    config = fixture("lora-phrases")
    config["passes"]["lora"] = {"type": "LoRA", "train_data_config": "dataset_default_train"}
    imported = read(config)
    assert imported.recipe is not None
    method, training = imported.recipe.method, imported.recipe.training
    assert (method.rank, method.alpha, method.dropout) == (64, 16, 0.05)
    assert (training.batch_size, training.accumulation, training.seed) == (8, 1, 42)
    assert (training.schedule, training.learning_rate) == ("constant", 2e-4)
    told = " ".join(imported.defaults)
    for key in ("method.rank", "method.alpha", "training.batch_size", "data.split.held_out"):
        assert key in told


def test_remote_code_is_never_switched_on_by_a_config() -> None:
    imported = read(fixture("lora-phrases"))
    path = "input_model.config.hf_config.model_loading_args.trust_remote_code"
    assert decision(imported, path).kind == "refused"
    assert "model.trust_remote_code" in decision(imported, path).instead
    assert imported.recipe is not None
    assert imported.recipe.model.trust_remote_code is False


def test_text_columns_without_a_template_are_joined_and_the_last_one_learned() -> None:
    config = fixture("lora-phrases")
    del config["data_configs"][0]["pre_process_data_config"]["params"]["text_template"]
    recipe = read(config).recipe
    assert recipe is not None
    assert recipe.data.template is not None
    assert (recipe.data.template.prompt, recipe.data.template.completion) == (
        "{phrase} ",
        "{tone}",
    )


def test_a_chat_template_means_conversations() -> None:
    config = fixture("today")
    for data in config["data_configs"]:
        data["pre_process_data_config"] = {"chat_template": True, "message_col": "turns"}
    imported = read(config)
    assert imported.problem is None
    assert imported.recipe is not None
    assert imported.recipe.data.messages == "turns"


def test_a_data_set_of_the_hub() -> None:
    config = fixture("lora-phrases")
    config["data_configs"][0]["load_dataset_config"] = {
        "data_name": "owner/name",
        "subset": "part",
        "split": "validation",
    }
    imported = read(config)
    assert imported.problem is None
    data = imported.recipe.data
    assert (data.source, data.format, data.hub_config, data.hub_split) == (
        "owner/name",
        "hub",
        "part",
        "validation",
    )


def test_several_files_follow_one_another() -> None:
    imported = read(changed("lora-phrases", **{f"{PARAMS}.data_files": ["a.json", "b.json"]}))
    assert imported.recipe is not None
    assert (imported.recipe.data.source, imported.recipe.data.also) == ("a.json", ["b.json"])


def test_a_second_file_is_held_out() -> None:
    config = fixture("today")
    config["data_configs"][0]["load_dataset_config"]["split"] = "train"
    config["data_configs"][1]["load_dataset_config"] |= {"split": "train", "data_files": "b.csv"}
    imported = read(config)
    assert imported.problem is None
    assert imported.recipe is not None
    assert imported.recipe.data.split.file == "b.csv"


# --- chains with steps left out -----------------------------------------------------------------


def without(*passes: str) -> Imported:
    config = fixture("lora-phrases")
    for name in passes:
        del config["passes"][name]
    return read(config)


@pytest.mark.parametrize(
    ("left_out", "steps"),
    [
        ((), ["train", "merge", "quantise", "verify"]),
        (("merge_adapter_weights",), ["train", "quantise", "verify"]),
        (("builder",), ["train", "merge", "verify"]),
        (("merge_adapter_weights", "builder"), ["train", "verify"]),
        (("lora", "merge_adapter_weights"), ["quantise"]),
    ],
)
def test_a_chain_with_passes_left_out_is_a_recipe_of_the_others(left_out, steps) -> None:
    imported = without(*left_out)
    assert imported.problem is None
    assert imported.recipe is not None
    assert imported.recipe.steps == steps
    assert [step for step in steps if step != "verify"] == list(imported.steps)
    assert (imported.recipe.data is not None) == ("train" in steps)
    said = " ".join(imported.defaults)
    assert ("held-out rows" in said) == ("train" in steps)
    assert ("leaves out" in said) == bool(left_out)


@pytest.mark.parametrize("nested", [False, True])
def test_an_adapter_over_the_model_is_carried_over(nested) -> None:
    config = fixture("lora-phrases")
    del config["passes"]["lora"]
    config["input_model"]["config"]["adapter_path"] = (
        {"type": "local_folder", "config": {"path": "adapters/mine"}} if nested else "adapters/mine"
    )
    imported = read(config)
    assert imported.problem is None
    assert imported.recipe is not None
    assert imported.recipe.steps == ["merge", "quantise"]
    assert imported.recipe.model.adapter == "adapters/mine"
    assert_every_leaf_is_decided_once(config, imported)


def test_data_that_no_pass_reads_is_refused_and_reported() -> None:
    imported = without("lora", "merge_adapter_weights")
    told = decision(imported, f"{PARAMS}.data_files")
    assert told.kind == "refused"
    assert "No pass of the chain trains" in told.text


def test_a_config_without_passes_is_refused() -> None:
    imported = without("lora", "merge_adapter_weights", "builder")
    assert imported.problem is not None
    assert imported.problem.code == "olive.no_passes"


def test_passes_in_another_order_are_refused() -> None:
    config = fixture("lora-phrases")
    config["passes"] = dict(reversed(config["passes"].items()))
    problem = read(config).problem
    assert problem is not None
    assert problem.code == "olive.order"


# --- the data of every Olive since 0.2 ----------------------------------------------------------


def data_parts(config: Any) -> tuple[Any, Any]:
    """The keys of loading and preparation of a fixture's data config."""
    data = config["data_configs"][0]
    return data["load_dataset_config"]["params"], data["pre_process_data_config"]["params"]


def older_data(config: Any, syntax: str) -> Any:
    """The fixture's data config as Olive up to 0.6 wrote it."""
    load, pre = data_parts(config)
    if syntax == "component_kwargs":
        params = {**load, "component_kwargs": {"pre_process_data": pre}}
        return {"name": "d", "type": "HuggingfaceContainer", "params_config": params}
    if syntax == "flat":
        params = {**load, **pre, "batch_size": 4}
        return {"name": "d", "type": "HuggingfaceContainer", "params_config": params}
    if syntax == "both kwargs":
        kwargs = {"load_dataset": load, "pre_process_data": pre, "dataloader": {"batch_size": 4}}
        return {"name": "d", "params_config": {"component_kwargs": kwargs}}
    components = {
        "load_dataset": {"name": "_", "type": "huggingface_dataset", "params": load},
        "pre_process_data": {
            "name": "_",
            "type": "text_generation_huggingface_pre_process",
            "params": pre,
        },
        "post_process_data": {"name": "_", "type": "post_process", "params": {}},
        "dataloader": {"type": "default_dataloader", "params": {"batch_size": 4}},
    }
    return {"name": "d", "type": "HuggingfaceContainer", "components": components}


@pytest.mark.parametrize("syntax", ["component_kwargs", "flat", "both kwargs", "components"])
@pytest.mark.parametrize("named", ["list", "key", "inner name", "in place"])
def test_the_data_of_every_syntax_gives_the_same_recipe(syntax, named) -> None:
    config = fixture("lora-phrases") | {"$schema": "https://microsoft.github.io/Olive/schema.json"}
    data, lora = older_data(config, syntax), config["passes"]["lora"]["config"]
    if named == "in place":
        del config["data_configs"]
        lora["train_data_config"] = data
    else:
        config["data_configs"] = [data] if named == "list" else {"rows": data}
        lora["train_data_config"] = "rows" if named == "key" else "d"
    imported = read(config)
    assert imported.problem is None, imported.problem
    assert_every_leaf_is_decided_once(config, imported)
    assert imported.recipe == read(fixture("lora-phrases")).recipe


def test_a_key_of_the_mapping_counts_before_a_name_inside_of_another_config() -> None:
    config = fixture("lora-phrases")
    load, pre = data_parts(config)
    both = {"load_dataset_config": load | {"data_files": "b.json"}, "pre_process_data_config": pre}
    first = both | {"name": "b", "load_dataset_config": load | {"data_files": "a.json"}}
    config["data_configs"] = {"a": first, "b": both | {"name": "a"}}
    for name in ("a", "b"):
        config["passes"]["lora"]["config"]["train_data_config"] = name
        recipe = read(config).recipe
        assert recipe is not None
        assert recipe.rows.source == f"{name}.json"


def test_unknown_keys_of_the_older_data_syntax_are_refused_by_name() -> None:
    config = fixture("lora-phrases")
    data = older_data(config, "component_kwargs")
    data["params_config"]["component_kwargs"]["pre_process"] = {"x": 1}
    data["params_config"]["text_templat"] = ""
    config["data_configs"] = {"dataset_default_train": data}
    imported = read(config)
    assert_every_leaf_is_decided_once(config, imported)
    where = "data_configs.dataset_default_train.params_config"
    component = decision(imported, f"{where}.component_kwargs.pre_process.x")
    assert (component.kind, component.instead[:6]) == ("refused", "Write ")
    assert "text_template" in decision(imported, f"{where}.text_templat").instead
