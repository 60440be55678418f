"""A LoRA adapter put into the weights of its base model."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def merged(model: Any, adapter: Path) -> Any:
    """*model* with the PEFT *adapter* in its weights: it computes what PEFT's model of both does.

    Where embedding and head share a matrix and the adapter changes one of them, both get their own
    first; PEFT would add the change to both (huggingface/peft#2898).
    """
    import torch
    from peft import PeftModel
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper

    wrapped = PeftModel.from_pretrained(model, adapter)
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    if model.config.tie_word_embeddings and any(
        isinstance(end, (BaseTunerLayer, AuxiliaryTrainingWrapper)) for end in ends
    ):
        seen: set[int] = set()
        for module in wrapped.modules():
            for name, value in module._parameters.items():
                if id(value) in seen and value is not None:
                    own = value.detach().clone()
                    module._parameters[name] = torch.nn.Parameter(own, requires_grad=False)
                seen.add(id(value))
        model.config.tie_word_embeddings = False
    return wrapped.merge_and_unload()
