"""Models that the user already has: folders, MLflow folders, GGUF files, pickles; and tricks."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from phi3studio.domain.errors import Cancelled, InputError, RunError
from phi3studio.models.model_folder import check_model_folder, damages, remote_code_files
from phi3studio.models.model_store import ModelStore
from phi3studio.worker.models import model_facts, resolve_model
from phi3studio.worker.models.add import add_model
from phi3studio.worker.models.convert import convert


@pytest.fixture
def store(home) -> ModelStore:
    return ModelStore(home)


@pytest.fixture
def copy(tiny_phi3: Path, tmp_path: Path) -> Path:
    """The tiny model, to be changed."""
    return Path(shutil.copytree(tiny_phi3, tmp_path / "My Model"))


def code_of(action: Callable[[], Any]) -> str:
    with pytest.raises(InputError) as caught:
        action()
    assert caught.value.hint
    return caught.value.code


# --- folders ------------------------------------------------------------------------------------


def test_a_folder_is_added_under_a_name_and_stays_where_it_is(store, copy) -> None:
    name, folder = add_model(copy, store)
    assert (name, folder) == ("my-model", copy)
    assert resolve_model("my-model") == copy
    assert [m.name for m in store.all() if m.place == "folder"] == ["my-model"]
    assert code_of(lambda: add_model(copy, store)) == "model.name_taken"
    assert code_of(lambda: add_model(copy, store, "phi-4-mini")) == "model.name_taken"
    assert code_of(lambda: add_model(copy, store, "../x")) == "model.bad_name"
    assert store.remove("my-model") == ("folder", 0)
    check_model_folder(copy)
    assert code_of(lambda: store.remove("my-model")) == "model.not_on_disk"
    assert code_of(lambda: store.remove(str(copy))) == "model.not_on_disk"


def test_a_folder_that_went_away_is_listed_as_such_and_refused(store, copy) -> None:
    add_model(copy, store, "mine")
    shutil.rmtree(copy)
    (known,) = [model for model in store.all() if model.name == "mine"]
    assert known.folder is None
    assert code_of(lambda: resolve_model("mine")) == "model.no_folder"


def test_what_is_no_model_is_refused(store, tmp_path) -> None:
    (tmp_path / "text.txt").write_text("x")
    assert code_of(lambda: add_model(tmp_path / "text.txt", store)) == "model.no_folder"
    assert code_of(lambda: add_model(tmp_path / "absent", store)) == "model.no_folder"
    assert code_of(lambda: add_model(tmp_path, store)) == "model.no_config"


def test_an_architecture_that_is_unknown_is_refused_before_it_is_remembered(store, copy) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "nothing"}))
    assert code_of(lambda: add_model(copy, store, "mine")) == "model.unsupported"
    assert not (store.home.models / "mine.json").exists()


def test_a_file_that_was_cut_short_is_found_by_verify(copy) -> None:
    assert damages(copy) == []
    weights = copy / "model.safetensors"
    os.truncate(weights, weights.stat().st_size - 10)
    (damage,) = damages(copy)
    assert "model.safetensors" in damage
    weights.write_bytes(b"\xff" * 64)
    assert len(damages(copy)) == 1


# --- MLflow -------------------------------------------------------------------------------------


def mlflow_folder(target: Path, tiny: Path, flavour: str, split: bool) -> Path:
    """The layouts that mlflow.transformers and Azure ML's registry write."""
    target.mkdir()
    values = {"model_binary": "model"} if flavour == "transformers" else {"task": "chat"}
    (target / "MLmodel").write_text(
        json.dumps({"flavors": {"python_function": {}, flavour: values}})
    )
    own = flavour == "transformers"
    model = target / "model" if own else target / "data" / "model"
    tokenizer = target / "components" / "tokenizer" if own else target / "data" / "tokenizer"
    model.mkdir(parents=True)
    tokenizer.mkdir(parents=True)
    for file in tiny.iterdir():
        is_tokenizer = "token" in file.name or "template" in file.name
        shutil.copy(file, tokenizer if split and is_tokenizer else model)
    return target


@pytest.mark.parametrize("flavour", ["transformers", "hftransformersv2", "hftransformers"])
@pytest.mark.parametrize("split", [False, True], ids=["one folder", "split"])
def test_an_mlflow_model_is_read(store, tiny_phi3, tmp_path, flavour, split) -> None:
    source = mlflow_folder(tmp_path / "mlflow", tiny_phi3, flavour, split)
    folder = resolve_model(str(source))
    assert {file.name for file in folder.iterdir()} == {f.name for f in tiny_phi3.iterdir()}
    assert (folder / "model.safetensors").read_bytes() == (
        tiny_phi3 / "model.safetensors"
    ).read_bytes()
    assert folder.is_relative_to(store.home.cache if split else source)
    assert resolve_model(str(source)) == folder
    add_model(source, store, "registry")
    shutil.rmtree(store.home.cache, ignore_errors=True)
    assert resolve_model("registry") == folder, "what the cache lost is made again"


