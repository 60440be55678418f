"""The edge bundle of a real run: complete, private, whole or not there, and it answers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from installers.bootstrap import requirements
from phi3studio.domain.errors import Cancelled, InputError, RunError, UserFacingError
from phi3studio.domain.quantisation import FLAVOURS
from phi3studio.domain.recipe import Template
from phi3studio.domain.template import parse_template
from phi3studio.resources import resources
from phi3studio.runs.bundle import export_bundle
from phi3studio.runs.bundle.contents import SUMS
from phi3studio.runs.bundle.sample_programs import GENAI, cpp_values
from phi3studio.runs.store import RunFolder
from phi3studio.services.run_export import export_run, parse_wish
from tests.environment import users_environment
from tests.small_disks import mounted

ROOT = Path(__file__).resolve().parents[2]
PHRASE = "Nobody answered when I called."


@pytest.fixture
def run(pair) -> RunFolder:
    run: RunFolder = pair.second
    return run


def names(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


# --- what is in it ------------------------------------------------------------------------------


def test_a_bundle_holds_all_that_the_models_use_takes(run, tmp_path) -> None:
    made = export_bundle(run, tmp_path / "out")
    found = names(tmp_path / "out")
    assert found == set(made.files)
    assert {
        "README.md",
        "prompt.json",
        "generation.json",
        "recipe.json",
        "LICENCE-base-model.txt",
        "SHA256SUMS",
        "model/model.onnx",
        "model/genai_config.json",
        "model/tokenizer.json",
        "model/chat_template.jinja",
        "samples/python/answer.py",
        "samples/python/requirements.txt",
        "samples/csharp/Program.cs",
        "samples/csharp/Answer.csproj",
        "samples/javascript/answer.mjs",
        "samples/javascript/package.json",
        "samples/cpp/answer.cpp",
        "samples/cpp/bundle.h",
        "samples/cpp/Makefile",
        "card/README.md",
        "card/card.html",
    } <= found
    prompt = json.loads((tmp_path / "out" / "prompt.json").read_text())
    assert prompt["prompt"] == "### Text: {phrase}\n### The tone is:\n"
    assert (prompt["columns"], prompt["required"]) == (["phrase"], ["phrase"])
    assert not any("/data/" in name or name.startswith("data/") for name in found)


def test_the_checksums_are_those_of_the_files(run, tmp_path) -> None:
    out = tmp_path / "out"
    export_bundle(run, out)
    lines = (out / SUMS).read_text().splitlines()
    listed = {line.partition("  ")[2]: line.partition("  ")[0] for line in lines}
    assert set(listed) == names(out) - {SUMS}
    for name, digest in listed.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest, name


def test_no_path_of_this_computer_is_in_it_and_it_says_what_was_replaced(run, tmp_path) -> None:
    out = tmp_path / "out"
    made = export_bundle(run, out)
    recipe = run.recipe()
    places = [
        str(run.path.parent.parent),
        recipe.model.source,
        str(Path(recipe.rows.source).parent),
    ]
    assert recipe.model.source in run.recipe_file.read_text()
    assert recipe.model.source in (run.model / "studio.json").read_text()
    for name in names(out):
        content = (out / name).read_bytes()
        for place in places:
            assert place.encode() not in content, (name, place)
    written = json.loads((out / "recipe.json").read_text())
    assert written["model"]["source"] == "tiny-phi3"
    assert written["data"]["source"] == "other.jsonl"
    assert any("other.jsonl" in str(note) and "tiny-phi3" in str(note) for note in made.notes)
    assert all(str(note) in (out / "README.md").read_text() for note in made.notes)


def test_a_zip_file_holds_the_same_and_is_the_same_each_time(run, tmp_path) -> None:
    export_bundle(run, tmp_path / "out")
    for name in ("a.zip", "b.zip"):
        export_bundle(run, tmp_path / name)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert {name.partition("/")[0] for name in archive.namelist()} == {"a"}
        assert {name.partition("/")[2] for name in archive.namelist()} == names(tmp_path / "out")
        sums = archive.read("a/SHA256SUMS").decode()
    assert sums == (tmp_path / "out" / SUMS).read_text()
    unpacked = [zipfile.ZipFile(tmp_path / name) for name in ("a.zip", "b.zip")]
    contents = [[archive.read(name) for name in archive.namelist()] for archive in unpacked]
    assert contents[0] == contents[1]
    for archive in unpacked:
        archive.close()


def test_an_adapter_alone_can_be_exported(run, tmp_path) -> None:
    out = tmp_path / "out"
    export_bundle(run, out, "adapter")
    found = names(out)
    assert {"adapter/adapter_config.json", "adapter/adapter_model.safetensors"} <= found
    assert {"README.md", "recipe.json", "LICENCE-base-model.txt"} <= found
    assert not any(name.startswith(("model/", "samples/")) for name in found)
    config = json.loads((out / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny-phi3"


@pytest.mark.parametrize("what", ["model", "adapter", "merged"])
def test_a_folder_is_the_same_each_time(run, tiny_phi3, home, what, tmp_path) -> None:
    copy = RunFolder(home.runs / run.name)
    shutil.copytree(run.path, copy.path)
    shutil.copytree(tiny_phi3, copy.merged, dirs_exist_ok=True)
    for name in "ab":
        export_bundle(copy, tmp_path / name, what)
    assert names(tmp_path / "a") == names(tmp_path / "b")
    assert any(name.startswith(f"{what}/") for name in names(tmp_path / "a"))
    for name in names(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_an_exported_adapter_computes_what_the_exported_model_does(
    run, tiny_phi3, tmp_path
) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from phi3studio.worker.fidelity.exported_model import ExportedModel

    def loss(model: Any) -> float:
        with torch.inference_mode():
            return float(model(ids, labels=ids).loss) * (ids.shape[1] - 1)

    export_bundle(run, tmp_path / "out", "adapter")
    base = AutoModelForCausalLM.from_pretrained(tiny_phi3, dtype=torch.float32).eval()
    with ExportedModel(run.model, threads=1) as exported:
        (text,) = exported.encode([f"### Text: {PHRASE}\n### The tone is:\n"])
        expected = exported.score(text, range(1, len(text))).loss
    ids = torch.tensor([text])
    assert abs(loss(base) - expected) > 0.01
    tuned = PeftModel.from_pretrained(base, tmp_path / "out" / "adapter").eval()
    assert loss(tuned) == pytest.approx(expected, abs=1e-3)


def test_the_olive_config_goes_along_without_the_rows(run, tmp_path) -> None:
    olive = tmp_path / "olive"
    (olive / "data").mkdir(parents=True)
    (olive / "olive-config.json").write_text(json.dumps({"m": run.recipe().model.source}))
    (olive / "data" / "train.jsonl").write_text('{"phrase": "secret"}')
    export_bundle(run, tmp_path / "out", olive=olive)
    assert {n for n in names(tmp_path / "out") if n.startswith("olive/")} == {
        "olive/olive-config.json"
    }
    assert json.loads((tmp_path / "out/olive/olive-config.json").read_text()) == {"m": "tiny-phi3"}


def test_the_samples_name_the_releases_that_the_models_are_made_for() -> None:
    flavours = {"cpu": "cpu", "cuda": "cuda", "dml": "directml"}
    for provider, (_, version) in GENAI.items():
        wheels = {line.partition(";")[0] for line in requirements(flavours[provider])}
        assert f"{FLAVOURS[provider][0]}=={version}" in wheels


# --- whole or not there -------------------------------------------------------------------------


def leftovers(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_cancelling_leaves_nothing(run, tmp_path, name) -> None:
    seen = []

    def on_progress(done: int, total: int) -> None:
        seen.append(done / total)
        if done > total / 2:
            raise Cancelled

    place = tmp_path / "new" / "deep"
    with pytest.raises(Cancelled):
        export_bundle(run, place / name, on_progress=on_progress)
    assert seen[-1] > 0.5
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["out", "out.zip"])
@pytest.mark.parametrize("surprised", [False, True])
def test_on_a_full_disk_nothing_half_written_is_left(
    run, tmp_path, monkeypatch, name, surprised
) -> None:
    with mounted(tmp_path / "small", "size=1m") as small:
        (small / "mine.txt").write_text("keep")
        if surprised:
            # As when another program fills the disk meanwhile.
            monkeypatch.setattr("phi3studio.runs.bundle._check_room", lambda out, total: None)
        with pytest.raises(RunError) as caught:
            export_bundle(run, small / name)
        assert caught.value.code == ("export.not_written" if surprised else "disk.full")
        assert leftovers(small) == ["mine.txt"]


@pytest.mark.parametrize("name", ["out", "out.zip"])
def test_what_is_there_is_replaced_only_when_asked_and_only_by_a_whole_bundle(
    run, tmp_path, name
) -> None:
    out = tmp_path / name
    export_bundle(run, out)
    before = out.stat().st_ino
    with pytest.raises(InputError) as caught:
        export_bundle(run, out)
    assert caught.value.code == "export.exists"

    def fail(done: int, total: int) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        export_bundle(run, out, replace=True, on_progress=fail)
    assert out.stat().st_ino == before
    export_bundle(run, out, replace=True)
    assert out.stat().st_ino != before
    assert leftovers(tmp_path) == [name]


def test_a_folder_with_something_else_is_never_replaced(run, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(InputError) as caught:
        export_bundle(run, tmp_path, replace=True)
    assert caught.value.code == "export.not_a_bundle"
    assert leftovers(tmp_path) == ["thesis.txt"]


def test_an_empty_folder_is_used(run, tmp_path) -> None:
    (tmp_path / "out").mkdir()
    export_bundle(run, tmp_path / "out")
    assert (tmp_path / "out" / SUMS).is_file()


def test_a_run_without_the_result_is_a_clear_error(run, tmp_path) -> None:
    with pytest.raises(UserFacingError) as caught:
        export_bundle(run, tmp_path / "out", "merged")
    assert caught.value.code == "export.nothing_there"
    assert not (tmp_path / "out").exists()


# --- it answers ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has onnxruntime-genai and what that asks for, and nothing else of ours."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next(folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages")
    import onnxruntime_genai

    installed = Path(onnxruntime_genai.__file__).parents[1]
    for wanted in ("onnxruntime_genai", "onnxruntime", "numpy", "numpy.libs"):
        if (installed / wanted).is_dir():
            (site / wanted).symlink_to(installed / wanted)
    return next(
        path for path in (folder / "bin/python", folder / "Scripts/python.exe") if path.is_file()
    )


def answer(
    python: Path, bundle: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    sample = bundle / "samples" / "python" / "answer.py"
    environment = {k: v for k, v in (environment or os.environ).items() if k != "PYTHONPATH"}
    return subprocess.run(
        [str(python), "-I", str(sample), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=bundle.parent,
        env=environment,
    )


def answers(run: RunFolder) -> str:
    """What the run's model answers to the phrase."""
    from phi3studio.worker.genai.genai import GenaiModel

    model = GenaiModel(run.model, threads=1)
    template = parse_template(run.recipe().rows.template.prompt, "prompt")
    ids = model.encode(template.render({"phrase": PHRASE}))
    stream = model.stream()
    return "".join(
        stream.decode(token) for token in model.generate(ids, 256) if token not in model.stop_ids
    )


