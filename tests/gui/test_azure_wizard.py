"""Azure ML in the wizard and on a run's page: the real azure service and worker, a stand-in for
Azure's own services on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("azure.ai.ml")

from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from phi3studio.app.release import REPOSITORY
from phi3studio.domain.events.run_events import Finished, Notice, Started
from phi3studio.gui.context import Context
from phi3studio.gui.main_window import MainWindow
from phi3studio.gui.page_set import Services
from phi3studio.gui.pages.run.run_page import RunPage
from phi3studio.gui.pages.wizard.azure import azure_card
from phi3studio.gui.pages.wizard.azure.azure_card import AzureCard
from phi3studio.gui.pages.wizard.azure.azure_desk import AzureDesk
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.model_page import ModelPage
from phi3studio.gui.pages.wizard.review_page import ReviewPage
from phi3studio.gui.pages.wizard.target_page import TargetPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.runs import launch
from phi3studio.runs.azure_job import KnownJob
from phi3studio.wizard.flow import parse_draft, with_model
from tests.gui.conftest import SAMPLE
from tests.gui.test_access import check, tab_through
from tests.gui.test_home import button
from tests.showcase.azure import write_cloud_runs
from tests.showcase.runs import write_run
from tests.worker import azure_standin as az
from tests.worker.azure_standin import AzureStandIn
from tests.worker.running import story

Make = Callable[..., MainWindow]
LONG = 60_000
WHOLE = {
    "subscription": az.SUBSCRIPTION,
    "resource_group": az.GROUP,
    "workspace": az.WORKSPACE,
    "compute": "cpu-cluster",
}


@pytest.fixture
def standin(
    tmp_path: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AzureStandIn]:
    """Azure's services, found by the child processes of the window."""
    with AzureStandIn(tmp_path / "azure") as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def wizard(standin: AzureStandIn, make_window: Make, qtbot: QtBot) -> Iterator[WizardPage]:
    """The wizard on its page Target, with the sample and Azure ML chosen."""
    before = set(threading.enumerate())
    yield on_target(make_window(), qtbot)
    # The stand-in's threads end with the connections of the child processes.
    qtbot.waitUntil(
        lambda: not [t for t in threading.enumerate() if t not in before and "request" in t.name],
        timeout=20_000,
    )


def on_target(window: MainWindow, qtbot: QtBot) -> WizardPage:
    window.go("new")
    wizard = window.page("new")
    assert isinstance(wizard, WizardPage)
    data = wizard.view("data")
    assert isinstance(data, DataPage)
    data.source.take_file(str(SAMPLE))
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=5000)
    wizard.session.visit("target")
    radio = target_of(wizard)._train["azureml"].radio
    qtbot.mouseClick(radio, Qt.MouseButton.LeftButton, pos=radio.rect().center())
    radio.click()
    return wizard


def target_of(wizard: WizardPage) -> TargetPage:
    page = wizard.view("target")
    assert isinstance(page, TargetPage)
    return page


def card_of(wizard: WizardPage, qtbot: QtBot) -> AzureCard:
    card = target_of(wizard).azure
    qtbot.waitUntil(card.isVisible)
    return card


def type_into(card: AzureCard, qtbot: QtBot, name: str, text: str) -> None:
    """As a user: the field's text is replaced, then it is left."""
    editor = card.fields[name].editor
    assert isinstance(editor, QLineEdit)
    editor.setFocus()
    editor.selectAll()
    qtbot.keyClick(editor, Qt.Key.Key_Delete)
    qtbot.keyClicks(editor, text)


def choose(card: AzureCard, name: str, at: int) -> None:
    box = card.fields[name].editor
    assert isinstance(box, QComboBox)
    box.setCurrentIndex(at)
    box.activated.emit(at)


def filled(wizard: WizardPage, qtbot: QtBot, **changes: str) -> AzureCard:
    card = card_of(wizard, qtbot)
    for name, text in {**WHOLE, "gpus": "0", **changes}.items():
        type_into(card, qtbot, name, text)
    return card


def found(card: AzureCard) -> list[tuple[str, str, str]]:
    """The findings of the check: (level, text, hint)."""
    return [
        (f.level, f.text.text(), f.hint.text())
        for f in card.look.findChildren(Callout)
        if not f.isHidden()
    ]


def checked(card: AzureCard, qtbot: QtBot) -> list[tuple[str, str, str]]:
    qtbot.mouseClick(card.look.check, Qt.MouseButton.LeftButton)
    assert card.look.busy
    qtbot.waitUntil(lambda: not card.look.busy, timeout=LONG)
    return found(card)


# --- the fields -----------------------------------------------------------------------------------


