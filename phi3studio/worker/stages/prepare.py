"""Prepare: open the base model, read the data, write the examples of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phi3studio.domain.dataset import Unread
from phi3studio.domain.estimation.estimate import ModelSize
from phi3studio.domain.targets import check_target
from phi3studio.models.model_folder import weight_bytes
from phi3studio.runs.preflight import check_disk
from phi3studio.worker.data.preparing.prepare_examples import Prepared, load_prepared, prepare
from phi3studio.worker.data.preparing.tokenise import find_stop
from phi3studio.worker.models import ModelFacts, check_against_model, model_facts, resolve_model
from phi3studio.worker.models.adapter_check import check_adapter
from phi3studio.worker.process.privacy import refuse_network
from phi3studio.worker.stages.attempt import Attempt, Opened


def is_done(attempt: Attempt) -> bool:
    """Whether the examples were written. The model is opened again in any case."""
    return attempt.recipe.data is not None and load_prepared(attempt.run.data) is not None


def do(attempt: Attempt) -> None:
    """Open the model and prepare the data. After this nothing may reach the network."""
    recipe = attempt.recipe
    check_target(recipe)
    attempt.say("opening the model")
    trusted = recipe.model.trust_remote_code
    model = resolve_model(recipe.model.source, attempt.say, revision=recipe.model.revision)
    if recipe.data is None or recipe.data.format != "hub":
        # From here on everything is local.
        refuse_network()
    facts = model_facts(model, trusted)
    check_against_model(recipe, facts)
    if recipe.model.adapter is not None:
        check_adapter(Path(recipe.model.adapter), model, trusted)
    if trusted and facts.code_files:
        files = ", ".join(facts.code_files)
        attempt.notice(
            "model.remote_code",
            f"The recipe lets the model folder run its own code: {files}.",
            "warning",
        )
    _check_disk(attempt, facts, model)
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=trusted)
    prepared = None
    if recipe.data is not None:
        attempt.say("reading the data")
        prepared = load_prepared(attempt.run.data) or _prepare_data(attempt, tokenizer)
    attempt.opened = Opened(model, facts, tokenizer, find_stop(tokenizer), prepared)
    refuse_network()


def _prepare_data(attempt: Attempt, tokenizer: Any) -> Prepared:
    prepared = prepare(attempt.recipe, tokenizer, attempt.run.data, attempt.on_row("tokenising"))
    if prepared.cut_off_rows:
        attempt.notice(
            "data.cut_off",
            f"{prepared.cut_off_rows} rows are longer than "
            f"{attempt.recipe.training.sequence_length} tokens and were cut off.",
            "warning",
        )
    if prepared.dropped:
        dropped = ", ".join(f"{count} by {why}" for why, count in prepared.dropped.items())
        attempt.notice("data.dropped", f"Rows left out by repairs: {dropped}.")
    if prepared.left_out_rows:
        attempt.notice(
            "data.left_out",
            f"{prepared.left_out_rows} rows could not be used and were left out.",
            "warning",
        )
    missed = [item for item in map(Unread.model_validate, prepared.unread) if not item.detail]
    if missed:
        attempt.notice(
            "data.unread",
            "Not seen by the model: " + "; ".join(item.sentence for item in missed[:8]) + ".",
            "warning",
        )
    if prepared.marked_bad:
        attempt.notice(
            "data.marked_bad",
            f"Rows that {', '.join(prepared.marked_bad)} marks as bad are trained as good ones.",
            "warning",
        )
    attempt.artifact("data", attempt.run.data)
    return prepared


def _check_disk(attempt: Attempt, facts: ModelFacts, model: Path) -> None:
    size = ModelSize(facts.parameters, 0, 0, 0, weight_bytes(model))
    check_disk(attempt.recipe, size, attempt.run.path)
