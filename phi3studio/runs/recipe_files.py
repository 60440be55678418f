"""Recipe files: read with their paths made absolute, and written with good defaults."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from phi3studio.app.files import expanded, is_dir, is_file, write_atomically
from phi3studio.domain.errors import InputError
from phi3studio.domain.parsing import NotParsedError, parse_file, parse_yaml
from phi3studio.domain.recipe import Recipe, parse_recipe
from phi3studio.domain.recipes.recipe_gaps import with_gaps
from phi3studio.domain.recipes.section import check_texts

# What a double click opens: a recipe in YAML.
SUFFIX = ".phi3studio"
_YAML = (".yaml", ".yml", SUFFIX)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def read_recipe(path: Path) -> Recipe:
    """Read a recipe in JSON or YAML; relative paths in it start at its own folder."""
    if path.is_dir():
        raise InputError("recipe.no_file", variant="folder", path=path)
    if not path.is_file():
        raise InputError("recipe.no_file", path=path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError("recipe.unreadable", path=path, reason=str(exc)) from exc
    recipe = parse_recipe(_parse(path, text))
    folder = path.resolve().parent
    _check_sources(recipe, folder)
    return absolute(recipe, folder)


def _check_sources(recipe: Recipe, folder: Path) -> None:
    """Raise :class:`InputError` for what can be no data file: an address, a device, a pipe."""
    if recipe.data is None or recipe.data.format == "hub":
        return
    for name in (recipe.data.source, *recipe.data.also, recipe.data.split.file):
        if name is None:
            continue
        if _ADDRESS.match(name):
            raise InputError("data.no_file", variant="address", path=name)
        named = _from(folder, name)
        if os.path.lexists(named) and not (is_file(named) or is_dir(named)):
            raise InputError("data.no_file", variant="special", path=named)


def absolute(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with every relative path made absolute from *folder*.

    Raises :class:`InputError` for a path that no recipe can hold.
    """
    data = recipe.data
    if data is not None:
        split = data.split
        if split.file is not None:
            split = split.model_copy(update={"file": str(_from(folder, split.file))})
        changes: dict[str, Any] = {"split": split}
        if data.format != "hub":
            changes["source"] = str(_from(folder, data.source))
            changes["also"] = [str(_from(folder, name)) for name in data.also]
        data = data.model_copy(update=changes)
    model = recipe.model
    if model.adapter is not None:
        model = model.model_copy(update={"adapter": str(_from(folder, model.adapter))})
    if "/" in model.source or "\\" in model.source or model.source.startswith("."):
        named = _from(folder, model.source)
        # A hub id looks like a relative path; it is one only if the folder is there.
        if is_file(named) or is_dir(named) or model.source.startswith((".", "/", "~")):
            model = model.model_copy(update={"source": str(named)})
    # The folder itself may have a name that is not UTF-8.
    check_texts({"data": data and data.model_dump(), "model": model.model_dump()})
    return recipe.model_copy(update={"data": data, "model": model})


def _from(folder: Path, name: str) -> Path:
    return (folder / expanded(name)).absolute()


def _parse(path: Path, text: str) -> Any:
    try:
        return parse_file(text, yaml=path.suffix.lower() in _YAML)
    except NotParsedError as exc:
        variant = "line" if exc.line else ""
        raise InputError(
            "recipe.broken", variant=variant, path=path, line=exc.line, reason=exc.reason
        ) from exc


def write_recipe(recipe: Recipe, path: Path, gaps: Mapping[str, str] | None = None) -> None:
    """Write a complete recipe as YAML or JSON, by the file's ending.

    Paths at or below the file's folder are written relative to it, so that both can be moved.
    *gaps*: key → the text in angle brackets that stands for its value.
    """
    folder = path.absolute().parent
    values = absolute(recipe, Path.cwd()).to_json()
    data, model = values.get("data"), values["model"]
    if data is not None:
        data["source"] = _relative(folder, data["source"])
        data["also"] = [_relative(folder, name) for name in data["also"]]
        if data["split"].get("file") is not None:
            data["split"]["file"] = _relative(folder, data["split"]["file"])
    if model.get("adapter") is not None:
        model["adapter"] = _relative(folder, model["adapter"])
    source = _relative(folder, model["source"])
    if source != model["source"]:
        model["source"] = f"./{source}"  # without the dot it would be an id of the hub
    values = with_gaps(values, gaps or {})
    if path.suffix.lower() in _YAML:
        text = _yaml(values)
    else:
        text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    _write(path, text)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as exc:
        raise InputError(
            "disk.not_writable", variant="out", path=path, reason=exc.strerror or str(exc)
        ) from exc


def write_repairs(recipe: Recipe, path: Path) -> None:
    """Write the repairs of *recipe* into its file *path*; the rest of it, with its comments, stays
    as it is."""
    repairs = [r.model_dump(mode="json", exclude_defaults=True) for r in recipe.rows.repairs]
    text = path.read_text("utf-8-sig")
    values = _parse(path, text)
    values["data"] = {**values["data"], "repairs": repairs}
    if path.suffix.lower() in _YAML:
        changed = _with_repairs(text, repairs)
        text = changed if parse_yaml(changed) == values else _yaml(values)
    else:
        text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    _write(path, text)


def _with_repairs(text: str, repairs: list[dict[str, Any]]) -> str:
    """A YAML recipe's text with other repairs in it, where it is written in blocks."""
    import yaml

    data = _value(yaml.compose(text, yaml.SafeLoader), "data")
    if data is None or data.flow_style:
        return text
    margin = " " * data.start_mark.column
    items = [
        yaml.safe_dump(item, default_flow_style=True, sort_keys=False, width=10**9).strip()
        for item in repairs
    ]
    block = "".join(f"\n{margin}- {item}" for item in items) if items else " []"
    old = _value(data, "repairs")
    if old is None:
        end = _end(data)
        return f"{text[:end]}\n{margin}repairs:{block}{text[end:]}"
    start = text.rindex("repairs", 0, old.start_mark.index) + len("repairs")
    return f"{text[:start]}:{block}{text[_end(old) :]}"


def _value(node: Any, key: str) -> Any:
    return next((value for name, value in node.value if name.value == key), None)


def _end(node: Any) -> int:
    """Where a node's text ends, without the blank lines and comments after it."""
    inside = node.value if isinstance(node.value, list) else ()
    if not inside or node.flow_style:
        return int(node.end_mark.index)
    last = inside[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _relative(folder: Path, name: str) -> str:
    path = Path(name)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else name


def _yaml(values: dict[str, Any]) -> str:
    """YAML in the recipe's own order; texts with line breaks stay on one line, as ``"a\\nb"``."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = '"' if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return str(yaml.dump(values, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1000))
