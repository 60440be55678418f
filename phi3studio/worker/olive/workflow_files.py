"""A recipe as files that plain Olive runs: config, user script, the rows, a README.

Rows are read, repaired and split here, by the same code as in a run; the exported script renders,
tokenises and masks them itself. So ``olive run`` trains the adapter that a run trains.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from phi3studio.app.about import installed_version
from phi3studio.app.files import new_folder, scratch_folder, write_atomically, write_json
from phi3studio.app.paths import user_home
from phi3studio.domain.errors import InputError
from phi3studio.domain.hyperparameters import METHOD_TITLES
from phi3studio.domain.quantisation import AUTO, most_exact
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.resources import resources
from phi3studio.worker.data.preparing.prepare_examples import prepare
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.models import ModelFacts, check_against_model, model_facts, resolve_model
from phi3studio.worker.models.adapter_check import changes_ends, check_adapter
from phi3studio.worker.models.open_tokenizer import open_tokenizer
from phi3studio.worker.olive import workflow_config as oc
from phi3studio.worker.olive.workflow_rows import write_rows
from phi3studio.worker.process import hardware
from phi3studio.worker.streamed import streamed

CONFIG = "olive-config.json"
SCRIPT = "user_script.py"
README = "README.txt"
LOAD_DATASET = "studio_rows"
PRE_PROCESS = "studio_examples"
"""What the user script registers with Olive."""

_PINNED = (
    "olive-ai", "torch", "transformers", "peft", "accelerate", "datasets", "onnxruntime",
    "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-genai", "onnxruntime-genai-cuda",
    "onnxruntime-genai-directml", "requests", "tabulate",
)  # fmt: skip

_PROOF = {
    "train": "adapter/adapter_model.safetensors",
    "merge": "model/model/config.json",
    "quantise": "model/genai_config.json",
}
"""Last step → the file that shows that it was done."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Written:
    """What is written of the model: the paths of base and adapter, the text of the stop token,
    the number format of merged weights (as the base model's when ``None``)."""

    model: str
    adapter: str | None = None
    stop: str = ""
    merge_dtype: str | None = None


@dataclass(frozen=True)
class Exported:
    """What was written, and how many rows it trains."""

    folder: Path
    files: tuple[str, ...]
    train_rows: int
    notes: tuple[str, ...]


