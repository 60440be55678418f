"""What is shown of a run, line by line, without a run."""

from __future__ import annotations

import io
import json

import pytest

from phi3studio.cli.live_progress import LiveView
from phi3studio.cli.output import print_error, print_json
from phi3studio.cli.run_state import age, run_document, run_lines
from phi3studio.domain.errors import InputError
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.measured_events import Metrics
from phi3studio.domain.events.run_events import (
    Finished,
    Notice,
    Progress,
    Stage,
    StageDone,
    Started,
    Waiting,
)
from phi3studio.domain.messages.formatting import duration, percent, size
from phi3studio.domain.messages.printable import printable
from phi3studio.domain.recipe import Data, Recipe, Template
from phi3studio.runs.store import RunStore


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0 s"),
        (0.4, "400 ms"),
        (0.96, "1 s"),
        (8.24, "8.2 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (61, "1 min 1 s"),
        (3599.7, "1 h 0 min"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations(seconds, text) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (93_000_000, "93 MB"),
        (1_500_000, "1.5 MB"),
        (3_916_664_832, "3.92 GB"),
        (2 * 10**12, "2,000 GB"),
    ],
)
def test_sizes(count, text) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.004, "0.4 %"), (0.0994, "9.9 %"), (0.894, "89 %"), (1, "100 %")],
)
def test_shares(share, text) -> None:
    assert percent(share) == text


def test_an_error_for_people_and_for_programs(capsys) -> None:
    error = InputError.from_json(
        {"code": "a.b", "message": "What happened.", "hint": "What to do."}
    )
    print_error(error, as_json=False)
    assert capsys.readouterr() == ("", "Error: What happened.\nWhat to do.\n[a.b]\n")
    print_error(error, as_json=True)
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "error": {"code": "a.b", "message": "What happened.", "hint": "What to do."}
    }
    assert err == ""


def test_text_that_the_terminal_cannot_show_is_no_reason_to_fail(monkeypatch) -> None:
    """A file name in another encoding, and a terminal in ASCII."""
    import sys

    for encoding in ("utf-8", "ascii"):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        print_json({"path": "caf\udce9 größer"})
        sys.stdout.flush()
        assert json.loads(raw.getvalue().decode(encoding)) == {"path": "caf\udce9 größer"}


# --- the course of a run ------------------------------------------------------------------------


class Terminal(io.StringIO):
    def __init__(self, tty: bool) -> None:
        super().__init__()
        self._tty = tty

    def isatty(self) -> bool:
        return self._tty


def shown(*payloads: AnyPayload, tty: bool = False) -> str:
    out = Terminal(tty)
    view = LiveView(out)
    for number, payload in enumerate(payloads, start=1):
        view.show(Event(seq=number, t=1.0, payload=payload))
    view.clear()
    return out.getvalue()


def test_a_run_in_a_log_is_lines() -> None:
    text = shown(
        Waiting(ahead=1),
        Waiting(ahead=1),
        Started(attempt=2, device="cpu", threads=2),
        Stage(name="train", index=2, count=5),
        *(
            Progress(step=n, total=100, loss=2.0, tokens_per_s=250.4, eta_s=90.0)
            for n in range(1, 101)
        ),
        Progress(step=100, total=100, eval_loss=1.5),
        Notice(level="info", code="x", text="not shown"),
        Notice(level="warning", code="x", text="3 rows were cut off."),
        StageDone(name="train", seconds=61, peak_memory=1_860_000_000),
        Metrics(model="merged", rows=9, accuracy=0.894, perplexity=1.0911, stops=1.0),
        Finished(outcome="completed"),
    )
    lines = text.splitlines()
    assert "\r" not in text
    assert lines[0] == "  waiting: 1 run ahead"
    assert lines.count("  waiting: 1 run ahead") == 1
    assert "  on cpu, 2 threads, attempt 2" in lines
    assert "[2/5] Train" in lines
    assert "      step 100/100 · loss 2.000 · 250 tokens/s · about 1 min 30 s left" in lines
    assert sum("step" in line for line in lines) < 30
    assert "      step 100/100 · evaluation loss 1.500" in lines
    assert "      ! 3 rows were cut off." in lines
    assert "not shown" not in text
    assert "      done in 1 min 1 s, peak 1.86 GB" in lines
    assert "      merged      89 % right, perplexity 1.091, 100 % stop" in lines


def test_on_a_terminal_the_present_step_is_rewritten_in_place() -> None:
    text = shown(*(Progress(step=n, total=9, loss=1.0) for n in range(1, 10)), tty=True)
    assert text.count("\r\x1b[K") == 10
    assert "\n" not in text


def test_a_kept_stage_says_so() -> None:
    text = shown(Stage(name="merge", index=3, count=5, resumed=True))
    assert text == "[3/5] Merge (kept from the earlier attempt)\n"


def test_a_failed_run_is_shown_with_its_reason(home) -> None:
    recipe = Recipe(data=Data(source="/d.csv", template=Template(prompt="", completion="{a}")))
    run = RunStore(home).create(recipe)
    events = [
        Started(),
        Stage(name="train", index=2, count=5),
        Finished(outcome="failed", code="disk.full", message="Full.", hint="Free some."),
    ]
    run.events_file.write_text(
        "".join(Event(seq=n, t=1.0, payload=p).to_line() + "\n" for n, p in enumerate(events, 1))
    )
    document = run_document(run)
    assert document["state"] == "failed"
    assert document["error"] == {"code": "disk.full", "message": "Full.", "hint": "Free some."}
    lines = run_lines(run, run.view())
    assert "  Error: Full." in lines
    assert "  Free some." in lines
    assert "/d.csv" in "\n".join(lines)


def test_ages() -> None:
    import time

    assert age(None) == ""
    assert age(time.time() - 61) == "1 min 1 s ago"
    assert age(time.time() - 3 * 86400) == "3 d ago"


# --- what data may not do to a terminal -----------------------------------------------------------

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\x7f\rfake"


@pytest.mark.parametrize("how", [(), ("--json",)])
def test_escape_sequences_of_data_never_reach_the_terminal(
    studio, tmp_path, tiny_phi3, how
) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [{"q": f"{EVIL} {number}", "a": EVIL, EVIL: "x"} for number in range(30)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = studio("data", "preview", file, "--model", tiny_phi3, "--template", "{q}|{a}", *how)
    for text in (said.out, said.err):
        assert not {"\x1b", "\x07", "\x9b", "\x7f", "\r"} & set(text)


def test_errors_that_name_such_a_file_show_it(studio, tmp_path) -> None:
    said = studio("data", "shapes", tmp_path / "no\x1b[2Jfile.csv")
    assert said.code == 2
    assert "\x1b" not in said.err
    assert "no␛[2Jfile.csv" in said.err


def test_control_characters_are_shown_and_nothing_else_is_changed() -> None:
    assert printable("a\tb\nc → è 🙂") == "a\tb\nc → è 🙂"
    assert printable("a\r\nb\rc\x00\x7f\x85\udc80") == "a\nb␍c␀␡��"
