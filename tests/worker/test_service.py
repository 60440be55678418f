"""Service processes: start, answer, stream, cancel, die and come back. Real child processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.services.connection import Service

SERVER = textwrap.dedent(
    """
    import os, threading, time
    from phi3studio.domain.errors import InputError
    from phi3studio.worker.serving import serve

    cancelled = []

    def count(params, cancel):
        try:
            for number in range(params["upto"]):
                cancel.check()
                time.sleep(params.get("pause", 0))
                yield number
        finally:
            cancelled.append(cancel.requested)
        return {"sum": sum(range(params["upto"]))}

    def refuse(params, cancel):
        raise InputError.from_json(
            {"code": "test.refused", "message": "Row 3 is wrong.", "hint": "Correct row 3."}
        )

    def crash(params, cancel):
        return 1 // 0

    def noisy(params, cancel):
        print("a library talks")
        os.write(1, b"and so does C\\n")
        return "quiet"

    serve({
        "count": count, "refuse": refuse, "crash": crash, "noisy": noisy,
        "echo": lambda params, cancel: params["value"],
        "die": lambda params, cancel: os._exit(3),
        "missing_file": lambda params, cancel: open("/does/not/exist"),
        "cancelled": lambda params, cancel: cancelled,
        "thread": lambda params, cancel: threading.get_ident(),
        "large": lambda params, cancel: "x" * (40 * 1024 * 1024),
    })
    """
)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Service], Awaitable[None]]], None]:
    def go(conversation: Callable[[Service], Awaitable[None]]) -> None:
        async def inside() -> None:
            command = [sys.executable, "-c", SERVER]
            async with Service.start("test", command=command, log=tmp_path / "log") as service:
                pid = service.pid
                await conversation(service)
            assert pid is not None
            assert not psutil.pid_exists(pid)

        asyncio.run(inside())

    return go


def test_requests_after_each_other_are_answered_by_one_thread(run) -> None:
    # Libraries keep handles for each thread, which take a GPU a while to make.
    async def ask(service: Service) -> None:
        threads = set()
        for _ in range(20):
            threads.add(await service.call("thread"))
            await asyncio.sleep(0.01)
        assert len(threads) == 1

    run(ask)


def test_answers_a_call_and_several_at_once(run) -> None:
    async def conversation(service: Service) -> None:
        assert await service.call("echo", value={"ü": [1, None]}) == {"ü": [1, None]}
        answers = await asyncio.gather(*(service.call("echo", value=n) for n in range(50)))
        assert answers == list(range(50))

    run(conversation)


def test_streams_items_then_the_result(run) -> None:
    async def conversation(service: Service) -> None:
        stream = service.stream("count", upto=4)
        assert [item async for item in stream] == [0, 1, 2, 3]
        assert stream.result == {"sum": 6}

    run(conversation)


def test_user_facing_errors_keep_their_kind_and_words(run) -> None:
    async def conversation(service: Service) -> None:
        with pytest.raises(InputError) as caught:
            await service.call("refuse")
        assert (caught.value.code, caught.value.message, caught.value.hint) == (
            "test.refused",
            "Row 3 is wrong.",
            "Correct row 3.",
        )

    run(conversation)


def test_bugs_are_reported_with_their_type_and_logged_with_their_trace(run, tmp_path) -> None:
    async def conversation(service: Service) -> None:
        for method, kind in (("crash", "ZeroDivisionError"), ("missing_file", "FileNotFoundError")):
            with pytest.raises(UserFacingError, match=kind) as caught:
                await service.call(method)
            assert caught.value.code == "bug"
        with pytest.raises(UserFacingError) as caught:
            await service.call("no_such_method")
        assert caught.value.code == "service.method"

    run(conversation)
    log = (tmp_path / "log").read_text()
    assert "Traceback" in log
    assert "ZeroDivisionError" in log


def test_output_of_libraries_does_not_disturb_the_conversation(run, tmp_path) -> None:
    async def conversation(service: Service) -> None:
        assert await service.call("noisy") == "quiet"

    run(conversation)
    assert "and so does C" in (tmp_path / "log").read_text()


def test_an_answer_too_large_is_an_error_and_the_service_lives_on(run) -> None:
    async def conversation(service: Service) -> None:
        with pytest.raises(UserFacingError) as caught:
            await service.call("large")
        assert caught.value.code == "service.too_large"
        assert await service.call("echo", value=1) == 1

    run(conversation)


def test_cancelling_the_awaiting_task_cancels_the_work(run) -> None:
    async def conversation(service: Service) -> None:
        task = asyncio.ensure_future(service.call("count", upto=10_000, pause=0.01))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _until(lambda: service.call("cancelled"), [True])

    run(conversation)


def test_a_question_that_is_withdrawn_while_its_process_starts_leaves_none(tmp_path) -> None:
    async def inside() -> None:
        command = [sys.executable, "-c", SERVER]
        before = psutil.Process().children()
        for steps in range(1, 6):
            service = Service("test", command, tmp_path / "log")
            task = asyncio.ensure_future(service.call("echo", value=1))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await service.close()
        new = [child for child in psutil.Process().children() if child not in before]
        assert not psutil.wait_procs(new, timeout=10)[1]

    asyncio.run(inside())


def test_a_stream_that_is_dropped_half_read_is_cancelled(run) -> None:
    async def conversation(service: Service) -> None:
        async for _ in service.stream("count", upto=10_000, pause=0.01):
            break
        await _until(lambda: service.call("cancelled"), [True])

    run(conversation)


def test_death_fails_all_pending_calls_and_the_next_call_restarts(run) -> None:
    async def conversation(service: Service) -> None:
        first = service.pid
        waiting = [
            asyncio.ensure_future(service.call("count", upto=100, pause=1)) for _ in range(3)
        ]
        await asyncio.sleep(0.1)
        with pytest.raises(UserFacingError) as caught:
            await service.call("die")
        assert caught.value.code == "service.died"
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, UserFacingError)
            assert error.code == "service.died"
        assert await service.call("echo", value=5) == 5
        assert service.pid not in (first, None)

    run(conversation)


def test_killed_from_outside_is_noticed_while_idle(run) -> None:
    async def conversation(service: Service) -> None:
        assert service.pid is not None
        psutil.Process(service.pid).kill()
        await asyncio.sleep(0.2)
        assert service.pid is None
        assert await service.call("echo", value=5) == 5

    run(conversation)


def test_a_child_that_cannot_start_says_where_the_reason_is(tmp_path) -> None:
    async def inside() -> None:
        service = Service.start(
            "test", command=[sys.executable, "-c", "import nothing_like_it"], log=tmp_path / "log"
        )
        with pytest.raises(UserFacingError) as caught:
            await service.open()
        assert caught.value.code == "service.start"
        assert str(tmp_path / "log") in caught.value.hint
        await service.close()

    asyncio.run(inside())
    assert "nothing_like_it" in (tmp_path / "log").read_text()


def test_the_child_ends_when_its_client_is_killed(tmp_path) -> None:
    client = textwrap.dedent(
        f"""
        import asyncio, sys
        from pathlib import Path
        from phi3studio.services.connection import Service
        async def main():
            command = [sys.executable, "-c", {SERVER!r}]
            service = Service.start("test", command=command, log=Path({str(tmp_path / "log")!r}))
            await service.open()
            print(service.pid, flush=True)
            await service.call("count", upto=10_000, pause=1)
        asyncio.run(main())
        """
    )
    with subprocess.Popen([sys.executable, "-c", client], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        assert child.is_running()
        process.kill()
    child.wait(timeout=5)


def test_a_stranger_without_the_token_gets_nothing(tmp_path) -> None:
    environment = dict(os.environ, PHI3STUDIO_TOKEN="right")
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["port"]
        for hello in (b'{"token": "wrong"}\n', b"no json\n", b"[1]\n", b"\n"):
            with socket.create_connection(("127.0.0.1", port)) as stranger:
                stranger.sendall(hello + b'{"id": 1, "method": "ping"}\n')
                with contextlib.suppress(ConnectionResetError):
                    assert stranger.recv(100) == b""
        with socket.create_connection(("127.0.0.1", port)) as friend:
            friend.sendall(b'{"token": "right"}\n{"id": 1, "method": "ping"}\n')
            assert json.loads(friend.makefile().readline())["result"]["pid"] == process.pid
        process.wait(timeout=5)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a terminal")
def test_an_interrupt_in_the_terminal_does_not_reach_the_child(run) -> None:
    async def conversation(service: Service) -> None:
        assert service.pid is not None
        assert os.getpgid(service.pid) != os.getpgid(0)

    run(conversation)


async def _until(ask: Callable[[], Awaitable[object]], wanted: object) -> None:
    end = time.monotonic() + 5
    while (answer := await ask()) != wanted:
        assert time.monotonic() < end, answer
        await asyncio.sleep(0.05)
