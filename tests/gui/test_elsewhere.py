"""What the window says of other places is what works there."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest

from phi3studio.domain.events.measured_events import Proof, Verified
from phi3studio.gui.pages.run.sharing.elsewhere import places
from tests.conftest import Pair


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's quotes")
def test_the_lines_for_a_server_and_its_client_work_as_they_stand(pair: Pair) -> None:
    run = pair.second
    server, client, chat, *_ = (place.lines for place in places(run, {}))
    home = str(run.path.parent.parent)
    environment = os.environ | {"PHI3STUDIO_HOME": home, "PHI3STUDIO_API_KEY": "word"}
    # Any free port, and its address in a form that can be read.
    command = [*shlex.split(server), "--port", "0", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            said = ""
            while not said.rstrip().endswith("}"):
                said += serving.stdout.readline()
            url = json.loads(said)["url"]
            program = client.replace("http://127.0.0.1:8765/v1", url).replace("KEY", "word")
            answered = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, check=False
            )
            assert answered.returncode == 0, answered.stderr
        finally:
            serving.terminate()
    done = subprocess.run(
        shlex.split(chat), env=environment, input="Hello\n", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_each_program_for_gguf_has_its_lines_and_what_was_measured(pair: Pair) -> None:
    run = pair.second
    proof = Proof(
        kind="q8_0",
        sha256="",
        bytes=145_000_000,
        program="xllamacpp",
        verdict=Verified(faithful=True),
    )
    found = {place.title: place for place in places(run, {"q8_0": proof})}
    assert found["Ollama"].lines.splitlines()[1:] == [
        "cd second-ollama",
        "ollama create second -f Modelfile && ollama run second",
    ]
    words = shlex.split(found["llama.cpp"].lines.splitlines()[0])
    assert words[-6:] == ["export", run.name, "--for", "llamacpp", "--out", "second-llamacpp"]
    assert "lms import second-q8_0.gguf" in found["LM Studio, Jan"].lines
    assert "Proven as q8_0: it answers as the trained model, 145 MB." in found["Ollama"].about
    lossy = proof.model_copy(update={"verdict": Verified(faithful=False)})
    (about,) = {place.about for place in places(run, {"q8_0": lossy}) if "GGUF" in place.about}
    assert about.endswith("Measured as q8_0: it does not answer as the trained model, 145 MB.")
    unsure = proof.model_copy(update={"verdict": Verified(faithful=False, comparable=False)})
    (about,) = {place.about for place in places(run, {"q8_0": unsure}) if "GGUF" in place.about}
    assert "it is not proven that it answers as the trained model" in about
    assert "q8_0" not in places(run, {})[-1].about
