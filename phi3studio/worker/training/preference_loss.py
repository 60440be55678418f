"""Losses of preference tuning, from the log-likelihoods of answers. Pure: no model.

The log-likelihood of a whole answer is the sum over its supervised tokens, in nats; where a loss
takes means, it is that sum divided by their number. Tensors have one entry a pair, or one an
answer.
"""

from __future__ import annotations

import torch
from torch import sigmoid
from torch.nn.functional import logsigmoid


def dpo(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    beta: float,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Direct preference optimisation, each pair's loss (pairs,); *label_smoothing* is the share of
    pairs that are taken to be swapped (conservative DPO)."""
    margin = (chosen - reference_chosen) - (rejected - reference_rejected)
    return _preferred(beta * margin, label_smoothing)


def simpo(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    beta: float,
    margin: float,
    label_smoothing: float = 0.0,
) -> torch.Tensor:
    """Simple preference optimisation (arXiv 2405.14734), each pair's loss (pairs,), from the mean
    log-likelihood of a token: *chosen* should be likelier by *margin*, in units of 1 / *beta*."""
    return _preferred(beta * (chosen - rejected) - margin, label_smoothing)


def orpo(chosen: torch.Tensor, rejected: torch.Tensor, beta: float) -> torch.Tensor:
    """Odds ratio preference optimisation (arXiv 2403.07691), each pair's loss (pairs,), from the
    mean log-likelihood of a token: the better answer is learned, and *beta* weighs how much
    likelier than the other one it should be. The prompt is not learned, as everywhere here."""
    odds = (chosen - rejected) - (_log_of_rest(chosen) - _log_of_rest(rejected))
    return -chosen - beta * logsigmoid(odds)


def kto(
    answers: torch.Tensor,
    reference: torch.Tensor,
    good: torch.Tensor,
    divergence: torch.Tensor,
    beta: float,
    weights: tuple[float, float] = (1.0, 1.0),
) -> torch.Tensor:
    """Kahneman-Tversky optimisation (arXiv 2402.01306), each answer's loss (answers,): what is
    *good* (answers,) should gain more on the *reference* than the model has moved as a whole
    (*divergence*, one number, see :func:`kto_divergence`; below 0 it is none), what is not should
    gain less. *weights*: of good answers and of bad ones."""
    gain = beta * (answers - reference - divergence.clamp(min=0.0))
    desirable, undesirable = weights
    return torch.where(good, desirable * sigmoid(-gain), undesirable * sigmoid(gain))


def kto_divergence(answers: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
    """How far the model is from its reference (nats an answer), estimated from answers to other
    prompts (answers,); no gradient goes through it."""
    return (answers - reference).mean().detach()


def _preferred(gain: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    loss = -logsigmoid(gain) * (1.0 - label_smoothing)
    if label_smoothing:
        loss = loss - logsigmoid(-gain) * label_smoothing
    return loss


def _log_of_rest(log_likelihood: torch.Tensor) -> torch.Tensor:
    """log(1 - p), finite also where p is 1 but for rounding."""
    return torch.log(-torch.expm1(log_likelihood.clamp(max=-1e-6)))
