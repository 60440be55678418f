"""The chat service on a real exported model, in a real child process."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.sampling import Sampling
from phi3studio.runs.shown.transcript import Figures
from phi3studio.services.chat_client import Answer, Chat
from phi3studio.services.connection import Service

PHRASE = "Nobody answered when I called."
RANDOM = Sampling(temperature=3.0, top_k=400, seed=7)
Talk = Callable[[Chat, Service], Awaitable[None]]


@pytest.fixture
def talk(home, tmp_path) -> Callable[[Talk], None]:
    """Run a conversation with a chat service of its own; the child has ended afterwards."""

    def go(conversation: Talk) -> None:
        async def inside() -> None:
            async with Service.start("chat", log=tmp_path / "chat.log") as service:
                pid = service.pid
                await asyncio.wait_for(conversation(Chat(service), service), 60)
            assert pid is not None
            assert not psutil.pid_exists(pid)

        asyncio.run(inside())

    return go


@pytest.fixture
def model(pair) -> Path:
    """The model exported in float32: its answers do not depend on how a prompt is cut up."""
    return pair.second.model


async def whole(answer: Answer) -> tuple[str, Figures]:
    text = "".join([piece async for piece in answer])
    assert answer.figures is not None
    return text, answer.figures


# --- loading ------------------------------------------------------------------------------------


def test_a_loaded_model_says_what_the_chat_needs(talk, pair) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        facts = await chat.load(pair.first.model)
        assert (facts.name, facts.context, facts.columns) == ("first", 512, ("phrase",))
        assert facts.template is not None
        assert facts.template["completion"] == "{tone}"
        assert not facts.is_conversation
        assert facts.load_s > 0
        assert facts.bytes == sum(f.stat().st_size for f in pair.first.model.iterdir())
        again = await chat.load(pair.first.model)
        assert again == facts

    talk(conversation)


def test_a_folder_without_a_model_is_a_clear_error(talk, tmp_path) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        for folder in (tmp_path, tmp_path / "absent"):
            with pytest.raises(InputError) as caught:
                await chat.load(folder)
            assert caught.value.code == "chat.no_model"

    talk(conversation)


def test_a_damaged_model_is_a_clear_error_and_the_service_lives_on(talk, model, tmp_path) -> None:
    damaged = shutil.copytree(model, tmp_path / "damaged")
    (damaged / "model.onnx").write_bytes(b"no model")

    async def conversation(chat: Chat, service: Service) -> None:
        with pytest.raises(UserFacingError) as caught:
            await chat.load(damaged)
        assert caught.value.code == "export.does_not_load"
        assert (await chat.load(model)).columns == ("phrase",)

    talk(conversation)


def test_two_models_answer_side_by_side_and_are_unloaded(talk, pair) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        folders = (pair.first.model, pair.second.model)
        first, second = await asyncio.gather(
            *(whole(chat.answer(folder, values={"phrase": PHRASE})) for folder in folders)
        )
        await chat.unload(pair.first.model)
        assert await whole_text(chat, pair.first.model) == first[0]
        assert await whole_text(chat, pair.second.model) == second[0]

    async def whole_text(chat: Chat, folder: Path) -> str:
        return (await whole(chat.answer(folder, values={"phrase": PHRASE})))[0]

    talk(conversation)


# --- answers ------------------------------------------------------------------------------------


def test_values_fill_the_template_as_training_did(talk, pair, model) -> None:
    from phi3studio.worker.fidelity.evaluate import load_held_out

    row = load_held_out(next(pair.second.data.glob("held-out*.parquet"))).rows[0]
    phrase = row.prompt.removeprefix("### Text: ").removesuffix("\n### The tone is:\n")
    sample = pair.second.view().metrics["exported"].samples[0]

    async def conversation(chat: Chat, service: Service) -> None:
        text, figures = await whole(chat.answer(model, values={"phrase": phrase}))
        assert figures.prompt_tokens == figures.prefilled == row.prompt_tokens
        assert text.strip() == sample.text.strip()
        assert figures.stopped
        assert figures.reason == "stop"
        assert await whole(chat.answer(model, prompt=row.prompt)) is not None
        same, _ = await whole(chat.answer(model, prompt=row.prompt))
        assert same == text

    talk(conversation)


def test_the_prompt_of_a_question_is_what_the_answer_was_sent(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": PHRASE}]
        for asked in ({"values": {"phrase": PHRASE}}, {"messages": turns}, {"prompt": PHRASE}):
            prompt = await chat.prompt(model, **asked)
            assert PHRASE in prompt
            text, figures = await whole(chat.answer(model, **asked))
            same, others = await whole(chat.answer(model, prompt=prompt))
            assert (text, figures.prompt_tokens) == (same, others.prompt_tokens)
        assert (await chat.prompt(model, values={"phrase": "x"})).startswith("### Text: x")

    talk(conversation)


def test_an_answer_comes_in_pieces_with_its_figures(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        answer = chat.answer(model, prompt=PHRASE, sampling=RANDOM, max_tokens=40)
        pieces = [piece async for piece in answer]
        assert len(pieces) > 5
        figures = answer.figures
        assert figures is not None
        assert 5 < figures.tokens <= 40
        assert figures.tokens_per_s > 0
        assert figures.first_token_s > 0
        if figures.tokens == 40:
            assert (figures.reason, figures.stopped) == ("length", False)

    talk(conversation)


def test_likeliest_answers_repeat_and_seeded_ones_too(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        async def ask(sampling: Sampling | None) -> str:
            answer = chat.answer(model, prompt=PHRASE, sampling=sampling, max_tokens=20)
            return (await whole(answer))[0]

        assert await ask(None) == await ask(None)
        assert await ask(RANDOM) == await ask(RANDOM)
        others = {await ask(Sampling(temperature=3.0, top_k=400, seed=seed)) for seed in range(4)}
        assert len(others) > 1

    talk(conversation)


def test_what_the_template_needs_and_does_not_get_is_a_clear_error(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        for values in ({}, {"text": "x"}):
            with pytest.raises(InputError) as caught:
                await whole(chat.answer(model, values=values))
            assert "phrase" in caught.value.message

    talk(conversation)


def test_a_text_longer_than_the_model_holds_is_a_clear_error(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        with pytest.raises(InputError) as caught:
            await whole(chat.answer(model, prompt="tone " * 600))
        assert caught.value.code == "chat.too_long"
        assert "512" in caught.value.message
        _, figures = await whole(chat.answer(model, prompt="tone " * 200, max_tokens=9999))
        assert figures.prompt_tokens + figures.tokens <= 512

    talk(conversation)


# --- conversations ------------------------------------------------------------------------------


def dialogue(*texts: str) -> list[dict[str, str]]:
    roles = ("user", "assistant")
    return [{"role": roles[n % 2], "content": text} for n, text in enumerate(texts)]


def test_a_second_turn_reads_only_what_is_new_and_answers_as_a_fresh_one(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        async def ask(messages: list[dict[str, str]], name: str = "") -> tuple[str, Figures]:
            return await whole(
                chat.answer(model, messages=messages, conversation=name, max_tokens=12)
            )

        question = " ".join([PHRASE] * 20)
        first, figures = await ask(dialogue(question), "a")
        assert figures.prefilled == figures.prompt_tokens
        texts = [question, first]
        for turn in ("I miss the long evenings.", "Who would have guessed?"):
            texts.append(turn)
            kept, seen = await ask(dialogue(*texts), "a")
            fresh, all_of_it = await ask(dialogue(*texts))
            assert kept == fresh
            assert seen.tokens == all_of_it.tokens
            assert seen.prompt_tokens == all_of_it.prompt_tokens == all_of_it.prefilled
            assert seen.prefilled < 0.7 * seen.prompt_tokens
            texts.append(kept)

    talk(conversation)


def test_a_changed_earlier_message_is_read_again(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        async def ask(name: str, *texts: str) -> tuple[str, Figures]:
            return await whole(
                chat.answer(model, messages=dialogue(*texts), conversation=name, max_tokens=12)
            )

        await ask("a", PHRASE, "Sad", "And this?")
        again, figures = await ask("a", "Quite another beginning.", "Sad", "And this?")
        fresh, _ = await ask("", "Quite another beginning.", "Sad", "And this?")
        assert again == fresh
        assert figures.prefilled > 0.8 * figures.prompt_tokens

    talk(conversation)


def test_conversations_with_one_model_do_not_mix(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        async def ask(name: str, *texts: str) -> str:
            answer = chat.answer(model, messages=dialogue(*texts), conversation=name, max_tokens=12)
            return (await whole(answer))[0]

        alone = [await ask("", PHRASE), await ask("", "Copy them to a second drive.")]
        both = await asyncio.gather(ask("a", PHRASE), ask("b", "Copy them to a second drive."))
        again = [await ask("a", PHRASE), await ask("b", "Copy them to a second drive.")]
        assert alone == list(both) == again

    talk(conversation)


# --- stopping and dying -------------------------------------------------------------------------


def test_stopping_ends_the_answer_and_the_next_one_comes(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        answer = chat.answer(model, prompt=PHRASE, sampling=RANDOM, max_tokens=400)
        pieces = []
        async for piece in answer:
            pieces.append(piece)
            answer.stop()
        assert len(pieces) == 1
        assert answer.figures is None
        await whole(chat.answer(model, prompt=PHRASE, max_tokens=5))

    talk(conversation)


def test_stopping_from_elsewhere_ends_the_waiting_too(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        await chat.load(model)
        answer = chat.answer(model, prompt=PHRASE, sampling=RANDOM, max_tokens=400)

        async def listen() -> int:
            return len([piece async for piece in answer])

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(0.005)
        answer.stop()
        await asyncio.wait_for(listening, 3)
        assert answer.figures is None

    talk(conversation)


def test_a_conversation_goes_on_after_a_stop(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        messages = dialogue(PHRASE)
        answer = chat.answer(
            model, messages=messages, sampling=RANDOM, conversation="a", max_tokens=200
        )
        async for _ in answer:
            break
        answer.stop()
        kept, _ = await whole(
            chat.answer(model, messages=messages, conversation="a", max_tokens=12)
        )
        fresh, _ = await whole(chat.answer(model, messages=messages, max_tokens=12))
        assert kept == fresh

    talk(conversation)


def test_after_its_process_was_killed_the_next_question_is_answered(talk, model) -> None:
    async def conversation(chat: Chat, service: Service) -> None:
        before, _ = await whole(chat.answer(model, values={"phrase": PHRASE}))
        assert service.pid is not None
        answer = chat.answer(model, prompt=PHRASE, sampling=RANDOM, max_tokens=400)
        with pytest.raises(UserFacingError) as caught:  # noqa: PT012
            async for _ in answer:
                if service.pid is not None:
                    psutil.Process(service.pid).kill()
        assert caught.value.code == "service.died"
        after, _ = await whole(chat.answer(model, values={"phrase": PHRASE}))
        assert after == before

    talk(conversation)
