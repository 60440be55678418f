"""The lock files fit pyproject.toml, hold hashes, and name no server but the official ones."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from pathlib import Path

import pytest

from installers import lock
from installers.lock import LOCKS, PYTHON, TARGETS, Target, problems, read_lock
from phi3studio.runtime_pack.pack_files import GENERATION, parse_facts

MADE = [target for target in TARGETS if target.file.is_file()]
OFFICIAL = ("https://pypi.org/", "https://download.pytorch.org/")


def test_every_flavour_and_platform_has_its_file_but_the_one_of_the_release() -> None:
    # PyTorch's own index alone has what CUDA on Windows needs; the release workflow asks it.
    assert {target.name for target in TARGETS} - {target.name for target in MADE} <= {
        "cuda-windows"
    }
    assert {"cpu-linux", "cpu-windows", "cpu-macos", "directml-windows", "cuda-linux"} <= {
        target.name for target in MADE
    }


@pytest.mark.parametrize("target", MADE, ids=lambda target: target.name)
def test_a_lock_file_fits_what_is_asked_for(target: Target) -> None:
    assert problems(target) == [], f"python installers/lock.py {target.name} makes it again"
    assert len(read_lock(target.file.read_text("utf-8"))) > 90


@pytest.mark.parametrize("target", MADE, ids=lambda target: target.name)
def test_a_lock_file_names_packages_and_hashes_only(target: Target) -> None:
    text = target.file.read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        assert re.fullmatch(
            r"([A-Za-z0-9._-]+==[^\s;]+( ; [^\\]+)?|    --hash=sha256:[0-9a-f]{64})( \\)?", line
        ), line
    for url in re.findall(r"\w+://\S+", text):
        assert url.startswith(OFFICIAL), url
    assert "file:" not in text


def test_flavours_are_apart() -> None:
    wheels = {
        "cpu": {"onnxruntime", "onnxruntime-genai"},
        "cuda": {"onnxruntime-gpu", "onnxruntime-genai-cuda"},
        "directml": {"onnxruntime-directml", "onnxruntime-genai-directml"},
    }
    every = set().union(*wheels.values())
    for target in MADE:
        names = set(read_lock(target.file.read_text("utf-8")))
        assert names & every == wheels[target.extra], target.name


@pytest.mark.parametrize("target", [t for t in MADE if t.pack], ids=lambda target: target.name)
def test_a_pack_has_its_facts_and_no_window(target: Target) -> None:
    names = read_lock(target.file.read_text("utf-8"))
    facts = parse_facts(target.file.with_suffix(".json").read_text("utf-8"))
    assert facts.packages == len(names)
    assert facts.generation == GENERATION
    assert facts.python == PYTHON
    assert facts.installed_bytes > facts.download_bytes > 2_000_000_000
    assert all(url.startswith(OFFICIAL) for url in facts.indexes)
    assert not {name for name in names if "pyside" in name or "shiboken" in name}
    # Two packages with the same files would make it chance which of them stays, and libraries of
    # two releases of CUDA are gigabytes.
    assert not [name for name in names if name.startswith("nvidia-") and name.endswith("-cu12")]


def test_a_lock_file_that_no_longer_fits_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = next(target for target in TARGETS if target.name == "cpu-windows")
    text = target.file.read_text("utf-8")
    monkeypatch.setattr(lock, "LOCKS", tmp_path)
    assert problems(target) == ["cpu-windows.txt is missing"]
    version = read_lock(text)["peft"][0]
    (tmp_path / "cpu-windows.txt").write_text(
        re.sub(r"psutil==[^\n]+\n(    --hash[^\n]+\n)+", "", text)
        .replace(f"peft=={version}", "peft==0.1.0")
        .replace("torch==2.13.0", "torch==2.12.0")
    )
    found = problems(target)
    assert "psutil is not in it" in found
    assert any(problem.startswith("peft 0.1.0 does not fit") for problem in found)
    assert "torch is 2.12.0 instead of 2.13.0" in found
    (tmp_path / "cpu-windows.txt").write_text(re.sub(r" \\\n    --hash=sha256:\w+", "", text))
    assert "peft has no hash" in problems(target)


def test_an_index_that_tells_no_sizes_is_asked_for_them(tmp_path: Path) -> None:
    """PyTorch's own, for one."""
    (tmp_path / "torch.whl").write_bytes(b"x" * 1234)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/torch.whl"
            assert lock.wheel_bytes({"url": url}) == 1234
        finally:
            server.shutdown()
            thread.join()
    assert lock.wheel_bytes({"url": url, "size": 5}) == 5


def test_the_folder_of_the_frozen_program_has_them(tmp_path: Path) -> None:
    assert LOCKS.name == "locks"
    assert LOCKS.parent.name == "installers", "runtime_pack/place.py looks there"
