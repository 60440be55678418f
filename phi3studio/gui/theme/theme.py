"""The one place that turns design tokens into palette, style sheet, fonts, icons and colours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from phi3studio.gui.theme.tokens import Scheme, Tokens, load_tokens

Mode = Literal["system", "light", "dark"]


class Theme(QObject):
    """Light or dark, as the system or the user says.

    Widgets that paint themselves ask :meth:`color` while painting and repaint on ``changed``.
    """

    changed = Signal()

    def __init__(self, app: QApplication, resources: Path, mode: Mode = "system") -> None:
        super().__init__(app)
        self._app = app
        self._style = resources / "style"
        self._icons = resources / "icons"
        self.tokens: Tokens = load_tokens(self._style)
        self._sheet = (self._style / "app.qss").read_text("utf-8")
        self._svg: dict[str, str] = {}
        self._made: dict[tuple[str, str, int], QIcon] = {}
        self._mode: Mode = mode
        self._scheme: Scheme = "light"
        app.setStyle("Fusion")
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)
        self.set_mode(mode)

    @property
    def mode(self) -> Mode:
        """What the user chose."""
        return self._mode

    @property
    def scheme(self) -> Scheme:
        """What is shown now."""
        return self._scheme

    def set_mode(self, mode: Mode) -> None:
        """Follow the system, or override it."""
        self._mode = mode
        self._scheme = self._wanted()
        self._apply()

    def color(self, role: str) -> QColor:
        """The colour of a role of ``tokens.json`` in the present scheme."""
        return QColor(self.tokens.colors[self._scheme][role])

    def space(self, name: str) -> int:
        """A spacing by its name (``xs`` to ``page``)."""
        return self.tokens.space[name]

    def font(self, size: str = "base", weight: int = QFont.Weight.Normal) -> QFont:
        """The interface font in a named size."""
        font = QFont(self._app.font())
        font.setPixelSize(self.tokens.sizes[size])
        font.setWeight(QFont.Weight(weight))
        return font

    def mono(self, size: str = "small") -> QFont:
        """The monospaced font, ligatures off: token text is shown as it is."""
        font = QFont(_first_family(self.tokens.mono, QFontDatabase.SystemFont.FixedFont))
        font.setStyleHint(QFont.StyleHint.Monospace)
        font.setPixelSize(self.tokens.sizes[size])
        for feature in ("calt", "liga", "clig", "dlig"):
            font.setFeature(QFont.Tag(feature), 0)
        return font

    def icon(self, name: str, role: str = "text", size: int = 18) -> QIcon:
        """A line icon in the colour of *role*, sharp at every scale factor up to 3."""
        if (name, role, size) not in self._made:
            icon = self._made[name, role, size] = QIcon()
            drawn = self._drawn(name, role)
            for scale in (1, 2, 3):
                icon.addPixmap(_painted(drawn, size, scale))
            icon.addPixmap(self.pixmap(name, "muted", size), QIcon.Mode.Disabled)
        return self._made[name, role, size]

    def pixmap(self, name: str, role: str = "text", size: int = 18, scale: float = 2) -> QPixmap:
        """One icon as a pixmap of *size* by *size*."""
        return _painted(self._drawn(name, role), size, scale)

    def _drawn(self, name: str, role: str) -> QSvgRenderer:
        svg = self._svg.get(name)
        if svg is None:
            svg = self._svg[name] = (self._icons / f"{name}.svg").read_text("utf-8")
        ink = self.color(role).name()
        return QSvgRenderer(QByteArray(svg.replace("currentColor", ink).encode()))

    def _wanted(self) -> Scheme:
        if self._mode != "system":
            return self._mode
        dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return "dark" if dark else "light"

    def _follow_system(self) -> None:
        if self._mode == "system" and self._wanted() != self._scheme:
            self._scheme = self._wanted()
            self._apply()

    def _apply(self) -> None:
        app_font = QFont(_first_family(self.tokens.sans, QFontDatabase.SystemFont.GeneralFont))
        app_font.setPixelSize(self.tokens.sizes["base"])
        self._made.clear()
        self._app.setFont(app_font)
        self._app.setPalette(self._palette())
        self._app.setStyleSheet(self._filled_sheet())
        self.changed.emit()

    def _filled_sheet(self) -> str:
        values = dict(self.tokens.colors[self._scheme])
        values |= {f"space_{k}": f"{v}px" for k, v in self.tokens.space.items()}
        values |= {f"radius_{k}": f"{v}px" for k, v in self.tokens.radius.items()}
        values |= {f"size_{k}": f"{v}px" for k, v in self.tokens.sizes.items()}
        values["scheme_name"] = self._scheme
        values["mono"] = self.mono().family()
        values["icons"] = self._icons.as_posix()
        return re.sub(r"@(\w+)", lambda m: values[m.group(1)], self._sheet)

    def _palette(self) -> QPalette:
        palette = QPalette()
        role = QPalette.ColorRole
        for target, source in (
            (role.Window, "background"),
            (role.WindowText, "text"),
            (role.Base, "surface"),
            (role.AlternateBase, "background"),
            (role.Text, "text"),
            (role.PlaceholderText, "muted"),
            (role.Button, "raised"),
            (role.ButtonText, "text"),
            (role.ToolTipBase, "raised"),
            (role.ToolTipText, "text"),
            (role.BrightText, "danger_text"),
            (role.Highlight, "accent"),
            (role.HighlightedText, "on_accent"),
            (role.Link, "accent_text"),
            (role.LinkVisited, "accent_text"),
            (role.Accent, "accent"),
            (role.Mid, "border"),
        ):
            palette.setColor(target, self.color(source))
        for target in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, target, self.color("muted"))
        return palette


def _painted(drawn: QSvgRenderer, size: int, scale: float) -> QPixmap:
    pixmap = QPixmap(QSize(round(size * scale), round(size * scale)))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    drawn.render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(scale)
    return pixmap


def _first_family(wanted: tuple[str, ...], fallback: QFontDatabase.SystemFont) -> str:
    """The system's own font where a desktop names one; else the first installed of *wanted*."""
    system = QFontDatabase.systemFont(fallback).family()
    named = QGuiApplication.platformName() not in {"offscreen", "minimal", "vnc"}
    generic = system.lower() in {"", "sans", "sans serif", "monospace", "dejavu sans"}
    if named and not generic:
        return system
    installed = set(QFontDatabase.families())
    return next((family for family in wanted if family in installed), system)