def test_an_mlflow_model_that_is_none_or_leads_elsewhere_is_refused(tmp_path, tiny_phi3) -> None:
    source = mlflow_folder(tmp_path / "mlflow", tiny_phi3, "transformers", False)
    (source / "MLmodel").write_text("flavors: {sklearn: {}}")
    assert code_of(lambda: resolve_model(str(source))) == "model.mlflow"
    (source / "MLmodel").write_text("{: broken")
    assert code_of(lambda: resolve_model(str(source))) == "model.mlflow"
    (source / "MLmodel").write_text(f"flavors: {{transformers: {{model_binary: {tiny_phi3}}}}}")
    assert code_of(lambda: resolve_model(str(source))) == "model.unsafe_path"
    (source / "MLmodel").write_text("flavors: !!python/object/apply:os.system ['touch evil']")
    assert code_of(lambda: resolve_model(str(source))) == "model.mlflow"


# --- GGUF ---------------------------------------------------------------------------------------


def write_gguf(file: Path) -> dict[str, Any]:
    """A llama of one layer as llama.cpp writes it; the tensors by GGUF's names."""
    import gguf
    import numpy as np

    words = ["<unk>", "<s>", "</s>", *(f"<0x{value:02X}>" for value in range(256)), "▁", "a", "b"]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_feed_forward_length(64)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(words)
    writer.add_token_scores([0.0] * len(words))
    writer.add_token_types([2, 3, 3, *[6] * 256, 1, 1, 1])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    chance = np.random.default_rng(0)
    shapes = {
        "token_embd": (len(words), 32),
        "output_norm": (32,),
        "output": (len(words), 32),
        "blk.0.attn_norm": (32,),
        "blk.0.attn_q": (32, 32),
        "blk.0.attn_k": (16, 32),
        "blk.0.attn_v": (16, 32),
        "blk.0.attn_output": (32, 32),
        "blk.0.ffn_norm": (32,),
        "blk.0.ffn_gate": (64, 32),
        "blk.0.ffn_up": (64, 32),
        "blk.0.ffn_down": (32, 64),
    }
    tensors = {name: chance.random(shape, dtype=np.float32) for name, shape in shapes.items()}
    for name, values in tensors.items():
        writer.add_tensor(f"{name}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


def test_a_gguf_file_becomes_a_model_folder(store, tmp_path) -> None:
    tensors = write_gguf(tmp_path / "Small Llama.gguf")
    assert code_of(lambda: resolve_model(str(tmp_path / "Small Llama.gguf"))) == "model.gguf"
    name, folder = add_model(tmp_path / "Small Llama.gguf", store)
    assert (name, folder) == ("small-llama", store.home.models / "small-llama")
    assert resolve_model(name) == folder
    weights = load_file(folder / "model.safetensors")
    assert weights["model.embed_tokens.weight"].numpy() == pytest.approx(tensors["token_embd"])
    assert weights["model.layers.0.mlp.down_proj.weight"].numpy() == pytest.approx(
        tensors["blk.0.ffn_down"]
    )
    assert model_facts(folder).architecture == "llama"
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    assert [p.name for p in store.home.models.iterdir()] == ["small-llama"], "nothing is left over"
    place, freed = store.remove(name)
    assert place == "home"
    assert freed > 10_000


def test_a_broken_gguf_file_is_refused_and_leaves_nothing(store, tmp_path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(range(200)))
    assert code_of(lambda: add_model(tmp_path / "bad.gguf", store)) == "model.convert_failed"
    assert list(store.home.models.iterdir()) == []


def test_a_conversion_can_be_cancelled(tmp_path, store) -> None:
    write_gguf(tmp_path / "a.gguf")

    def check() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        add_model(tmp_path / "a.gguf", store, check=check)
    assert list(store.home.models.iterdir()) == []


# --- pickles ------------------------------------------------------------------------------------


class Evil:
    """Runs a command when a plain unpickler reads it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def pickled(folder: Path, tensors: dict[str, Any], shards: int = 1) -> Path:
    """The same folder with its weights as *.bin."""
    import torch

    (folder / "model.safetensors").unlink()
    if shards == 1:
        torch.save(tensors, folder / "pytorch_model.bin")
        return folder
    index: dict[str, str] = {}
    for number in range(shards):
        name = f"pytorch_model-{number + 1:05}-of-{shards:05}.bin"
        part = dict(list(tensors.items())[number::shards])
        torch.save(part, folder / name)
        index |= dict.fromkeys(part, name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": index}))
    return folder


@pytest.mark.parametrize("shards", [1, 3])
def test_pickled_weights_are_converted_only_when_asked(store, copy, shards) -> None:
    tensors = load_file(copy / "model.safetensors")
    pickled(copy, tensors, shards)
    with pytest.raises(InputError) as caught:
        add_model(copy, store, "mine")
    assert caught.value.code == "model.no_weights"
    assert "--convert-pickle" in caught.value.hint
    name, folder = add_model(copy, store, "mine", convert_pickle=True)
    assert damages(folder) == []
    assert not list(folder.glob("*.bin"))
    got: dict[str, Any] = {}
    for file in folder.glob("*.safetensors"):
        got |= load_file(file)
    assert got.keys() == tensors.keys()
    assert all(got[key].equal(tensors[key]) for key in tensors)
    assert resolve_model(name) == folder


def test_a_pickle_that_would_run_something_is_refused_and_runs_nothing(
    store, copy, tmp_path
) -> None:
    import torch

    marker = tmp_path / "marker"
    pickled(copy, {"w": Evil(marker)})
    assert code_of(lambda: add_model(copy, store, "evil", convert_pickle=True)) == "model.pickle"
    assert not marker.exists()
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(marker)))
    assert code_of(lambda: add_model(copy, store, "evil", convert_pickle=True)) == "model.pickle"
    assert not marker.exists()
    # The proof that it would: an unrestricted reader runs it.
    pickle.loads((copy / "pytorch_model.bin").read_bytes())
    assert marker.exists()
    torch.save([1, 2], copy / "pytorch_model.bin")
    assert code_of(lambda: add_model(copy, store, "evil", convert_pickle=True)) == "model.pickle"


def test_a_pickle_index_that_leads_elsewhere_is_refused(store, copy, tmp_path) -> None:
    pickled(copy, load_file(copy / "model.safetensors"), 2)
    (copy / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "../other.bin"}}')
    convert_it = lambda: add_model(copy, store, "evil", convert_pickle=True)  # noqa: E731
    assert code_of(convert_it) == "model.unsafe_path"


def test_the_converting_process_can_reach_nobody(tmp_path) -> None:
    from phi3studio.worker.models import convert as module

    code = (
        "import socket, sys\n"
        f"from {module.__name__} import _child\n"
        "class Report:\n"
        "    def send_bytes(self, data): print(data.decode())\n"
        "_child('gguf', '/nowhere.gguf', '/nowhere', Report())\n"
        "socket.create_connection(('192.0.2.1', 80), 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert "model.convert_failed" in done.stdout
    assert "the connection was refused" in done.stderr


def test_a_child_that_dies_is_distinguished_from_a_bad_file(tmp_path, monkeypatch) -> None:
    from phi3studio.worker.models import convert as module

    monkeypatch.setattr(module, "_child", _die)
    with pytest.raises(RunError) as caught:
        convert("gguf", tmp_path / "x.gguf", tmp_path / "made")
    assert "exit code 7" in caught.value.message


def _die(*_: Any) -> None:
    os._exit(7)


# --- code and paths -----------------------------------------------------------------------------


def test_code_that_a_model_brings_is_named_and_not_run(copy) -> None:
    config = json.loads((copy / "config.json").read_text())
    auto = {"AutoConfig": "configuration_own.Own", "AutoModel": "other/repo--modeling.Model"}
    changed = config | {"model_type": "own", "auto_map": auto}
    (copy / "config.json").write_text(json.dumps(changed))
    (copy / "configuration_own.py").write_text("raise SystemExit('it ran')")
    assert remote_code_files(copy) == ("configuration_own.py", "other/repo--modeling.py")
    with pytest.raises(InputError) as caught:
        model_facts(copy)
    assert caught.value.code == "model.unsupported"
    assert "configuration_own.py" in caught.value.hint
    assert "trust_remote_code" in caught.value.hint


def test_a_known_architecture_runs_without_the_code_it_brings(copy) -> None:
    config = json.loads((copy / "config.json").read_text())
    auto = {"AutoConfig": "configuration_phi3.Phi3Config"}
    (copy / "config.json").write_text(json.dumps(config | {"auto_map": auto}))
    (copy / "configuration_phi3.py").write_text("raise SystemExit('it ran')")
    facts = model_facts(copy)
    assert facts.code_files == ("configuration_phi3.py",)


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_out_of_the_folder_are_refused(copy, tmp_path) -> None:
    (tmp_path / "secret.txt").write_text("mine")
    (copy / "notes.txt").symlink_to(tmp_path / "secret.txt")
    assert code_of(lambda: resolve_model(str(copy))) == "model.unsafe_path"
    (copy / "notes.txt").unlink()
    (copy / "vocab.json").symlink_to(copy / "config.json")
    assert resolve_model(str(copy)) == copy


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_snapshot_may_link_into_its_cache_only(tiny_phi3, tmp_path) -> None:
    repo = tmp_path / "hub" / "models--a--b"
    blobs, snapshot = repo / "blobs", repo / "snapshots" / ("a" * 40)
    shutil.copytree(tiny_phi3, blobs)
    snapshot.mkdir(parents=True)
    for file in blobs.iterdir():
        (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
    check_model_folder(snapshot)
    (tmp_path / "secret").write_text("mine")
    (snapshot / "LICENSE").symlink_to("../../../../secret")
    assert code_of(lambda: check_model_folder(snapshot)) == "model.unsafe_path"


@pytest.mark.parametrize("name", ["../x.safetensors", "/x.safetensors", "a\\x.safetensors", ""])
def test_an_index_that_names_files_elsewhere_is_refused(copy, name) -> None:
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    assert code_of(lambda: check_model_folder(copy)) == "model.unsafe_path"
