"""What a look at the beginning of a source found: columns, shapes that fit, what was decided; and
one row as the model sees it, token by token.

Row numbers count from 0 over all files of a source, in their order.
"""

from __future__ import annotations

from typing import Any, Literal

from phi3studio.domain.datasets.report_part import ReportPart, SpokenPart
from phi3studio.domain.messages import Phrase
from phi3studio.domain.rows.repairs import Repair

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
UnreadKind = Literal["column", "key", "role", "turn", "tools", "picture", "parts", "untrained"]


class Column(ReportPart):
    """A column as seen in the first rows. ``kind``: text, number, boolean, list, object,
    messages, mixed or empty; ``examples`` are short texts."""

    name: str
    kind: str
    examples: tuple[str, ...] = ()
    missing: int = 0
    distinct: int = 0


class Unread(ReportPart):
    """Something in the rows that the model does not see. ``name`` is what ``data.ignore`` takes;
    ``rows`` counts the rows that have it, ``first`` is the first of them; a ``detail``
    (identifier, date, constant, number) is seldom missed. Answers that are ``untrained`` are seen:
    as what was said before another one."""

    kind: UnreadKind
    name: str
    rows: int
    first: int = 0
    example: str = ""
    detail: bool = False

    @property
    def is_missed(self) -> bool:
        """Whether the model may lack it."""
        return not self.detail and self.kind != "untrained"

    @property
    def phrase(self) -> Phrase:
        """What it is, in how many rows, and an example."""
        example = Phrase("data.unread_example", text=self.example) if self.example else None
        return Phrase("data.unread_part", what=self.what, rows=self.rows, example=example)

    @property
    def what(self) -> Phrase:
        """What it is, in a few words."""
        return Phrase("data.unread_kind", variant=self.kind, name=self.name.replace(":", " "))


class ShapeProposal(SpokenPart):
    """A shape that fits the columns, why, and the recipe keys it leads to.

    Either ``prompt`` and ``completion`` (a template) or ``messages`` (a column) is set; for pairs
    of answers also ``rejected``, a template or a place as these are, and for rated answers
    ``rating``, the column that says which are good. A proposal that is not
    ``sure`` is a guess: the user has to choose. ``unread`` is what it leaves unused in the first
    rows. ``split_column`` says by ``split_values`` which rows are of a test part.
    """

    ENGLISH = ("reason",)
    shape: Shape
    reasons: tuple[Phrase, ...]
    prompt: str | None = None
    completion: str | None = None
    messages: str | None = None
    rejected: str | None = None
    rating: str | None = None
    sure: bool = True
    repairs: tuple[Repair, ...] = ()
    unread: tuple[Unread, ...] = ()
    split_column: str | None = None
    split_values: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Why it fits, and what is left out, in English."""
        return " ".join(map(str, self.reasons))


class Broken(SpokenPart):
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


class SourceReport(SpokenPart):
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


class RowPage(ReportPart):
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


class TemplatePreset(SpokenPart):
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


class Token(ReportPart):
    """One token. Several tokens may share one character; the later ones have an empty text."""

    id: int
    text: str
    kind: TokenKind


class RejectedAnswer(ReportPart):
    """The worse answer of a pair, after the same prompt; fields as those of :class:`Preview`."""

    completion: str
    rendered: str
    tokens: tuple[Token, ...]
    trained_tokens: int
    cut_off: int = 0


class Preview(ReportPart):
    """One row: raw, repaired, rendered, and exactly the tokens that will be trained.

    ``rendered`` is the text that inference sends (``prompt``) followed by what is learned.
    ``dropped`` says why a repair leaves the row out, if one does. ``cut_off`` counts tokens. Of a
    pair this is the better answer, and ``rejected`` the other one; ``good`` says how an answer was
    rated, where that is learned from.
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
    rejected: RejectedAnswer | None = None
    good: bool | None = None
