"""Adapters from elsewhere: looked into before a run relies on them."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, first_line
from phi3studio.domain.messages import Phrase
from phi3studio.models.adapters import CONFIG, Adapter, read_adapter

_WITHOUT_EFFECT = frozenset(
    {
        "auto_mapping",
        "base_model_name_or_path",
        "corda_config",
        "eva_config",
        "inference_mode",
        "lora_dropout",
        "lora_ga_config",
        "loftq_config",
        "megatron_core",
        "peft_type",
        "peft_version",
        "qalora_group_size",
        "module_dropout",
        "rank_dropout",
        "rank_dropout_scale",
        "revision",
        "runtime_config",
        "task_type",
        "velora_config",
    }
)
"""What of an adapter's configuration says how it was trained, not what it computes."""
_PLAIN = frozenset(
    {
        "bias",
        "ensure_weight_tying",
        "exclude_modules",
        "fan_in_fan_out",
        "layers_pattern",
        "layers_to_transform",
        "lora_alpha",
        "r",
        "target_modules",
        "use_rslora",
    }
)
"""What every path can compute; other layers or further tensors show in the weights."""
_MERGED = _PLAIN | {
    "alpha_pattern",
    "modules_to_save",
    "rank_pattern",
    "target_parameters",
    "trainable_token_indices",
    "use_dora",
}
"""What a merge can compute as well. ``tests/worker/test_guest_adapters.py`` proves each."""
_PRODUCTS = frozenset(
    {
        "alpha",
        "alpha_pattern",
        "decompose_both",
        "decompose_factor",
        "exclude_modules",
        "layers_pattern",
        "layers_to_transform",
        "modules_to_save",
        "r",
        "rank_pattern",
        "target_modules",
    }
)
"""What a merge can compute of LoHa and LoKr."""
_STARTS = frozenset({"init_lora_weights", "init_weights"})
_STARTS_APART = (True, False, None, "gaussian", "orthogonal", "eva")
"""Initialisations that leave the base model's weights alone."""
_STARTS_AGAIN = ("pissa", "olora")
"""Those that change them, and that PEFT makes the same again when it loads the adapter."""


def check_adapter(adapter: Path, model: Path, trust_remote_code: bool = False) -> Adapter:
    """Raise :class:`InputError` unless *adapter* can be merged exactly into the base *model*.

    PEFT is given the model without its weights, so that the adapter's tensors are compared with
    what it would make of the configuration.
    """
    found = read_adapter(adapter)
    known = _MERGED if found.kind == "LORA" else _PRODUCTS
    refuse_settings(found, known, _STARTS_APART + _STARTS_AGAIN, "merge")
    given = found.shapes()
    expected, base = _expected_shapes(found, model, trust_remote_code)
    for name, shape in given.items():
        wanted = expected.get(name, base.get(_base_name(name)))
        if shape != wanted:
            raise _other_base(found, model, name, shape, wanted)
    rows = max(shape[0] for name, shape in base.items() if ".layers." not in name)
    for token in _token_indices(found.settings.get("trainable_token_indices")):
        if type(token) is not int or not 0 <= token < rows:
            raise InputError(
                "model.field",
                file=found.folder / CONFIG,
                field="trainable_token_indices",
                value=repr(token)[:80],
            )
    missing = sorted(set(expected) - set(given))
    if missing:
        raise _does_not_fit(
            found, model, Phrase("model.layer", variant="lacking", layer=_layer(missing[0]))
        )
    return found


def changes_ends(adapter: Adapter) -> bool:
    """Whether *adapter* changes the embedding or the head of its base model."""
    return any(".layers." not in name for name in adapter.shapes())


def check_plain(adapter: Adapter) -> None:
    """Raise :class:`InputError` unless *adapter* is two matrices for each of its layers, all of
    one rank, over the base model's own weights."""
    refuse_settings(adapter, _PLAIN, _STARTS_APART, "apart")


def check_same_method(adapter: Adapter, own: dict[str, Any]) -> None:
    """Raise :class:`InputError` unless *adapter* computes what a fresh one with the settings
    *own* would: its training can go on then."""
    if adapter.kind == own["peft_type"]:
        refuse_settings(adapter, frozenset(own), _STARTS_APART, "start")
    shows_in_weights = (_PLAIN | _PRODUCTS) - {"lora_alpha", "alpha", "alpha_pattern", "use_rslora"}
    fields = sorted(own.keys() - _WITHOUT_EFFECT - shows_in_weights - _STARTS)
    for field in ["peft_type", *fields]:
        value = own[field]
        given = adapter.settings.get(field, value)
        if (given or value) and given != value:
            raise InputError(
                "recipe.other_adapter_method",
                path=adapter.folder,
                field=field,
                given=str(given),
                own=str(getattr(value, "value", value)),
            )


