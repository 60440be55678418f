"""An inspector with recorded answers, for tests: no tokenizer, no service."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

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
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import (
    Column,
    Preview,
    RowPage,
    ShapeProposal,
    SourceReport,
    TemplatePreset,
    Token,
)
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.rows.repairs import DropDuplicates, MergeLabels
from phi3studio.domain.rows.row_edits import RowEdits, row_key
from phi3studio.domain.template import parse_template

_PIECES = re.compile(r"\n|#+| ?[A-Za-z]{1,6}|[A-Za-z]{1,6}| ?\d|.", re.DOTALL)


class RecordedInspector:
    """Answers about small JSON lines files, in the form of the real service."""

    needs_model = False

    async def look(self, source: Source) -> SourceReport:
        """Columns and first rows."""
        rows = _rows(source.source)
        names = list(rows[0])
        columns = tuple(
            Column(name=name, kind="text", distinct=len({str(row.get(name)) for row in rows}))
            for name in names
        )
        label = Phrase(
            "shape.label",
            variant="values",
            label=names[-1],
            text=names[0],
            distinct=columns[-1].distinct,
            present=len(rows),
        )
        proposal = ShapeProposal(
            shape="columns",
            reasons=(label,),
            prompt=f"### Text: {{{names[0]}}}\n### The tone is:\n",
            completion=f"{{{names[-1]}}}",
        )
        return SourceReport(
            files=(source.source,),
            format="jsonl",
            encoding="utf-8",
            bytes=Path(source.source).stat().st_size,
            rows=len(rows),
            rows_exact=True,
            columns=columns,
            first=tuple(rows[:30]),
            shapes=(proposal,),
        )

    async def rows(
        self,
        source: Source,
        offset: int,
        limit: int = 100,
        *,
        numbers: Sequence[int] = (),
        whole: bool = False,
    ) -> RowPage:
        """A page."""
        rows = _rows(source.source)
        places = [at for at in numbers or range(offset, offset + limit) if at < len(rows)]
        return RowPage(
            offset=offset,
            rows=tuple(rows[at] for at in places),
            end=offset + limit >= len(rows),
            numbers=tuple(places),
            keys=tuple(row_key(rows[at]) for at in places),
            count=len(rows),
        )

    async def presets(self, columns: tuple[str, ...]) -> tuple[TemplatePreset, ...]:
        """One template."""
        first, last = columns[0], columns[-1]
        return (
            TemplatePreset(
                says=Phrase("preset.classification"),
                prompt=f"### Text: {{{first}}}\n### Label:\n",
                completion=f"{{{last}}}",
                placeholders=(),
            ),
        )

    async def preview(self, recipe: Recipe, row: int) -> Preview:
        """A row, cut into pieces that look like tokens."""
        rows, edits = _rows(recipe.rows.source), RowEdits(recipe.rows.repairs)
        raw = (edits.apply(row, rows[row]) or rows[row]) if row < len(rows) else edits.added[0]
        template = recipe.rows.template
        assert template is not None
        prompt = parse_template(template.prompt, "prompt").render(raw)
        completion = parse_template(template.completion, "completion").render(raw)
        # Not validated one by one: the real ones are made in another process.
        token = partial(Token.model_construct, id=0)
        masked = [token(text=t, kind="masked") for t in _PIECES.findall(prompt)]
        learned = [token(text=t, kind="trained") for t in _PIECES.findall(completion)]
        stop = token(text="<|im_end|>", kind="stop")
        return Preview(
            row=row,
            raw=raw,
            repaired=raw,
            prompt=prompt,
            completion=completion,
            rendered=prompt + completion,
            tokens=(*masked, *learned, stop),
            prompt_tokens=len(masked),
            trained_tokens=len(learned) + 1,
        )

    async def check(self, recipe: Recipe) -> AsyncIterator[CheckProgress | Report]:
        """Progress, then a report with two findings."""
        rows = _rows(recipe.rows.source)
        yield CheckProgress(done=len(rows) // 2, total=len(rows), rows=len(rows) // 2)
        await asyncio.sleep(0)
        template = recipe.rows.template
        assert template is not None
        label = template.label_column
        counted = Counter(str(row.get(label)).strip() for row in rows) if label else Counter[str]()
        around = len(_PIECES.findall(template.prompt))
        lengths = sorted(around + len(_PIECES.findall(json.dumps(row))) for row in rows)
        held = round(len(rows) * recipe.rows.split.held_out)
        repaired = {repair.kind for repair in recipe.rows.repairs}
        findings = [f for f in _findings(label or "") if f.repairs[0].repair.kind not in repaired]
        low, high = lengths[0], lengths[-1] + 1
        width = max(1, -(-(high - low) // 16))
        bins = [
            Bin(lower=x, upper=x + width, rows=sum(x <= n < x + width for n in lengths))
            for x in range(low, high, width)
        ]
        yield Report(
            statistics=Statistics(
                rows=len(rows),
                kept=len(rows),
                train_rows=len(rows) - held,
                held_out_rows=held,
                tokens=sum(lengths),
                trained_tokens=3 * len(rows),
                shortest=low,
                median=lengths[len(lengths) // 2],
                p95=lengths[int(len(lengths) * 0.95)],
                longest=lengths[-1],
                histogram=tuple(bins),
                cut_off_rows=0,
                cut_off_share=0.0,
                steps_per_epoch=-(-(len(rows) - held) // recipe.training.batch_size),
                labels=tuple(LabelCount(label=k, rows=v) for k, v in counted.most_common()),
            ),
            findings=tuple(findings),
        )


def _findings(label: str) -> list[Finding]:
    merge = MergeLabels(column=label or "label", labels={"Joy ": "Joy"})
    return [
        finding(
            Phrase(
                "finding.label_variants",
                spellings=[Phrase("finding.spelling", found="Joy ", used="Joy")],
            ),
            "warning",
            14,
            merge,
            examples=[FindingRow(row=41, text="Joy ")],
        ),
        finding(
            Phrase("finding.duplicates"),
            "warning",
            6,
            DropDuplicates(),
            examples=[FindingRow(row=117, text="I can't stop smiling today.")],
            places=[117, 204, 318, 333, 420, 555],
        ),
    ]


def _rows(path: str) -> list[dict[str, Any]]:
    try:
        text = Path(path).read_text("utf-8")
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (OSError, ValueError) as exc:
        raise InputError("data.no_file", path=path) from exc
