"""A first recipe for a data file, drafted from what the inspector finds in it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from phi3studio.app.files import expanded
from phi3studio.app.paths import user_home
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Data, Method, Recipe, Training, parse_recipe
from phi3studio.domain.template import (
    as_column,
    escape,
    missing_column,
    parse_template,
    split_template,
)
from phi3studio.models.model_store import ModelStore
from phi3studio.runs.preflight import model_size
from phi3studio.wizard.flow import PresetName
from phi3studio.wizard.tuning_presets import ROOMY, preset_settings

if TYPE_CHECKING:
    from phi3studio.domain.datasets.source_report import ShapeProposal, SourceReport, Unread

_CHARACTERS_A_TOKEN = 4.0
_CONVERSATION = 64.0
_SHOWN = 12


def draft_recipe(
    data: Path,
    model: str,
    *,
    after: str | None = None,
    prompt: str | None = None,
    completion: str | None = None,
    template: str | None = None,
    messages: str | None = None,
    rejected: str | None = None,
    rating: str | None = None,
    prompt_column: str | None = None,
    answer_column: str | None = None,
    preset: PresetName = "balanced",
) -> tuple[Recipe, list[str]]:
    """A complete recipe for *data*, and lines that say why it is so and what it leaves unread.

    Without a template or columns given, the inspector's proposal is taken; a proposal that is a
    guess raises :class:`InputError` with the candidates instead. *rejected* goes with a template or
    conversations: the worse answer of pairs; *rating* too: the column that rates single answers.
    *preset* is one of the window's. *after* names a run whose adapter this one goes on from, with
    its model in place of *model*.
    """
    if (prompt is None) != (completion is None):
        raise InputError("recipe.half_a_template")
    if (prompt_column is None) != (answer_column is None):
        raise InputError("recipe.half_a_template", variant="columns")
    report = rows_of(expanded(data).absolute())
    shape: dict[str, Any]
    if template is not None:
        prompt, completion = split_template(with_line_breaks(template))
    elif prompt_column is not None and answer_column is not None:
        prompt, completion = _of_columns(report, prompt_column, answer_column)
    if prompt is not None and completion is not None:
        given = {"prompt": with_line_breaks(prompt), "completion": with_line_breaks(completion)}
        shape, lines = {"template": given}, ["The template is the one given."]
    elif messages is not None:
        shape, lines = {"messages": messages}, ["The conversations are where you said."]
    else:
        best = first_proposal(report)
        if not best.sure:
            raise _ambiguous(report, best)
        shape = shape_keys(best)
        lines = [f"Looks like {best.shape.replace('_', ' ')}: {best.reason}"]
        lines += unread_lines(best.unread, "")
    shape = preferring(shape, rejected, rating)
    lines += [str(remark) for remark in report.remarks]
    values = {
        "name": data.stem[:80] or "fine-tune",
        "data": {"source": str(data), **shape},
        "model": {"source": model} if after is None else _learned_by(after, lines),
        "method": method_keys(shape),
    }
    recipe = parse_recipe(values)
    return recipe.model_copy(update=_settings(preset, recipe, report)), lines


def _learned_by(name: str, lines: list[str]) -> dict[str, Any]:
    """The model section that goes on from the adapter of the run *name*, which *lines* tell."""
    from phi3studio.domain.run import state_phrase
    from phi3studio.runs.store import RunStore

    run = RunStore(user_home()).find(name)
    if not run.adapter.is_dir():
        raise InputError("run.no_adapter", run=run.name, state=state_phrase(run.state()))
    lines.append(f"Goes on from what {run.name} learned.")
    model = run.recipe().model.model_copy(update={"adapter": str(run.adapter)})
    return model.model_dump(mode="json")


def _settings(preset: PresetName, recipe: Recipe, report: SourceReport) -> dict[str, Any]:
    """The sections that *preset* fills. The sequence length stays: no row was tokenised yet."""
    method, training = settings_for(preset, recipe, report)
    own = {"sequence_length": recipe.training.sequence_length}
    return {"method": method, "training": training.model_copy(update=own)}


def settings_for(
    preset: PresetName, recipe: Recipe, report: SourceReport
) -> tuple[Method, Training]:
    """What *preset* stands for with a recipe's model and rows, on this machine."""
    rows = round(report.rows * (1 - recipe.rows.split.held_out))
    size = model_size(recipe.model, ModelStore(user_home()))
    learned = _learned(recipe.rows, report.first)
    roomy = psutil.virtual_memory().available > ROOMY
    method, training = preset_settings(
        preset,
        rows or 500,
        size.parameters,
        learned=learned,
        roomy=roomy,
        objective=recipe.method.objective,
    )
    batch = fitting_batch(report, training.batch_size)
    return method, training.model_copy(update={"batch_size": batch})


def rows_of(source: Path) -> SourceReport:
    """What the inspector sees in a file of rows."""
    found: SourceReport = wait_for(_look(source))
    return found


