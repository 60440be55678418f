"""A run's state, folded from its events."""

from __future__ import annotations

import pytest

from phi3studio.domain.errors import RunError
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.measured_events import Metrics, Proof, Verified
from phi3studio.domain.events.run_events import (
    Artifact,
    Estimated,
    Finished,
    Notice,
    Paused,
    Progress,
    Stage,
    StageDone,
    Started,
    Waiting,
)
from phi3studio.domain.messages import say
from phi3studio.domain.run import Curve, Curves, RunView, fold, fold_curves, state_phrase
from tests.processor_time import at_most


def events(*payloads: AnyPayload, first: int = 1) -> list[Event]:
    return [Event(seq=n, t=100.0 + n, payload=p) for n, p in enumerate(payloads, start=first)]


def view(*payloads: AnyPayload) -> RunView:
    return fold(events(*payloads))


FAILED = Finished(outcome="failed", code="bug", message="m", hint="h", peak_memory=9)
MERGED = Metrics(model="merged", rows=10, accuracy=0.9, perplexity=2.0, stops=1.0)


@pytest.mark.parametrize(
    ("payloads", "alive", "cancel", "state"),
    [
        ([], False, False, "interrupted"),
        ([], True, False, "queued"),
        ([], False, True, "cancelled"),
        ([Waiting(ahead=1)], True, False, "queued"),
        ([Waiting(ahead=1)], False, False, "interrupted"),
        ([Waiting(ahead=1), Started()], True, False, "running"),
        ([Started()], True, False, "running"),
        ([Started()], True, True, "running"),
        ([Started()], False, False, "interrupted"),
        ([Started()], False, True, "cancelled"),
        ([Started(), Paused()], False, False, "paused"),
        ([Started(), Paused()], False, True, "cancelled"),
        ([Started(), Paused(), Started(attempt=2)], True, False, "running"),
        ([Started(), Paused(), Started(attempt=2)], False, False, "interrupted"),
        ([Started(), Paused(), Waiting(ahead=1)], True, False, "queued"),
        ([Started(), Finished(outcome="completed")], False, False, "completed"),
        ([Started(), Finished(outcome="completed")], True, False, "completed"),
        ([Started(), Finished(outcome="completed")], False, True, "completed"),
        ([Started(), Finished(outcome="cancelled")], False, True, "cancelled"),
        ([Started(), FAILED], False, False, "failed"),
        ([Started(), FAILED, Waiting(ahead=1)], True, False, "queued"),
        ([Started(), FAILED, Started(attempt=2)], True, False, "running"),
        ([Started(), FAILED, Started(attempt=2)], False, False, "interrupted"),
    ],
)
def test_state(payloads, alive, cancel, state) -> None:
    assert view(*payloads).state(alive=alive, cancel_requested=cancel) == state


def test_a_whole_run() -> None:
    seen = view(
        Started(attempt=1, device="cpu", versions={"torch": "2"}),
        Stage(name="prepare", index=1, count=5),
        StageDone(name="prepare", seconds=2.0, peak_memory=10),
        Stage(name="train", index=2, count=5),
        Progress(step=1, total=2, loss=3.0, memory=50),
        Notice(code="n", text="t"),
        Artifact(kind="adapter", path="adapter", bytes=5),
        StageDone(name="train", seconds=4.0, peak_memory=40),
        MERGED,
        Finished(outcome="completed", peak_memory=45),
    )
    assert seen == RunView(
        attempt=1,
        started_at=101.0,
        ended_at=110.0,
        last_event_at=110.0,
        last_seq=10,
        device="cpu",
        stage_memory={"prepare": 10, "train": 40},
        versions={"torch": "2"},
        stage="train",
        stage_at=104.0,
        stage_index=2,
        stage_count=5,
        progress=Progress(step=1, total=2, loss=3.0, memory=50),
        finished=Finished(outcome="completed", peak_memory=45),
        timings={"prepare": 2.0, "train": 4.0},
        peak_memory=50,
        metrics={"merged": MERGED},
        artifacts={"adapter": Artifact(kind="adapter", path="adapter", bytes=5)},
        notices=(Notice(code="n", text="t"),),
    )


def test_folding_piece_by_piece_is_folding_at_once() -> None:
    everything = events(
        Waiting(ahead=1),
        Started(),
        Stage(name="train", index=2, count=5),
        Progress(step=1, total=2, loss=1.0),
        Paused(),
        Started(attempt=2),
        StageDone(name="train", seconds=3.0),
        Finished(outcome="completed"),
    )
    for cut in range(len(everything) + 1):
        assert fold(everything[cut:], fold(everything[:cut])) == fold(everything)


def test_a_resumed_run_keeps_its_first_start_and_forgets_the_old_end() -> None:
    seen = view(Started(attempt=1), FAILED, Started(attempt=2))
    assert seen.started_at == 101.0
    assert (seen.attempt, seen.ended_at, seen.finished, seen.progress) == (2, None, None, None)
    assert seen.peak_memory == 9


