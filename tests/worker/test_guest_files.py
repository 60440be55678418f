"""What came in the place of a file: pointers, web pages, nothing, or a part of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from phi3studio.cli import main
from phi3studio.domain.errors import InputError
from phi3studio.models.adapters import read_adapter
from phi3studio.models.model_folder import check_model_folder
from phi3studio.models.model_store import ModelStore
from phi3studio.runs.preflight import check_before_start
from phi3studio.worker.models.add import add_model
from tests.worker.running import only_export

LFS = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
HTML = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>401</body></html>\n"
STAND_INS = {
    "lfs": (lambda whole: LFS, "git lfs pull"),
    "html": (lambda whole: HTML, "web page"),
    "empty": (lambda whole: b"", ""),
    "spaces": (lambda whole: b" \n" * 40, "empty"),
    "cut": (lambda whole: whole[: len(whole) // 2], ""),
    "zeros": (lambda whole: b"\0" * len(whole), ""),
}
FILES = ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"]


def refused(action: Callable[[], object]) -> InputError:
    with pytest.raises(InputError) as caught:
        action()
    assert caught.value.hint
    return caught.value


@pytest.fixture
def copy(tiny_phi3: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_phi3, tmp_path / "model"))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", STAND_INS)
def test_what_stands_in_for_a_models_file_is_refused_by_its_name(home, copy, name, kind) -> None:
    make, said = STAND_INS[kind]
    file = copy / name
    file.write_bytes(make(file.read_bytes()))
    error = refused(lambda: add_model(copy, ModelStore(home), "guest"))
    text = f"{error.message} {error.hint}"
    assert name in text or (name, kind) == ("model.safetensors", "empty")
    assert str(copy) in text
    assert said in text
    assert not (home.models / "guest.json").exists()


@pytest.mark.parametrize("name", ["adapter_model.safetensors", "adapter_config.json"])
@pytest.mark.parametrize("kind", STAND_INS)
def test_what_stands_in_for_an_adapters_file_is_refused_before_the_run(
    home, tiny_phi3, tmp_path, name, kind
) -> None:
    from tests.worker.test_guest_adapters import make_adapter

    make, said = STAND_INS[kind]
    adapter = make_adapter(tiny_phi3, tmp_path / "adapter", target_modules=["qkv_proj"])
    recipe = only_export(tiny_phi3, ["merge"], adapter)
    check_before_start(recipe, home)
    file = adapter / name
    file.write_bytes(make(file.read_bytes()))
    error = refused(lambda: check_before_start(recipe, home))
    assert str(file) in error.message
    assert said in f"{error.message} {error.hint}"


def test_a_shard_of_several_that_is_a_pointer_is_named(copy) -> None:
    whole = copy / "model.safetensors"
    shards = [copy / f"model-{n}-of-2.safetensors" for n in (1, 2)]
    shutil.copy(whole, shards[0])
    whole.rename(shards[1])
    index = {"weight_map": {"a": shards[0].name, "b": shards[1].name}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    check_model_folder(copy)
    shards[1].write_bytes(LFS)
    error = refused(lambda: check_model_folder(copy))
    assert (error.code, error.variant) == ("model.file", "lfs")
    assert shards[1].name in error.message


def header(values: object) -> bytes:
    text = json.dumps(values).encode()
    return len(text).to_bytes(8, "little") + text


LIES = {
    "a header longer than the file": (1 << 40).to_bytes(8, "little") + b"{}",
    "no JSON": (5).to_bytes(8, "little") + b"{nope" + b"\0" * 60,
    "a list": header([1, 2]) + b"\0" * 60,
    "an offset beyond the end": header(
        {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 1600]}}
    )
    + b"\0" * 16,
    "a negative size": header({"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}})
    + b"\0" * 16,
    "a shape larger than its bytes": header(
        {"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 16]}}
    )
    + b"\0" * 16,
    "two tensors in one place": header(
        {
            "a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
            "b": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        }
    )
    + b"\0" * 16,
    "deep nesting": (200008).to_bytes(8, "little") + b'{"a":' * 40000 + b"1111" * 2,
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_refused(copy, lie) -> None:
    (copy / "model.safetensors").write_bytes(LIES[lie])
    error = refused(lambda: check_model_folder(copy))
    assert (error.code, error.variant) == ("model.file", "weights")


def test_an_adapter_named_as_a_model_is_called_one(tmp_path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    error = refused(lambda: check_model_folder(tmp_path))
    assert "LoRA adapter" in error.message


def test_a_gguf_pointer_is_refused(home, tmp_path) -> None:
    (tmp_path / "model.gguf").write_bytes(LFS)
    assert refused(lambda: add_model(tmp_path / "model.gguf", ModelStore(home))).variant == "lfs"


def test_verify_lists_the_damage_of_a_pointer(home, copy, capsys) -> None:
    add_model(copy, ModelStore(home), "guest")
    (copy / "model.safetensors").write_bytes(LFS)
    assert main(["models", "verify", "guest"]) == 1
    assert "Git LFS pointer" in capsys.readouterr().out


def test_a_lone_half_of_a_character_is_no_text(tmp_path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "x": "\\ud800"}')
    assert refused(lambda: read_adapter(tmp_path)).code == "model.file"
