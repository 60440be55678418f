"""Our GPTQ against Olive's: the same grid, an error as small, layers that share what they read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from olive.common.quant.utils import WeightQuantizer
from olive.passes.pytorch.gptq import Gptq

from phi3studio.worker.olive.gptq import quantise_columns
from phi3studio.worker.quantising import error_feedback
from phi3studio.worker.quantising.error_feedback import Whole, inverse_factor, nearest_steps
from phi3studio.worker.training.examples import CalibrationDataset


def problem(width: int = 128, outputs: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight (outputs, width), and the Hessian of inputs that are correlated."""
    torch.manual_seed(3)
    tokens = torch.randn(400, width) @ torch.randn(width, width)
    return torch.randn(outputs, width), tokens.t() @ tokens


def error(weight: torch.Tensor, quantised: torch.Tensor, hessian: torch.Tensor) -> float:
    """What GPTQ makes small: the squared error of the layer's outputs on the calibration rows."""
    wrong = weight - quantised
    return float((wrong @ hessian * wrong).sum())


def ours(
    weight: torch.Tensor, hessian: torch.Tensor, grid: WeightQuantizer
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    columns = weight.t().clone(memory_format=torch.contiguous_format)
    found = quantise_columns(columns, inverse_factor(hessian.clone(), 0.01), grid)
    return columns.t(), *found


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("group", [16, 32, 64])
@pytest.mark.parametrize("symmetric", [False, True])
def test_the_error_is_at_most_that_of_olives_pass(bits: int, group: int, symmetric: bool) -> None:
    weight, hessian = problem()
    grid = WeightQuantizer(bits=bits, symmetric=symmetric, group_size=group)
    module = torch.nn.Linear(weight.shape[1], len(weight), bias=False)
    module.weight.data = weight.clone()
    module.quant_info = SimpleNamespace(quantizer=grid, data={"H": hessian.clone(), "N": 1})
    Gptq.process_module(module)
    plain = grid.fake_quantize(weight)
    found, scales, zeros = ours(weight, hessian, grid)
    # The steps of few bits are those that round best alone. In a model that divides its divergence
    # by 1.7; of this weight, of random numbers, the corrections make a little less good.
    most = 1.1 if bits == 4 else 1.05
    assert error(weight, found, hessian) < most * error(weight, module.weight.data, hessian)
    assert error(weight, found, hessian) < 0.8 * error(weight, plain, hessian)
    assert torch.equal(grid.fake_quantize(found, scales, zeros), found)
    assert scales.shape == zeros.shape == (len(weight), weight.shape[1] // group)


def test_a_step_rounds_all_others_better_where_one_weight_stands_out() -> None:
    weight, _ = problem()
    weight[:, ::32] *= 4
    grid = WeightQuantizer(bits=4, symmetric=False, group_size=32)
    columns = weight.t().contiguous()
    scales, zeros = (each.t().float() for each in grid.find_qparams(weight))

    def lost(steps: torch.Tensor) -> torch.Tensor:
        near = grid.fake_quantize(weight, steps.t().contiguous(), zeros.t().to(torch.int32))
        return (near - weight).square().view(len(weight), -1, 32).sum(-1).t()

    steps = nearest_steps(columns, scales, zeros, Whole(grid.minq, grid.maxq))
    assert (lost(steps) <= lost(scales) * (1 + 1e-5)).all()
    assert lost(steps).sum() < 0.97 * lost(scales).sum()


def test_the_factor_is_that_of_the_inverse() -> None:
    _, hessian = problem()
    factor = inverse_factor(hessian.clone(), 0.01)
    damped = hessian + torch.eye(len(hessian)) * 0.01 * hessian.diagonal().mean()
    assert torch.equal(factor, factor.triu())
    torch.testing.assert_close(
        factor.t() @ factor @ damped, torch.eye(len(hessian)), atol=1e-3, rtol=0
    )


def test_a_hessian_that_has_no_factor_in_float32_is_damped_further() -> None:
    hessian = torch.ones(8, 8) * 1e6 - 1e-2 * torch.eye(8)
    assert torch.isfinite(inverse_factor(hessian, 1e-9)).all()


def test_rows_are_packed_for_calibration_and_restart_their_positions() -> None:
    packs = CalibrationDataset({"input_ids": [[1, 2, 3], [4, 5], [6], [7, 8, 9, 10, 11]]}, tokens=4)
    items = [packs[number][0] for number in range(len(packs))]
    assert [item["input_ids"].tolist() for item in items] == [
        [1, 2, 3], [4, 5, 6], [7, 8, 9, 10, 11]
    ]  # fmt: skip
    assert [item["position_ids"].tolist() for item in items] == [
        [0, 1, 2], [0, 1, 0], [0, 1, 2, 3, 4]
    ]  # fmt: skip


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize(
    ("width", "outputs", "group"), [(128, 40, 16), (576, 960, 32), (64, 8, -1)]
)
def test_a_group_as_a_cuda_graph_gives_what_its_single_operations_give(
    width: int, outputs: int, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def single(_columns: int, _outputs: int, rounding: Whole):
        def steps(part: torch.Tensor, weights: torch.Tensor):
            near, errors = torch.empty_like(part), torch.empty_like(part)
            error_feedback._round_in_turn(part, weights, near, errors, rounding)
            return near, errors

        return steps

    weight, hessian = (each.cuda() for each in problem(width, outputs))
    grid = WeightQuantizer(bits=4, symmetric=False, group_size=group)
    graphs = [ours(weight * times, hessian, grid) for times in (1, 2)]
    monkeypatch.setattr(error_feedback, "_steps_graph", single)
    for times, found in zip((1, 2), graphs, strict=True):
        for each, plain in zip(found, ours(weight * times, hessian, grid), strict=True):
            assert torch.equal(each, plain)