def test_times_of_a_stage_add_up_over_the_attempts() -> None:
    seen = view(
        Started(attempt=1),
        StageDone(name="prepare", seconds=2.0),
        StageDone(name="train", seconds=10.0),
        Started(attempt=2),
        StageDone(name="prepare", seconds=1.0),
        StageDone(name="train", seconds=5.0),
    )
    assert seen.timings == {"prepare": 3.0, "train": 15.0}


def test_a_new_stage_begins_without_the_last_ones_progress() -> None:
    seen = view(Started(), Progress(step=5, total=5), Stage(name="merge", index=3, count=5))
    assert seen.progress is None


def test_newer_figures_and_artifacts_replace_older_ones() -> None:
    better = MERGED.model_copy(update={"accuracy": 0.95})
    seen = view(
        Artifact(kind="model", path="a", bytes=1), Artifact(kind="model", path="b"), MERGED, better
    )
    assert seen.artifacts["model"].path == "b"
    assert seen.metrics == {"merged": better}


def test_the_last_proof_of_each_format_counts() -> None:
    proofs = [
        Proof(
            kind=kind,
            sha256="",
            bytes=size,
            program="llama.cpp",
            verdict=Verified(faithful=size > 1, parity=size / 10),
        )
        for kind, size in (("q8_0", 1), ("f16", 2), ("q8_0", 3))
    ]
    found = view(*proofs)
    assert {kind: proof.bytes for kind, proof in found.proofs.items()} == {"q8_0": 3, "f16": 2}
    assert list(found.formats) == ["GGUF f16", "GGUF q8_0"]
    assert found.verdict is None
    onnx = Verified(faithful=True)
    assert view(*proofs, onnx).formats["ONNX"] == onnx


def test_pausing_and_waiting_are_distinguished_from_working() -> None:
    assert view(Started(), Progress(step=1, total=2), Paused()).progress is None
    waiting = view(Started(), Paused(), Waiting(ahead=3))
    assert (waiting.waiting, waiting.ahead, waiting.paused, waiting.ended_at) == (
        True,
        3,
        False,
        None,
    )
    assert view(Waiting(ahead=3), Started()).waiting is False


def test_a_view_of_nothing_is_empty() -> None:
    assert fold([]) == RunView()


# --- curves -------------------------------------------------------------------------------------


def test_curves_take_each_value_at_its_step() -> None:
    curves = fold_curves(
        events(
            Stage(name="train", index=2, count=5),
            Progress(step=0, total=2, activity="opening"),
            Progress(step=1, total=2, loss=3.0, lr=0.1, tokens_per_s=5.0, memory=7),
            Progress(step=1, total=2, eval_loss=2.5),
            Progress(step=2, total=2, loss=2.0, lr=0.05),
        )
    )
    assert curves == Curves(
        loss=Curve(((1, 3.0), (2, 2.0))),
        eval_loss=Curve(((1, 2.5),)),
        learning_rate=Curve(((1, 0.1), (2, 0.05))),
        tokens_per_s=Curve(((1, 5.0),)),
        memory=Curve(((1, 7),)),
    )


def test_steps_that_a_resumed_run_repeats_replace_the_old_ones() -> None:
    first = [Progress(step=n, total=9, loss=float(n)) for n in range(1, 7)]
    again = [Progress(step=n, total=9, loss=10.0 + n) for n in range(4, 6)]
    curves = fold_curves(events(*first, Started(attempt=2), *again))
    assert curves.loss.points == ((1, 1.0), (2, 2.0), (3, 3.0), (4, 14.0), (5, 15.0))


def test_curves_can_be_folded_piece_by_piece() -> None:
    everything = events(*[Progress(step=n, total=9, loss=float(n)) for n in range(1, 9)])
    for cut in range(len(everything)):
        together = fold_curves(everything[cut:], fold_curves(everything[:cut]))
        assert together == fold_curves(everything)


def test_a_long_training_is_folded_in_reasonable_time() -> None:
    steps = events(*[Progress(step=n, total=20_000, loss=1.0, lr=0.1) for n in range(20_000)])
    with at_most(6.0):
        curves = fold_curves(steps)
    assert len(curves.loss.points) == 20_000


def test_the_estimate_of_a_run_is_kept_with_it() -> None:
    expected = Estimated(memory={"train": 10**9}, seconds={"train": 2.5}, disk=7)
    assert view(expected).estimated == expected


def test_a_state_is_said_inside_of_a_message() -> None:
    assert say(state_phrase("completed")).message == "completed"


def test_a_run_whose_files_cannot_be_read_is_damaged_unless_its_process_lives() -> None:
    broken = RunView(damage=RunError("privacy.connection_refused", host="x"))
    assert broken.state(alive=False) == "damaged"
    assert broken.state(alive=True) == "queued"
