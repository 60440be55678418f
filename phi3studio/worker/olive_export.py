"""A recipe as files that plain Olive runs: config, user script, the rows, a README.

Rows are read, repaired and split here, by the same code as in a run; the exported script renders,
tokenises and masks them by itself. So ``olive run`` trains the adapter that a run trains.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError
from phi3studio.domain.estimate import total_steps
from phi3studio.domain.recipe import Data, Recipe, parse_recipe
from phi3studio.domain.template import cell_text, is_blank
from phi3studio.runs.files import write_atomically, write_json
from phi3studio.runs.paths import resources
from phi3studio.worker import hardware
from phi3studio.worker import olive_config as oc
from phi3studio.worker.data.prepare import Prepared, prepare
from phi3studio.worker.data.process import Process, columns_of
from phi3studio.worker.data.render import conversation, tools_of
from phi3studio.worker.data.rows import RowSource
from phi3studio.worker.data.tokenise import Encoder
from phi3studio.worker.models import check_against_model, model_facts, resolve_model
from phi3studio.worker.streamed import streamed

CONFIG = "olive-config.json"
SCRIPT = "user_script.py"
README = "README.txt"
LOAD_DATASET = "studio_rows"
PRE_PROCESS = "studio_examples"
"""What the user script registers with Olive."""

_OLIVE_PASSES = {"lora": "LoRA", "qlora": "QLoRA", "dora": "DoRA"}
_PINNED = (
    "olive-ai", "torch", "transformers", "peft", "accelerate", "datasets", "onnxruntime",
    "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-genai", "onnxruntime-genai-cuda",
    "onnxruntime-genai-directml", "requests", "tabulate",
)  # fmt: skip

Say = Callable[[str], None]


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
    from transformers import AutoTokenizer

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(
            "olive.export_exists",
            f"{out} exists already and is not an empty folder.",
            "Name a new folder with --out.",
        )
    say("opening the model")
    model = resolve_model(recipe.model.source, say, recipe.model.revision)
    trust = recipe.model.trust_remote_code
    facts = model_facts(model, trust)
    check_against_model(recipe, facts)
    device = hardware.choose_device(recipe)
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=trust)
    encoder = Encoder(tokenizer)
    made = _new_folder(out)
    try:
        say("reading the data")
        with tempfile.TemporaryDirectory() as scratch:
            prepared = prepare(recipe, tokenizer, Path(scratch), lambda done, total: None)
            say("writing the rows")
            train, held_out = _write_rows(recipe, encoder, prepared, out)
        plan = oc.TrainPlan(
            model=model,
            train_file=Path(train),
            eval_file=Path(held_out) if held_out else None,
            checkpoints=Path(),
            output=Path("model"),
            cache=Path("cache"),
            total_steps=total_steps(recipe, prepared.train_rows),
            device=device,
            precision=hardware.choose_precision(recipe, device),
            target_modules=facts.target_modules(recipe.method.target_modules),
            eval_steps=_eval_steps(recipe, prepared.train_rows),
        )
        merge_in = "float32" if facts.parameters < oc.LARGE_MODEL else None
        config = olive_config(recipe, plan, _relative(model, out), encoder.stop.text, merge_in)
        notes = _notes(recipe, facts.parameters, plan.precision)
        write_json(out / CONFIG, config)
        shutil.copyfile(resources() / "olive" / SCRIPT, out / SCRIPT)
        write_atomically(out / README, _readme(recipe, notes))
    except BaseException:
        _clear(out, made)
        raise
    files = sorted(f.relative_to(out).as_posix() for f in out.rglob("*") if f.is_file())
    return Exported(out, tuple(files), prepared.train_rows, notes)


def olive_config(
    recipe: Recipe, plan: oc.TrainPlan, model: str, stop: str, merge_dtype: str | None
) -> dict[str, Any]:
    """The workflow adapter → merge → ONNX as one config of Olive's own passes.

    The training is the very one of a run, read from *plan*; *model* is the path to write for
    the base model, *stop* the text of the stop token, *merge_dtype* the number format of the
    merged weights (as the base model's when ``None``).
    """
    config = oc.train_config(recipe, plan)
    lora = config["passes"]["lora"]
    lora["type"] = _OLIVE_PASSES[recipe.method.kind]
    del lora["use_rslora"], lora["training_args"]["output_dir"]
    target = recipe.target
    device, provider = oc.PROVIDERS[target.provider]
    system = config["systems"]["local"]
    system["accelerators"] = [{"device": device, "execution_providers": [provider]}]
    config["input_model"]["model_path"] = model
    if merge_dtype is not None:
        config["input_model"]["load_kwargs"]["torch_dtype"] = merge_dtype
    config["data_configs"] = [_data_config(data, recipe, stop) for data in config["data_configs"]]
    config["passes"] = {
        "lora": lora,
        "merge": {"type": "MergeAdapterWeights"},
        "builder": {"type": "ModelBuilder", **oc.builder_options(target)},
    }
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
    return max(1, total_steps(recipe, train_rows) // evaluations) if evaluations else None


# --- rows -----------------------------------------------------------------------------------------


def _write_rows(
    recipe: Recipe, encoder: Encoder, prepared: Prepared, out: Path
) -> tuple[str, str | None]:
    """Write the rows that are trained, and those of the evaluations if there are any; returns
    the names of the files, from *out*."""
    data = recipe.rows
    main = list(_rows_of(recipe, data, encoder, prepared.train))
    train = _write_jsonl(out, "train", main)
    if not recipe.training.evaluations:
        return train, None
    other = data
    if data.split.file is not None:
        other = data.model_copy(update={"source": data.split.file, "also": []})
    held_out = _rows_of(recipe, other, encoder, prepared.held_out, oc.EVALUATION_ROWS)
    return train, _write_jsonl(out, "held-out", list(held_out))


def _rows_of(
    recipe: Recipe, data: Data, encoder: Encoder, file: Path, limit: int | None = None
) -> Iterator[dict[str, str]]:
    """The repaired rows behind the examples of a Parquet file of ``prepare``, in their order."""
    import pyarrow.parquet as pq

    places = pq.read_table(file, columns=["row"])["row"].to_pylist()[:limit]
    wanted = set(places)
    process: Process | None = None
    for batch in RowSource(data).batches():
        if process is None:
            known = columns_of(batch.rows)
            process = Process(data, encoder, recipe.training.sequence_length, known)
        rows = [row for at, row in enumerate(batch.rows, batch.first) if at in wanted]
        for passed in process.encode(process.render(rows)):
            yield _texts(data, passed.row)


def _texts(data: Data, row: dict[str, Any]) -> dict[str, str]:
    """What the user script needs of a row, every value as the text that the model sees."""
    if data.template is None:
        column = data.messages or "messages"
        texts = {"messages": json.dumps(conversation(row, column), ensure_ascii=False)}
        tools = tools_of(row)
        return texts | ({"tools": json.dumps(tools, ensure_ascii=False)} if tools else {})
    required = data.template.required
    return {
        column: cell_text(row, column)
        for column in data.template.columns
        if column in required or not is_blank(row, column)
    }


def _write_jsonl(out: Path, kind: str, rows: list[dict[str, str]]) -> str:
    """Write rows as JSON Lines, the file named by its content; returns its name from *out*."""
    lines = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    # Lone surrogates become JSON's own escapes.
    content = lines.encode("utf-8", "backslashreplace")
    name = f"{kind}-{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
    (out / "data").mkdir(exist_ok=True)
    (out / "data" / name).write_bytes(content)
    return f"data/{name}"


# --- files ----------------------------------------------------------------------------------------


def _new_folder(out: Path) -> bool:
    """Make the folder if it is not there; returns whether it was made."""
    if out.is_dir():
        return False
    try:
        out.mkdir(parents=True)
    except OSError as exc:
        raise InputError(
            "disk.not_writable",
            f"The folder {out} cannot be made: {exc.strerror or exc}.",
            "Name another folder with --out.",
        ) from exc
    return True


def _clear(out: Path, made: bool) -> None:
    """Leave nothing of a failed export."""
    if made:
        shutil.rmtree(out, ignore_errors=True)
        return
    shutil.rmtree(out / "data", ignore_errors=True)
    for name in (CONFIG, SCRIPT, README):
        (out / name).unlink(missing_ok=True)


def _relative(path: Path, folder: Path) -> str:
    """*path* from *folder* where it lies below or beside it; else as it is."""
    try:
        found = Path(os.path.relpath(path.resolve(), folder.resolve()))
    except ValueError:  # another drive of Windows
        return str(path)
    ups = found.parts.count("..")
    return found.as_posix() if ups <= 1 else str(path)


def _notes(recipe: Recipe, parameters: int, precision: str) -> tuple[str, ...]:
    """What the reader of the export must know."""
    notes = []
    if recipe.training.precision == "auto":
        notes.append(f"The training's number format is {precision}, chosen for this machine.")
    target = recipe.target
    if target.quantisation == "int4" and target.int4 == "quality" and parameters < oc.LARGE_MODEL:
        notes.append(
            "Phi-3 Studio also calibrates the int4 weights on your rows for a model of this "
            "size; the exported chain quantises without calibration (k_quant_mixed)."
        )
    return tuple(notes)


def _readme(recipe: Recipe, notes: tuple[str, ...]) -> str:
    wanted = [*_PINNED, *(["bitsandbytes"] if recipe.method.kind == "qlora" else [])]
    pins = " ".join(f"{name}=={version}" for name in wanted if (version := _version(name)))
    return "\n".join(
        [
            f"{recipe.name}: a fine-tune for Microsoft Olive, exported from Phi-3 Studio.",
            "",
            "In this folder, with Python 3.11 or 3.12:",
            "",
            f"    pip install {pins}",
            f"    olive run --config {CONFIG}",
            "",
            "The adapter is then in adapter/, the ONNX model in model/. Olive may end without an",
            "error although a pass failed: it has succeeded when model/genai_config.json exists.",
            "Olive reports usage to its makers; --disable_telemetry after the command asks it "
            "not to.",
            "",
            f"{SCRIPT} turns the rows in data/ into examples. The rows are those of the training,",
            "after the recipe's repairs and its split; each run trains anew.",
            *(f"\n{note}" for note in notes),
            "",
        ]
    )


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


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
