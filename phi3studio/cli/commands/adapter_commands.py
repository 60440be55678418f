"""Commands for exports that keep their adapters apart: one base model, several adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phi3studio.app.files import expanded
from phi3studio.cli.exported_runs import exported_run
from phi3studio.cli.options import AsJson
from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.run import state_phrase

if TYPE_CHECKING:
    from phi3studio.domain.recipe import Recipe

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run whose steps were train and quantise.")
]

adapters_app = typer.Typer(
    help="Several adapters over one exported base model: list them, add one.",
    no_args_is_help=True,
)


@adapters_app.command("list")
def list_adapters(run: RunName = "latest", as_json: AsJson = False) -> None:
    """The adapters that the chat and the server can choose among."""
    from phi3studio.services.chat_client import Chat
    from phi3studio.services.connection import Service

    found = exported_run(run)

    async def ask() -> tuple[str, ...]:
        async with Service.start("chat") as service:
            return (await Chat(service).load(found.model)).adapters

    names = wait_for(ask())
    if as_json:
        print_json({"run": found.name, "adapters": list(names)})
        return
    if not names:
        typer.echo(
            "None: the adapter was merged in. steps: [train, quantise] keeps it apart.", err=True
        )
    for name in names:
        typer.echo(name)


@adapters_app.command("add")
def add(
    run: RunName,
    adapter: Annotated[
        str,
        typer.Argument(metavar="ADAPTER", help="Another run over the same base, or a PEFT folder."),
    ],
    name: Annotated[
        str | None, typer.Option("--name", help="Its name; the other run's when absent.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add another adapter to an exported base model."""
    from phi3studio.services.chat_client import Chat
    from phi3studio.services.connection import Service

    found = exported_run(run)
    folder, proposed = _adapter(adapter, found.recipe())

    async def attach() -> tuple[str, ...]:
        async with Service.start("chat") as service:
            return await Chat(service).attach(found.model, folder, name or proposed)

    names = wait_for(attach())
    if as_json:
        print_json({"run": found.name, "adapters": list(names)})
        return
    typer.echo(f"{name or proposed} was added to {found.name}: {', '.join(names)}.")


def _adapter(given: str, base: Recipe) -> tuple[Path, str]:
    """The folder of an adapter and a name for it."""
    from phi3studio.app.paths import user_home
    from phi3studio.domain.recipe import slugify
    from phi3studio.runs.store import RunStore

    folder = expanded(given)
    if folder.is_dir():
        return folder.absolute(), slugify(folder.name)
    other = RunStore(user_home()).find(given)
    recipe = other.recipe()
    if (recipe.model.source, recipe.model.revision) != (base.model.source, base.model.revision):
        raise InputError(
            "model.adapter_of_another_base",
            variant="run",
            run=other.name,
            model=recipe.model.source,
            base=base.model.source,
        )
    if not other.adapter.is_dir():
        raise InputError("run.no_adapter", run=other.name, state=state_phrase(other.state()))
    return other.adapter, recipe.slug
