"""All statistics and findings of a data set, in one pass over its rows.

Rows are read, rendered and searched in the calling thread while the batch before is tokenised
on all cores, which takes most of the time.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from phi3studio.domain.datasets.check_report import (
    Bin,
    CheckProgress,
    Finding,
    FindingRow,
    LabelCount,
    Report,
    Statistics,
    finding,
)
from phi3studio.domain.datasets.source_report import Broken
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Data
from phi3studio.domain.rows.repairs import SkipBroken
from phi3studio.domain.rows.row_edits import RowEdits, row_key
from phi3studio.worker.data.checking.dataset_lint import whole_findings
from phi3studio.worker.data.checking.row_lint import RowLint
from phi3studio.worker.data.checking.short_text import excerpt, row_text
from phi3studio.worker.data.preparing.decide import Decision, are_labels, decide, held_out_part
from phi3studio.worker.data.preparing.garbage import rare_collections
from phi3studio.worker.data.preparing.render import check_columns
from phi3studio.worker.data.preparing.row_pipeline import Measured, Passed, Process, columns_of
from phi3studio.worker.data.preparing.survey import USABLE, Survey, Surveyed
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.data.reading.source_rows import RowSource

_AHEAD = 2
_BINS = 24
_MOST_LABELS = 500
_BROKEN_SHOWN = 100


def check(
    data: Data, encoder: Encoder, max_tokens: int, rows_per_step: int
) -> Generator[CheckProgress, None, Report]:
    """Yield the progress, return the report. Nothing is written.

    *rows_per_step*: rows in one optimiser step. Closing the generator stops the work. Broken
    lines and unusable rows become findings; what makes the whole source unusable raises
    :class:`InputError`.
    """
    began = time.monotonic()
    source = RowSource(data, lenient=True)
    total = source.layout.bytes
    process: Process | None = None
    survey: Survey | None = None
    lint: RowLint | None = None
    waiting: deque[tuple[int, list[Passed], Future[list[Measured]]]] = deque()

    def collect() -> None:
        first, rows, future = waiting.popleft()
        measured = future.result()
        assert survey is not None and lint is not None  # noqa: PT018
        survey.add_tokens(measured)
        lint.add_tokens(first, rows, measured)

    with rare_collections(), ThreadPoolExecutor(1, thread_name_prefix="tokenise") as pool:
        try:
            for batch in source.batches():
                if process is None or survey is None or lint is None:
                    columns = columns_of(batch.rows)
                    check_columns(data, columns)
                    process = Process(data, encoder, max_tokens, columns)
                    survey, lint = Survey(process), RowLint(process)
                rendered = process.render(batch.rows, batch.places)
                waiting.append((batch.first, rendered, pool.submit(process.measure, rendered)))
                survey.add(rendered, held_out_part=batch.held_out)
                lint.add(batch.first, rendered)
                while len(waiting) > _AHEAD:
                    collect()
                yield CheckProgress(done=batch.done, total=total, rows=survey.rows)
            while waiting:
                collect()
        finally:
            for _, _, future in waiting:
                future.cancel()
    if process is None or survey is None or lint is None:
        raise _no_rows(data, source)
    process.edits.check_reach(survey.rows)
    surveyed = survey.finish()
    yield CheckProgress(done=total, total=total, rows=len(surveyed))
    evaluation = _evaluation(data, encoder, max_tokens, surveyed)
    decision = decide(data, surveyed, evaluation)
    held_out = int(decision.held_out.sum()) if evaluation is None else _usable(evaluation)
    statistics = _statistics(data, surveyed, decision, held_out, max_tokens, rows_per_step)
    pending = whole_findings(data, surveyed, decision, process.label_column)
    texts = _texts(data, process.edits, {place for item in pending for place in item.places})
    findings = [
        *_broken(source),
        *_parted(decision.parted),
        *_other_held_out(decision.dropped.get("other_held_out", 0)),
        *_odd(source),
        *_too_few(statistics, rows_per_step),
        *lint.findings(),
        *(item.with_texts(texts) for item in pending),
    ]
    order = {"error": 0, "warning": 1, "info": 2}
    return Report(
        statistics=statistics,
        findings=tuple(sorted(findings, key=lambda finding: order[finding.level])),
        broken=tuple(source.broken[:_BROKEN_SHOWN]),
        broken_lines=source.broken_count,
        seconds=time.monotonic() - began,
    )


def _no_rows(data: Data, source: RowSource) -> InputError:
    if source.broken:
        first: Broken = source.broken[0]
        return InputError(
            "data.nothing_readable", source=data.source, line=first.line, reason=first.says
        )
    return InputError("data.empty", source=data.source)


def _evaluation(data: Data, encoder: Encoder, max_tokens: int, like: Surveyed) -> Surveyed | None:
    """The rows of the split's second file, if there is one."""
    other = held_out_part(data)
    if other is None:
        return None
    survey: Survey | None = None
    process: Process | None = None
    for batch in RowSource(other, lenient=True).batches():
        if process is None or survey is None:
            columns = columns_of(batch.rows)
            check_columns(other, columns)
            process = Process(other, encoder, max_tokens, columns)
            survey = Survey(process, like=like)
        survey.add(process.render(batch.rows, batch.places))
    if survey is None:
        raise InputError("data.empty", source=other.source)
    return survey.finish()


