"""What a run folder remembers of its job, so that a later attempt finds it again."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace

from phi3studio.app.files import write_json
from phi3studio.domain.parsing import parse_json
from phi3studio.runs.store import RunFolder

_VERSION = 1


@dataclass(frozen=True)
class KnownJob:
    """The job of a run: its name (chosen here, before it is submitted), and what was read of it."""

    name: str
    submitted: bool = False
    studio: str | None = None
    log_bytes: int = 0
    """So many bytes of the job's log are in the run's."""
    cancel_sent: bool = False
    continues: str | None = None
    """The earlier job whose checkpoints it was given."""

    def having(self, **changes: object) -> KnownJob:
        """The same with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def save(self, run: RunFolder) -> None:
        """Write it into the run's folder."""
        write_json(run.job_file, {"version": _VERSION, **asdict(self)})


def new_job(run: RunFolder) -> KnownJob:
    """A job that was not submitted, with a name of its own; Azure ML's names are in lower case."""
    return KnownJob(f"phi3studio-{run.name.lower()}-{secrets.token_hex(3)}")


def known_job(run: RunFolder) -> KnownJob | None:
    """The job that an earlier attempt wrote down; ``None`` without one."""
    try:
        values = parse_json(run.job_file.read_text("utf-8"))
        return KnownJob(
            str(values["name"]),
            bool(values.get("submitted")),
            values.get("studio"),
            int(values.get("log_bytes", 0)),
            bool(values.get("cancel_sent")),
            values.get("continues"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
