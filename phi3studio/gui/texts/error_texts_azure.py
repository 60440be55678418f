"""Sentences for the codes of jobs in Azure ML."""

from __future__ import annotations

from phi3studio.gui.texts.i18n import QT_TRANSLATE_NOOP

AZURE_ERRORS: dict[str, tuple[str, str]] = {
    "azure.submitted": (
        QT_TRANSLATE_NOOP("Errors", "The job was submitted."),
        "",
    ),
    "azure.begun": (
        QT_TRANSLATE_NOOP("Errors", "The job has begun to compute."),
        "",
    ),
    "azure.found": (
        QT_TRANSLATE_NOOP("Errors", "Going on with the job."),
        "",
    ),
    "azure.anew": (
        QT_TRANSLATE_NOOP(
            "Errors", "The job before has ended without a result: a new one takes its place."
        ),
        "",
    ),
    "azure.left": (
        QT_TRANSLATE_NOOP("Errors", "The job goes on in Azure ML; Resume follows it again."),
        "",
    ),
    "azure.back": (
        QT_TRANSLATE_NOOP("Errors", "Azure answers again."),
        "",
    ),
    "azure.cancel_sent": (
        QT_TRANSLATE_NOOP("Errors", "The job is cancelled."),
        "",
    ),
    "azure.cancelled": (
        QT_TRANSLATE_NOOP("Errors", "The job was cancelled in Azure ML."),
        "",
    ),
    "azure.not_cancelled": (
        QT_TRANSLATE_NOOP("Errors", "The job could not be cancelled. It may go on and cost money."),
        QT_TRANSLATE_NOOP("Errors", "Cancel it again, or in the studio."),
    ),
}
