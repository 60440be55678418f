"""Sentences for the codes of runtime packs and of the check for a new version."""

from __future__ import annotations

from phi3studio.gui.texts.i18n import QT_TRANSLATE_NOOP

RUNTIME_ERRORS: dict[str, tuple[str, str]] = {
    "runtime.unknown": (
        QT_TRANSLATE_NOOP("Errors", "There is no runtime pack of this name."),
        QT_TRANSLATE_NOOP("Errors", "The only pack is cuda."),
    ),
    "runtime.no_platform": (
        QT_TRANSLATE_NOOP("Errors", "There is no runtime pack for this system."),
        QT_TRANSLATE_NOOP("Errors", "It exists for Linux and Windows on x86-64 processors."),
    ),
    "runtime.not_in_build": (
        QT_TRANSLATE_NOOP("Errors", "This build has no runtime pack for NVIDIA GPUs."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "The list of its packages was not made when the program was built, so training uses "
            "the processor. On Windows the setup for DirectML chats on the graphics card.",
        ),
    ),
    "runtime.busy": (
        QT_TRANSLATE_NOOP("Errors", "The runtime pack is being installed or removed already."),
        QT_TRANSLATE_NOOP("Errors", "Wait for it, or cancel it in the other window."),
    ),
    "runtime.in_use": (
        QT_TRANSLATE_NOOP("Errors", "The runtime pack is in use."),
        QT_TRANSLATE_NOOP("Errors", "Wait for the run, close the chat, and try again."),
    ),
    "runtime.no_uv": (
        QT_TRANSLATE_NOOP("Errors", "The program uv, which installs runtime packs, is missing."),
        QT_TRANSLATE_NOOP("Errors", "Install Phi-3 Studio again."),
    ),
    "runtime.no_space": (
        QT_TRANSLATE_NOOP("Errors", "The disk has too little room for the runtime pack."),
        QT_TRANSLATE_NOOP("Errors", "Free some space, or move the app home to a larger disk."),
    ),
    "runtime.disk_full": (
        QT_TRANSLATE_NOOP("Errors", "The disk became full."),
        QT_TRANSLATE_NOOP("Errors", "Free some space and install again: what has arrived is kept."),
    ),
    "runtime.offline": (
        QT_TRANSLATE_NOOP("Errors", "The server with the packages cannot be reached."),
        QT_TRANSLATE_NOOP(
            "Errors", "Look at the connection and install again: what has arrived is kept."
        ),
    ),
    "runtime.failed": (
        QT_TRANSLATE_NOOP("Errors", "The runtime pack could not be installed."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Install again: what has arrived is kept. A file whose hash is not the expected one "
            "was not used.",
        ),
    ),
    "runtime.unproven": (
        QT_TRANSLATE_NOOP("Errors", "Everything has arrived, but the libraries cannot be loaded."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Update the NVIDIA driver, or remove the pack and install it again. Until then the "
            "CPU is used.",
        ),
    ),
    "runtime.broken": (
        QT_TRANSLATE_NOOP(
            "Errors", "The runtime pack for the NVIDIA GPU is broken, so the CPU is used."
        ),
        QT_TRANSLATE_NOOP("Errors", "Repair it under Settings."),
    ),
    "runtime.damaged": (
        QT_TRANSLATE_NOOP(
            "Errors", "The runtime pack for the NVIDIA GPU cannot be used, so the CPU is used."
        ),
        QT_TRANSLATE_NOOP("Errors", "Repair it under Settings."),
    ),
    "update.unreachable": (
        QT_TRANSLATE_NOOP("Errors", "The list of releases cannot be read."),
        QT_TRANSLATE_NOOP("Errors", "Look at the connection and ask again."),
    ),
}
