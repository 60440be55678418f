"""From adapter to exported model: each step's result is looked at before it counts."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phi3studio.app.files import keep_for_good, write_json
from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.quantisation import Provider
from phi3studio.domain.recipe import Recipe
from phi3studio.models.model_folder import check_model_folder
from phi3studio.worker.data.preparing.tokenise import Stop
from phi3studio.worker.fidelity.exported_model import ExportedModel
from phi3studio.worker.genai.genai import CHAT_FACTS, adapter_names
from phi3studio.worker.genai.providers import runnable

# The tensors that begin at zero: a training that did nothing leaves them there.
_STARTS_AT_ZERO = re.compile(r"\.(lora_B|hada_w2_b|lokr_w1|lokr_w1_a)(\.|$)")


def place_adapter(made: Path | None, adapter: Path) -> None:
    """Check the adapter that Olive made and move it to *adapter*."""
    import torch
    from safetensors.torch import load_file

    if made is None or not (made / "adapter_model.safetensors").is_file():
        raise RunError("run.bad_result", variant="adapter_file")
    weights = load_file(made / "adapter_model.safetensors")
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise RunError("run.bad_result", variant="adapter_numbers")
    moved = [value for name, value in weights.items() if _STARTS_AT_ZERO.search(name)]
    if not any(bool(value.any()) for value in moved):
        raise RunError("run.bad_result", variant="adapter_zero")
    _move(made, adapter)


def place_merged(made: Path, merged: Path) -> None:
    """Check the merged model that Olive made and move it to *merged*."""
    try:
        check_model_folder(made)
    except InputError as exc:
        raise RunError("run.bad_result", variant="merged", reason=exc) from exc
    _move(made, merged)


def place_exported(
    made: Path, model: Path, recipe: Recipe, stop: Stop, probe: Sequence[int], threads: int
) -> None:
    """Make the built model complete, check that it loads and answers, move it to *model*.

    *probe* are the ids of one held-out prompt.
    """
    output = made if made.is_dir() else made.parent
    if not (output / "genai_config.json").is_file() or not any(output.glob("*.onnx")):
        raise RunError("run.bad_result", variant="model_files")
    _drop_code(output)
    _name_classic_tokenizer(output / "tokenizer_config.json")
    _list_stop(output / "genai_config.json", stop)
    template = recipe.data.template if recipe.data else None
    facts: dict[str, Any] = {
        "version": 1,
        "name": recipe.name,
        "base_model": recipe.model.source,
        "stop": {"text": stop.text, "id": stop.id},
        "template": template.model_dump() if template else None,
    }
    if apart := adapter_names(output):
        facts["adapter"] = apart[0]
    write_json(output / CHAT_FACTS, facts)
    try:
        _check_answers(output, recipe.target.provider, stop, probe, threads)
    except RunError as exc:
        raise _kept_aside(output, model, exc) from exc
    _move(output, model)


def failed_folder(model: Path) -> Path:
    """Where an export is kept that could not be used."""
    return model.with_name(f"{model.name}.failed")


def _kept_aside(output: Path, model: Path, error: RunError) -> RunError:
    """Keep an export that cannot be used next to where it would be; the error that says so."""
    aside = failed_folder(model)
    _move(output, aside)
    adapter = model.parent / "adapter"
    if adapter.is_dir():
        return error.within("export.kept", variant="adapter", folder=aside.name, adapter=adapter)
    return error.within("export.kept", folder=aside.name)


def _drop_code(folder: Path) -> None:
    """Leave the base model's own Python code behind: the ONNX model needs none."""
    for code in folder.rglob("*.py"):
        code.unlink()
    for file in (folder / "config.json", folder / "tokenizer_config.json"):
        config = json.loads(file.read_text("utf-8"))
        if config.pop("auto_map", None) is not None:
            write_json(file, config)


def _name_classic_tokenizer(file: Path) -> None:
    """Older releases of genai refuse the class name that transformers 5 writes."""
    config = json.loads(file.read_text("utf-8"))
    if config.get("tokenizer_class") == "TokenizersBackend":
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
        write_json(file, config)


def _list_stop(file: Path, stop: Stop) -> None:
    """The trained stop token must be among those that end an answer."""
    config = json.loads(file.read_text("utf-8"))
    value = config["model"].get("eos_token_id", [])
    ids = list(value) if isinstance(value, list) else [value]
    if stop.id not in ids:
        ids = [*ids, stop.id]
    config["model"]["eos_token_id"] = ids
    write_json(file, config)


def _check_answers(
    folder: Path, provider: Provider, stop: Stop, probe: Sequence[int], threads: int
) -> None:
    """Load the model in a process of its own and let it answer.

    A model for a provider that this environment lacks is tried on the CPU; that it does not run
    there says nothing against it.
    """
    listed = json.loads((folder / "genai_config.json").read_text("utf-8"))["model"]["eos_token_id"]
    if stop.id not in (listed if isinstance(listed, list) else [listed]):
        raise RunError("run.bad_result", variant="stop", stop=stop.text)
    with runnable(folder, provider, folder.parent) as (usable, stand_in):
        try:
            with ExportedModel(usable, threads) as model:
                finite = model.score(probe, [len(probe) - 1]).finite
                answer = model.generate(probe, 4)
        except RunError as exc:
            if stand_in is None:
                raise
            print(f"not checked: {exc.message}", file=sys.stderr)
            _check_graph(folder)
            return
    if not finite:
        raise RunError("run.bad_result", variant="model_numbers")
    if not answer:
        raise RunError("run.bad_result", variant="no_answer")


def _check_graph(folder: Path) -> None:
    """What can be checked of a model that cannot be loaded here: each output has a node."""
    import onnx

    for file in folder.glob("*.onnx"):
        graph = onnx.load(file, load_external_data=False).graph
        made = {name for node in graph.node for name in node.output}
        missing = [output.name for output in graph.output if output.name not in made]
        if missing:
            raise RunError("run.bad_result", variant="output", output=missing[0])


def _move(source: Path, target: Path) -> None:
    """Rename a verified result into place; an older one of a failed attempt goes first."""
    if target.exists():
        shutil.rmtree(target)
    keep_for_good(source)
    source.rename(target)
