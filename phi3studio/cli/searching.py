"""What ``phi3studio search`` works on: a recipe or a run that is searched, or was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import typer

from phi3studio.app.paths import user_home
from phi3studio.cli.output import print_json
from phi3studio.cli.search_lines import search_document, search_lines
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Limits, Recipe, parse_recipe
from phi3studio.domain.search.search_choice import choose
from phi3studio.domain.search.search_points import Search
from phi3studio.runs import launch
from phi3studio.runs.continuing import search_run, searched
from phi3studio.runs.follow import Follower
from phi3studio.runs.measuring.search_file import read_search
from phi3studio.runs.preflight import check_before_start
from phi3studio.runs.recipe_files import read_recipe
from phi3studio.runs.store import RunFolder, RunStore
from phi3studio.services.taking import take_export

_ENDINGS = (".yaml", ".yml", ".json")


class Searching:
    """One call of the command. *options*: the limits that were given, by their names."""

    def __init__(self, what: str, options: Mapping[str, float], as_json: bool) -> None:
        self._what = what
        self._options = dict(options)
        self._as_json = as_json
        self._store = RunStore(user_home())
        self._run: RunFolder | None = None

    @property
    def run(self) -> RunFolder:
        """The run that is searched, or was."""
        if self._run is None:
            self._run = self._store.find(self._what)
        return self._run

    @property
    def follower(self) -> Follower:
        """Reads what the search reports from now on."""
        return self._follower

    def found_or_made(self) -> RunFolder | None:
        """The run of the search, started; ``None`` for one that is finished already."""
        if self._what.endswith(_ENDINGS) or Path(self._what).is_file():
            recipe = self._limited(read_recipe(Path(self._what)))
            check_before_start(recipe, self._store.home)
            self._run = self._store.create(recipe)
        elif self.run.recipe().limits is not None and not self._options:
            record = read_search(self.run)
            if record is not None and record.done and self.run.model.is_dir():
                return None
            self._follower = Follower(self.run, from_end=True)
            launch.resume(self.run)
            return self._run
        else:
            if self.run.alive():
                raise InputError("run.busy", run=self.run.name)
            recipe = self.run.recipe()
            limited = self._limited(searched(recipe, recipe.limits or Limits()))
            self._run = search_run(self._store, self.run, limited.limits or Limits())
        self._follower = Follower(self.run)
        launch.start(self.run)
        return self._run

    def take(self, number: int) -> int:
        """Make that export the run's model."""
        taken = wait_for(take_export(self.run, number))
        if self._as_json:
            print_json(taken)
        else:
            typer.echo(f"Export {number} is the model of {self.run.name} now.")
            typer.echo(f"Talk to it:  phi3studio chat {self.run.name}")
        return 0

    def tell(self) -> int:
        """Print the search; the exit code: 0 if the limits are met."""
        record = read_search(self.run)
        if record is None:
            raise InputError("search.not_searched", run=self.run.name)
        if self._as_json:
            print_json(search_document(self.run))
        else:
            typer.echo("\n".join([self.run.name, *search_lines(self.run, record)]))
        choice = choose(Search.of(record))
        return 0 if choice is not None and choice.met else 1

    def _limited(self, recipe: Recipe) -> Recipe:
        """*recipe* with the limits of its own and of the options, which go first."""
        own = recipe.limits.model_dump(exclude_none=True) if recipe.limits is not None else {}
        if {"score", "points_lost"} & set(self._options):
            own = {name: own[name] for name in own if name not in ("score", "points_lost")}
        return parse_recipe(recipe.to_json() | {"limits": own | self._options})
