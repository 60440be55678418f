"""A whole run where there is no network, every system call of it watched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from phi3studio.app.program import program
from phi3studio.runs.recipe_files import write_recipe
from phi3studio.runs.store import RunStore
from tests.conftest import Pair
from tests.environment import users_environment
from tests.worker.running import tiny_recipe

LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
if sys.argv[1] == "up":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lo:
        fcntl.ioctl(lo, 0x8914, struct.pack("16sh", b"lo", 0x41))  # SIOCSIFFLAGS: up and running
os.execvp(sys.argv[2], sys.argv[2:])
"""
_NAMED = re.compile(r"\b(connect|sendto|sendmsg|sendmmsg)\(")
_FAMILY = re.compile(r"sa_family=(\w+)")
# Sockets of this machine alone: files, the kernel's own tables, nothing at all.
_LOCAL = {"AF_UNIX", "AF_NETLINK", "AF_UNSPEC"}
_LOOPBACK = re.compile(r'inet_addr\("127\.|inet_pton\(AF_INET6, "(::1|::ffff:127\.[\d.]+)"')


def reached(command: list[str], folder: Path, loopback: bool) -> tuple[int, list[str]]:
    """Run *command* in an empty network namespace: its exit code, and the system calls by which
    it or any child of it would have reached beyond this machine."""
    if sys.platform != "linux" or not (shutil.which("strace") and shutil.which("unshare")):
        pytest.skip("strace and unshare of Linux watch the run")
    alone = (
        ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root", "--net"]
    )
    if subprocess.run(
        [*alone, "strace", "-f", "true"], check=False, capture_output=True
    ).returncode:
        pytest.skip("this system lets nobody make a network namespace, or trace in it")
    trace = folder / f"trace-{loopback}"
    watched = ["strace", "-f", "-qq", "-e", "trace=network", "-o", str(trace), *command]
    # Nothing but the program itself keeps it from calling anybody.
    done = subprocess.run(
        [*alone, sys.executable, "-c", LOOPBACK_UP, "up" if loopback else "down", *watched],
        env=users_environment(HOME=str(folder), XDG_CACHE_HOME=str(folder / "cache")),
        check=False,
        capture_output=True,
    )
    with trace.open(encoding="utf-8", errors="replace") as lines:
        strange = [
            line
            for line in lines
            if _NAMED.search(line)
            and set(_FAMILY.findall(line)) - _LOCAL
            and not _LOOPBACK.search(line)
        ]
    return done.returncode, strange


def test_what_reaches_out_is_seen(tmp_path) -> None:
    code = (
        "import socket, subprocess, sys\n"
        "with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:\n"
        "    try: out.sendto(b'x', ('192.0.2.1', 53))\n"
        "    except OSError: pass\n"
        "with socket.socket() as out:\n"
        "    out.connect_ex(('127.0.0.1', 9))\n"
        "    out.connect_ex(('198.51.100.1', 443))\n"
    )
    _, strange = reached([sys.executable, "-c", code], tmp_path, loopback=True)
    assert ["192.0.2.1" in strange[0], "198.51.100.1" in strange[1], len(strange)] == [
        True,
        True,
        2,
    ]


@pytest.mark.slow
@pytest.mark.parametrize("loopback", [True, False], ids=["loopback", "nothing"])
def test_a_whole_run_reaches_nobody(home, tiny_phi3, phrases, tmp_path, loopback) -> None:
    recipe = tmp_path / "recipe.yaml"
    write_recipe(tiny_recipe(tiny_phi3, phrases, quantisation="int4", max_steps=4), recipe)
    code, strange = reached(program("run", str(recipe)), tmp_path, loopback)
    (run,) = RunStore(home).all()
    assert (code, run.state()) == (0, "completed")
    assert not strange, "".join(strange[:20])


# Ten seconds after its start the runtime sends what it has gathered.
GENERATES = """
import sys, time
if sys.argv[2] == "ours":
    from phi3studio.worker.process.privacy import disable_telemetry
    disable_telemetry()
import onnxruntime_genai as og
model = og.Model(sys.argv[1])
params = og.GeneratorParams(model)
params.set_search_options(max_length=24)
generator = og.Generator(model, params)
generator.append_tokens([260, 261, 262])
while not generator.is_done():
    generator.generate_next_token()
time.sleep(12)
"""


@pytest.mark.slow  # it waits twice for what the runtime would send
def test_the_runtime_loads_and_generates_without_a_call_or_a_look_up(pair: Pair, tmp_path) -> None:
    """With the switch of every process of ours; without it the same program tries to call."""
    for whose in ("ours", "theirs"):
        folder = tmp_path / whose
        folder.mkdir()
        command = [sys.executable, "-c", GENERATES, str(pair.first.model), whose]
        code, strange = reached(command, folder, loopback=True)
        assert code == 0
        assert bool(strange) == (whose == "theirs"), "".join(strange[:20])
