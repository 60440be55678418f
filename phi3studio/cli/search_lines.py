"""A run's search for an export as lines of text, and as JSON."""

from __future__ import annotations

from typing import Any

from phi3studio.domain.messages.formatting import percent, size
from phi3studio.domain.search.search_choice import choose, pareto, standing
from phi3studio.domain.search.search_points import Point, Search, SearchRecord, cost_of
from phi3studio.runs.measuring.search_file import read_search
from phi3studio.runs.store import RunFolder

_HEAD = (
    "    #  export                                          size  KL 16 r.    load   first"
    "  tokens/s   memory  score   lost    NLL      KL"
)


def search_lines(run: RunFolder, record: SearchRecord) -> list[str]:
    """The table of all exports that were tried, the choice and its reason."""
    search = Search.of(record)
    order = sorted(record.points, key=lambda point: (point.cost is None, _bytes(point)))
    best = {point.number for point in pareto(search)}
    lines = [_HEAD]
    for point in order:
        mark = "→" if point.number == record.taken else " "
        front = "*" if point.number in best else " "
        lines.append(f"{mark}{front}{point.number:>3}  {_figures(point)}")
        lines.append(f"        {standing(search, point)}")
    lines += ["", "* no export is smaller and scores as well; KL 16 r.: of 16 held-out rows"]
    if not record.done:
        return [*lines, f"The search is not finished. Go on with it: phi3studio resume {run.name}"]
    choice = choose(search)
    if choice is not None:
        said = choice.why
        lines.append(str(said))
        if choice.runner_up is not None:
            second = choice.runner_up
            lines.append(f"The runner-up is export {second.number}: {second.kind.phrase}.")
            lines.append(f"Take another one:  phi3studio search {run.name} --take {second.number}")
        if record.taken != choice.chosen.number:
            lines.append(f"Taken instead: export {record.taken}.")
    return lines


def search_document(run: RunFolder) -> dict[str, Any]:
    """The record for programs, with the front, the choice and what stands against each point."""
    record = read_search(run)
    if record is None:
        return {"run": run.name, "done": False, "points": []}
    search = Search.of(record)
    choice = choose(search)
    values = record.model_dump(mode="json", exclude_none=True, exclude={"space", "least"})
    for point, shown in zip(record.points, values["points"], strict=True):
        shown["standing"] = standing(search, point).to_json()
        if point.whole is not None:
            shown["whole"] |= {"score": point.whole.score, "points_lost": point.whole.points_lost}
    return {
        "run": run.name,
        "model": str(run.model),
        "front": [point.number for point in pareto(search)],
        "chosen": choice.chosen.number if choice else None,
        "runner_up": choice.runner_up.number if choice and choice.runner_up else None,
        "met": choice.met if choice else False,
        "why": choice.why.to_json() if choice else None,
        **values,
    }


def _bytes(point: Point) -> int:
    return cost_of(point).bytes if point.cost is not None else 0


def _figures(point: Point) -> str:
    name = f"{point.kind.phrase!s:<44}"
    if point.cost is None:
        return name.rstrip()
    cost, whole = point.cost, point.whole
    figures = (
        f"{name} {size(cost.bytes):>7} {point.looks[0]:>9.4f} {cost.load_s:>5.1f} s "
        f"{1000 * cost.first_token_s:>4.0f} ms {cost.tokens_per_s:>9.0f} "
        f"{size(cost.peak_memory):>8}"
    )
    if whole is None:
        return figures
    return (
        f"{figures} {percent(whole.score):>6} {whole.points_lost:>6.1f} {whole.nll:>6.3f} "
        f"{whole.verdict.kl or 0:>7.4f}"
    )
