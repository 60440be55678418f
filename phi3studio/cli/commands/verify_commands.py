"""The command that proves a finished run's export again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from phi3studio.cli.live_activity import Activity
from phi3studio.cli.options import AsJson, RunName
from phi3studio.cli.output import print_error, print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError, UserFacingError

FAITHFUL, NOT_FAITHFUL, CANNOT = 0, 1, 2


def verify(
    run: RunName = "latest",
    data: Annotated[
        Path | None,
        typer.Option("--data", help="File with rows of the same shape, instead of the held-out."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Measure a finished run again and judge its export.

    Exit code 0: faithful; 1: not faithful; 2: it could not be measured or compared.
    """
    from phi3studio.app.paths import user_home
    from phi3studio.runs.measuring.verification_folder import remove_scratch
    from phi3studio.runs.store import RunStore

    try:
        found = RunStore(user_home()).find(run)
        if data is not None and not data.is_file():
            raise InputError("data.no_file", variant="option", path=data)
        if found.alive():
            raise InputError("run.busy", run=found.name)
        try:
            result = wait_for(_verify(found.path, data.absolute() if data else None, as_json))
        except KeyboardInterrupt:
            # The service was ended in the middle of it.
            remove_scratch(found)
            raise
    except UserFacingError as exc:
        print_error(exc, as_json)
        return CANNOT
    verdict = result["verdict"]
    if as_json:
        print_json({"run": found.name, "data": str(data) if data else None, **result})
    else:
        from phi3studio.cli.verdict_lines import forgetting_lines, verdict_lines
        from phi3studio.domain.events.measured_events import Forgetting, Verified

        typer.echo(f"{found.name}")
        lost = result["forgetting"]
        lines = verdict_lines(Verified.model_validate(verdict))
        lines += forgetting_lines(Forgetting.model_validate(lost) if lost else None)
        typer.echo("\n".join(lines))
    if not (verdict.get("measured", True) and verdict.get("comparable", True)):
        return CANNOT
    return FAITHFUL if verdict["faithful"] else NOT_FAITHFUL


async def _verify(run: Path, data: Path | None, quiet: bool) -> Any:
    from phi3studio.services.connection import Service

    async with Service.start("evaluator") as service:
        stream = service.stream("verify", run=str(run), data=str(data) if data else None)
        return await Activity(quiet).follow(stream)
