"""A column of cards of which a new look at things makes only those again that have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget


@dataclass(frozen=True)
class CardPlan:
    """One card: *key* says which, *shown* all that it shows, *make* makes it."""

    key: str
    shown: object
    make: Callable[[], QWidget]


class CardColumn(QVBoxLayout):
    """The cards in the order of their plans."""

    def __init__(self, spacing: int) -> None:
        super().__init__()
        self.setSpacing(spacing)
        self._cards: dict[str, tuple[object, QWidget]] = {}

    @property
    def cards(self) -> list[QWidget]:
        """The cards that are there."""
        return [card for _, card in self._cards.values()]

    def follow(self, plans: Sequence[CardPlan]) -> Iterator[QWidget]:
        """Make the column what *plans* say, a card with each step: those that stay as they are
        keep their place on the screen and the focus."""
        wanted = {plan.key for plan in plans}
        for key in [key for key in self._cards if key not in wanted]:
            self._drop(self._cards.pop(key)[1])
        for index, plan in enumerate(plans):
            shown, card = self._cards.get(plan.key, (None, None))
            if card is None or shown != plan.shown:
                made = plan.make()
                self.insertWidget(index, made)
                self._cards[plan.key] = (plan.shown, made)
                if card is not None:
                    self._replace(card, made)
                card = made
            elif self.indexOf(card) != index:
                self.removeWidget(card)
                self.insertWidget(index, card)
            yield card

    def _replace(self, old: QWidget, new: QWidget) -> None:
        focus = QApplication.focusWidget()
        held = focus is not None and old.isAncestorOf(focus)
        name = focus.accessibleName() if held and focus is not None else ""
        self._drop(old)
        if held:
            # The same button of the new card; never another one, which Space would press.
            same = [w for w in new.findChildren(QWidget) if w.accessibleName() == name]
            next(iter(same), new).setFocus()

    def _drop(self, card: QWidget) -> None:
        self.removeWidget(card)
        card.hide()
        card.setParent(None)
        card.deleteLater()
