"""Likelihoods of whole answers, and the loss of preference tuning against TRL's own functions."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from datasets import Dataset as HfDataset

from phi3studio.domain.hyperparameters import Method
from phi3studio.worker.training import preference_loss
from phi3studio.worker.training.examples import RatedDataset, collate_packed, supervised_by_row
from phi3studio.worker.training.fused import fuse
from phi3studio.worker.training.preference_trainer import RatedTrainer, collate_rated
from phi3studio.worker.training.trainer import packed_log_likelihoods
from tests.tiny_families import SHAPES, make
from tests.worker.test_fused import BATCHES, are_equal, batch, gradients, in_4_bits, peft_model

TRL = os.environ.get("TRL_FOLDER", "")
needs_trl = pytest.mark.skipif(
    not TRL, reason="TRL_FOLDER names no folder with TRL (pip install --no-deps --target)"
)
_PAIRS = 4


@pytest.fixture
def trl(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(TRL)
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "trl"]:
        del sys.modules[name]


def likelihoods() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(3)
    return tuple(-5 - 40 * torch.rand(4, _PAIRS))  # type: ignore[return-value]


def collated(fused: Any, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
    """Rows as the pairs' collator hands them on."""
    return fused.collate(rows) | {"supervised": supervised_by_row(rows)}  # type: ignore[no-any-return]


@pytest.mark.parametrize("rows", BATCHES)
@pytest.mark.parametrize("family", ["phi-3-4k", "qwen3"])
def test_likelihoods_of_rows_and_their_gradients_are_the_plain_models(
    rows: str, family: str, tmp_path: Path
) -> None:
    folder = make(SHAPES[family], tmp_path / family)
    plain, fused = peft_model(folder), fuse(peft_model(folder))
    given = batch(plain.config.vocab_size, **BATCHES[rows])  # type: ignore[arg-type]
    # Each row by itself, so that nothing of the packing is taken for granted.
    alone = torch.cat([packed_log_likelihoods(plain, collate_packed([row])) for row in given])
    packed = packed_log_likelihoods(plain, collate_packed(given))
    found = fused.log_likelihoods(collated(fused, given))
    torch.testing.assert_close(packed, alone, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found, alone, rtol=1e-5, atol=1e-5)
    # Every row with a weight of its own and both signs, as preferences have it.
    weights = torch.linspace(-1.0, 2.0, len(given))
    (alone * weights).sum().backward()
    (found * weights).sum().backward()
    are_equal(gradients(fused.model), gradients(plain))


@pytest.mark.parametrize("kind", ["lora", "dora", "4 bits"])
def test_with_the_adapter_off_the_likelihoods_are_the_bases(kind: str, tmp_path: Path) -> None:
    folder = make(SHAPES["phi-3-4k"], tmp_path / "model")
    settings = {"use_dora": True} if kind == "dora" else {}
    plain, other = (
        in_4_bits(folder) if kind == "4 bits" else peft_model(folder, **settings)  # type: ignore[arg-type]
        for _ in range(2)
    )
    rows = batch(plain.config.vocab_size, (20, 26, 16, 18), common=3, pairs=4)
    fused = fuse(other)
    inputs = collated(fused, rows)
    with torch.no_grad():
        tuned = fused.log_likelihoods(inputs)
        with plain.disable_adapter(), other.disable_adapter():
            expected = [packed_log_likelihoods(plain, collate_packed([row])) for row in rows]
            found = fused.log_likelihoods(inputs)
    torch.testing.assert_close(found, torch.cat(expected), rtol=1e-5, atol=1e-4)
    assert not torch.allclose(found, tuned, atol=1e-2)


def test_a_row_of_which_nothing_is_learned_has_likelihood_0(tiny_phi3: Path) -> None:
    fused = fuse(peft_model(tiny_phi3))
    row = batch(500)[0]
    masked = {**row, "labels": [-100] * len(row["labels"])}
    found = fused.log_likelihoods(collated(fused, [masked, row]))
    assert supervised_by_row([masked, row]).tolist()[0] == 0
    assert float(found[0]) == 0.0
    assert float(found[1]) < 0.0


def test_the_loss_of_a_model_that_is_its_reference() -> None:
    chosen, rejected, *_ = likelihoods()
    loss = preference_loss.dpo(chosen, rejected, chosen, rejected, 0.1)
    torch.testing.assert_close(loss, torch.full((_PAIRS,), 2.0).log())


def test_label_smoothing_of_one_half_knows_no_better_answer() -> None:
    chosen, rejected, first, second = likelihoods()
    one = preference_loss.dpo(chosen, rejected, first, second, 0.1, 0.5)
    other = preference_loss.dpo(rejected, chosen, second, first, 0.1, 0.5)
    torch.testing.assert_close(one, other)


def test_label_smoothing_is_the_loss_expected_of_pairs_that_may_be_swapped() -> None:
    chosen, rejected, first, second = likelihoods()
    right = preference_loss.dpo(chosen, rejected, first, second, 0.1)
    swapped = preference_loss.dpo(rejected, chosen, second, first, 0.1)
    found = preference_loss.dpo(chosen, rejected, first, second, 0.1, 0.2)
    torch.testing.assert_close(found, 0.8 * right + 0.2 * swapped)


