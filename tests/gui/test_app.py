"""The program around the window: one instance, crashes, preferences, the end."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.context import Context
from phi3studio.gui.crash import KEPT, CrashDialog, CrashWatch, report_of
from phi3studio.gui.preferences import Preferences, PreferencesFile
from phi3studio.gui.single_instance import SingleInstance


def test_a_second_start_calls_the_first_and_ends(qtbot: QtBot, tmp_path: Path) -> None:
    first = SingleInstance(tmp_path)
    assert first.first()
    with qtbot.waitSignal(first.called, timeout=5000):
        assert not SingleInstance(tmp_path).first()
    assert SingleInstance(tmp_path / "other").first()
    first.close()


def test_a_socket_left_by_a_crash_is_taken_over(tmp_path: Path, qtbot: QtBot) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from PySide6.QtCore import QCoreApplication\n"
        "from phi3studio.gui.single_instance import SingleInstance\n"
        "app = QCoreApplication([])\n"
        "one = SingleInstance(Path(sys.argv[1])); assert one.first()\n"
        "os._exit(1)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], timeout=30, check=False)
    again = SingleInstance(tmp_path)
    assert again.first()
    with qtbot.waitSignal(again.called, timeout=5000):
        assert not SingleInstance(tmp_path).first()
    again.close()


@pytest.mark.skipif(sys.platform == "win32", reason="sockets of Unix")
def test_the_socket_lies_where_nobody_else_may_enter(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    first = SingleInstance(tmp_path / "home")
    assert first.first()
    (folder,) = tmp_path.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (path,) = folder.iterdir()
    heard: list[str] = []
    first.called.connect(heard.append)
    for said in (b"two\nlines", b"\0", b"\xff\xfe.yaml"):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(path))
            caller.sendall(said)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    for caller in silent:
        caller.connect(str(path))
    qtbot.waitUntil(lambda: heard == ["\udcff\udcfe.yaml"], timeout=5000)
    # Those who say nothing are sent away, and make room.
    for caller in silent:
        caller.settimeout(0)
    qtbot.waitUntil(lambda: all(map(is_closed, silent)), timeout=10_000)
    for caller in silent:
        caller.close()
    with qtbot.waitSignal(first.called, timeout=5000):
        assert not SingleInstance(tmp_path / "home").first("a.yaml")
    first.close()


def is_closed(caller: socket.socket) -> bool:
    try:
        return caller.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@pytest.mark.skipif(not hasattr(os, "chown") or os.geteuid() != 0, reason="needs another user")
def test_a_folder_that_a_stranger_made_there_blocks_nobody(
    tmp_path: Path, qapp: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / f"phi3studio-{os.getuid()}"
    folder.mkdir()
    os.chown(folder, 12345, 12345)
    assert SingleInstance(tmp_path / "home").first()
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs another user")
@pytest.mark.slow  # forks a process with threads; once in a whole run its socket was not there
def test_another_user_is_not_heard_even_where_the_folder_lets_him_in(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as base:  # a socket's path is short
        monkeypatch.setenv("XDG_RUNTIME_DIR", base)
        first = SingleInstance(Path(base) / "home")
        assert first.first()
        (folder,) = Path(base).iterdir()
        assert first._server is not None
        path = Path(first._server.fullServerName())
        assert path.parent == folder, first._server.errorString()
        for place in (Path(base), folder, path):
            place.chmod(0o777)
        heard: list[str] = []
        first.called.connect(heard.append)
        stranger = os.fork()
        if not stranger:
            code = 2
            try:
                os.setuid(12345)
                with socket.socket(socket.AF_UNIX) as caller:
                    code = 0 if _said(caller, str(path)) else 1
            finally:
                os._exit(code)
        ended = os.waitstatus_to_exitcode(os.waitpid(stranger, 0)[1])
        assert ended == 0, f"he was not let in: {ended}"
        with socket.socket(socket.AF_UNIX) as friend:
            assert _said(friend, str(path), b"ours.yaml")
        qtbot.waitUntil(lambda: heard != [], timeout=5000)
        assert heard == ["ours.yaml"]
        first.close()


def _said(caller: socket.socket, path: str, said: bytes = b"theirs.yaml") -> bool:
    try:
        caller.connect(path)
        caller.sendall(said)
    except OSError:
        return False
    return True


def test_a_crash_is_reported_kept_and_shown_at_the_next_start(
    context: Context, qtbot: QtBot, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = CrashWatch(context.home.root)
    with qtbot.waitSignal(watch.crashed, timeout=1000) as heard:
        try:
            raise ValueError("a bug")
        except ValueError as error:
            watch.take(error)
    assert "ValueError: a bug" in heard.args[0]
    assert "ValueError: a bug" in capsys.readouterr().err
    assert "a bug" in CrashWatch(context.home.root).last()
    assert not (context.home.root / KEPT).exists()
    dialog = CrashDialog(context.theme, heard.args[0])
    qtbot.addWidget(dialog)
    dialog.add("another one")
    assert "another one" in dialog.text.toPlainText()


def test_a_report_hides_the_users_folder() -> None:
    error = OSError(f"{Path.home()}/secret/file")
    assert str(Path.home()) not in report_of(error).replace("site-packages", "")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "theme": 7}'])
def test_damaged_preferences_count_as_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "window.json"
    file.write_text(text)
    assert PreferencesFile(file).value == Preferences()


def test_preferences_are_kept(tmp_path: Path) -> None:
    PreferencesFile(tmp_path / "window.json").change(theme="dark", language="it")
    assert PreferencesFile(tmp_path / "window.json").value == Preferences("dark", "it")


def test_the_window_closes_while_it_is_still_being_filled(home: Home) -> None:
    code = (
        "import os; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from PySide6.QtCore import QTimer\n"
        "from phi3studio.gui import start\n"
        "made = start.MainWindow.show\n"
        "def show(self):\n"
        "    made(self); QTimer.singleShot(0, self, self.close)\n"
        "start.MainWindow.show = show\n"
        "assert start.main([]) == 0\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PHI3STUDIO_HOME": str(home.root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr.strip()
