"""The demo's model in Foundry Local's own runtime, from PyPI (slow)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from phi3studio.runs.store import RunStore
from phi3studio.worker.data.preparing.held_out_rows import load_held_out
from phi3studio.worker.genai.genai import GenaiModel
from tests.e2e.test_demo import quick, studio
from tests.e2e.test_real_clients import new_python

__all__ = ["quick"]

# Without a network: Foundry Local reports each start to its makers.
ALONE = ["unshare", "--map-root-user", "--net"]


def is_alone() -> bool:
    """Whether a process can be started here without a network."""
    return shutil.which(ALONE[0]) is not None and not subprocess.call([*ALONE, "true"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not is_alone(), reason="needs Linux' unshare")
def test_foundry_local_answers_as_the_run_does(starter, quick, tmp_path) -> None:
    run = RunStore(starter).find(quick["name"])
    folder = tmp_path / "folder"
    code, said, wrong = studio(
        starter, "export", run.name, "--for", "foundry-local", "--out", folder
    )
    assert code == 0, said + wrong
    assert "There, in a program: python -m pip install foundry-local-sdk && python chat.py" in said
    # A request that names no option, as the foundry command sends it, is answered alike.
    program = (folder / "chat.py").read_text()
    plain = program.replace("session.set_options(OPTIONS)", "pass")
    assert plain != program
    (folder / "plain.py").write_text(plain)
    (file,) = run.data.glob("held-out-*.parquet")
    model = GenaiModel(run.model, threads=1)
    stream = model.stream()
    python = new_python(tmp_path / "env", "foundry-local-sdk==2.2.1")
    for row in load_held_out(file).rows[:3]:
        question = row.prompt.removeprefix("### Text: ").splitlines()[0]
        answer = [t for t in model.generate(row.prompt_ids, 256) if t not in model.stop_ids]
        expected = "".join(stream.decode(token) for token in answer)
        for name in ("chat.py", "plain.py"):
            answered = asked(python, folder / name, question, tmp_path)
            # Without options an answer may be longer than the 256 tokens of the other.
            assert answered.stdout.removesuffix("\n")[: len(expected)] == expected


def asked(
    python: Path, program: Path, question: str, home: Path
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*ALONE, python, program, question],
        env=os.environ | {"HOME": str(home)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done
