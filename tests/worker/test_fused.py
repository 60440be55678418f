"""The fused layers compute what the plain ones compute: losses and gradients, family by family."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from phi3studio.worker.training.examples import collate_packed
from phi3studio.worker.training.fused import Fused, decoder, fuse, row_attention
from phi3studio.worker.training.fused.dropout import draw_dropped, dropped
from phi3studio.worker.training.fused.frozen_weights import Frozen, can_lay_out
from phi3studio.worker.training.fused.on_cpu import RmsNorm
from phi3studio.worker.training.fused.packed_rows import collate_rows
from phi3studio.worker.training.trainer import look_at_trained_alone, packed_loss
from tests.tiny_families import SHAPES, make

Row = dict[str, list[int]]


def peft_model(
    folder: Path,
    dtype: torch.dtype = torch.float32,
    modules: Sequence[str] | str = "all-linear",
    loading: dict[str, Any] | None = None,
    **settings: Any,
) -> Any:
    """A model with an adapter whose B is not zero, so that it matters."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **(loading or {}))
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=modules, **settings))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return adapted.train()


def batch(
    vocabulary: int,
    lengths: Sequence[int] = (9, 17, 5),
    common: int = 0,
    pairs: int = 0,
) -> list[Row]:
    """Rows of these *lengths* that begin with *common* equal tokens, and two by two with *pairs*
    more; the later half is learned."""
    torch.manual_seed(1)
    rows = []
    beginning = torch.randint(5, vocabulary, (common,)).tolist()
    branch: list[int] = []
    for number, length in enumerate(lengths):
        if number % 2 == 0:
            branch = torch.randint(5, vocabulary, (pairs,)).tolist()
        own = torch.randint(5, vocabulary, (length - common - pairs,)).tolist()
        ids = [*beginning, *branch, *own]
        labels = [-100] * (length // 2) + ids[length // 2 :]
        rows.append({"input_ids": ids, "labels": labels})
    return rows


# Rows of about one length, without and with a common beginning, also of some of them; a long one
# beside short ones, and longer ones than the window of the families that have one.
BATCHES = {
    "even": {},
    "shared": {"lengths": (9, 12, 10), "common": 3},
    "tree": {"lengths": (12, 14, 13, 12, 14), "common": 2, "pairs": 3},
    "uneven": {"lengths": (90, 8, 6), "common": 3},
    "uneven tree": {"lengths": (90, 60, 9, 11), "common": 2, "pairs": 2},
    "long": {"lengths": (140, 9), "common": 2},
}


def gradients(model: Any) -> dict[str, torch.Tensor]:
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("rows", "family"),
    [("shared", family) for family in SHAPES]
    + [(rows, family) for rows in BATCHES for family in ("phi-3-4k", "qwen3") if rows != "shared"],
)
def test_losses_and_gradients_are_those_of_the_plain_model(
    rows: str, family: str, tmp_path: Path
) -> None:
    folder = make(SHAPES[family], tmp_path / family)
    compare_with_plain(peft_model(folder), fuse(peft_model(folder)), BATCHES[rows])


ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
PART = ["q_proj", "v_proj", "down_proj"]


@pytest.mark.parametrize("together", [1, 2**40])
@pytest.mark.parametrize(("modules", "is_usual"), [(ATTENTION, True), (PART, False)])
def test_adapters_on_some_of_the_matrices_learn_what_the_plain_models_learn(
    modules: list[str], is_usual: bool, together: int, tmp_path: Path, monkeypatch: Any
) -> None:
    # Gradients of one layer at a time, or of all at once.
    monkeypatch.setattr(decoder, "_TOGETHER_BYTES", together)
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    plain, other = (peft_model(folder, modules=modules) for _ in range(2))
    fused = fuse(other)
    assert (fused.decoder is not None) is is_usual
    compare_with_plain(plain, fused, BATCHES["shared"])


def test_the_steps_of_an_accumulation_add_up(tmp_path: Path) -> None:
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    plain, fused = peft_model(folder), fuse(peft_model(folder))
    given = batch(plain.config.vocab_size, **BATCHES["shared"])
    packed_loss(plain, collate_packed(given))[0].backward()
    for row in given:
        fused.loss(fused.collate([row]))[0].backward()
    are_equal(gradients(fused.model), gradients(plain))


