"""The model card: written from a run's folder alone, self-contained, and without rows or paths."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from phi3studio.app.files import write_json
from phi3studio.app.paths import Home
from phi3studio.domain.events.event_line import AnyPayload, Event
from phi3studio.domain.events.measured_events import (
    Answer,
    Candidate,
    Confusion,
    Forgetting,
    Metrics,
    ModelFigures,
    Preference,
    VerdictNote,
    Verified,
    verdict_note,
)
from phi3studio.domain.events.run_events import Artifact, Finished, Progress, StageDone, Started
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.card import charts, write_card
from phi3studio.runs.card.card_words import fenced, number, plain
from phi3studio.runs.card.facts import LENGTHS, without_paths
from phi3studio.runs.store import RunFolder, RunStore

SECRET_ROW = "The rest of the rows is nobody's business."
SPITEFUL = "```</pre><script>alert(1)</script>\n| *x* <b>y</b>"


def metrics(role: str, score: float) -> Metrics:
    return Metrics.model_validate(
        {
            "model": role,
            "rows": 50,
            "accuracy": score,
            "score": score,
            "score_name": "accuracy",
            "perplexity": 1.5,
            "stops": 1.0,
            "macro_f1": score,
            "samples": [Answer(prompt=SPITEFUL, expected="Joy", text="Sad", stopped=True)],
            "confusion": Confusion(
                labels=("Joy\x1b[2J\x00", "Sad <&>"), counts=((20, 4, 1), (2, 23, 0))
            ),
        }
    )


PAYLOADS: list[AnyPayload] = [
    Started(versions={"torch": "2.13.0"}),
    *(Progress(step=n, total=40, loss=3 / n, eval_loss=2 / n if n % 10 == 0 else None)
      for n in range(1, 41)),
    StageDone(name="train", seconds=75.0, peak_memory=2_000_000_000),
    metrics("base", 0.1),
    metrics("merged", 0.9),
    metrics("exported", 0.8),
    Verified(
        faithful=False,
        rows=50,
        models={
            "base": ModelFigures(perplexity=9.0, score=0.1, stops=0.5),
            "merged": ModelFigures(perplexity=1.5, score=0.9, stops=1.0),
            "exported": ModelFigures(
                perplexity=1.6, score=0.8, stops=1.0, bytes=108_000_000, load_s=0.4,
                first_token_s=0.02, tokens_per_s=90.0, peak_memory=250_000_000,
            ),
        },
        score_name="accuracy",
        points_lost=10.0,
        interval=(-1.5, 21.5),
        kl=0.02,
        agreement=0.97,
        positions=100,
        parity=1.0,
        stop="<|end|>",
        stop_listed=True,
        limits={"points_lost": 3.0, "stops": 0.99},
        reasons=(VerdictNote(code="fidelity.score", text="It loses 10 points.", next="Set fast."),),
        candidates=(Candidate(preset="small", bytes=108_000_000, faithful=False, kept=True),),
    ),
    Artifact(kind="model", path="model"),
    Finished(outcome="completed"),
]  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    recipe = Recipe.model_validate(
        {
            "name": "Tone <of> *phrases*",
            "data": {
                "source": str(tmp_path / "private folder" / "phrases.csv"),
                "template": {"prompt": "{phrase}\n→ ", "completion": "{tone}"},
            },
        }
    )
    found = RunStore(Home(tmp_path / "home")).create(recipe)
    lines = [
        Event(seq=n, t=float(n), payload=payload).to_line() for n, payload in enumerate(PAYLOADS, 1)
    ]
    found.events_file.write_text("\n".join(lines) + "\n", "utf-8")
    found.data.mkdir()
    (found.data / "train.parquet").write_text(SECRET_ROW, "utf-8")
    write_json(
        found.data / "manifest.json",
        {
            "source": {"path": recipe.rows.source, "sha256": "a" * 64, "rows": 250},
            "train_rows": 200, "held_out_rows": 50, "tokens": 12345, "learned_tokens": 600,
            "longest": 70, "labels": ["Joy", "Sad"], "cut_off_rows": 2,
        },
    )  # fmt: skip
    write_json(found.data / LENGTHS, {"version": 1, "counts": [[10, 5], [20, 150], [30, 95]]})
    found.model.mkdir()
    (found.model / "model.onnx").write_bytes(b"x" * 1000)
    return found


@pytest.fixture
def card(run: RunFolder) -> Path:
    return write_card(run)


class Page(HTMLParser):
    """What a page contains."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def test_the_page_needs_nothing_else_and_runs_nothing(card) -> None:
    text = (card / "card.html").read_text("utf-8")
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert not {"script", "img", "link", "iframe", "object", "embed"} & set(names)
    for tag, attributes in page.tags:
        assert "src" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "a":
            assert str(attributes["href"]).startswith("https://")
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert names.count("svg") == 4
    assert "prefers-color-scheme: dark" in text


