"""Numbers, sizes and times as a person reads them, in the language of the window."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QDateTime, QLocale

from phi3studio.domain.messages import formatting
from phi3studio.gui.texts.i18n import language

translate = QCoreApplication.translate


def number(value: float, digits: int = 3) -> str:
    """About so many significant digits, grouped as the language does it."""
    return formatting.number(value, language(), digits)


count = number


def percent(share: float) -> str:
    """A share from 0 to 1 as a percentage."""
    return formatting.percent(share, language())


def size(value: float) -> str:
    """Bytes in the unit that fits."""
    return formatting.size(value, language())


def parameters(value: int) -> str:
    """A number of weights: 135 million, 3.8 billion."""
    if value >= 999_500_000:  # what would be written as 1,000 million
        return translate("Words", "{} billion parameters").format(number(round(value / 1e9, 1)))
    return translate("Words", "{} million parameters").format(number(round(value / 1e6)))


def good_for(count: int) -> str:
    """What a model with so many weights is a good choice for."""
    if count < 250e6:
        return translate("Words", "For labels and very short answers; trains in minutes anywhere.")
    if count < 800e6:
        return translate("Words", "For labels, extraction and short answers, without a GPU too.")
    if count < 2.5e9:
        return translate("Words", "For short texts and simple conversations; a GPU saves hours.")
    if count < 6e9:
        return translate("Words", "For longer texts and conversations; meant for a GPU.")
    return translate("Words", "The most capable and the slowest; needs a large GPU.")


def duration(seconds: float) -> str:
    """An exact time that has passed: 4 min 20 s."""
    return formatting.duration(seconds, language())


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
