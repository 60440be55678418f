"""A run's progress on the terminal, line by line or in place."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from typing import TextIO

from phi3studio.cli.output import rewrite
from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.measured_events import Metrics, Verified
from phi3studio.domain.events.run_events import (
    Artifact,
    Finished,
    Notice,
    Progress,
    Stage,
    StageDone,
    Started,
    Waiting,
)
from phi3studio.domain.messages.formatting import duration, percent, size

_TITLES = {
    "prepare": "Prepare",
    "train": "Train",
    "merge": "Merge",
    "quantise": "Quantise",
    "verify": "Verify",
}


class LiveView:
    """Shows events as they come. On a terminal the present step is rewritten in place."""

    def __init__(self, out: TextIO = sys.stderr) -> None:
        self._out = out
        self._in_place = out.isatty()
        self._shown = ""
        self._last_activity = ""

    def show(self, event: Event) -> None:
        """Show one event."""
        match event.payload:
            case Waiting(start_at=float() as at):
                self._status(f"  waiting until {dt.datetime.fromtimestamp(at):%Y-%m-%d %H:%M}")
            case Waiting(ahead=ahead):
                self._status(f"  waiting: {ahead} {'run' if ahead == 1 else 'runs'} ahead")
            case Started() as p:
                again = f", attempt {p.attempt}" if p.attempt > 1 else ""
                threads = f", {p.threads} threads" if p.threads else ""
                self._line(f"  on {p.device}{threads}{again}")
            case Stage() as p:
                note = " (kept from the earlier attempt)" if p.resumed else ""
                self._last_activity = ""
                self._line(f"[{p.index}/{p.count}] {_TITLES[p.name]}{note}")
            case StageDone() as p:
                self._line(f"      done in {duration(p.seconds)}, peak {size(p.peak_memory)}")
            case Progress() as p:
                self._progress(p)
            case Notice(level="info"):
                pass
            case Notice(code=code) if code.startswith("fidelity."):
                pass  # a part of the verdict
            case Verified() as p:
                self._line(f"      the exported model is {p.word}")
            case Notice() as p:
                self._line(f"      ! {' '.join(p.said()).strip()}")
            case Metrics() as p:
                self._line(
                    f"      {p.model:<9} {percent(p.accuracy):>6} right, "
                    f"perplexity {p.perplexity:.4g}, {percent(p.stops)} stop"
                )
            case Artifact() | Finished():
                self.clear()
            case _:
                pass

    def clear(self) -> None:
        """Remove the line that is rewritten in place."""
        if self._in_place and self._shown:
            rewrite(self._out)
        self._shown = ""

    def _progress(self, p: Progress) -> None:
        if p.loss is not None or p.eval_loss is not None:
            parts = [f"step {p.step}/{p.total}"]
            if p.loss is not None:
                parts.append(f"loss {p.loss:.3f}")
            if p.eval_loss is not None:
                parts.append(f"evaluation loss {p.eval_loss:.3f}")
            if p.tokens_per_s:
                parts.append(f"{p.tokens_per_s:.0f} tokens/s")
            if p.eta_s is not None:
                parts.append(f"about {duration(p.eta_s)} left")
            text = "      " + " · ".join(parts)
            if p.eval_loss is not None:
                self._line(text)
            elif self._in_place:
                self._status(text)
            elif p.step % max(1, p.total // 20) == 0 or p.step == 1:
                self._line(text)
            return
        activity = p.activity or ""
        count = f" {p.step}/{p.total}" if p.total else ""
        if self._in_place:
            self._status(f"      {activity}{count}")
        elif activity != self._last_activity:
            self._line(f"      {activity}")
        self._last_activity = activity

    def _line(self, text: str) -> None:
        self.clear()
        self._out.write(text + "\n")
        self._out.flush()

    def _status(self, text: str) -> None:
        if not self._in_place:
            if text != self._shown:
                self._line(text)
            self._shown = text
            return
        width = shutil.get_terminal_size().columns - 1
        rewrite(self._out, text[:width])
        self._shown = text
