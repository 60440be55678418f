"""The evaluator service: a finished run's three models on rows of another file."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phi3studio.domain.dataset import Source
from phi3studio.domain.errors import Cancelled, InputError
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.store import RunFolder
from phi3studio.worker import privacy
from phi3studio.worker.service import Cancel, Handler
from phi3studio.worker.streamed import Tell, streamed

if TYPE_CHECKING:
    from phi3studio.worker.evaluate import HeldOutRow


def evaluate(
    params: dict[str, Any], cancel: Cancel
) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Measure base, merged and exported model of ``run`` (a folder) on every row of ``data``.

    Yields ``{"activity", "step", "total"}``; returns the metrics by model.
    """
    return (yield from streamed(lambda tell: _measure(params, cancel, tell)))


def _measure(params: dict[str, Any], cancel: Cancel, tell: Tell) -> dict[str, Any]:
    from transformers import AutoTokenizer

    from phi3studio.worker.compare import Comparison
    from phi3studio.worker.data.tokenise import find_stop
    from phi3studio.worker.evaluate import HeldOut
    from phi3studio.worker.models import resolve_model
    from phi3studio.worker.threads import usable_cores

    run = RunFolder(Path(params["run"]))
    recipe = run.recipe()
    if not run.model.is_dir() or not run.adapter.is_dir():
        raise InputError(
            "run.not_completed",
            f"The run {run.name} has no exported model yet.",
            f"Finish it first: phi3studio resume {run.name}.",
        )
    base = resolve_model(recipe.model.source, revision=recipe.model.revision)
    trust = recipe.model.trust_remote_code
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=trust)
    stop = find_stop(tokenizer)
    rows = _rows(recipe, tokenizer, Path(params["data"]))
    if not rows:
        raise InputError(
            "data.empty", f"{params['data']} holds no usable row.", "Choose a file with rows in it."
        )
    comparison = Comparison(
        base=base,
        adapter=run.adapter,
        merged=None,
        exported=run.model,
        tokenizer=tokenizer,
        stop=stop,
        data=HeldOut(rows),
        threads=usable_cores(),
        trust_remote_code=trust,
    )

    def on_row(role: str) -> Any:
        def told(step: int, total: int) -> None:
            if cancel.requested:
                raise Cancelled
            tell({"activity": f"measuring the {role} model", "step": step, "total": total})

        return told

    result: dict[str, Any] = {}
    for role in comparison.roles:
        metrics = comparison.measure(role, on_row(role))
        result[role] = metrics.model_dump(exclude={"type", "model"}, exclude_none=True)
    return result


def _rows(recipe: Recipe, tokenizer: Any, file: Path) -> tuple[HeldOutRow, ...]:
    """Every usable row of *file*, repaired, rendered and tokenised as the recipe's own rows."""
    from phi3studio.worker.data.process import Process, columns_of
    from phi3studio.worker.data.render import check_columns
    from phi3studio.worker.data.rows import RowSource
    from phi3studio.worker.data.tokenise import example_of
    from phi3studio.worker.evaluate import HeldOutRow

    # How the recipe's own file is written says nothing about this one.
    plain = Source(source=str(file)).model_dump()
    data = recipe.rows.model_copy(update=plain)
    longest = recipe.training.sequence_length
    process: Process | None = None
    rows: list[HeldOutRow] = []
    for batch in RowSource(data).batches():
        if process is None:
            columns = columns_of(batch.rows)
            check_columns(data, columns)
            process = Process(data, tokenizer, longest, columns)
        for at, passed in enumerate(process.encode(process.render(batch.rows))):
            if passed.error is not None:
                row = batch.first + at + 1
                message = f"{file.name}, row {row}: {passed.error.message}"
                raise InputError(passed.error.code, message, passed.error.hint)
            if passed.rendered is None or passed.encoded is None or passed.dropped is not None:
                continue
            example = example_of(passed.rendered, passed.encoded, longest)
            if example.learned:
                rows.append(
                    HeldOutRow(
                        prompt=example.prompt,
                        expected=example.completion,
                        input_ids=example.input_ids,
                        labels=example.labels,
                        prompt_tokens=example.prompt_tokens,
                    )
                )
    return tuple(rows)


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    privacy.disable_telemetry()
    return {"evaluate": evaluate}
