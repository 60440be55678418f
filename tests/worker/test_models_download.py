"""Downloads from a hub on the loopback interface, through huggingface_hub's own connection."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import threading
from collections import Counter, namedtuple
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from phi3studio import __version__
from phi3studio.app import hub_token
from phi3studio.app.paths import Home
from phi3studio.domain.errors import Cancelled, InputError, RunError, UserFacingError
from phi3studio.models.hub_cache import HubCache, cache_folder
from phi3studio.models.model_folder import damages
from phi3studio.models.model_store import ModelStore
from phi3studio.worker.models import body, resolve_model, transfer
from phi3studio.worker.models.download import Download, get_model
from phi3studio.worker.models.hub import Hub, needed_files
from phi3studio.worker.models.transfer import Patience
from tests.worker.hub_standin import COMMIT, TOKEN, Fault, HubStandIn, Repo, Request, sha256

HUB_ID = "tests/tiny"
QUICK = Patience(tries=4, first_s=0.01, longest_s=0.02, timeout_s=0.5)


def safetensors(size: int, seed: int = 0) -> bytes:
    """A proper safetensors file with *size* bytes of weights."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + random.Random(seed).randbytes(size)


def model_files(shards: int = 2, size: int = 200_000) -> dict[str, bytes]:
    """A sharded model with everything around it, and things that nobody needs."""
    names = [f"model-{n:05}-of-{shards:05}.safetensors" for n in range(1, shards + 1)]
    files = {name: safetensors(size, seed) for seed, name in enumerate(names)}
    index = {"weight_map": {f"w{n}": name for n, name in enumerate(names)}}
    return files | {
        "model.safetensors.index.json": json.dumps(index).encode(),
        "config.json": b'{"model_type": "llama"}',
        "generation_config.json": b"{}",
        "tokenizer.json": random.Random(9).randbytes(90_000),
        "tokenizer_config.json": b'{"a": 1}',
        "chat_template.jinja": b"{{ messages }}",
        "LICENSE": b"MIT",
        "README.md": b"# model",
        "modeling_own.py": b"print('never fetched')",
        "pytorch_model.bin": b"\x80\x04" + b"x" * 5000,
        "original/consolidated.00.pth": b"\x80\x04" + b"x" * 5000,
        "onnx/model.onnx": b"o" * 5000,
    }


NOT_NEEDED = {
    "README.md",
    "modeling_own.py",
    "pytorch_model.bin",
    "original/consolidated.00.pth",
    "onnx/model.onnx",
}


