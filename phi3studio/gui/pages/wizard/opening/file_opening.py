"""What was dropped, chosen or double-clicked: a recipe, an Olive config, several, or data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from phi3studio.domain.recipe import Recipe
from phi3studio.gui.context import Context
from phi3studio.gui.pages.wizard.opening.olive_dialogs import ConfigDialog, ConfigsDialog
from phi3studio.gui.tasks import Latest, in_thread
from phi3studio.runs.olive_files import (
    SUFFIXES,
    ConfigRecipe,
    ConfigResult,
    configs_of,
    is_recipe,
    read_olive_config,
    result_of,
)
from phi3studio.runs.recipe_files import SUFFIX, read_recipe
from phi3studio.wizard.flow import Draft, from_recipe
from phi3studio.wizard.open_values import from_import


@dataclass(frozen=True)
class _Found:
    """What the files are: one of these, or data where there is none."""

    recipe: Recipe | None = None
    config: tuple[Path, ConfigRecipe] | None = None
    configs: list[ConfigResult] = field(default_factory=list)


def _look(paths: list[Path]) -> _Found:
    """Blocking; raises :class:`InputError` for a recipe or a config that is broken."""
    first = paths[0]
    if is_recipe(first):
        return _Found(recipe=read_recipe(first))
    configs = configs_of(paths)
    if configs == paths and len(configs) == 1:
        return _Found(config=(first, read_olive_config(first)))
    return _Found(configs=[result_of(config) for config in configs])


class FileOpening(QWidget):
    """Finds out what files are, and shows an Olive config's decisions before its draft opens.

    An invisible widget: its parent carries the dialogs.
    """

    draft_made = Signal(object, str)
    """A draft of a recipe or config, and the open value that is to be written first."""
    data_given = Signal(list)
    failed = Signal(object)

    def __init__(self, context: Context, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()
        self._context = context
        self._question = Latest(context.tasks, self)
        self._page = parent

    def open(self, names: list[str]) -> None:
        """Look at *names*; what can only be data is passed on at once."""
        paths = [Path(name) for name in names]
        if all(path.suffix and path.suffix.lower() not in (*SUFFIXES, SUFFIX) for path in paths):
            self.data_given.emit(names)
            return

        def found(what: _Found) -> None:
            if what.recipe is not None:
                self.draft_made.emit(from_recipe(what.recipe), "")
            elif what.config is not None:
                self._ask(*what.config)
            elif what.configs:
                theme = self._context.theme
                ConfigsDialog(self._page, theme, what.configs, self.open).open()
            else:
                self.data_given.emit(names)

        self._question.ask(lambda: in_thread(_look, paths), found, self.failed.emit)

    def _ask(self, file: Path, config: ConfigRecipe) -> None:
        def take(key: str) -> None:
            assert config.recipe is not None
            draft: Draft = from_import(config.recipe, config.gaps, key)
            self.draft_made.emit(draft, key)

        ConfigDialog(self._page, self._context.theme, file.name, config, take).open()
