"""The chat engine: held to labels and schemas, stopped at once, within the memory there is."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.errors import Cancelled, InputError, RunError
from phi3studio.domain.recipe import Model, Recipe, Target
from phi3studio.domain.sampling import Sampling
from phi3studio.runs import launch
from phi3studio.runs.store import RunStore
from phi3studio.services.chat_client import Chat
from phi3studio.services.connection import Service
from phi3studio.worker.chat.chat_service import ChatService, StopTexts
from phi3studio.worker.chat.conversations import Conversations, Voice
from phi3studio.worker.chat.shelf import Shelf
from phi3studio.worker.chat.turns import Turns
from phi3studio.worker.genai.genai import GenaiModel
from phi3studio.worker.genai.genai_native import copied
from phi3studio.worker.serving import Cancel
from tests import tiny_models
from tests.processor_time import computed
from tests.worker.running import completed

PHRASE = "Nobody answered when I called."
WILD = {"temperature": 3.0, "top_k": 400, "seed": 7}
JSON_TEXT = '{"tone": "Joy", "sure": true} [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]'


@pytest.fixture(scope="module")
def long_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model with a long context whose tokenizer knows JSON's signs, exported."""
    root = tmp_path_factory.mktemp("long")
    home = Home(root / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_models, "_CORPUS", [*tiny_models._CORPUS, JSON_TEXT])
        base = tiny_models.make_tiny_phi3(
            root / "base",
            hidden_size=512,
            intermediate_size=1408,
            num_attention_heads=8,
            num_hidden_layers=4,
            max_position_embeddings=4096,
            original_max_position_embeddings=4096,
            sliding_window=4096,
        )
        patch.setenv("PHI3STUDIO_HOME", str(home.root))
        run = RunStore(home).create(
            Recipe(
                name="long",
                steps=["quantise"],
                model=Model(source=str(base)),
                target=Target(quantisation="fp32"),
            )
        )
        launch.start(run)
        return completed(run).model


@pytest.fixture
def shelf_of() -> Any:
    """A chat service in this process on a machine with so many free bytes."""

    def make(*free: int) -> ChatService:
        left = list(free)
        return ChatService(Shelf(lambda: left.pop(0) if len(left) > 1 else left[0]))

    return make


def run(
    service: ChatService, params: dict[str, Any], cancel: Cancel | None = None
) -> tuple[str, dict[str, Any]]:
    """The whole answer and its figures."""
    pieces = []
    answer = service.answer(params, cancel or Cancel())
    while True:
        try:
            pieces.append(next(answer)["text"])
        except StopIteration as end:
            return "".join(pieces), end.value


# --- labels and schemas -------------------------------------------------------------------------


def test_an_answer_is_one_of_the_labels(long_model, shelf_of) -> None:
    service = shelf_of(2**40)
    labels = ["Joy", "Joyful", "Sad"]
    seen = set()
    for seed in range(12):
        request = {"folder": str(long_model), "prompt": PHRASE, "labels": labels}
        text, figures = run(service, request | {"sampling": WILD | {"seed": seed}})
        assert text in labels
        assert figures["stopped"]
        seen.add(text)
    assert len(seen) > 1


def test_an_answer_fits_the_schema(long_model, shelf_of) -> None:
    service = shelf_of(2**40)
    schema = {
        "type": "object",
        "properties": {"tone": {"enum": ["Joy", "Sad"]}, "sure": {"type": "boolean"}},
        "required": ["tone", "sure"],
        "additionalProperties": False,
    }
    request = {"folder": str(long_model), "prompt": PHRASE, "schema": schema}
    for seed in range(4):
        text, figures = run(service, request | {"sampling": WILD | {"seed": seed}})
        value = json.loads(text)
        assert value["tone"] in ("Joy", "Sad")
        assert isinstance(value["sure"], bool)
        assert figures["stopped"]


def test_a_constrained_conversation_keeps_what_it_read(long_model, shelf_of) -> None:
    service = shelf_of(2**40)
    start = PHRASE * 20
    request = {"folder": str(long_model), "labels": ["Joy", "Sad"], "conversation": "a"}
    _, first = run(service, request | {"prompt": start})
    for ending in (" And you?", " Why not?", " And you?"):
        kept, figures = run(service, request | {"prompt": start + ending})
        fresh, _ = run(service, request | {"prompt": start + ending, "conversation": ""})
        assert kept == fresh
        assert figures["prefilled"] < 0.3 * figures["prompt_tokens"]
    assert first["prefilled"] == first["prompt_tokens"]