def use_endpoint(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """As ``HF_ENDPOINT`` does before the library is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """The stand-in with one model; the user has an empty cache, no token, and is online."""
    with HubStandIn({HUB_ID: Repo(model_files())}) as standin:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        use_endpoint(monkeypatch, standin.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "hf" / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(hub_token, "hub_token", lambda: None)
        yield standin
        huggingface_hub.close_session()


@pytest.fixture
def store(hub: HubStandIn, home: Home) -> ModelStore:
    return ModelStore(home)


def fetch(store: ModelStore, source: str = HUB_ID, **options: Any) -> dict[str, Any]:
    return get_model(source, store, **{"patience": QUICK, **options})


def failure(store: ModelStore, source: str = HUB_ID, **options: Any) -> UserFacingError:
    with pytest.raises(UserFacingError) as caught:
        fetch(store, source, **options)
    assert caught.value.hint
    return caught.value


def assert_whole(folder: Path, files: dict[str, bytes]) -> None:
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        name: data for name, data in files.items() if name not in NOT_NEEDED
    }
    assert damages(folder) == []


# --- what is fetched, and where to --------------------------------------------------------------


def test_a_model_lands_in_the_hubs_own_cache_with_only_what_is_needed(hub, store, tmp_path) -> None:
    said: list[dict[str, Any]] = []
    got = fetch(store, tell=said.append)
    folder = Path(got["folder"])
    assert folder == tmp_path / "hf/hub/models--tests--tiny/snapshots" / COMMIT
    files = hub.repos[HUB_ID].files
    assert_whole(folder, files)
    needed = sum(len(data) for name, data in files.items() if name not in NOT_NEEDED)
    assert got["fetched"] == needed == hub.sent
    assert resolve_model(HUB_ID) == folder
    # Per file and in all, never beyond the whole, ending with the whole.
    moved = [item for item in said if "file" in item]
    assert {item["file"] for item in moved} == set(files) - NOT_NEEDED
    assert all(0 <= i["file_done"] <= i["file_total"] and i["done"] <= i["total"] for i in moved)
    assert moved[-1]["done"] == moved[-1]["total"] == needed
    assert not list((tmp_path / "hf").rglob("*.incomplete"))
    # The token of nobody, and nothing about this computer.
    assert {request.token for request in hub.requests} == {None}
    assert {request.agent for request in hub.requests} == {f"phi3studio/{__version__}"}
    assert len(hub.requests) == 1 + 9 + 3, "one for the list, one a file, one a redirect"


def test_the_hubs_library_finds_what_we_downloaded(hub, store) -> None:
    folder = fetch(store)["folder"]
    asked = len(hub.requests)
    found = huggingface_hub.snapshot_download(
        HUB_ID, local_files_only=True, allow_patterns=["*.safetensors", "config.json"]
    )
    assert found == folder
    one = huggingface_hub.hf_hub_download(HUB_ID, "config.json", revision=COMMIT)
    assert Path(one).parent == Path(folder)
    assert len(hub.requests) == asked


def test_what_the_hubs_library_downloaded_is_found_and_not_downloaded_again(hub, store) -> None:
    folder = huggingface_hub.snapshot_download(HUB_ID, max_workers=2)
    hub.requests.clear()
    assert fetch(store) == {"name": HUB_ID, "folder": folder, "fetched": 0, "code_files": []}
    assert hub.requests == []
    assert fetch(store, update=True)["fetched"] == 0
    assert [request.path for request in hub.requests] == [f"/api/models/{HUB_ID}"]


def test_our_cache_folder_is_the_librarys(monkeypatch, tmp_path) -> None:
    import subprocess
    import sys

    code = "from huggingface_hub import constants as c; print(c.HF_HUB_CACHE)"
    for changes in (
        {},
        {"HF_HOME": str(tmp_path / "a")},
        {"HF_HUB_CACHE": "~/b", "HF_HOME": "x"},
        {"XDG_CACHE_HOME": str(tmp_path / "c")},
    ):
        names = ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME")
        clean = {key: value for key, value in os.environ.items() if key not in names} | changes
        monkeypatch.setattr(os, "environ", clean)
        said = subprocess.run(
            [sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True
        )
        assert str(cache_folder()) == said.stdout.strip()


def test_a_catalogue_name_is_downloaded_and_resolved(hub, store) -> None:
    commit = store.entry("qwen3-0.6b").revision
    hub.repos["Qwen/Qwen3-0.6B"] = Repo(model_files(1, 1000), commit=commit, revisions=())
    with pytest.raises(InputError) as caught:
        resolve_model("qwen3-0.6b")
    assert caught.value.code == "model.not_on_disk"
    assert "phi3studio models get qwen3-0.6b" in caught.value.hint
    got = fetch(store, "qwen3-0.6b")
    assert resolve_model("qwen3-0.6b") == resolve_model("Qwen/Qwen3-0.6B") == Path(got["folder"])
    assert store.is_installed("qwen3-0.6b")


def test_a_catalogue_model_that_is_there_at_another_commit_is_good_enough(hub, store) -> None:
    hub.repos["Qwen/Qwen3-0.6B"] = Repo(model_files(1, 1000))
    mine = fetch(store, "Qwen/Qwen3-0.6B", revision="main")
    asked = len(hub.requests)
    assert fetch(store, "qwen3-0.6b") == {**mine, "name": "qwen3-0.6b", "fetched": 0}
    assert len(hub.requests) == asked


def test_half_a_model_is_not_used_and_completed(hub, store) -> None:
    folder = Path(fetch(store)["folder"])
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(InputError) as caught:
        resolve_model(HUB_ID)
    assert caught.value.code == "model.no_weights"
    assert fetch(store)["fetched"] == 0, "the blob was still there"
    assert_whole(folder, hub.repos[HUB_ID].files)


def test_a_revision_is_downloaded_next_to_another(hub, store) -> None:
    first = fetch(store)["folder"]
    repo = hub.repos[HUB_ID]
    repo.commit, repo.revisions = "d" * 40, ("main", "v2")
    repo.files["config.json"] = b'{"model_type": "llama", "new": 1}'
    second = fetch(store, revision="v2")
    assert Path(second["folder"]).name == "d" * 40
    assert second["fetched"] == len(repo.files["config.json"])
    assert resolve_model(HUB_ID, revision="v2") == Path(second["folder"])
    assert resolve_model(HUB_ID, revision=COMMIT) == Path(first)
    assert failure(store, revision="none").code == "model.no_revision"
    assert failure(store, revision="../../x").code == "model.no_revision"


def test_code_is_named_and_downloaded_only_when_asked(hub, store) -> None:
    config = {"model_type": "llama", "auto_map": {"AutoConfig": "modeling_own.Config"}}
    hub.repos[HUB_ID].files["config.json"] = json.dumps(config).encode()
    got = fetch(store)
    assert got["code_files"] == ["modeling_own.py"]
    folder = Path(got["folder"])
    assert not list(folder.glob("*.py"))
    fetch(store, with_code=True)
    assert [file.name for file in folder.glob("*.py")] == ["modeling_own.py"]


def test_removing_one_revision_keeps_the_other(hub, store) -> None:
    first = Path(fetch(store)["folder"])
    repo = hub.repos[HUB_ID]
    repo.commit = "d" * 40
    repo.files["config.json"] = b'{"model_type": "llama", "new": 1}'
    second = Path(fetch(store, update=True)["folder"])
    place, freed = store.remove(HUB_ID)
    assert (place, freed) == ("hub", len(repo.files["config.json"]) + len(repo.commit))
    assert not second.exists()
    assert damages(first) == []
    assert resolve_model(HUB_ID) == first
    store.remove(HUB_ID)
    assert not store.cache.repo(HUB_ID).exists()


# --- broken transfers ---------------------------------------------------------------------------


@pytest.fixture(params=["parsed", "straight"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which a body is read."""
    monkeypatch.setattr(body, "_LARGE", 1 if request.param == "straight" else 10**12)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_a_hundred_breaks_at_random_places_and_every_file_arrives_whole(hub, store) -> None:
    chance = random.Random(20)
    hub.repos[HUB_ID] = Repo(model_files(shards=6, size=300_000))
    breaks = 0

    def plan(request: Request, size: int) -> Fault | None:
        nonlocal breaks
        if breaks >= 100:
            return None
        breaks += 1
        if chance.random() < 0.1:
            return Fault(status=chance.choice([429, 500, 502, 503, 504]))
        return Fault(
            after=chance.randrange(1, max(2, size // 3)),
            reset=chance.random() < 0.5,
            short=chance.random() < 0.2,
        )

    hub.plan = plan
    got = fetch(store, patience=Patience(tries=12, first_s=0.001, longest_s=0.002, timeout_s=5))
    assert breaks == 100
    assert_whole(Path(got["folder"]), hub.repos[HUB_ID].files)


@pytest.mark.usefixtures("way")
def test_resuming_in_another_session_downloads_nothing_twice(hub, store) -> None:
    size = 2_000_000
    hub.repos[HUB_ID] = Repo(model_files(shards=1, size=size))
    hub.plan = lambda request, left: Fault(bytes_per_s=3e6) if left > 150_000 else None
    chance = random.Random(3)
    sizes = [0]
    for _ in range(5):
        enough = sizes[-1] + chance.randrange(size // 12, size // 6)

        def check(enough: int = enough) -> None:
            there = store.cache.repo(HUB_ID) / "blobs" / f"{weights_hash(hub)}.incomplete"
            if there.is_file() and there.stat().st_size >= enough:
                raise Cancelled

        with pytest.raises(Cancelled):
            fetch(store, check=check)
        huggingface_hub.close_session()
        (partial,) = store.cache.repo(HUB_ID).glob("blobs/*.incomplete")
        sizes.append(partial.stat().st_size)
    hub.plan = lambda request, left: None
    got = fetch(store)
    assert_whole(Path(got["folder"]), hub.repos[HUB_ID].files)
    # Every session asked for exactly what was not there yet.
    ranges = [
        r.range for r in hub.requests if r.server == "cdn" and r.path[-64:] == weights_hash(hub)
    ]
    assert ranges == [None, *(f"bytes={there}-" for there in sizes[1:])]
    assert sizes == sorted(set(sizes))


def weights_hash(hub: HubStandIn) -> str:
    return sha256(hub.repos[HUB_ID].files["model-00001-of-00001.safetensors"])


@pytest.mark.usefixtures("way")
def test_the_server_is_asked_for_exactly_what_is_missing(hub, store) -> None:
    hub.repos[HUB_ID] = Repo(model_files(shards=1, size=500_000))
    broken = iter([Fault(after=123_456, reset=False)])
    hub.plan = lambda request, size: next(broken, None) if size > 400_000 else None
    fetch(store)
    ranges = [request.range for request in hub.requests if request.server == "cdn"]
    (second,) = [text for text in ranges if text is not None]
    assert second == "bytes=123456-"
    assert hub.sent == sum(
        len(d) for n, d in hub.repos[HUB_ID].files.items() if n not in NOT_NEEDED
    )


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "fault",
    [
        Fault(corrupt=True),
        Fault(ignore_range=True),
        Fault(after=10, short=True),
        Fault(status=429, headers={"Retry-After": "0"}),
        Fault(status=503),
    ],
    ids=["corrupt", "ignores ranges", "short", "busy", "down"],
)
def test_a_bad_answer_now_and_then_costs_nothing_but_time(hub, store, fault) -> None:
    asked: Counter[str] = Counter()

    def plan(request: Request, size: int) -> Fault | None:
        # Counted for each address: files come beside one another, in any order.
        asked[request.path] += 1
        first = asked[request.path] == 1
        if fault.ignore_range:
            return Fault(after=size // 2, reset=False) if first else fault
        return fault if first else None

    hub.plan = plan
    assert_whole(Path(fetch(store)["folder"]), hub.repos[HUB_ID].files)


def test_content_that_is_always_wrong_never_gets_a_name(hub, store) -> None:
    hub.plan = lambda request, size: Fault(corrupt=True) if request.server == "cdn" else None
    error = failure(store)
    assert error.code == "model.damaged"
    assert isinstance(error, RunError)
    blobs = {file.name for file in store.cache.repo(HUB_ID).glob("blobs/*")}
    large = [d for n, d in hub.repos[HUB_ID].files.items() if n.endswith(".safetensors")]
    assert not blobs & {sha256(data) for data in large}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(status=429), "model.hub_busy"),
        (Fault(status=500), "model.hub_failed"),
        (Fault(status=503), "model.hub_failed"),
        (Fault(after=0, reset=True), "model.no_connection"),
        (Fault(after=0, short=True), "model.no_connection"),
    ],
)
def test_a_hub_that_stays_broken_is_given_up_with_the_reason(hub, store, fault, code) -> None:
    hub.plan = lambda request, size: fault if size > 1000 else None
    asked = failure(store)
    assert asked.code == code
    assert "kept" in asked.hint
    tries = [r for r in hub.requests if r.path.endswith("/tokenizer.json")]
    assert len(tries) <= QUICK.tries


def test_information_is_asked_for_again_while_the_hub_is_busy(hub, store) -> None:
    answers = iter([Fault(status=429), Fault(status=502), None])
    hub.api_plan = lambda request, size: next(answers, None)
    assert fetch(store)["fetched"] > 0


def test_a_hub_that_asks_to_wait_is_obeyed(hub, store, monkeypatch) -> None:
    rests: list[float] = []
    monkeypatch.setattr(transfer, "rest", lambda seconds, check: rests.append(seconds))
    answers = iter([Fault(status=429, headers={"Retry-After": "40"})])
    hub.api_plan = lambda request, size: next(answers, None)
    fetch(store, patience=Patience(tries=3, first_s=0.01, longest_s=20.0))
    assert rests == [40.0]


@pytest.mark.usefixtures("way")
def test_a_silent_server_is_left_after_the_timeout_and_resumed(hub, store) -> None:
    slow = iter([Fault(bytes_per_s=1)])
    hub.plan = lambda request, size: next(slow, None) if request.server == "cdn" else None
    assert_whole(Path(fetch(store)["folder"]), hub.repos[HUB_ID].files)


@pytest.mark.usefixtures("way")
def test_cancelling_is_quick_and_keeps_what_arrived(hub, store) -> None:
    hub.repos[HUB_ID] = Repo(model_files(shards=1, size=3_000_000))
    hub.plan = lambda request, size: Fault(bytes_per_s=400_000) if size > 10**6 else None

    def check() -> None:
        if hub.sent > 400_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(store, check=check)
    (partial,) = store.cache.repo(HUB_ID).glob("blobs/*.incomplete")
    kept = partial.stat().st_size
    assert 100_000 < kept < 2_000_000
    hub.plan = lambda request, size: None
    assert fetch(store)["fetched"] <= 3_100_000 - kept


def test_two_at_once_download_everything_once(hub, store) -> None:
    hub.plan = lambda request, size: Fault(bytes_per_s=400_000) if size > 100_000 else None
    results: list[tuple[Path, dict[str, int]]] = []

    def one() -> None:
        folder = Path(fetch(store)["folder"])
        results.append((folder, {file.name: file.lstat().st_ctime_ns for file in folder.iterdir()}))

    both = [threading.Thread(target=one) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert len(results) == 2
    first, second = results
    assert first == second, "the slower one wrote files again that the faster one may be reading"
    files = hub.repos[HUB_ID].files
    assert_whole(first[0], files)
    assert hub.sent == sum(len(data) for name, data in files.items() if name not in NOT_NEEDED)


# --- who may have it ----------------------------------------------------------------------------


def test_a_gated_model_without_a_token_says_the_next_step(hub, store) -> None:
    hub.repos[HUB_ID].gated = True
    error = failure(store)
    assert (type(error), error.code) == (InputError, "model.gated")
    for part in (f"{hub.endpoint}/{HUB_ID}", "licence", "settings/tokens", "models sign-in"):
        assert part in error.hint, part
    assert len(hub.asked("/resolve/")) == 1, "a refusal is not asked for again"


def test_a_gated_model_with_a_token_of_somebody_else_says_the_next_step(
    hub, store, monkeypatch
) -> None:
    hub.repos[HUB_ID].gated, hub.repos[HUB_ID].granted = True, False
    monkeypatch.setattr(hub_token, "hub_token", lambda: TOKEN)
    error = failure(store)
    assert error.code == "model.gated"
    assert "account" in error.message


def test_a_granted_token_gets_the_model_and_is_not_shown_to_the_cdn(
    hub, store, monkeypatch
) -> None:
    hub.repos[HUB_ID].gated = True
    monkeypatch.setattr(hub_token, "hub_token", lambda: TOKEN)
    fetch(store)
    assert {r.token for r in hub.requests if r.server == "hub"} == {TOKEN}
    assert {r.token for r in hub.requests if r.server == "cdn"} == {None}


def test_the_environments_token_comes_before_the_keyrings(hub, store, monkeypatch) -> None:
    monkeypatch.setattr(hub_token, "hub_token", lambda: "hf_other")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.repos[HUB_ID].private = True
    assert fetch(store)["fetched"] > 0


def test_a_wrong_token_is_named_as_the_reason(hub, store, monkeypatch) -> None:
    monkeypatch.setattr(hub_token, "hub_token", lambda: "hf_wrong")
    assert failure(store).code == "token.rejected"


@pytest.mark.parametrize("token", [None, TOKEN])
def test_a_model_that_does_not_exist(hub, store, monkeypatch, token) -> None:
    monkeypatch.setattr(hub_token, "hub_token", lambda: token)
    error = failure(store, "tests/nothing")
    assert error.code == "model.not_found"
    assert "tests/nothing" in error.message


def test_a_name_that_is_none_suggests_close_ones(hub, store) -> None:
    error = failure(store, "phi3-mini-4k")
    assert error.code == "model.unknown"
    assert "phi-3-mini-4k" in error.hint
    assert hub.requests == []


def test_offline_mode_asks_nobody(hub, store, monkeypatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert failure(store).code == "model.offline"
    assert hub.requests == []


def test_nobody_at_the_endpoint(hub, store, monkeypatch) -> None:
    use_endpoint(monkeypatch, "http://127.0.0.1:9")
    error = failure(store)
    assert error.code == "model.no_connection"
    assert "http://127.0.0.1:9" in error.message


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://example.com"])
def test_an_endpoint_that_is_no_address(hub, store, monkeypatch, endpoint) -> None:
    use_endpoint(monkeypatch, endpoint)
    error = failure(store)
    assert error.code == "model.bad_endpoint"
    assert endpoint in error.message


# --- disk, and hubs that mean harm --------------------------------------------------------------


def test_a_full_disk_is_noticed_before_the_first_byte(hub, store, monkeypatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 200_100_000))
    error = failure(store)
    assert error.code == "disk.too_little"
    assert hub.asked("/resolve/") == []
    assert str(store.cache.root) in error.message


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk.full"), (errno.EACCES, "disk.not_writable")],
)
def test_a_disk_that_fails_is_not_taken_for_the_network(
    hub, store, monkeypatch, number, code
) -> None:
    def fail(self: Path, *options: Any, **named: Any) -> Any:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "touch", fail)
    assert failure(store).code == code