def test_the_python_sample_streams_the_models_answer(run, bare_python, tmp_path) -> None:
    refused = subprocess.run([str(bare_python), "-c", "import transformers"], capture_output=True)
    assert refused.returncode != 0, "the environment is not bare"
    export_bundle(run, tmp_path / "bundle")
    expected = answers(run)
    for arguments in ([PHRASE], [f"phrase={PHRASE}"]):
        done = answer(bare_python, tmp_path / "bundle", *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout == expected + "\n"


def test_the_python_sample_reports_nothing(run, bare_python, tmp_path) -> None:
    """What the runtime reports it keeps in the user's cache first, with an id of the device."""
    export_bundle(run, tmp_path / "bundle")
    user = tmp_path / "user"
    user.mkdir()
    environment = users_environment(HOME=str(user), XDG_CACHE_HOME=str(user))
    done = answer(bare_python, tmp_path / "bundle", PHRASE, environment=environment)
    assert done.returncode == 0, done.stderr
    assert not list(user.rglob("*"))


def test_the_python_sample_says_what_it_needs(run, bare_python, tmp_path) -> None:
    export_bundle(run, tmp_path / "bundle")
    for arguments in ([], ["a=1", "b=2"]):
        done = answer(bare_python, tmp_path / "bundle", *arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("usage: python answer.py")


TEMPLATES = [
    ("a {x} b {y}", {"x": "{y}", "y": "2"}),
    ("{{literal}} {x}{{{{", {"x": "1"}),
    ("{?x}with {x}, {/x}then {y}", {"x": "1", "y": "2"}),
    ("{?x}with {x}, {/x}then {y}", {"x": " ", "y": "2"}),
    ("{?x}[{?y}{y}{/y}]{/x}{z}", {"x": "1", "z": "3"}),
    ("{?x}[{?y}{y}{{}}{/y}]{/x}{z}", {"y": "1", "z": "3"}),
    (" { x } ", {"x": "ünï\n"}),
]


@pytest.mark.parametrize(("template", "values"), TEMPLATES)
def test_the_python_sample_fills_templates_as_the_training_did(template, values) -> None:
    source = (resources() / "bundle" / "python" / "answer.py").read_text("utf-8")
    body = source.replace("import onnxruntime_genai as og  # noqa: E402\n", "")
    scope: dict[str, object] = {"__file__": __file__, "__name__": "sample"}
    exec(compile(body, "answer.py", "exec"), scope)
    fill = scope["fill"]
    assert Template(prompt=template, completion="x").prompt == template
    expected = parse_template(template, "prompt").render(values)
    assert fill(template, values) == expected  # type: ignore[operator]


@pytest.mark.parametrize(
    ("place", "start"),
    [
        ("python", 'python answer.py "your text here"'),
        ("csharp", 'dotnet run -- "your text here"'),
        ("javascript", 'node answer.mjs "your text here"'),
        ("cpp", './answer "your text here"'),
    ],
)
def test_for_a_program_it_is_the_bundle_and_how_its_sample_is_started(
    run, place, start, tmp_path
) -> None:
    wish = parse_wish("model", place, "q8_0", None, olive=False)
    made = asyncio.run(export_run(run, tmp_path / place, wish))
    assert made.start is not None
    assert made.start.startswith(f"cd samples/{place} && ")
    assert made.start.endswith(start)
    export_bundle(run, tmp_path / "plain")
    assert names(tmp_path / place) == names(tmp_path / "plain")


# --- the C++ sample -----------------------------------------------------------------------------

needs_compiler = pytest.mark.skipif(
    sys.platform == "win32" or not (shutil.which("make") and shutil.which("c++")),
    reason="needs make and a C++ compiler",
)


def check_answers(
    run: RunFolder, folder: Path, start: Sequence[str | Path], usage: str, user: Path
) -> None:
    """The program of *start* answers as the run does, says what it misses, and reports nothing to
    its makers, which the library would write into the home of *user* first."""
    user.mkdir()
    environment = users_environment(HOME=str(user), XDG_CACHE_HOME=str(user))

    def said(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*start, *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8",
        )  # fmt: skip

    expected = answers(run)
    for arguments in ([PHRASE], [f"phrase={PHRASE}"]):
        done = said(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == expected + "\n"
    for arguments in ([], ["a=1", "b=2"]):
        done = said(*arguments)
        assert (done.returncode, done.stderr) == (2, f"usage: {usage} phrase=TEXT\n")
    assert not list(user.rglob("*"))
    (folder.parents[1] / "model" / "model.onnx").unlink()
    done = said(PHRASE)
    assert done.returncode == 1
    assert "model.onnx" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def compiled(folder: Path) -> Path:
    """The sample in *folder*, made by its Makefile."""
    warnings = "c++ -Wall -Wextra -Werror"
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", f"CXX={warnings}"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "answer"


@needs_compiler
def test_the_cpp_sample_streams_the_models_answer_and_reports_nothing(run, tmp_path) -> None:
    export_bundle(run, tmp_path / "bundle")
    program = compiled(tmp_path / "bundle" / "samples" / "cpp")
    check_answers(run, program.parent, [program], "./answer", tmp_path / "user")


FILL = """
#define main sample
#include "answer.cpp"
#undef main
int main(int count, char** given) {
  Values values;
  for (int at = 2; at + 1 < count; at += 2) values[given[at]] = given[at + 1];
  std::cout << fill(given[1], values) << in_json(given[1]);
}
"""


@needs_compiler
def test_the_cpp_sample_fills_templates_as_the_training_did(run, tmp_path) -> None:
    export_bundle(run, tmp_path / "bundle")
    folder = tmp_path / "bundle" / "samples" / "cpp"
    (folder / "fill.cpp").write_text(FILL)
    libraries = ['-DGENAI_LIBRARY=""', '-DORT_LIBRARY=""']
    subprocess.run(
        ["c++", "-std=c++17", *libraries, "fill.cpp", "-o", "fill", "-ldl"], cwd=folder, check=True
    )
    for template, values in TEMPLATES:
        given = [word for pair in values.items() for word in pair]
        done = subprocess.run(
            [folder / "fill", template, *given], capture_output=True, encoding="utf-8", check=True
        )
        filled = parse_template(template, "prompt").render(values)
        text, json_text = done.stdout[: len(filled)], done.stdout[len(filled) :]
        assert text == filled
        assert json.loads(json_text) == template


def test_the_values_of_the_cpp_sample_are_safe_in_its_texts() -> None:
    prompt = {
        "kind": "template", "prompt": 'a"\\??/\nè{x}1', "columns": ["x"], "required": ["x"],
        "stop_ids": [1, 2], "adapter": None,
    }  # fmt: skip
    values = cpp_values(prompt, {"max_new_tokens": 3, "context": 4, "search": {}})
    assert r'prompt = "a\042\134\077\077/\012\303\250{x}1";' in values
    assert "stop_ids = {1, 2};" in values


# --- the C# sample ------------------------------------------------------------------------------


def test_the_csharp_project_is_well_formed(run, tmp_path) -> None:
    import xml.etree.ElementTree as ElementTree

    export_bundle(run, tmp_path / "out")
    folder = tmp_path / "out" / "samples" / "csharp"
    project = ElementTree.parse(folder / "Answer.csproj").getroot()
    reference = next(project.iter("PackageReference"))
    assert reference.attrib == {
        "Include": "Microsoft.ML.OnnxRuntimeGenAI",
        "Version": "[0.18.0]",
    }
    code = (folder / "Program.cs").read_text("utf-8")
    assert code.index("KeepToOneself();") < code.index("new OgaHandle()")
    assert code.count("{") - code.count("}") == _braces_in_texts(code)


def _braces_in_texts(code: str) -> int:
    """Braces in string literals and comments do not come in pairs."""
    texts = re.findall(r'@?"(?:\\.|[^"\\])*"|//[^\n]*', code)
    return sum(text.count("{") - text.count("}") for text in texts)
