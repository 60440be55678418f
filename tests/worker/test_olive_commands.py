"""What Olive's own commands write to a config is imported, or refused with a reason."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.telemetry import NO_TELEMETRY
from phi3studio.olive_configs import Imported, import_config, leaves

WRITE = """
import json, sys
from olive.cli.launcher import get_cli_parser
parser = get_cli_parser(called_as_console_script=False)
for name, arguments in json.load(open(sys.argv[1])).items():
    args, unknown = parser.parse_known_args([*arguments, "-o", "out"])
    config = args.func(parser, args, unknown)._get_run_config("out")
    json.dump(config, open(name + ".json", "w"), default=str)
"""
FILE = ["-d", "json", "--data_files", "rows.json"]
HUB = ["-d", "owner/codes", "--train_split", "train[:4096]", "--eval_split", "train[4096:4224]"]
TEMPLATE = ["--text_template", "### Q: {q}\n### A: {a}"]
CPU = ["--provider", "CPUExecutionProvider"]
COMMANDS = {
    "template": ["finetune", *FILE, *TEMPLATE],
    "chat": ["finetune", *FILE, "--use_chat_template", "--method", "qlora",
             "--num_train_epochs", "2", "--warmup_steps", "10"],
    "hub": ["finetune", *HUB, *TEMPLATE, "--max_steps", "150", "--target_modules", "q_proj,v_proj",
            "--torch_dtype", "float32", "--max_samples", "300"],
    "int4": ["optimize", "--precision", "int4", *CPU],
    "int4-64": ["optimize", "--precision", "int4", *CPU, "--block_size", "64"],
    "fp32": ["optimize"],
    "fp16": ["optimize", "--precision", "fp16", "--provider", "CUDAExecutionProvider"],
    "rtn": ["quantize", "--precision", "int4"],
    "rtn8": ["quantize"],
    "gptq": ["quantize", "--precision", "int4", "--algorithm", "gptq"],
    "awq": ["quantize", "--precision", "int4", "--algorithm", "awq", "--implementation", "awq"],
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tiny_phi3: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the configs, each named as its command above."""
    folder = tmp_path_factory.mktemp("written")
    commands = {name: [*given, "-m", str(tiny_phi3)] for name, given in COMMANDS.items()}
    (folder / "commands").write_text(json.dumps(commands), "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", WRITE, "commands"],
        cwd=folder,
        env=os.environ | NO_TELEMETRY | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def imported(folder: Path, name: str) -> Imported:
    config = json.loads((folder / f"{name}.json").read_text("utf-8"))
    found = import_config(config)
    assert [item.path for item in found.decisions] == [leaf.path for leaf in leaves(config)]
    return found


def keys(values: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(values.get(name) for name in names)


def test_what_olive_finetune_writes_trains_as_olive_would(written: Path) -> None:
    made = {}
    for name in ("template", "chat", "hub"):
        found = imported(written, name)
        assert (found.problem, found.gaps) == (None, ())
        assert found.recipe is not None
        assert found.recipe.steps == ["train", "verify"]
        made[name] = found.recipe
        assert (found.recipe.method.rank, found.recipe.method.alpha) == (64, 16)
        assert found.recipe.training.keep_best is False
        assert found.recipe.training.schedule == "constant"
    assert made["template"].rows.slice == ":256"  # the command's own default of max_samples
    assert made["template"].method.target_modules == "family"
    assert made["template"].training.precision == "bfloat16"
    chat, hub = made["chat"], made["hub"]
    assert (chat.method.kind, chat.method.target_modules) == ("qlora", "all_linear")
    assert (chat.rows.messages, chat.training.epochs) == ("messages", 2)
    assert chat.training.warmup_steps == 10
    assert (hub.rows.source, hub.rows.format, hub.rows.slice) == ("owner/codes", "hub", ":300")
    assert (hub.rows.split.slice, hub.rows.split.limit) == ("4096:4224", 300)
    assert hub.method.target_modules == ["q_proj", "v_proj"]
    assert (hub.training.max_steps, hub.training.precision) == (150, "float32")


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("int4", {"int4": "quality", "block_size": 128}),
        ("int4-64", {"int4": "quality", "block_size": 64}),
        ("fp32", {"quantisation": "fp32"}),
        ("fp16", {"quantisation": "fp16", "provider": "cuda"}),
    ],
)
def test_what_olive_optimize_writes_becomes_a_preset(written: Path, name, target) -> None:
    found = imported(written, name)
    assert found.problem is None
    assert found.recipe is not None
    assert found.recipe.steps == ["quantise"]
    values = found.recipe.target.model_dump()
    assert values | target == values
    if "int4" in target:
        gptq = next(item for item in found.decisions if item.path == "passes.gptq.type")
        assert gptq.kind == "refused"  # it is another calibration, and that is said
        assert "quality" in gptq.instead


@pytest.mark.parametrize("name", ["rtn", "rtn8", "gptq", "awq"])
def test_what_olive_quantize_writes_is_refused_with_what_to_do(written: Path, name) -> None:
    problem = imported(written, name).problem
    assert problem is not None
    assert "ModelBuilder" in problem.hint
