"""A finished run exported as a page: the same logits, the files that transformers.js looks for."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from phi3studio.app.download_log import DownloadLog
from phi3studio.domain.errors import InputError, RunError, UserFacingError
from phi3studio.runs.bundle import browser_library, export_bundle
from phi3studio.runs.bundle.contents import BrowserBundle, check_page
from phi3studio.runs.store import RunFolder
from phi3studio.services import run_export
from phi3studio.worker.browser.web_graph import write_web_graph
from tests.small_disks import mounted
from tests.worker.test_gguf_export import export, run

__all__ = ["run"]

IDS = np.array([[5, 17, 3, 40, 8, 2, 11]], np.int64)


def written(model: Path, out: Path) -> Path:
    """The folder of the page's model, whose past has the width of a head."""
    config = json.loads((model / "genai_config.json").read_text())
    write_web_graph(model, config["model"]["decoder"]["head_size"], out, lambda done, total: None)
    return out


def opened(file: Path) -> Any:
    """A session as the page opens it: weights are unpacked once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return onnxruntime.InferenceSession(file, options)


def logits(file: Path, ids: Any) -> Any:
    """Of the last token of *ids*."""
    session = opened(file)
    feeds: dict[str, Any] = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    for given in session.get_inputs():
        if given.name.startswith("past"):
            # As transformers.js does it: what is symbolic is nothing.
            shape = [size if isinstance(size, int) else 0 for size in given.shape]
            shape[0] = 1
            feeds[given.name] = np.zeros(shape, np.float32)
    return session.run(["logits"], feeds)[0][:, -1:]


def exact(model: Path) -> Path:
    """The model as it was exported, whose products are computed in float32."""
    proto = onnx.load(model / "model.onnx")
    for node in proto.graph.node:
        kept = [item for item in node.attribute if item.name != "accuracy_level"]
        if node.op_type == "MatMulNBits":
            del node.attribute[:]
            node.attribute.extend(kept)
    for value in (*proto.graph.input, *proto.graph.output):
        last = value.type.tensor_type.shape.dim[-1]
        if last.dim_param == "kv_cache_dim":
            last.dim_value = json.loads((model / "genai_config.json").read_text())["model"][
                "decoder"
            ]["head_size"]
    file = model / "exact.onnx"
    onnx.save(proto, file)
    return file


@pytest.mark.parametrize("which", ["first", "second"], ids=["int4", "fp32"])
def test_the_pages_graph_computes_the_same(pair, which, tmp_path) -> None:
    model = shutil.copytree(getattr(pair, which).model, tmp_path / "model")
    page = written(model, tmp_path / "page")
    nodes = onnx.load(page / "onnx/model.onnx", load_external_data=False).graph.node
    assert "MatMulNBits" not in {node.op_type for node in nodes}
    whole = exact(model)
    for end in range(1, IDS.shape[1] + 1):
        ours = logits(page / "onnx/model.onnx", IDS[:, :end])
        np.testing.assert_allclose(ours, logits(whole, IDS[:, :end]), rtol=1e-4, atol=1e-4)
    # Only the last token's: a long prompt's would take hundreds of megabytes.
    (shape,) = (
        output.shape
        for output in opened(page / "onnx/model.onnx").get_outputs()
        if output.name == "logits"
    )
    assert shape[1] == 1
    packed, taken = (
        file.stat().st_size for file in (model / "model.onnx.data", page / "onnx/model.onnx_data")
    )
    assert taken <= 1.02 * packed
    again = written(model, tmp_path / "again")
    for file in ("model.onnx", "model.onnx_data"):
        assert (page / "onnx" / file).read_bytes() == (again / "onnx" / file).read_bytes()


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("rows", [48, 40])
def test_packed_weights_of_each_kind_are_unpacked(bits, zeros, rows, tmp_path) -> None:
    """Also with a last block that is filled up, and an odd number of zeros in a line."""
    rng = np.random.default_rng(bits + rows)
    columns, block = 6, 16
    blocks = -(-rows // block)
    per_byte = 8 // bits
    weights = [
        rng.integers(0, 256, (columns, blocks, block // per_byte), np.uint8),
        rng.random((columns * blocks), np.float32),
    ]
    if zeros:
        weights.append(rng.integers(0, 256, (columns * -(-blocks // per_byte)), np.uint8))
    names = ["weight", "scales", "zeros"][: len(weights)]
    node = onnx.helper.make_node(
        "MatMulNBits", ["x", *names], ["y"], name="/product", domain="com.microsoft",
        K=rows, N=columns, bits=bits, block_size=block,
    )  # fmt: skip
    floats = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [onnx.helper.make_tensor_value_info("x", floats, ["lines", rows])],
        [onnx.helper.make_tensor_value_info("y", floats, ["lines", columns])],
        [onnx.numpy_helper.from_array(w, n) for w, n in zip(weights, names, strict=True)],
    )
    opsets = [onnx.helper.make_opsetid("", 21), onnx.helper.make_opsetid("com.microsoft", 1)]
    made = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    (tmp_path / "model").mkdir()
    onnx.save(made, tmp_path / "model/model.onnx")
    write_web_graph(tmp_path / "model", 1, tmp_path / "page", lambda done, total: None)
    x = rng.random((3, rows), np.float32)
    ours, theirs = (
        opened(tmp_path / file).run(None, {"x": x})[0]
        for file in ("page/onnx/model.onnx", "model/model.onnx")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_a_product_without_a_plain_form_and_too_large_weights_are_refused(
    pair, tmp_path, monkeypatch
) -> None:
    model = shutil.copytree(pair.first.model, tmp_path / "model")
    proto = onnx.load(model / "model.onnx", load_external_data=False)
    node = next(node for node in proto.graph.node if node.op_type == "MatMulNBits")
    node.input.extend([""] * (4 - len(node.input)) + ["order"])
    onnx.save(proto, model / "model.onnx")
    with pytest.raises(RunError) as caught:
        written(model, tmp_path / "page")
    assert caught.value.code == "browser.operator"
    monkeypatch.setattr("phi3studio.domain.places.browser.MOST_BYTES", 1000)
    with pytest.raises(InputError) as refused:
        written(pair.second.model, tmp_path / "other")
    assert refused.value.code == "browser.large"
    assert refused.value.values["needed"] > 1000
    assert not (tmp_path / "other").exists()


# --- the bundle -----------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path) -> Path:
    """A folder with the library's files, which no test here runs."""
    folder = tmp_path / "library"
    folder.mkdir()
    for name in browser_library.FILES:
        (folder / name).write_text(name)
    return folder


