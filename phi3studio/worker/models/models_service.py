"""The methods of the models service."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phi3studio.app.paths import user_home
from phi3studio.models.model_store import ModelStore
from phi3studio.worker.streamed import Item, streamed

if TYPE_CHECKING:
    from phi3studio.worker.serving import Cancel, Handler


def get(params: dict[str, Any], cancel: Cancel) -> Generator[Item, None, Item]:
    """Make the model ``source`` ready, at ``revision`` if one is named; ``update`` asks the hub
    even when a whole model is here, ``code`` also downloads the program code it brings.

    Yields ``{"activity"}``, with ``{"file", "file_done", "file_total", "done", "total"}`` while
    bytes arrive; returns ``{"name", "folder", …}``.
    """
    from phi3studio.worker.models.download import get_model

    return (
        yield from streamed(
            lambda tell: get_model(
                str(params["source"]),
                ModelStore(user_home()),
                revision=params.get("revision"),
                update=bool(params.get("update")),
                with_code=bool(params.get("code")),
                tell=tell,
                check=cancel.check,
            )
        )
    )


def add(params: dict[str, Any], cancel: Cancel) -> Generator[Item, None, Item]:
    """Add the model at ``path`` under ``name``; yields ``{"activity"}``, returns its folder."""
    from phi3studio.worker.models.add import add_model

    def work(tell: Any) -> Item:
        name, folder = add_model(
            Path(params["path"]),
            ModelStore(user_home()),
            name=params.get("name"),
            convert_pickle=bool(params.get("convert_pickle")),
            say=lambda activity: tell({"activity": activity}),
            check=cancel.check,
        )
        return {"name": name, "folder": str(folder)}

    return (yield from streamed(work))


def push(params: dict[str, Any], cancel: Cancel) -> Generator[Item, None, Item]:
    """Upload ``files`` (path there → file here) to the repository ``name``, ``private`` or not,
    with ``token`` or the user's.

    Yields ``{"activity", "path", "step", "total", "done_bytes", "total_bytes"}``;
    returns ``{"url", "commit", "name"}``.
    """
    from phi3studio.worker.models.push import push as upload

    files = {path: Path(file) for path, file in params["files"].items()}
    return (
        yield from streamed(
            lambda tell: upload(
                str(params["name"]),
                files,
                private=bool(params["private"]),
                token=params.get("token"),
                tell=tell,
                check=cancel.check,
            )
        )
    )


def handlers() -> dict[str, Handler]:
    """The service's methods."""
    return {"get": get, "add": add, "push": push}
