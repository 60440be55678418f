"""Findings in single rows, collected while the rows stream by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from phi3studio.domain.datasets.check_report import Finding, FindingRow, Level, finding
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.rows.repairs import (
    SECRET_KINDS,
    DropCutOff,
    DropEmpty,
    DropSecrets,
    FixMojibake,
    Redact,
    RemoveTags,
    Repair,
    SecretKind,
    Shorten,
    SkipBroken,
    StripControl,
    Trim,
)
from phi3studio.domain.rows.row_edits import ReplaceText
from phi3studio.domain.template import is_blank
from phi3studio.worker.data.checking.short_text import excerpt, marked, row_text
from phi3studio.worker.data.checking.unread_findings import unread_findings
from phi3studio.worker.data.meaning.message_turns import is_known_role, turns_at
from phi3studio.worker.data.meaning.tagged_texts import tagged_turns
from phi3studio.worker.data.meaning.unread_parts import UnreadTally
from phi3studio.worker.data.preparing import personal_data, text_defects
from phi3studio.worker.data.preparing.row_pipeline import Measured, Passed, Process
from phi3studio.worker.data.preparing.tokenise import Rendered

SHOWN = 20
PLACES = 1000
_NEARLY_ALL = 0.9
_MANY = 0.2
_SOME = 0.1
_FEWEST_PAIRS, _BIASED = 20, 0.8
_EMPTY = frozenset(
    {
        *("data.empty_value", "data.no_assistant_turn"),
        *("data.no_chosen", "data.no_rejected", "data.no_rating"),
    }
)


@dataclass
class Tally:
    """How many rows, and the first of them."""

    rows: int = 0
    examples: list[FindingRow] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def add(self, row: int, text: str | Phrase) -> None:
        self.rows += 1
        if len(self.places) < PLACES:
            self.places.append(row)
        if len(self.examples) < SHOWN:
            says = text if isinstance(text, Phrase) else None
            self.examples.append(FindingRow(row=row, text=excerpt(str(text)), says=says))


class RowLint:
    """Looks at every row's texts. Whole columns are searched at once (RE2, without the
    interpreter's lock); only what could be a finding is looked at singly."""

    def __init__(self, process: Process) -> None:
        self._process = process
        tags = text_defects.tag_pattern(text_defects.tags_of(process.encoder.special_tokens))
        self._tag = re.compile(tags)
        self._markup = re.compile(text_defects.MARKUP)
        self._searches: list[tuple[str, str, Callable[[str], bool]]] = [
            ("control_characters", text_defects.CONTROL_CANDIDATES, lambda text: True),
            ("mojibake", text_defects.MOJIBAKE_CANDIDATES, text_defects.is_mojibake),
            ("lost_characters", text_defects.LOST, lambda text: True),
            ("template_tags", tags, lambda text: tagged_turns(text) is None),
            ("tagged_turns", tags, lambda text: tagged_turns(text) is not None),
        ]
        self._tallies: dict[str, Tally] = {}
        self._secret_kinds: set[SecretKind] = set()
        self._unusable: dict[str, tuple[InputError, Tally]] = {}
        self._unread = UnreadTally(process.data)
        self._rendered = 0
        self._escaped: dict[str, None] = {}
        self._pairs = 0
        # Of pairs with answers of different lengths: is the chosen one longer?
        self._longer: Counter[bool] = Counter()

    def tally(self, code: str) -> Tally:
        """What was found of one kind so far."""
        return self._tallies.setdefault(code, Tally())

    def add(self, first: int, rows: Sequence[Passed]) -> None:
        """Look at the next rows, rendered; *first* is the first one's number."""
        import pyarrow as pa
        import pyarrow.compute as pc

        process = self._process
        texts: list[str] = []
        places: list[int] = []
        required = process.data.required_columns
        for at, passed in enumerate(rows):
            if passed.error is not None and passed.dropped is None:
                self._error(first + at, passed)
                continue
            if passed.rendered is None:
                continue
            process.count_unread(passed, self._unread, first + at)
            if not passed.rendered.completion.strip() or any(
                is_blank(passed.row, column) for column in required
            ):
                self.tally("empty_values").add(first + at, row_text(passed.row))
            self._rendered += 1
            if passed.rejected is not None:
                self._pair(first + at, passed, passed.rendered, passed.rejected)
            if process.repeats_its_prompt(passed):
                self.tally("copied_answers").add(first + at, row_text(passed.row))
            if process.is_structured_answer(passed):
                self.tally("mixed_answers").add(first + at, row_text(passed.row))
            if escaped := process.escaped_breaks(passed):
                self._escaped.update(dict.fromkeys(escaped))
                self.tally("escaped_breaks").add(first + at, row_text(passed.row))
            places.append(first + at)
            text = process.all_text(passed)
            texts.append(text)
        column = pa.array([_valid(text) for text in texts], pa.large_string())
        for code, pattern, confirmed in self._searches:
            for at in pc.indices_nonzero(pc.match_substring_regex(column, pattern)).to_pylist():
                if confirmed(texts[at]):
                    self.tally(code).add(places[at], self._around(code, texts[at]))
        hits = pc.indices_nonzero(pc.match_substring_regex(column, text_defects.MARKUP))
        for at in hits.to_pylist():
            rendered = rows[places[at] - first].rendered
            if rendered is not None and self._markup.search(rendered.learned):
                self.tally("markup").add(places[at], excerpt(rendered.learned))
        hits = pc.indices_nonzero(pc.match_substring_regex(column, personal_data.CANDIDATES))
        for at in hits.to_pylist():
            found = list(personal_data.find(texts[at]))
            if found:
                kinds = sorted({kind for kind, _, _ in found})
                self._secret_kinds.update(kinds)
                # The finding must not spread what it warns of.
                text = excerpt(personal_data.redact(texts[at]))
                named = [Phrase("row.secret", variant=kind) for kind in kinds]
                self.tally("secrets").add(places[at], Phrase("row.secrets", kinds=named, text=text))
        padded = pc.match_substring_regex(column, r"(?m)^\s|\s$")
        if process.label_column is None:
            padded = pc.match_substring_regex(column, r"^\s|\s$")
        for at in pc.indices_nonzero(padded).to_pylist():
            if self._is_padded(rows[places[at] - first]):
                self.tally("white_space").add(places[at], marked(texts[at]))

    def add_tokens(self, first: int, rows: Sequence[Passed], measured: Sequence[Measured]) -> None:
        """Look at the lengths of the next rows."""
        longest = self._process.max_tokens
        for at, measure in enumerate(measured):
            if measure.tokens > longest and measure.dropped is None:
                # Where the prompt alone is too long, the row is lost, not shortened.
                tally = self.tally("cut_off" if measure.trained else "nothing_fits")
                shown = len(tally.examples) < SHOWN
                text = excerpt(self._process.all_text(rows[at]), 140) if shown else ""
                tally.add(first + at, Phrase("row.long", tokens=measure.tokens, text=text))

    def _error(self, row: int, passed: Passed) -> None:
        assert passed.error is not None
        code = passed.error.code
        if code in _EMPTY:
            self.tally("empty_values").add(row, row_text(passed.row))
            self.tally("missing_values").rows += 1
            turns = turns_at(passed.row, self._process.data.messages or "") or []
            if not all(is_known_role(str(turn["role"])) for turn in turns):
                self._unread.add(passed.row, number=row)  # a misspelt role is the reason
            return
        _, tally = self._unusable.setdefault(code, (passed.error, Tally()))
        tally.add(row, Phrase("row.unusable", reason=passed.error, text=row_text(passed.row)))

    def _pair(self, row: int, passed: Passed, chosen: Rendered, rejected: Rendered) -> None:
        """Look at both answers of a pair: does one merely break off, which is the longer one?"""
        self._pairs += 1
        better, worse = chosen.completion.strip(), rejected.completion.strip()
        if better.startswith(worse) or worse.startswith(better):
            self.tally("pairs_of_one_answer").add(row, row_text(passed.row))
        if len(better) != len(worse):
            self._longer[len(better) > len(worse)] += 1

    def _length_bias(self) -> list[Finding]:
        """Pairs of which nearly all prefer the longer answer, or the shorter one."""
        longer, rows = self._longer.most_common(1)[0] if self._longer else (True, 0)
        if self._pairs < _FEWEST_PAIRS or rows < _BIASED * self._pairs:
            return []
        says = Phrase(
            "finding.length_bias",
            variant="longer" if longer else "shorter",
            share=rows / self._pairs,
        )
        return [finding(says, "warning", rows)]

    def _is_padded(self, passed: Passed) -> bool:
        columns = self._process.text_columns
        values = (self._process.text_of(passed, column) for column in columns)
        return any(value != value.strip() for value in values)

    def _around(self, code: str, text: str) -> str:
        if code == "template_tags":
            match = self._tag.search(text)
            if match is not None:
                return text[max(0, match.start() - 60) : match.end() + 60]
        if code == "control_characters":
            return marked(text)
        return text

    def findings(self) -> list[Finding]:
        """What was found, in the order of its weight."""
        found: list[Finding] = []

        def add(says: Phrase, level: Level, *repairs: Repair) -> None:
            tally = self._tallies.get(says.code.removeprefix("finding."))
            if tally is not None and tally.rows:
                found.append(
                    finding(
                        says,
                        level,
                        tally.rows,
                        *repairs,
                        examples=tally.examples,
                        places=tally.places,
                    )
                )

        for code, (error, tally) in self._unusable.items():
            says = Phrase("finding.unusable", reason=error)
            repairs = [SkipBroken()] if code.startswith("data.") and code not in _OF_EDITS else []
            found.append(
                finding(
                    says,
                    "error",
                    tally.rows,
                    *repairs,
                    about=code,
                    examples=tally.examples,
                    places=tally.places,
                )
            )
        missing = self.tally("missing_values").rows
        kinds = tuple(kind for kind in SECRET_KINDS if kind in self._secret_kinds)
        add(
            Phrase("finding.empty_values"),
            "error" if missing else "warning",
            DropEmpty(),
        )
        long = Phrase("finding.cut_off", tokens=self._process.max_tokens)
        add(long, "warning", Shorten(), DropCutOff())
        lost = Phrase("finding.nothing_fits", tokens=self._process.max_tokens)
        add(lost, "error", Shorten(), DropCutOff())
        if kinds:
            secrets = Redact(what=kinds), DropSecrets(what=kinds)
            add(Phrase("finding.secrets"), "warning", *secrets)
        # A text that is right stays as it is where texts are corrected; all of them hardly.
        if self.tally("copied_answers").rows >= _NEARLY_ALL * self._rendered:
            add(Phrase("finding.copied_answers"), "warning")
        elif self.tally("copied_answers").rows >= _SOME * self._rendered:
            add(Phrase("finding.copied_answers", variant="some"), "info")
        if self.tally("mixed_answers").rows < self._rendered:
            column = self._process.label_column or ""
            add(Phrase("finding.mixed_answers", column=column), "warning")
        if self.tally("markup").rows >= _MANY * self._rendered:
            add(Phrase("finding.markup"), "warning")
        # One “\n” may be meant: about programs is written too. In many rows an export has made it.
        if self.tally("escaped_breaks").rows >= _MANY * self._rendered:
            breaks = [ReplaceText(column=column, find="\\n", by="\n") for column in self._escaped]
            add(Phrase("finding.escaped_breaks", columns=list(self._escaped)), "warning", *breaks)
        add(Phrase("finding.pairs_of_one_answer"), "warning")
        found += self._length_bias()
        add(Phrase("finding.template_tags"), "warning", RemoveTags())
        columns = self._process.text_columns
        add(Phrase("finding.tagged_turns", column=columns[0] if columns else ""), "warning")
        add(Phrase("finding.mojibake"), "warning", FixMojibake())
        add(Phrase("finding.lost_characters"), "warning")
        add(Phrase("finding.control_characters"), "warning", StripControl())
        add(Phrase("finding.white_space"), "info", Trim())
        return [*found, *unread_findings(self._unread)]


# Only taking the edit back helps.
_OF_EDITS = frozenset({"data.edited_row", "data.edit_place"})


def _valid(text: str) -> str:
    """Arrow holds UTF-8 only; JSON allows half a surrogate pair."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
