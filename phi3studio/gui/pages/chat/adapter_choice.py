"""Which adapter answers, of a model that keeps several over one base; a further one is added."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from phi3studio.domain.recipe import slugify
from phi3studio.gui.theme import Theme
from phi3studio.gui.widgets.basic import Button, ComboBox

BASE = ""
"""In place of a name: the base model without any adapter."""
_LONGEST_NAME = 40


class AdapterChoice(QWidget):
    """Hidden for a model without adapters of its own. The next answer comes from the chosen one.

    ``add_wanted`` when the user asks for a further adapter.
    """

    add_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.box = ComboBox()
        self.box.setAccessibleName(self.tr("Adapter"))
        self.box.setToolTip(self.tr("The adapter that answers; it is switched at once."))
        # A long name must not push the other models aside.
        self.box.setMinimumContentsLength(8)
        self.box.setSizeAdjustPolicy(
            ComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.add = Button(theme, self.tr("Add an adapter"), kind="icon", icon="plus")
        self.add.clicked.connect(self.add_wanted)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self.box, 1)
        line.addWidget(self.add)
        self.hide()

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters that can be chosen."""
        found = (str(self.box.itemData(at)) for at in range(self.box.count()))
        return tuple(name for name in found if name != BASE)

    @property
    def chosen(self) -> str | None:
        """The adapter's name, :data:`BASE` for none; ``None`` where there is nothing to choose."""
        return str(self.box.currentData()) if self.box.count() else None

    @property
    def name(self) -> str:
        """The chosen one's name for people; empty where there is nothing to choose."""
        return (self.chosen or self.tr("base model")) if self.box.count() else ""

    def show_names(self, names: Sequence[str], own: str) -> None:
        """Offer *names* and the base alone; *own* is chosen, or what was chosen before."""
        before = self.chosen
        self.box.clear()
        if names:
            for name in names:
                self.box.addItem(self.tr("Adapter: {name}").format(name=name), name)
            self.box.addItem(self.tr("Base model, no adapter"), BASE)
            self.choose(own if before is None else before)
        self.setVisible(bool(names))

    def choose(self, name: str) -> None:
        """Let the adapter *name* answer from now on."""
        self.box.setCurrentIndex(max(0, self.box.findData(name)))

    def free_name(self, wanted: str) -> str:
        """A name for a further adapter, after *wanted*, that none has yet."""
        plain = slugify(wanted)
        name, number = plain, 1
        while name in self.names:
            number += 1
            suffix = f"-{number}"
            name = plain[: _LONGEST_NAME - len(suffix)] + suffix
        return name