def test_the_bundle_is_a_page_twice_alike(run, library, tmp_path) -> None:
    graph = written(run.model, tmp_path / "graph")
    browser = BrowserBundle(graph, library)
    made = export_bundle(run, tmp_path / "a", browser=browser)
    folder = tmp_path / "a"
    assert {
        "index.html", "page.js", "page.css", "worker.js", "sw.js", "prompt.json",
        "generation.json", "model/config.json", "model/onnx/model.onnx",
        "model/onnx/model.onnx_data", "model/tokenizer.json", "lib/transformers.min.js",
        "lib/LICENSE-onnxruntime-web.txt", "LICENCE-base-model.txt", "card/README.md",
    } <= set(made.files)  # fmt: skip
    assert not {"model/genai_config.json", "model/model.onnx", "model/studio.json"} & set(
        made.files
    )
    config = json.loads((folder / "model/config.json").read_text())
    assert config["transformers.js_config"]["use_external_data_format"] == {"model.onnx": 1}
    generation = json.loads((folder / "model/generation_config.json").read_text())
    prompt = json.loads((folder / "prompt.json").read_text())
    assert generation["eos_token_id"] == prompt["stop_ids"]
    page = (folder / "index.html").read_text()
    assert "default-src &#39;none&#39;" in page
    # Nothing names another host.
    for file in ("index.html", "page.js", "worker.js", "sw.js"):
        addresses = re.findall(r"https?://[^ ,;:'\"]+", (folder / file).read_text())
        assert set(addresses) <= {"http://localhost"}
    export_bundle(run, tmp_path / "b", browser=browser)
    ours, theirs = ((tmp_path / name / "SHA256SUMS").read_text() for name in "ab")
    assert ours == theirs


def test_a_runs_name_is_text_on_the_page(run, library, tmp_path) -> None:
    recipe = json.loads((run.path / "recipe.json").read_text())
    (run.path / "recipe.json").write_text(json.dumps(recipe | {"name": "<b>Fear & Joy</b>"}))
    graph = written(run.model, tmp_path / "graph")
    export_bundle(RunFolder(run.path), tmp_path / "a", browser=BrowserBundle(graph, library))
    assert "<b>" not in (tmp_path / "a" / "index.html").read_text()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"config.json": {"model_type": "falcon"}}, "browser.architecture"),
        ({"studio.json": {"adapter": "tones"}}, "browser.adapter"),
    ],
)
def test_what_no_page_can_load_is_refused_at_once(run, change, code, tmp_path) -> None:
    for name, values in change.items():
        file = run.model / name
        file.write_text(json.dumps(json.loads(file.read_text()) | values))
    with pytest.raises(InputError) as caught:
        check_page(run)
    assert caught.value.code == code
    exit_code, said = export(run, tmp_path / "a", "--for", "browser", "--yes")
    assert exit_code == 2
    assert code in said
    assert not (tmp_path / "a").exists()


