"""The data page asks what a guess means, and says what the model does not see."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QLabel, QRadioButton
from pytestqt.qtbot import QtBot

from phi3studio.gui.pages.wizard.data.data_page import DataPage
from phi3studio.gui.pages.wizard.folded_settings import FoldedSettings
from phi3studio.gui.pages.wizard.objective_card import ObjectiveCard
from phi3studio.gui.pages.wizard.setting_fields import SettingField
from phi3studio.gui.pages.wizard.summary import summary_lines
from phi3studio.gui.pages.wizard.wizard_page import WizardPage
from phi3studio.gui.widgets.basic import Callout
from phi3studio.gui.widgets.number_edit import NumberEdit
from phi3studio.wizard.flow import from_recipe, to_recipe, with_answers_alone
from tests.gui.test_home import button
from tests.gui.test_real import LONG, wizard  # noqa: F401
from tests.worker.data_fixtures import write_jsonl
from tests.worker.pairs import pair_rows, rated_rows, write_pairs


def take(wizard: WizardPage, qtbot: QtBot, path: Path) -> DataPage:  # noqa: F811
    page = wizard.view("data")
    assert isinstance(page, DataPage)
    page.source.take_file(str(path))
    qtbot.waitUntil(lambda: wizard.inspection.source is not None, timeout=LONG)
    return page


def said(page: DataPage) -> str:
    return " ".join(finding.text.text() for finding in page.findChildren(Callout))


def test_a_guess_is_not_taken_until_it_is_chosen(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    rows = [{"left": f"the day {n} was fine", "right": f"it was day {n} again"} for n in range(40)]
    page = take(wizard, qtbot, write_jsonl(tmp_path / "pairs.jsonl", rows))
    assert wizard.session.draft.shape is None
    assert not wizard.session.can_continue("data")
    assert "not clear what is to be learned" in page.source._reason.text()
    assert page.source._shape.count() == 2
    assert page.source._shape.currentIndex() == -1
    page.source._shape.activated.emit(1)
    assert wizard.session.draft.completion == "{left}"
    qtbot.waitUntil(lambda: wizard.session.can_continue("data"), timeout=LONG)


def test_rows_that_cannot_be_trained_say_so(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    ranked = [{"answer": "yes", "rank": 1}, {"answer": "no", "rank": 2}]
    rows = [{"prompt": f"p {n}", "answers": ranked} for n in range(40)]
    page = take(wizard, qtbot, write_jsonl(tmp_path / "ranked.jsonl", rows))
    assert "preference set" in said(page)
    assert not wizard.session.can_continue("data")


def test_pairs_of_answers_are_read_and_the_better_ones_alone_can_be_chosen(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    page = take(wizard, qtbot, write_pairs(tmp_path / "pairs.jsonl", pair_rows()))
    session = wizard.session
    assert "Pairs of a better and a worse answer" in page.source._reason.text()
    assert session.draft.rejected == "{rejected}"
    qtbot.waitUntil(lambda: session.can_continue("data"), timeout=LONG)
    assert to_recipe(session.draft).method.objective == "dpo"
    qtbot.waitUntil(lambda: not page.preview.rejected.isHidden(), timeout=LONG)
    shown = "".join(token.text for token in page.preview.rejected.tokens)
    assert shown.startswith(pair_rows()[0]["rejected"])
    page.source._take_shape(1)
    qtbot.waitUntil(page.preview.rejected.isHidden, timeout=LONG)
    assert session.draft.rejected == ""
    assert "fine-tuning" in page.source._reason.text()
    assert to_recipe(session.draft).method.objective == "sft"


def test_pairs_that_are_not_compared_have_a_button_that_mends_it(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    page = take(wizard, qtbot, write_pairs(tmp_path / "pairs.jsonl", pair_rows()))
    session = wizard.session
    recipe = to_recipe(session.draft)
    page.source._take_shape(1)
    assert "only the better ones are learned" in said(page)
    button(page, "Train on the preferences").click()
    assert session.draft.rejected == "{rejected}"
    assert "only the better ones" not in said(page)
    # The recipe for pairs, over a file of one answer a row.
    plain = [{"prompt": f"p {n}", "chosen": f"a {n}"} for n in range(40)]
    session.take(from_recipe(recipe))
    file = write_jsonl(tmp_path / "plain.jsonl", plain)
    other = session.draft.source.model_copy(update={"source": str(file)})
    session.edit("data", source=other)
    qtbot.waitUntil(lambda: "no such column" in said(page), timeout=LONG)
    assert not session.can_continue("data")
    button(page, "Learn the answers").click()
    qtbot.waitUntil(lambda: session.can_continue("data"), timeout=LONG)
    assert to_recipe(session.draft).method.objective == "sft"


def test_tuning_offers_what_fits_pairs_in_plain_words(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    take(wizard, qtbot, write_pairs(tmp_path / "pairs.jsonl", pair_rows()))
    session = wizard.session
    tuning = wizard.view("tuning")
    (card,) = tuning.findChildren(ObjectiveCard)
    assert not card.isHidden()
    dpo, orpo, simpo = card.findChildren(QRadioButton)

    def advanced() -> list[SettingField]:
        (shown,) = [one for one in card.findChildren(FoldedSettings) if not one.isHidden()]
        return shown.fields

    assert dpo.isChecked()
    assert [field.setting.name for field in advanced()] == ["beta", "label_smoothing"]
    orpo.click()
    assert (session.draft.method.objective, session.draft.preset) == ("orpo", "balanced")
    assert [field.setting.name for field in advanced()] == ["beta"]
    simpo.click()
    (margin,) = [f for f in advanced() if f.setting.name == "margin"]
    assert isinstance(margin.editor, NumberEdit)
    margin.editor.selectAll()
    qtbot.keyClicks(margin.editor, "0.7")
    assert to_recipe(session.draft).method.margin == 0.7
    lines = dict(summary_lines(session.draft, session.facts))
    assert lines["Objective"].startswith("SIMPO: prefer the better answers")
    session.take(with_answers_alone(session.draft))
    assert card.isHidden()
    assert "Objective" not in dict(summary_lines(session.draft, session.facts))


def test_rated_answers_are_read_explained_and_the_good_ones_alone_can_be_chosen(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    page = take(wizard, qtbot, write_pairs(tmp_path / "rated.jsonl", rated_rows()))
    session = wizard.session
    assert "Answers rated good or bad" in page.source._reason.text()
    assert session.draft.rating == "label"
    qtbot.waitUntil(lambda: session.can_continue("data"), timeout=LONG)
    assert to_recipe(session.draft).method.objective == "kto"
    shown = page.findChildren(QLabel)
    assert any(label.text() == "Good or bad, as the column says: label" for label in shown)
    qtbot.waitUntil(lambda: "rated good" in page.preview._counts.text(), timeout=LONG)
    page.preview.show_row(len(rated_rows()) // 2 - 1)
    qtbot.waitUntil(lambda: "rated bad" in page.preview._counts.text(), timeout=LONG)
    tuning = wizard.view("tuning")
    (card,) = tuning.findChildren(ObjectiveCard)
    assert not card.isHidden()
    assert all(radio.isHidden() for radio in card.findChildren(QRadioButton))
    (advanced,) = [one for one in card.findChildren(FoldedSettings) if not one.isHidden()]
    names = [field.setting.name for field in advanced.fields]
    assert names == ["beta", "desirable_weight", "undesirable_weight"]
    (weight,) = [f for f in advanced.fields if f.setting.name == "undesirable_weight"]
    assert isinstance(weight.editor, NumberEdit)
    weight.editor.selectAll()
    qtbot.keyClicks(weight.editor, "1.5")
    assert to_recipe(session.draft).method.undesirable_weight == 1.5
    lines = dict(summary_lines(session.draft, session.facts))
    assert lines["Objective"].startswith("KTO: give the good answers")
    page.source._take_shape(1)
    assert card.isHidden()
    assert [repair.kind for repair in session.draft.repairs] == ["drop_marked"]
    assert "only the good ones are learned" in said(page)
    button(page, "Train on the preferences").click()
    assert (session.draft.rating, session.draft.repairs) == ("label", ())
    assert to_recipe(session.draft).method.objective == "kto"


def test_the_sample_of_preferred_answers_is_offered_and_is_one(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
) -> None:
    page = wizard.view("data")
    button(page, "Preferred answers").click()
    qtbot.waitUntil(lambda: wizard.session.draft.rejected == "{rejected}", timeout=LONG)


def test_what_is_unread_is_used_or_ignored_with_one_click(
    wizard: WizardPage,  # noqa: F811
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    rows = [
        {"question": f"who is {n}?", "answer": f"{n} is a friend", "notes": f"long ago {n} came by"}
        for n in range(40)
    ]
    page = take(wizard, qtbot, write_jsonl(tmp_path / "notes.jsonl", rows))
    assert "Not seen by the model: notes" in page.source._reason.text()

    def shown(text: str) -> None:
        qtbot.waitUntil(lambda: text in said(page), timeout=LONG)

    shown("Not seen by the model: the column “notes”")
    button(page.check, "Ignore").click()
    assert wizard.session.draft.ignore == ("notes",)
    qtbot.waitUntil(lambda: "Not seen" not in said(page), timeout=LONG)
    button(page.check, "Undo").click()
    shown("Not seen by the model: the column “notes”")
    button(page.check, "Use in the prompt").click()
    assert wizard.session.draft.prompt.startswith("{?notes}### Notes:\n{notes}")
    qtbot.waitUntil(lambda: "Not seen" not in said(page), timeout=LONG)
