"""Any file: no crash, no hang, no row lost in silence."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, seed, settings

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import ShapeProposal
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import find
from phi3studio.worker.data.checking.check_data import check
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.preparing.prepare_examples import Prepared, prepare
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.data.reading.source_rows import RowSource
from tests.worker.data_files import NOTATIONS, Made, as_texts, files
from tests.worker.data_fixtures import byte_level, encoder, recipe_for, report_of  # noqa: F401

_ANY = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": [
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
}


@settings(max_examples=200, **_ANY)
@given(made=files())
def test_every_row_of_any_file_is_trained_held_out_or_counted(
    made: Made,
    encoder: Encoder,  # noqa: F811
) -> None:
    every_row_is_accounted_for(made, encoder)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("portion", range(10))
def test_every_row_of_ten_thousand_files_is_trained_held_out_or_counted(
    portion: int,
    encoder: Encoder,  # noqa: F811
) -> None:
    """A thousand files a portion; ``TORTURE_SEED`` asks for other ones."""

    @seed(int(os.environ.get("TORTURE_SEED", "1")) * 10 + portion)
    @settings(max_examples=1000, **(_ANY | {"derandomize": False}))
    @given(made=files())
    def all_of(made: Made) -> None:
        every_row_is_accounted_for(made, encoder)

    all_of()


def every_row_is_accounted_for(made: Made, with_encoder: Encoder) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = made.write(Path(folder))
        try:
            report = describe(Source(source=str(path)))
            if report.obstacle is not None:
                raise InputError.from_json(report.obstacle)
        except InputError as exc:
            refused(made, exc)
            return
        assert not (made.sound and made.format in NOTATIONS), f"read as {report.format}"
        shape = report.shapes[0] if report.shapes else None
        event(f"{made.format}: {shape.shape if shape else 'no shape'}")
        if len(made.rows) >= 10:
            rows = RowSource(Source(source=str(path)), lenient=True).rows()
            read = [_values(made, as_texts(row)) for row in rows]
            lost = [row for row in made.kept if _values(made, row) not in read]
            assert not lost, f"not read as they stand: {lost[:2]}, of {len(lost)}; {read[:2]}"
        if shape is None:
            assert not made.sound, "no shape fits"
            return
        keys = recipe_keys(shape)
        try:
            checked = report_of(check(recipe_for(path, **keys).rows, with_encoder, 256, 1))
        except InputError as exc:
            refused(made, exc)
            return
        rows = checked.statistics.rows + checked.broken_lines
        if made.exact:
            assert rows == len(made.rows), "the check counts other rows"
        repairs = [*keys.pop("repairs"), *LENIENT]
        try:
            data = Path(folder) / "data"
            recipe = recipe_for(path, **keys, repairs=repairs)
            prepared = prepare(recipe, with_encoder.tokenizer, data, lambda done, of: None)
        except InputError as exc:
            refused(made, exc)
            return
        assert accounted(prepared) == rows, f"{prepared}"


def _values(made: Made, row: dict[str, str]) -> Any:
    """What has to come back: names and values; of one column of conversations, which is read as
    a list of them, the values."""
    return list(row.values()) if made.format == "json_columns" else row


LENIENT = ({"kind": "skip_broken"}, {"kind": "drop_empty"})


def accounted(prepared: Prepared) -> int:
    counted = sum(prepared.dropped.values()) + prepared.left_out_rows
    return prepared.train_rows + prepared.held_out_rows + counted


def recipe_keys(shape: ShapeProposal) -> dict[str, Any]:
    repairs = [repair.model_dump() for repair in shape.repairs]
    if shape.messages is not None:
        return {"messages": shape.messages, "repairs": repairs}
    return {"prompt": shape.prompt, "completion": shape.completion, "repairs": repairs}


def refused(made: Made, error: InputError) -> None:
    """A refusal is in words of the catalogue; a sound file of many rows is not refused."""
    event(f"refused: {error.code}")
    assert find(error.code, error.variant) is not None, error.code
    assert error.message and error.hint, error.code  # noqa: PT018
    if not made.sound:
        return
    if made.format in NOTATIONS:
        named = error.values.get("notation", "Python" if error.code == "data.python" else None)
        assert named == made.format, f"{error.code}: {error.message}"
        return
    few = {"data.too_few_rows", "data.nothing_held_out"}
    assert error.code in few, f"{error.code}: {error.message}"
