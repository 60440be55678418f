"""Where the rows of a data set come from and how they are read: part of a recipe."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipes.section import Section
from phi3studio.domain.rows.row_slice import parse_slice

DataFormat = Literal[
    "auto", "json", "jsonl", "csv", "tsv", "yaml", "spreadsheet", "parquet", "arrow", "text", "hub"
]
TextRows = Literal["auto", "line", "paragraph", "conversation"]


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