def test_both_tell_the_verdict_its_reason_and_the_figures(card) -> None:
    page = Page((card / "card.html").read_text("utf-8")).words
    markdown = (card / "README.md").read_text("utf-8")
    for text in (page, markdown):
        assert "not faithful" in text
        assert "It loses 10 points." in text
        assert "Set fast." in text
        assert "90 %" in text
        assert "80 %" in text
        assert "108 MB" in text
        assert "12,345" in text
        assert "a" * 64 in text
        assert "Apache-2.0" in text
        assert "torch 2.13.0" in text
        assert "−1.5" in text


def test_no_rows_and_no_paths_of_this_computer(card, tmp_path) -> None:
    for file in card.iterdir():
        text = file.read_text("utf-8")
        assert SECRET_ROW not in text
        assert "private folder" not in text
        assert str(tmp_path) not in text
    assert "phrases.csv" in (card / "README.md").read_text("utf-8")


def test_texts_of_the_user_are_shown_as_they_are(card) -> None:
    page = Page((card / "card.html").read_text("utf-8"))
    assert SPITEFUL in page.words
    assert "Tone <of> *phrases*" in page.words
    rendered = MarkdownIt("commonmark", {"html": True}).enable("table").render(
        (card / "README.md").read_text("utf-8").split("---", 2)[2]
    )  # fmt: skip
    shown = Page(rendered)
    assert "script" not in [tag for tag, _ in shown.tags]
    assert SPITEFUL in shown.words
    assert "Tone <of> *phrases*" in shown.words
    assert [tag for tag, _ in shown.tags].count("table") == 2
    assert [tag for tag, _ in shown.tags].count("img") == 4


