"""The commands and their wiring. Bodies live in the ``*_commands`` modules."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from phi3studio import __version__
from phi3studio.cli.commands import (
    estimate_commands,
    model_commands,
    recipe_commands,
    run_commands,
    try_commands,
    verify_commands,
)
from phi3studio.cli.commands.about_commands import about
from phi3studio.cli.commands.adapter_commands import adapters_app
from phi3studio.cli.commands.azure_commands import azure_app
from phi3studio.cli.commands.data_commands import data_app
from phi3studio.cli.commands.export_commands import export, push
from phi3studio.cli.commands.olive_commands import olive_app
from phi3studio.cli.commands.row_commands import rows_app
from phi3studio.cli.commands.runtime_commands import runtime_app
from phi3studio.cli.commands.serve_commands import serve
from phi3studio.cli.commands.settings_commands import settings
from phi3studio.cli.output import PlainText, print_error
from phi3studio.cli.rating.compare_command import compare
from phi3studio.cli.rating.ratings_commands import ratings_app
from phi3studio.domain.errors import Cancelled, InputError, UserFacingError

app = typer.Typer(
    name="phi3studio",
    help="Fine-tune small language models on your own computer, from a data file to an int4 "
    "ONNX model that answers. Without a command the window opens.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"phi3studio {__version__}")
        raise typer.Exit


app.command("demo")(run_commands.demo)
app.command("run")(run_commands.run)
app.command("search")(run_commands.search)
app.command("runs")(run_commands.list_runs)
app.command("show")(run_commands.show)
app.command("cancel")(run_commands.cancel)
app.command("pause")(run_commands.pause)
app.command("resume")(run_commands.resume)
app.command("delete")(run_commands.delete)
app.command("estimate")(estimate_commands.estimate)
app.command("fit")(estimate_commands.fit)
app.command("chat")(try_commands.chat)
app.command("eval")(try_commands.evaluate)
app.command("compare")(compare)
app.command("serve")(serve)
app.command("export")(export)
app.command("push")(push)
app.command("verify")(verify_commands.verify)
app.command("doctor")(model_commands.doctor)
app.command("settings")(settings)
app.command("about")(about)
app.add_typer(recipe_commands.recipe_app, name="recipe")
app.add_typer(model_commands.models_app, name="models")
app.add_typer(data_app, name="data")
app.add_typer(rows_app, name="rows")
app.add_typer(adapters_app, name="adapters")
app.add_typer(ratings_app, name="ratings")
app.add_typer(olive_app, name="olive")
app.add_typer(azure_app, name="azure")
app.add_typer(runtime_app, name="runtime")


@app.command("gui")
def gui() -> None:
    """Open the window."""
    # Dispatched before the command line is loaded; listed here for --help.


def run(arguments: list[str]) -> int:
    """Run the command line; returns the exit code and never raises for what a user did."""
    _speak_any_text()
    as_json = "--json" in arguments
    outer = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = PlainText(sys.stdout), PlainText(sys.stderr)
    try:
        result = app(args=arguments, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except UserFacingError as exc:
        print_error(exc, as_json)
        return exc.exit_code
    except (Cancelled, KeyboardInterrupt, typer.Abort):
        sys.stderr.write("Cancelled.\n")
        return 130
    except typer.Exit as exc:
        return exc.exit_code
    except Exception as exc:
        # Usage errors carry their own message; anything else is a bug and keeps its traceback.
        message = getattr(exc, "format_message", None)
        if message is None:
            raise
        print_error(InputError("usage", reason=str(message())), as_json)
        return 2
    finally:
        sys.stdout, sys.stderr = outer


def _speak_any_text() -> None:
    """Text that the terminal's encoding lacks is replaced, not a reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
