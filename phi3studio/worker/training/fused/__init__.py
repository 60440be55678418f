"""Faster layers for training: the same sums in fewer passes over the memory.

A plain PEFT model spends more than half of a step outside of its matrix products: adapters in
float32, attention with a dense mask, norms and activations in many small steps, logits of the
whole vocabulary kept in float32, on a CPU also dropout. :func:`fuse` replaces these parts in place;
the parameters, and so checkpoints and adapters, stay what they were.

On both kinds of devices: ``lora``, ``elementwise`` and ``loss``. On a GPU: ``attention``,
``kernels``, which are Triton's, and, for small models, ``graphs``. On a CPU: ``packed_rows``,
``row_attention``, ``joined``, ``on_cpu``, ``frozen_weights`` and ``last_layer``; ``decoder``, where
a family's layers are the usual ones, puts these together and does without the model's own modules.
"""

from phi3studio.worker.training.fused.attach import Fused, collate_fused, fuse

__all__ = ["Fused", "collate_fused", "fuse"]
