"""Commands that start, list, show and stop runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from phi3studio.cli.options import AsJson, RunName
from phi3studio.cli.output import print_json
from phi3studio.domain.messages.formatting import percent, size
from phi3studio.domain.run import state_phrase

Detach = Annotated[bool, typer.Option("--detach", help="Start it and return at once.")]


def run(
    recipe: Annotated[
        Path | None,
        typer.Argument(metavar="RECIPE", help="Recipe file, JSON or YAML; also an Olive config."),
    ] = None,
    continue_: Annotated[
        str | None,
        typer.Option(
            "--continue",
            metavar="RUN",
            help="Train a finished run's adapter further, in a new run.",
        ),
    ] = None,
    epochs: Annotated[
        float | None,
        typer.Option(
            "--epochs", min=0.001, max=1000, help="With --continue: the number of further epochs."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="With --continue: train on this file's rows.")
    ] = None,
    detach: Detach = False,
    as_json: AsJson = False,
) -> int:
    """Fine-tune as a recipe says, and follow it to the end."""
    from phi3studio.domain.errors import InputError

    if recipe is None and continue_ is None:
        raise InputError("usage", variant="no_recipe")
    if recipe is not None and continue_ is not None:
        raise InputError("usage", variant="two_recipes")
    if recipe is not None:
        if epochs is not None or data is not None:
            raise InputError("usage", variant="only_continue")
        return _start(_recipe_of(recipe, as_json), detach, as_json)
    return _continue(_find(continue_ or ""), epochs, data, detach, as_json)


def demo(
    quick: Annotated[
        bool, typer.Option("--quick", help="A few steps only, to see that everything works.")
    ] = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> int:
    """Do the whole job once: fine-tune the starter model on a bundled data set."""
    from phi3studio.runs.demo import demo_recipe

    return _start(demo_recipe(quick), detach, as_json)


def search(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE|RUN|STUDY",
            help="A recipe file, the name of a finished run, or of a training search.",
        ),
    ],
    size_mb: Annotated[
        float | None, typer.Option("--size", help="At most so many MB on disk.")
    ] = None,
    memory_mb: Annotated[
        float | None, typer.Option("--memory", help="At most so many MB while answering.")
    ] = None,
    first_token_ms: Annotated[
        float | None, typer.Option("--first-token", help="The first token within so many ms.")
    ] = None,
    tokens_per_s: Annotated[
        float | None, typer.Option("--tokens-per-second", help="At least so many tokens/s.")
    ] = None,
    score: Annotated[
        float | None, typer.Option("--score", help="At least this score, in percent.")
    ] = None,
    points_lost: Annotated[
        float | None,
        typer.Option("--points-lost", help="At most so many points less than the merged model."),
    ] = None,
    take: Annotated[
        int | None,
        typer.Option("--take", metavar="N", help="Make export N the run's model; searches none."),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Search the settings of the training instead.")
    ] = False,
    hours: Annotated[
        float | None,
        typer.Option("--hours", help="With --train: how long the trainings may take in all."),
    ] = None,
    cancel_: Annotated[
        bool, typer.Option("--cancel", help="End a training search for good.")
    ] = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> int:
    """Search the best export within limits, or the best training within a time.

    Of a recipe the export is searched after its training; with --train the training's settings are.
    A run that was searched is shown; a training search that was paused goes on. Exit code 1: no
    export meets every limit.
    """
    from phi3studio.cli.searching import Searching
    from phi3studio.domain.errors import InputError

    options = {
        "size_mb": size_mb,
        "memory_mb": memory_mb,
        "first_token_ms": first_token_ms,
        "tokens_per_s": tokens_per_s,
        "score": score,
        "points_lost": points_lost,
    }
    given = {name: value for name, value in options.items() if value is not None}
    code = _search_training(
        what, train, hours, cancel_, bool(given) or take is not None or detach, as_json
    )
    if code is not None:
        return code
    searching = Searching(what, given, as_json)
    if take is not None:
        if given or detach:
            raise InputError("usage", variant="take_alone")
        return searching.take(take)
    run = searching.found_or_made()
    if run is None:
        return searching.tell()
    if detach:
        return _detached(run, as_json)
    code = _follow(run, searching.follower, as_json, quiet=True)
    return code if run.state() != "completed" else searching.tell()


def _search_training(
    what: str, train: bool, hours: float | None, cancelled: bool, others: bool, as_json: bool
) -> int | None:
    """The exit code of a training search; ``None`` where none is meant."""
    from phi3studio.cli import tuning
    from phi3studio.domain.errors import InputError

    if train or hours is not None:
        if others or cancelled or not train:
            raise InputError("usage", variant="train_alone")
        if hours is None:
            raise InputError("usage", variant="no_hours")
        return tuning.begin(Path(what), hours, as_json)
    study = tuning.find_study(what)
    if cancelled:
        if others:
            raise InputError("usage", variant="only_study")
        if study is None:
            raise InputError("study.not_found", name=what)
        return tuning.cancel(study, as_json)
    if study is None or others:
        return None
    return tuning.go_on(study, as_json)


def list_runs(as_json: AsJson = False) -> None:
    """List all runs, newest first."""
    from phi3studio.app.paths import user_home
    from phi3studio.cli.run_state import age, state_word
    from phi3studio.runs.store import RunStore

    rows: list[dict[str, Any]] = []
    for run in RunStore(user_home()).all():
        view = run.summary()
        exported, merged = view.metrics.get("exported"), view.metrics.get("merged")
        best = exported or merged
        rows.append(
            {
                "name": run.name,
                "state": run.state(view),
                "stage": view.stage,
                "verdict": view.verdict.word if view.verdict else None,
                "accuracy": best.accuracy if best else None,
                "started_at": view.started_at,
                "error": view.damage.to_json() if view.damage else None,
            }
        )
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("There are no runs yet. Start one: phi3studio demo")
        return
    width = max(len(row["name"]) for row in rows)
    words = [state_word(row["state"], row["verdict"]) for row in rows]
    wide = max(map(len, words))
    for row, word in zip(rows, words, strict=True):
        figure = percent(row["accuracy"]) if row["accuracy"] is not None else ""
        typer.echo(f"{row['name']:<{width}}  {word:<{wide}}  {figure:>6}  {age(row['started_at'])}")


def show(run: RunName = "latest", as_json: AsJson = False) -> None:
    """Show a run: state, figures, times, files."""
    from phi3studio.cli.run_state import run_document, run_lines

    found = _find(run)
    view = found.view()
    if as_json:
        print_json(run_document(found, view))
    else:
        typer.echo("\n".join(run_lines(found, view)))


def cancel(run: RunName, as_json: AsJson = False) -> None:
    """Stop a run for good; its finished parts are kept."""
    from phi3studio.runs import launch

    found = _find(run)
    launch.cancel(found)
    _tell_state(found, as_json)


def pause(run: RunName, as_json: AsJson = False) -> None:
    """Ask a training to save its work and end; resume goes on from there."""
    from phi3studio.domain.errors import InputError
    from phi3studio.runs import launch

    found = _find(run)
    if not found.alive():
        raise InputError("run.not_running", run=found.name, state=state_phrase(found.state()))
    launch.request_pause(found)
    if as_json:
        _tell_state(found, as_json)
    else:
        typer.echo(f"{found.name} pauses after the present step.")


def resume(run: RunName, detach: Detach = False, as_json: AsJson = False) -> int:
    """Go on with an interrupted, paused, failed or cancelled run."""
    from phi3studio.runs import launch
    from phi3studio.runs.follow import Follower

    found = _find(run)
    follower = Follower(found, from_end=True)
    launch.resume(found)
    return _follow(found, follower, as_json) if not detach else _detached(found, as_json)


def delete(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete a run's folder with everything in it."""
    from phi3studio.app.files import folder_bytes
    from phi3studio.app.paths import user_home
    from phi3studio.runs.store import RunStore

    found = _find(run)
    bytes_ = folder_bytes(found.path)
    if not yes and not as_json:
        typer.confirm(f"Delete {found.name} ({size(bytes_)})?", abort=True)
    RunStore(user_home()).delete(found)
    if as_json:
        print_json({"deleted": found.name, "bytes": bytes_})
    else:
        typer.echo(f"Deleted {found.name} ({size(bytes_)}).")


