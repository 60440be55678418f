"""What is exported runs under plain Olive, outside the program, and gives the run's adapter."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from phi3studio.domain.errors import InputError
from phi3studio.domain.events.run_events import StageDone
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.olive_configs import import_config
from phi3studio.runs.recipe_files import absolute
from phi3studio.runs.store import RunFolder
from phi3studio.worker.data.preparing.prepare_examples import prepare
from phi3studio.worker.olive import workflow_config as oc
from phi3studio.worker.olive.workflow_files import (
    CONFIG,
    README,
    SCRIPT,
    Written,
    export_olive,
    handlers,
    olive_config,
)
from tests.conftest import Pair
from tests.tiny_models import make_tiny_phi3
from tests.worker.data_fixtures import make_byte_level, write_jsonl
from tests.worker.pairs import pair_rows, pairs_recipe, write_pairs
from tests.worker.running import (
    completed,
    tiny_recipe,
    write_rows,
)

pytestmark = pytest.mark.long

FIXTURES = Path(__file__).parents[1] / "fixtures" / "olive"
StartRun = Callable[[Recipe], RunFolder]


def child(arguments: list[str | Path], folder: Path, timeout: float = 240) -> str:
    """Run a program in *folder*, which must not know this one; what it printed."""
    known = {"PYTHONPATH", "PHI3STUDIO_HOME"}
    environment = {key: value for key, value in os.environ.items() if key not in known}
    done = subprocess.run(
        list(map(str, arguments)),
        cwd=folder,
        env=environment | {"HF_HOME": str(folder / "hf"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def olive_run(folder: Path, makes: str = "model/genai_config.json") -> str:
    """``olive run`` as a user has it; its log, in which nothing may be ignored."""
    program = Path(sys.executable).with_name("olive")
    log = child([program, "run", "--config", CONFIG, "--disable_telemetry"], folder)
    assert "ignor" not in log.lower(), log[-3000:]
    assert (folder / makes).is_file(), log[-3000:]
    assert f"succeeded when {makes} exists" in (folder / README).read_text("utf-8")
    return log


# --- the files ----------------------------------------------------------------------------------


def test_the_config_of_an_export_as_a_whole() -> None:
    recipe = tiny_recipe(Path("/base"), Path("/rows"), quantisation="int4", int4="small", seed=3)
    plan = oc.TrainPlan(
        model=Path("/base"),
        train_file=Path("data/train-1.jsonl"),
        eval_file=None,
        checkpoints=Path(),
        output=Path("model"),
        cache=Path("cache"),
        total_steps=8,
        target_modules=("qkv_proj",),
    )
    training = oc.train_config(recipe, plan)["passes"]["lora"]["training_args"]
    assert training["max_steps"] == 8
    config = olive_config(recipe, Written("../base", None, "<|end|>", "float32"), plan)
    assert config == {
        "input_model": {
            "type": "HfModel",
            "model_path": "../base",
            "task": "text-generation",
            "load_kwargs": {"trust_remote_code": False, "torch_dtype": "float32"},
        },
        "systems": {
            "local": {
                "type": "LocalSystem",
                "accelerators": [
                    {"device": "cpu", "execution_providers": ["CPUExecutionProvider"]}
                ],
            }
        },
        "data_configs": [
            {
                "name": "train_examples",
                "type": "HuggingfaceContainer",
                "user_script": "user_script.py",
                "load_dataset_config": {
                    "type": "studio_rows",
                    "data_files": "data/train-1.jsonl",
                },
                "pre_process_data_config": {
                    "type": "studio_examples",
                    "max_seq_len": 256,
                    "stop": "<|end|>",
                    "rank_stabilised": False,
                    "prompt": "### Text: {phrase}\n### The tone is:\n",
                    "completion": "{tone}",
                },
                "dataloader_config": {"batch_size": 1},
            }
        ],
        "passes": {
            "lora": {
                "type": "LoRA",
                "r": 4,
                "alpha": 8.0,
                "lora_dropout": 0.05,
                "target_modules": ["qkv_proj"],
                "torch_dtype": "float32",
                "device_map": None,
                "train_data_config": "train_examples",
                # All but where checkpoints go: Olive's own folder.
                "training_args": {
                    key: value for key, value in training.items() if key != "output_dir"
                },
            },
            "merge": {"type": "MergeAdapterWeights"},
            "builder": {
                "type": "ModelBuilder",
                "precision": "int4",
                "int4_accuracy_level": 4,
                "int4_block_size": 32,
                "int4_op_types_to_quantize": ["MatMul", "Gather"],
                "extra_options": {
                    "hf_remote": False,
                    "shared_embeddings": False,
                    "windowed_kv_cache": False,
                    "fuse_qk_norm_gqa": False,
                },
            },
        },
        "host": "local",
        "target": "local",
        "search_strategy": False,
        "evaluate_input_model": False,
        "cache_dir": "cache",
        "output_dir": "model",
        "log_severity_level": 1,
        "clean_cache": True,
    }


def test_the_folder_says_how_to_run_it_and_names_nothing_of_this_machine(
    tiny_phi3, phrases, tmp_path
) -> None:
    said: list[str] = []
    model = shutil.copytree(tiny_phi3, tmp_path / "model")
    done = export_olive(tiny_recipe(model, phrases, evaluations=2), tmp_path / "out", said.append)
    assert done.train_rows == 32
    assert said
    names = [Path(name) for name in done.files]
    assert {name.name for name in names if name.parent == Path()} == {CONFIG, SCRIPT, README}
    assert len([name for name in names if name.parent == Path("data")]) == 2
    for name in (CONFIG, SCRIPT, README):
        assert str(tmp_path) not in (tmp_path / "out" / name).read_text("utf-8"), name
    readme = (tmp_path / "out" / README).read_text("utf-8")
    assert "pip install olive-ai==0.13.0 " in readme
    assert f"olive run --config {CONFIG}" in readme
    assert "import phi3studio" not in (tmp_path / "out" / SCRIPT).read_text("utf-8")
    rows = next((tmp_path / "out" / "data").glob("train-*")).read_text("utf-8").splitlines()
    assert len(rows) == 32
    assert set(json.loads(rows[0])) == {"phrase", "tone"}


def test_a_folder_with_something_in_it_is_left_alone(tiny_phi3, phrases, tmp_path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="not an empty folder") as caught:
        export_olive(tiny_recipe(tiny_phi3, phrases), tmp_path)
    assert caught.value.code == "olive.export_exists"
    assert [item.name for item in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("there", [True, False])
def test_a_failed_export_leaves_nothing(tiny_phi3, tmp_path, there) -> None:
    file = write_jsonl(tmp_path / "rows.jsonl", [{"phrase": "a", "tone": "b"}] * 3)
    out = tmp_path / "out"
    if there:
        out.mkdir()
    with pytest.raises(InputError):
        export_olive(tiny_recipe(tiny_phi3, file), out)
    assert out.exists() == there
    assert not there or not any(out.iterdir())


def test_the_service_tells_what_it_does(tiny_phi3, phrases, tmp_path) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases).to_json()
    answer = handlers()["export"]({"recipe": recipe, "out": str(tmp_path / "out")}, None)
    items: list[Any] = []
    while True:
        try:
            items.append(next(answer))
        except StopIteration as end:
            result = end.value
            break
    assert {"activity": "reading the data"} in items
    assert result["train_rows"] == 32
    assert CONFIG in result["files"]


def test_an_export_can_be_imported_again(tiny_phi3, phrases, tmp_path) -> None:
    recipe = tiny_recipe(
        tiny_phi3,
        phrases,
        kind="dora",
        evaluations=2,
        quantisation="int4",
        rank_stabilised=True,
        schedule="linear",
        warmup=0.25,
    )
    export_olive(recipe, tmp_path / "out")
    imported = import_config(json.loads((tmp_path / "out" / CONFIG).read_text("utf-8")))
    assert imported.problem is None
    assert [d for d in imported.decisions if d.kind == "refused"] == []
    again = imported.recipe
    assert again is not None
    assert again.data.template == recipe.data.template
    assert again.method == recipe.method.model_copy(
        update={"target_modules": again.method.target_modules}
    )
    assert again.target == recipe.target
    assert again.training == recipe.training.model_copy(
        update={
            "epochs": again.training.epochs,
            "warmup": again.training.warmup,
            "warmup_steps": 2,
            "checkpoint_minutes": 0.5,
        }
    )


@pytest.mark.parametrize("keep_best", [True, False])
def test_what_olive_can_is_carried_and_what_it_cannot_is_said(
    tiny_phi3, phrases, tmp_path, keep_best
) -> None:
    recipe = tiny_recipe(
        tiny_phi3, phrases, quantisation="int4", int4="auto", keep_best=keep_best,
        evaluations=2, early_stopping=1, int4_aware=0.5,
    )  # fmt: skip
    done = export_olive(recipe, tmp_path / "out")
    config = json.loads((tmp_path / "out" / CONFIG).read_text("utf-8"))
    arguments = config["passes"]["lora"]["training_args"]
    assert arguments.get("load_best_model_at_end", False) == keep_best
    if keep_best:
        assert arguments["save_steps"] == arguments["eval_steps"]
    assert import_config(config).recipe.training.keep_best == keep_best
    said = " ".join(done.notes)
    assert "training.early_stopping" in said
    assert "training.int4_aware" in said
    assert "target.int4: auto" in said
    assert "(limits)" not in said
    assert all(note in (tmp_path / "out" / README).read_text("utf-8") for note in done.notes)


def test_that_a_search_is_not_exported_is_said(tiny_phi3, phrases, tmp_path) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, limit=None)
    limited = parse_recipe(recipe.to_json() | {"limits": {"size_mb": 1}})
    done = export_olive(limited, tmp_path / "out")
    assert any("(limits)" in note and "without a search" in note for note in done.notes)
    config = json.loads((tmp_path / "out" / CONFIG).read_text("utf-8"))
    assert config["search_strategy"] is False


# --- the user script ----------------------------------------------------------------------------

DUMP = """
import json, sys
sys.path.append(".")
from olive.data.config import DataConfig
result = {}
for folder in sys.argv[1:]:
    import os
    os.chdir(folder)
    config = json.load(open("olive-config.json"))
    data = config["data_configs"][0]
    data["pre_process_data_config"]["model_name"] = config["input_model"]["model_path"]
    container = DataConfig(**data).to_data_container()
    result[folder] = list(container.pre_process(container.load_dataset()))
