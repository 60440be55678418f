"""The last lines of a run that is done."""

from __future__ import annotations

from phi3studio.cli.verdict_lines import forgetting_lines, preference_lines, verdict_lines
from phi3studio.domain.events.payload import ROLES
from phi3studio.domain.messages.formatting import duration, percent, size
from phi3studio.domain.run import RunView
from phi3studio.runs.store import RunFolder

_RESULTS = {"model": "model", "merged": "merged model", "adapter": "adapter"}


def closing_lines(run: RunFolder, view: RunView) -> list[str]:
    """What came out, whether it is faithful, where it is and what to do with it."""
    lines: list[str] = []
    if view.verdict is not None:
        lines += ["", "Verdict", *verdict_lines(view.verdict)]
        lines += forgetting_lines(view.forgetting)
    elif view.metrics:
        lines += ["", "Result on held-out rows"]
        for role in ROLES:
            m = view.metrics.get(role)
            if m is not None:
                lines.append(
                    f"  {role:<9} {percent(m.accuracy):>6} right   perplexity "
                    f"{m.perplexity:<8.4g} {percent(m.stops)} of the answers stop by themselves"
                )
        lines += preference_lines(view.metrics) + forgetting_lines(view.forgetting)
    lines += _answers(view)
    total = sum(view.timings.values())
    lines += ["", f"Done in {duration(total)}, {size(view.peak_memory)} of memory at most."]
    best = next((kind for kind in _RESULTS if kind in view.artifacts), None)
    if best is not None:
        lines.append(f"The {_RESULTS[best]} is in {run.path / view.artifacts[best].path}")
    if "card" in view.artifacts:
        lines.append(f"Its card: {run.path / view.artifacts['card'].path / 'card.html'}")
    if best == "model":
        lines.append(f"Talk to it:  phi3studio chat {run.name}")
    return lines


def _answers(view: RunView) -> list[str]:
    exported = view.metrics.get("exported")
    if exported is None or not exported.samples:
        return []
    lines = ["", "The exported model answers"]
    for sample in exported.samples:
        mark = "✓" if sample.text.strip() == sample.expected.strip() else "·"
        prompt = sample.prompt.strip().replace("\n", " ⏎ ")
        shown = prompt if len(prompt) <= 90 else prompt[:60] + " … " + prompt[-26:]
        lines += [f"  {mark} {shown}", f"      → {sample.text.strip()}"]
    return lines