def test_a_full_disk_is_said_and_leaves_nothing(run, library, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(run_export, "library_folder", lambda home: library)
    with mounted(tmp_path / "disk", "size=700k") as disk:
        with pytest.raises(UserFacingError) as caught:
            asyncio.run(run_export.export_run(run, disk / "out", run_export.Wish(place="browser")))
        assert caught.value.code == "export.not_written"
        assert list(disk.iterdir()) == []


# --- the library ----------------------------------------------------------------------------------

NPM = """#!{python}
import json, os, pathlib, shutil, sys
if sys.argv[1:] == ["config", "get", "registry"]:
    print("https://packages.example/npm/")
elif os.environ.get("NPM_FAILS"):
    print("npm error code E404\\nnpm error nothing there", file=sys.stderr)
    sys.exit(1)
else:
    target = pathlib.Path(sys.argv[sys.argv.index("--pack-destination") + 1])
    name = "one.tgz" if "transformers" in sys.argv[-1] else "two.tgz"
    shutil.copy(pathlib.Path(__file__).with_name(name), target)
    print(name)
"""


@pytest.fixture
def npm(tmp_path, monkeypatch) -> Path:
    """A folder with an npm that hands out packages from itself, first in the path."""
    folder = tmp_path / "npm"
    folder.mkdir()
    program = folder / "npm"
    program.write_text(NPM.format(python=sys.executable))
    program.chmod(0o755)
    pack(folder)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return folder


def pack(folder: Path, content: str = "{name}") -> None:
    """Write both packages, whose files hold *content*."""
    for archive, package in (
        ("one.tgz", browser_library._TRANSFORMERS),
        ("two.tgz", browser_library._RUNTIME),
    ):
        with tarfile.open(folder / archive, "w:gz") as files:
            for name, (of, member, _) in browser_library.FILES.items():
                if of == package:
                    data = content.format(name=name).encode()
                    info = tarfile.TarInfo(f"package/{member}")
                    info.size = len(data)
                    files.addfile(info, io.BytesIO(data))


@pytest.fixture
def expected(monkeypatch) -> None:
    """The hashes of the stand-in's files."""
    files = {
        name: (package, member, hashlib.sha256(name.encode()).hexdigest())
        for name, (package, member, _) in browser_library.FILES.items()
    }
    monkeypatch.setattr(browser_library, "FILES", files)


def test_the_library_is_downloaded_once_and_listed(npm, expected, home) -> None:
    assert browser_library.library_folder(home) is None
    assert browser_library.library_host() == "packages.example"
    folder = browser_library.download_library(home)
    assert browser_library.library_folder(home) == folder
    assert {file.name for file in folder.iterdir()} == set(browser_library.FILES)
    (listed,) = DownloadLog(home.root).read()
    assert (listed.hosts, listed.outcome) == (("packages.example",), "done")
    (folder / "transformers.min.js").write_text("damaged")
    assert browser_library.library_folder(home) is None


def test_what_npm_brings_is_compared(npm, home) -> None:
    with pytest.raises(RunError) as caught:
        browser_library.download_library(home)
    assert caught.value.code == "browser.library_differs"
    assert browser_library.library_folder(home) is None


def test_an_npm_that_fails_says_why(npm, home, monkeypatch) -> None:
    monkeypatch.setenv("NPM_FAILS", "1")
    with pytest.raises(RunError) as caught:
        browser_library.download_library(home)
    assert "nothing there" in caught.value.message


def test_without_npm_and_without_leave_nothing_is_downloaded(run, npm, tmp_path) -> None:
    exit_code, said = export(run, tmp_path / "a", "--for", "browser", "--json")
    assert exit_code == 2
    assert "browser.download" in said
    assert "packages.example" in said
    path = {"PATH": str(tmp_path)}
    exit_code, said = export(run, tmp_path / "a", "--for", "browser", "--yes", environment=path)
    assert exit_code == 2
    assert "browser.no_npm" in said
    assert not (tmp_path / "a").exists()