def test_simpo_is_content_once_an_answer_is_likelier_by_the_margin() -> None:
    means = -torch.rand(_PAIRS)
    loss = preference_loss.simpo(means + 0.25, means, 2.0, 0.5)
    torch.testing.assert_close(loss, torch.full((_PAIRS,), 2.0).log())
    smoothed = preference_loss.simpo(means + 0.25, means, 2.0, 0.5, 0.2)
    torch.testing.assert_close(smoothed, loss)


def test_orpo_learns_the_answer_and_prefers_it_however_sure_the_model_is() -> None:
    means = -torch.rand(_PAIRS)
    equal = preference_loss.orpo(means, means, 0.1)
    torch.testing.assert_close(equal, -means + 0.1 * torch.full((_PAIRS,), 2.0).log())
    chosen = torch.tensor([0.0, -1e-9, -1e-3, -50.0], requires_grad=True)
    rejected = torch.tensor([-50.0, 0.0, 0.0, 0.0], requires_grad=True)
    loss = preference_loss.orpo(chosen, rejected, 0.1)
    loss.sum().backward()
    for value in (loss, chosen.grad, rejected.grad):
        assert value is not None
        assert torch.isfinite(value).all()


def rated_loss(values: torch.Tensor, before: torch.Tensor, moved: float) -> torch.Tensor:
    good = torch.tensor([True, False, True, False])
    return preference_loss.kto(values, before, good, torch.tensor(moved), 0.1, (2.0, 3.0))


def test_kto_of_a_model_that_is_its_reference_and_its_weights() -> None:
    values, *_ = likelihoods()
    loss = rated_loss(values, values, 0.0)
    torch.testing.assert_close(loss, torch.tensor([1.0, 1.5, 1.0, 1.5]))
    # Nothing that lies below the reference is a distance from it.
    torch.testing.assert_close(rated_loss(values, values, -5.0), loss)


def test_kto_wants_good_answers_to_gain_and_bad_ones_to_lose_more_than_the_model_has_moved() -> (
    None
):
    before, *_ = likelihoods()
    values = before.clone().requires_grad_()
    rated_loss(values, before, 4.0).sum().backward()
    assert values.grad is not None
    assert (values.grad * torch.tensor([1.0, -1.0, 1.0, -1.0]) < 0).all()
    at_rest = rated_loss(before, before, 0.0)
    moved = rated_loss(before, before, 4.0)
    assert (moved > at_rest).tolist() == [True, False, True, False]


def test_the_divergence_is_a_mean_without_gradient() -> None:
    values = torch.tensor([-3.0, -5.0], requires_grad=True)
    found = preference_loss.kto_divergence(values, torch.tensor([-4.0, -8.0]))
    assert float(found) == 2.0
    assert not found.requires_grad


@needs_trl
@pytest.mark.usefixtures("trl")
def test_simpo_and_orpo_are_trls() -> None:
    sums, *_ = (each / 20 for each in likelihoods())
    chosen, rejected = sums, sums.flip(0) - 0.1
    cpo = import_module("trl.experimental.cpo.cpo_trainer").CPOTrainer
    for smoothing in (0.0, 0.2):
        of = SimpleNamespace(
            alpha=0.0, loss_type="simpo", simpo_gamma=0.5, beta=2.0, label_smoothing=smoothing,
            accelerator=SimpleNamespace(device=torch.device("cpu")),
        )  # fmt: skip
        expected, *_ = cpo.cpo_loss(of, chosen, rejected)
        found = preference_loss.simpo(chosen, rejected, 2.0, 0.5, smoothing)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    orpo = import_module("trl.experimental.orpo.orpo_trainer").ORPOTrainer
    of = SimpleNamespace(beta=0.1, accelerator=SimpleNamespace(device=torch.device("cpu")))
    expected, *_ = orpo.odds_ratio_loss(of, chosen, rejected)
    # TRL's likelihood is that of the prompt as well.
    found = preference_loss.orpo(chosen, rejected, 0.1) + chosen
    torch.testing.assert_close(found, -expected, rtol=0, atol=1e-5)


