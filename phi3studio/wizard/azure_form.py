"""The section azure while it is being filled in: texts as they were typed, right or not yet.

:class:`Azure` is valid as a whole or not at all; a form is neither. What is wrong with a field is
reported by the section's own validation, each field on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import copy
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from phi3studio.domain.azure import Azure, JobIdentity, Login
from phi3studio.domain.errors import InputError

# What is missing where a field is empty; data and model count where they are in the cloud.
_EMPTY = {
    "subscription": "azure.empty_subscription",
    "resource_group": "azure.empty_resource_group",
    "workspace": "azure.empty_workspace",
    "compute": "azure.empty_compute",
    "data": "azure.empty_data",
    "model": "azure.empty_model",
}

# A section that nothing can be said against, in which one field is tried.
_SOUND: Mapping[str, Any] = {
    "subscription": "00000000-0000-0000-0000-000000000000",
    "resource_group": "group",
    "workspace": "workspace",
    "compute": "compute",
    "job_identity": "managed",
}
_TOKEN_PLACES = ("key_vault", "secret", "connection")
_CHECKED = (
    "subscription", "resource_group", "workspace", "compute", "instance_type", "datastore",
    "experiment", "image", "data", "model", *_TOKEN_PLACES,
)  # fmt: skip
_TOKEN = re.compile(r"hf_[A-Za-z0-9]{10,}")


def _as_in_section(name: str) -> Any:
    """The default and the limits of a field of :class:`Azure`."""
    return copy(Azure.model_fields[name])


class AzureForm(BaseModel):
    """What was typed so far. Empty texts are absent values. Immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = 1
    subscription: str = ""
    resource_group: str = ""
    workspace: str = ""
    compute: str = ""
    instance_type: str = ""
    nodes: int = _as_in_section("nodes")
    gpus: int = _as_in_section("gpus")
    hours: float = _as_in_section("hours")
    login: Login = _as_in_section("login")
    job_identity: JobIdentity = _as_in_section("job_identity")
    data_in_cloud: bool = False
    data: str = ""
    data_type: Literal["file", "folder"] = _as_in_section("data_type")
    model_in_cloud: bool = False
    model: str = ""
    model_format: Literal["mlflow", "custom"] = _as_in_section("model_format")
    datastore: str = _as_in_section("datastore")
    experiment: str = _as_in_section("experiment")
    image: str = ""
    key_vault: str = ""
    secret: str = "hf-token"  # noqa: S105 - the name of a secret
    connection: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_section(cls, values: object) -> object:
        """Take a section's values too: their absent ones, and the place of the hub's token."""
        if not isinstance(values, Mapping):
            return values
        given = {key: value for key, value in values.items() if value is not None}
        token = given.pop("hub_token", None)
        if isinstance(token, Mapping):
            given |= {key: token[key] for key in _TOKEN_PLACES if token.get(key) is not None}
        for name in ("data", "model"):
            given.setdefault(f"{name}_in_cloud", bool(given.get(name)))
        return given

    def to_json(self) -> str:
        """The form as the text of a file."""
        return self.model_dump_json(indent=2) + "\n"

    def without_addresses(self) -> AzureForm:
        """What another fine-tune in the same workspace begins with: not this one's data, model."""
        fresh = AzureForm()
        names = ("data_in_cloud", "data", "data_type", "model_in_cloud", "model", "model_format")
        return self.model_copy(update={name: getattr(fresh, name) for name in names})


def parse_form(text: str) -> AzureForm:
    """A saved form; an empty one if the text is damaged or of another version."""
    try:
        return AzureForm.model_validate_json(text)
    except ValidationError:
        return AzureForm()


def form_of(azure: Azure) -> AzureForm:
    """The form that makes *azure*."""
    return AzureForm.model_validate(azure.model_dump(mode="json"))


def to_azure(form: AzureForm) -> Azure:
    """The section of a complete form; raises :class:`InputError` for the first thing amiss."""
    for _, error in form_problems(form):
        raise error
    return _section(_values(form))


def form_problems(form: AzureForm) -> Iterator[tuple[str, InputError]]:
    """What is wrong, as (field's name, error), in the order of the fields; the whole at last."""
    found = False
    for name in _CHECKED:
        error = field_problem(form, name)
        if error is not None:
            found = True
            yield name, error
    if found:
        return
    try:
        _section(_values(form))
    except InputError as exc:
        yield ("job_identity" if exc.code == "azure.hub_token" else "compute"), exc


def field_problem(form: AzureForm, name: str) -> InputError | None:
    """What is wrong with one text of the form, looked at alone."""
    text = str(getattr(form, name)).strip()
    if name in ("data", "model") and not getattr(form, f"{name}_in_cloud"):
        return None
    if not text:
        return InputError(_EMPTY[name]) if name in _EMPTY else None
    changes: dict[str, Any] = {name: text}
    if name in _TOKEN_PLACES:
        if not (form.key_vault.strip() or form.connection.strip()):
            return None
        changes = {"hub_token": _hub_token(form)}
        if name != "key_vault" and form.key_vault.strip():
            return None  # shown with the vault
    try:
        _section({**_SOUND, **changes})
    except InputError as exc:
        return exc
    return None


def looks_like_token(text: str) -> bool:
    """Whether somebody has typed the hub's token itself, which must not be kept anywhere."""
    return _TOKEN.search(text) is not None


def _values(form: AzureForm) -> dict[str, Any]:
    values = form.model_dump(exclude={"version"})
    texts = {key: value.strip() for key, value in values.items() if isinstance(value, str)}
    values |= {key: text or None for key, text in texts.items()}
    for name in ("data", "model"):
        if not values.pop(f"{name}_in_cloud"):
            values[name] = None
            values.pop(f"{name}_type" if name == "data" else f"{name}_format")
    for name in _TOKEN_PLACES:
        del values[name]
    values["hub_token"] = _hub_token(form)
    # An emptied field is the default again.
    return {key: value for key, value in values.items() if value is not None}


def _hub_token(form: AzureForm) -> dict[str, str] | None:
    places = {key: str(getattr(form, key)).strip() for key in _TOKEN_PLACES}
    if not places["key_vault"] and not places["connection"]:
        return None
    return {key: text for key, text in places.items() if text}


def _section(values: Mapping[str, Any]) -> Azure:
    try:
        return Azure.model_validate(dict(values))
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InputError("azure.invalid_value", field=name, reason=first["msg"]) from exc