def test_what_is_missing_or_wrong_is_said_next_to_its_field(
    wizard: WizardPage, qtbot: QtBot
) -> None:
    card = card_of(wizard, qtbot)
    assert card.isVisible()
    assert wizard.session.draft.target.train_on == "azureml"
    assert not wizard._continue.isEnabled()
    assert wizard._summary.text() == "The subscription of Azure is missing."
    # Nothing is red before anybody has been there.
    assert {f.note.property("role") for f in card.fields.values()} == {"small"}
    type_into(card, qtbot, "subscription", "mine")
    field = card.fields["subscription"]
    assert "no subscription's id" in field.note.text()
    assert "az account show" in field.note.text()
    assert field.note.property("role") == "danger"
    assert field.editor.property("invalid")
    filled(wizard, qtbot)
    assert field.note.property("role") == "small"
    assert wizard._continue.isEnabled()
    type_into(card, qtbot, "nodes", "900")
    assert card.fields["nodes"].note.text() == "Allowed: 1 to 64"
    assert wizard.session.draft.azure is not None
    assert wizard.session.draft.azure.nodes == 1
    type_into(card, qtbot, "compute", "")
    assert card.fields["nodes"].editor.text() == "900"
    assert not wizard._continue.isEnabled()
    assert "The compute is missing." in card.fields["compute"].note.text()


def test_addresses_count_only_where_they_are_wanted(wizard: WizardPage, qtbot: QtBot) -> None:
    card = filled(wizard, qtbot)
    assert card.fields["data"].isHidden()
    choose(card, "data_in_cloud", 1)
    assert not card.fields["data"].isHidden()
    assert not wizard._continue.isEnabled()
    type_into(card, qtbot, "data", "azureml://datastores/workspaceblobstore/paths/a.jsonl")
    assert wizard._continue.isEnabled()
    choose(card, "model_in_cloud", 1)
    type_into(card, qtbot, "model", "azureml://registries/azureml/models/Phi-3")
    assert "without a version" in card.fields["model"].note.text()
    choose(card, "model_in_cloud", 0)
    assert wizard._continue.isEnabled()


def test_gpus_that_cannot_share_the_batch_are_said(wizard: WizardPage, qtbot: QtBot) -> None:
    wizard.session.edit("tuning", training={"batch_size": 8, "accumulation": 1})
    card = filled(wizard, qtbot, gpus="3")
    assert "cannot be shared" in card.fields["gpus"].note.text()
    assert not wizard._continue.isEnabled()


def test_the_section_survives_the_window_and_the_next_wizard_begins_with_it(
    wizard: WizardPage, qtbot: QtBot, context: Context, make_window: Make
) -> None:
    card = filled(wizard, qtbot, hours="2,5")
    choose(card, "data_in_cloud", 1)
    type_into(card, qtbot, "data", "half an addr")
    window = wizard.window()
    window.close()
    qtbot.waitUntil(window.isHidden, timeout=5000)
    saved = parse_draft(context.draft_file.read_text("utf-8"))
    assert saved.azure is not None
    assert (saved.azure.hours, saved.azure.data) == (2.5, "half an addr")
    again = make_window()
    again.go("new")
    other = again.page("new")
    assert isinstance(other, WizardPage)
    other.session.visit("target")
    fields = card_of(other, qtbot).fields
    assert fields["workspace"].editor.text() == az.WORKSPACE
    assert fields["data"].editor.text() == "half an addr"
    # Another fine-tune: the same workspace, not the same data.
    other.session.start_over()
    assert other.session.draft.azure is None
    other.session.use_azure()
    assert other.session.draft.azure is not None
    assert other.session.draft.azure.compute == "cpu-cluster"
    assert other.session.draft.azure.data == ""