def test_adapters_over_4_bits_learn_what_the_plain_models_learn(tmp_path: Path) -> None:
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    plain, other = (in_4_bits(folder) for _ in range(2))
    fused = fuse(other)
    assert fused.linear == 7 * other.config.num_hidden_layers
    compare_with_plain(plain, fused, BATCHES["shared"])


def test_an_evaluation_changes_no_gradient_of_weights_in_4_bits(tmp_path: Path) -> None:
    # On a CPU with AVX-512, bitsandbytes packs what is evaluated in another way.
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    fused = fuse(in_4_bits(folder, torch.bfloat16, modules=PART))
    given = fused.collate(batch(fused.model.config.vocab_size, **BATCHES["shared"]))
    found = []
    for _ in range(2):
        fused.loss(given)[0].backward()
        found.append(gradients(fused.model))
        fused.model.zero_grad()
        fused.model.eval()
        with torch.no_grad():
            fused.loss(given)
        fused.model.train()
    are_equal(*found)


def in_4_bits(folder: Path, dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    from transformers import BitsAndBytesConfig

    packing = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_compute_dtype=dtype,
        bnb_4bit_use_double_quant=True,
        bnb_4bit_quant_type="nf4",
    )
    return peft_model(folder, dtype, loading={"quantization_config": packing}, **settings)


def compare_with_plain(plain: Any, fused: Fused, shape: dict[str, Any]) -> None:
    given = batch(plain.config.vocab_size, **shape)
    expected, count, _ = packed_loss(plain, collate_packed(given))
    loss, learned = fused.loss(fused.collate(given))
    assert learned == count
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    expected.backward()
    loss.backward()
    assert fused.linear > 0
    are_equal(gradients(fused.model), gradients(plain))


def are_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert wanted.keys() == found.keys()
    for name, gradient in wanted.items():
        scale = gradient.abs().max().clamp_min(1e-6)
        assert torch.allclose(found[name] / scale, gradient / scale, atol=1e-4), name


def test_a_family_with_the_usual_parts_has_all_of_them_fused(tiny_phi3: Path) -> None:
    fused = fuse(peft_model(tiny_phi3))
    assert (fused.linear, fused.norms, fused.mlps) == (8, 5, 0)
    assert fused.head is not None
    assert fused.trimmed
    assert fused.decoder is not None
    assert fused.attention == row_attention.NAME


def test_adapters_of_other_kinds_stay_as_they_are(tiny_phi3: Path) -> None:
    assert fuse(peft_model(tiny_phi3, use_dora=True)).linear == 0


def test_what_rows_begin_with_in_common_is_computed_once() -> None:
    prompts = ([1, 2, 3, 4, 50], [1, 2, 3, 40, 5], [1, 2, 3, 4, 51], [9, 2, 3])
    rows = [{"input_ids": [*p, 6, 7], "labels": [-100] * len(p) + [6, 7]} for p in prompts]
    inputs = collate_rows(rows)
    alone = [[1, 2, 3, 4, 50, 6], [40, 5, 6], [51, 6], [9, 2, 3, 6]]
    ids = inputs["input_ids"][0]
    assert ids.tolist() == [*(token for own in alone for token in own), 0]
    for row, runs in zip(rows, inputs["rows"].runs, strict=True):
        at = torch.cat([torch.arange(*run) for run in runs])
        assert ids[at].tolist() == row["input_ids"][:-1]
        assert inputs["position_ids"][0, at].tolist() == list(range(len(at)))


@pytest.mark.parametrize(("learned_from", "tokens"), [(2, 7), (3, 6), (4, 5)])
def test_a_beginning_whose_successor_is_learned_is_not_shared(
    learned_from: int, tokens: int
) -> None:
    ids = [1, 2, 3, 4, 5]
    labels = [-100] * learned_from + ids[learned_from:]
    inputs = collate_rows([{"input_ids": ids, "labels": labels}] * 2)
    assert len(inputs["rows"].place_of) == tokens
    assert len(inputs["learned"]) == 2 * (len(ids) - learned_from)


def test_tokens_that_no_loss_takes_are_not_computed() -> None:
    rows = [
        {"input_ids": [1, 2, 3, 4, 5], "labels": [-100, -100, 3, -100, -100]},
        {"input_ids": [1, 2, 7], "labels": [-100, -100, 7]},
        {"input_ids": [1, 2, 9], "labels": [-100, -100, -100]},
    ]
    inputs = collate_rows(rows)
    ids, learned = inputs["input_ids"][0].tolist(), inputs["learned"].tolist()
    assert ids == [1, 2, 2, 0]  # the third row has nothing to learn, and no token of its own
    assert [ids[at] for at in learned] == [2, 2]
    assert (inputs["targets"].tolist(), inputs["row_tokens"]) == ([3, 7], 11)


