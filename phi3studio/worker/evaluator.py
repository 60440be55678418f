"""The evaluator service: a finished run's three models on rows of another file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

from phi3studio.domain.errors import Cancelled, InputError
from phi3studio.runs.store import RunFolder
from phi3studio.worker import privacy
from phi3studio.worker.service import Cancel, Handler


def evaluate(params: dict[str, Any], cancel: Cancel) -> Iterator[dict[str, Any]]:
    """Measure base, merged and exported model of ``run`` (a folder) on every row of ``data``.

    Yields ``{"activity", "step", "total"}``; returns the metrics by model.
    """
    queue: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["result"] = _measure(params, cancel, queue.put)
        except BaseException as exc:  # handed to the thread that answers
            outcome["error"] = exc
        finally:
            queue.put(None)

    thread = Thread(target=work, daemon=True)
    thread.start()
    while (item := queue.get()) is not None:
        yield item
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]


def _measure(params: dict[str, Any], cancel: Cancel, tell: Any) -> dict[str, Any]:
    from transformers import AutoTokenizer

    from phi3studio.worker.compare import Comparison
    from phi3studio.worker.data.prepare import examples_of_file
    from phi3studio.worker.data.tokenise import find_stop
    from phi3studio.worker.evaluate import HeldOut, HeldOutRow
    from phi3studio.worker.hardware import choose_threads
    from phi3studio.worker.models import resolve_model

    run = RunFolder(Path(params["run"]))
    recipe = run.recipe()
    if not run.model.is_dir() or not run.adapter.is_dir():
        raise InputError(
            "run.not_completed",
            f"The run {run.name} has no exported model yet.",
            f"Finish it first: phi3studio resume {run.name}.",
        )
    base = resolve_model(recipe.model.source)
    trust = recipe.model.trust_remote_code
    tokenizer = AutoTokenizer.from_pretrained(base, trust_remote_code=trust)
    stop = find_stop(tokenizer)
    examples = examples_of_file(recipe, tokenizer, stop, Path(params["data"]))
    rows = tuple(
        HeldOutRow(
            prompt=example.prompt,
            expected=example.completion,
            input_ids=tuple(example.input_ids),
            labels=tuple(example.labels),
            prompt_tokens=example.prompt_tokens,
        )
        for example in examples
    )
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
        threads=choose_threads(),
        trust_remote_code=trust,
    )

    def on_row(role: str) -> Any:
        def told(step: int, total: int) -> None:
            if cancel.requested:
                raise Cancelled
            tell({"activity": f"measuring the {role} model", "step": step, "total": total})

        return told

    result = {}
    for role in comparison.roles:
        metrics = comparison.measure(role, on_row(role))
        result[role] = metrics.model_dump(exclude={"type", "model"}, exclude_none=True)
    return result


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    privacy.disable_telemetry()
    return {"evaluate": evaluate}
