"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run's name, a beginning of it, or latest.")
]
RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="Recipe file, JSON or YAML.")]
NewFolder = Annotated[Path, typer.Option("--out", help="A new folder for the files.")]
ModelName = Annotated[
    str, typer.Option("--model", help="A name of the catalogue or a model folder.")
]
Messages = Annotated[
    str | None, typer.Option("--messages", help="The column that holds conversations.")
]
Rejected = Annotated[
    str | None,
    typer.Option(
        "--rejected",
        help="For pairs of answers: the worse one, as text of a template or as the place of a "
        "conversation.",
    ),
]
RatingColumn = Annotated[
    str | None,
    typer.Option(
        "--rating",
        metavar="COLUMN",
        help="For rated answers: the column that says whether the answer is good.",
    ),
]
