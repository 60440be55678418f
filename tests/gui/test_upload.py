"""A run's result uploaded from its page, to a hub on this computer."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from phi3studio.app.paths import Home
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.run.sharing.elsewhere import ElsewhereDialog
from phi3studio.gui.pages.run.sharing.upload_area import UploadArea
from phi3studio.gui.pages.run.sharing.upload_question import UploadQuestion
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs.bundle.hub_files import hub_files
from phi3studio.runs.store import RunFolder
from tests.conftest import Pair
from tests.gui.test_home import button, names
from tests.worker.hub_standin import OWNER, TOKEN, Fault, HubStandIn, Repo

Make = Callable[..., MainWindow]
NAME = f"{OWNER}/tones"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    """A hub; nobody is signed in to it."""
    with HubStandIn() as standin:
        monkeypatch.setenv("HF_ENDPOINT", standin.endpoint)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield standin


@pytest.fixture
def run(pair: Pair, home: Home) -> RunFolder:
    home.runs.mkdir(parents=True)
    shutil.copytree(pair.first.path, home.runs / pair.first.name)
    return RunFolder(home.runs / pair.first.name)


@pytest.fixture
def area(hub: HubStandIn, make_window: Make, run: RunFolder, qtbot: QtBot) -> UploadArea:
    window = make_window()
    window.show_run(run)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page._result.isVisible(), timeout=10_000)
    return page._result.upload


def asked(area: UploadArea, qtbot: QtBot) -> UploadQuestion:
    """The question, once it has listed the files."""
    qtbot.mouseClick(area.button, Qt.MouseButton.LeftButton)
    question = area.window().findChildren(UploadQuestion)[-1]
    qtbot.waitUntil(lambda: question.table.rowCount() > 0, timeout=20_000)
    return question


def upload(area: UploadArea, qtbot: QtBot, token: str = TOKEN, name: str = NAME) -> None:
    question = asked(area, qtbot)
    question.name.setText(name)
    question.token.setText(token)
    qtbot.mouseClick(question.upload, Qt.MouseButton.LeftButton)


def said(area: UploadArea) -> list[str]:
    return [callout.text.text() for callout in area.findChildren(Callout)]


def everything(home: Home) -> bytes:
    return b"".join(file.read_bytes() for file in home.root.rglob("*") if file.is_file())


def test_every_file_is_shown_before_and_nothing_is_sent(
    area: UploadArea, hub: HubStandIn, run: RunFolder, qtbot: QtBot
) -> None:
    question = asked(area, qtbot)
    table = question.table
    shown = {table.item(at, 0).text(): table.item(at, 1).text() for at in range(table.rowCount())}
    files = hub_files(run, "model")
    assert shown == {file.path: words.size(file.bytes) for file in files}
    texts = [text.text() for text in question.findChildren(QLabel)]
    total = words.size(sum(file.bytes for file in files))
    assert any(text.startswith(f"{len(files)} file") and total in text for text in texts)
    assert any("127.0.0.1" in text for text in texts), "where they go"
    assert not question.public.isChecked()
    assert question.upload.text() == "Upload, private"
    assert question.token.echoMode() is QLineEdit.EchoMode.Password
    question.public.setChecked(True)
    assert question.upload.text() == "Upload, public for everybody"
    question.what.setCurrentIndex(question.what.count() - 1)
    assert not question.upload.isEnabled(), "of the adapter nothing was shown yet"
    qtbot.waitUntil(lambda: table.rowCount() == len(hub_files(run, "adapter")), timeout=20_000)
    QTest.keyClick(question, Qt.Key.Key_Escape)
    assert hub.requests == []
    assert not area.busy


def test_what_is_wrong_is_said_while_it_is_typed(area: UploadArea, qtbot: QtBot) -> None:
    question = asked(area, qtbot)
    assert question.upload.isEnabled()
    for field, wrong, right, word in (
        (question.name, "some one/tones", "tones", "no name of a repository"),
        (question.token, "password", "", "hf_"),
    ):
        field.setText(wrong)
        assert not question.upload.isEnabled()
        texts = [text.text() for text in question.findChildren(QLabel) if text.isVisible()]
        assert any(word in text for text in texts), texts
        field.setText(right)
        assert question.upload.isEnabled()
    question.reject()


def test_the_files_go_private_and_the_token_is_kept_nowhere(
    area: UploadArea, hub: HubStandIn, run: RunFolder, home: Home, qtbot: QtBot
) -> None:
    steps: list[str] = []
    progress = area.show_progress
    area.show_progress = lambda *given: (steps.append(given[0]), progress(*given))[1]
    upload(area, qtbot)
    qtbot.waitUntil(lambda: any("Uploaded to" in text for text in said(area)), timeout=60_000)
    repo = hub.repos[NAME]
    assert repo.private
    assert {path: len(content) for path, content in repo.files.items()} == {
        file.path: file.bytes for file in hub_files(run, "model")
    }
    count = len(repo.files)
    assert [step.split(" · ")[0] for step in steps] == [
        f"{path}, {at} of {count}" for at, path in enumerate(sorted(repo.files), 1)
    ]
    assert said(area) == ["Uploaded to someone/tones: private, for you and the people you invite."]
    assert TOKEN.encode() not in everything(home)
    assert list(home.cache.iterdir()) == [], "the texts that were written for it are gone"
    # A second upload begins with the same repository, and without the token.
    again = asked(area, qtbot)
    assert (again.name.text(), again.token.text()) == (NAME, "")
    again.reject()


@pytest.mark.parametrize(
    ("name", "token", "word"),
    [
        (NAME, "", "Nobody is signed in"),
        ("other/tones", TOKEN, "does not let this token write"),
        (NAME, "hf_anotherone", "token"),
    ],
)
def test_what_the_hub_refuses_is_said_with_a_way_back(
    area: UploadArea, hub: HubStandIn, qtbot: QtBot, name: str, token: str, word: str
) -> None:
    upload(area, qtbot, token, name)
    qtbot.waitUntil(lambda: any(word in text for text in said(area)), timeout=60_000)
    assert hub.repos == {}
    qtbot.mouseClick(button(area, "Try again…"), Qt.MouseButton.LeftButton)
    question = area.window().findChildren(UploadQuestion)[-1]
    assert question.name.text() == name
    question.reject()


def test_a_public_repository_takes_nothing_private(
    area: UploadArea, hub: HubStandIn, qtbot: QtBot
) -> None:
    hub.repos[NAME] = Repo({"README.md": b"mine"})
    upload(area, qtbot)
    qtbot.waitUntil(lambda: any("is public" in text for text in said(area)), timeout=60_000)
    assert hub.repos[NAME].files == {"README.md": b"mine"}


def test_a_cancelled_upload_leaves_no_commit(
    area: UploadArea, hub: HubStandIn, home: Home, qtbot: QtBot
) -> None:
    arrived, goes_on = threading.Event(), threading.Event()

    def hold(request: object, size: int) -> Fault | None:
        arrived.set()
        goes_on.wait(30)
        return None

    hub.plan = hold
    upload(area, qtbot)
    qtbot.waitUntil(arrived.is_set, timeout=60_000)
    qtbot.mouseClick(button(area, "Cancel"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any("was cancelled" in text for text in said(area)), timeout=20_000)
    goes_on.set()
    assert hub.repos[NAME].files == {}
    assert list(home.cache.iterdir()) == []
    assert area.button.isEnabled()


def test_it_is_one_of_the_places_where_a_model_is_used(area: UploadArea, qtbot: QtBot) -> None:
    page = area.window().findChild(RunPage)
    assert page is not None
    way = page.outcome.buttons.get("elsewhere", page._elsewhere)
    qtbot.mouseClick(way, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: area.window().findChild(ElsewhereDialog) is not None)
    places = area.window().findChild(ElsewhereDialog)
    assert places is not None
    qtbot.waitUntil(lambda: "Upload: The Hugging Face hub" in names(places))
    qtbot.mouseClick(button(places, "Upload: The Hugging Face hub"), Qt.MouseButton.LeftButton)
    question = area.window().findChild(UploadQuestion)
    assert question is not None
    question.reject()
