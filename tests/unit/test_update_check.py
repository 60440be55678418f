"""The check for a newer version without a window."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.app.release import REPOSITORY, is_newer, parse_release
from phi3studio.app.settings import Settings, read_settings, set_threads, set_update_check
from phi3studio.app.update_check import check_if_due, check_now, last_check, newest_release
from phi3studio.domain.errors import RunError
from phi3studio.gui.preferences import PreferencesFile


@pytest.fixture
def nobody() -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def test_versions_are_compared_by_their_numbers() -> None:
    assert is_newer("0.10.0", "0.9.9")
    assert is_newer("v1.0.0", "0.99.0")
    assert not is_newer("0.1.0", "0.1.0")
    assert not is_newer("0.1.0", "0.2.0")
    assert not is_newer("nightly", "0.1.0")


def test_only_a_web_address_is_offered_to_open() -> None:
    told = parse_release(json.dumps({"tag_name": "v1.2.3", "html_url": "file:///etc/passwd"}))
    assert (told.version, told.page) == ("1.2.3", f"{REPOSITORY}/releases")
    for text in ("[]", "{}", '{"tag_name": "newest"}', "no json"):
        with pytest.raises(ValueError, match=r".+"):
            parse_release(text)


@pytest.mark.parametrize("url", ["http://example.org/feed", "file:///etc/passwd", "ftp://x.org/"])
def test_nothing_but_https_is_asked(url: str) -> None:
    with pytest.raises(RunError) as caught:
        newest_release(url)
    assert caught.value.code == "update.unreachable"
    assert "no HTTPS address" in caught.value.message


def test_a_check_is_off_until_it_is_turned_on_and_a_failure_is_kept(
    home: Home, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHI3STUDIO_RELEASES", nobody)
    assert check_if_due(home) is None
    assert last_check(home) is None
    set_update_check(home, True)
    found = check_if_due(home)
    assert found is not None
    assert found.release is None
    assert "cannot be read" in found.error
    assert last_check(home) == found


def test_an_answer_counts_for_a_day(
    home: Home, nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHI3STUDIO_RELEASES", nobody)
    set_update_check(home, True)
    release = {"version": "9.0.0", "page": "https://example.org"}
    kept = {"v": 1, "t": time.time() - 3600, "release": release, "error": ""}
    (home.root / "update.json").write_text(json.dumps(kept))
    found = check_if_due(home)
    assert found is not None
    assert found.release is not None
    assert found.release.version == "9.0.0", "it asked again"
    (home.root / "update.json").write_text(json.dumps(kept | {"t": time.time() - 90_000}))
    found = check_if_due(home)
    assert found is not None
    assert found.release is None, "it did not ask again"
    (home.root / "update.json").write_text("damaged")
    assert last_check(home) is None
    assert check_now(home).error


# --- two versions of the program in one home ----------------------------------------------------


def test_settings_of_another_version_are_kept(home: Home) -> None:
    home.root.mkdir(parents=True)
    file = home.root / "settings.json"
    file.write_text('{"version": 1, "threads": 3, "of_a_later_version": {"x": 1}}')
    assert read_settings(home) == Settings(threads=3), "an old file without the newer keys"
    set_update_check(home, True)
    set_threads(home, 2)
    assert json.loads(file.read_text()) == {
        "version": 1,
        "threads": 2,
        "update_check": True,
        "of_a_later_version": {"x": 1},
        "resume_runs": False,
        "keep_awake": True,
    }


def test_settings_of_a_later_format_are_put_aside_not_lost(home: Home) -> None:
    home.root.mkdir(parents=True)
    later = {"version": 2, "threads": {"most": 3}}
    (home.root / "settings.json").write_text(json.dumps(later))
    assert read_settings(home) == Settings()
    set_threads(home, 1)
    assert read_settings(home) == Settings(threads=1)
    assert json.loads((home.root / "settings-2.json").read_text()) == later


def test_the_windows_preferences_keep_what_another_version_wrote(tmp_path: Path) -> None:
    file = tmp_path / "window.json"
    file.write_text('{"version": 1, "theme": "dark", "density": "high"}')
    preferences = PreferencesFile(file)
    assert preferences.value.theme == "dark"
    preferences.change(language="it")
    kept = json.loads(file.read_text())
    assert (kept["density"], kept["theme"], kept["language"]) == ("high", "dark", "it")
