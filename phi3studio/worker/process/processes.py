"""A training that several processes share, as torchrun and Azure ML start them."""

from __future__ import annotations

import os
from typing import Any

from phi3studio.domain.azure import share_of_batch
from phi3studio.domain.recipe import Training


def world_size() -> int:
    """How many processes train together; 1 for a training by itself."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def shared_batch(training: Training) -> dict[str, Any]:
    """Training arguments by which this process takes its share of each step's rows.

    Empty for a training by itself. The step's rows stay as many as the recipe says, so the
    number of steps and the learning rate hold for any number of processes.
    """
    processes = world_size()
    if processes == 1:
        return {}
    size, accumulation = share_of_batch(training.batch_size, training.accumulation, processes)
    return {
        "per_device_train_batch_size": size,
        "gradient_accumulation_steps": accumulation,
        # The adapter takes part in every forward pass.
        "ddp_find_unused_parameters": False,
    }
