"""Data sets: where rows come from, and what was found in them.

:class:`Source` is part of a recipe; the other values are reports of the inspector. Row numbers
count from 0 over all files of a source, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase, say
from phi3studio.domain.recipes.section import Section
from phi3studio.domain.rows.repairs import Repair, is_safe
from phi3studio.domain.rows.row_slice import parse_slice

DataFormat = Literal[
    "auto", "json", "jsonl", "csv", "tsv", "yaml", "spreadsheet", "parquet", "arrow", "text", "hub"
]
TextRows = Literal["auto", "line", "paragraph", "conversation"]
Shape = Literal[
    "columns",
    "prompt_completion",
    "instruction",
    "question_answer",
    "messages",
    "sharegpt",
    "text",
]
TokenKind = Literal["masked", "trained", "stop", "cut_off"]
Level = Literal["error", "warning", "info"]
UnreadKind = Literal["column", "key", "role", "turn", "tools", "picture"]


class _Value(BaseModel):
    """Part of a report."""

    model_config = ConfigDict(frozen=True)


class _Spoken(_Value):
    """Part of a report that says something. Programs find it in the JSON under the names in
    ``ENGLISH`` too, which are properties."""

    ENGLISH: ClassVar[tuple[str, ...]]

    @model_serializer(mode="wrap")
    def _with_english(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**write(self), **{name: getattr(self, name) for name in self.ENGLISH}}


def checked_slice(value: str | None) -> str | None:
    """*value*, if it is a slice of rows; raises :class:`InputError`."""
    if value is not None and parse_slice(value) is None:
        raise InputError("recipe.slice", value=value)
    return value


class Source(Section):
    """One or several files (or a data set of the Hugging Face hub) and how to read them."""

    source: str = Field(
        min_length=1,
        description="Path of the data file, or of a folder or pattern (data/*.jsonl); relative "
        "paths start at the recipe's folder. Of files named train, validation and test, train is "
        "trained and validation held out. With format hub: the id of a data set, owner/name.",
    )
    also: list[str] = Field([], description="Further files whose rows follow those of source.")
    format: DataFormat = Field("auto", description="File format; recognised when auto.")
    encoding: str | None = Field(None, description="Text encoding; recognised when absent.")
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="CSV delimiter; recognised when absent."
    )
    quote: str | None = Field(
        None,
        max_length=1,
        description="CSV quote character, empty for none; recognised when absent.",
    )
    header: bool | None = Field(
        None, description="Whether the first CSV line names the columns; recognised when absent."
    )
    sheet: str | None = Field(
        None, description="Sheet of a workbook; the first with rows when absent."
    )
    records: str | None = Field(
        None,
        description="Keys that lead to the rows in a JSON or YAML document, joined by dots "
        "(data.train); recognised when absent.",
    )
    text_rows: TextRows = Field(
        "auto",
        description="Plain text: a row is a line, a paragraph between blank lines, or a "
        "conversation whose turns begin with Human:, Assistant: and the like.",
    )
    hub_config: str | None = Field(None, description="Configuration of a hub data set.")
    hub_split: str = Field("train", description="Split of a hub data set.")
    slice: str | None = Field(
        None,
        description="Only these of the rows, as Python and the hub's splits write it: :4096, "
        "10%:50%, -128:; all when absent.",
    )
    skip_broken: bool = Field(
        False,
        description="Leave out lines that cannot be read and rows that are no conversation, "
        "instead of stopping at them.",
    )

    @field_validator("slice")
    @classmethod
    def _is_slice(cls, value: str | None) -> str | None:
        return checked_slice(value)

    @field_validator("delimiter", "quote")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value and value in "\r\n\0":
            raise ValueError("a line break cannot be a delimiter or a quote character")
        return value

    @classmethod
    def of(cls, data: Source) -> Source:
        """The keys of *data* that concern reading, without those of a recipe's section."""
        return cls.model_validate({name: getattr(data, name) for name in Source.model_fields})


# --- reports on a source -------------------------------------------------------------------


class Column(_Value):
    """A column as seen in the first rows. ``kind``: text, number, boolean, list, object,
    messages, mixed or empty; ``examples`` are short texts."""

    name: str
    kind: str
    examples: tuple[str, ...] = ()
    missing: int = 0
    distinct: int = 0


