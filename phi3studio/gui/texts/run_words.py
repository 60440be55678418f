"""The words, marks and colours of a run's states, stages and models."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from phi3studio.domain.azure import parse_model
from phi3studio.domain.events.payload import ModelRole, StageName
from phi3studio.domain.hyperparameters import METHOD_TITLES
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import RunState, RunView
from phi3studio.gui.texts import words
from phi3studio.runs.shown.outcome import Outcome, OutcomeKind
from phi3studio.runs.shown.overall import Overall

translate = QCoreApplication.translate


@dataclass(frozen=True)
class StateWords:
    """How a state is shown. ``role`` is a text colour, ``ground`` the colour behind it."""

    text: str
    icon: str
    role: str
    ground: str


def state_words(state: RunState) -> StateWords:
    """The look of a state."""
    match state:
        case "queued":
            return StateWords(translate("Run", "Waiting"), "clock", "muted", "track")
        case "running":
            return StateWords(translate("Run", "Running"), "play", "accent_text", "accent_soft")
        case "paused":
            return StateWords(translate("Run", "Paused"), "pause", "warning_text", "warning_soft")
        case "completed":
            return StateWords(translate("Run", "Done"), "check", "good_text", "good_soft")
        case "failed":
            return StateWords(translate("Run", "Failed"), "error", "danger_text", "danger_soft")
        case "cancelled":
            return StateWords(translate("Run", "Cancelled"), "stop", "muted", "track")
        case "damaged":
            return StateWords(translate("Run", "Damaged"), "error", "danger_text", "danger_soft")
        case "interrupted":
            return StateWords(
                translate("Run", "Interrupted"), "warning", "warning_text", "warning_soft"
            )


def outcome_words(kind: OutcomeKind) -> StateWords:
    """The look of what came of a completed run."""
    match kind:
        case "learned" | "exported" | "unmeasured":
            return state_words("completed")
        case "lossy":
            text = translate("Run", "Export lost too much")
        case "partly":
            text = translate("Run", "Learned in part")
        case "no_better":
            text = translate("Run", "No better")
        case _:
            text = translate("Run", "Not learned yet")
    return StateWords(text, "warning", "warning_text", "warning_soft")


def measured_words(found: Outcome) -> tuple[str, str]:
    """The figure of a run that was measured and what it counts: "92 %", "right, before 0 %"."""
    assert found.now is not None
    figure = words.percent(found.now)
    if found.preference is not None and found.preference.code == "preference.rated":
        said = translate("Run", "of the comparisons: good answer gained more than the bad one")
    elif found.preference is not None:
        said = translate("Run", "of the pairs: better answer preferred")
    elif found.score_name == "accuracy":
        said = translate("Run", "right")
    else:
        said = translate("Run", "of the words as expected")
    if found.kind == "lossy" and found.exported is not None and found.exported < found.now:
        other = translate("Run", "exported {share}").format(share=words.percent(found.exported))
    elif found.before is not None:
        other = translate("Run", "before {share}").format(share=words.percent(found.before))
    else:
        return figure, said
    return figure, f"{said}, {other}"


def stage_title(stage: StageName) -> str:
    """The name of a stage."""
    return {
        "prepare": translate("Run", "Prepare"),
        "train": translate("Run", "Train"),
        "merge": translate("Run", "Merge"),
        "quantise": translate("Run", "Quantise"),
        "verify": translate("Run", "Verify"),
    }[stage]


def step_words(view: RunView) -> str:
    """What a live run does just now: its stage, and the step where steps are counted."""
    if view.stage is None:
        return translate("Run", "Starting")
    stage = stage_title(view.stage)
    progress = view.progress
    if progress is None or not progress.total:
        return stage
    steps = (
        translate("Run", "step {step} of {total}")
        if view.stage == "train"
        else translate("Run", "{step} of {total}")
    )
    said = steps.format(step=words.count(progress.step), total=words.count(progress.total))
    return f"{stage} · {said}"


def waiting_words(view: RunView) -> str:
    """What a run waits for."""
    if view.start_at is not None:
        return translate("Run", "Starts at {time}").format(time=words.moment(view.start_at))
    return translate("Run", "Starts when the machine is free")


def left_words(overall: Overall) -> str:
    """How long the rest of a run takes; empty while that is not known."""
    if overall.left_s is None:
        return ""
    return translate("Run", "{time} left").format(time=words.about(overall.left_s))


def role_title(role: ModelRole) -> str:
    """The name of one of the models that a run measures."""
    return {
        "base": translate("Run", "Base"),
        "start": translate("Run", "Before"),
        "merged": translate("Run", "Tuned"),
        "exported": translate("Run", "Tuned, exported"),
    }[role]


def recipe_line(recipe: Recipe) -> str:
    """Model, method and target in one line."""
    device = {"auto": "", "cpu": "CPU", "cuda": "CUDA", "azureml": "Azure ML"}[
        recipe.target.train_on
    ]
    provider = {"cpu": "CPU", "cuda": "CUDA", "dml": "DirectML"}[recipe.target.provider]
    kind = recipe.target.quantisation
    if recipe.limits is not None:
        kind = translate("Run", "best export within limits")
    route = translate("Run", "{kind} for {device}").format(kind=kind, device=provider)
    method = f"{METHOD_TITLES[recipe.method.kind]} r {recipe.method.rank}"
    if "train" not in recipe.steps:
        method = translate("Run", "adapter merged") if "merge" in recipe.steps else ""
    if "quantise" not in recipe.steps:
        route = ", ".join(stage_title(step) for step in recipe.steps)
    elif "train" not in recipe.steps:
        device = ""
    cloud = recipe.azure.model if recipe.azure is not None else None
    model = parse_model(cloud).name if cloud is not None else model_title(recipe.model.source)
    parts = [model, method, f"{device} → {route}" if device else route]
    parts = [part for part in parts if part]
    return " · ".join(parts)


def model_title(source: str) -> str:
    """A short name for a base model: its catalogue name, or its folder's."""
    if source == "starter":
        return "SmolLM2-135M"
    return source.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
