"""Numbers, sizes and times as a person reads them, in the language of the window."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

translate = QCoreApplication.translate


def number(value: float, digits: int = 3) -> str:
    """About three significant digits, grouped as the language does it."""
    locale = QLocale()
    if value != value:
        return "–"
    size = abs(value)
    if size >= 100 or value == int(value):
        return locale.toString(round(value))
    decimals = digits - 1 if size >= 1 else digits
    if size >= 10:
        decimals = digits - 2
    if 0 < size < 0.001:
        return locale.toString(float(f"{value:.2g}"), "g", 3)
    return locale.toString(float(value), "f", decimals)


def count(value: int) -> str:
    """A whole number with its thousands grouped."""
    return QLocale().toString(value)


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage."""
    return f"{QLocale().toString(round(share * 100))} %"


def size(value: float) -> str:
    """Bytes as MB or GB (powers of 1000, as systems show files)."""
    locale = QLocale()
    if value < 1e6:
        return f"{locale.toString(max(1, round(value / 1e3)))} kB" if value else "0 kB"
    if value < 1e9:
        return f"{locale.toString(round(value / 1e6))} MB"
    amount = value / 1e9
    return f"{locale.toString(amount, 'f', 1 if amount < 10 else 0)} GB"


def parameters(value: int) -> str:
    """A number of weights: 135 M, 3.8 B."""
    locale = QLocale()
    if value >= 1_000_000_000:
        return translate("Words", "{} billion parameters").format(
            locale.toString(value / 1e9, "f", 1)
        )
    return translate("Words", "{} million parameters").format(locale.toString(round(value / 1e6)))


def duration(seconds: float) -> str:
    """An exact time that has passed: 4 min 20 s."""
    if 0 < seconds < 0.95:
        return f"{QLocale().toString(max(1, round(seconds * 1000)))} ms"
    if seconds < 10:
        return f"{QLocale().toString(seconds, 'f', 1)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Words:
    """The plural texts of this module: lupdate knows plurals only from ``tr`` inside a class."""

    def tr(self, text: str, comment: str | None = None, n: int = -1) -> str:
        """Translate *text* for the number *n*."""
        return QCoreApplication.translate("Words", text, comment, n)

    def about(self, seconds: float) -> str:
        """An estimated time, rounded as one speaks of it."""
        if seconds < 50:
            return self.tr("about %Ln second(s)", None, max(5, round(seconds / 5) * 5))
        if seconds < 90 * 60:
            return self.tr("about %Ln minute(s)", None, max(1, round(seconds / 60)))
        if seconds < 36 * 3600:
            return self.tr("about %Ln hour(s)", None, round(seconds / 3600))
        return self.tr("about %Ln day(s)", None, round(seconds / 86400))

    def ago(self, passed: float) -> str:
        """How long ago, up to two weeks."""
        if passed < 60:
            return self.tr("just now")
        if passed < 3600:
            return self.tr("%Ln minute(s) ago", None, round(passed / 60))
        if passed < 86400:
            return self.tr("%Ln hour(s) ago", None, round(passed / 3600))
        return self.tr("%Ln day(s) ago", None, round(passed / 86400))


def about(seconds: float) -> str:
    """An estimated time: about 4 minutes."""
    return Words().about(seconds)


def ago(then: float, now: float) -> str:
    """How long ago a moment was; after two weeks its date."""
    passed = max(0.0, now - then)
    if passed < 86400 * 14:
        return Words().ago(passed)
    return QLocale().toString(
        QDateTime.fromSecsSinceEpoch(int(then)).date(), QLocale.FormatType.ShortFormat
    )


def moment(then: float) -> str:
    """A point in time: of today only the time of day."""
    when = dt.datetime.fromtimestamp(then)
    if when.date() == dt.date.today():
        return when.strftime("%H:%M")
    date = QLocale().toString(
        QDateTime.fromSecsSinceEpoch(int(then)).date(), QLocale.FormatType.ShortFormat
    )
    return f"{date} {when:%H:%M}"


def path(place: Path) -> str:
    """A path, with the user's own folder as ``~``."""
    try:
        return str(Path("~") / place.relative_to(Path.home()))
    except ValueError:
        return str(place)