# --- shared -------------------------------------------------------------------------------------


def _find(name: str) -> Any:
    from phi3studio.app.paths import user_home
    from phi3studio.runs.store import RunStore

    return RunStore(user_home()).find(name)


def _recipe_of(file: Path, quiet: bool) -> Any:
    """The recipe of a file; of an Olive config after it was shown what becomes of its keys."""
    from phi3studio.cli.olive_import import print_decisions, recipe_of_config
    from phi3studio.domain.errors import InputError
    from phi3studio.runs.olive_files import is_olive_config
    from phi3studio.runs.recipe_files import read_recipe

    if not is_olive_config(file):
        return read_recipe(file)
    made, recipe = recipe_of_config(file, quiet=quiet)
    if not quiet:
        print_decisions(made.imported, err=True)
        for note in made.notes:
            typer.echo(f"note        {note}", err=True)
    if made.gaps:
        open_ = [f"{key}: {text}" for key, text in made.gaps.items()]
        raise InputError("recipe.gaps", variant="config", count=len(open_), gaps=open_, path=file)
    return recipe


def _start(recipe: Any, detach: bool, as_json: bool) -> int:
    from phi3studio.app.paths import user_home
    from phi3studio.runs import launch
    from phi3studio.runs.follow import Follower
    from phi3studio.runs.preflight import check_before_start
    from phi3studio.runs.store import RunStore

    home = user_home()
    check_before_start(recipe, home)
    created = RunStore(home).create(recipe)
    launch.start(created)
    return _detached(created, as_json) if detach else _follow(created, Follower(created), as_json)