@pytest.mark.parametrize(
    "name",
    ["../evil.json", "/etc/evil.json", "..\\evil.json", "a/../../evil.json", "C:evil.safetensors"],
)
def test_names_that_lead_out_of_the_folder_are_never_written(hub, store, tmp_path, name) -> None:
    repo = hub.repos[HUB_ID]
    repo.files[name] = b"evil"
    fetch(store)
    assert not [p for p in tmp_path.rglob("*") if "evil" in p.name]


@pytest.mark.parametrize(
    ("claim", "where"),
    [
        ({"lfs": {"sha256": "../../../evil", "size": 4, "pointerSize": 1}}, "config.json"),
        ({"blobId": "../../evil"}, "config.json"),
        ({"blobId": "..%2fevil"}, "config.json"),
    ],
)
def test_a_hash_that_is_a_path_is_refused(hub, store, tmp_path, claim, where) -> None:
    hub.repos[HUB_ID].claims[where] = claim
    assert failure(store).code == "model.bad_answer"
    assert not [p for p in tmp_path.rglob("*") if "evil" in p.name]


def test_a_commit_that_is_a_path_is_refused(hub, store) -> None:
    hub.repos[HUB_ID].commit = "../../../evil"
    assert failure(store).code == "model.bad_answer"


def test_a_server_that_is_no_hub(hub, store) -> None:
    hub.repos[HUB_ID].commit = ""
    assert failure(store).code == "model.bad_answer"


