"""AdamW over an adapter's many small matrices as if they were one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

State = dict[str, torch.Tensor]
"""What an optimiser keeps of one parameter: the steps taken, and tensors of its shape."""


class JoinedAdamW(torch.optim.AdamW):
    """PyTorch's AdamW, with the parameters of each group one behind the other in memory.

    An adapter is a few hundred small matrices. PyTorch takes each by itself, which takes a CPU
    several times as long as the arithmetic. The settings and the parameters are those of the
    optimiser *apart*, which has not taken a step; so are the states that are saved and loaded.
    """

    def __init__(self, apart: torch.optim.AdamW) -> None:
        self._apart: list[list[torch.nn.Parameter]] = [g["params"] for g in apart.param_groups]
        # One for each group, none for an empty one.
        self._joined = [[_one_parameter(parts)] if parts else [] for parts in self._apart]
        self._places = self._where()
        self._keeps_gradients = False
        groups = zip(apart.param_groups, self._joined, strict=True)
        super().__init__([group | {"params": joined} for group, joined in groups])

    @staticmethod
    def can_be(optimiser: Any) -> bool:
        """Whether it would do what *optimiser* does: AdamW, each group of one number format."""
        return type(optimiser) is torch.optim.AdamW and all(
            len({(part.dtype, part.device) for part in group["params"]}) < 2
            for group in optimiser.param_groups
        )

    def keep_gradients(self) -> None:
        """Let the parts' gradients be views of the joined ones from now on, always at the same
        places in memory; they are added up until a step, which sets them to zero."""
        for parts, joined in zip(self._apart, self._joined, strict=True):
            for whole in joined:
                whole.grad = torch.zeros_like(whole)
                for part, piece in zip(parts, _pieces(whole.grad, parts), strict=True):
                    part.grad = piece
        self._keeps_gradients = True

    def join_gradients(self) -> list[torch.nn.Parameter]:
        """The joined parameters, with the gradients that their parts have now; no gradient is 0."""
        for parts, joined in zip(self._apart, self._joined, strict=True):
            for whole in [] if self._keeps_gradients else joined:
                given = [torch.zeros_like(p) if p.grad is None else p.grad for p in parts]
                whole.grad = torch.cat([gradient.reshape(-1) for gradient in given])
        return [whole for joined in self._joined for whole in joined]

    def step(self, closure: Any = None) -> Any:
        """A step by what the gradients of :meth:`join_gradients` are now, or by new ones."""
        if self._where() != self._places:
            raise RuntimeError("A parameter is no longer where the optimiser changes it.")
        if any(whole.grad is None for joined in self._joined for whole in joined):
            self.join_gradients()
        result = super().step(closure)
        super().zero_grad(not self._keeps_gradients)  # these gradients are used up
        return result

    def state_dict(self) -> dict[str, Any]:
        """That of the optimiser of the parameters apart."""
        found = super().state_dict()
        state: dict[int, State] = {}
        groups, first = [], 0
        for group, parts in zip(found["param_groups"], self._apart, strict=True):
            numbers = range(first, first + len(parts))
            first += len(parts)
            groups.append(group | {"params": list(numbers)})
            for number in group["params"]:
                if number in found["state"]:
                    state.update(zip(numbers, _apart(found["state"][number], parts), strict=True))
        return found | {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over that of an optimiser of the parameters apart."""
        given = state_dict["state"]
        state: dict[int, State] = {}
        groups, number = [], 0
        for group, joined in zip(state_dict["param_groups"], self._joined, strict=True):
            groups.append(group | {"params": [number] if joined else []})
            for _ in joined:
                if given:
                    state[number] = _as_one([given[part] for part in group["params"]])
                number += 1
        super().load_state_dict(state_dict | {"state": state, "param_groups": groups})

    def _where(self) -> list[int]:
        return [part.data_ptr() for parts in self._apart for part in parts]


def _one_parameter(parts: Sequence[torch.nn.Parameter]) -> torch.nn.Parameter:
    """A parameter of all values of *parts*, which become views of it."""
    with torch.no_grad():
        joined = torch.nn.Parameter(torch.cat([part.reshape(-1) for part in parts]))
    for part, piece in zip(parts, _pieces(joined.detach(), parts), strict=True):
        part.data = piece
    return joined


def _pieces(joined: torch.Tensor, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Views of *joined* in the shapes of *parts*."""
    pieces = torch.split(joined, [part.numel() for part in parts])
    return [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]


def _apart(state: State, parts: Sequence[torch.Tensor]) -> list[State]:
    """The *state* of each of the *parts*; the number of steps is each one's own tensor."""
    values = {
        name: [value.clone() for _ in parts] if value.dim() == 0 else _pieces(value, parts)
        for name, value in state.items()
    }
    return [{name: of[number] for name, of in values.items()} for number in range(len(parts))]


def _as_one(states: Sequence[State]) -> State:
    """The state of a joined parameter, all of whose parts have taken equally many steps."""
    return {
        name: value
        if value.dim() == 0
        else torch.cat([state[name].reshape(-1) for state in states])
        for name, value in states[0].items()
    }
