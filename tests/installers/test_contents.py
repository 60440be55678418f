"""The bundle leaves two thirds of transformers' families out; no language model needs them."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from installers.bundle.contents import families_left_out
from phi3studio.models.model_store import catalogue

# Registered as causal language models too, but of pictures and sound: not to be tuned here.
_OF_PICTURES_OR_SOUND = re.compile(r"ForConditionalGeneration$")


def folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


MODELS = folder_of("transformers") / "models"


@cache
def classes() -> dict[str, set[str]]:
    """Family → the classes that its sources define."""
    found: dict[str, set[str]] = {}
    for file in MODELS.glob("*/*.py"):
        if not file.name.startswith(("modular_", "convert_")):
            names = re.findall(r"^class (\w+)", file.read_text("utf-8"), re.MULTILINE)
            found.setdefault(file.parent.name, set()).update(names)
    return found


@cache
def left_out() -> frozenset[str]:
    return frozenset(families_left_out(MODELS))


def kept_classes() -> set[str]:
    return {
        name for family, names in classes().items() if family not in left_out() for name in names
    }


def test_much_is_left_out_and_the_catalogue_stays() -> None:
    assert len(left_out()) > 300
    assert {entry.architecture for entry in catalogue()}.isdisjoint(left_out())
    assert {"llama", "phi3", "phi", "qwen2", "qwen3", "gemma2", "gemma3", "mistral"}.isdisjoint(
        left_out()
    )


def test_every_registered_causal_language_model_stays() -> None:
    source = (MODELS / "auto" / "modeling_auto.py").read_text("utf-8")
    block = source.partition("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")[2].partition("\n)")[0]
    named = set(re.findall(r'^\s+\("[\w.-]+", "(\w+)"\)', block, re.MULTILINE))
    assert len(named) > 100
    wanted = {name for name in named if not _OF_PICTURES_OR_SOUND.search(name)}
    assert wanted - kept_classes() == set()


def imported_at_once(package: str) -> Iterator[str]:
    """The names that a package's modules import of transformers outside of functions."""
    for file in folder_of(package).rglob("*.py"):
        if "tests" in file.parts:
            continue
        waiting: list[ast.AST] = [ast.parse(file.read_text("utf-8"))]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.ImportFrom) and node.module == "transformers":
                yield from (alias.name for alias in node.names)
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                waiting.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize(
    "package", ["olive", "peft", "accelerate", "torchmetrics", "onnxruntime_genai"]
)
def test_nothing_that_a_library_imports_at_once_is_left_out(package: str) -> None:
    missing = {name for family in left_out() for name in classes()[family]} - kept_classes()
    assert set(imported_at_once(package)) & missing == set()


def test_what_the_builder_of_onnx_models_imports_stays() -> None:
    """It imports inside of functions, for each kind of model."""
    names: set[str] = set()
    for file in (folder_of("onnxruntime_genai") / "models").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "transformers":
                names |= {alias.name for alias in node.names}
    assert len(names) > 5
    missing = {name for family in left_out() for name in classes()[family]} - kept_classes()
    assert names & missing == set()