def padded_batch(rows: Sequence[dict[str, list[int]]], kind: str = "") -> dict[str, torch.Tensor]:
    """What TRL's collators make of rows: (rows, longest), with masks; *kind* begins their names."""
    longest = max(len(row["input_ids"]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    attended, answers = torch.zeros_like(ids), torch.zeros_like(ids)
    for at, row in enumerate(rows):
        length = len(row["input_ids"])
        ids[at, :length] = torch.tensor(row["input_ids"])
        attended[at, :length] = 1
        answers[at, :length] = torch.tensor([label != -100 for label in row["labels"]])
    named = {"input_ids": ids, "attention_mask": attended, "completion_mask": answers}
    return {f"{kind}{name}": value for name, value in named.items()}


def trl_trainer(model: Any, beta: float) -> Any:
    """As much of a trainer of TRL as the method for the loss reads."""
    import_module("trl.trainer.utils").add_fused_lm_head(
        model.get_base_model(), outputs=("log_probs", "entropy", "mean_logits", "is_top1")
    )
    metrics: Any = {"train": defaultdict(list), "eval": defaultdict(list)}
    return SimpleNamespace(
        model=model,
        ref_model=None,
        beta=beta,
        args=SimpleNamespace(gradient_checkpointing_kwargs=None),
        accelerator=SimpleNamespace(
            device=torch.device("cpu"),
            unwrap_model=lambda given: given,
            gather=lambda values: values,
            gather_for_metrics=lambda values: values,
        ),
        aux_loss_enabled=False,
        precompute_ref_logps=False,
        ld_alpha=None,
        use_weighting=False,
        f_divergence_type="reverse_kl",
        loss_types=["sigmoid"],
        loss_weights=[1.0],
        _metrics=metrics,
        _total_train_tokens=0,
        _tp_size=1,
        calculate_KL=True,
        loss_type="kto",
        desirable_weight=1.0,
        undesirable_weight=1.5,
    )


@needs_trl
@pytest.mark.usefixtures("trl")
def test_dpo_of_a_batch_and_its_gradients_are_trls(tiny_phi3: Path) -> None:
    trainer = import_module("trl.trainer.dpo_trainer").DPOTrainer

    plain, fused = peft_model(tiny_phi3), fuse(peft_model(tiny_phi3))
    # Two pairs: both answers to a prompt next to each other.
    rows = batch(500, (20, 26, 16, 18), common=3, pairs=4)
    of = trl_trainer(plain, 0.1)
    given = padded_batch([*rows[::2], *rows[1::2]])  # TRL takes the chosen answers first
    expected = trainer._compute_loss(of, plain, given, False)
    inputs = collated(fused, rows)
    with torch.no_grad(), fused.model.disable_adapter():
        reference = fused.log_likelihoods(inputs)
    found = fused.log_likelihoods(inputs)
    loss = preference_loss.dpo(found[::2], found[1::2], reference[::2], reference[1::2], 0.1).mean()
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)
    expected.backward()
    loss.backward()
    are_equal(gradients(fused.model), gradients(plain))


def rated(rows: list[dict[str, list[int]]], prompt: int) -> list[dict[str, Any]]:
    """Rows as the data set of rated answers hands them on, rated good and bad by turns."""
    columns = {name: [row[name] for row in rows] for name in ("input_ids", "labels")}
    columns |= {"prompt_tokens": [prompt] * len(rows)}
    columns |= {"good": [at % 2 == 0 for at in range(len(rows))]}
    data = RatedDataset(HfDataset.from_dict(columns))
    return [data[at] for at in range(len(data))]


@needs_trl
@pytest.mark.usefixtures("trl")
@pytest.mark.parametrize(("beta", "nearer"), [(0.1, True), (0.5, True), (0.1, False)])
def test_kto_of_a_batch_and_its_gradients_are_trls(
    tiny_phi3: Path, beta: float, nearer: bool
) -> None:
    """*nearer*: answers to other prompts have become likelier, so that the divergence counts."""
    trainer = import_module("trl.trainer.kto_trainer").KTOTrainer

    plain, other = peft_model(tiny_phi3), peft_model(tiny_phi3)
    for model in (plain, other):
        for name, parameter in model.named_parameters():
            if "lora_B" in name and nearer:
                parameter.data.neg_()
    fused = fuse(other)
    batch_of = rated(batch(500, (20, 26, 16, 18), common=0), 4)
    answers, others = ([item[name] for item in batch_of] for name in ("answer", "other"))
    of = trl_trainer(plain, beta)
    of.precompute_ref_logps = False
    of._compute_kl_logps = lambda model, given: trainer._compute_kl_logps(of, model, given)
    labels = {"label": torch.tensor([item["good"] for item in batch_of])}
    given = padded_batch(answers) | padded_batch(others, "KL_") | labels
    expected = trainer._compute_loss(of, plain, given, False)
    inputs = collate_rated(fused.collate)(batch_of)
    method = Method(objective="kto", beta=beta, undesirable_weight=1.5)
    with torch.no_grad(), fused.model.disable_adapter():
        inputs["reference"] = torch.stack(
            [fused.log_likelihoods(inputs), fused.log_likelihoods(inputs["others"])], dim=1
        )
    of_ours: Any = SimpleNamespace(
        _preferences=SimpleNamespace(method=method),
        _log_likelihoods=lambda model, packed: fused.log_likelihoods(packed),
    )
    total, count, _ = RatedTrainer.summed_loss(of_ours, fused.model, inputs)
    loss = total / count
    assert count == len(batch_of)
    assert abs(float(loss) - 0.625) > 1e-3  # that of a model which is its reference
    (moved,) = of._metrics["train" if plain.training else "eval"]["kl"]
    assert (moved > 0.01) is nearer
    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)
    expected.backward()
    loss.backward()
    are_equal(gradients(fused.model), gradients(plain))
