"""The main job on the real starter model: demo, then what a user does with its result."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.runs.shown.transcript import Figures
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.services.chat_client import Chat
from phi3studio.services.connection import Service
from tests.conftest import end_workers
from tests.processor_time import computed
from tests.worker.running import SAMPLES, write_rows

pytestmark = pytest.mark.long


def studio(home: Home, *arguments: str | Path, timeout: float = 580) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", *map(str, arguments)],
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-3000:]
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="session")
def quick(starter: Home) -> dict[str, Any]:
    """What ``demo --quick --json`` printed; its run stays in the starter's home."""
    code, out, err = studio(starter, "demo", "--quick", "--json")
    end_workers(starter)
    assert code == 0, out[-2000:] + err[-2000:]
    return json.loads(out)


@pytest.fixture
def run(starter: Home, quick) -> RunFolder:
    return RunStore(starter).find(quick["name"])


def test_the_starter_is_a_whole_model_that_answers(starter) -> None:
    from phi3studio.models.model_store import check_model_folder

    folder = starter.models / "starter"
    check_model_folder(folder)
    assert (folder / "model.safetensors").stat().st_size > 400_000_000
    config = json.loads((folder / "config.json").read_text())
    assert "quantization_config" not in config
    assert (
        "chat_template" in (folder / "tokenizer_config.json").read_text()
        or (folder / "chat_template.jinja").exists()
    )
    shown = [item.name for item in starter.models.iterdir() if not item.name.startswith(".")]
    assert shown == ["starter"]


def test_the_quick_demo_completes_with_all_its_documents(quick, run) -> None:
    assert quick["state"] == "completed"
    assert set(quick["metrics"]) == {"base", "merged", "exported"}
    assert set(quick["timings"]) == {"prepare", "train", "merge", "quantise", "verify"}
    assert set(quick["artifacts"]) == {"data", "adapter", "model", "card"}
    for artifact in quick["artifacts"].values():
        assert Path(artifact["path"]).is_dir()
        assert artifact["bytes"] > 0
    assert quick["peak_memory"] < 4e9
    assert quick["error"] is None
    assert not run.work.exists()
    for name in ("genai_config.json", "model.onnx", "studio.json", "tokenizer.json"):
        assert (run.model / name).is_file()


def test_even_few_steps_teach_it_something(quick) -> None:
    metrics = quick["metrics"]
    assert metrics["merged"]["perplexity"] < 0.5 * metrics["base"]["perplexity"]
    # The quick demo quantises plainly, without calibration.
    assert metrics["exported"]["perplexity"] < 0.5 * metrics["base"]["perplexity"]


def test_the_figures_are_of_the_rows_that_were_held_out(quick, run) -> None:
    manifest = json.loads((run.data / "manifest.json").read_text())
    assert manifest["held_out_rows"] == 16
    assert {figures["rows"] for figures in quick["metrics"].values()} == {16}
    with (SAMPLES / "emotions.jsonl").open(encoding="utf-8") as lines:
        assert manifest["source"]["rows"] == sum(1 for _ in lines)


def test_show_says_the_same_as_the_demo(starter, quick) -> None:
    code, out, _ = studio(starter, "show", quick["name"], "--json")
    assert code == 0
    assert json.loads(out) == quick


def test_the_demos_model_answers_a_question(starter, quick) -> None:
    code, out, err = studio(
        starter, "chat", "demo-quick", "--prompt", "She screamed and ran.", "--json"
    )
    assert code == 0, err
    answer = json.loads(out)
    assert answer["text"].strip()
    assert answer["tokens"] >= 1


