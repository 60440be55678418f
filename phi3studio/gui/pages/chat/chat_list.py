"""The chats that were had, per model: searched, opened again, renamed, deleted and brought back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QMenu

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.gui.texts import words
from phi3studio.gui.widgets.basic import Button, Callout, Card, label
from phi3studio.gui.widgets.search import SearchField
from phi3studio.runs.shown.chats import ChatShelf, KeptChat

_CHAT = int(Qt.ItemDataRole.UserRole) + 1


class ChatList(Card):
    """``opened`` carries a chat; ``failed`` says why something could not be done."""

    opened = Signal(object)
    deleted = Signal(object)
    failed = Signal(object)

    WIDTH = 250

    def __init__(self, context: Context, shelf: ChatShelf) -> None:
        super().__init__(" ")
        self.title.setText(self.tr("Chats"))
        self.setAccessibleName(self.tr("Chats"))
        self.setFixedWidth(self.WIDTH)
        self._context = context
        self._shelf = shelf
        self._chats: tuple[KeptChat, ...] = ()
        self._current = ""
        self._models: tuple[Path, ...] = ()
        self._question = Latest(context.tasks, self)
        self._search = SearchField(context.theme, self.tr("Search chats"))
        self._search.textChanged.connect(self._draw)
        self.body.addWidget(self._search)
        self.list = _List(self)
        self.list.setAccessibleName(self.tr("Chats"))
        self.list.itemClicked.connect(self._open)
        self.list.itemActivated.connect(self._open)
        self.list.itemChanged.connect(self._renamed)
        self.list.customContextMenuRequested.connect(self._menu)
        self.body.addWidget(self.list, 1)
        self._nothing = label("", "muted", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.body.addWidget(self._nothing, 1)
        self._undo: Callout | None = None
        self._draw()

    @property
    def chats(self) -> tuple[KeptChat, ...]:
        """All that are kept, the newest first."""
        return self._chats

    def look(self) -> None:
        """Read them again."""
        self._question.ask(lambda: in_thread(self._shelf.all), self._take, lambda _: None)

    def show_current(self, name: str, models: Iterable[Path]) -> None:
        """Mark the chat that goes on; those with its *models* stand first."""
        models = tuple(models)
        if (name, models) != (self._current, self._models):
            self._current, self._models = name, models
            self._draw()

    def of_name(self, name: str) -> list[KeptChat]:
        """The sides of one chat, one for each of its models."""
        return [chat for chat in self._chats if chat.name == name]

    def rename(self, chat: KeptChat) -> None:
        """Let the title be edited in its place."""
        item = self._item(chat)
        if item is not None:
            self.list.editItem(item)

    def delete(self, chat: KeptChat) -> None:
        """Delete it, and offer to bring it back."""
        sides = self.of_name(chat.name)
        row = self.list.currentRow()

        def delete() -> None:
            for side in sides:
                self._shelf.delete(side)

        def done(_: object) -> None:
            self.deleted.emit(chat)
            self._offer_undo(chat, sides)
            self.look()
            self.list.setCurrentRow(min(row, self.list.count() - 1))

        self._do(delete, done)

    def _offer_undo(self, chat: KeptChat, sides: list[KeptChat]) -> None:
        self.hide_undo()
        note = self._undo = Callout(
            self._context.theme, "info", self.tr("“{title}” is deleted.").format(title=chat.title)
        )
        undo = Button(self._context.theme, self.tr("Undo"), kind="link", icon="undo")
        undo.heir = self.list.setFocus

        def restore() -> None:
            for side in sides:
                self._shelf.restore(side)

        def restored(_: object) -> None:
            self.hide_undo()
            self.look()

        undo.clicked.connect(lambda: self._do(restore, restored))
        note.words.addWidget(undo)
        self.body.addWidget(note)

    def hide_undo(self) -> None:
        """Offer no more to bring back what was deleted last."""
        note, self._undo = self._undo, None
        if note is not None:
            note.hide()
            note.deleteLater()

    def _do(self, work: Callable[[], None], done: Callable[[Any], None]) -> None:
        def failed(error: UserFacingError) -> None:
            self.failed.emit(error)
            self.look()

        self._context.tasks.run(asyncio.to_thread(work), done, failed)

    def _take(self, chats: list[KeptChat]) -> None:
        self._chats = tuple(chats)
        self._draw()

    def _draw(self) -> None:
        if self.list.state_is_editing():
            return
        wanted = self._search.text()
        shown = [chat for chat in self._chats if chat.matches(wanted)]
        groups: dict[Path, list[KeptChat]] = {}
        for chat in shown:
            groups.setdefault(chat.model, []).append(chat)
        order = sorted(groups, key=lambda model: model not in self._models)
        self.list.blockSignals(True)
        focused = self.list.currentItem()
        before = focused.data(_CHAT) if focused is not None else None
        self.list.clear()
        for model in order:
            head = QListWidgetItem(groups[model][0].transcript.model)
            head.setFlags(Qt.ItemFlag.NoItemFlags)
            head.setSizeHint(QSize(0, 30))
            self.list.addItem(head)
            for chat in groups[model]:
                self._add(chat, before)
        self.list.blockSignals(False)
        self.list.setVisible(bool(shown))
        self._nothing.setVisible(not shown)
        self._nothing.setText(
            self.tr("No chat matches the search.")
            if self._chats
            else self.tr("What you ask and what is answered is kept here, on this computer.")
        )
        self._search.setVisible(bool(self._chats))

    def _add(self, chat: KeptChat, focused: KeptChat | None) -> None:
        item = QListWidgetItem(chat.title)
        item.setData(_CHAT, chat)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        item.setSizeHint(QSize(0, 30))
        when = words.ago(chat.changed, time.time())
        item.setToolTip(f"{chat.title}\n{chat.transcript.model} · {when}")
        item.setData(
            Qt.ItemDataRole.AccessibleTextRole, f"{chat.title}, {chat.transcript.model}, {when}"
        )
        self.list.addItem(item)
        if chat.name == self._current and chat.model in self._models[:1]:
            item.setSelected(True)
        if focused is not None and focused.file == chat.file:
            self.list.setCurrentItem(item)

    def _item(self, chat: KeptChat) -> QListWidgetItem | None:
        for row in range(self.list.count()):
            item = self.list.item(row)
            found: KeptChat | None = item.data(_CHAT)
            if found is not None and found.file == chat.file:
                return item
        return None

    def _open(self, item: QListWidgetItem) -> None:
        chat: KeptChat | None = item.data(_CHAT)
        if chat is not None:
            self.opened.emit(chat)

    def _renamed(self, item: QListWidgetItem) -> None:
        chat: KeptChat | None = item.data(_CHAT)
        if chat is None or item.text() == chat.title:
            return
        sides, title = self.of_name(chat.name), item.text()
        blocked = self.list.blockSignals(True)
        item.setData(_CHAT, replace(chat, title=title))
        self.list.blockSignals(blocked)

        def rename() -> None:
            for side in sides:
                self._shelf.rename(side, title)

        self._do(rename, lambda _: self.look())

    def _menu(self, at: QPoint) -> None:
        item = self.list.itemAt(at)
        chat: KeptChat | None = item.data(_CHAT) if item is not None else None
        if chat is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Open")).triggered.connect(lambda: self.opened.emit(chat))
        menu.addAction(self.tr("Rename") + "\tF2").triggered.connect(lambda: self.rename(chat))
        menu.addAction(self.tr("Delete") + "\t" + self.tr("Del")).triggered.connect(
            lambda: self.delete(chat)
        )
        menu.popup(self.list.viewport().mapToGlobal(at))


class _List(QListWidget):
    def __init__(self, owner: ChatList) -> None:
        super().__init__()
        self._owner = owner
        self.setObjectName("chats")
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setUniformItemSizes(True)

    def state_is_editing(self) -> bool:
        """Whether a title is being edited now."""
        return self.state() == QAbstractItemView.State.EditingState

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        chat: KeptChat | None = item.data(_CHAT) if item is not None else None
        if chat is not None and event.key() == Qt.Key.Key_F2:
            self._owner.rename(chat)
        elif chat is not None and event.key() == Qt.Key.Key_Delete:
            self._owner.delete(chat)
        else:
            super().keyPressEvent(event)
