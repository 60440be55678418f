"""What the card tells, gathered from a run's folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import yaml

from phi3studio.app.files import folder_bytes
from phi3studio.app.paths import Home
from phi3studio.domain.events.measured_events import Confusion, Metrics, Preference, Verified
from phi3studio.domain.events.payload import ModelRole
from phi3studio.domain.messages import say
from phi3studio.domain.parsing import parse_json, parse_yaml
from phi3studio.domain.preference_figures import preference_phrase
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import Curves, RunView, fold, fold_curves
from phi3studio.models.model_store import ModelStore
from phi3studio.runs.event_file import CURVE_POINTS, few_events
from phi3studio.runs.measuring.search_file import as_built
from phi3studio.runs.store import RunFolder

LENGTHS = "lengths.json"
"""In the run's data folder: how many rows have how many tokens (counts by upper bound)."""

TITLES: dict[ModelRole, str] = {
    "base": "Base",
    "start": "Before",
    "merged": "Tuned",
    "exported": "Exported",
}
_PATH_KEYS = {"source", "also", "file", "adapter"}


@dataclass(frozen=True)
class BaseModel:
    """The model that was tuned. ``licence`` is a SPDX name where it is known."""

    title: str
    hub_id: str | None = None
    licence: str | None = None
    licence_link: str | None = None
    licence_asks: str | None = None

    @property
    def spdx(self) -> str:
        """The licence as the hub's front matter names it."""
        return (self.licence or "other").lower()


@dataclass(frozen=True)
class CardFacts:
    """Everything that the card shows."""

    name: str
    recipe: Recipe
    recipe_text: str
    view: RunView
    curves: Curves
    base: BaseModel
    written: str
    data: Mapping[str, Any] | None = None
    data_name: str | None = None
    lengths: tuple[tuple[int, int], ...] = ()
    model_bytes: int = 0
    titles: Mapping[ModelRole, str] = field(default_factory=lambda: TITLES)

    @property
    def verdict(self) -> Verified | None:
        return self.view.verdict

    @property
    def roles(self) -> list[ModelRole]:
        """The measured models in their order."""
        measured = set(self.view.metrics) | set(self.verdict.models if self.verdict else ())
        return [role for role in TITLES if role in measured]

    @property
    def best(self) -> Metrics | None:
        """Of the model that is used: exported, else tuned."""
        return self.view.metrics.get("exported") or self.view.metrics.get("merged")

    @property
    def score_title(self) -> str:
        """What the task score is called."""
        words = self.best is not None and self.best.score_name == "token_f1"
        return "F1 of the words" if words else "Accuracy"

    @property
    def scores(self) -> list[tuple[str, float]]:
        """Title and task score of each model that has one."""
        return [
            (TITLES[role], m.score if m.score is not None else m.accuracy)
            for role in TITLES
            if (m := self.view.metrics.get(role)) is not None
        ]

    @property
    def preferences(self) -> dict[ModelRole, Preference]:
        """How the models judge the held-out pairs; empty where there are none."""
        measured = ((role, self.view.metrics.get(role)) for role in TITLES)
        return {role: m.preference for role, m in measured if m is not None and m.preference}

    @property
    def preference_said(self) -> str | None:
        """What was learned of the pairs, in a sentence."""
        said = preference_phrase(self.view.metrics, self.verdict)
        return say(said).message if said is not None else None

    @property
    def confusion(self) -> Confusion | None:
        return self.best.confusion if self.best is not None else None

    @property
    def front_matter(self) -> str:
        """The hub's front matter, as YAML."""
        values: dict[str, Any] = {"license": self.base.spdx}
        if self.base.licence_link and self.base.spdx == "other":
            values["license_link"] = self.base.licence_link
        if self.base.hub_id is not None:
            values["base_model"] = self.base.hub_id
        values |= {
            "library_name": "onnxruntime-genai" if self.model_bytes else "peft",
            "pipeline_tag": "text-generation",
            "tags": ["phi3-studio", "lora", *(["onnx"] if self.model_bytes else [])],
        }
        if self.best is not None:
            values["model-index"] = [self._index(self.best)]
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True).rstrip()

    def _index(self, metrics: Metrics) -> dict[str, Any]:
        found = [
            {"type": "exact_match", "value": round(metrics.accuracy, 4)},
            {"type": "perplexity", "value": round(metrics.perplexity, 4)},
        ]
        for kind, value in (
            ("f1", metrics.macro_f1 or metrics.token_f1),
            ("rouge", metrics.rouge_l),
        ):
            if value is not None:
                found.append({"type": kind, "value": round(value, 4)})
        return {
            "name": self.recipe.name,
            "results": [
                {
                    "task": {"type": "text-generation"},
                    "dataset": {"name": f"held-out rows of {self.data_name}", "type": "private"},
                    "metrics": found,
                }
            ],
        }


