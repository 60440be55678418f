"""Undo and redo of repairs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from phi3studio.wizard.flow import Draft, edit

_MOST = 200


@dataclass(frozen=True)
class EditHistory:
    """The repairs of a draft before each change, and after those that were undone."""

    past: tuple[Draft, ...] = ()
    future: tuple[Draft, ...] = ()

    def after(self, old: Draft, new: Draft) -> EditHistory:
        """The history once *new* has replaced *old*; another source begins one of its own."""
        if new.source != old.source:
            return EditHistory()
        if new.repairs == old.repairs:
            return self
        return EditHistory((*self.past, old)[-_MOST:])

    def undo(self, draft: Draft) -> tuple[EditHistory, Draft]:
        """Take the last change of the repairs back."""
        if not self.past:
            return self, draft
        *past, before = self.past
        history = EditHistory(tuple(past), (*self.future, draft))
        return history, edit(draft, "data", repairs=before.repairs)

    def redo(self, draft: Draft) -> tuple[EditHistory, Draft]:
        """Make the change again that was undone last."""
        if not self.future:
            return self, draft
        *future, after = self.future
        history = EditHistory((*self.past, draft), tuple(future))
        return history, edit(draft, "data", repairs=after.repairs)
