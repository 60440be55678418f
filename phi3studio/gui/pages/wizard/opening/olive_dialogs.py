"""An Olive config before its draft opens: what becomes of its keys. Several: what each becomes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QLocale, QRect, Qt
from PySide6.QtGui import QFont, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from phi3studio.gui.pages.wizard.azure.azure_entries import (
    more_entries,
    place_entries,
    source_entries,
)
from phi3studio.gui.texts.messages import explain_error, setting_title
from phi3studio.gui.texts.olive_words import olive_error, olive_words
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.ask import Question
from phi3studio.gui.widgets.basic import Button, label, row
from phi3studio.gui.widgets.rows_table import cell
from phi3studio.gui.widgets.states import ErrorState
from phi3studio.olive_configs import Decision
from phi3studio.runs.olive_files import ConfigRecipe, ConfigResult

_WIDE, _HIGH = 820, 300
_PADDING = 14
_GAPS = 4


class ConfigDialog(Question):
    """The decisions of one config. *take* opens the draft, at the open value that it is given
    (empty: at its beginning)."""

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        name: str,
        config: ConfigRecipe,
        take: Callable[[str], object],
    ) -> None:
        imported = config.imported
        groups = _grouped(imported.decisions)
        counts = {kind: len(found) for kind, found in groups.items()}
        super().__init__(
            parent,
            theme,
            self.tr("Olive config {name}").format(name=name),
            self.tr(
                "{kept} of its settings are kept, {changed} are expressed otherwise, "
                "{left_out} are left out."
            ).format(
                kept=counts["kept"],
                changed=counts["changed"],
                left_out=counts["left out"] + counts["refused"],
            ),
        )
        self.widen(_WIDE)
        self._take = take
        if imported.obstacle is not None:
            self.extra.addWidget(ErrorState(theme, olive_error(imported.obstacle)))
        for gap in imported.gaps[:_GAPS]:
            go = Button(theme, self.tr("Write it"), kind="link")
            title = _title(gap.key)
            go.setAccessibleName(self.tr("Write it: {setting}").format(setting=title))
            go.clicked.connect(lambda _=False, key=gap.key: self._go(key))
            go.setVisible(config.recipe is not None)
            said = label(
                self.tr("Still open: {setting}. {reason}").format(
                    setting=title, reason=olive_words(gap.text)
                ),
                wrap=True,
            )
            line = row(said, go)
            line.setStretch(0, 1)
            self.extra.addLayout(line)
        if more := len(imported.gaps[_GAPS:]):
            self.extra.addWidget(label(self.tr("and %Ln more in the list", None, more), "muted"))
        notes = list(map(olive_words, config.notes))
        self.table = _DecisionTable(
            self.tr("What becomes of the settings"), self._titles(), groups, notes
        )
        self.extra.addWidget(self.table)
        if config.recipe is None:
            self.cancel.rename(self.tr("Close"))
        else:
            partly = imported.obstacle is not None
            text = self.tr("Open without them") if partly else self.tr("Open the draft")
            opening = self.add(text, lambda: take(""), "primary")
            if not partly:
                # The present draft is put aside, so that nothing is lost by Enter.
                opening.setFocus()

    def _go(self, key: str) -> None:
        self.accept()
        self._take(key)

    def _titles(self) -> dict[str, str]:
        return {
            "refused": self.tr("Refused: the run would do something else"),
            "open": self.tr("Still open"),
            "left out": self.tr("Left out"),
            "changed": self.tr("Expressed otherwise"),
            "kept": self.tr("Kept"),
            "notes": self.tr("What the config does not say"),
        }


class ConfigsDialog(Question):
    """Several configs as a table; *choose* opens one of them."""

    def __init__(
        self,
        parent: QWidget,
        theme: Theme,
        results: Sequence[ConfigResult],
        choose: Callable[[list[str]], object],
    ) -> None:
        super().__init__(
            parent,
            theme,
            self.tr("%Ln Olive config(s)", None, len(results)),
            self.tr("Choose the one that is to become a fine-tune."),
        )
        self.widen(_WIDE)
        self._results, self._choose = results, choose
        headings = [self.tr("File"), self.tr("Becomes"), self.tr("Details")]
        self.table = _Table(self.tr("Olive configs"), headings)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        folder = _common([result.file for result in results])
        for result in results:
            self.table.add(str(result.file.relative_to(folder)), *self._says(result))
        self.table.cellActivated.connect(lambda *_: self._open())
        self.extra.addWidget(self.table)
        self.opening = self.add_kept(self.tr("Open"), self._open, "primary")
        self.table.itemSelectionChanged.connect(self._draw)
        self.table.selectRow(0)
        self.table.setFocus()

    def _says(self, result: ConfigResult) -> tuple[str, str]:
        if result.obstacle is not None:
            said = explain_error(olive_error(result.obstacle))
            return self.tr("refused"), f"{said.message} {said.hint}".strip()
        if result.gaps:
            open_ = ", ".join(map(_title, result.gaps))
            return self.tr("a draft"), self.tr("still open: {settings}").format(settings=open_)
        if result.left_out:
            return self.tr("a draft"), self.tr("%Ln setting(s) left out", None, result.left_out)
        return self.tr("a draft"), ""

    def _draw(self) -> None:
        self.opening.setEnabled(bool(self.table.selectedItems()))

    def _open(self) -> None:
        file = self._results[self.table.currentRow()].file
        self.accept()
        self._choose([str(file)])


class _Table(QTableWidget):
    """Read-only rows as tall as their texts."""

    def __init__(self, name: str, headings: Sequence[str]) -> None:
        super().__init__(0, 3)
        self.setAccessibleName(name)
        self.setHorizontalHeaderLabels(headings)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setMinimumHeight(_HIGH)
        self.setItemDelegate(_Breaking(self))

    def add(self, *texts: str) -> QTableWidgetItem:
        """Add a row; returns its first cell."""
        at = self.rowCount()
        self.insertRow(at)
        items = [QTableWidgetItem(text) for text in texts]
        for column, item in enumerate(items):
            item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            item.setToolTip(item.text() if len(item.text()) > 40 else "")
            self.setItem(at, column, item)
        return items[0]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.viewport().width()
        widths = [3 * room // 10, 2 * room // 10]
        widths.append(room - sum(widths))
        for column, width in enumerate(widths):
            self.setColumnWidth(column, width)
        # Qt's own measure leaves the cells' padding out, and cuts off last lines.
        for line in range(self.rowCount()):
            heights = [
                self._height(item, width if self.columnSpan(line, 0) == 1 else room)
                for column, width in enumerate(widths)
                if (item := self.item(line, column)) is not None
            ]
            self.setRowHeight(line, max(heights))

    def _height(self, item: QTableWidgetItem, width: int) -> int:
        room = QRect(0, 0, width - 2 * _PADDING, 10_000)
        flags = int(Qt.TextFlag.TextWordWrap)
        text = _breakable(item.text())
        return QFontMetrics(item.font()).boundingRect(room, flags, text).height() + _PADDING


class _Breaking(QStyledItemDelegate):
    """Lets long dotted keys and paths go on in the next line."""

    def displayText(self, value: object, locale: QLocale | QLocale.Language) -> str:
        return _breakable(super().displayText(value, locale))


def _breakable(text: str) -> str:
    return re.sub(r"(?<=[._/\\])(?=\w)", "\u200b", text)


class _DecisionTable(_Table):
    """The decisions in groups, what needs a look first."""

    def __init__(
        self,
        name: str,
        titles: dict[str, str],
        groups: dict[str, list[Decision]],
        notes: Sequence[str],
    ) -> None:
        super().__init__(name, [self.tr("Setting"), self.tr("Value"), self.tr("Becomes")])
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        for kind, decisions in groups.items():
            self._head(titles[kind], len(decisions))
            for decision in decisions:
                self.add(decision.path, cell(decision.shown), _becomes(decision))
        self._head(titles["notes"], len(notes))
        for note in notes:
            self.setSpan(self.add(note).row(), 0, 1, 3)

    def _head(self, title: str, count: int) -> None:
        if count:
            heading = self.add(f"{title} ({count})")
            font = QFont(self.font())
            font.setBold(True)
            heading.setFont(font)
            self.setSpan(heading.row(), 0, 1, 3)


def _title(key: str) -> str:
    """What the window calls a recipe's key."""
    section, _, name = key.partition(".")
    if section != "azure":
        return setting_title(key)
    fields = {e.name: e.title for e in (*place_entries(), *source_entries(), *more_entries())}
    return f"Azure ML: {fields.get(name.rpartition('.')[2], name)}"


def _becomes(decision: Decision) -> str:
    said = f"{olive_words(decision.text)} {olive_words(decision.instead)}".strip()
    return "\n".join(filter(None, (f"→ {_title(decision.to)}" if decision.to else "", said)))


def _grouped(decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
    groups: dict[str, list[Decision]] = {
        kind: [] for kind in ("refused", "open", "left out", "changed", "kept")
    }
    names = {"carried": "kept", "translated": "changed", "gap": "open"}
    for decision in decisions:
        refused = "refused" if decision.blocks else "left out"
        groups[names.get(decision.kind, refused)].append(decision)
    return groups


def _common(files: Sequence[Path]) -> Path:
    """The folder that holds all of them."""
    folder = files[0].parent
    while not all(file.is_relative_to(folder) for file in files):
        folder = folder.parent
    return folder
