"""The evaluator service: a finished run's models measured again, on its own rows or on a file."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from phi3studio.app.files import PATIENCE_S
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import Cancelled, InputError
from phi3studio.domain.recipe import Data, Recipe
from phi3studio.runs.measuring.search_file import as_built
from phi3studio.runs.measuring.verification_folder import scratch_folder
from phi3studio.runs.store import RunFolder
from phi3studio.worker.process import privacy
from phi3studio.worker.serving import Cancel, Handler
from phi3studio.worker.streamed import Tell, streamed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from phi3studio.worker.data.preparing.held_out_rows import HeldOut, HeldOutRow
    from phi3studio.worker.fidelity.compare import Comparison


def evaluate(
    params: dict[str, Any], cancel: Cancel
) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Measure base, merged and exported model of ``run`` (a folder) on every row of ``data``.

    Yields ``{"activity", "step", "total"}``; returns the metrics by model.
    """
    return (yield from streamed(lambda tell: _work(params, cancel, tell, keep=False)["metrics"]))


def verify(
    params: dict[str, Any], cancel: Cancel
) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """The same on ``data``, or without it on the run's own held-out rows, and judged.

    Returns ``{"metrics", "verdict", "forgetting"}`` and appends them to the run's events; the model
    card is written again. Nothing is written when it is cancelled.
    """
    return (yield from streamed(lambda tell: _work(params, cancel, tell, keep=True)))


