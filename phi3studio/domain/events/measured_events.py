"""What was measured of a run's models on held-out rows, and the verdict of the fidelity gate."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from phi3studio.domain.events.payload import ModelRole, Payload, ScoreName, Worded
from phi3studio.domain.messages import Said, plain_values, say


class Answer(Payload):
    """One sample answer of a model on a held-out row."""

    prompt: str
    expected: str
    text: str
    stopped: bool


class Confusion(Payload):
    """How labels were answered: a row per expected label, a column per answered one, and a last
    column for every other answer. ``left_out`` counts rarer labels that have no row."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    left_out: int = 0


class Preference(Payload):
    """How a model judges the held-out pairs of answers. Shares from 0 to 1, 95 % intervals.

    ``prefers``: the share of pairs whose better answer is the likelier one, by the mean
    log-likelihood of a token: by the sum it is the shorter one nearly always. ``reward``:
    the share whose better answer gained more on the model that the training began with, which is
    the accuracy of the implicit reward; ``margin``: how much more in the mean, in nats times beta.

    With ``rated`` there are no pairs but answers that were rated, each good one compared with each
    bad one; ``prefers`` is then itself the share in which the good one gained more, and 0.5 before
    the training.
    """

    pairs: int
    prefers: float
    interval: tuple[float, float]
    reward: float | None = None
    reward_interval: tuple[float, float] | None = None
    margin: float | None = None
    margin_interval: tuple[float, float] | None = None
    rated: bool = False


class Metrics(Payload):
    """Figures of one model on the held-out rows.

    ``accuracy`` and ``stops`` are shares from 0 to 1: answers equal to the expected completion,
    and answers that ended by a stop token; ``other_stops`` is the part of the latter that ended
    by another than the trained one. ``perplexity`` is of the completions' tokens. ``score`` is
    what the fidelity gate compares, called ``score_name``: the accuracy where the completions
    are labels, else the F1 of the words. Memory in bytes, of a process that only answers.
    ``preference`` and ``answer_tokens`` (of an answer, in the mean) are there for pairs of answers.
    """

    type: Literal["metrics"] = "metrics"
    model: ModelRole
    rows: int
    accuracy: float
    perplexity: float
    stops: float
    tokens_per_s: float | None = None
    load_s: float | None = None
    bytes: int | None = None
    samples: tuple[Answer, ...] = ()
    other_stops: float = 0.0
    score: float | None = None
    score_name: ScoreName | None = None
    macro_f1: float | None = None
    token_f1: float | None = None
    rouge_l: float | None = None
    confusion: Confusion | None = None
    first_token_s: float | None = None
    peak_memory: int | None = None
    preference: Preference | None = None
    answer_tokens: float | None = None


class VerdictNote(Worded):
    """A part of a verdict: what was found, and what to try next; :func:`verdict_note` makes one."""

    code: str
    text: str = ""
    next: str = ""

    @property
    def recorded(self) -> Said:
        """The words of an older version."""
        return Said(self.text, self.next)

    def said(self, language: str = "en") -> Said:
        """What was found and what to try next, in a language."""
        return say(self, language)


def verdict_note(code: str, /, *, variant: str = "", **values: Any) -> VerdictNote:
    """A finding: a code of the message catalogue with its values."""
    return VerdictNote(code=code, variant=variant, values=plain_values(values))


class ParityExample(Payload):
    """Where the tokenizers first differ: the row (from 1), the text there and the ids of it."""

    row: int
    text: str
    training: tuple[int, ...]
    hugging_face: tuple[int, ...]
    genai: tuple[int, ...]


class ModelFigures(Payload):
    """One model in a verdict. Shares from 0 to 1, times in seconds, sizes in bytes."""

    perplexity: float
    score: float | None = None
    stops: float | None = None
    other_stops: float | None = None
    tokens_per_s: float | None = None
    first_token_s: float | None = None
    load_s: float | None = None
    bytes: int | None = None
    peak_memory: int | None = None
    preference: Preference | None = None
    answer_tokens: float | None = None


class Candidate(Payload):
    """One int4 preset that ``target.int4: auto`` tried. Size in bytes."""

    preset: str
    bytes: int
    faithful: bool
    comparable: bool = True
    points_lost: float | None = None
    perplexity: float | None = None
    kept: bool = False

    @property
    def word(self) -> Literal["faithful", "not faithful", "not proven"]:
        """The verdict in a word or two."""
        if not self.comparable:
            return "not proven"
        return "faithful" if self.faithful else "not faithful"


class Verified(Payload):
    """The verdict of the fidelity gate: whether the exported model is the trained one.

    ``data`` is the file that was measured on; ``None`` for the run's own held-out rows.
    ``general`` when there are none and bundled general text stood in. ``reference`` is the model
    that the exported one is compared with. ``points_lost`` are points (percent) of the score with
    their 95 % interval, ``preference_lost`` points of the pairs whose better answer is preferred.
    ``kl`` is the mean divergence of the next-token distributions in nats,
    ``agreement`` the top-1 agreement, both over ``positions``. ``measured`` is
    false where this machine could not run the model, ``comparable`` where the reference may itself
    have lost what the export lost; then nothing is proven.
    """

    type: Literal["verified"] = "verified"
    faithful: bool
    measured: bool = True
    comparable: bool = True
    data: str | None = None
    general: bool = False
    rows: int = 0
    reference: ModelRole = "merged"
    models: dict[ModelRole, ModelFigures] = Field(default_factory=dict)
    score_name: ScoreName | None = None
    points_lost: float | None = None
    interval: tuple[float, float] | None = None
    preference_lost: float | None = None
    preference_interval: tuple[float, float] | None = None
    kl: float | None = None
    agreement: float | None = None
    positions: int = 0
    stop: str = ""
    stop_listed: bool | None = None
    parity: float | None = None
    parity_example: ParityExample | None = None
    limits: dict[str, float] = Field(default_factory=dict)
    reasons: tuple[VerdictNote, ...] = ()
    remarks: tuple[VerdictNote, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def word(self) -> Literal["faithful", "not faithful", "not proven"]:
        """The verdict in a word or two."""
        if not (self.measured and self.comparable):
            return "not proven"
        return "faithful" if self.faithful else "not faithful"


class Forgetting(Payload):
    """What the training cost of what the base model could do, on bundled general questions.

    ``before`` and ``after``: negative log-likelihood of the answers' tokens in nats, the mean over
    ``questions``; ``interval`` (95 %) is of their difference, and more than ``limit`` is too much.
    ``right_before`` and ``right_after``: the mean share of an answer's tokens that are the most
    likely ones.
    """

    type: Literal["forgetting"] = "forgetting"
    questions: int
    before: float
    after: float
    interval: tuple[float, float]
    limit: float
    right_before: float
    right_after: float

    @property
    def lost(self) -> float:
        """Nats a token; below 0 where the general answers became likelier."""
        return self.after - self.before

    @property
    def is_much(self) -> bool:
        """Whether it is more than the limit."""
        return self.lost > self.limit


class Proof(Payload):
    """A file of another format was made of the run's model, and measured in its own program.

    ``kind`` is GGUF's (:mod:`phi3studio.domain.places.gguf`), with ``+ LoRA`` where the adapter has
    a file of its own. ``sha256`` is the files'; ``program`` what it was measured with, ``verdict``
    how. The last one of a kind counts.
    """

    type: Literal["proof"] = "proof"
    kind: str
    sha256: str
    bytes: int
    program: str
    verdict: Verified