def fitting_batch(report: SourceReport, batch_size: int) -> int:
    """*batch_size*, or less for a tiny data set, which would not fill a few batches of it."""
    few = report.rows_exact and report.rows < 10 * batch_size
    return max(1, report.rows // 10) if few else batch_size


def _learned(data: Data, rows: Sequence[Mapping[str, Any]]) -> float:
    """About how many tokens of a row are learned, from the first rows' characters."""
    if data.template is None:
        return _CONVERSATION
    completion = parse_template(data.template.completion, "completion")
    lengths: list[int] = []
    for row in rows:
        with contextlib.suppress(InputError):  # the check reports a row that lacks something
            lengths.append(len(completion.render(row, row.keys())))
    return sum(lengths) / max(1, len(lengths)) / _CHARACTERS_A_TOKEN


def first_proposal(report: SourceReport) -> ShapeProposal:
    """The most likely shape; raises :class:`InputError` where none fits, with the reason."""
    if report.shapes:
        return report.shapes[0]
    if report.obstacle is not None:
        raise InputError.from_json(report.obstacle)
    raise InputError(
        "data.no_shape",
        file=Path(report.files[0]).name,
        columns=_column_names(report),
    )


def _column_names(report: SourceReport) -> list[str]:
    names = [column.name for column in report.columns]
    return [*names[:_SHOWN], *["…"] * (len(names) > _SHOWN)]


def shape_keys(shape: ShapeProposal) -> dict[str, Any]:
    """The keys of a recipe's data section that a proposal stands for."""
    keys: dict[str, Any] = {"repairs": [repair.model_dump() for repair in shape.repairs]}
    if shape.split_column is not None:
        keys["split"] = {"column": shape.split_column, "values": list(shape.split_values)}
    if shape.rejected is not None:
        keys["rejected"] = shape.rejected
    if shape.rating is not None:
        keys["rating"] = shape.rating
    if shape.messages is not None:
        return {"messages": shape.messages, **keys}
    return {"template": {"prompt": shape.prompt, "completion": shape.completion}, **keys}


def preferring(shape: dict[str, Any], rejected: str | None, rating: str | None) -> dict[str, Any]:
    """*shape* with a worse answer, or a column of ratings, where one was given."""
    if rejected is not None:
        found = {key: value for key, value in shape.items() if key != "rating"}
        return found | {"rejected": with_line_breaks(rejected)}
    if rating is None:
        return shape
    kept = [
        repair
        for repair in shape.get("repairs", ())
        # The bad answers are learned from.
        if (repair["kind"], repair.get("column")) != ("drop_marked", rating)
    ]
    found = {key: value for key, value in shape.items() if key != "rejected"}
    return found | {"rating": rating, "repairs": kept}


def method_keys(shape: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a recipe's method section that its data's shape asks for."""
    if shape.get("rating") is not None:
        return {"objective": "kto"}
    return {"objective": "dpo"} if shape.get("rejected") is not None else {}


def unread_lines(unread: Sequence[Unread], indent: str) -> list[str]:
    """Lines that say what the model will not see: what may be missed, then the details."""
    missed = [item for item in unread if item.is_missed]
    lines = [f"{indent}not seen by the model: {item.phrase}" for item in missed]
    untrained = [item for item in unread if item.kind == "untrained"]
    lines += [f"{indent}seen, but not trained: {item.phrase}" for item in untrained]
    details = [item.name for item in unread if item.detail and item not in untrained]
    if details:
        more = " …" if len(details) > 20 else ""
        lines.append(f"{indent}not used: {', '.join(details[:20])}{more}")
    return lines


def _ambiguous(report: SourceReport, best: ShapeProposal) -> InputError:
    """The error for a guess, with what could be meant."""
    if best.messages is not None:
        places = [shape.messages or "" for shape in report.shapes]
        return InputError("data.ambiguous", variant="messages", places=places)
    templates = [f"{s.prompt}{{=>}}{s.completion}".replace("\n", "\\n") for s in report.shapes]
    return InputError(
        "data.ambiguous",
        columns=_column_names(report),
        templates=[f"--template '{text}'" for text in templates[:3]],
    )


def _of_columns(report: SourceReport, prompt: str, answer: str) -> tuple[str, str]:
    names = [column.name.strip() for column in report.columns]
    prompt, answer = (name if name in names else as_column(name) for name in (prompt, answer))
    for name in (prompt, answer):
        if name not in names and name.split(".")[0] not in names:
            raise missing_column(name, names)
    title = escape(answer.replace("_", " ")[:60])
    return f"{{{prompt}}}\n### {title}:\n", f"{{{answer}}}"


async def _look(path: Path) -> Any:
    from phi3studio.domain.datasets.source import Source
    from phi3studio.services.connection import Service
    from phi3studio.services.inspector_client import Inspector

    async with Service.start("inspector") as service:
        return await Inspector(service).look(Source(source=str(path)))


def with_line_breaks(text: str) -> str:
    """Shells pass \\n as two characters; in a template it means a line break."""
    return text if "\n" in text else text.replace("\\n", "\n")
