"""What the window says of other places is what works there."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest

from phi3studio.gui.pages.run.elsewhere import places
from tests.conftest import Pair


@pytest.mark.skipif(sys.platform == "win32", reason="a shell's quotes")
def test_the_lines_for_a_server_and_its_client_work_as_they_stand(pair: Pair) -> None:
    run = pair.second
    server, client, chat, *_ = (place.lines for place in places(run))
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
