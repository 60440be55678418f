"""Errors, findings and notices in the language of the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyqtgraph import PlotWidget
from PySide6.QtCore import QLocale
from pytestqt.qtbot import QtBot

from phi3studio.doctor import diagnosis
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.run_events import notice
from phi3studio.domain.messages import Phrase
from phi3studio.gui.context import Context
from phi3studio.gui.pages.run.curves import CurvePlot
from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.widgets.basic import Callout, Elided
from tests.gui.test_real import LONG, wizard  # noqa: F401
from tests.worker.data_fixtures import write_jsonl

ROWS = [{"text": f"il giorno {n} era bello", "label": "sì" if n % 2 else "no"} for n in range(40)]
pytestmark = pytest.mark.usefixtures("italian")


def taken(wizard: WizardPage, qtbot: QtBot, path: Path) -> DataPage:  # noqa: F811
    page = wizard.view("data")
    assert isinstance(page, DataPage)
    page.source.take_file(str(path))
    # It may be an Olive config or a recipe, which is looked at first.
    qtbot.waitUntil(lambda: str(path) in str(wizard.session.draft.source), timeout=LONG)
    qtbot.waitUntil(lambda: not wizard.inspection.busy("look"), timeout=LONG)
    return page


def said(page: DataPage) -> str:
    findings = [f"{f.text.text()} {f.hint.text()}" for f in page.findChildren(Callout)]
    return "\n".join([*findings, *(line.text() for line in page.check.findChildren(Elided))])


def test_a_finding_names_the_file_and_the_row(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    path = write_jsonl(tmp_path / "giorni.jsonl", [*ROWS, {"text": "", "label": "sì"}])
    with path.open("a", encoding="utf-8") as file:
        file.write("[1, 2]\n")
    page = taken(wizard, qtbot, path)
    qtbot.waitUntil(lambda: wizard.inspection.report is not None, timeout=LONG)
    shown = said(page)
    assert "Righe del file illeggibili Correggi le righe, oppure escludile." in shown
    assert "giorni.jsonl, riga 42: la riga non è un oggetto JSON" in shown
    reason = page.source._reason.text()
    assert "«label» ha solo 2 valori diversi nelle prime 41 righe" in reason


def test_an_error_names_the_file_and_the_row(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    path = tmp_path / "lista.yaml"
    path.write_text("- text: uno\n  label: a\n- text: [due\n  label: b\n", "utf-8")
    page = taken(wizard, qtbot, path)
    assert f"{path}, riga 4: lo YAML non si può leggere" in said(page)


def test_a_problem_of_the_wizard_names_the_column(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    page = taken(wizard, qtbot, write_jsonl(tmp_path / "giorni.jsonl", ROWS))
    wizard.session.edit("data", completion="{labels}")
    assert page.template._wrong["completion"].text() == (  # type: ignore[attr-defined]
        "Nei dati non c’è la colonna «labels». Intendevi label? Le colonne sono: text, label."
    )


def test_a_finding_names_what_the_window_has_not_keys_of_a_recipe() -> None:
    what = Phrase("draft.no_source")
    unread = explain_error(Phrase("finding.unread", what=what, name="agent"))
    split = explain_error(Phrase("finding.parted_group"))
    for said in (unread, split):
        assert said.hint
        assert "data." not in said.message + said.hint
        assert "data." in said.detail


def test_an_error_of_another_version_shows_its_own_words() -> None:
    record = {"code": "some.new_code", "message": "The file x is odd.", "hint": "Choose another."}
    said = explain_error(UserFacingError.from_json(record))
    assert (said.message, said.hint) == (record["message"], record["hint"])


def test_figures_are_written_as_italian_does() -> None:
    assert QLocale().name() == "it_IT"
    disk = explain_error(diagnosis("machine.low_disk", free=3_100_000_000))
    assert disk.message == "Il disco è quasi pieno: restano 3,1 GB."
    cut = explain_error(notice("data.cut_off", rows=1250, tokens=512))
    assert cut.message == "1.250 righe superano i 512 token: sono state troncate."


def test_the_axes_of_a_curve_count_as_italian_does(context: Context, qtbot: QtBot) -> None:
    plot = CurvePlot(context.theme)
    qtbot.addWidget(plot)
    axis = plot.findChild(PlotWidget).getPlotItem().getAxis("left")
    assert axis.tickStrings([0.5, 1.0], 1, 0.5) == ["0,5", "1,0"]