def _continue(
    run: Any, epochs: float | None, data: Path | None, detach: bool, as_json: bool
) -> int:
    from phi3studio.app.paths import user_home
    from phi3studio.runs import launch
    from phi3studio.runs.continuing import continue_run, continued
    from phi3studio.runs.follow import Follower
    from phi3studio.runs.preflight import check_before_start
    from phi3studio.runs.store import RunStore

    home = user_home()
    check_before_start(continued(run.recipe(), epochs, data), home)
    created = continue_run(RunStore(home), run, epochs, data)
    launch.start(created)
    return _detached(created, as_json) if detach else _follow(created, Follower(created), as_json)


def _detached(run: Any, as_json: bool) -> int:
    if as_json:
        print_json({"name": run.name, "path": str(run.path)})
    else:
        typer.echo(f"{run.name} has started. Follow it: phi3studio show {run.name}")
    return 0


def _tell_state(run: Any, as_json: bool) -> None:
    state = run.state()
    if as_json:
        print_json({"name": run.name, "state": state})
    else:
        typer.echo(f"{run.name}: {state}")


def _follow(run: Any, follower: Any, as_json: bool, *, quiet: bool = False) -> int:
    """Show what *follower* reads until the worker ends; Ctrl-C cancels the run. *quiet*: the caller
    prints what came of a run that was completed."""
    from phi3studio.cli.live_progress import LiveView
    from phi3studio.cli.run_state import run_document
    from phi3studio.runs import launch

    live = LiveView()
    if not as_json:
        typer.echo(f"Run {run.name}", err=True)
    try:
        while True:
            alive = run.alive()
            for event in follower.read():
                if not as_json:
                    live.show(event)
            if not alive:
                break
            launch.reap()
            time.sleep(0.1)
    except KeyboardInterrupt:
        live.clear()
        typer.echo("Cancelling …", err=True)
        launch.cancel(run)
    live.clear()
    view = run.view()
    state = run.state(view)
    if quiet and state == "completed":
        pass
    elif as_json:
        print_json(run_document(run, view))
    else:
        _conclude(run, view, state)
    if state == "failed" and view.finished is not None:
        return _exit_code(view.finished.code)
    return {"completed": 0, "paused": 0, "cancelled": 130}.get(state, 1)


def _exit_code(code: str | None) -> int:
    """2 where the user's input was at fault: bad data, recipe or model."""
    if code is None:
        return 1
    input_areas = {"data", "template", "recipe", "model", "device", "azure", "search"}
    input_codes = {"disk.too_little", "disk.not_writable"}
    return 2 if code.split(".")[0] in input_areas or code in input_codes else 1


def _conclude(run: Any, view: Any, state: str) -> None:
    from phi3studio.cli.closing import closing_lines
    from phi3studio.runs.launch import log_tail

    if state == "completed":
        typer.echo("\n".join(closing_lines(run, view)))
        return
    error = view.finished.error if view.finished is not None else None
    if error is not None:
        typer.echo(f"\nError: {error.message}\n{error.hint}\n[{error.code}]", err=True)
        if error.code == "bug":
            typer.echo(f"\nThe end of {run.log_file}:\n{log_tail(run.log_file, 15)}", err=True)
        return
    if state == "interrupted" and not view.left:
        typer.echo(f"\nThe worker stopped unexpectedly. Log: {run.log_file}", err=True)
    typer.echo(f"The run is {state}. Go on with it: phi3studio resume {run.name}", err=True)
