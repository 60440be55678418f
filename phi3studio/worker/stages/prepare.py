"""Prepare: open the base model, read the data, write the examples of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from phi3studio.app.paths import user_home
from phi3studio.domain.datasets.source_report import Unread
from phi3studio.domain.estimation.estimate import ModelSize
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import check_target
from phi3studio.models.model_folder import weight_bytes
from phi3studio.models.model_store import ModelStore
from phi3studio.runs.preflight import check_disk
from phi3studio.runs.studies.trial_mark import read_mark
from phi3studio.worker.data.preparing.prepare_examples import Prepared, load_prepared, prepare
from phi3studio.worker.data.preparing.tokenise import find_stop
from phi3studio.worker.models import ModelFacts, check_against_model, model_facts, resolve_model
from phi3studio.worker.models.adapter_check import check_adapter
from phi3studio.worker.models.open_tokenizer import check_fits, open_tokenizer
from phi3studio.worker.process.privacy import refuse_network
from phi3studio.worker.stages.attempt import Attempt, Opened
from phi3studio.worker.stages.search_exports import check_can_search
from phi3studio.worker.training.held_out_part import with_part


def is_done(attempt: Attempt) -> bool:
    """Whether the examples were written. The model is opened again in any case."""
    return attempt.recipe.data is not None and load_prepared(attempt.run.data) is not None


def do(attempt: Attempt) -> None:
    """Open the model and prepare the data. After this nothing may reach the network."""
    recipe = attempt.recipe
    check_target(recipe)
    attempt.say("opening the model")
    trusted = recipe.model.trust_remote_code
    if not ModelStore(user_home()).is_installed(recipe.model.source):
        attempt.unusual.add("prepare")  # it is fetched or converted once
    model = resolve_model(recipe.model.source, attempt.say, revision=recipe.model.revision)
    if recipe.data is None or recipe.data.format != "hub":
        # From here on everything is local.
        refuse_network()
    facts = model_facts(model, trusted)
    check_against_model(recipe, facts)
    if recipe.model.adapter is not None:
        check_adapter(Path(recipe.model.adapter), model, trusted)
    if trusted and facts.code_files:
        attempt.notice(
            "model.remote_code",
            level="warning",
            files=facts.code_files,
        )
    _check_disk(attempt, facts, model)
    check_can_search(attempt, facts, model)
    tokenizer = open_tokenizer(model, trusted)
    check_fits(tokenizer, model, facts.vocabulary)
    prepared = None
    if recipe.data is not None:
        attempt.say("reading the data")
        prepared = load_prepared(attempt.run.data) or _prepare_data(attempt, tokenizer)
        if (mark := read_mark(attempt.run)) is not None:
            prepared = with_part(prepared, mark.part, attempt.run.work)
    attempt.opened = Opened(model, facts, tokenizer, find_stop(tokenizer), prepared)
    refuse_network()


def _prepare_data(attempt: Attempt, tokenizer: Any) -> Prepared:
    prepared = prepare(attempt.recipe, tokenizer, attempt.run.data, attempt.on_row("tokenising"))
    if prepared.cut_off_rows:
        attempt.notice(
            "data.cut_off",
            level="warning",
            rows=prepared.cut_off_rows,
            tokens=attempt.recipe.training.sequence_length,
        )
    skipped = prepared.dropped.get("skip_broken", 0)
    dropped = [
        Phrase("data.dropped_by", variant=why, rows=rows, repair=why)
        for why, rows in prepared.dropped.items()
        if why != "skip_broken"
    ]
    if dropped:
        attempt.notice("data.dropped", repairs=dropped)
    if prepared.left_out_rows + skipped:
        attempt.notice(
            "data.left_out",
            variant="why",
            level="warning",
            rows=prepared.left_out_rows + skipped,
            parts=prepared.left_out[:8],
        )
    unread = [Unread.model_validate(item) for item in prepared.unread]
    missed = [item.phrase for item in unread if item.is_missed]
    if missed:
        attempt.notice("data.unread", level="warning", parts=missed[:8])
    untrained = [i.phrase for i in unread if i.kind == "untrained" and not i.detail]
    if untrained:
        attempt.notice("data.untrained", level="warning", parts=untrained)
    if prepared.marked_bad:
        attempt.notice("data.marked_bad", level="warning", columns=prepared.marked_bad)
    attempt.artifact("data", attempt.run.data)
    return prepared


def _check_disk(attempt: Attempt, facts: ModelFacts, model: Path) -> None:
    size = ModelSize(facts.parameters, 0, 0, 0, weight_bytes(model))
    check_disk(attempt.recipe, size, attempt.run.path)
