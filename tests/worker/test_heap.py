"""What a training frees stays for its next step, and goes back to the system at its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from phi3studio.app import allocator

TRIAL = """
import json, resource, psutil
from phi3studio.worker.process.heap import keeping_freed_memory

def step():
    blocks = [bytearray(8 * 2**20) for _ in range(30)]
    for block in blocks:
        block[::4096] = b"1" * len(block[::4096])

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

with keeping_freed_memory():
    step()
    before = faults()
    step()
    again = faults() - before
    kept = psutil.Process().memory_info().rss
print(json.dumps([again, kept - psutil.Process().memory_info().rss]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="another C library")
@pytest.mark.parametrize("heap", ["glibc", "tcmalloc"])
def test_freed_memory_is_kept_inside_and_given_back_at_the_end(heap: str) -> None:
    settings = allocator.settings() if heap == "tcmalloc" else {}
    if heap == "tcmalloc" and not settings:
        pytest.skip("the system has no tcmalloc")
    # In a process of its own: the setting is the process's.
    done = subprocess.run(
        [sys.executable, "-c", TRIAL],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    again, given_back = json.loads(done.stdout)
    assert again < 1000  # of 61,440 pages
    assert given_back > 150 * 2**20
