"""What every page is given: made once by the application, handed down by constructors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phi3studio.app.paths import Home
from phi3studio.gui.preferences import PreferencesFile
from phi3studio.gui.tasks import Tasks
from phi3studio.gui.theme import Theme
from phi3studio.runs.store import RunStore


@dataclass(frozen=True)
class Context:
    """The window's surroundings."""

    theme: Theme
    tasks: Tasks
    home: Home
    store: RunStore
    resources: Path
    preferences: PreferencesFile
    home_from_environment: bool = False
    """Whether ``PHI3STUDIO_HOME`` was set by the user, so that the home cannot be chosen here."""

    @property
    def draft_file(self) -> Path:
        """Where the wizard's draft survives the closing of the window."""
        return self.home.root / "draft.json"

    @property
    def drafts_folder(self) -> Path:
        """Where drafts wait that were put aside for another one."""
        return self.home.root / "drafts"

    @property
    def azure_file(self) -> Path:
        """What the next wizard's section Azure ML begins with: names and ids, nothing secret."""
        return self.home.root / "azure-section.json"
