"""The language of the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

LANGUAGES = ("en", "it")


def choose_language(wanted: str) -> str:
    """The language to use: the wanted one, else the system's where it is known, else English."""
    if wanted in LANGUAGES:
        return wanted
    for name in QLocale.system().uiLanguages():
        code = name.split("-")[0].lower()
        if code in LANGUAGES:
            return code
    return "en"


def language() -> str:
    """The language of the window, as the message catalogue names it."""
    return QLocale().name().split("_")[0]


def install_language(app: QCoreApplication, folder: Path, language: str) -> list[QTranslator]:
    """Install the program's and Qt's own translations in place of those before; *app* owns them.

    English has a file as well: it holds the plural forms.
    """
    for before in app.findChildren(QTranslator):
        app.removeTranslator(before)
        before.setParent(None)
    QLocale.setDefault(QLocale(language))
    translators = []
    for name, where in (
        (f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)),
        (f"phi3studio_{language}", str(folder)),
    ):
        translator = QTranslator(app)
        if translator.load(name, where):
            app.installTranslator(translator)
            translators.append(translator)
    return translators