@pytest.mark.slow
def test_the_demos_model_is_measured_on_other_rows(starter, quick, tmp_path) -> None:
    rows = write_rows(tmp_path / "rows.jsonl", 4)
    code, out, err = studio(starter, "eval", "latest", "--data", rows, "--json")
    assert code == 0, err
    metrics = json.loads(out)["metrics"]
    assert set(metrics) == {"base", "merged", "exported"}
    assert metrics["merged"]["rows"] == 4
    assert metrics["merged"]["perplexity"] < metrics["base"]["perplexity"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["show", "latest"], 0), (["cancel", "latest"], 2), (["resume", "latest"], 2), (["runs"], 0)],
    ids=lambda value: value[0] if isinstance(value, list) else str(value),
)
def test_exit_codes_on_the_finished_demo(starter, quick, arguments, code) -> None:
    assert studio(starter, *arguments)[0] == code


# --- the chat on a model of real size -----------------------------------------------------------


def long_text(words: int) -> str:
    phrases = (SAMPLES / "emotions.jsonl").read_text("utf-8").split()
    return " ".join(itertools.islice(itertools.cycle(phrases), words))


async def whole(answer: Any) -> tuple[str, Figures]:
    text = "".join([piece async for piece in answer])
    assert answer.figures is not None
    return text, answer.figures


def test_a_stop_while_a_long_prompt_is_read_takes_effect_at_once(run) -> None:
    async def inside() -> tuple[float, float]:
        async with Service.start("chat") as service:
            chat = Chat(service)
            await chat.load(run.model)
            assert service.pid is not None
            pid = service.pid
            short = "The capital of France is"
            await whole(chat.answer(run.model, prompt=short, max_tokens=1))
            began = computed(pid)
            _, figures = await whole(chat.answer(run.model, prompt=long_text(900), max_tokens=1))
            reading = computed(pid) - began
            assert figures.prefilled > 800
            answer = chat.answer(run.model, prompt=long_text(900), max_tokens=50)
            listening = asyncio.ensure_future(anext(aiter(answer), None))
            began = computed(pid)
            while computed(pid) < began + reading / 4:
                await asyncio.sleep(0.01)
            assert not listening.done()
            answer.stop()
            listening.cancel()
            await whole(chat.answer(run.model, prompt=short, max_tokens=1))
            return reading, computed(pid) - began

    reading, spent = asyncio.run(inside())
    assert spent < 0.75 * reading, f"{spent:.2f} s of {reading:.2f} s of the processor"


def test_a_second_turn_on_the_real_model_reads_only_what_is_new(run) -> None:
    async def inside() -> None:
        async with Service.start("chat") as service:
            chat = Chat(service)
            first = [{"role": "user", "content": long_text(60)}]
            text, _ = await whole(
                chat.answer(run.model, messages=first, conversation="a", max_tokens=8)
            )
            second = [
                *first,
                {"role": "assistant", "content": text},
                {"role": "user", "content": "And now?"},
            ]
            _, figures = await whole(
                chat.answer(run.model, messages=second, conversation="a", max_tokens=8)
            )
            assert figures.prefilled < figures.prompt_tokens / 2

    asyncio.run(inside())


def test_a_prompt_beyond_the_context_is_refused(run) -> None:
    async def inside() -> None:
        async with Service.start("chat") as service:
            with pytest.raises(InputError) as caught:
                await whole(Chat(service).answer(run.model, prompt=long_text(9000)))
            assert caught.value.code == "chat.too_long"

    asyncio.run(inside())


# --- the whole demo, against its bars -----------------------------------------------------------


@pytest.fixture(scope="session")
def whole_demo(starter: Home) -> dict[str, Any]:
    """What ``demo --json`` printed; its run stays in the starter's home."""
    code, out, err = studio(starter, "demo", "--json", timeout=1200)
    end_workers(starter)
    assert code == 0, out[-2000:] + err[-2000:]
    return json.loads(out)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demo_reaches_its_bars(whole_demo) -> None:
    document = whole_demo
    base, merged, exported = (document["metrics"][n] for n in ("base", "merged", "exported"))
    assert merged["accuracy"] >= max(0.85, base["accuracy"] + 0.30)
    assert exported["accuracy"] >= merged["accuracy"] - 0.03
    assert merged["stops"] == exported["stops"] == 1.0
    assert document["peak_memory"] < 4e9
