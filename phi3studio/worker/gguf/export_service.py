"""The service that writes a run's model as GGUF and proves it in llama.cpp."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phi3studio.domain.errors import Cancelled, InputError, RunError
from phi3studio.domain.places.gguf import GgufKind, modelfile
from phi3studio.runs.measuring.verification_folder import scratch_folder
from phi3studio.runs.store import RunFolder
from phi3studio.worker.process import privacy
from phi3studio.worker.serving import Cancel, Handler
from phi3studio.worker.streamed import Tell, streamed

if TYPE_CHECKING:
    from phi3studio.domain.events.measured_events import Proof
    from phi3studio.domain.recipe import Recipe
    from phi3studio.worker.data.preparing.tokenise import Stop
    from phi3studio.worker.process.threads import ThreadGovernor

OnStep = Callable[[int, int], None]
_SHORT_CONTEXT = 64
_CHUNK = 1024 * 1024


def gguf(params: dict[str, Any], cancel: Cancel) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Write the model of ``run`` (a folder) into the folder ``out`` as a GGUF file of a ``kind``,
    for a ``place``, and measure it where llama.cpp is installed. ``apart``: the base model, and
    the adapter in a file of its own.

    Yields ``{"activity", "step", "total"}``; returns ``{"file", "lora", "proof", "unproven"}``: the
    files' names, the proof that is kept with the run, or the error that says why there is none.
    """
    return (yield from streamed(lambda tell: _export(params, cancel, tell)))


def _export(params: dict[str, Any], cancel: Cancel, tell: Tell) -> dict[str, Any]:
    from phi3studio.worker.fidelity.evaluator import alone
    from phi3studio.worker.gguf.lora_file import write_adapter
    from phi3studio.worker.process.threads import ThreadGovernor

    governor = ThreadGovernor()

    def step(activity: str) -> OnStep:
        def report(done: int, total: int) -> None:
            if cancel.requested:
                raise Cancelled
            governor.look()
            tell({"activity": activity, "step": done, "total": total})

        return report

    run = RunFolder(Path(params["run"]))
    with alone(run):
        opened = _open(run)
        kind: GgufKind = params["kind"]
        slug, out = opened.recipe.slug, Path(params["out"])
        lora: Path | None = None
        file = out / f"{slug}-{kind}.gguf"
        if params["apart"]:
            file, lora = out / f"{slug}-base-{kind}.gguf", out / f"{slug}-lora.gguf"
            write_adapter(lora, opened.config, opened.own_adapter, opened.recipe.name)
        _write(opened, file, kind, step, apart=lora is not None)
        if params["place"] == "ollama":
            _write_modelfile(opened, file, lora)
        made = {"file": file.name, "lora": lora.name if lora is not None else None}
        try:
            proof = _proof(opened, file, lora, kind, step, governor)
        except RunError as exc:
            if exc.code != "gguf.no_llama_cpp":
                raise
            return made | {"proof": None, "unproven": exc.to_json()}
    return made | {"proof": proof.model_dump(mode="json"), "unproven": None}


@dataclass(frozen=True)
class _Opened:
    run: RunFolder
    recipe: Recipe
    base: Path
    adapter: Path | None
    tokenizer: Any
    stop: Stop
    config: dict[str, Any]

    @property
    def own_adapter(self) -> Path:
        """Raises :class:`InputError` where there is none."""
        if self.adapter is None:
            raise InputError("gguf.adapter", variant="none", run=self.run.name)
        return self.adapter


def _open(run: RunFolder) -> _Opened:
    from phi3studio.models.model_config import read_config
    from phi3studio.worker.data.preparing.tokenise import find_stop
    from phi3studio.worker.gguf.architectures import family_of
    from phi3studio.worker.models import resolve_model
    from phi3studio.worker.models.open_tokenizer import open_tokenizer

    recipe = run.recipe()
    base = resolve_model(recipe.model.source, revision=recipe.model.revision)
    privacy.refuse_network()
    config = read_config(base)
    family_of(config)
    tokenizer = open_tokenizer(base, recipe.model.trust_remote_code)
    named = Path(recipe.model.adapter) if recipe.model.adapter is not None else None
    adapter = run.adapter if "train" in recipe.steps else named
    return _Opened(run, recipe, base, adapter, tokenizer, find_stop(tokenizer), config)


def _template(recipe: Recipe) -> Any:
    return recipe.data.template if recipe.data is not None else None


