"""The inspector service: looks at data, previews rows and checks whole data sets.

Every method takes all that it needs, so a restarted service answers like the old one; what was
read and loaded is kept between calls only for speed.

=========  ========================================  =======================================
method     parameters                                result
=========  ========================================  =======================================
warm       model                                     null: its tokenizer is loaded now
look       source                                    :class:`SourceReport`
rows       source, offset and limit or numbers,      :class:`RowPage`
           whole (may be absent)
presets    columns, model (may be absent)            list of :class:`Preset`
preview    recipe, row                               :class:`Preview`
check      recipe                                    :class:`Report`, after items of
                                                     :class:`CheckProgress`
=========  ========================================  =======================================
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Generator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.datasets.source_report import RowPage
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.domain.rows.row_edits import RowEdits, row_key
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.import_lock import auto_tokenizer
from phi3studio.worker.models.open_tokenizer import open_tokenizer
from phi3studio.worker.serving import Cancel, Handler

_MOST_ROWS = 500
_MODELS = 3
_PROGRESS_S = 0.1
_WHOLE = 1_000_000


def handlers() -> dict[str, Handler]:
    """The methods of the service."""
    inspector = Inspector()
    return {
        "warm": inspector.warm,
        "look": inspector.look,
        "rows": inspector.rows,
        "presets": inspector.presets,
        "preview": inspector.preview,
        "check": inspector.check,
    }


def warm_up() -> None:
    """Import what the first question will need."""
    import pyarrow.compute
    import pyarrow.parquet
    import rensa  # type: ignore[import-untyped]  # noqa: F401

    _ = pyarrow.compute.utf8_lower, pyarrow.parquet.ParquetFile
    auto_tokenizer()  # Takes most of the time.


class Inspector:
    """The methods, and what they keep between calls. Thread-safe."""

    def __init__(self) -> None:
        from phi3studio.worker.data.inspecting.row_cache import RowCaches

        self._rows = RowCaches()
        self._encoders = Encoders()

    def warm(self, params: dict[str, Any], cancel: Cancel) -> None:
        self._encoders.of(str(params.get("model") or "starter"))

    def look(self, params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
        from phi3studio.worker.data.inspecting.describe import describe

        return describe(_source(params)).model_dump(mode="json")

    def rows(self, params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
        from phi3studio.worker.data.checking.short_text import SHOWN_CHARACTERS, shown_row

        offset = max(0, int(params.get("offset", 0)))
        limit = min(_MOST_ROWS, max(1, int(params.get("limit", 100))))
        cache = self._rows.of(_source(params))
        numbers = [int(number) for number in params.get("numbers") or ()][:_MOST_ROWS]
        if numbers:
            found = {at: cache.get(at, 1, cancel.check) for at in sorted(numbers)}
            numbers = [at for at in numbers if found[at]]
            rows = [found[at][0] for at in numbers]
        else:
            rows = cache.get(offset, limit, cancel.check)
            numbers = list(range(offset, offset + len(rows)))
        length = _WHOLE if params.get("whole") else SHOWN_CHARACTERS
        page = RowPage(
            offset=offset,
            rows=tuple(shown_row(row, length) for row in rows),
            end=cache.count is not None and offset + len(rows) >= cache.count,
            numbers=tuple(numbers),
            keys=tuple(row_key(row) for row in rows),
            count=cache.count,
        )
        return page.model_dump(mode="json")

    def presets(self, params: dict[str, Any], cancel: Cancel) -> list[dict[str, Any]]:
        from phi3studio.worker.data.inspecting.templates import template_presets

        model = params.get("model")
        tokenizer = self._encoders.of(str(model)).tokenizer if model else None
        columns = tuple(str(name) for name in params.get("columns") or ())
        return [preset.model_dump(mode="json") for preset in template_presets(tokenizer, columns)]

    def preview(self, params: dict[str, Any], cancel: Cancel) -> dict[str, Any]:
        from phi3studio.worker.data.inspecting.preview import preview
        from phi3studio.worker.data.preparing.render import check_columns
        from phi3studio.worker.data.preparing.row_pipeline import Process

        recipe = _recipe(params)
        number = int(params.get("row", 0))
        cache = self._rows.of(recipe.rows)
        rows = cache.get(number, 1, cancel.check) if number >= 0 else []
        added = RowEdits(recipe.rows.repairs).added
        if not rows and cache.count is not None and cache.count <= number:
            rows = list(added[number - cache.count :][:1])
        if not rows:
            raise InputError(
                "data.no_row",
                variant="" if cache.count else "none",
                file=Path(recipe.rows.source).name,
                row=number + 1,
                last=cache.count and cache.count + len(added),
            )
        known = [*cache.columns, *rows[0]]
        check_columns(recipe.rows, known)
        encoder = self._encoders.of(recipe.model.source)
        process = Process(recipe.rows, encoder, recipe.training.sequence_length, known)
        return preview(process, rows[0], number).model_dump(mode="json")

    def check(
        self, params: dict[str, Any], cancel: Cancel
    ) -> Generator[dict[str, Any], None, dict[str, Any]]:
        from phi3studio.worker.data.checking.check_data import check

        recipe = _recipe(params)
        training = recipe.training
        encoder = self._encoders.of(recipe.model.source)
        checking = check(
            recipe.rows,
            encoder,
            training.sequence_length,
            training.batch_size * training.accumulation,
        )
        said = 0.0
        try:
            while True:
                try:
                    progress = next(checking)
                except StopIteration as end:
                    report: dict[str, Any] = end.value.model_dump(mode="json")
                    return report
                cancel.check()
                if time.monotonic() - said >= _PROGRESS_S:
                    said = time.monotonic()
                    yield progress.model_dump(mode="json")
        finally:
            checking.close()


class Encoders:
    """The tokenizers of the models used last. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._encoders: OrderedDict[str, Encoder] = OrderedDict()

    def of(self, model: str) -> Encoder:
        """The encoder of a model: a folder or a name from the catalogue."""
        from phi3studio.worker.models import resolve_model

        with self._lock:
            encoder = self._encoders.get(model)
            if encoder is None:
                folder = resolve_model(model)
                encoder = self._encoders[model] = Encoder(open_tokenizer(folder))
                if len(self._encoders) > _MODELS:
                    self._encoders.popitem(last=False)
            self._encoders.move_to_end(model)
            return encoder


def _recipe(params: dict[str, Any]) -> Recipe:
    return parse_recipe(params.get("recipe"))


def _source(params: dict[str, Any]) -> Source:
    try:
        return Source.model_validate(params.get("source"))
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "source"
        raise InputError("data.source", name=name, reason=first["msg"]) from exc