@pytest.mark.parametrize(
    ("constraint", "code"),
    [
        ({"labels": []}, "chat.labels"),
        ({"labels": ["Joy", ""]}, "chat.labels"),
        ({"schema": []}, "chat.schema"),
        ({"schema": {"type": "odd"}}, "chat.schema"),
        ({"schema": {"$ref": "http://127.0.0.1:9/x"}}, "chat.schema"),
    ],
)
def test_what_cannot_be_held_to_is_a_clear_error(long_model, shelf_of, constraint, code) -> None:
    service = shelf_of(2**40)
    with pytest.raises(InputError) as caught:
        run(service, {"folder": str(long_model), "prompt": PHRASE} | constraint)
    assert caught.value.code == code
    assert run(service, {"folder": str(long_model), "prompt": PHRASE, "max_tokens": 2})[1]


# --- stop texts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 50])
@pytest.mark.parametrize(
    ("stops", "text", "passed", "found"),
    [
        (["END"], "some textEND more", "some text", True),
        (["END"], "some EN text E", "some EN text E", False),
        (["aab"], "aaaab", "aa", True),
        (["\n\n", "###"], "a\n#b###\n\n", "a\n#b", True),
        ([], "anything", "anything", False),
    ],
)
def test_stop_texts_are_found_however_the_pieces_are_cut(cut, stops, text, passed, found) -> None:
    watch = StopTexts(stops)
    said = ""
    for at in range(0, len(text), cut):
        if not watch.found:
            said += watch.pass_on(text[at : at + cut])
    assert said + watch.rest() == passed
    assert watch.found is found


# --- seeds --------------------------------------------------------------------------------------


def test_a_seeded_answer_does_not_depend_on_what_was_said_before(long_model, shelf_of) -> None:
    service = shelf_of(2**40)
    request = {
        "folder": str(long_model),
        "prompt": PHRASE,
        "sampling": WILD,
        "max_tokens": 12,
        "conversation": "a",
    }
    first, _ = run(service, request)
    run(service, request | {"sampling": WILD | {"seed": 8}})
    again, _ = run(service, request)
    once_more, _ = run(service, request)
    assert first == again == once_more


# --- the same answer whatever was asked before ----------------------------------------------------

READ = [int(n) for n in np.random.default_rng(5).integers(260, 480, 700)]


@pytest.mark.parametrize("count", [1, 2, 64, 65, 300])
@pytest.mark.parametrize("before", ["the same", "its beginning", "an answer", "longer"])
def test_a_request_is_computed_as_if_it_were_the_first(long_model, before, count) -> None:
    """Bit for bit, and so its answer is the one that the verification measures."""
    model = GenaiModel(long_model, threads=2)
    conversations, voice = Conversations(model), Voice(Sampling())
    ids = READ[:count]
    match before:
        case "the same":
            ask(conversations, voice, ids, 3)
        case "its beginning":
            ask(conversations, voice, ids[:-1] or [300], 1)
        case "an answer":
            _, written = ask(conversations, voice, ids, 6)
            ids = [*ids, *written, 300]
        case "longer":
            ask(conversations, voice, [*ids, 400, 401], 2)
    found, answer = ask(conversations, voice, ids, 4)
    conversations.close()
    first, measured = ask(Conversations(model), voice, ids, 4)
    assert np.array_equal(found, first)
    assert answer == measured == list(itertools.islice(model.generate(ids, 20), 4))


@pytest.mark.parametrize(("temperature", "kept"), [(0.0, 128), (1.0, 154)])
def test_what_was_written_is_kept_where_the_answer_is_by_chance(
    long_model, temperature, kept
) -> None:
    conversations = Conversations(GenaiModel(long_model, threads=2))
    voice = Voice(Sampling(temperature=temperature))
    _, written = ask(conversations, voice, READ[:150], 4)
    talk = conversations.take("a", [*READ[:150], *written, 300], 200, voice)
    assert len(talk.ids) == kept


def ask(
    conversations: Conversations, voice: Voice, ids: list[int], answer: int
) -> tuple[Any, list[int]]:
    """The logits after a prompt, and the answer's first tokens."""
    talk = conversations.take("a", ids, len(ids) + answer, voice)
    talk.read(ids, Cancel(), Turns())
    logits = talk.generator.get_output("logits")[0, -1].copy()
    written = [talk.next_token(Cancel(), Turns()) for _ in range(answer)]
    conversations.keep("a", talk)
    return logits, written


# --- stopping -----------------------------------------------------------------------------------