def _write(
    opened: _Opened, file: Path, kind: GgufKind, step: Callable[[str], OnStep], *, apart: bool
) -> None:
    from phi3studio.runs.card import card_text
    from phi3studio.runs.card.facts import base_of
    from phi3studio.worker.fidelity.compare import free_memory
    from phi3studio.worker.gguf import write
    from phi3studio.worker.gguf.calibrating import calibrate
    from phi3studio.worker.gguf.speech import speech_of

    model = _model(opened, None if apart else opened.adapter)
    config = opened.config | {"tie_word_embeddings": model.config.tie_word_embeddings}
    scales = None
    if kind == "iq4_nl":
        rows = _calibration(opened)
        scales = calibrate(model, config, rows, step("calibrating the 4-bit weights"))
    base = base_of(opened.run)
    about = write.About(
        name=opened.recipe.name,
        card=card_text(opened.run),
        licence=base.licence,
        licence_link=base.licence_link,
        base=base.title,
        base_url=f"https://huggingface.co/{base.hub_id}" if base.hub_id else None,
    )
    write.write_model(
        file,
        kind,
        config,
        model.state_dict(),
        opened.tokenizer,
        about,
        speech_of(opened.tokenizer, opened.stop, _template(opened.recipe)),
        scales,
        step("writing the GGUF file"),
    )
    del model
    free_memory()


def _model(opened: _Opened, adapter: Path | None) -> Any:
    from phi3studio.worker.fidelity.compare import loaded_model
    from phi3studio.worker.models.adapter_merge import merged

    model = loaded_model(opened.base, opened.recipe.model.trust_remote_code)
    return (merged(model, adapter) if adapter is not None else model).eval()


def _calibration(opened: _Opened) -> list[list[int]]:
    from phi3studio.worker.data.preparing.calibration_rows import calibration_rows
    from phi3studio.worker.data.preparing.prepare_examples import load_prepared

    prepared = load_prepared(opened.run.data) if opened.recipe.data is not None else None
    return calibration_rows(prepared.train if prepared is not None else None, opened.tokenizer)


def _write_modelfile(opened: _Opened, file: Path, lora: Path | None) -> None:
    from phi3studio.runs.bundle.contents import licence_text
    from phi3studio.runs.card.facts import base_of
    from phi3studio.worker.gguf.architectures import usual_context
    from phi3studio.worker.gguf.speech import go_template

    template, system = go_template(opened.tokenizer, _template(opened.recipe))
    text = modelfile(
        file.name,
        template,
        stops=[opened.stop.text],
        context=usual_context(opened.config),
        lora=lora.name if lora is not None else None,
        system=system,
        licence=licence_text(base_of(opened.run), opened.base),
    )
    (file.parent / "Modelfile").write_text(text, "utf-8", newline="\n")


def _proof(
    opened: _Opened,
    file: Path,
    lora: Path | None,
    kind: GgufKind,
    step: Callable[[str], OnStep],
    governor: ThreadGovernor,
) -> Proof:
    """What was measured of these very files, or is now; kept with the run."""
    from phi3studio.domain.events.measured_events import Proof
    from phi3studio.runs.card import write_card
    from phi3studio.worker.fidelity.compare import Comparison
    from phi3studio.worker.fidelity.evaluator import held_out_of
    from phi3studio.worker.fidelity.exported_model import ExportedModel
    from phi3studio.worker.gguf.speech import check_template
    from phi3studio.worker.llama_cpp.llama_native import library_version, missing
    from phi3studio.worker.process.emit import Emitter

    run, recipe = opened.run, opened.recipe
    program = library_version()
    if program is None:
        raise missing()
    files = [file, *([lora] if lora is not None else [])]
    digest = _digest(files)
    title = kind if lora is None else f"{kind} + LoRA"
    known = run.view().proofs.get(title)
    if known is not None and (known.sha256, known.program) == (digest, program):
        return known
    with ExportedModel(file, context=_SHORT_CONTEXT) as model:
        check_template(model, opened.tokenizer, _template(recipe))
    data = held_out_of(run, recipe, opened.tokenizer)
    with scratch_folder(run) as scratch:
        compared = Comparison(
            recipe=recipe,
            base=opened.base,
            adapter=opened.adapter,
            merged=run.merged if run.merged.is_dir() else None,
            exported=file,
            tokenizer=opened.tokenizer,
            stop=opened.stop,
            data=data,
            threads=governor.cores,
            scratch=scratch,
            measured=run.measured,
            gguf=kind,
            lora=lora,
        )
        for role in (compared.reference, "exported"):
            name = "GGUF" if role == "exported" else role
            compared.threads = governor.look()
            compared.measure(role, step(f"measuring the {name} model"))
        verdict = compared.verdict()
    assert verdict is not None
    proof = Proof(
        kind=title,
        sha256=digest,
        bytes=sum(item.stat().st_size for item in files),
        program=program,
        verdict=verdict,
    )
    with Emitter(run) as emit:
        emit(proof)
    write_card(run)
    return proof


def _digest(files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as source:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    privacy.disable_telemetry()
    return {"gguf": gguf}
