"""About: version and build, the licences of everything inside, where the user's files are."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from phi3studio.app import about
from phi3studio.app.about import Build, Component
from phi3studio.app.release import REPOSITORY
from phi3studio.gui.context import Context
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.widgets.ask import fit
from phi3studio.gui.widgets.basic import Button, label, row
from phi3studio.gui.widgets.dialogs.open_place import open_path
from phi3studio.gui.widgets.search import SearchField

_MARK = 40


class AboutDialog(QDialog):
    """Opened with ``open()``; fills its list when the licences have been read."""

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self._context = context
        theme = context.theme
        self.setWindowTitle(self.tr("About Phi-3 Studio"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        fit(self, QSize(700, 520))
        self.resize(
            self.minimumSize().expandedTo(QSize(900, 640).boundedTo(parent.window().size()))
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 18)
        layout.setSpacing(10)
        build = about.build()
        layout.addLayout(self._head(build))
        self._lines = [f"Phi-3 Studio {build.version}", self._made(build), f"Qt {qVersion()}"]
        layout.addSpacing(4)
        layout.addWidget(label(self.tr("Third-party licences"), "strong"))
        self.search = SearchField(theme, self.tr("Search components"))
        self.search.textChanged.connect(self._filter)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Components"))
        self.list.setFixedWidth(230)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.currentItemChanged.connect(self._show)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setProperty("mono", True)
        self.text.setFont(theme.mono())
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self.tr("Licence"))
        left = QVBoxLayout()
        left.addWidget(self.search)
        left.addWidget(self.list, 1)
        parts = QHBoxLayout()
        parts.setSpacing(10)
        parts.addLayout(left)
        parts.addWidget(self.text, 1)
        layout.addLayout(parts, 1)
        folder = Button(theme, self.tr("Open the data directory"), icon="folder")
        folder.clicked.connect(lambda: open_path(self, context.theme, context.home.root))
        copy = Button(theme, self.tr("Copy version"), icon="copy")
        copy.clicked.connect(
            lambda: QGuiApplication.clipboard().setText("\n".join(filter(None, self._lines)))
        )
        close = Button(theme, self.tr("Close"), kind="primary")
        close.clicked.connect(self.accept)
        layout.addLayout(row(folder, copy, 1, close))
        self._add(self._own())
        self._add(self._qt())
        self.list.setCurrentRow(0)
        # The dialog may be closed before they are read.
        Latest(context.tasks, self).ask(lambda: in_thread(about.components), self._fill)

    def _head(self, build: Build) -> QHBoxLayout:
        mark = QLabel()
        icon = QIcon(str(self._context.resources / "icons" / "app.svg"))
        mark.setPixmap(icon.pixmap(QSize(_MARK, _MARK)))
        mark.setFixedSize(_MARK, _MARK)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label(f"Phi-3 Studio {build.version}", "cardTitle"))
        self.made = label(self._made(build), "muted", wrap=True)
        self.made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        words.addWidget(self.made)
        words.addWidget(label(REPOSITORY, "small"))
        line = QHBoxLayout()
        line.setSpacing(12)
        line.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        line.addLayout(words, 1)
        return line

    def _made(self, build: Build) -> str:
        if not build.commit:
            return self.tr("Running from source.")
        return self.tr("Build {commit} of {date}, flavour {flavour}").format(
            commit=build.commit[:12], date=build.date, flavour=build.flavour
        )

    def _own(self) -> Component:
        return Component("Phi-3 Studio", about.build().version, "MIT", about.own_text("MIT.txt"))

    def _qt(self) -> Component:
        texts = (about.own_text(name) for name in ("QT.txt", "LGPL-3.0.txt", "GPL-3.0.txt"))
        return Component("Qt, PySide6", qVersion(), "LGPL-3.0-only", "\n\n\n".join(texts))

    def _fill(self, components: list[Component]) -> None:
        for component in components:
            self._add(component)
        self._filter(self.search.text())

    def _add(self, component: Component) -> None:
        item = QListWidgetItem(component.name)
        item.setData(Qt.ItemDataRole.UserRole, component)
        item.setToolTip(f"{component.name}: {component.licence}")
        self.list.addItem(item)

    def _filter(self, text: str) -> None:
        for index in range(self.list.count()):
            item = self.list.item(index)
            part: Component = item.data(Qt.ItemDataRole.UserRole)
            shown = f"{part.name} {part.licence}".lower()
            item.setHidden(text.strip().lower() not in shown)

    def _show(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        part: Component = item.data(Qt.ItemDataRole.UserRole)
        licence = part.licence or self.tr("licence not stated")
        text = part.text or self.tr("The package does not include its licence text.")
        self.text.setPlainText(f"{part.name} {part.version}\n{licence}\n\n{text}\n")
