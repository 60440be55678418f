"""Losses of preference tuning, from the log-likelihoods of whole answers. Pure: no model.

An answer's log-likelihood is the sum over its supervised tokens, in nats; tensors have one entry a
pair.
"""

from __future__ import annotations

import torch
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
    loss = -logsigmoid(beta * margin) * (1.0 - label_smoothing)
    if label_smoothing:
        loss = loss - logsigmoid(-beta * margin) * label_smoothing
    return loss