class Unread(_Value):
    """Something in the rows that the model does not see. ``name`` is what ``data.ignore`` takes;
    ``rows`` counts the rows that have it, ``first`` is the first of them; a ``detail``
    (identifier, date, constant, number) is seldom missed."""

    kind: UnreadKind
    name: str
    rows: int
    first: int = 0
    example: str = ""
    detail: bool = False

    @property
    def phrase(self) -> Phrase:
        """What it is, in how many rows, and an example."""
        example = Phrase("data.unread_example", text=self.example) if self.example else None
        return Phrase("data.unread_part", what=self.what, rows=self.rows, example=example)

    @property
    def what(self) -> Phrase:
        """What it is, in a few words."""
        return Phrase("data.unread_kind", variant=self.kind, name=self.name.replace(":", " "))


class ShapeProposal(_Spoken):
    """A shape that fits the columns, why, and the recipe keys it leads to.

    Either ``prompt`` and ``completion`` (a template) or ``messages`` (a column) is set. A proposal
    that is not ``sure`` is a guess: the user has to choose. ``unread`` is what it leaves unused in
    the first rows.
    """

    ENGLISH = ("reason",)
    shape: Shape
    reasons: tuple[Phrase, ...]
    prompt: str | None = None
    completion: str | None = None
    messages: str | None = None
    sure: bool = True
    repairs: tuple[Repair, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def reason(self) -> str:
        """Why it fits, and what is left out, in English."""
        return " ".join(map(str, self.reasons))


class Broken(_Spoken):
    """A line (counted from 1) that could not be read, or is read otherwise than it stands, and why;
    ``line`` 0 when the format has no lines."""

    ENGLISH = ("reason",)
    file: str
    line: int
    says: Phrase

    @property
    def reason(self) -> str:
        """What is wrong with it, in English."""
        return str(self.says)


class SourceReport(_Spoken):
    """What is known of a source after a look at its beginning.

    ``rows`` is exact if ``rows_exact``, else an estimate from the size read so far. ``first``
    holds the first rows with long values shortened. ``remarks`` say what was decided and found.
    ``obstacle`` is the error (as JSON) that says why these rows cannot be trained as they are.
    """

    ENGLISH = ("notes",)
    files: tuple[str, ...]
    format: str
    compression: str | None = None
    encoding: str | None = None
    encoding_sure: bool = True
    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None
    text_rows: str | None = None
    sheet: str | None = None
    records: str | None = None
    bytes: int = 0
    rows: int = 0
    rows_exact: bool = False
    columns: tuple[Column, ...] = ()
    first: tuple[dict[str, Any], ...] = ()
    shapes: tuple[ShapeProposal, ...] = ()
    obstacle: dict[str, Any] | None = None
    broken: tuple[Broken, ...] = ()
    remarks: tuple[Phrase, ...] = ()

    @property
    def notes(self) -> list[str]:
        """The remarks in English."""
        return [str(remark) for remark in self.remarks]


class RowPage(_Value):
    """Rows of a source as they were read: ``offset`` and those after it, or the rows ``numbers``.

    ``keys`` are their digests, to which edits belong. Long values are shortened, unless whole rows
    were asked for; ``end`` when the last row is among them, ``count`` all rows once they are known.
    """

    offset: int
    rows: tuple[dict[str, Any], ...]
    end: bool
    numbers: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()
    count: int | None = None


class TemplatePreset(_Spoken):
    """A template ready to be chosen; ``says`` is its title, ``placeholders`` are column names to be
    replaced."""

    ENGLISH = ("name", "title")
    says: Phrase
    prompt: str
    completion: str
    placeholders: tuple[str, ...]

    @property
    def name(self) -> str:
        """What programs know it by."""
        return self.says.code.removeprefix("preset.")

    @property
    def title(self) -> str:
        """Its title in English."""
        return str(self.says)


# --- reports on rows -----------------------------------------------------------------------


class Token(_Value):
    """One token. Several tokens may share one character; the later ones have an empty text."""

    id: int
    text: str
    kind: TokenKind


class Preview(_Value):
    """One row: raw, repaired, rendered, and exactly the tokens that will be trained.

    ``rendered`` is the text that inference sends (``prompt``) followed by what is learned.
    ``dropped`` says why a repair leaves the row out, if one does. ``cut_off`` counts tokens.
    """

    row: int
    raw: dict[str, Any]
    repaired: dict[str, Any]
    prompt: str
    completion: str
    rendered: str
    tokens: tuple[Token, ...]
    prompt_tokens: int
    trained_tokens: int
    cut_off: int = 0
    dropped: str | None = None
    unread: tuple[Unread, ...] = ()


class Bin(_Value):
    """Rows whose number of tokens is at least ``lower`` and below ``upper``."""

    lower: int
    upper: int
    rows: int


class LabelCount(_Value):
    """How many rows have a label."""

    label: str
    rows: int


class Statistics(_Value):
    """Figures of the rows that remain after repairs. Lengths in tokens, before cutting off.

    ``rows`` counts the rows read, ``kept`` those that remain; ``steps_per_epoch`` are optimiser
    steps over the training rows; ``labels`` is empty unless the completion is a label.
    """

    rows: int
    kept: int
    train_rows: int
    held_out_rows: int
    tokens: int
    trained_tokens: int
    shortest: int
    median: int
    p95: int
    longest: int
    histogram: tuple[Bin, ...]
    cut_off_rows: int
    cut_off_share: float
    steps_per_epoch: int
    labels: tuple[LabelCount, ...] = ()


class FindingRow(_Value):
    """A row that shows a finding; ``other`` is the row it collides with, if there is one.

    ``says`` is the text where a part of it is ours: a length, what is wrong with the line.
    """

    row: int
    text: str
    other: int | None = None
    says: Phrase | None = None


class RepairOffer(_Spoken):
    """A repair that can be chosen."""

    ENGLISH = ("title",)
    repair: Repair

    @property
    def title(self) -> str:
        """What choosing it does, in a few words of English."""
        return str(self.repair.says)


class Finding(_Spoken):
    """Something about the data that harms the result; :func:`finding` makes one.

    ``code`` is stable; ``rows`` counts the rows concerned, ``examples`` shows the first of them and
    ``places`` are the first thousand.
    ``unread`` are names that ``data.ignore`` can take to say that the finding is known.
    """

    ENGLISH = ("title", "advice")
    code: str
    level: Level
    says: Phrase
    rows: int
    examples: tuple[FindingRow, ...] = ()
    places: tuple[int, ...] = ()
    repairs: tuple[RepairOffer, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was found, in English."""
        return say(self.says).message

    @property
    def advice(self) -> str:
        """What it does to the result and what to do about it, in English."""
        return say(self.says).hint


def finding(
    says: Phrase,
    /,
    level: Level,
    rows: int,
    *repairs: Repair,
    about: str = "",
    examples: Iterable[FindingRow] = (),
    places: Iterable[int] = (),
    unread: Iterable[str] = (),
) -> Finding:
    """A finding, of a message ``finding.CODE``. *about*: which one of several with this code."""
    code = says.code.removeprefix("finding.")
    return Finding(
        code=f"{code}:{about}" if about else code,
        level=level,
        says=says,
        rows=rows,
        examples=tuple(examples),
        places=tuple(places),
        repairs=tuple(RepairOffer(repair=repair) for repair in repairs),
        unread=tuple(unread),
    )


class CheckProgress(_Value):
    """How far a check is: ``done`` of ``total`` bytes (or rows, where there are no bytes)."""

    done: int
    total: int
    rows: int


class Report(_Value):
    """All statistics and findings of a data set."""

    statistics: Statistics
    findings: tuple[Finding, ...]
    broken: tuple[Broken, ...] = ()
    broken_lines: int = 0
    seconds: float = 0.0

    @property
    def safe_repairs(self) -> tuple[Repair, ...]:
        """One repair for each finding that has one about which there is nothing to decide."""
        found: list[Repair] = []
        for finding in self.findings:
            safe = [offer.repair for offer in finding.repairs if is_safe(offer.repair)]
            found += [repair for repair in safe[:1] if repair not in found]
        return tuple(found)
