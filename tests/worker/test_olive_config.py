"""The configurations that Olive gets, whole, and what is made of Olive's answers."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from phi3studio.domain.errors import RunError
from phi3studio.worker.olive import workflow_config as oc
from tests.worker.running import tiny_recipe

MODEL, DATA = Path("/base"), Path("/rows.jsonl")
INPUT = {
    "type": "HfModel",
    "model_path": "/base",
    "task": "text-generation",
    "load_kwargs": {"trust_remote_code": False},
}


def plan(**changes) -> oc.TrainPlan:
    values = {
        "model": MODEL,
        "train_file": Path("/data/train.parquet"),
        "eval_file": None,
        "checkpoints": Path("/run/checkpoints"),
        "output": Path("/run/work/output"),
        "cache": Path("/run/work/cache"),
        "total_steps": 40,
        "target_modules": ("qkv_proj", "o_proj"),
    }
    return oc.TrainPlan(**values | changes)


def test_a_warm_up_in_steps_is_taken_as_it_is() -> None:
    recipe = tiny_recipe(MODEL, DATA, warmup=0.1, warmup_steps=7)
    arguments = oc.train_config(recipe, plan())["passes"]["lora"]["training_args"]
    assert arguments["warmup_steps"] == 7


def test_the_training_as_olive_gets_it() -> None:
    recipe = tiny_recipe(MODEL, DATA, warmup=0.1, seed=3, weight_decay=0.01)
    arguments = {
        "seed": 3,
        "data_seed": 3,
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 4,
        "gradient_accumulation_steps": 4,
        "gradient_checkpointing": False,
        "learning_rate": 1e-2,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 4,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "max_steps": 40,
        "logging_steps": 1,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        "save_total_limit": 2,
        "output_dir": "/run/checkpoints",
        "disable_tqdm": True,
        "report_to": "none",
        "remove_unused_columns": False,
        "dataloader_pin_memory": False,
        "use_cpu": True,
    }
    config = oc.train_config(recipe, plan())
    assert config["input_model"] == INPUT
    assert config["passes"] == {
        "lora": {
            "type": "StudioLoRA",
            "r": 4,
            "alpha": 8.0,
            "lora_dropout": 0.05,
            "use_rslora": False,
            "target_modules": ["qkv_proj", "o_proj"],
            "torch_dtype": "float32",
            "device_map": None,
            "train_data_config": "train_examples",
            "training_args": arguments,
        }
    }
    assert [c["name"] for c in config["data_configs"]] == ["train_examples"]
    assert config["data_configs"][0]["load_dataset_config"]["data_files"] == "/data/train.parquet"
    assert config["data_configs"][0]["pre_process_data_config"] == {"type": oc.PRE_PROCESS}


@pytest.mark.parametrize(
    ("method", "kind", "dropout"),
    [
        ("lora", "StudioLoRA", "lora_dropout"),
        ("qlora", "StudioQLoRA", "lora_dropout"),
        ("dora", "StudioDoRA", "lora_dropout"),
        ("loha", "StudioLoHa", "rank_dropout"),
        ("lokr", "StudioLoKr", "rank_dropout"),
    ],
)
def test_each_method_has_its_pass(method, kind, dropout) -> None:
    stabilised = method not in ("loha", "lokr")
    recipe = tiny_recipe(
        MODEL, DATA, kind=method, rank_stabilised=stabilised, double_quantisation=True
    )
    lora = oc.train_config(recipe, plan())["passes"]["lora"]
    assert lora["type"] == kind
    assert lora["use_rslora"] is stabilised
    assert lora[dropout] == recipe.method.dropout
    assert ("double_quant" in lora) == (method == "qlora")


def test_evaluations_bring_their_data() -> None:
    recipe = tiny_recipe(MODEL, DATA, evaluations=4)
    config = oc.train_config(recipe, plan(eval_file=Path("/data/held.parquet"), eval_steps=10))
    lora = config["passes"]["lora"]
    assert lora["eval_data_config"] == "held_out_examples"
    assert lora["training_args"]["eval_strategy"] == "steps"
    assert lora["training_args"]["eval_steps"] == 10
    assert [c["name"] for c in config["data_configs"]] == ["train_examples", "held_out_examples"]


def test_the_merge_as_olive_gets_it() -> None:
    config = oc.merge_config(
        tiny_recipe(MODEL, DATA), MODEL, Path("/adapter"), Path("/o"), Path("/c"), dtype="float32"
    )
    assert config["input_model"] == INPUT | {
        "adapter_path": "/adapter",
        "load_kwargs": {"trust_remote_code": False, "torch_dtype": "float32"},
    }
    assert config["passes"] == {"merge": {"type": "StudioMerge"}}
    assert (config["output_dir"], config["cache_dir"]) == ("/o", "/c")


@pytest.mark.parametrize(
    ("provider", "device", "name"),
    [
        ("cpu", "cpu", "CPUExecutionProvider"),
        ("cuda", "gpu", "CUDAExecutionProvider"),
        ("dml", "gpu", "DmlExecutionProvider"),
    ],
)
def test_the_build_is_for_the_recipes_provider(provider, device, name) -> None:
    recipe = tiny_recipe(MODEL, DATA, provider=provider)
    config = oc.build_config(recipe, MODEL, Path("/o"), Path("/c"))
    assert config["systems"]["local"]["accelerators"] == [
        {"device": device, "execution_providers": [name]}
    ]
    assert config["passes"]["builder"]["precision"] == "fp32"


@pytest.mark.parametrize("quantisation", ["int4", "fp32", "fp16", "bf16"])
@pytest.mark.parametrize("preset", ["quality", "fast", "small"])
def test_no_preset_lets_the_builder_run_a_model_folders_code(quantisation, preset) -> None:
    recipe = tiny_recipe(MODEL, DATA, quantisation=quantisation, int4=preset)
    config = oc.build_config(recipe, MODEL, Path("/o"), Path("/c"))
    builder = config["passes"]["builder"]
    assert builder["type"] == oc.BUILDER_PASS
    assert builder["extra_options"]["hf_remote"] is False


@pytest.mark.parametrize("trust", [True, False])
def test_remote_code_is_run_only_where_the_recipe_says_so(trust) -> None:
    recipe = tiny_recipe(MODEL, DATA, trust_remote_code=trust)
    for config in (
        oc.train_config(recipe, plan()),
        oc.merge_config(recipe, MODEL, Path("/a"), Path("/o"), Path("/c")),
        oc.build_config(recipe, MODEL, Path("/o"), Path("/c")),
    ):
        assert config["input_model"]["load_kwargs"]["trust_remote_code"] is trust
        json.dumps(config)


# --- Olive's answers ----------------------------------------------------------------------------


def test_a_setting_that_olive_does_not_know_is_an_error(tiny_phi3, tmp_path) -> None:
    from phi3studio.worker.olive.run_workflow import run_workflow

    config = oc.merge_config(
        tiny_recipe(tiny_phi3, DATA), tiny_phi3, tmp_path, tmp_path / "o", tmp_path / "c"
    )
    config["passes"] = {"builder": {"type": oc.BUILDER_PASS, "precision": "fp32", "bits": 3}}
    del config["input_model"]["adapter_path"]
    with pytest.raises(Exception, match="bits") as caught:
        run_workflow(config, tmp_path / "t")
    assert isinstance(caught.value, RunError), type(caught.value)


def test_a_pass_that_fails_raises_its_own_exception(tiny_phi3, tmp_path) -> None:
    from phi3studio.worker.olive.run_workflow import run_workflow

    config = oc.merge_config(
        tiny_recipe(tiny_phi3, DATA), tiny_phi3, tmp_path / "no", tmp_path / "o", tmp_path / "c"
    )
    before = tempfile.gettempdir()
    with pytest.raises(Exception, match="no") as caught:
        run_workflow(config, tmp_path / "t")
    assert not isinstance(caught.value, AssertionError)
    # Olive's temporary folder goes with the stage; what comes later needs one that stays.
    assert tempfile.gettempdir() == before


# --- errors of libraries ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (MemoryError(), "run.out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate"), "run.out_of_memory"),
        (OSError(28, "No space left on device", "/x"), "disk.full"),
        (PermissionError(13, "Permission denied", "/x"), "disk.not_writable"),
        (RuntimeError("anything"), "bug"),
        (KeyError("k"), "bug"),
        (RunError.from_json({"code": "own.code", "message": "m", "hint": "h"}), "own.code"),
    ],
)
def test_library_errors_become_ours(exc, code) -> None:
    from phi3studio.worker.failures import translate

    error = translate(exc)
    assert error.code == code
    assert error.message
    assert error.hint


def test_a_gpu_without_memory_is_out_of_memory() -> None:
    import torch

    from phi3studio.worker.failures import translate

    assert translate(torch.OutOfMemoryError("CUDA out of memory")).code == "run.out_of_memory"
