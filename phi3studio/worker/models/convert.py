"""Other formats into safetensors.

What came from elsewhere is converted in a child process that refuses every connection: a file
that makes a library run something can send nothing, and its crash takes nobody along. Pickles
are read by torch's restricted reader only, which builds tensors and calls nothing.
"""

from __future__ import annotations

import contextlib
import gc
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal

from phi3studio.app.files import write_json
from phi3studio.domain.errors import InputError, RunError, UserFacingError, first_line
from phi3studio.models.model_folder import INDEX, PICKLES, is_plain_name, pickle_files

Kind = Literal["gguf", "pickle"]
Check = Callable[[], None]

_PICKLE_INDEX = "pytorch_model.bin.index.json"
_LOOK_S = 0.2


def convert(kind: Kind, source: Path, target: Path, check: Check = lambda: None) -> None:
    """Write *source* (a GGUF file, or a folder with pickled weights) as the model *target*.

    *check* is called now and then and may raise; the child is ended then. Raises
    :class:`InputError` for a file that cannot be read, :class:`RunError` when the child dies.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(
        target=_child, args=(kind, str(source), str(target), sender), daemon=True
    )
    child.start()
    sender.close()
    try:
        while not receiver.poll(_LOOK_S):
            check()
        report = receiver.recv_bytes()
    except EOFError:
        child.join()
        raise RunError("model.convert_failed", path=source, exit_code=child.exitcode) from None
    finally:
        child.kill()
        child.join()
        receiver.close()
    error = json.loads(report)
    if error is not None:
        shutil.rmtree(target, ignore_errors=True)
        raise InputError.from_json(error)


def _child(kind: Kind, source: str, target: str, report: Connection) -> None:
    from phi3studio.worker.process import privacy

    privacy.disable_telemetry()
    privacy.refuse_network()
    os.environ["OMP_NUM_THREADS"] = "2"
    error: UserFacingError | None = None
    try:
        if kind == "gguf":
            convert_gguf(Path(source), Path(target))
        else:
            convert_pickles(Path(source), Path(target))
    except UserFacingError as exc:
        error = exc
    except Exception as exc:
        error = InputError(
            "model.convert_failed", variant="file", path=source, reason=first_line(exc)
        )
    # Bytes, not objects: what the parent reads of this process must not be a pickle.
    report.send_bytes(json.dumps(error and error.to_json()).encode())


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write a GGUF model as safetensors (float32), with tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = loaded.config
    # The fresh model must not claim to be quantised.
    with contextlib.suppress(AttributeError):
        del config.quantization_config
    config._name_or_path = ""
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = loaded.generation_config
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    del loaded, plain
    gc.collect()


def convert_pickles(source: Path, folder: Path) -> None:
    """Copy a model folder, its pickled weights written as safetensors shard by shard."""
    folder.mkdir(parents=True)
    names: dict[str, str] = {}
    total = 0
    files = _weight_files(source)
    for number, file in enumerate(files, start=1):
        tensors = _read_pickle(file)
        shard = (
            "model.safetensors"
            if len(files) == 1
            else f"model-{number:05}-of-{len(files):05}.safetensors"
        )
        total += _write_shard(folder / shard, tensors)
        names |= dict.fromkeys(tensors, shard)
        del tensors
        gc.collect()
    if len(files) > 1:
        write_json(folder / INDEX, {"metadata": {"total_size": total}, "weight_map": names})
    for file in source.iterdir():
        left = any(file.match(pattern) for pattern in PICKLES) or file.suffix == ".py"
        if file.is_file() and not left and file.name != _PICKLE_INDEX:
            shutil.copyfile(file, folder / file.name)


def _weight_files(source: Path) -> list[Path]:
    index = source / _PICKLE_INDEX
    if not index.is_file():
        return pickle_files(source)
    names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    strange = [name for name in names if not is_plain_name(name)]
    if strange:
        raise InputError("model.unsafe_path", path=index, name=strange[0])
    return [source / name for name in names]


def _read_pickle(file: Path) -> dict[str, Any]:
    import pickle

    import torch

    try:
        values = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        raise InputError("model.pickle", variant="unsafe", path=file) from exc
    if not isinstance(values, dict) or not all(torch.is_tensor(v) for v in values.values()):
        raise InputError("model.pickle", variant="no_table", path=file)
    return values


def _write_shard(file: Path, tensors: dict[str, Any]) -> int:
    """Write tensors that may share memory each on its own; their bytes."""
    from safetensors.torch import save_file

    plain = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
    save_file(plain, file, metadata={"format": "pt"})
    return sum(value.numel() * value.element_size() for value in plain.values())
