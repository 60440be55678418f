"""Home: search, the runs, and on the first start a way in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QMenu,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from phi3studio.domain.errors import UserFacingError
from phi3studio.gui.context import Context
from phi3studio.gui.pages.home.notes_dialog import NotesDialog
from phi3studio.gui.pages.home.run_actions import RunActions
from phi3studio.gui.pages.home.run_cards import CardView
from phi3studio.gui.pages.home.run_trash import RunTrash
from phi3studio.gui.pages.home.runs_model import RunRole, RunsFilter, RunsModel
from phi3studio.gui.pages.home.welcome import Welcome
from phi3studio.gui.widgets.basic import Button, Callout, ComboBox, clear, label
from phi3studio.gui.widgets.dialogs.open_place import open_path
from phi3studio.gui.widgets.page_frame import Page
from phi3studio.gui.widgets.search import SearchField
from phi3studio.gui.widgets.states import EmptyState, ErrorState
from phi3studio.runs.launch import go_on, set_aside
from phi3studio.runs.shown.run_notes import change_notes
from phi3studio.runs.store import RunFolder

COMPARED_MOST = 5


class HomePage(Page):
    """The runs. Reports what the user wants to see or begin."""

    run_chosen = Signal(object)
    chat_wanted = Signal(object)
    repeat_wanted = Signal(object)
    compare_wanted = Signal(list)
    new_wanted = Signal()
    demo_wanted = Signal()
    sample_wanted = Signal(str)

    def __init__(self, context: Context, runs: RunsModel) -> None:
        super().__init__(self.tr("Home"), scroll=False)
        self._context = context
        self._runs = runs
        theme = context.theme
        self._search = SearchField(theme, self.tr("Search runs"), 190)
        self._new = Button(theme, self.tr("New fine-tune"), kind="primary", icon="plus")
        self._new.clicked.connect(self.new_wanted)
        self._order = ComboBox()
        self._order.setAccessibleName(self.tr("Order"))
        for title, order in (
            (self.tr("Newest first"), "newest"),
            (self.tr("By name"), "name"),
            (self.tr("Best first"), "result"),
            (self.tr("Largest first"), "size"),
        ):
            self._order.addItem(title, order)
        self._group = ComboBox()
        self._group.setAccessibleName(self.tr("Which runs"))
        for title, group in (
            (self.tr("All runs"), "all"),
            (self.tr("Running"), "live"),
            (self.tr("Done"), "done"),
            (self.tr("Stopped"), "stopped"),
        ):
            self._group.addItem(title, group)
        self._trash = Button(theme, self.tr("Trash"), kind="icon", icon="trash")
        self._tools = (self._search, self._group, self._order, self._trash)
        for tool in self._tools:
            self.buttons.addWidget(tool)
        self.buttons.addWidget(self._new)
        self._trouble = QVBoxLayout()
        self.content.addLayout(self._trouble)
        self._cards = CardView(theme)
        self._thrown = RunTrash(context, runs)
        self._thrown.failed.connect(self.show_error)
        self._thrown.undone.connect(self._cards.setFocus)
        self._trash.clicked.connect(lambda: self._thrown.look_into(self))
        self.content.addWidget(self._thrown)
        self._bar = self._build_bar()
        self.content.addWidget(self._bar)
        self._filter = RunsFilter(self)
        self._filter.setSourceModel(runs)
        self._cards.setModel(self._filter)
        self._cards.opened.connect(self.run_chosen)
        self._cards.menu_requested.connect(self._menu)
        self._cards.chosen_changed.connect(self._draw_bar)
        self._cards.rename_wanted.connect(self._edit_notes)
        self._cards.delete_wanted.connect(lambda: self._thrown.discard(self._meant()))
        self._group.activated.connect(self._choose_group)
        self._order.activated.connect(
            lambda index: self._filter.choose_order(self._order.itemData(index))
        )
        self._nothing = EmptyState(
            theme,
            "search",
            self.tr("No run matches the search"),
            self.tr("The search looks at the name, the model and the data file."),
        )
        show_all = Button(theme, self.tr("Show all runs"))
        show_all.clicked.connect(self._show_all)
        self._nothing.add_action(show_all)
        self._actions = RunActions(context, self)
        self._actions.done.connect(runs.refresh)
        self._actions.failed.connect(self.show_error)
        self._welcome = Welcome(context)
        self._welcome.demo_wanted.connect(self.demo_wanted)
        self._welcome.new_wanted.connect(self.new_wanted)
        self._welcome.sample_wanted.connect(self.sample_wanted)
        self._stack = QStackedWidget()
        self._first = _scrolled(self._welcome)
        self._none = _scrolled(self._nothing)
        for page in (self._cards, self._none, self._first):
            self._stack.addWidget(page)
        # Each card carries its gap at its right; the grid may reach that far into the margin.
        self.content.setContentsMargins(28, 4, 2, 0)
        self._welcome.setContentsMargins(0, 0, 26, 0)
        for above in (self._trouble, self._thrown, self._bar):
            above.setContentsMargins(0, 0, 26, 0)
        self.content.addWidget(self._stack, 1)
        self._search.textChanged.connect(self._filter.search)
        self._search.textChanged.connect(self._choose)
        runs.counted.connect(self._choose)
        self._choose()

    def entered(self) -> None:
        if not self._runs.listed:
            self._runs.list_now()
        self._runs.watch(True)

    def left(self) -> None:
        self._runs.watch(False)
        self._thrown.hide_offer()

    def show_error(self, error: UserFacingError) -> None:
        """Show why something could not be done, above the runs."""
        clear(self._trouble)
        self._trouble.addWidget(ErrorState(self._context.theme, error))

    def tell_of_interrupted(self, runs: list[RunFolder], resumed: list[RunFolder]) -> None:
        """Offer to go on with *runs*; say that those of *resumed* go on already."""
        theme = self._context.theme
        if resumed:
            text = self.tr("%Ln interrupted run(s) resumed.", None, len(resumed))
            self._trouble.addWidget(Callout(theme, "info", text))
        if not runs:
            return
        offer = Callout(
            theme,
            "info",
            self.tr("%Ln run(s) were interrupted.", None, len(runs)),
            self.tr("All work is kept. Settings can have interrupted runs resumed on their own."),
        )
        yes = Button(theme, self.tr("Resume"), kind="primary")
        no = Button(theme, self.tr("Not now"))
        for button, answer in ((yes, go_on), (no, set_aside)):
            button.clicked.connect(partial(self._answer, offer, answer, runs))
            offer.buttons.addWidget(button)
        self._trouble.addWidget(offer)

    def _answer(
        self, offer: Callout, answer: Callable[[list[RunFolder]], object], runs: list[RunFolder]
    ) -> None:
        offer.hide()
        offer.deleteLater()
        self._context.tasks.run(
            asyncio.to_thread(answer, runs), lambda _: self._runs.list_now(), self.show_error
        )

    def _choose(self) -> None:
        empty = self._runs.rowCount() == 0
        for tool in self._tools:
            tool.setVisible(not empty)
        self._new.setVisible(not empty)
        if empty:
            self._stack.setCurrentWidget(self._first)
        elif self._filter.rowCount() == 0:
            self._stack.setCurrentWidget(self._none)
        else:
            self._stack.setCurrentWidget(self._cards)

    def _menu(self, run: RunFolder, at: QPoint) -> None:
        entry = self._runs.entry(run)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(self.tr("Open")).triggered.connect(lambda: self.run_chosen.emit(run))
        if entry is not None and entry.state == "completed":
            menu.addAction(self.tr("Chat")).triggered.connect(lambda: self.chat_wanted.emit(run))
        if entry is not None and entry.recipe is not None:
            menu.addAction(self.tr("Run again with changes")).triggered.connect(
                lambda: self.repeat_wanted.emit(run)
            )
        if entry is not None:
            self._actions.fill(menu, entry)
            menu.addSeparator()
            menu.addAction(self.tr("Name, tags and note…") + "\tF2").triggered.connect(
                lambda: self._edit_notes(run)
            )
            pinned = entry.notes.pinned
            menu.addAction(self.tr("Unpin") if pinned else self.tr("Pin")).triggered.connect(
                lambda: self._change([run], pinned=not pinned)
            )
            folder = menu.addAction(self.tr("Open folder"))
            folder.triggered.connect(lambda: open_path(self, self._context.theme, run.path))
        if entry is not None and not entry.live:
            menu.addSeparator()
            menu.addAction(self.tr("Delete") + "\t" + self.tr("Del")).triggered.connect(
                lambda: self._thrown.discard([run])
            )
        menu.popup(at)

    def _build_bar(self) -> QWidget:
        """What can be done with several runs at once; shown while some are chosen."""
        theme = self._context.theme
        bar = QWidget()
        line = QHBoxLayout(bar)
        line.setSpacing(8)
        self._count = label("", "strong")
        line.addWidget(self._count)
        line.addStretch(1)
        self._compare = Button(theme, self.tr("Compare"), icon="compare")
        self._compare.clicked.connect(lambda: self.compare_wanted.emit(self._cards.chosen()))
        pin = Button(theme, self.tr("Pin"), icon="pin")
        pin.clicked.connect(lambda: self._change(self._cards.chosen(), pinned=True))
        self._delete = Button(theme, self.tr("Delete"), icon="trash")
        self._delete.clicked.connect(lambda: self._thrown.discard(self._cards.chosen()))
        none = Button(theme, self.tr("Choose none"), kind="link")
        none.clicked.connect(self._cards_cleared)
        for button in (self._compare, pin, self._delete, none):
            # What is chosen last stays in hand.
            button.heir = lambda: self._cards.setFocus()
            line.addWidget(button)
        bar.hide()
        return bar

    def _cards_cleared(self) -> None:
        self._cards.clearSelection()

    def _draw_bar(self) -> None:
        chosen = self._cards.chosen()
        self._bar.setVisible(len(chosen) > 1)
        self._count.setText(self.tr("%Ln run(s) chosen", None, len(chosen)))
        self._compare.setEnabled(2 <= len(chosen) <= COMPARED_MOST)

    def _choose_group(self, index: int) -> None:
        self._filter.choose_group(self._group.itemData(index))
        self._choose()

    def _show_all(self) -> None:
        self._search.clear()
        self._group.setCurrentIndex(0)
        self._choose_group(0)

    def _meant(self) -> list[RunFolder]:
        """The runs that are chosen, else the one that has the focus."""
        index = self._cards.currentIndex()
        return self._cards.chosen() or ([index.data(RunRole)] if index.isValid() else [])

    def _edit_notes(self, run: RunFolder) -> None:
        entry = self._runs.entry(run)
        if entry is not None:
            NotesDialog(
                self,
                self._context.theme,
                entry,
                lambda notes: self._change([run], **vars(notes)),
            ).open()

    def _change(self, runs: list[RunFolder], **changes: object) -> None:
        def change() -> None:
            for run in runs:
                change_notes(run, **changes)

        self._context.tasks.run(
            asyncio.to_thread(change), lambda _: self._runs.read_again(runs), self.show_error
        )


def _scrolled(content: QWidget) -> QScrollArea:
    """A low window does not show all of it at once."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    content.setObjectName("scrollContent")
    area.setWidget(content)
    return area