def test_the_front_matter_is_what_the_hub_reads(card) -> None:
    front = yaml.safe_load((card / "README.md").read_text("utf-8").split("---")[1])
    assert front["license"] == "apache-2.0"
    assert front["base_model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert front["pipeline_tag"] == "text-generation"
    (result,) = front["model-index"][0]["results"]
    assert {"type": "exact_match", "value": 0.8} in result["metrics"]


def test_every_picture_is_whole_and_tells_what_it_shows(card) -> None:
    for name in ("loss", "scores", "confusion", "lengths"):
        root = ET.fromstring((card / f"{name}.svg").read_text("utf-8"))
        assert root.get("aria-label")
        assert root.find("{http://www.w3.org/2000/svg}title") is not None
        width, height = (float(v) for v in root.get("viewBox", "").split()[2:])
        for text in root.iter("{http://www.w3.org/2000/svg}text"):
            assert -1 <= float(text.get("x", "0")) <= width
            assert -1 <= float(text.get("y", "0")) <= height


def test_the_matrix_shows_every_count(card) -> None:
    root = ET.fromstring((card / "confusion.svg").read_text("utf-8"))
    words = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for count in ("20", "4", "1", "2", "23"):
        assert count in words
    assert "Sad <&>" in words
    assert "Joy␛[2J␀" in words
    assert words.count("other") == 1


def test_a_run_without_data_and_figures_has_a_card_too(tmp_path) -> None:
    recipe = Recipe.model_validate(
        {"steps": ["merge"], "model": {"source": str(tmp_path / "own"), "adapter": str(tmp_path)}}
    )
    (tmp_path / "own").mkdir()
    card = write_card(RunStore(Home(tmp_path / "home")).create(recipe))
    text = (card / "README.md").read_text("utf-8")
    assert "Its licence is not known here" in text
    assert str(tmp_path) not in text
    assert not list(card.glob("*.svg"))


def test_the_licence_of_a_users_own_model_is_read_from_its_card(tmp_path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "README.md").write_text("---\nlicense: mit\nlicense_link: https://x.org/l\n---\n# x")
    recipe = Recipe.model_validate({"steps": ["quantise"], "model": {"source": str(own)}})
    card = write_card(RunStore(Home(tmp_path / "home")).create(recipe))
    front = yaml.safe_load((card / "README.md").read_text("utf-8").split("---")[1])
    assert front["license"] == "mit"


def test_writing_again_replaces_it_wholly(run, card) -> None:
    before = sorted(item.name for item in card.iterdir())
    (card / "old.svg").write_text("<svg/>")
    write_card(run)
    assert sorted(item.name for item in card.iterdir()) == before


@pytest.mark.parametrize("text", ["plain", "a ``` b", "````\nx\n````", "```` ```"])
def test_a_fence_is_longer_than_any_inside(text) -> None:
    tokens = MarkdownIt().parse(fenced(text))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content.rstrip("\n") == text


def test_words_are_not_read_as_markdown() -> None:
    assert plain("a *b*\n_c_ `d` [e](f) <g> #h | i") == (
        r"a \*b\* \_c\_ \`d\` \[e\](f) \<g\> \#h \| i"
    )
    assert number(-2.14, 2) == "−2.1"
    assert number(None) == "–"


def test_only_whole_paths_are_shortened() -> None:
    values = {
        "data": {"source": "/home/me/x.csv", "also": ["/a/b.csv"]},
        "model": {"source": "m/n"},
    }
    assert without_paths(values) == {
        "data": {"source": "x.csv", "also": ["b.csv"]},
        "model": {"source": "m/n"},
    }


def test_long_curves_are_thinned_and_odd_values_left_out() -> None:
    points = [(step, 5.0 / step) for step in range(1, 20_000)]
    picture = charts.loss([*points, (20_000, float("nan"))], [])
    assert picture is not None
    assert len(picture) < 40_000
    assert "nan" not in picture
    assert charts.loss([], []) is None


def test_many_long_labels_stay_inside_the_picture() -> None:
    labels = tuple(f"a very long label that nobody would write {n}" for n in range(20))
    counts = tuple(tuple(int(r == c) for c in range(21)) for r in range(20))
    picture = charts.confusion(Confusion(labels=labels, counts=counts))
    assert picture is not None
    assert "…" in picture
    assert re.search(r'viewBox="0 0 \d+ \d+"', picture)
    json.dumps(picture)


def test_the_card_of_pairs_says_what_was_learned_and_what_was_forgotten(run: RunFolder) -> None:
    before = write_card(run)
    assert "Better and worse answers" not in (before / "README.md").read_text("utf-8")
    judged = {
        "base": Preference(pairs=50, prefers=0.52, interval=(0.4, 0.65)),
        "exported": Preference(
            pairs=50, prefers=0.9, interval=(0.8, 0.96), reward=0.94,
            reward_interval=(0.84, 0.98), margin=1.25, margin_interval=(0.9, 1.6),
        ),
    }  # fmt: skip
    judged["merged"] = judged["exported"].model_copy(update={"prefers": 0.92})
    verdict = next(payload for payload in PAYLOADS if isinstance(payload, Verified))
    found: list[AnyPayload] = [
        *(
            metrics(role, 0.5).model_copy(update={"preference": item, "answer_tokens": 61.5})
            for role, item in judged.items()
        ),
        Forgetting(
            questions=50, before=3.5, after=4.25, interval=(0.6, 0.9), limit=0.5,
            right_before=0.48, right_after=0.31,
        ),
        verdict.model_copy(
            update={
                "preference_lost": 2.0,
                "preference_interval": (-3.0, 7.0),
                "limits": verdict.limits | {"preference_lost": 2.0},
            }
        ),
    ]  # fmt: skip
    lines = [
        Event(seq=n, t=float(n), payload=payload).to_line() + "\n"
        for n, payload in enumerate(found, len(PAYLOADS) + 1)
    ]
    with run.events_file.open("a", encoding="utf-8") as file:
        file.writelines(lines)
    write_card(run)
    markdown = (run.card / "README.md").read_text("utf-8")
    for text in (markdown, (run.card / "card.html").read_text("utf-8")):
        assert "in 46 of 50 pairs, before 26; the exported model is as good." in text
        assert "(80 to 96)" in text
        assert "1.25 (0.9 to 1.6)" in text
        assert "forgotten a part of what it knew" in text
    assert "| Exported | 90 % (80 to 96) | 94 % (84 to 98) | 1.25 (0.9 to 1.6) | 61.5 |" in markdown


def test_reasons_and_remarks_are_said_in_words(run: RunFolder) -> None:
    coded = verdict_note("fidelity.few_pairs", pairs=46, limit=2.0, high=6.5)
    reason = verdict_note("fidelity.stop_not_listed", stop="<|end|>")
    payload = Verified(faithful=False, rows=46, reasons=(reason,), remarks=(coded,))
    lines = [Event(seq=n, t=1.0, payload=item).to_line() for n, item in enumerate([payload], 1)]
    run.events_file.write_text("\n".join(lines) + "\n", "utf-8")
    write_card(run)
    for name in ("README.md", "card.html"):
        text = (run.card / name).read_text("utf-8")
        assert "46 held-out pairs are too few" in text
        assert "answers run on" in text
        assert "Export the model again" in text
