"""Numbers, sizes and times as a person reads them, in the language of the window."""

from __future__ import annotations

import datetime as dt

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
    if seconds < 10:
        return f"{QLocale().toString(seconds, 'f', 1)} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def about(seconds: float) -> str:
    """An estimated time: about 4 minutes."""
    if seconds < 50:
        rounded = max(5, round(seconds / 5) * 5)
        return translate("Words", "about %Ln second(s)", None, rounded)
    if seconds < 90 * 60:
        return translate("Words", "about %Ln minute(s)", None, max(1, round(seconds / 60)))
    if seconds < 36 * 3600:
        return translate("Words", "about %Ln hour(s)", None, round(seconds / 3600))
    return translate("Words", "about %Ln day(s)", None, round(seconds / 86400))


def ago(then: float, now: float) -> str:
    """How long ago a moment was."""
    passed = max(0.0, now - then)
    if passed < 60:
        return translate("Words", "just now")
    if passed < 3600:
        return translate("Words", "%Ln minute(s) ago", None, round(passed / 60))
    if passed < 86400:
        return translate("Words", "%Ln hour(s) ago", None, round(passed / 3600))
    if passed < 86400 * 14:
        return translate("Words", "%Ln day(s) ago", None, round(passed / 86400))
    return QLocale().toString(
        QDateTime.fromSecsSinceEpoch(int(then)).date(), QLocale.FormatType.ShortFormat
    )


def clock(moment: float) -> str:
    """The time of day, 14:02."""
    return dt.datetime.fromtimestamp(moment).strftime("%H:%M")


def clock_seconds(moment: float) -> str:
    """The time of day with seconds, 14:02:07."""
    return dt.datetime.fromtimestamp(moment).strftime("%H:%M:%S")