def gather(run: RunFolder) -> CardFacts:
    """Read the run's recipe, events and manifest. Raises :class:`RunError` for a damaged recipe."""
    recipe = as_built(run)
    events = few_events(run.events_file, CURVE_POINTS)
    data = _json(run.data / "manifest.json")
    lengths = _json(run.data / LENGTHS) or {}
    source = recipe.data.source if recipe.data is not None else None
    return CardFacts(
        name=recipe.name,
        recipe=recipe,
        recipe_text=yaml.dump(
            without_paths(recipe.to_json()), Dumper=_Blocks, sort_keys=False, allow_unicode=True
        ).rstrip(),
        view=fold(events),
        curves=fold_curves(events),
        base=base_of(run),
        written=time.strftime("%Y-%m-%d"),
        data=data,
        data_name=PurePath(source).name if source is not None else None,
        lengths=tuple((int(top), int(count)) for top, count in lengths.get("counts", ())),
        model_bytes=folder_bytes(run.model) if run.model.is_dir() else 0,
    )


def base_of(run: RunFolder) -> BaseModel:
    """The base model of *run*."""
    return base_model(run.recipe(), ModelStore(_home(run)))


def base_model(recipe: Recipe, store: ModelStore) -> BaseModel:
    """The base model's name and licence: of the catalogue, else of its own card."""
    source = recipe.model.source
    entry = store.entry(source)
    if entry is not None:
        return BaseModel(
            entry.title, entry.hub_id, entry.licence, entry.licence_link, entry.licence_forbids
        )
    folder = store.folder(source, recipe.model.revision)
    front = _front_matter(folder / "README.md")
    licence = front.get("license_name") or front.get("license")
    # A path of this computer says nothing elsewhere; its last part does.
    title = source if not Path(source).is_absolute() else PurePath(source).name
    return BaseModel(
        title=title,
        hub_id=source if source.count("/") == 1 and folder.name != source else None,
        licence=str(licence) if licence else None,
        licence_link=str(front["license_link"]) if front.get("license_link") else None,
    )


def without_paths(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe's values with only the names of files and folders, not where they lie here."""

    def strip(key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {inner: strip(inner, item) for inner, item in value.items()}
        if isinstance(value, list):
            return [strip(key, item) for item in value]
        if key in _PATH_KEYS and isinstance(value, str) and Path(value).is_absolute():
            return PurePath(value).name
        return value

    return {key: strip(key, value) for key, value in recipe.items()}


class _Blocks(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Blocks.add_representer(str, _text)


def _home(run: RunFolder) -> Home:
    """The home that the run lies in: its models are next to its runs."""
    return Home(run.path.parent.parent)


def _json(file: Path) -> dict[str, Any] | None:
    try:
        values = parse_json(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _front_matter(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text("utf-8")
        if not text.startswith("---"):
            return {}
        values = parse_yaml(text.split("---", 2)[1])
    except (OSError, ValueError, IndexError, yaml.YAMLError):
        return {}
    return values if isinstance(values, dict) else {}
