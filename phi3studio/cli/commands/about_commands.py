"""What this program is: version, build, licences, and whether there is a newer one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from phi3studio.cli.options import AsJson
from phi3studio.cli.output import print_json


def about(
    licences: Annotated[
        bool, typer.Option("--licences", help="List everything inside with its licence.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Ask now whether there is a newer version.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Version, build and licences; nothing is asked of the network without --check."""
    from phi3studio.app.about import build, components
    from phi3studio.app.release import REPOSITORY, is_newer
    from phi3studio.app.update_check import newest_release

    made = build()
    document: dict[str, Any] = {
        "version": made.version,
        "commit": made.commit or None,
        "date": made.date or None,
        "flavour": made.flavour or None,
        "licence": "MIT",
        "page": REPOSITORY,
    }
    if check:
        release = newest_release()
        document["newest"] = {
            "version": release.version,
            "page": release.page,
            "newer": is_newer(release.version, made.version),
        }
    if licences:
        document["parts"] = [
            {"name": part.name, "version": part.version, "licence": part.licence or None}
            for part in components()
        ]
    if as_json:
        print_json(document)
        return
    typer.echo(f"Phi-3 Studio {made.version}, MIT licence")
    if made.commit:
        typer.echo(f"build {made.commit[:12]} of {made.date}, flavour {made.flavour}")
    typer.echo(REPOSITORY)
    typer.echo("Qt and PySide6 are used under the LGPL, version 3.")
    if check:
        newest = document["newest"]
        typer.echo(
            f"Version {newest['version']} is available: {newest['page']}"
            if newest["newer"]
            else "This is the newest version."
        )
    for part in document.get("parts", []):
        typer.echo(f"{part['name']} {part['version']}: {part['licence'] or 'not stated'}")