json.dump(result, open("examples.json", "w"))
"""
ODD = [
    {"q": "Perché no?", "a": "Sì — è così.", "n": 3, "extra": {"k": [1, "é"]}, "note": " "},
    {"q": "  two  spaces ", "a": "line\nbreak\n", "n": 1.0, "extra": None, "note": "seen"},
    {"q": "{braces}", "a": "<|end|>", "n": True, "extra": {"k": "x"}, "note": None},
    {"q": "a\u2028b\u0085c", "a": "\U0001f600 ok", "n": 0, "extra": {}, "note": "é"},
]
TURNS = [
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": "A model.\n"},
    ],
    [{"from": "human", "value": "Été?"}, {"from": "gpt", "value": "Oui."}],
    [{"role": "assistant", "content": "I begin."}, {"role": "user", "content": "Unanswered"}],
]


def _data(folder: Path) -> dict[str, dict[str, Any]]:
    """Data sections of every shape, over files in *folder*."""
    odd = write_jsonl(
        folder / "odd.jsonl", [{**row, "q": f"{row['q']} {at}"} for at in range(9) for row in ODD]
    )
    turns = write_jsonl(
        folder / "turns.jsonl",
        [
            {"messages": [*TURNS[at % 3][:-1], TURNS[at % 3][-1]], "system": f"No. {at}"}
            | ({"tools": [{"name": "f"}]} if at % 2 else {})
            for at in range(24)
        ],
    )
    optional = {
        "prompt": "{{q}} {q} {n}{?note}\nNote: {note}{{!}}{/note}{?extra.k}\nK: {extra.k}{/extra.k}"
        "\nAnswer:",
        "completion": " {a}",
    }
    return {
        "columns": {"source": str(write_rows(folder / "rows.jsonl", 40)), "template": {
            "prompt": "### Text: {phrase}\n### The tone is:\n", "completion": "{tone}"}},
        "optional": {"source": str(odd), "template": optional, "repairs": [{"kind": "trim"}]},
        "stop in the text": {"source": str(odd), "template": {
            "prompt": "<|user|>\n{q}<|end|>\n<|assistant|>\n", "completion": "{a}\n<|end|>"}},
        "no prompt": {"source": str(odd), "template": {"prompt": "", "completion": "{q}: {a}"}},
        "conversations": {"source": str(turns), "messages": "messages"},
    }  # fmt: skip


@pytest.mark.slow
def test_the_script_makes_the_very_examples_of_a_run(tiny_phi3, tmp_path) -> None:
    from transformers import AutoTokenizer

    byte_level = make_tiny_phi3(tmp_path / "byte-level")
    make_byte_level(byte_level)
    expected: dict[str, list[dict[str, list[int]]]] = {}
    for model in (tiny_phi3, byte_level):
        for name, data in _data(tmp_path).items():
            recipe = parse_recipe(
                {
                    "data": data | {"split": {"held_out": 0.2}},
                    "model": {"source": str(model)},
                    "training": {"batch_size": 1, "sequence_length": 60, "evaluations": 0},
                    "target": {"train_on": "cpu"},
                }
            )
            out = tmp_path / f"{model.name}, {name}"
            export_olive(recipe, out)
            tokenizer = AutoTokenizer.from_pretrained(model)
            made = prepare(recipe, tokenizer, tmp_path / "prepared", lambda done, total: None)
            expected[str(out)] = examples_of(made.train)
    child([sys.executable, "-c", DUMP, *expected], tmp_path)
    found = json.loads((Path(list(expected)[-1]) / "examples.json").read_text("utf-8"))
    for name, examples in expected.items():
        assert len(examples) >= 10, name
        assert found[name] == examples, name


def examples_of(file: Path) -> list[dict[str, list[int]]]:
    import pyarrow.parquet as pq

    rows: list[dict[str, list[int]]] = pq.read_table(
        file, columns=["input_ids", "labels"]
    ).to_pylist()
    return rows


# --- the proof: the same adapter ----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"evaluations": 2, "quantisation": "int4"},
        {"kind": "dora", "rank_stabilised": True},
        {"kind": "qlora", "double_quantisation": True},
        {"kind": "lokr"},
    ],
    ids=["lora", "dora", "qlora", "lokr"],
)
def test_olive_alone_trains_the_adapter_of_a_run(
    changes, tiny_phi3, phrases, tmp_path, start_run: StartRun
) -> None:
    if changes.get("kind") == "qlora":
        pytest.importorskip("bitsandbytes")
    # Without dropout, whose random draws differ: the program draws several values from one number.
    recipe = tiny_recipe(tiny_phi3, phrases, warmup=0.1, dropout=0, **changes)
    out = tmp_path / "out"
    export_olive(recipe, out)
    log = olive_run(out)
    assert "phi3studio" not in log
    run = completed(start_run(recipe))
    mine = load_file(run.adapter / "adapter_model.safetensors")
    theirs = load_file(out / "adapter" / "adapter_model.safetensors")
    assert mine.keys() == theirs.keys()
    moved = [value for key, value in mine.items() if "lora_B" in key or "lokr_w1" in key]
    assert max(float(np.abs(value).max()) for value in moved) > 1e-3
    for key, value in mine.items():
        np.testing.assert_allclose(theirs[key], value, rtol=0, atol=1e-6, err_msg=key)
    # Whatever ends an answer in the run's model ends it in Olive's too.
    stops = [
        json.loads((folder / "genai_config.json").read_text("utf-8"))["model"]["eos_token_id"]
        for folder in (run.model, out / "model")
    ]
    assert set(stops[0]) == set(stops[1])


# --- chains with steps left out -----------------------------------------------------------------

CHAINS: list[tuple[str, ...]] = [
    ("train",),
    ("train", "merge"),
    ("train", "quantise"),
    ("merge",),
    ("merge", "quantise"),
    ("quantise",),
]
PASSES = {"train": "lora", "merge": "merge_adapter_weights", "quantise": "builder"}


def chain(steps: tuple[str, ...], folder: Path, tiny: Path, adapter: Path) -> Recipe:
    """The recipe of the tutorial's config with only the passes of *steps*."""
    config = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
    config["input_model"] = {"type": "HfModel", "model_path": str(tiny)}
    config["passes"] = {PASSES[step]: config["passes"][PASSES[step]] for step in steps}
    if "train" in steps:
        config["passes"]["lora"]["config"]["training_args"]["max_steps"] = 2
        (folder / "dataset").mkdir()
        write_rows(folder / "dataset" / "dataset-classification.json", 40)
    elif "merge" in steps:
        config["input_model"]["adapter_path"] = str(adapter)
    imported = import_config(config, "-".join(steps))
    assert imported.problem is None
    assert imported.recipe is not None
    data = imported.recipe.data
    target = imported.recipe.target.model_copy(update={"train_on": "cpu"})
    training = imported.recipe.training.model_copy(update={"sequence_length": 256})
    if data is not None:
        data = data.model_copy(update={"split": data.split.model_copy(update={"limit": 4})})
    recipe = imported.recipe.model_copy(
        update={"data": data, "target": target, "training": training}
    )
    return absolute(recipe, folder)