def test_a_token_is_kept_nowhere(wizard: WizardPage, qtbot: QtBot, context: Context) -> None:
    card = filled(wizard, qtbot)
    card.show_all(True)
    secret = "hf_" + "Qx7" * 11
    for name in ("key_vault", "connection", "secret"):
        editor = card.fields[name].editor
        assert isinstance(editor, QLineEdit)
        editor.setFocus()
        editor.selectAll()
        QGuiApplication.clipboard().setText(secret)
        qtbot.keyClick(editor, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        assert "This is a token" in card.fields[name].note.text()
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        assert secret not in editor.text()
    wizard.session.save_now()
    qtbot.waitUntil(context.draft_file.is_file, timeout=5000)
    window = wizard.window()
    window.close()
    qtbot.waitUntil(window.isHidden, timeout=5000)
    for file in context.home.root.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file


def test_without_azures_packages_it_says_how_to_get_them(
    make_window: Make, services: Services, qtbot: QtBot
) -> None:
    desk = AzureDesk(installed=lambda: False)
    wizard = on_target(make_window(replace(services, azure=desk)), qtbot)
    card = filled(wizard, qtbot)
    texts = [f.text.text() + f.hint.text() for f in card.findChildren(Callout)]
    assert any("not installed" in text and "azure-ai-ml" in text for text in texts)
    assert not card.look.check.isEnabled()


def test_a_model_that_is_not_here_can_be_trained_there(wizard: WizardPage, qtbot: QtBot) -> None:
    wizard.session.edit("target", target={"train_on": "cpu"})
    wizard.session.take(with_model(wizard.session.draft, "phi-3-mini-4k"))
    wizard.session.visit("model")
    page = wizard.view("model")
    assert isinstance(page, ModelPage)
    qtbot.waitUntil(
        lambda: any("not on this computer" in f.text.text() for f in page.findChildren(Callout)),
        timeout=5000,
    )
    assert not wizard._continue.isEnabled()
    qtbot.mouseClick(button(page, "Train in Azure ML"), Qt.MouseButton.LeftButton)
    assert wizard.session.draft.in_cloud
    assert wizard._continue.isEnabled()


def test_every_field_is_reached_by_keyboard_and_has_a_name(
    wizard: WizardPage, qtbot: QtBot
) -> None:
    card = card_of(wizard, qtbot)
    card.show_all(True)
    for name in ("data_in_cloud", "model_in_cloud"):
        choose(card, name, 1)
    window = wizard.window()
    assert isinstance(window, MainWindow)
    check(window, "Azure ML")
    tab_through(window, qtbot, "Azure ML")


# --- check and export -----------------------------------------------------------------------------


def test_the_check_asks_azure_and_shows_each_finding_with_its_remedy(
    wizard: WizardPage, standin: AzureStandIn, qtbot: QtBot
) -> None:
    card = filled(wizard, qtbot)
    lines = checked(card, qtbot)
    assert [level for level, _, _ in lines] == ["good"] * len(lines)
    assert lines[1][1] == "Workspace: studio in westeurope"
    assert [text.partition(":")[0] for _, text, _ in lines] == [
        "Login", "Workspace", "Datastores", "Compute", "Quota", "Image",
    ]  # fmt: skip
    assert card.look._said.text() == "Nothing is missing."
    # Another compute: what was said is said no more.
    type_into(card, qtbot, "compute", "elsewhere")
    assert found(card) == []
    level, text, hint = checked(card, qtbot)[3]
    assert level == "error"
    assert "has no compute elsewhere" in text
    assert "az ml compute list" in hint
    assert card.look._said.text() == "Something is missing."


def test_an_expired_login_is_said_and_the_rest_is_not_asked(
    wizard: WizardPage, standin: AzureStandIn, qtbot: QtBot
) -> None:
    standin.sign_out()
    lines = checked(filled(wizard, qtbot), qtbot)
    assert len(lines) == 1
    assert "az login" in lines[0][2]


def test_a_check_can_be_cancelled(wizard: WizardPage, standin: AzureStandIn, qtbot: QtBot) -> None:
    def slow(method: str, host: str, path: str) -> None:
        time.sleep(1)

    standin.faults.append(slow)  # type: ignore[arg-type]
    card = filled(wizard, qtbot)
    qtbot.mouseClick(card.look.check, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(found(card)), timeout=LONG)
    qtbot.mouseClick(card.look.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not card.look.busy, timeout=5000)
    assert card.look._said.text() == "The check was cancelled."
    assert card.look.check.isVisible()


def test_the_jobs_files_are_written_into_a_folder(
    wizard: WizardPage, qtbot: QtBot, folder: Path
) -> None:
    card = filled(wizard, qtbot)
    (folder / "mine.txt").write_text("stays")

    def written(times: int) -> bool:
        return len([line for line in found(card) if "The files are in" in line[1]]) == times

    card.look.export_to(folder)
    qtbot.waitUntil(lambda: written(1), timeout=LONG)
    (made,) = [item for item in folder.iterdir() if item.is_dir()]
    assert made.name == "emotions-azure"
    assert {item.name for item in made.iterdir()} == {"job.yml", "conda.yml", "code", "README.txt"}
    assert az.GROUP in (made / "README.txt").read_text("utf-8")
    # An empty folder is taken itself.
    (folder / "empty").mkdir()
    card.look.export_to(folder / "empty")
    qtbot.waitUntil(lambda: (folder / "empty" / "job.yml").is_file(), timeout=LONG)
    qtbot.waitUntil(lambda: written(1), timeout=LONG)
    # A place that cannot be written is explained.
    blocked = folder / "mine.txt" / "below"
    card.look.export_to(blocked)
    qtbot.waitUntil(lambda: any(level == "error" for level, _, _ in found(card)), timeout=LONG)


# --- the run --------------------------------------------------------------------------------------


def run_page(wizard: WizardPage, qtbot: QtBot) -> RunPage:
    window = wizard.window()
    assert isinstance(window, MainWindow)
    qtbot.waitUntil(lambda: window.current is window.page("run"), timeout=10_000)
    page = window.page("run")
    assert isinstance(page, RunPage)
    return page


def test_a_job_is_started_left_taken_up_again_and_cancelled(
    wizard: WizardPage, standin: AzureStandIn, qtbot: QtBot
) -> None:
    filled(wizard, qtbot)
    wizard.session.visit("review")
    review = wizard.view("review")
    assert isinstance(review, ReviewPage)
    shown = " ".join(text.text() for text in review._summary.findChildren(QLabel))
    for said in ("Azure ML", az.WORKSPACE, "cpu-cluster: 1 machine", "24 hours"):
        assert said in shown
    assert json.loads(review._text.toPlainText())["azure"]["workspace"] == az.WORKSPACE
    qtbot.waitUntil(wizard._continue.isEnabled, timeout=5000)
    qtbot.mouseClick(wizard._continue, Qt.MouseButton.LeftButton)
    page = run_page(wizard, qtbot)
    run = page.run
    assert run is not None
    cloud = page.cloud
    qtbot.waitUntil(lambda: cloud.job is not None and cloud.job.submitted, timeout=LONG)
    qtbot.waitUntil(lambda: cloud.said.text().startswith("Queued"), timeout=LONG)
    assert cloud.detail.text() == standin.job.name
    assert cloud.studio.isVisible()
    assert "You can close this window" in cloud.note.text()
    qtbot.mouseClick(button(page, "Stop following"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Paused" in page.subtitle.text(), timeout=LONG)
    qtbot.waitUntil(lambda: run.worker() is None, timeout=20_000)
    assert standin.job.status == "Queued"
    assert "still running in Azure ML" in cloud.note.text()
    qtbot.mouseClick(button(page, "Resume"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: any(n.code == "azure.found" for n in run.view().notices), timeout=LONG)
    page.cancel_run()
    qtbot.waitUntil(lambda: "Cancelled" in page.subtitle.text(), timeout=LONG)
    qtbot.waitUntil(lambda: run.worker() is None, timeout=20_000)
    launch.reap()
    assert standin.job.status == "Canceled", story(run)
    assert len(standin.jobs) == 1
    assert "submits a new one" in cloud.note.text()


def test_a_following_that_failed_leaves_the_cancel_of_the_job(
    make_window: Make, context: Context, qtbot: QtBot
) -> None:
    runs = write_cloud_runs(context.home.runs, str(SAMPLE), None)
    recipe = runs["cloud-left"].recipe()
    told = [
        (0.0, Started(attempt=1, device="azureml")),
        (5.0, Notice(code="azure.submitted", text="Submitted.")),
        (9.0, Finished(outcome="failed", code="azure.login", message="Expired.", hint="az login")),
    ]
    failed = write_run(context.home.runs, recipe, told, age_s=60)
    KnownJob("phi3studio-x-1", submitted=True, studio="https://evil.example/x").save(failed)
    window = make_window()
    window.show_run(failed)
    page = window.page("run")
    assert isinstance(page, RunPage)
    qtbot.waitUntil(lambda: page.cloud.isVisible(), timeout=5000)
    assert page._cancel.isVisible()
    # Only the service's own pages are opened.
    assert not page.cloud.studio.isVisible()
    KnownJob("phi3studio-x-1", submitted=True, cancel_sent=True).save(failed)
    window.show_run(runs["cloud-left"])
    qtbot.waitUntil(lambda: "reviews" in page.title.text(), timeout=5000)
    window.show_run(failed)
    qtbot.waitUntil(lambda: page.cloud.job is not None and page.cloud.job.cancel_sent, timeout=5000)
    assert not page._cancel.isVisible()


def test_the_installed_app_says_where_a_job_can_be_started(
    context: Context, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be added to it, so it names the source instead of a command of pip."""
    opened: list[str] = []
    monkeypatch.setattr(azure_card, "install_command", lambda: None)
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    finding = azure_card._how_to_get_the_packages(context.theme)
    qtbot.addWidget(finding)
    assert "Start Phi-3 Studio from its source" in finding.hint.text()
    assert "pip" not in finding.hint.text()
    qtbot.mouseClick(button(finding, "Open the page of the source"), Qt.MouseButton.LeftButton)
    assert opened == [REPOSITORY]
