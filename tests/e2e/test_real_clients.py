"""Programs of others against the server, with their own libraries from PyPI (slow)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from tests.cli.test_use_commands import KEY, serving
from tests.e2e.test_demo import quick

__all__ = ["quick"]

LIBRARIES = (
    "openai", "litellm", "langchain-openai", "llm", "instructor", "pydantic-ai-slim[openai]",
    "openai-agents",
)  # fmt: skip
CALLS = Path(__file__).with_name("client_calls.py")


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the libraries, of any version."""
    folder = tmp_path_factory.mktemp("clients")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *LIBRARIES], check=True, timeout=900)
    return python


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_todays_clients_are_answered(clients: Path, starter: Home) -> None:
    with serving(starter) as (_, started):
        done = subprocess.run(
            [clients, CALLS, started["url"], KEY, "demo-quick"],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    said = done.stdout.splitlines()
    assert len(said) == 7, done.stdout + done.stderr
    assert all(line.startswith("ok ") for line in said), done.stdout
