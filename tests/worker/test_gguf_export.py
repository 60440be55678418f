"""A finished run exported for Ollama, LM Studio and llama.cpp by the command, and proven."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.paths import Home
from phi3studio.runs.store import RunFolder
from tests.small_disks import mounted

pytestmark = pytest.mark.long


@pytest.fixture
def run(pair: Any, home: Home) -> RunFolder:
    """A copy of a finished run that a test may spoil."""
    target = home.runs / pair.second.name
    shutil.copytree(pair.second.path, target)
    return RunFolder(target)


def export(
    run: RunFolder, out: Path, *more: str, environment: dict[str, str] | None = None
) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", "export", run.name, "--out", str(out), *more],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=os.environ | (environment or {}),
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr[-3000:]
    return done.returncode, done.stdout + done.stderr


def test_a_run_is_exported_for_ollama_and_proven_twice_alike(run, tmp_path) -> None:
    code, said = export(run, tmp_path / "a", "--for", "ollama", "--json")
    assert code == 0, said
    document = json.loads(said)
    file = document["file"]
    assert {file, "Modelfile", "README.md", "prompt.json", "card/README.md"} <= set(
        document["files"]
    )
    assert document["start"] == "ollama create second -f Modelfile && ollama run second"
    verdict = document["proof"]["verdict"]
    assert document["unproven"] is None
    assert verdict["parity"] == 1.0
    assert verdict["stop_listed"]
    assert abs(verdict["points_lost"]) <= 0.5
    assert verdict["kl"] < 0.01
    assert verdict["models"]["exported"]["tokens_per_s"] > 0
    proof = run.view().proofs["q8_0"]
    assert proof.verdict.model_dump(mode="json") == verdict
    assert proof.bytes == (tmp_path / "a" / file).stat().st_size
    assert re.match(r"xllamacpp \d", proof.program)
    modelfile = (tmp_path / "a" / "Modelfile").read_text()
    assert modelfile.startswith(
        f'FROM ./{file}\nTEMPLATE """### Text: {{{{ .Prompt }}}}\n### The tone is:\n"""\n'
        'PARAMETER stop "<|end|>"\n'
    )
    card = (tmp_path / "a" / "card" / "README.md").read_text()
    assert "GGUF q8_0" in card
    code, said = export(run, tmp_path / "b", "--for", "ollama")
    assert code == 0, said
    assert re.search(r"ONNX .*\n.* GGUF q8_0 .* tokenizers agree on 100 %", said)
    shown = subprocess.run(
        [sys.executable, "-m", "phi3studio", "show", run.name],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(r"ONNX .*\n.* GGUF q8_0 ", shown)
    for name in document["files"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.fixture
def without_llama_cpp(tmp_path) -> dict[str, str]:
    """The environment of a computer that lacks it."""
    empty = tmp_path / "packages" / "xllamacpp"
    empty.mkdir(parents=True)
    (empty / "__init__.py").touch()
    path = os.pathsep.join([str(empty.parent), os.environ.get("PYTHONPATH", "")])
    return {"PYTHONPATH": path}


def written(folder: Path) -> list[str]:
    """The checksums of what was made for llama.cpp: the rest holds what was measured."""
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    return [line for line in lines if line.endswith((".gguf", "Modelfile", "prompt.json"))]


def test_the_adapter_alone_is_loaded_over_its_base_and_proven(
    run, without_llama_cpp, tmp_path
) -> None:
    wish = ("--for", "ollama", "--what", "adapter", "--kind", "f16", "--json")
    code, said = export(run, tmp_path / "out", *wish)
    assert code == 0, said
    assert export(run, tmp_path / "again", *wish, environment=without_llama_cpp)[0] == 0
    assert written(tmp_path / "out") == written(tmp_path / "again") != []
    document = json.loads(said)
    assert (document["file"], document["lora"]) == ("second-base-f16.gguf", "second-lora.gguf")
    verdict = document["proof"]["verdict"]
    assert verdict["parity"] == 1.0
    assert verdict["kl"] < 1e-4
    assert list(run.view().proofs) == ["f16 + LoRA"]
    lines = (tmp_path / "out" / "Modelfile").read_text().splitlines()
    assert lines[:2] == ["FROM ./second-base-f16.gguf", "ADAPTER ./second-lora.gguf"]


@pytest.mark.slow
def test_without_llama_cpp_the_file_is_made_twice_alike_and_said_not_to_be_proven(
    run, without_llama_cpp, tmp_path
) -> None:
    wish = ("--for", "lmstudio", "--kind", "iq4_nl")
    code, said = export(run, tmp_path / "out", *wish, environment=without_llama_cpp)
    assert code == 0, said
    assert export(run, tmp_path / "again", *wish, environment=without_llama_cpp)[0] == 0
    assert written(tmp_path / "out") == written(tmp_path / "again") != []
    assert "GGUF iq4_nl is not proven: llama.cpp is not installed" in said
    assert "pip install xllamacpp" in said
    assert "There: lms import second-iq4_nl.gguf" in said
    assert not (tmp_path / "out" / "Modelfile").exists()
    assert run.view().proofs == {}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--for", "jan"], "There is no --for jan"),
        (["--for", "llamacpp", "--kind", "q2"], "There is no --kind q2"),
        (["--for", "lmstudio", "--what", "adapter"], "lmstudio cannot load an adapter"),
        (["--for", "llamacpp", "--what", "merged"], "There is no --what merged"),
        (["--for", "ollama", "--name", "my tone"], "Ollama refuses the name my tone"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(run, tmp_path, more, said) -> None:
    code, text = export(run, tmp_path / "out", *more)
    assert code == 2
    assert said in text
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C of a console")
def test_ctrl_c_leaves_nothing(run, tmp_path) -> None:
    seq, folder = run.view().last_seq, tmp_path / "there"
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "phi3studio", "export", run.name, "--for", "llamacpp", "--out",
         str(folder / "out")],
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stderr is not None
    while "measuring the merged model" not in (line := process.stderr.readline()):
        assert line, process.poll()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert list(folder.iterdir()) == []
    assert not list(run.path.glob("verify-*"))
    assert run.view().last_seq == seq


def test_a_full_disk_is_said_and_leaves_nothing(run, tmp_path) -> None:
    with mounted(tmp_path / "disk", "size=700k") as disk:
        code, said = export(run, disk / "out", "--for", "llamacpp")
        assert code == 1, said
        assert "room" in said
        assert list(disk.iterdir()) == []
