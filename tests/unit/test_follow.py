"""Reading a run's events while they are written."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi3studio.domain.events.event_line import Event
from phi3studio.domain.events.run_events import Notice, Paused, Progress, Started
from phi3studio.runs.follow import Follower
from phi3studio.runs.store import RunFolder
from phi3studio.worker.process.emit import Emitter

EVENTS = [
    Event(seq=n, t=float(n), payload=payload)
    for n, payload in enumerate(
        [Started(attempt=1), Notice(code="a", text="größer — 速い"), Progress(step=1, total=2)], 1
    )
]
DATA = b"".join(event.to_line().encode() + b"\n" for event in EVENTS)


@pytest.mark.parametrize("cut", range(len(DATA) + 1))
def test_a_line_cut_anywhere_is_delivered_once_and_whole(tmp_path, cut) -> None:
    run = RunFolder(tmp_path)
    follower = Follower(run)
    run.events_file.write_bytes(DATA[:cut])
    first = follower.read()
    with run.events_file.open("ab") as file:
        file.write(DATA[cut:])
    assert first + follower.read() == EVENTS
    assert follower.read() == []


@given(st.lists(st.integers(0, len(DATA)), max_size=8))
def test_any_pieces_give_the_same_events(tmp_path_factory, cuts) -> None:
    run = RunFolder(tmp_path_factory.mktemp("run"))
    follower = Follower(run)
    seen = []
    places = [0, *sorted(cuts), len(DATA)]
    with run.events_file.open("ab", buffering=0) as file:
        for start, end in itertools.pairwise(places):
            file.write(DATA[start:end])
            seen += follower.read()
    assert seen == EVENTS


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path) -> None:
    run = RunFolder(tmp_path)
    follower = Follower(run)
    assert follower.read() == []
    run.events_file.write_bytes(DATA)
    assert follower.read() == EVENTS


def test_from_the_end_only_what_comes_is_read(tmp_path) -> None:
    run = RunFolder(tmp_path)
    run.events_file.write_bytes(DATA)
    follower = Follower(run, from_end=True)
    assert follower.read() == []
    with Emitter(run) as emit:
        emit(Paused())
    assert [event.payload.type for event in follower.read()] == ["paused"]


# --- the writing side ---------------------------------------------------------------------------


def test_the_writer_counts_on_over_attempts(tmp_path) -> None:
    run = RunFolder(tmp_path)
    with Emitter(run) as emit:
        emit(Started(attempt=1))
    with Emitter(run) as again:
        again(Started(attempt=2))
        again(Progress(step=1, total=1))
    assert [event.seq for event in run.events()] == [1, 2, 3]


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_the_writer_goes_on_after_a_line_that_a_crash_cut_off(tmp_path, cut) -> None:
    run = RunFolder(tmp_path)
    run.events_file.write_bytes(DATA[:-cut])
    with Emitter(run) as emit:
        emit(Paused())
    assert [event.payload.type for event in run.events()] == ["started", "notice", "paused"] or (
        cut == 1  # only the newline was lost: the line itself is whole
        and [event.payload.type for event in run.events()]
        == ["started", "notice", "progress", "paused"]
    )


def test_the_writer_says_nothing_after_the_last_word(tmp_path) -> None:
    run = RunFolder(tmp_path)
    with Emitter(run) as emit:
        emit(Paused())
        emit(Progress(step=1, total=1))
        emit(Paused())
    assert [event.payload.type for event in run.events()] == ["paused"]


def test_lines_of_several_threads_do_not_mix(tmp_path) -> None:
    from threading import Thread

    run = RunFolder(tmp_path)

    def write(emit: Emitter) -> None:
        for number in range(200):
            emit(Notice(code="x", text="y" * number))

    with Emitter(run) as emit:
        threads = [Thread(target=write, args=(emit,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [event.seq for event in run.events()] == list(range(1, 801))


def test_text_that_utf8_cannot_hold_does_not_stop_the_worker(tmp_path) -> None:
    """A file name in another encoding reaches Python as lone surrogates."""
    run = RunFolder(tmp_path)
    with Emitter(run) as emit:
        emit(Notice(code="x", text="caf\udce9.csv does not exist"))
    assert [event.payload.text for event in run.events()] == ["caf\udce9.csv does not exist"]
