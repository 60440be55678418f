"""Programs of others against the server, with their own libraries from PyPI and npm (slow)."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from phi3studio.app.paths import Home
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.worker.data.preparing.held_out_rows import load_held_out
from tests import tiny_families
from tests.cli.test_use_commands import KEY, serving
from tests.e2e.test_demo import quick
from tests.worker.running import completed, only_export
from tests.worker.test_chat_templates import tokenizer

__all__ = ["quick"]

# Libraries of others are installed first.
pytestmark = pytest.mark.timeout(1800)

LIBRARIES = (
    "openai", "litellm", "langchain-openai", "llm", "instructor", "pydantic-ai-slim[openai]",
    "openai-agents",
)  # fmt: skip
CALLS = Path(__file__).with_name("client_calls.py")
NODE_LIBRARIES = (
    "openai", "ai", "@ai-sdk/openai", "@ai-sdk/openai-compatible", "@langchain/openai",
    "@langchain/core", "zod",
)  # fmt: skip
NODE_CALLS = CALLS.with_suffix(".mjs")


def new_python(folder: Path, *libraries: str) -> Path:
    """The Python of an environment in *folder* that has *libraries*, of any version."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    # Not pip, which took nine minutes for these on two busy cores.
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, *libraries], check=True, timeout=900
    )
    return python


@pytest.fixture(scope="module")
def with_tools(starter: Home, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run whose template knows tools: random weights, the tokens of Qwen's template and bytes."""
    base = tiny_families.make(
        tiny_families.SHAPES["qwen2.5"], tmp_path_factory.mktemp("tools") / "base"
    )
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (base / file).unlink(missing_ok=True)
    tokenizer("qwen2.5").save_pretrained(base)
    run = RunStore(starter).create(only_export(base, ["quantise"]))
    launch.start(run)
    return completed(run)


def answered(starter: Home, program: list[str | Path], run: RunFolder) -> list[str]:
    """What *program* says of each client, called with address, key and two models."""
    with serving(starter, "demo-quick") as (_, started):
        assert "url" in started, started
        done = subprocess.run(
            [*program, started["url"], KEY, "demo-quick", run.name],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    said = [line for line in done.stdout.splitlines() if line]
    assert all(line.startswith("ok ") for line in said), done.stdout + done.stderr
    return said


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_todays_python_clients_are_answered(with_tools, starter, tmp_path) -> None:
    python = new_python(tmp_path / "clients", *LIBRARIES)
    assert len(answered(starter, [python, CALLS], with_tools)) == 7


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js with npm")
def test_todays_node_clients_are_answered(with_tools, starter, tmp_path) -> None:
    subprocess.run(
        ["npm", "install", "--ignore-scripts", "--prefix", tmp_path, *NODE_LIBRARIES],
        check=True,
        capture_output=True,
        timeout=600,
    )
    assert len(answered(starter, ["node", NODE_CALLS, tmp_path], with_tools)) == 4


TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}}}
test_split: test
output_type: loglikelihood
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{target}"
target_delimiter: ""
metric_list: [{{metric: perplexity}}]
"""


@pytest.mark.slow
def test_lm_eval_gives_the_perplexity_of_the_gate(starter, quick, tmp_path) -> None:
    run = RunStore(starter).find(quick["name"])
    (file,) = run.data.glob("held-out-*.parquet")
    held_out = load_held_out(file).rows
    written = Tokenizer.from_file(str(run.model / "tokenizer.json"))
    rows = [
        {"prompt": row.prompt, "target": written.decode(row.answer_ids, skip_special_tokens=False)}
        for row in held_out
    ]
    data = tmp_path / "rows.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    # lm-eval counts the prompt's last line break as the answer's: it is measured alone, too.
    tasks = {"whole": "{{target}}", "bare": ""}
    for name, target in tasks.items():
        text = TASK.format(name=name, rows=data, target=target)
        (tmp_path / f"{name}.yaml").write_text(text)
    python = new_python(tmp_path / "lm-eval", "lm_eval[api]", "transformers")
    with serving(starter, "demo-quick") as (_, started):
        model = f"model=demo-quick,base_url={started['url']}/completions,tokenizer={run.model}"
        done = subprocess.run(
            [
                python, "-m", "lm_eval", "--model", "local-completions",
                "--tasks", ",".join(tasks), "--include_path", tmp_path,
                "--model_args", model, "--output_path", tmp_path / "out",
            ],
            env=os.environ | {"OPENAI_API_KEY": KEY, "HF_HOME": str(tmp_path / "hf")},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    (results,) = (tmp_path / "out").rglob("results*.json")
    found = json.loads(results.read_text())["results"]
    whole, bare = (math.log(found[name]["perplexity,none"]) for name in tasks)
    tokens = sum(len(row.learned) for row in held_out)
    ours = math.exp((whole - bare) * len(rows) / tokens)
    assert ours == pytest.approx(quick["metrics"]["exported"]["perplexity"], rel=0.02)