def test_dropout_drops_as_many_values_as_it_says_each_by_itself() -> None:
    torch.manual_seed(3)
    ones = torch.ones(1000, 333)
    kept = dropped(ones, draw_dropped(ones, 0.1))
    assert float(kept.float().mean()) == pytest.approx(0.9, abs=0.002)
    # Neighbours know nothing of one another.
    both = (kept[:, 1:] * kept[:, :-1]).float().mean()
    assert float(both) == pytest.approx(0.81, abs=0.003)
    assert bool(dropped(ones, draw_dropped(ones, 0.0)).all())
    most = dropped(ones, draw_dropped(ones, 0.9))
    assert float(most.mean()) == pytest.approx(0.1, abs=0.003)


@pytest.mark.parametrize("family", ["phi-3-4k", "llama-3.2"])
def test_the_mean_over_many_dropouts_is_the_loss_without(family: str, tmp_path: Path) -> None:
    folder = make(SHAPES[family], tmp_path / family)
    without = fuse(peft_model(folder))
    rows = batch(without.model.config.vocab_size)
    expected = float(without.loss(without.collate(rows))[0].detach())
    dropping = fuse(peft_model(folder, lora_dropout=0.2))
    found = torch.tensor([float(dropping.loss(dropping.collate(rows))[0]) for _ in range(60)])
    assert float(found.std()) > 0
    assert float(found.mean()) == pytest.approx(
        expected, abs=6 * float(found.std()) / 60**0.5 + 0.02
    )
    dropping.model.eval()
    assert float(dropping.loss(dropping.collate(rows))[0]) == pytest.approx(expected, rel=1e-5)


def test_without_the_adapter_the_fused_model_is_the_base(tiny_phi3: Path) -> None:
    fused = fuse(peft_model(tiny_phi3)).model.eval()
    ids = torch.arange(5, 25)[None]
    with torch.inference_mode(), fused.disable_adapter():
        base = fused(ids).logits
    with torch.inference_mode():
        assert not torch.allclose(base, fused(ids).logits, atol=1e-4)


@pytest.mark.skipif(
    not can_lay_out([torch.empty(8, 8, dtype=torch.bfloat16)]),
    reason="this processor multiplies no bfloat16, so no matrix is laid out",
)
@pytest.mark.parametrize("tokens", [8, 37, 208, 1000])
def test_a_matrix_in_the_layout_of_the_products_gives_the_same(tokens: int) -> None:
    torch.manual_seed(5)
    weight, bias = torch.randn(96, 160).bfloat16(), torch.randn(96).bfloat16()
    x, dy = torch.randn(tokens, 160).bfloat16(), torch.randn(tokens, 96).bfloat16()
    laid, plain = Frozen(weight, laid_out=True), Frozen(weight)
    torch.testing.assert_close(laid.ahead(x, bias), plain.ahead(x, bias))
    torch.testing.assert_close(laid.back(dy), plain.back(dy))
    torch.testing.assert_close(laid.back(dy, x.clone()), plain.back(dy, x.clone()))
    weight.neg_()
    laid.renew()
    torch.testing.assert_close(laid.ahead(x, bias), plain.ahead(x, bias))
    torch.testing.assert_close(laid.back(dy), plain.back(dy))


def test_only_small_16_bit_models_are_laid_out_again() -> None:
    small = torch.empty(64, 64, dtype=torch.bfloat16)
    huge = torch.empty(20_000, 20_000, dtype=torch.bfloat16, device="meta")
    # Where the processor multiplies bfloat16 itself; elsewhere the layout would gain nothing.
    assert can_lay_out([small]) == torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert not can_lay_out([small, huge])
    assert not can_lay_out([small.float()])
    assert not can_lay_out([])


