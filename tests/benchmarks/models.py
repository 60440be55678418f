"""How fast models are fetched and listed: ``python -m tests.benchmarks.models [--megabytes N]``.

Bars: downloading from the loopback interface at 0.9 times curl's speed for the same bytes;
``models list`` with 50 models in 300 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from phi3studio.models.hub_cache import HubCache
from phi3studio.worker.models.download import Download
from phi3studio.worker.models.hub import Hub
from phi3studio.worker.models.transfer import Patience

SPEED_BAR = 0.9
LIST_BAR_S = 0.3
MODELS = 50


def make_model(folder: Path, shard_bytes: int, shards: int) -> Path:
    """A sharded model of random bytes."""
    folder.mkdir(parents=True)
    names = [f"model-{n:05}-of-{shards:05}.safetensors" for n in range(1, shards + 1)]
    for name in names:
        (folder / name).write_bytes(os.urandom(shard_bytes))
    index = {"weight_map": {f"w{n}": name for n, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.json").write_text("{}")
    return folder


def measure_download(root: Path, megabytes: int, rounds: int) -> tuple[float, float]:
    """Seconds of curl and of ours for the same files, medians."""
    source = make_model(root / "source", megabytes * 10**6 // 2, 2)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.worker.hub_standin", str(source)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    endpoint = server.stdout.readline().strip()
    names = sorted(file.name for file in source.iterdir())
    commit = "c" * 40
    curls, ours = [], []
    try:
        for number in range(rounds):
            target = root / f"curl-{number}"
            target.mkdir()
            begin = time.perf_counter()
            urls = [f"{endpoint}/tests/bench/resolve/{commit}/{name}" for name in names]
            command = ["curl", "-sSL", "--remote-name-all", "--output-dir", str(target), *urls]
            subprocess.run(command, check=True)
            curls.append(time.perf_counter() - begin)
            shutil.rmtree(target)
            cache = HubCache(root / f"ours-{number}")
            begin = time.perf_counter()
            nothing = lambda *_: None  # noqa: E731
            Download(Hub(endpoint, None), cache, nothing, nothing, Patience()).run(
                "tests/bench", None
            )
            ours.append(time.perf_counter() - begin)
            shutil.rmtree(cache.root)
    finally:
        server.communicate()
    return statistics.median(curls), statistics.median(ours)


def measure_list(root: Path, rounds: int) -> float:
    """Seconds of ``models list`` with 50 whole models in the hub's cache, median."""
    cache = root / "hf" / "hub"
    for number in range(MODELS):
        repo = cache / f"models--tests--model-{number}"
        make_model(repo / "snapshots" / ("a" * 40), 1000, 2)
        (repo / "refs").mkdir()
        (repo / "refs" / "main").write_text("a" * 40)
    environment = os.environ | {
        "HF_HOME": str(root / "hf"),
        "PHI3STUDIO_HOME": str(root / "home"),
    }
    environment.pop("HF_HUB_CACHE", None)
    # A user's second call finds the modules compiled.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "phi3studio", "models", "list", "--json"],
            env=environment,
            capture_output=True,
            check=True,
        )
        times.append(time.perf_counter() - begin)
    rows = json.loads(done.stdout)
    assert sum(row["installed"] for row in rows) == MODELS
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        listed = measure_list(root, arguments.rounds)
        curl, ours = measure_download(root, arguments.megabytes, arguments.rounds)
    speed = curl / ours
    rate = arguments.megabytes / ours
    print(f"models list, {MODELS} models: {1000 * listed:.0f} ms (bar {1000 * LIST_BAR_S:.0f} ms)")
    print(f"download: {rate:.0f} MB/s, {speed:.2f} x curl (bar {SPEED_BAR} x)")
    return 0 if speed >= SPEED_BAR and listed <= LIST_BAR_S else 1


if __name__ == "__main__":
    sys.exit(main())