def _usable(rows: Surveyed) -> int:
    return int((rows.states == USABLE).sum())


def _statistics(
    data: Data,
    rows: Surveyed,
    decision: Decision,
    held_out_rows: int,
    max_tokens: int,
    rows_per_step: int,
) -> Statistics:
    kept = decision.kept & (rows.late == USABLE) & (rows.trained > 0)
    lengths = rows.tokens[kept]
    train_rows = int((decision.train & kept).sum())
    if held_out_part(data) is None:
        held_out_rows = int((decision.held_out & kept).sum())
    if data.split.limit is not None:
        held_out_rows = min(held_out_rows, data.split.limit)
    cut_off = int((lengths > max_tokens).sum())
    some = len(lengths) > 0
    return Statistics(
        rows=len(rows),
        kept=int(kept.sum()),
        train_rows=train_rows,
        held_out_rows=held_out_rows,
        tokens=int(np.minimum(lengths, max_tokens).sum()),
        trained_tokens=int(rows.trained[kept].sum()),
        shortest=int(lengths.min()) if some else 0,
        median=int(np.median(lengths)) if some else 0,
        p95=int(np.percentile(lengths, 95)) if some else 0,
        longest=int(lengths.max()) if some else 0,
        histogram=histogram(lengths) if some else (),
        cut_off_rows=cut_off,
        cut_off_share=cut_off / len(lengths) if some else 0.0,
        steps_per_epoch=math.ceil(train_rows / rows_per_step),
        labels=_label_counts(rows, decision),
        pairs=data.rejected is not None,
    )


def histogram(lengths: np.typing.NDArray[np.int32]) -> tuple[Bin, ...]:
    """At most 24 bins of one round width, from 0 to the longest."""
    longest = int(lengths.max())
    width = next(
        step * 10**power
        for power in range(10)
        for step in (1, 2, 5)
        if step * 10**power * _BINS > longest
    )
    counts = np.bincount(lengths // width)
    return tuple(
        Bin(lower=at * width, upper=(at + 1) * width, rows=int(count))
        for at, count in enumerate(counts)
    )


def _label_counts(rows: Surveyed, decision: Decision) -> tuple[LabelCount, ...]:
    if not are_labels(rows, decision.kept):
        return ()
    counts = np.bincount(rows.labels[decision.kept & (rows.labels >= 0)])
    order = np.argsort(-counts, kind="stable")[:_MOST_LABELS].tolist()
    return tuple(
        LabelCount(label=rows.label_names[at], rows=int(counts[at])) for at in order if counts[at]
    )


def _texts(data: Data, edits: RowEdits, places: Iterable[int]) -> dict[int, str]:
    """The texts of a few rows, by reading the source again up to the last of them."""
    wanted = set(places)
    texts: dict[int, str] = {}
    if not wanted:
        return texts
    last = max(wanted)
    for batch in RowSource(data, lenient=True).batches():
        for place in wanted.intersection(range(batch.first, batch.first + len(batch.rows))):
            raw = batch.rows[place - batch.first]
            texts[place] = excerpt(row_text(edits.shown(place, raw, row_key(raw)), 200))
        if batch.first + len(batch.rows) > last:
            break
    return texts


def _broken(source: RowSource) -> list[Finding]:
    if not source.broken_count:
        return []
    skipped = source.source.skip_broken or any(
        repair.kind == "skip_broken" for repair in getattr(source.source, "repairs", ())
    )
    return [
        finding(
            Phrase("finding.broken_lines", variant="skipped" if skipped else ""),
            "info" if skipped else "error",
            source.broken_count,
            *([] if skipped else [SkipBroken()]),
            examples=map(_line, source.broken[:20]),
        )
    ]


def _line(broken: Broken) -> FindingRow:
    says = Phrase("row.line", file=broken.file, line=broken.line, reason=broken.says)
    return FindingRow(row=broken.line - 1, text=str(says), says=says)


def _parted(rows: int) -> list[Finding]:
    return [finding(Phrase("finding.parted_group"), "warning", rows)] if rows else []


def _other_held_out(rows: int) -> list[Finding]:
    return [finding(Phrase("finding.other_held_out"), "info", rows)] if rows else []


def _odd(source: RowSource) -> list[Finding]:
    if not source.odd:
        return []
    rows, lines = source.odd_counts.total(), map(_line, source.odd.values())
    return [finding(Phrase("finding.odd_lines"), "info", rows, examples=lines)]


def _too_few(statistics: Statistics, rows_per_step: int) -> list[Finding]:
    found: list[Finding] = []
    rows = statistics.train_rows
    if rows < rows_per_step:
        says = Phrase("finding.too_few_rows", rows=rows, rows_per_step=rows_per_step)
        found.append(finding(says, "error", rows))
    if statistics.held_out_rows == 0:
        found.append(finding(Phrase("finding.nothing_held_out"), "error", 0))
    return found


def file_names(source: RowSource) -> tuple[str, ...]:
    """The paths of a source's files; the id of a hub data set."""
    if source.layout.format == "hub":
        return (source.source.source,)
    return tuple(dict.fromkeys(str(file.path) for file in source.layout.files))
