"""What a screen reader says without being asked: progress, outcomes, errors."""

from __future__ import annotations

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget


def announce(widget: QWidget, text: str) -> None:
    """Let a screen reader say *text* when it has ended its sentence; silent without one."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))
