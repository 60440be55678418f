"""What is said on the terminal of data: how it is read, a row as the model sees it, a check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from phi3studio.cli.recipe_draft import unread_lines
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages.formatting import percent

if TYPE_CHECKING:
    from phi3studio.domain.datasets.check_report import Report
    from phi3studio.domain.datasets.source_report import Preview, RejectedAnswer, SourceReport

_MARKS = {"masked": " ", "trained": "+", "stop": "■", "cut_off": "x"}
_FACTS = {
    *("files", "format", "compression", "encoding", "encoding_sure", "delimiter", "quote"),
    *("header", "text_rows", "sheet", "records", "notes"),
}


def source_json(report: SourceReport) -> dict[str, Any]:
    return report.model_dump(mode="json", include=_FACTS, exclude_none=True)


def fact_lines(report: SourceReport) -> list[str]:
    """How the source is read, and what was decided about it."""
    about = "exactly" if report.rows_exact else "about"
    facts = [report.format, *([report.compression] if report.compression else [])]
    if report.encoding:
        facts.append(report.encoding)
    if report.delimiter:
        facts.append(f"delimiter {report.delimiter!r}")
    if report.sheet:
        facts.append(f"sheet {report.sheet!r}")
    if report.records:
        facts.append(f"rows in {report.records!r}")
    if report.header is not None:
        facts.append("columns have names" if report.header else "columns have no names")
    return [
        f"{report.files[0]}" + (f" and {len(report.files) - 1} more" if report.files[1:] else ""),
        f"  {', '.join(facts)}; {about} {_rows(report.rows)}",
        *(f"  note: {note}" for note in report.notes),
    ]


def source_lines(report: SourceReport) -> list[str]:
    lines = [
        *fact_lines(report),
        "  columns:",
    ]
    for column in report.columns[:40]:
        example = column.examples[0] if column.examples else ""
        lines.append(f"    {column.name} ({column.kind}): {example}")
    if report.obstacle is not None:
        said = InputError.from_json(report.obstacle)
        lines += [f"  no shape: {said.message}", f"    {said.hint}"]
    for shape in report.shapes:
        guess = "" if shape.sure else " (a guess)"
        lines.append(f"  shape {shape.shape}{guess}: {shape.reason}")
        if shape.messages is not None:
            lines.append(f"    --messages '{shape.messages}'")
        else:
            text = f"{shape.prompt}{{=>}}{shape.completion}".replace("\n", "\\n")
            lines.append(f"    --template '{text}'")
        if shape.rejected is not None:
            lines.append(f"    --rejected '{shape.rejected}'".replace("\n", "\\n"))
        if shape.rating is not None:
            lines.append(f"    --rating '{shape.rating}'")
        lines += [f"    repair: {repair.model_dump_json()}" for repair in shape.repairs]
        lines += unread_lines(shape.unread, "    ")
    return lines


def preview_lines(seen: Preview, reason: str | None) -> list[str]:
    lines = [f"Row {seen.row + 1}"]
    if reason:
        lines.append(f"  {reason}")
    if seen.dropped:
        lines.append(f"  left out by the repair {seen.dropped}")
    lines += [f"  {name}: {value}" for name, value in seen.raw.items()]
    lines += unread_lines(seen.unread, "  ")
    if seen.good is not None:
        lines.append(f"  rated {'good' if seen.good else 'bad'}")
    sides: list[tuple[str, Preview | RejectedAnswer]] = [("", seen)]
    if seen.rejected is not None:
        sides.append((" (rejected)", seen.rejected))
    for title, side in sides:
        lines += [f"Rendered{title}", *("  " + line for line in side.rendered.splitlines())]
        lines.append(
            f"Tokens{title} ({seen.prompt_tokens} of the prompt, {side.trained_tokens} trained, "
            f"{side.cut_off} truncated)"
        )
        lines += [f"  {_MARKS[token.kind]} {token.id:>7} {token.text!r}" for token in side.tokens]
    return lines


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def report_lines(report: Report) -> list[str]:
    figures = report.statistics
    trained = (
        f"{figures.trained_tokens} tokens of both answers are trained; with its longer answer a row"
        if figures.pairs
        else f"{figures.tokens} tokens, {figures.trained_tokens} of them trained; a row"
    )
    lines = [
        f"{_rows(figures.rows)}, {figures.kept} kept: {figures.train_rows} to train, "
        f"{figures.held_out_rows} held out",
        f"{trained} has {figures.shortest} to {figures.longest} (median {figures.median})",
        f"{percent(figures.cut_off_share)} of the rows are truncated; "
        f"{figures.steps_per_epoch} steps per epoch",
    ]
    if figures.labels:
        shown = ", ".join(f"{item.label} {item.rows}" for item in figures.labels[:10])
        lines.append(f"labels: {shown}")
    for finding in report.findings:
        lines.append(f"[{finding.level}] {finding.title}: {_rows(finding.rows)}")
        lines.append(f"    {finding.advice}")
        for example in finding.examples[:3]:
            other = f" (like row {example.other + 1})" if example.other is not None else ""
            lines.append(f"    row {example.row + 1}{other}: {example.text}")
        lines += [f"    repair: {offer.title} ({offer.repair.kind})" for offer in finding.repairs]
    if not report.findings:
        lines.append("Nothing was found that harms the training.")
    return lines
