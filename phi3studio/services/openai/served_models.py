"""The models that a server answers for, and the names by which requests call them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from phi3studio.services.chat_client import LoadedModel
from phi3studio.services.openai.api_errors import ApiError


@dataclass(frozen=True)
class ServedModel:
    """A model as a request names it: an exported model, perhaps with one of its adapters.

    ``aliases`` are further names that it answers to and that no list shows.
    """

    id: str
    model: LoadedModel
    adapter: str | None = None
    aliases: tuple[str, ...] = ()


def served(name: str, model: LoadedModel, aliases: Iterable[str] = ()) -> list[ServedModel]:
    """The ids of one exported model: itself, and each of its adapters and its base apart."""
    found = [ServedModel(name, model, aliases=tuple(aliases))]
    if model.adapters:
        names = {adapter: adapter for adapter in model.adapters} | {"base": ""}
        for shown, adapter in names.items():
            also = tuple(f"{alias}:{shown}" for alias in aliases)
            found.append(ServedModel(f"{name}:{shown}", model, adapter, also))
    return found


def find_model(models: Mapping[str, ServedModel], name: str) -> ServedModel:
    """The model of that id or alias, of the models by their ids; raises a 404."""
    if name in models:
        return models[name]
    # Of several with one alias the newest, which was named last.
    for model in reversed(list(models.values())):
        if name in model.aliases:
            return model
    raise ApiError(
        404,
        f"The model “{name}” does not exist here. There are: {', '.join(models)}.",
        "invalid_request_error",
        "model_not_found",
        "model",
    )
