"""What is wrong with a recipe, in one sentence: the key, the value, and the nearest right name."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.template import nearest

# What other tools call our keys.
_OTHER_NAMES = {
    "r": "method.rank",
    "lora_r": "method.rank",
    "lora_rank": "method.rank",
    "lora_alpha": "method.alpha",
    "lora_dropout": "method.dropout",
    "lr": "training.learning_rate",
    "num_train_epochs": "training.epochs",
    "num_epochs": "training.epochs",
    "per_device_train_batch_size": "training.batch_size",
    "gradient_accumulation_steps": "training.accumulation",
    "max_seq_len": "training.sequence_length",
    "max_length": "training.sequence_length",
    "source_max_len": "training.sequence_length",
    "text_template": "data.template",
    "data_files": "data.source",
    "model_name_or_path": "model.source",
    "model_path": "model.source",
}


def explain(exc: ValidationError, recipe: type[BaseModel]) -> InputError:
    """Turn pydantic's report on a *recipe* into one sentence a person can act on."""
    errors = exc.errors()
    unknown = next((e for e in errors if e["type"] == "extra_forbidden"), None)
    first = unknown or errors[0]
    path = [str(part) for part in first["loc"] if not str(part).startswith(("literal[", "list["))]
    name = ".".join(path)
    more = Phrase("recipe.more", count=len(errors) - 1) if len(errors) > 1 else None
    if unknown is not None:
        keys = _keys_at(recipe, tuple(path[:-1]))
        near = nearest(path[-1], keys) or _anywhere(recipe, path[-1])
        if near is None:
            return InputError("recipe.unknown_key", name=name, more=more)
        return InputError("recipe.unknown_key", variant="near", name=name, near=near, more=more)
    if first["type"] == "missing":
        return InputError("recipe.missing_key", name=name, more=more)
    given, reason = first.get("input"), _lower_first(first["msg"])
    if isinstance(given, (dict, list)):
        return InputError(
            "recipe.invalid_value", variant="section", name=name, reason=reason, more=more
        )
    return InputError(
        "recipe.invalid_value", name=name, given=repr(given), reason=reason, more=more
    )


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _keys_at(recipe: type[BaseModel], path: tuple[str, ...]) -> list[str]:
    model = recipe
    for part in path:
        field = model.model_fields.get(part)
        inner = _section_of(field.annotation) if field else None
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The section class inside ``Section`` or ``Section | None``."""
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _anywhere(recipe: type[BaseModel], key: str) -> str | None:
    """A key of another section that has this name (or nearly), with its path."""
    paths = {
        field: f"{section}.{field}"
        for section, info in recipe.model_fields.items()
        for field in (_keys_at(recipe, (section,)) if _section_of(info.annotation) else [])
    }
    near = nearest(key, list(paths))
    return _OTHER_NAMES.get(key) or (paths[near] if near else None)
