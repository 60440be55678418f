"""Every Olive config below a folder, imported; what an import must never do is counted.

    python -m tests.torture.olive_sweep FOLDER [FOLDER …]

Of each file with the keys of a config: does the import come to an end, has every key of it exactly
one decision, is everything that is refused refused with what to do instead, in both languages, and
does what is accepted make a recipe that is read again? Prints a line for each fault and a table of
the configs, those that fine-tune apart; exits with 1 where there was a fault.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QLocale

from phi3studio.domain.errors import InputError
from phi3studio.gui.texts.messages import explain_error
from phi3studio.gui.texts.olive_words import olive_error, olive_words
from phi3studio.olive_configs import Imported, leaves
from phi3studio.olive_configs.lora_passes import ADAPTERS
from phi3studio.runs.olive_files import configs_of, imported_file, read_config
from phi3studio.runs.recipe_files import read_recipe, write_recipe


def fine_tunes(values: Any) -> bool:
    """Whether a pass of the config trains an adapter, here or in Olive alone."""
    passes = values.get("passes") if isinstance(values, dict) else None
    kinds = {str(leaf.value).casefold() for leaf in leaves(passes) if leaf.key == "type"}
    return not kinds.isdisjoint({*ADAPTERS, "loftq"})


def faults(values: Any, imported: Imported) -> Iterator[str]:
    """What is wrong with an import, in words."""
    decided = [item.path for item in imported.decisions]
    if decided != [leaf.path for leaf in leaves(values)]:
        missing = {leaf.path for leaf in leaves(values)} - {*decided}
        yield f"keys without a decision, or with two: {sorted(missing) or decided}"
    for item in imported.decisions:
        if item.kind in ("refused", "gap") and not (item.text and item.instead):
            yield f"{item.path}: refused without a reason or without what to do"
        for text in (item.text, item.instead):
            if text and olive_words(text) == text and not text.startswith("method.kind: "):
                yield f"not in Italian: {text}"
    if imported.recipe is None and imported.problem is None:
        yield "neither a recipe nor a reason"
    if imported.problem is not None:
        said = explain_error(olive_error(imported.problem))
        if not (said.message and said.hint):
            yield f"{imported.problem.code}: no reason, or nothing to do"
    elif imported.recipe is not None:
        yield from _not_written(imported)


def _not_written(imported: Imported) -> Iterator[str]:
    """A recipe without a problem is written; without a gap it is read again, and is the same."""
    assert imported.recipe is not None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "recipe.yaml"
        write_recipe(imported.recipe, file, {gap.key: gap.marker for gap in imported.gaps})
        try:
            again = read_recipe(file)
        except InputError as exc:
            if not (imported.gaps and exc.code == "recipe.gaps"):
                yield f"its recipe is not read: {exc.message}"
        else:
            if imported.gaps or again.steps != imported.recipe.steps:
                yield "its recipe is read as another"


def sweep(folders: Sequence[Path]) -> tuple[Counter[tuple[str, str]], list[str]]:
    """What became of the configs, counted by ("fine-tuning" or "other", result); and the faults."""
    counts: Counter[tuple[str, str]] = Counter()
    found: list[str] = []
    for file in configs_of(folders):
        try:
            imported = imported_file(file)
            values = read_config(file)
        except InputError as exc:
            counts["other", f"no config: {exc.code}"] += 1
            continue
        except Exception as exc:
            found.append(f"{file}: {type(exc).__name__}: {exc}")
            continue
        found += [f"{file}: {fault}" for fault in faults(values, imported)]
        result = (
            "refused" if imported.problem else "recipe with gaps" if imported.gaps else "recipe"
        )
        counts["fine-tuning" if fine_tunes(values) else "other", result] += 1
    return counts, found


def main(arguments: Sequence[str]) -> int:
    """See the module's text."""
    QLocale.setDefault(QLocale("it"))
    counts, found = sweep([Path(name) for name in arguments])
    for fault in found:
        print(fault)
    for (kind, result), count in sorted(counts.items()):
        print(f"{kind:<12} {result:<30} {count:>5}")
    print(f"{counts.total()} configs, {len(found)} faults")
    return 1 if found or not counts else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