def test_shards_that_the_index_names_outside_are_refused(hub, store) -> None:
    index = {"weight_map": {"a": "../../../secret.safetensors"}}
    hub.repos[HUB_ID].files["model.safetensors.index.json"] = json.dumps(index).encode()
    assert failure(store).code == "model.unsafe_path"


def test_pickled_weights_are_refused_without_downloading(hub, store) -> None:
    files = {n: d for n, d in model_files().items() if not n.endswith(".safetensors")}
    hub.repos[HUB_ID] = Repo(files)
    error = failure(store)
    assert error.code == "model.pickle"
    assert "--convert-pickle" in error.hint
    assert hub.asked("/resolve/") == []


CASES: list[tuple[set[str], set[str] | str]] = [
    ({"config.json", "model.safetensors"}, {"config.json", "model.safetensors"}),
    (
        {"config.json", "model.safetensors", "consolidated.safetensors", "tokenizer.model"},
        {"config.json", "model.safetensors", "tokenizer.model"},
    ),
    ({"config.json", "weights.gguf"}, "model.no_weights"),
    ({"adapter_config.json", "adapter_model.safetensors"}, "model.no_config"),
]


@pytest.mark.parametrize(("names", "expected"), CASES)
def test_which_files_are_needed(names: set[str], expected: set[str] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(InputError) as caught:
            needed_files("a/b", names)
        assert caught.value.code == expected
    else:
        assert set(needed_files("a/b", names)) == expected


def test_links_are_replaced_by_moving_where_the_system_has_none(hub, store, monkeypatch) -> None:
    def no_links(self: Path, target: Any, **options: Any) -> None:
        raise OSError("not allowed")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    folder = Path(fetch(store)["folder"])
    assert not any(file.is_symlink() for file in folder.iterdir())
    assert_whole(folder, hub.repos[HUB_ID].files)
    hub.requests.clear()
    assert fetch(store, update=True)["fetched"] == 0


def test_a_hub_and_a_cache_can_be_named(hub, tmp_path) -> None:
    quiet: Callable[..., None] = lambda *_: None  # noqa: E731
    download = Download(Hub(hub.endpoint, None), HubCache(tmp_path / "own"), quiet, quiet, QUICK)
    folder, _ = download.run(HUB_ID, None)
    assert folder.is_relative_to(tmp_path / "own")
