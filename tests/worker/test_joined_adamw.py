"""The joined optimiser takes the steps of PyTorch's, bit for bit, and either goes on with the
other's state."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.optim import AdamW

from phi3studio.worker.training.joined_adamw import JoinedAdamW

SHAPES = [(4, 30), (30, 4), (4, 7), (9,)]


def parameters() -> list[torch.nn.Parameter]:
    torch.manual_seed(3)
    return [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]


def groups(given: list[torch.nn.Parameter]) -> list[dict[str, Any]]:
    """As Hugging Face's trainer makes them: some decay, some do not, and a group may be empty."""
    return [
        {"params": given[:3], "weight_decay": 0.1},
        {"params": [], "weight_decay": 0.0},
        {"params": given[3:], "weight_decay": 0.0},
    ]


def learn(optimiser: AdamW, given: list[torch.nn.Parameter], steps: range) -> None:
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for parameter in given:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimiser.step()
        for parameter in given:
            parameter.grad = None


@pytest.mark.parametrize("fused", [True, False])
def test_its_steps_and_its_state_are_those_of_the_parameters_apart(fused: bool) -> None:
    plain, other = parameters(), parameters()
    apart = AdamW(groups(plain), lr=0.01, fused=fused)
    joined = JoinedAdamW(AdamW(groups(other), lr=0.01, fused=fused))
    assert joined.state_dict() == apart.state_dict()
    learn(apart, plain, range(5))
    learn(joined, other, range(5))
    assert all(torch.equal(a, b) for a, b in zip(plain, other, strict=True))
    wanted, found = apart.state_dict(), joined.state_dict()
    assert found["param_groups"] == wanted["param_groups"]
    assert found["state"].keys() == wanted["state"].keys()
    for number, state in wanted["state"].items():
        for name, value in state.items():
            assert torch.equal(found["state"][number][name], value), (number, name)


@pytest.mark.parametrize("joins", [(True, True), (True, False), (False, True)])
def test_a_state_goes_on_in_another_process_as_if_nothing_had_been(
    joins: tuple[bool, bool], tmp_path: Any
) -> None:
    def optimiser(given: list[torch.nn.Parameter], joined: bool) -> AdamW:
        made = AdamW(groups(given), lr=0.01, fused=True)
        return JoinedAdamW(made) if joined else made

    whole = parameters()
    learn(optimiser(whole, False), whole, range(6))
    first = parameters()
    before = optimiser(first, joins[0])
    learn(before, first, range(3))
    torch.save(before.state_dict(), tmp_path / "optimizer.pt")
    values = copy.deepcopy([parameter.detach() for parameter in first])

    second = parameters()
    after = optimiser(second, joins[1])
    after.load_state_dict(torch.load(tmp_path / "optimizer.pt", weights_only=True))
    with torch.no_grad():
        for parameter, value in zip(second, values, strict=True):
            parameter.copy_(value)
    learn(after, second, range(3, 6))
    assert all(torch.equal(a, b) for a, b in zip(whole, second, strict=True))


def test_gradients_are_clipped_before_a_step_and_forgotten_after_it() -> None:
    given = parameters()
    joined = JoinedAdamW(AdamW(given, lr=0.01))
    for parameter in given:
        parameter.grad = torch.ones_like(parameter)
    (whole,) = joined.join_gradients()
    assert whole.grad is not None
    whole.grad.zero_()
    before = [parameter.detach().clone() for parameter in given]
    joined.step()
    assert whole.grad is None
    # All that was left is the decay.
    for parameter, value in zip(given, before, strict=True):
        torch.testing.assert_close(parameter.detach(), value * (1 - 0.01 * 0.01))


def test_a_parameter_that_was_put_elsewhere_does_not_silently_stay_as_it_is() -> None:
    given = parameters()
    joined = JoinedAdamW(AdamW(given))
    given[1].data = given[1].data.clone()
    with pytest.raises(RuntimeError, match="no longer where"):
        joined.step()


def test_only_groups_of_one_number_format_are_joined() -> None:
    given = parameters()
    assert JoinedAdamW.can_be(AdamW(given))
    assert JoinedAdamW.can_be(AdamW(groups(given)))
    given.append(torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16)))
    assert not JoinedAdamW.can_be(AdamW(given))
    assert not JoinedAdamW.can_be(torch.optim.Adam(parameters()))
