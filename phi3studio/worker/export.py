"""From adapter to exported model: each step's result is looked at before it counts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import RunError
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.files import write_json
from phi3studio.worker.data.tokenise import Stop

CHAT_FACTS = "studio.json"
"""Beside the exported model: the template of the training and the stop token, for the chat."""


def place_adapter(made: Path | None, adapter: Path) -> None:
    """Check the adapter that Olive made and move it to *adapter*."""
    import torch
    from safetensors.torch import load_file

    if made is None or not (made / "adapter_model.safetensors").is_file():
        raise _no_result("adapter", "no adapter_model.safetensors was written")
    weights = load_file(made / "adapter_model.safetensors")
    if not all(bool(torch.isfinite(value).all()) for value in weights.values()):
        raise _no_result("adapter", "it holds values that are no numbers")
    if not any(bool(value.any()) for name, value in weights.items() if ".lora_B." in name):
        raise _no_result("adapter", "its weights are all zero, so nothing was learned")
    _move(made, adapter)


def place_merged(made: Path, merged: Path) -> None:
    """Check the merged model that Olive made and move it to *merged*."""
    if not (made / "config.json").is_file() or not any(made.glob("*.safetensors")):
        raise _no_result("merged model", "no weights were written")
    _write_legacy_rope(made / "config.json")
    _move(made, merged)


def _write_legacy_rope(file: Path) -> None:
    """Add the rope keys of older transformers, which ModelBuilder still reads."""
    config = json.loads(file.read_text("utf-8"))
    rope = config.get("rope_parameters")
    if not isinstance(rope, dict) or config.get("model_type") != "phi3":
        return
    if "rope_theta" in rope:
        config.setdefault("rope_theta", rope["rope_theta"])
    if "partial_rotary_factor" in rope:
        config.setdefault("partial_rotary_factor", rope["partial_rotary_factor"])
    kind = rope.get("rope_type", "default")
    if kind != "default" and not config.get("rope_scaling"):
        config["rope_scaling"] = {**rope, "type": kind}
    write_json(file, config)


def place_exported(
    made: Path, model: Path, recipe: Recipe, stop: Stop, probe: Sequence[int], threads: int
) -> None:
    """Make the built model complete, check that it loads and answers, move it to *model*.

    *probe* are the ids of one held-out prompt.
    """
    output = made if made.is_dir() else made.parent
    if not (output / "genai_config.json").is_file() or not any(output.glob("*.onnx")):
        raise _no_result("exported model", "genai_config.json or the ONNX file is missing")
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
    write_json(output / CHAT_FACTS, facts)
    _check_answers(output, stop, probe, threads)
    _move(output, model)


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


def _check_answers(folder: Path, stop: Stop, probe: Sequence[int], threads: int) -> None:
    import numpy as np

    from phi3studio.worker.genai import GenaiModel

    model = GenaiModel(folder, threads=threads)
    if stop.id not in model.stop_ids:
        raise _no_result("exported model", f"its stop tokens lack {stop.text}")
    if not np.isfinite(model.logits(probe)).all():
        raise _no_result("exported model", "its output holds values that are no numbers")
    if not list(model.generate(probe, 4)):
        raise _no_result("exported model", "it gave no answer")


def _move(source: Path, target: Path) -> None:
    """Rename a verified result into place; an older one of a failed attempt goes first."""
    if target.exists():
        shutil.rmtree(target)
    source.rename(target)


def _no_result(what: str, reason: str) -> RunError:
    return RunError(
        "run.bad_result",
        f"The {what} is not usable: {reason}.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    )
