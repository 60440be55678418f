"""Events: to a line and back, and what a reader does with lines it does not know."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phi3studio.domain.errors import RunError
from phi3studio.domain.events.event_line import AnyPayload, Event, parse_event
from phi3studio.domain.events.measured_events import (
    Answer,
    Candidate,
    Forgetting,
    Metrics,
    ModelFigures,
    Preference,
    Proof,
    VerdictNote,
    Verified,
)
from phi3studio.domain.events.payload import STAGES
from phi3studio.domain.events.run_events import (
    Artifact,
    Estimated,
    Finished,
    Notice,
    Paused,
    Progress,
    Recovery,
    Stage,
    StageDone,
    Started,
    Waiting,
)
from phi3studio.domain.messages import Said

SAMPLES: list[AnyPayload] = [
    Waiting(ahead=2),
    Started(attempt=3, pid=17, device="cuda", threads=8, versions={"torch": "2.13.0"}),
    Stage(name="train", index=2, count=5, resumed=True),
    StageDone(name="merge", seconds=1.5, peak_memory=2**31),
    Progress(
        step=3,
        total=9,
        activity="training",
        loss=2.5,
        eval_loss=2.0,
        lr=1e-4,
        epoch=0.5,
        tokens_per_s=812.5,
        eta_s=12.0,
        memory=10**9,
    ),
    Progress(step=0, total=0),
    Notice(level="warning", code="data.cut_off", text="3 rows “were” cut off\nhere."),
    Artifact(kind="model", path="model", bytes=123),
    Metrics(
        model="exported",
        rows=10,
        accuracy=0.9,
        perplexity=3.25,
        stops=1.0,
        tokens_per_s=50.0,
        load_s=0.5,
        bytes=7,
        samples=(Answer(prompt="p", expected="e", text="t", stopped=True),),
        preference=Preference(pairs=8, prefers=0.75, interval=(0.5, 0.875), reward=1.0),
        answer_tokens=12.5,
    ),
    Forgetting(
        questions=50,
        before=2.5,
        after=2.75,
        interval=(0.125, 0.375),
        limit=0.5,
        right_before=0.5,
        right_after=0.25,
    ),
    Verified(
        faithful=False,
        rows=10,
        models={"exported": ModelFigures(perplexity=3.25, score=0.9)},
        score_name="accuracy",
        points_lost=4.0,
        interval=(-1.0, 9.0),
        reasons=(VerdictNote(code="fidelity.score", text="It loses points.", next="Try another."),),
        candidates=(Candidate(preset="small", bytes=9, faithful=False),),
    ),
    Proof(
        kind="q8_0",
        sha256="00",
        bytes=9,
        program="xllamacpp 2026.10",
        verdict=Verified(faithful=True, parity=1.0),
    ),
    Recovery(
        stage="train",
        cause="killed",
        changed=("batch_size", "accumulation"),
        batch_size=4,
        accumulation=2,
        gradient_checkpointing=False,
        sequence_length=512,
        int4="quality",
    ),
    Estimated(memory={"train": 10**9}, seconds={"train": 2.5}, disk=7, measured=True),
    Paused(),
    Finished(outcome="failed", code="disk.full", message="Full.", hint="Free.", peak_memory=5),
    Finished(outcome="completed"),
]


@pytest.mark.parametrize("payload", SAMPLES, ids=lambda p: p.type)
def test_every_payload_comes_back_as_it_was(payload) -> None:
    event = Event(seq=4, t=1700000000.125, payload=payload)
    line = event.to_line()
    assert "\n" not in line
    assert parse_event(line) == event
    assert parse_event(line.encode()) == event


def test_the_samples_cover_every_payload() -> None:
    assert {type(payload) for payload in SAMPLES} == set(get_args(AnyPayload))


def test_a_line_carries_version_number_time_and_type() -> None:
    line = json.loads(Event(seq=7, t=12.3456, payload=Paused()).to_line())
    assert line == {"v": 1, "seq": 7, "t": 12.346, "type": "paused"}


def test_an_event_as_it_was_first_written_still_reads() -> None:
    line = (
        '{"v": 1, "seq": 13, "t": 1795507064.387, "type": "progress", "step": 1, "total": 8, '
        '"activity": "training", "loss": 6.368871212005615, "lr": 0.005, "epoch": 0.125, '
        '"tokens_per_s": 360.44, "eta_s": 4.33, "memory": 603934720}'
    )
    event = parse_event(line)
    assert event is not None
    assert isinstance(event.payload, Progress)
    assert (event.seq, event.payload.loss) == (13, 6.368871212005615)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no json",
        '{"v": 1, "seq": 1, "t": 1.0, "type": "prog',
        "[1, 2]",
        "17",
        "null",
        '{"v": 1}',
        '{"v": 1, "seq": 1, "t": 1.0, "type": "of_the_future", "x": 1}',
        '{"v": 1, "seq": 1, "t": 1.0, "type": ["progress"]}',
        '{"v": 1, "seq": 1, "t": 1.0, "type": {"a": 1}}',
        '{"v": 1, "seq": 1, "t": 1.0, "type": "progress"}',
        '{"v": 1, "seq": "x", "t": 1.0, "type": "paused"}',
        '{"v": 1, "t": 1.0, "type": "paused"}',
        '{"v": 1, "seq": 1, "t": 1.0, "type": "stage", "name": "dance", "index": 1, "count": 1}',
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_known_event_is_passed_over(line) -> None:
    assert parse_event(line) is None


def test_keys_of_the_future_in_a_known_event_are_passed_over() -> None:
    event = parse_event('{"v": 1, "seq": 1, "t": 1.0, "type": "waiting", "ahead": 1, "new": {}}')
    assert event == Event(seq=1, t=1.0, payload=Waiting(ahead=1))


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_an_unknown_version_is_refused_even_for_an_unknown_type(version) -> None:
    for kind in ("waiting", "of_the_future"):
        line = json.dumps({"v": version, "seq": 1, "t": 1.0, "type": kind})
        with pytest.raises(RunError) as caught:
            parse_event(line)
        assert caught.value.code == "events.version"
        assert repr(version) in caught.value.message


def test_values_that_json_lacks_are_never_written() -> None:
    with pytest.raises(ValueError, match="finite"):
        Progress(step=1, total=1, loss=float("nan"))
    line = Event(seq=1, t=1.0, payload=Progress(step=1, total=1, loss=2.5)).to_line()
    assert parse_event(line.replace("2.5", '"nan"')) is None


def test_a_number_that_no_event_has_is_passed_over() -> None:
    assert parse_event('{"v": 1, "seq": 1e18, "t": 1.0, "type": "started"}') is not None
    assert parse_event('{"v": 1, "seq": 1e300, "t": 1.0, "type": "started"}') is None


@given(
    text=st.text(),
    step=st.integers(0, 2**40),
    loss=st.floats(allow_nan=False, allow_infinity=False),
)
def test_any_text_and_number_survive(text, step, loss) -> None:
    for payload in (
        Notice(code="x", text=text),
        Progress(step=step, total=step, loss=loss, activity=text),
    ):
        line = Event(seq=1, t=1.0, payload=payload).to_line()
        assert "\n" not in line
        event = parse_event(line.encode("utf-8", "surrogatepass"))
        assert event is not None
        assert event.payload == payload


def test_the_stages_are_the_five_of_a_run() -> None:
    assert STAGES == ("prepare", "train", "merge", "quantise", "verify")


def test_events_of_an_older_version_keep_their_words() -> None:
    """They were written as texts, before codes carried values."""
    assert Notice(code="of.another.time", text="It was so.").said() == Said("It was so.")
    old = VerdictNote(code="of.another.time", text="It was so.", next="Do this.")
    assert old.said() == Said("It was so.", "Do this.")


def test_the_end_of_a_run_carries_its_error() -> None:
    error = RunError("chat.memory", variant="model", folder="m", needed=2, free=1)
    ended = Finished.failed(error, peak_memory=7)
    assert ended.error is not None
    assert ended.error.said() == error.said()
    assert ended.peak_memory == 7
    assert Finished(outcome="cancelled").error is None


@pytest.mark.parametrize("value", ["1" + "0" * 30, "1e999", "NaN"])
def test_a_number_beyond_reason_is_no_event(value: str) -> None:
    """It would break sums and dates far from where it was read."""
    line = Event(seq=1, t=1.0, payload=Progress(step=3, total=9)).to_line()
    assert parse_event(line.replace('"step": 3', f'"step": {value}')) is None


@pytest.mark.parametrize("names", ['{"\\ud800": 1}', '{"rows": [{"\\udfff": 1}]}'])
def test_an_event_with_half_a_surrogate_in_a_name_is_none(names: str) -> None:
    line = '{"v": 1, "seq": 1, "t": 1.0, "type": "notice", "code": "a", "values": %s}'
    assert parse_event(line % '{"rows": [1]}') is not None
    assert parse_event(line % names) is None