@pytest.fixture(scope="module")
def trained_adapter(pair: Pair) -> Path:
    """The adapter of a finished run over the tiny Phi-3."""
    return pair.first.adapter


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(steps, marks=pytest.mark.slow if "train" in steps else (), id="-".join(steps))
        for steps in CHAINS
    ],
)
def test_a_chain_with_steps_left_out_runs(
    steps, tiny_phi3, trained_adapter, tmp_path, start_run: StartRun
) -> None:
    recipe = chain(steps, tmp_path, tiny_phi3, trained_adapter)
    run = completed(start_run(recipe))
    done = [e.payload.name for e in run.events() if isinstance(e.payload, StageDone)]
    assert done == ["prepare", *steps, *(["verify"] if "train" in steps else [])]
    assert run.adapter.is_dir() == ("train" in steps)
    assert (run.merged / "config.json").is_file() == (steps[-1] == "merge")
    assert (run.model / "genai_config.json").is_file() == ("quantise" in steps)


OFTEN = {("merge", "quantise")}


@pytest.mark.slow
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(steps, id="-".join(steps), marks=[] if steps in OFTEN else [pytest.mark.slow])
        for steps in CHAINS
    ],
)
def test_olive_alone_runs_an_exported_chain(steps, tiny_phi3, trained_adapter, tmp_path) -> None:
    recipe = chain(steps, tmp_path, tiny_phi3, trained_adapter)
    out = tmp_path / "out"
    done = export_olive(recipe, out)
    assert (SCRIPT in done.files) == (steps != ("merge",))
    makes = {
        "train": "adapter/adapter_model.safetensors",
        "merge": "model/model/config.json",
        "quantise": "model/genai_config.json",
    }
    olive_run(out, makes[steps[-1]])
    again = import_config(json.loads((out / CONFIG).read_text("utf-8")))
    assert again.problem is None
    assert again.recipe is not None
    assert again.recipe.steps == recipe.steps


