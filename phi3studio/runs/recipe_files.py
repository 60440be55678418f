"""Recipe files: read with their paths made absolute, and written with good defaults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phi3studio.app.files import write_atomically
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe, parse_recipe

# What a double click opens: a recipe in YAML.
SUFFIX = ".phi3studio"
_YAML = (".yaml", ".yml", SUFFIX)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe in JSON or YAML; relative paths in it start at its own folder."""
    if not path.is_file():
        raise InputError("recipe.no_file", path=path)
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError("recipe.unreadable", path=path, reason=str(exc)) from exc
    recipe = parse_recipe(_parse(path, text))
    return absolute(recipe, path.resolve().parent)


def absolute(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with every relative path made absolute from *folder*."""
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
        if named.exists() or model.source.startswith((".", "/", "~")):
            model = model.model_copy(update={"source": str(named)})
    return recipe.model_copy(update={"data": data, "model": model})


def _from(folder: Path, name: str) -> Path:
    return (folder / Path(name).expanduser()).absolute()


def _parse(path: Path, text: str) -> Any:
    if path.suffix.lower() in _YAML:
        import yaml

        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as exc:
            mark = getattr(exc, "problem_mark", None)
            line = mark.line + 1 if mark is not None else None
            raise _broken(path, line, getattr(exc, "problem", None) or str(exc)) from exc
    try:
        return json.loads(text)
    except ValueError as exc:
        raise _broken(path, getattr(exc, "lineno", 1), getattr(exc, "msg", str(exc))) from exc


def _broken(path: Path, line: int | None, reason: str) -> InputError:
    if line is None:
        return InputError("recipe.broken", path=path, reason=reason)
    return InputError("recipe.broken", variant="line", path=path, line=line, reason=reason)


def write_recipe(recipe: Recipe, path: Path) -> None:
    """Write a complete recipe as YAML or JSON, by the file's ending.

    Paths at or below the file's folder are written relative to it, so that both can be moved.
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
    if path.suffix.lower() in _YAML:
        text = _yaml(values)
    else:
        text = json.dumps(values, ensure_ascii=False, indent=2) + "\n"
    try:
        write_atomically(path, text)
    except OSError as exc:
        raise InputError(
            "disk.not_writable", variant="out", path=path, reason=exc.strerror or str(exc)
        ) from exc


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