@contextmanager
def load(threads: int) -> Iterator[None]:
    """Other work on the machine's cores."""

    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(threads)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_a_request_ends_at_once_also_while_its_prompt_is_read(long_model) -> None:
    """Measured in what this process computes for it; one core is kept busy."""
    model = GenaiModel(long_model, threads=1)
    ids = model.encode(PHRASE * 400)[:3900]
    began = time.process_time()
    talk = _talk(model, 3950)
    talk.read(ids, Cancel(), Turns())
    whole = time.process_time() - began
    late = []
    with load(1):
        for share in (0.1, 0.3, 0.6):
            talk, cancel = _talk(model, 3950), Cancel()
            asked: list[float] = []
            due = time.process_time() + share * whole

            def ask(cancel: Cancel = cancel, asked: list[float] = asked, due: float = due) -> None:
                while time.process_time() < due:
                    time.sleep(0.005)
                asked.append(time.process_time())
                cancel.request()

            asking = threading.Thread(target=ask)
            asking.start()
            with pytest.raises(Cancelled):
                talk.read(ids, cancel, Turns())
            late.append(time.process_time() - asked[0])
            asking.join()
            # What was read until then is kept, and the conversation goes on as a new one would.
            assert 0 <= len(talk.ids) < len(ids)
            talk.read(ids[:600], Cancel(), Turns()) if len(talk.ids) < 600 else talk.wind_back(
                ids[:600]
            )
            talk.read(ids[:600], Cancel(), Turns())
            fresh = _talk(model, 3950)
            fresh.read(ids[:600], Cancel(), Turns())
            assert [talk.next_token(Cancel(), Turns()) for _ in range(8)] == [
                fresh.next_token(Cancel(), Turns()) for _ in range(8)
            ]
    # What is left is a small part of the whole; seconds are measured by tests/benchmarks/chat.py.
    assert max(late) < whole / 4, (late, whole)


def _talk(model: GenaiModel, length: int) -> Any:
    from phi3studio.worker.chat.conversations import Conversation

    voice = Voice(Sampling())
    return Conversation(model.generator(length), length, voice)


def test_the_service_hears_a_stop_while_it_computes(long_model, home, tmp_path) -> None:
    """Through the process and its socket: most of what the stopped one would have taken is not
    computed."""

    async def talk() -> None:
        async with Service.start("chat", log=tmp_path / "log") as service:
            chat = Chat(service)
            await chat.load(long_model)
            prompt = PHRASE * 280

            assert service.pid is not None
            pid = service.pid
            began = computed(pid)
            await _drain(chat.answer(long_model, prompt=prompt, max_tokens=1))
            whole = computed(pid) - began
            began = computed(pid)
            answer = chat.answer(long_model, prompt=prompt, max_tokens=1)
            listening = asyncio.ensure_future(_drain(answer))
            while computed(pid) < began + whole / 4:
                await asyncio.sleep(0.01)
            answer.stop()
            await _drain(chat.answer(long_model, prompt="x", max_tokens=1))
            await listening
            assert computed(pid) - began < 0.75 * whole

    asyncio.run(talk())


async def _drain(answer: Any) -> None:
    async for _ in answer:
        pass


def test_a_waiting_request_can_be_withdrawn(long_model, home, tmp_path) -> None:
    async def talk() -> None:
        async with Service.start("chat", log=tmp_path / "log") as service:
            chat = Chat(service)
            await chat.load(long_model)
            first = chat.answer(
                long_model, prompt=PHRASE, max_tokens=600, sampling=Sampling(**WILD)
            )
            running = asyncio.ensure_future(_drain(first))
            await asyncio.sleep(0.05)
            waiting = [chat.answer(long_model, prompt=PHRASE, max_tokens=600) for _ in range(3)]
            tasks = [asyncio.ensure_future(_drain(one)) for one in waiting]
            await asyncio.sleep(0.05)
            for one in waiting:
                one.stop()
            first.stop()
            await asyncio.wait_for(asyncio.gather(running, *tasks), 5)
            last = chat.answer(long_model, prompt=PHRASE, max_tokens=2)
            await asyncio.wait_for(_drain(last), 10)
            assert last.figures is not None

    asyncio.run(talk())


def test_a_conversation_goes_on_whenever_it_was_stopped(long_model, shelf_of) -> None:
    """Also between two computations: at the piece that the client was given last."""
    service = shelf_of(2**40)
    request = {
        "folder": str(long_model),
        "prompt": PHRASE * 8,
        "max_tokens": 20,
        "conversation": "a",
        "sampling": {"repetition_penalty": 1.3},
    }
    expected, _ = run(service, request | {"conversation": ""})
    for pieces in (0, 1, 2, 3):
        cancel = Cancel()
        answer = service.answer(request, cancel)
        for _ in range(pieces):
            next(answer)
        cancel.request()
        answer.close()
        assert run(service, request)[0] == expected