def refuse_settings(
    adapter: Adapter, known: frozenset[str], starts: tuple[object, ...], use: str
) -> None:
    """Raise :class:`InputError` for settings that change what an adapter computes, but for those
    that are *known*; *use* names the message's variant."""
    settings = adapter.settings
    unknown = sorted(
        field
        for field, value in settings.items()
        if value and field not in known | _WITHOUT_EFFECT | _STARTS
    )
    start = settings.get("init_lora_weights", True)
    if not any(start is allowed or start == allowed for allowed in starts):
        unknown.append(f"init_lora_weights={start}"[:80])
    if unknown:
        raise InputError(
            "model.adapter_setting", variant=use, adapter=adapter.folder, fields=unknown
        )


def _expected_shapes(
    adapter: Adapter, model: Path, trust_remote_code: bool
) -> tuple[dict[str, tuple[int, ...]], dict[str, tuple[int, ...]]]:
    """The tensors that PEFT makes for the adapter's configuration, and those of the base."""
    import torch
    from peft import PeftConfig, get_peft_model, get_peft_model_state_dict
    from peft.tuners.tuners_utils import BaseTunerLayer
    from peft.utils.other import AuxiliaryTrainingWrapper
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(model, trust_remote_code=trust_remote_code)
    with torch.device("meta"):
        built = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
        base = {name: tuple(value.shape) for name, value in built.state_dict().items()}
        try:
            start = "init_lora_weights" if adapter.kind == "LORA" else "init_weights"
            settings = copy.deepcopy(adapter.settings) | {start: False}
            wrapped = get_peft_model(built, PeftConfig.from_peft_type(**settings))
            made = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
            shapes = {name: tuple(value.shape) for name, value in made.items()}
            merged = wrapped.merge_and_unload()
        except Exception as exc:
            # Whatever PEFT says of a configuration that it did not write itself.
            raise InputError(
                "model.adapter_config", file=adapter.folder / CONFIG, reason=first_line(exc)
            ) from exc
    left = [
        name
        for name, module in merged.named_modules()
        if isinstance(module, (BaseTunerLayer, AuxiliaryTrainingWrapper))
    ]
    if left:
        raise InputError(
            "model.adapter_setting", variant="both", adapter=adapter.folder, fields=[left[0]]
        )
    return shapes, base


def _token_indices(value: Any) -> Iterator[Any]:
    """All tokens of PEFT's ``trainable_token_indices``: a list, or one for each layer."""
    for part in value.values() if isinstance(value, dict) else [value or []]:
        yield from part if isinstance(part, list) else [part]


def _base_name(name: str) -> str:
    """The base model's own name of a tensor that came along in an adapter."""
    return re.sub(
        r"\.(base_layer|original_module|modules_to_save)\.",
        ".",
        name.removeprefix("base_model.model."),
    )


def _layer(name: str) -> str:
    return re.split(r"\.(?:lora|hada|lokr)_", _base_name(name))[0]


def _other_base(
    adapter: Adapter,
    model: Path,
    name: str,
    shape: tuple[int, ...],
    expected: tuple[int, ...] | None,
) -> InputError:
    layer = _layer(name)
    if expected is not None and any(part in layer for part in ("embed", "lm_head", "wte")):
        tokens = next((a, b) for a, b in zip(shape, expected, strict=False) if a != b)
        if min(tokens) > adapter.rank:
            return InputError(
                "model.adapter_vocabulary",
                adapter=adapter.folder,
                model=model,
                given=tokens[0],
                own=tokens[1],
            )
    size = "" if expected is None else " × ".join(map(str, expected))
    variant = "missing" if expected is None else "size"
    return _does_not_fit(
        adapter, model, Phrase("model.layer", variant=variant, layer=layer, size=size)
    )


def _does_not_fit(adapter: Adapter, model: Path, reason: Phrase) -> InputError:
    return InputError(
        "model.adapter_of_another_base",
        variant="" if adapter.base else "unknown",
        adapter=adapter.folder,
        model=model,
        reason=reason,
        base=adapter.base,
    )