def export_olive(recipe: Recipe, out: Path, say: Say = lambda activity: None) -> Exported:
    """Write everything into *out*, a new or empty folder.

    *say* hears what is being done. Raises :class:`InputError` for a folder that is not empty,
    and for whatever would stop a run of the recipe before its training.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError("olive.export_exists", path=out)
    _check_steps(recipe)
    say("opening the model")
    model = resolve_model(recipe.model.source, say, recipe.model.revision)
    trust = recipe.model.trust_remote_code
    facts = model_facts(model, trust)
    check_against_model(recipe, facts)
    adapter = Path(recipe.model.adapter) if recipe.model.adapter is not None else None
    found = check_adapter(adapter, model, trust) if adapter is not None else None
    if found is not None and facts.tied and changes_ends(found):
        raise InputError("olive.adapter_tied", adapter=adapter)
    apart = _relative(adapter, out) if adapter is not None else None
    written = Written(_relative(model, out), apart)
    if not facts.is_large:
        written = replace(written, merge_dtype="float32")
    made = new_folder(out)
    try:
        if "train" in recipe.steps:
            plan, stop, train_rows = _plan(recipe, model, facts, out, say)
            config = olive_config(recipe, replace(written, stop=stop), plan)
        else:
            plan, train_rows = None, 0
            config = olive_config(recipe, written)
        notes = _notes(recipe, facts.is_large, plan.precision if plan else None)
        write_json(out / CONFIG, config)
        if "data_configs" in config:
            shutil.copyfile(resources() / "olive" / SCRIPT, out / SCRIPT)
        write_atomically(out / README, _readme(recipe, notes))
    except BaseException:
        _clear(out, made)
        raise
    files = sorted(f.relative_to(out).as_posix() for f in out.rglob("*") if f.is_file())
    return Exported(out, tuple(files), train_rows, notes)


def _check_steps(recipe: Recipe) -> None:
    """Refuse what plain Olive cannot do."""
    if "train" in recipe.steps and recipe.method.objective != "sft":
        raise InputError("olive.objective", objective=recipe.method.objective)
    if "train" in recipe.steps and recipe.model.adapter is not None:
        raise InputError("olive.adapter_training")
    if "train" not in recipe.steps and recipe.model.adapter and "merge" not in recipe.steps:
        raise InputError("olive.adapter_unused")


def _plan(
    recipe: Recipe, model: Path, facts: ModelFacts, out: Path, say: Say
) -> tuple[oc.TrainPlan, str, int]:
    """Write the rows; returns the training's plan, the stop token's text, the rows trained."""
    device = hardware.choose_device(recipe)
    tokenizer = open_tokenizer(model, recipe.model.trust_remote_code)
    encoder = Encoder(tokenizer)
    say("reading the data")
    home = user_home()
    with scratch_folder(home.made(home.cache)) as scratch:
        prepared = prepare(recipe, tokenizer, scratch, lambda done, total: None)
        say("writing the rows")
        train, held_out = write_rows(recipe, encoder, prepared, out)
    plan = oc.TrainPlan(
        model=model,
        train_file=Path(train),
        eval_file=Path(held_out) if held_out else None,
        checkpoints=Path(),
        output=Path("model"),
        cache=Path("cache"),
        total_steps=recipe.training.total_steps(prepared.train_rows),
        device=device,
        precision=hardware.choose_precision(recipe, device),
        target_modules=facts.target_modules(recipe.method.target_modules),
        eval_steps=_eval_steps(recipe, prepared.train_rows),
    )
    return plan, encoder.stop.text, prepared.train_rows


def olive_config(
    recipe: Recipe, written: Written, plan: oc.TrainPlan | None = None
) -> dict[str, Any]:
    """The recipe's steps (adapter → merge → ONNX) as one config of Olive's own passes.

    A training is the very one of a run, read from *plan*; without it the chain has none.
    """
    passes: dict[str, Any] = {}
    if plan is not None:
        config = oc.train_config(recipe, plan)
        lora = config["passes"]["lora"]
        lora["type"] = METHOD_TITLES[recipe.method.kind]
        arguments = lora["training_args"]
        del lora["use_rslora"], arguments["output_dir"]
        if recipe.training.keep_best and "eval_steps" in arguments:
            arguments |= {
                "save_strategy": "steps",
                "save_steps": arguments["eval_steps"],
                "load_best_model_at_end": True,
                "metric_for_best_model": "eval_loss",
                "greater_is_better": False,
            }
        config["data_configs"] = [
            _data_config(data, recipe, written.stop) for data in config["data_configs"]
        ]
        passes["lora"] = lora
    else:
        config = oc.build_config(recipe, Path(written.model), Path("model"), Path("cache"))
    target = recipe.target
    device, provider = oc.PROVIDERS[target.provider]
    system = config["systems"]["local"]
    system["accelerators"] = [{"device": device, "execution_providers": [provider]}]
    model = config["input_model"]
    model["model_path"] = written.model
    if written.adapter is not None:
        model["adapter_path"] = written.adapter
    if "merge" in recipe.steps:
        passes["merge"] = {"type": "MergeAdapterWeights"}
        if written.merge_dtype is not None:
            model["load_kwargs"]["torch_dtype"] = written.merge_dtype
    if "quantise" in recipe.steps:
        passes["builder"] = {"type": "ModelBuilder", **oc.builder_options(target)}
        # The way to have Olive import the script where no data is read.
        config.setdefault("data_configs", [{"name": "no_data", "user_script": SCRIPT}])
    config["passes"] = passes
    # Without it Olive would take an old adapter from its cache when the rows have changed.
    return config | {"clean_cache": True}


def _data_config(data: dict[str, Any], recipe: Recipe, stop: str) -> dict[str, Any]:
    pre_process: dict[str, Any] = {
        "type": PRE_PROCESS,
        "max_seq_len": recipe.training.sequence_length,
        "stop": stop,
        "rank_stabilised": recipe.method.rank_stabilised,
    }
    if recipe.rows.template is not None:
        pre_process["prompt"] = recipe.rows.template.prompt
        pre_process["completion"] = recipe.rows.template.completion
    file = Path(data["load_dataset_config"]["data_files"]).as_posix()
    return {
        "name": data["name"],
        "type": "HuggingfaceContainer",
        "user_script": SCRIPT,
        "load_dataset_config": {"type": LOAD_DATASET, "data_files": file},
        "pre_process_data_config": pre_process,
        "dataloader_config": {"batch_size": 1},
    }


def _eval_steps(recipe: Recipe, train_rows: int) -> int | None:
    evaluations = recipe.training.evaluations
    return max(1, recipe.training.total_steps(train_rows) // evaluations) if evaluations else None


# --- files ----------------------------------------------------------------------------------------


def _clear(out: Path, made: bool) -> None:
    """Leave nothing of a failed export."""
    if made:
        shutil.rmtree(out, ignore_errors=True)
        return
    shutil.rmtree(out / "data", ignore_errors=True)
    for name in (CONFIG, SCRIPT, README):
        (out / name).unlink(missing_ok=True)


def _relative(path: Path, folder: Path) -> str:
    """*path* from *folder* where it lies below or next to it; else as it is."""
    try:
        found = Path(os.path.relpath(path.resolve(), folder.resolve()))
    except ValueError:  # another drive of Windows
        return str(path)
    ups = found.parts.count("..")
    return found.as_posix() if ups <= 1 else str(path)


def _notes(recipe: Recipe, is_large: bool, precision: str | None) -> tuple[str, ...]:
    """What the reader of the export must know."""
    notes = []
    if precision is not None and recipe.training.precision == "auto":
        notes.append(f"The training's number format is {precision}, chosen for this machine.")
    if precision is not None and recipe.training.early_stopping:
        notes.append(
            "Olive has no early stopping (training.early_stopping): the exported chain trains all "
            "steps."
        )
    if precision is not None and recipe.training.int4_aware:
        notes.append(
            "Olive does not round weights while it trains an adapter (training.int4_aware): the "
            "exported chain trains without that."
        )
    target = recipe.target
    preset = most_exact(target.int4, target.provider)
    if recipe.limits is not None:
        notes.append(
            "Olive does not measure exports on held-out rows (limits): the exported chain builds "
            "the recipe's own target, without a search."
        )
    if "quantise" in recipe.steps and (target.quantisation, target.int4) == ("int4", AUTO):
        notes.append(
            "Olive does not measure presets against each other (target.int4: auto): the exported "
            f"chain builds the most exact one, {preset.name}."
        )
    calibrated = target.quantisation == "int4" and oc.is_calibrated(target)
    if "quantise" in recipe.steps and calibrated and not is_large:
        notes.append(
            "Phi-3 Studio also calibrates the int4 weights on your rows for a model of this "
            "size; the exported chain quantises without calibration."
        )
    return tuple(notes)


def _readme(recipe: Recipe, notes: tuple[str, ...]) -> str:
    train, quantise = "train" in recipe.steps, "quantise" in recipe.steps
    wanted = [*_PINNED, *(["bitsandbytes"] if recipe.method.kind == "qlora" and train else [])]
    found = {name: installed_version(name) for name in wanted}
    pins = " ".join(f"{name}=={got.partition('+')[0]}" for name, got in found.items() if got)
    made = ["the adapter is in adapter/"] if train else []
    if quantise:
        made.append("the ONNX model in model/")
    elif "merge" in recipe.steps:
        made.append("the merged model in model/model/")
    proof = _PROOF["quantise" if quantise else "merge" if "merge" in recipe.steps else "train"]
    lines = [
        f"{recipe.name}: a workflow for Microsoft Olive, exported from Phi-3 Studio.",
        "",
        "In this folder, with Python 3.11 or 3.12:",
        "",
        f"    pip install {pins}",
        f"    olive run --config {CONFIG}",
        "",
        f"Afterwards {', '.join(made)}. Olive may end without an error although a pass",
        f"failed: it has succeeded when {proof} exists.",
        "Olive and ONNX Runtime report usage to their makers. --disable_telemetry after the",
        "command asks Olive not to, the variable ORT_DISABLE_TELEMETRY=1 ONNX Runtime.",
        "",
    ]
    if train:
        lines += [
            f"{SCRIPT} turns the rows in data/ into examples. The rows are those of the training,",
            "after the recipe's repairs and its split; each run trains from scratch.",
            "",
        ]
    return "\n".join([*lines, *(f"{note}\n" for note in notes)])


# --- the service ----------------------------------------------------------------------------------


def export(params: dict[str, Any], cancel: Any) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """The olive service: write the export of ``recipe`` to ``out``; yields ``{"activity"}``."""
    recipe, out = parse_recipe(params["recipe"]), Path(str(params["out"]))

    def work(tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        done = export_olive(recipe, out, lambda activity: tell({"activity": activity}))
        return {
            "folder": str(done.folder),
            "files": list(done.files),
            "train_rows": done.train_rows,
            "notes": list(done.notes),
        }

    return (yield from streamed(work))


def handlers() -> dict[str, Any]:
    """The service's methods."""
    return {"export": export}
