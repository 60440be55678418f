"""Packing: several rows in one forward pass, and the loss of exactly the learned tokens."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from phi3studio.worker.data.preparing.tokenise import IGNORED, Encoder, Rendered, Segment
from tests.worker.running import SAMPLES

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def model(tiny_phi3):
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def examples(tiny_phi3) -> list[dict[str, list[int]]]:
    """Twelve real rows of different lengths, tokenised as a run does."""
    from transformers import AutoTokenizer

    lines = (SAMPLES / "emotions.jsonl").read_text("utf-8").splitlines()[:12]
    rows = []
    for number, line in enumerate(lines):
        row = json.loads(line)
        prompt = f"### Text: {row['phrase'] * (1 + number % 3)}\n### The tone is:\n"
        segments = (Segment(prompt, False), Segment(row["tone"], True))
        rows.append(Rendered(prompt, row["tone"], segments, bos=True))
    encoder = Encoder(AutoTokenizer.from_pretrained(tiny_phi3))
    return [
        {"input_ids": list(e.input_ids), "labels": list(e.labels)}
        for e in encoder.examples(rows, 512)
    ]


def single_loss(model: Any, row: dict[str, list[int]]) -> float:
    """The row's loss as transformers itself computes it: one row, its labels, its mask."""
    learned = sum(label != IGNORED for label in row["labels"][1:])
    with torch.inference_mode():
        mean = model(
            input_ids=torch.tensor([row["input_ids"]]),
            attention_mask=torch.ones(1, len(row["input_ids"]), dtype=torch.long),
            labels=torch.tensor([row["labels"]]),
        ).loss
    return float(mean) * learned


def test_the_packed_loss_is_the_sum_of_the_single_rows_losses(model, examples) -> None:
    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import packed_loss

    assert len({len(row["input_ids"]) for row in examples}) > 5
    singles = [single_loss(model, row) for row in examples]
    for rows in (range(1), range(2), range(12), [7, 3, 11], [5, 5, 5]):
        with torch.inference_mode():
            total, count, _ = packed_loss(model, collate_packed([examples[n] for n in rows]))
        assert count == sum(label != IGNORED for n in rows for label in examples[n]["labels"][1:])
        assert float(total) == pytest.approx(sum(singles[n] for n in rows), rel=1e-5)


def test_the_held_out_loss_is_the_mean_over_all_tokens_for_every_batch_size(
    model, examples, tmp_path
) -> None:
    """Batches of a few rows have other numbers of learned tokens: their means do not add up."""
    from datasets import Dataset
    from transformers import TrainingArguments

    from phi3studio.worker.training.examples import ExampleDataset, collate_packed
    from phi3studio.worker.training.trainer import PackedTrainer

    rows = [
        {**row, "labels": [IGNORED, *row["input_ids"][1:]]} if number % 5 == 0 else row
        for number, row in enumerate(examples)
    ]
    learned = [sum(label != IGNORED for label in row["labels"][1:]) for row in rows]
    expected = sum(single_loss(model, row) for row in rows) / sum(learned)
    found = []
    for batch in (1, 2, 4, 5, 12):
        trainer = PackedTrainer(
            on_tokens=lambda tokens: None,
            model=model,
            args=TrainingArguments(
                output_dir=str(tmp_path),
                per_device_eval_batch_size=batch,
                remove_unused_columns=False,
                use_cpu=True,
                report_to=[],
            ),
            eval_dataset=ExampleDataset(Dataset.from_list(rows)),
            data_collator=collate_packed,
        )
        found.append(trainer.evaluate()["eval_loss"])
    assert found == pytest.approx([expected] * len(found), rel=1e-5)


def test_a_batch_is_not_split_over_several_gpus(model, examples, tmp_path, monkeypatch) -> None:
    """One process takes one GPU; Hugging Face's trainer would give every GPU a part of the row."""
    from transformers import TrainingArguments

    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import PackedTrainer

    args = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=4,
        remove_unused_columns=False,
        use_cpu=True,
        report_to=[],
    )
    assert args.n_gpu == 0
    args._n_gpu = 2
    assert args.train_batch_size == 8
    trainer = PackedTrainer(
        on_tokens=lambda tokens: None,
        model=model,
        args=args,
        train_dataset=examples,
        data_collator=collate_packed,
    )
    assert args.train_batch_size == 4
    (batch, *_) = trainer.get_train_dataloader()
    assert (batch["position_ids"] == 0).sum() == 4
    assert trainer._wrap_model(trainer.model) is trainer.model


def test_no_row_sees_another(model, examples) -> None:
    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import packed_loss

    target, quiet = examples[3], {"labels": [IGNORED] * 60}
    losses = set()
    for seed in range(3):
        ids = random.Random(seed).choices(range(300, 480), k=60)
        before = quiet | {"input_ids": ids}
        with torch.inference_mode():
            loss, _, _ = packed_loss(model, collate_packed([before, target, before]))
        losses.add(round(float(loss), 4))
    assert len(losses) == 1


def test_gradients_are_those_of_the_single_rows(tiny_phi3, examples) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import packed_loss

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32)
    tuned = get_peft_model(
        base, LoraConfig(r=4, target_modules=["qkv_proj", "o_proj"], init_lora_weights=False)
    )

    def gradients(batches: list[list[dict[str, list[int]]]]) -> dict[str, Any]:
        tuned.zero_grad()
        for batch in batches:
            packed_loss(tuned, collate_packed(batch))[0].backward()
        return {n: p.grad.clone() for n, p in tuned.named_parameters() if p.grad is not None}

    packed, singly = gradients([examples]), gradients([[row] for row in examples])
    assert packed.keys() == singly.keys()
    assert len(packed) == 8
    for name, value in packed.items():
        torch.testing.assert_close(value, singly[name], rtol=1e-4, atol=1e-5)


def test_no_padding_is_sent(examples) -> None:
    from phi3studio.worker.training.examples import collate_packed

    batch = collate_packed(examples)
    tokens = sum(len(row["input_ids"]) for row in examples)
    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        "input_ids": (1, tokens),
        "labels": (1, tokens),
        "position_ids": (1, tokens),
    }
    assert batch["input_ids"][0].tolist() == [t for row in examples for t in row["input_ids"]]
    assert batch["position_ids"][0].tolist() == [
        n for row in examples for n in range(len(row["input_ids"]))
    ]
    starts = [n for n, position in enumerate(batch["position_ids"][0].tolist()) if position == 0]
    assert len(starts) == len(examples)
    assert {int(batch["labels"][0, n]) for n in starts} == {IGNORED}


def test_only_learned_tokens_reach_the_head(model, examples) -> None:
    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import packed_loss

    batch = collate_packed(examples)
    with torch.inference_mode():
        _, count, outputs = packed_loss(model, batch)
    assert outputs.logits.shape[:2] == (1, count)
    assert count < batch["input_ids"].numel() / 5


def test_a_batch_without_a_learned_token_has_no_loss(model, examples) -> None:
    from phi3studio.worker.training.examples import collate_packed
    from phi3studio.worker.training.trainer import packed_loss

    row = examples[0] | {"labels": [IGNORED] * len(examples[0]["labels"])}
    with torch.inference_mode():
        total, count, _ = packed_loss(model, collate_packed([row]))
    assert (float(total), count) == (0.0, 0)