def test_turns_are_taken_in_their_order() -> None:
    turns = Turns()
    order: list[int] = []

    def go(number: int) -> None:
        with turns.mine(Cancel()):
            order.append(number)

    with turns.mine(Cancel()):
        threads = [threading.Thread(target=go, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
            time.sleep(0.02)
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_answers_of_one_model_are_written_at_once(long_model, shelf_of) -> None:
    service = shelf_of(2**40)
    request = {"folder": str(long_model), "max_tokens": 12, "sampling": WILD}
    prompts = [f"{PHRASE} {number}" for number in range(4)]
    alone = [run(service, request | {"prompt": prompt})[0] for prompt in prompts]
    answers = [service.answer(request | {"prompt": prompt}, Cancel()) for prompt in prompts]
    together = [""] * len(prompts)
    for pieces in itertools.zip_longest(*answers):
        for number, piece in enumerate(pieces):
            together[number] += piece["text"] if piece else ""
    assert together == alone


def test_an_answer_waits_for_the_memory_of_an_earlier_one(long_model) -> None:
    free = [2**40]
    service = ChatService(Shelf(lambda: free[0]))
    request = {"folder": str(long_model), "prompt": PHRASE, "max_tokens": 12}
    first, later = service.answer(request, Cancel()), Cancel()
    next(first)
    free[0] = 0
    found: list[tuple[str, dict[str, Any]]] = []
    thread = threading.Thread(target=lambda: found.append(run(service, request, later)))
    thread.start()
    thread.join(0.3)
    assert thread.is_alive()
    free[0] = 2**40
    for _ in first:
        pass
    thread.join(30)
    assert found[0][1]["tokens"] == 12


# --- memory -------------------------------------------------------------------------------------


# In a process of its own: what this one has freed before would be used again, unseen in the rss.
_HELD = """
import psutil, sys
from pathlib import Path
from phi3studio.worker.genai.genai import GenaiModel

model = GenaiModel(Path(sys.argv[1]), threads=1)

def held(length):
    before = psutil.Process().memory_info().rss
    generators = [model.generator(length) for _ in range(12)]
    for generator in generators:
        generator.append_tokens([5, 6, 7])
        generator.generate_next_token()
    return (psutil.Process().memory_info().rss - before) // len(generators)

held(256)
print(held(256), held(4096), model.memory_per_token)
"""


def test_memory_is_taken_for_the_length_that_is_asked(long_model) -> None:
    said = subprocess.run(
        [sys.executable, "-c", _HELD, str(long_model)], capture_output=True, text=True, check=True
    )
    short, long, per_token = map(int, said.stdout.split())
    assert short < 4e6 < 10e6 < long
    assert per_token * 4096 == 2 * 4 * 2 * 64 * 4 * 4096


def test_the_least_used_model_goes_when_memory_is_short(pair, long_model, shelf_of) -> None:
    plenty = 2**40
    # Looked at: before each load, and again after another model has gone.
    service = shelf_of(plenty, plenty, plenty, plenty, 0, plenty)
    first, second = str(pair.first.model), str(pair.second.model)
    assert service.load({"folder": first}, Cancel())["unloaded"] == []
    assert service.load({"folder": second}, Cancel())["unloaded"] == []
    described = service.load({"folder": str(long_model)}, Cancel())
    assert described["unloaded"] == ["first"]


def test_a_model_that_does_not_fit_is_refused_with_the_sizes(long_model, shelf_of) -> None:
    with pytest.raises(RunError) as caught:
        shelf_of(1000).load({"folder": str(long_model)}, Cancel())
    assert caught.value.code == "chat.memory"
    assert caught.value.values["needed"] > caught.value.values["free"] >= 0
    assert "B of memory" in caught.value.message


def test_an_answer_that_does_not_fit_is_refused(long_model, shelf_of) -> None:
    service = shelf_of(2**40, 2**40, 1000)
    with pytest.raises(RunError) as caught:
        run(service, {"folder": str(long_model), "prompt": PHRASE})
    assert caught.value.code == "chat.memory"


@pytest.mark.slow
def test_values_beyond_2_gib_are_copied_whole() -> None:
    """The logits of 2,700 tokens, with Phi-4-mini's vocabulary."""
    values = np.zeros((2_700, 200_064), np.float32)
    values[0, 0], values[-1, -1] = 1.5, 2.5
    made = copied(values.ctypes.data, values.dtype, values.shape)
    assert made.shape == values.shape
    assert (made[0, 0], made[-1, -1]) == (1.5, 2.5)
    assert not np.shares_memory(made, values)


def test_requests_get_their_turns_in_the_order_of_their_arrival() -> None:
    """Also where their threads get to the model in another one."""
    turns, order = Turns(by_arrival=True), []
    holder, *others = [Cancel() for _ in range(5)]

    def take(cancel: Cancel) -> None:
        with turns.mine(cancel):
            order.append(others.index(cancel))

    with turns.mine(holder):
        threads = [threading.Thread(target=take, args=(cancel,)) for cancel in reversed(others)]
        for waiting, thread in enumerate(threads, start=2):
            thread.start()
            while len(turns._waiting) < waiting:
                time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == [0, 1, 2, 3]