def test_in_16_bits_the_gradients_are_as_near_to_the_exact_ones_as_the_plain_models(
    tmp_path: Path,
) -> None:
    folder = make(SHAPES["llama-3.2"], tmp_path / "llama")
    exact_model = peft_model(folder)
    rows = batch(exact_model.config.vocab_size, (30, 33, 28, 35, 31, 36), common=3)
    packed_loss(exact_model, collate_packed(rows))[0].backward()
    exact = gradients(exact_model)
    plain = peft_model(folder, torch.bfloat16)
    packed_loss(plain, collate_packed(rows))[0].backward()
    fused = fuse(peft_model(folder, torch.bfloat16))
    fused.loss(fused.collate(rows))[0].backward()

    def error(found: dict[str, torch.Tensor]) -> float:
        wrong = sum(float((found[n].float() - exact[n]).square().sum()) for n in exact)
        return (wrong / sum(float(g.square().sum()) for g in exact.values())) ** 0.5

    assert 0 < error(gradients(fused.model)) < 1.2 * error(gradients(plain)) < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", ["phi-3-4k", "llama-3.2"])
@pytest.mark.parametrize("lengths", [(30, 33, 28, 35, 31, 36), (9, 4)])
def test_the_number_of_threads_changes_no_bit(
    family: str, dtype: torch.dtype, lengths: Sequence[int], tmp_path: Path
) -> None:
    folder = make(SHAPES[family], tmp_path / family)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            fused = fuse(peft_model(folder, dtype, lora_dropout=0.1))
            rows = batch(fused.model.config.vocab_size, lengths, common=3)
            torch.manual_seed(7)
            fused.loss(fused.collate(rows))[0].backward()
            found.append(gradients(fused.model))
    finally:
        torch.set_num_threads(before)
    for name, gradient in found[0].items():
        assert torch.equal(gradient, found[1][name]), name


@pytest.mark.parametrize("family", ["phi-3-4k", "llama-3.2"])
def test_activations_computed_again_drop_the_same_values(family: str, tmp_path: Path) -> None:
    folder = make(SHAPES[family], tmp_path / family)
    found = []
    for again in (False, True):
        model = peft_model(folder, lora_dropout=0.2)
        if again:
            model.enable_input_require_grads()
            model.gradient_checkpointing_enable()
        fused = fuse(model)
        rows = batch(model.config.vocab_size, (30, 33, 28), common=3)
        torch.manual_seed(7)
        fused.loss(fused.collate(rows))[0].backward()
        found.append(gradients(model))
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("size", [64, 576, 896, 3072])
def test_norms_are_as_exact_as_the_plain_ones(size: int) -> None:
    torch.manual_seed(9)
    weight = 1 + 0.3 * torch.randn(size)
    for dtype, bound in ((torch.float32, 2e-7), (torch.bfloat16, 4e-3)):
        # Small values, beside which the epsilon counts.
        x = (0.003 * torch.randn(50, size)).to(dtype).requires_grad_()
        dy, w = torch.randn(50, size).to(dtype), weight.to(dtype)
        y = RmsNorm.apply(x, w, 1e-5)
        y.backward(dy)
        wide = x.detach().double().requires_grad_()
        exact = wide * (wide.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * w.double()
        exact.backward(dy.double())
        for found, wanted in ((y, exact), (x.grad, wide.grad)):
            assert found is not None
            assert wanted is not None
            wrong = (found.double() - wanted).norm() / wanted.norm()
            assert float(wrong.detach()) < bound


def test_a_batch_of_which_nothing_is_learned_has_no_loss(tiny_phi3: Path) -> None:
    fused = fuse(peft_model(tiny_phi3))
    rows = [row | {"labels": [-100] * len(row["labels"])} for row in batch(300)]
    loss, learned = fused.loss(fused.collate(rows))
    loss.backward()
    assert (float(loss.detach()), learned) == (0.0, 0)


def test_what_a_trainer_calls_in_every_step_reaches_all_modules(tiny_phi3: Path) -> None:
    model = peft_model(tiny_phi3, lora_dropout=0.1)
    model.get_base_model().eval()  # as it comes from a file, inside an adapter that is training
    trained = look_at_trained_alone(model)
    assert all("lora" in name for name, p in model.named_parameters() if p.requires_grad)
    for mode in (True, False, True):
        model.train(mode) if mode else model.eval()
        assert {module.training for module in model.modules()} == {mode}
    fused = fuse(model)
    fused.loss(fused.collate(batch(300)))[0].backward()
    assert all(parameter.grad is not None for parameter in trained)
    model.zero_grad()
    assert all(parameter.grad is None for parameter in model.parameters())
