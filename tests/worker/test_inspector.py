"""The inspector as window and command line meet it: a real service process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from phi3studio.domain.datasets.check_report import CheckProgress, Report
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.recipe import Recipe
from phi3studio.services.connection import Service
from phi3studio.services.inspector_client import Inspector
from phi3studio.worker.data.checking.check_data import check
from phi3studio.worker.data.inspecting.preview import preview
from phi3studio.worker.data.preparing.row_pipeline import Process
from phi3studio.worker.inspector_service import Encoders
from tests.processor_time import computed
from tests.worker.data_fixtures import SAMPLES, model_folder, recipe_for, report_of, write_jsonl  # noqa: F401

EMOTIONS = {"prompt": "### Text: {phrase}\n### Tone:\n", "completion": "{tone}"}
Ask = Callable[[Callable[[Inspector], Awaitable[Any]]], Any]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    def go(conversation: Callable[[Inspector], Awaitable[Any]]) -> Any:
        async def inside() -> Any:
            async with Service.start("inspector", log=tmp_path / "log") as service:
                return await conversation(Inspector(service))

        return asyncio.run(inside())

    return go


def recipe_with(model: Path, source: Path, **data: Any) -> Recipe:
    recipe = recipe_for(source, **data)
    return recipe.model_copy(
        update={"model": recipe.model.model_copy(update={"source": str(model)})}
    )


def test_answers_are_those_of_the_engine(ask: Ask, model_folder: Path) -> None:  # noqa: F811
    recipe = recipe_with(model_folder, SAMPLES / "emotions.jsonl", **EMOTIONS)

    async def conversation(inspector: Inspector) -> tuple[Any, ...]:
        items = [item async for item in inspector.check(recipe)]
        return (
            await inspector.look(recipe.data),
            await inspector.preview(recipe, 7),
            await inspector.presets(["phrase", "tone"], str(model_folder)),
            items,
        )

    report, seen, presets, items = ask(conversation)
    assert (report.rows, report.rows_exact, report.shapes[0].shape) == (656, True, "columns")
    assert presets[0].name == "chat"
    encoder = Encoders().of(str(model_folder))
    process = Process(recipe.data, encoder, 256, ["phrase", "tone"])
    row = json.loads((SAMPLES / "emotions.jsonl").read_text("utf-8").splitlines()[7])
    assert seen == preview(process, row, 7)
    assert all(isinstance(item, CheckProgress) for item in items[:-1])
    assert isinstance(items[-1], Report)
    same = {"seconds": 0.0}
    engine = report_of(check(recipe.data, encoder, 256, 1))
    assert items[-1].model_copy(update=same) == engine.model_copy(update=same)


def test_pages_of_rows_wherever_one_looks(ask: Ask, tmp_path: Path) -> None:
    count = 9000
    path = write_jsonl(tmp_path / "rows.jsonl", [{"n": n, "t": "x" * 50} for n in range(count)])
    source = Source(source=str(path))

    async def conversation(inspector: Inspector) -> None:
        for offset, limit in [(0, 100), (150, 100), (8990, 100), (5, 3), (8999, 1), (3000, 500)]:
            page = await inspector.rows(source, offset, limit)
            expected = list(range(offset, min(count, offset + limit)))
            assert [row["n"] for row in page.rows] == expected
        last = await inspector.rows(source, 8999, 10)
        assert last.end
        beyond = await inspector.rows(source, 20_000, 10)
        assert (beyond.rows, beyond.end) == ((), True)
        assert len((await inspector.rows(source, 0, 100_000)).rows) == 500
        write_jsonl(path, [{"n": -1, "t": "changed"}])
        assert (await inspector.rows(source, 0, 10)).rows == ({"n": -1, "t": "changed"},)

    ask(conversation)


def test_errors_keep_their_kind_and_the_service_lives_on(
    ask: Ask,
    tmp_path: Path,
    model_folder: Path,  # noqa: F811
) -> None:
    good = recipe_with(model_folder, SAMPLES / "emotions.jsonl", **EMOTIONS)
    wrong = [
        (recipe_with(model_folder, tmp_path / "absent.jsonl", **EMOTIONS), "data.no_file"),
        (
            recipe_with(
                model_folder, SAMPLES / "emotions.jsonl", prompt="{phrse}", completion="{tone}"
            ),
            "data.missing_column",
        ),
        (
            recipe_with(tmp_path / "no-model", SAMPLES / "emotions.jsonl", **EMOTIONS),
            "model.no_folder",
        ),
    ]

    async def conversation(inspector: Inspector) -> None:
        for recipe, code in wrong:
            with pytest.raises(InputError) as caught:
                await inspector.preview(recipe, 0)
            assert caught.value.code == code
            with pytest.raises(InputError) as caught:
                _ = [item async for item in inspector.check(recipe)]
            assert caught.value.code == code
        with pytest.raises(InputError) as caught:
            await inspector.preview(good, 656)
        assert caught.value.code == "data.no_row"
        assert (await inspector.preview(good, 655)).row == 655

    ask(conversation)


def test_a_check_can_be_left_and_previews_are_answered_meanwhile(
    ask: Ask,
    tmp_path: Path,
    model_folder: Path,  # noqa: F811
) -> None:
    rows = [{"phrase": f"phrase {n} " + "word " * 60, "tone": "Joy"} for n in range(60_000)]
    large = recipe_with(model_folder, write_jsonl(tmp_path / "rows.jsonl", rows), **EMOTIONS)

    async def conversation(inspector: Inspector) -> None:
        await inspector.warm(str(model_folder))
        checking = inspector.check(large)
        seen = [await anext(checking) for _ in range(2)]
        assert all(isinstance(item, CheckProgress) and item.done < item.total for item in seen)
        preview = asyncio.ensure_future(inspector.preview(large, 3))
        async for item in checking:
            assert isinstance(item, CheckProgress), "the preview waited for the check's end"
            if preview.done():
                break
        assert (await preview).row == 3
        await checking.aclose()
        # Nothing goes on in the background: the service's processor time stands still.
        import psutil

        pid = (await inspector._service.call("ping"))["pid"]
        await asyncio.sleep(0.7)
        before = psutil.Process(pid).cpu_times().user
        await asyncio.sleep(0.5)
        assert psutil.Process(pid).cpu_times().user - before < 0.1

    ask(conversation)


def test_a_service_that_died_while_checking_says_so_and_comes_back(
    ask: Ask,
    tmp_path: Path,
    model_folder: Path,  # noqa: F811
) -> None:
    import psutil

    rows = [{"phrase": f"phrase {n} " + "word " * 60, "tone": "Joy"} for n in range(30_000)]
    large = recipe_with(model_folder, write_jsonl(tmp_path / "rows.jsonl", rows), **EMOTIONS)

    async def conversation(inspector: Inspector) -> None:
        checking = inspector.check(large)
        await anext(checking)
        pid = (await inspector._service.call("ping"))["pid"]
        psutil.Process(pid).kill()
        with pytest.raises(UserFacingError) as caught:
            _ = [item async for item in checking]
        assert caught.value.code == "service.died"
        assert (await inspector.preview(large, 3)).row == 3

    ask(conversation)


def test_a_template_keystroke_is_answered_at_once(ask: Ask, model_folder: Path) -> None:  # noqa: F811
    async def conversation(inspector: Inspector) -> float:
        await inspector.warm(str(model_folder))
        pid = (await inspector._service.call("ping"))["pid"]
        began = computed(pid)
        for count in range(60):
            recipe = recipe_with(
                model_folder,
                SAMPLES / "emotions.jsonl",
                prompt="{phrase}" + "x" * count,
                completion="{tone}",
            )
            await inspector.preview(recipe, count)
        return (computed(pid) - began) / 60

    # of the processor; the benchmark has the bar
    assert ask(conversation) < 0.2


def run_cli(*arguments: str, home: Path) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "phi3studio", "data", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PHI3STUDIO_HOME": str(home)},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_command_line_gives_the_same(tmp_path: Path, model_folder: Path) -> None:  # noqa: F811
    sample = str(SAMPLES / "emotions.jsonl")
    model = ("--model", str(model_folder))
    code, out, _ = run_cli("shapes", sample, "--json", home=tmp_path)
    assert (code, json.loads(out)["shapes"][0]["shape"]) == (0, "columns")
    template = "### Text: {phrase}\\n### Tone:\\n{tone}"
    code, out, _ = run_cli(
        *("preview", sample, "--template", template, "--row", "8", "--length", "256"),
        *(*model, "--json"),
        home=tmp_path,
    )
    shown = json.loads(out)
    encoder = Encoders().of(str(model_folder))
    recipe = recipe_for(sample, **EMOTIONS)
    row = json.loads(Path(sample).read_text("utf-8").splitlines()[7])
    process = Process(recipe.data, encoder, 256, ["phrase", "tone"])
    expected = preview(process, row, 7).model_dump(mode="json")
    assert code == 0
    source = shown.pop("source")
    assert (source["format"], source["encoding"], source["files"]) == ("jsonl", "utf-8", [sample])
    assert {**shown, "row": 7} == {**expected, "data": shown["data"], "reason": None}
    assert shown["row"] == 8
    assert shown["data"]["template"] == EMOTIONS
    code, out, _ = run_cli("check", sample, *model, "--json", "--repair", "trim", home=tmp_path)
    report = json.loads(out)
    assert (code, report["statistics"]["rows"], report["data"]["repairs"]) == (
        0,
        656,
        [{"kind": "trim"}],
    )
    assert {finding["code"] for finding in report["findings"]} == set()


def test_the_command_line_explains_what_is_wrong(tmp_path: Path, model_folder: Path) -> None:  # noqa: F811
    sample = str(SAMPLES / "emotions.jsonl")
    code, out, _ = run_cli(
        *("preview", sample, "--template", "{nope}{tone}", "--model", str(model_folder), "--json"),
        home=tmp_path,
    )
    assert code == 2
    assert json.loads(out)["error"]["code"] == "data.missing_column"
    code, _, err = run_cli("shapes", str(tmp_path / "absent.csv"), home=tmp_path)
    assert code == 2
    assert "absent.csv" in err
    code, _, err = run_cli("shapes", sample, "--format", "nonsense", home=tmp_path)
    assert code == 2
    assert "data.format" in err


@pytest.mark.parametrize("command", ["shapes", "preview", "check"])
def test_the_command_line_speaks_to_people(
    tmp_path: Path,
    model_folder: Path,  # noqa: F811
    command: str,
) -> None:
    model = () if command == "shapes" else ("--model", str(model_folder))
    code, out, err = run_cli(command, str(SAMPLES / "emotions.jsonl"), *model, home=tmp_path)
    assert (code, err) == (0, "")
    words = {"shapes": "label for “phrase”", "preview": "■", "check": "656 rows, 656 kept"}
    assert words[command] in out
