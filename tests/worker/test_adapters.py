"""One exported base model, several adapters: equal to PEFT's, switched while the chat runs."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.domain.sampling import Sampling
from phi3studio.runs import launch
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.services.chat_client import Chat
from phi3studio.services.connection import Service
from phi3studio.worker.genai.genai import BASE, GenaiModel
from phi3studio.worker.genai.separate_adapters import attach_adapter
from tests.tiny_models import make_tiny_phi3
from tests.worker.running import completed, tiny_recipe, write_rows

pytestmark = pytest.mark.long

IDS = [int(n) for n in np.random.default_rng(3).integers(260, 480, 40)]


@dataclass(frozen=True)
class Family:
    """A base model, two exports that keep the adapter apart (float32, int4), a merged int4 one,
    and an adapter of another rank over the same base."""

    base: Path
    float32: RunFolder
    int4: RunFolder
    merged: RunFolder
    other: RunFolder


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory, tiny_phi3: Path) -> Family:
    root = tmp_path_factory.mktemp("family")
    home = Home(root / "home")
    store = RunStore(home)
    rows = write_rows(root / "rows.jsonl", 40)
    others = write_rows(root / "others.jsonl", 40, start=200)

    def make(name: str, data: Path, steps: list[str], **changes: Any) -> RunFolder:
        recipe = tiny_recipe(tiny_phi3, data, name, max_steps=10, accumulation=8, **changes)
        return store.create(recipe.model_copy(update={"steps": steps}))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PHI3STUDIO_HOME", str(home.root))
        apart = ["train", "quantise", "verify"]
        float32 = make("tone", rows, apart)
        int4 = make("tone", rows, apart, quantisation="int4", int4="fast")
        whole = ["train", "merge", "quantise"]
        merged = make("tone", rows, whole, quantisation="int4", int4="fast")
        other = make("other", others, ["train"], rank=2, alpha=16, seed=5)
        for run in (float32, int4, merged, other):
            launch.start(run)
        return Family(tiny_phi3, *(completed(run) for run in (float32, int4, merged, other)))


def peft_logits(base: Path, adapter: Path | None) -> Any:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, adapter)
    with torch.no_grad():
        return model(input_ids=torch.tensor([IDS])).logits[0].numpy()


def difference(ours: Any, theirs: Any) -> float:
    return float(np.abs(ours[:, : theirs.shape[1]] - theirs).max())


@pytest.fixture
def model(family, tmp_path) -> Path:
    """A float32 export of its own, with both adapters."""
    folder = shutil.copytree(family.float32.model, tmp_path / "model")
    attach_adapter(family.other.adapter, folder, "other")
    return folder


def test_every_adapter_answers_as_peft_and_without_one_the_base_does(family, model) -> None:
    exported = GenaiModel(model, threads=1)
    assert exported.adapters == ("other", "tone")
    assert exported.own_adapter == "tone"
    expected = {
        BASE: peft_logits(family.base, None),
        "tone": peft_logits(family.base, family.float32.adapter),
        "other": peft_logits(family.base, family.other.adapter),
    }
    assert difference(expected["tone"], expected["other"]) > 0.1
    for name, logits in expected.items():
        assert difference(exported.logits(IDS, name), logits) < 2e-4, name
    assert difference(exported.logits(IDS), expected["tone"]) < 2e-4


def test_an_int4_base_with_its_adapter_is_as_near_as_the_merged_int4_model(family) -> None:
    reference = peft_logits(family.base, family.int4.adapter)
    base = peft_logits(family.base, None)
    apart = GenaiModel(family.int4.model, threads=1)
    merged = GenaiModel(family.merged.model, threads=1)
    spread = float(np.abs(reference - base).mean())

    def off(logits: Any, from_: Any) -> float:
        return float(np.abs(logits[:, : from_.shape[1]] - from_).mean())

    assert off(apart.logits(IDS), reference) < 1.5 * off(merged.logits(IDS), reference)
    assert off(apart.logits(IDS), reference) < 0.5 * spread
    assert off(apart.logits(IDS, BASE), base) < 0.5 * spread


def test_the_run_was_measured_with_its_own_adapter(family) -> None:
    metrics = family.float32.view().metrics
    assert metrics["exported"].perplexity == pytest.approx(metrics["merged"].perplexity, rel=1e-3)


def test_the_chat_switches_between_adapters(home, family, model, tmp_path) -> None:
    async def talk() -> None:
        async with Service.start("chat", log=tmp_path / "log") as service:
            chat = Chat(service)
            assert (await chat.load(model)).adapters == ("other", "tone")

            async def ask(adapter: str | None, name: str = "") -> str:
                answer = chat.answer(
                    model,
                    values={"phrase": "Nobody answered when I called."},
                    adapter=adapter,
                    conversation=name,
                    max_tokens=12,
                    sampling=Sampling(temperature=3.0, top_k=400, seed=7),
                )
                return "".join([piece async for piece in answer])

            alone = {name: await ask(name) for name in ("tone", "other", BASE)}
            assert len(set(alone.values())) == 3
            for name in ("other", "tone", BASE, "tone"):
                assert await ask(name, "one") == alone[name]
            assert await ask(None) == alone["tone"]
            with pytest.raises(InputError) as caught:
                await ask("absent")
            assert caught.value.code == "chat.no_adapter"

    asyncio.run(talk())


def test_an_adapter_is_attached_while_the_model_is_loaded(home, family, tmp_path) -> None:
    folder = shutil.copytree(family.float32.model, tmp_path / "model")

    async def talk() -> None:
        async with Service.start("chat", log=tmp_path / "log") as service:
            chat = Chat(service)
            assert (await chat.load(folder)).adapters == ("tone",)
            names = await chat.attach(folder, family.other.adapter, "second")
            assert names == ("second", "tone")
            assert (await chat.load(folder)).adapters == names

    asyncio.run(talk())


# --- what does not fit --------------------------------------------------------------------------


def test_an_adapter_of_another_base_is_refused_and_leaves_nothing(family, model, tmp_path) -> None:
    wider = make_tiny_phi3(tmp_path / "wider", hidden_size=192, num_attention_heads=6)
    adapter = tmp_path / "adapter"
    _untrained_adapter(wider, ["qkv_proj", "o_proj"], adapter)
    with pytest.raises(InputError) as caught:
        attach_adapter(adapter, model, "wider")
    assert caught.value.code == "model.adapter_of_another_base"
    assert sorted(f.stem for f in (model / "adapters").iterdir()) == ["other", "tone"]


def test_an_adapter_on_layers_that_the_export_has_no_place_for_is_refused(
    family, model, tmp_path
) -> None:
    adapter = tmp_path / "adapter"
    _untrained_adapter(family.base, ["down_proj"], adapter)
    with pytest.raises(InputError) as caught:
        attach_adapter(adapter, model, "down")
    assert caught.value.code == "model.adapter_of_another_base"
    assert "down_proj" in caught.value.message


@pytest.mark.parametrize("name", ["", "Äpfel", "a/b", "../x", "a" * 60])
def test_a_name_that_is_no_file_name_is_refused(family, model, name) -> None:
    with pytest.raises(InputError) as caught:
        attach_adapter(family.other.adapter, model, name)
    assert caught.value.code == "chat.adapter_name"


def test_a_model_with_its_adapter_merged_in_takes_no_other(family) -> None:
    with pytest.raises(InputError) as caught:
        attach_adapter(family.other.adapter, family.merged.model, "other")
    assert caught.value.code == "chat.no_adapters"


def _untrained_adapter(base: Path, modules: list[str], folder: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    get_peft_model(model, LoraConfig(r=4, target_modules=modules)).save_pretrained(folder)
