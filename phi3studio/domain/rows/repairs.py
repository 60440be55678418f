"""The repairs of rows that a recipe records: what is edited, put right or left out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from phi3studio.domain.rows.repair_base import RepairBase
from phi3studio.domain.rows.row_edits import AddRow, DeleteRow, EditCell, ReplaceText

SecretKind = Literal["key", "email", "card", "iban"]
SECRET_KINDS: tuple[SecretKind, ...] = ("key", "email", "card", "iban")


class SkipBroken(RepairBase):
    """Leave out lines that cannot be read and rows that are no conversation; the same as
    ``skip_broken`` of the source."""

    kind: Literal["skip_broken"] = "skip_broken"


class FixMojibake(RepairBase):
    """Undo wrongly decoded text (“cafÃ©” → “café”)."""

    kind: Literal["fix_mojibake"] = "fix_mojibake"


class StripControl(RepairBase):
    """Remove control and invisible characters other than line breaks and tabs."""

    kind: Literal["strip_control"] = "strip_control"


class RemoveTags(RepairBase):
    """Remove the model's special tokens and template tags from values."""

    kind: Literal["remove_tags"] = "remove_tags"


class Redact(RepairBase):
    """Replace keys, e-mail addresses, card and account numbers by [KEY], [EMAIL], [CARD] and
    [IBAN]."""

    kind: Literal["redact"] = "redact"
    what: tuple[SecretKind, ...] = Field(SECRET_KINDS, min_length=1)


class Trim(RepairBase):
    """Remove white space around values."""

    kind: Literal["trim"] = "trim"


class MergeLabels(RepairBase):
    """Replace spellings of a label by one."""

    kind: Literal["merge_labels"] = "merge_labels"
    column: str
    labels: dict[str, str] = Field(description="Spelling found → label to use.")


class DropSecrets(RepairBase):
    """Leave out rows with keys, e-mail addresses, card or account numbers."""

    kind: Literal["drop_secrets"] = "drop_secrets"
    what: tuple[SecretKind, ...] = Field(SECRET_KINDS, min_length=1)


class DropEmpty(RepairBase):
    """Leave out rows in which a value that the template needs is missing or blank."""

    kind: Literal["drop_empty"] = "drop_empty"


class DropMarked(RepairBase):
    """Leave out rows that a column marks as bad: rejected, ignored, thumbs down."""

    kind: Literal["drop_marked"] = "drop_marked"
    column: str
    values: tuple[str, ...] = Field(
        min_length=1, description="The column's values that mark a bad row, as text, in any case."
    )


class Shorten(RepairBase):
    """Shorten rows that would be cut off: the prompt's longest value ends at a sentence."""

    kind: Literal["shorten"] = "shorten"


class DropCutOff(RepairBase):
    """Leave out rows that would be cut off."""

    kind: Literal["drop_cut_off"] = "drop_cut_off"


class DropDuplicates(RepairBase):
    """Keep the first of rows that are the same (or nearly the same, with *near*)."""

    kind: Literal["drop_duplicates"] = "drop_duplicates"
    near: bool = False


class DropContradictions(RepairBase):
    """Of rows with one prompt and different answers keep the most frequent answer, or none."""

    kind: Literal["drop_contradictions"] = "drop_contradictions"
    keep: Literal["majority", "none"] = "none"


class DropRareLabels(RepairBase):
    """Leave out rows whose label occurs fewer times than this."""

    kind: Literal["drop_rare_labels"] = "drop_rare_labels"
    fewer_than: int = Field(2, ge=2)


class DropLeaked(RepairBase):
    """Leave out training rows whose prompt is also among the held-out rows."""

    kind: Literal["drop_leaked"] = "drop_leaked"


Repair = Annotated[
    SkipBroken
    | FixMojibake
    | StripControl
    | RemoveTags
    | Redact
    | Trim
    | MergeLabels
    | DropSecrets
    | DropEmpty
    | DropMarked
    | Shorten
    | DropCutOff
    | DropDuplicates
    | DropContradictions
    | DropRareLabels
    | DropLeaked
    | EditCell
    | DeleteRow
    | AddRow
    | ReplaceText,
    Field(discriminator="kind"),
]
"""One repair. Rows are edited first, then the others are applied in the order of this list,
however they were chosen."""


def is_safe(repair: Repair) -> bool:
    """Whether a repair takes away only what no training can use or should see. Which answer is
    right, whether to shorten or to leave out, and what is rare are decisions."""
    return repair.kind in _SAFE and not getattr(repair, "near", False)


_SAFE = frozenset(
    {
        *("skip_broken", "fix_mojibake", "strip_control", "remove_tags", "redact", "trim"),
        *("merge_labels", "drop_empty", "drop_marked", "drop_duplicates", "drop_leaked"),
    }
)
