"""Conversations: their branches, their files, and the questions to begin with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.events.measured_events import Answer, Metrics
from phi3studio.domain.run import RunView
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.shown.chats import ChatShelf, KeptChat, new_name, purge
from phi3studio.runs.shown.example_questions import example_questions
from phi3studio.runs.shown.transcript import (
    Ask,
    Figures,
    Transcript,
    Turn,
    parse_json_lines,
    parse_transcript,
    to_json_lines,
    to_markdown,
)
from phi3studio.runs.store import RunFolder, RunStore

FIGURES = Figures(2, 9, 9, 0.3, 14.8, "stop", True)


def talk(*questions: str) -> Transcript:
    found = Transcript("tones")
    for question in questions:
        found = found.added(Turn(Ask(question), f"answer to {question}"))
    return found


def questions(transcript: Transcript) -> list[str]:
    return [turn.ask.text for turn in transcript.turns]


def test_transcripts_are_written_as_markdown_and_json_lines() -> None:
    figures = Figures(2, 9, 9, 0.3, 14.8, "stop", True)
    talk = Transcript("tones", "Be brief.").added(
        Turn(Ask(values={"phrase": "Oh"}), "Fear", figures)
    )
    lines = [json.loads(line) for line in to_json_lines([talk]).splitlines()]
    assert lines == [
        {
            "model": "tones",
            "system": "Be brief.",
            "question": {"phrase": "Oh"},
            "answer": "Fear",
            "figures": {
                "tokens": 2,
                "prompt_tokens": 9,
                "prefilled": 9,
                "first_token_s": 0.3,
                "tokens_per_s": 14.8,
                "reason": "stop",
                "stopped": True,
            },
        }
    ]
    text = to_markdown([talk], 0.0)
    assert text.splitlines()[2:] == ["## tones", "", "*Be brief.*", "", "> Oh", "", "Fear"]


def test_an_edited_question_begins_a_branch_and_the_other_stays() -> None:
    first = talk("a", "b", "c")
    edited = first.cut(1).added(Turn(Ask("B"), "other")).added(Turn(Ask("C"), "too"))
    assert questions(edited) == ["a", "B", "C"]
    assert [len(edited.branches(depth)) for depth in range(3)] == [1, 2, 1]
    back = edited.switched(1, -1)
    assert questions(back) == ["a", "b", "c"]
    assert questions(back.switched(1, 1)) == ["a", "B", "C"]
    assert questions(back.switched(1, -1)) == ["a", "B", "C"], "round and round"
    assert [m["content"] for m in edited.messages(Ask("D"))][::2] == ["a", "B", "C", "D"]


def test_the_first_question_can_be_another_one_and_branches_branch() -> None:
    first = talk("a", "b")
    other = first.cut(0).added(Turn(Ask("A"), "x"))
    assert questions(other) == ["A"]
    again = other.switched(0, 1).cut(1).added(Turn(Ask("b2"), "y"))
    assert questions(again) == ["a", "b2"]
    # One comes back to where one was last in a branch.
    assert questions(again.switched(0, 1).switched(0, 1)) == ["a", "b2"]
    assert questions(first.cut(9)) == [], "no such turn"


def test_all_branches_are_kept_in_the_file() -> None:
    whole = (
        Transcript("tones", "Be brief.")
        .added(Turn(Ask(values={"phrase": "Oh"}), "Fear", FIGURES, adapter="x"))
        .cut(0)
        .added(Turn(Ask("Hm"), "half", stopped_by_user=True))
    )
    assert parse_transcript(json.loads(json.dumps(whole.to_json()))) == whole


@pytest.mark.parametrize(
    "values",
    [
        None,
        [],
        {},
        {"version": 2},
        {"version": 1, "model": "m", "system": "", "turns": [{}], "at": 0},
        {"version": 1, "model": "m", "system": "", "turns": [], "at": 0},
        {
            "version": 1, "model": "m", "system": "", "at": 0,
            "turns": [{"question": "a", "answer": "b", "after": 0}],
        },
    ],
)  # fmt: skip
def test_damaged_files_are_refused(values: object) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_transcript(values)


def test_the_title_is_the_first_question_in_a_line() -> None:
    assert talk("Hi\n there").title == "Hi there"
    assert talk("word " * 40).title.endswith("word…")
    assert len(talk("word " * 40).title) <= 60
    assert Transcript("m").title == ""


@pytest.fixture
def run(home: Home) -> RunFolder:
    return RunStore(home).create(demo_recipe())


@pytest.fixture
def shelf(home: Home, run: RunFolder) -> ChatShelf:
    return ChatShelf(RunStore(home))


def only(shelf: ChatShelf) -> KeptChat:
    (chat,) = shelf.all()
    return chat


def test_a_chat_is_kept_found_renamed_deleted_and_brought_back(
    shelf: ChatShelf, run: RunFolder, home: Home
) -> None:
    name = new_name()
    shelf.write(name, run.model, talk("a"))
    shelf.write(name, run.model, talk("a", "b"))
    chat = only(shelf)
    assert (chat.name, chat.title, chat.model) == (name, "a", run.model)
    assert questions(chat.transcript) == ["a", "b"]
    assert chat.matches("ANSWER b")
    assert chat.matches("tones")
    assert not chat.matches("a nothing")
    shelf.rename(chat, "  My\nchat ")
    assert only(shelf).title == "My chat"
    shelf.write(name, run.model, talk("a", "b", "c"))
    assert only(shelf).title == "My chat", "what goes on keeps its name"
    shelf.rename(only(shelf), " ")
    assert only(shelf).title == "a"
    chat = only(shelf)
    shelf.delete(chat)
    assert shelf.all() == []
    purge(RunStore(home))
    shelf.restore(chat)
    assert only(shelf) == chat
    shelf.delete(chat)
    purge(RunStore(home), 0.0)
    assert list(chat.file.parent.iterdir()) == []


def test_chats_of_a_model_without_a_run_and_of_older_versions_are_listed(
    shelf: ChatShelf, run: RunFolder, tmp_path: Path
) -> None:
    model = tmp_path / "my model"
    shelf.write("one", model, talk("to a folder"))
    assert (only(shelf).model, only(shelf).title) == (model, "to a folder")
    older = run.path / "transcripts"
    older.mkdir()
    (older / "20250101-abc.jsonl").write_text(to_json_lines([talk("old", "older")]))
    (older / "broken.jsonl").write_text('["no turn"]\n')
    (older / "broken.json").write_text("{")
    (older / "empty.json").write_text(json.dumps(Transcript("m").to_json()))
    chat = next(chat for chat in shelf.all() if chat.model == run.model)
    assert questions(chat.transcript) == ["old", "older"]
    shelf.rename(chat, "From before")
    titles = {chat.title for chat in shelf.all()}
    assert titles == {"From before", "to a folder"}
    assert not chat.file.exists(), "it is of this version now"


def test_an_older_file_with_missing_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="answer"):
        parse_json_lines('{"model": "m", "question": "q"}')


def view(*prompts: str) -> RunView:
    samples = tuple(Answer(prompt=p, expected="x", text="y", stopped=True) for p in prompts)
    metrics = Metrics(model="merged", rows=9, accuracy=1, perplexity=1, stops=1, samples=samples)
    return RunView(metrics={"merged": metrics})


def test_examples_are_asked_by_the_columns_of_the_template() -> None:
    found = example_questions(
        view(
            "### Text: Hi (you)\n### The tone is:\n", "### Text: Hi (you)\n### The tone is:\n", "?"
        ),
        "### Text: {phrase}\n### The tone is:\n",
    )
    assert found == (Ask(values={"phrase": "Hi (you)"}),)
    two = example_questions(view("Q: a\nb? K: {c}, again a\nb?"), "Q: {q} K: {{{k}}}, again {q}")
    assert two == (Ask(values={"q": "a\nb?", "k": "c"}),)
    assert example_questions(view("Hi"), "{?a}Hi{/a}") == ()
    assert example_questions(RunView()) == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHow are you?<|im_end|>\n"
        "<|im_start|>assistant\n",
        "<|user|>\nHow are you?<|end|>\n<|assistant|>\n",
        "<bos><start_of_turn>user\nHow are you?<end_of_turn>\n<start_of_turn>model\n",
        "<s>[INST] How are you? [/INST]",
        "<|start_header_id|>user<|end_header_id|>\n\nHow are you?<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ],
)
def test_examples_of_a_conversation_are_what_the_user_says(prompt: str) -> None:
    assert example_questions(view(prompt)) == (Ask("How are you?"),)


def test_a_conversation_of_several_questions_is_no_example() -> None:
    twice = "<|user|>\nA<|end|>\n<|assistant|>\nB<|end|>\n<|user|>\nC<|end|>\n<|assistant|>\n"
    assert example_questions(view(twice, "bare text")) == ()