def test_the_merged_model_of_a_chain_is_base_plus_adapter(
    tiny_phi3, trained_adapter, tmp_path, start_run: StartRun
) -> None:
    run = completed(start_run(chain(("merge",), tmp_path, tiny_phi3, trained_adapter)))
    name = "model.layers.0.self_attn.o_proj.weight"
    base = load_file(tiny_phi3 / "model.safetensors")[name]
    adapter = load_file(trained_adapter / "adapter_model.safetensors")
    config = json.loads((trained_adapter / "adapter_config.json").read_text("utf-8"))
    a, b = (
        next(value for key, value in adapter.items() if f"layers.0.self_attn.o_proj.{part}" in key)
        for part in ("lora_A", "lora_B")
    )
    expected = base + config["lora_alpha"] / config["r"] * (b @ a)
    found = load_file(run.merged / "model.safetensors")[name]
    assert float(np.abs(expected - base).max()) > 1e-3
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_preferences_are_nothing_that_olive_trains(tiny_phi3, tmp_path) -> None:
    pairs = write_pairs(tmp_path / "pairs.jsonl", pair_rows())
    with pytest.raises(InputError) as caught:
        export_olive(pairs_recipe(tiny_phi3, pairs), tmp_path / "out")
    assert caught.value.code == "olive.objective"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        (["train", "merge"], "olive.adapter_training"),
        (["quantise"], "olive.adapter_unused"),
    ],
)
def test_what_olive_cannot_do_with_an_adapter_is_refused(
    steps, code, tiny_phi3, trained_adapter, phrases, tmp_path
) -> None:
    recipe = tiny_recipe(tiny_phi3, phrases, adapter=str(trained_adapter))
    with pytest.raises(InputError) as caught:
        export_olive(recipe.model_copy(update={"steps": steps}), tmp_path / "out")
    assert caught.value.code == code
    assert not (tmp_path / "out").exists()