def take(params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
    """Make the point ``number`` of the search of ``run`` its exported model; what was measured of
    it becomes the run's verdict, and the model card is written again."""
    from phi3studio.runs.card import write_card
    from phi3studio.runs.measuring.taken_export import take_point
    from phi3studio.worker.process.emit import Emitter

    run = RunFolder(Path(params["run"]))
    with alone(run):
        point = take_point(run, int(params["number"]))
        with Emitter(run) as emit:
            for payload in point:
                emit(payload)
        if run.view().verdict is not None:
            write_card(run)
    return {"run": run.name, "taken": int(params["number"]), "model": str(run.model)}


def _work(params: dict[str, Any], cancel: Cancel, tell: Tell, *, keep: bool) -> dict[str, Any]:
    run = RunFolder(Path(params["run"]))
    with alone(run):
        return _measure(run, params, cancel, tell, keep=keep)


@contextmanager
def alone(run: RunFolder) -> Iterator[None]:
    """While inside, no worker and no other measuring uses the run."""
    lock = FileLock(run.attempt_lock)
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout as exc:
        raise InputError("run.busy", run=run.name) from exc
    try:
        yield
    finally:
        lock.release()


def _measure(
    run: RunFolder, params: dict[str, Any], cancel: Cancel, tell: Tell, *, keep: bool
) -> dict[str, Any]:
    file = Path(params["data"]) if params.get("data") else None

    def on_row(role: str) -> Callable[[int, int], None]:
        def report(step: int, total: int) -> None:
            if cancel.requested:
                raise Cancelled
            tell({"activity": f"measuring the {role} model", "step": step, "total": total})

        return report

    with _comparison(run, file) as compared:
        events: list[Any] = []
        for role in compared.roles:
            metrics = compared.measure(role, on_row(role))
            if metrics is not None:
                events.append(metrics)
        cancel.check()
        forgetting = compared.forgetting()
        verdict = compared.verdict(_candidates(run))
        if keep:
            more = [forgetting] if forgetting is not None else []
            _append(run, ([] if file is not None else [*events, *more]), verdict)
    return {
        "metrics": {
            item.model: item.model_dump(mode="json", exclude={"type", "model"}, exclude_none=True)
            for item in events
        },
        "verdict": verdict.model_dump(mode="json", exclude_none=True) if verdict else None,
        "forgetting": forgetting.model_dump(mode="json") if forgetting else None,
    }


def _candidates(run: RunFolder) -> Any:
    """What an auto export tried stays a part of the verdict."""
    verdict = run.view().verdict
    return verdict.candidates if verdict is not None else ()


def _append(run: RunFolder, measured: list[Any], verdict: Any) -> None:
    from phi3studio.runs.card import write_card
    from phi3studio.worker.data.preparing.prepare_examples import load_prepared
    from phi3studio.worker.fidelity.lengths import write_lengths
    from phi3studio.worker.process.emit import Emitter

    with Emitter(run) as emit:
        for payload in measured:
            emit(payload)
        if verdict is not None:
            emit(verdict)
    prepared = load_prepared(run.data)
    if prepared is not None:
        write_lengths(run, prepared)
    write_card(run)


@contextmanager
def _comparison(run: RunFolder, file: Path | None) -> Iterator[Comparison]:
    """The run's models and the rows of *file*, else its own; scratch files are removed."""
    from phi3studio.worker.data.preparing.tokenise import find_stop
    from phi3studio.worker.fidelity.compare import Comparison
    from phi3studio.worker.models import resolve_model
    from phi3studio.worker.models.open_tokenizer import open_tokenizer
    from phi3studio.worker.process.threads import usable_cores

    recipe = as_built(run)
    adapter = _adapter(run, recipe)
    if not run.model.is_dir() or (adapter is not None and not adapter.is_dir()):
        raise InputError("run.not_completed", variant="verify", run=run.name)
    base = resolve_model(recipe.model.source, revision=recipe.model.revision)
    privacy.refuse_network()
    tokenizer = open_tokenizer(base, recipe.model.trust_remote_code)
    with scratch_folder(run) as scratch:
        yield Comparison(
            recipe=recipe,
            base=base,
            adapter=adapter,
            merged=run.merged if run.merged.is_dir() else None,
            exported=run.model,
            tokenizer=tokenizer,
            stop=find_stop(tokenizer),
            data=held_out_of(run, recipe, tokenizer, file),
            threads=usable_cores(),
            scratch=scratch,
            measured=run.measured,
            file=str(file) if file is not None else None,
        )


def _adapter(run: RunFolder, recipe: Recipe) -> Path | None:
    """The adapter that the exported model contains, if any."""
    from phi3studio.worker.fidelity.compare import contained_adapter

    named = Path(recipe.model.adapter) if recipe.model.adapter is not None else None
    return contained_adapter(recipe, run.adapter if "train" in recipe.steps else named, run.model)


def held_out_of(
    run: RunFolder, recipe: Recipe, tokenizer: Any, file: Path | None = None
) -> HeldOut:
    """The rows that the run is measured on: of *file*, else its own, else general text."""
    from phi3studio.worker.data.preparing import held_out_rows
    from phi3studio.worker.data.preparing.calibration_rows import general_rows
    from phi3studio.worker.data.preparing.prepare_examples import load_prepared

    if file is None and recipe.data is None:
        return general_rows(tokenizer)
    prepared = load_prepared(run.data)
    labels = prepared.labels if prepared is not None else ()
    conversation = recipe.rows.messages is not None
    if file is None:
        if prepared is None:
            raise InputError("run.no_held_out", run=run.name)
        return held_out_rows.load_held_out(prepared.held_out, labels, conversation=conversation)
    rows = _rows(recipe, tokenizer, file)
    if not rows:
        raise InputError("data.empty", variant="held_out", path=file)
    found = held_out_rows.held_out_of(rows, labels, conversation=conversation)
    if not found.rows:
        column = recipe.rows.rating
        raise InputError("data.one_rating", variant="held_out", column=column)
    return found


def _rows(recipe: Recipe, tokenizer: Any, file: Path) -> tuple[HeldOutRow, ...]:
    """Every usable row of *file*, repaired, rendered and tokenised as the recipe's own rows; as a
    pair where the recipe has pairs and the file has them too."""
    from phi3studio.worker.data.preparing.decide import held_out_source
    from phi3studio.worker.data.preparing.held_out_rows import row_of
    from phi3studio.worker.data.preparing.row_pipeline import Process, columns_of
    from phi3studio.worker.data.reading.source_rows import RowSource

    # How the recipe's own file is written says nothing about this one.
    plain = Source(source=str(file)).model_dump()
    data = held_out_source(recipe.rows, str(file)).model_copy(update=plain)
    longest = recipe.training.sequence_length
    process: Process | None = None
    rows: list[HeldOutRow] = []
    for batch in RowSource(data).batches():
        if process is None:
            columns = columns_of(batch.rows)
            data = _fitting(data, columns)
            process = Process(data, tokenizer, longest, columns)
        for at, passed in enumerate(process.encode(process.render(batch.rows, batch.places))):
            if passed.error is not None:
                raise passed.error.placed(source=file.name, row=batch.first + at + 1)
            if passed.rendered is None or passed.encoded is None or passed.dropped is not None:
                continue
            example = passed.example(longest)
            if example.learned:
                rows.append(row_of(example))
    return tuple(rows)


def _fitting(data: Data, columns: Sequence[str]) -> Data:
    """*data* without the worse answers, or the ratings, where there are no columns with them."""
    from phi3studio.domain.template import column_of
    from phi3studio.worker.data.preparing.render import check_columns

    if data.rejected is not None:
        try:
            check_columns(data, columns)
        except InputError:
            data = data.model_copy(update={"rejected": None})
    if data.rating is not None and column_of(dict.fromkeys(columns), data.rating) is None:
        data = data.model_copy(update={"rating": None})
    check_columns(data, columns)
    return data


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    privacy.disable_telemetry()
    return {"evaluate": evaluate, "verify": verify, "take": take}
