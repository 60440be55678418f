"""A bundle's programs in C# and JavaScript, compiled and run with what registries bring (slow)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import onnxruntime
import onnxruntime_genai
import pytest

from phi3studio.domain.template import parse_template
from phi3studio.runs.bundle import export_bundle
from tests.e2e.test_real_clients import new_python
from tests.unit.test_bundle import TEMPLATES, bare_python, check_answers, run

__all__ = ["bare_python", "run"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
GENAI = Path(onnxruntime_genai.__file__).parent
RUNTIME = Path(onnxruntime.__file__).parent / "capi"


# --- C# -----------------------------------------------------------------------------------------

BINDING = Path(__file__).with_name("genai_binding.cs")
FILL = """
using System;
using System.Collections.Generic;
using System.Reflection;
internal static class Check
{
    private static void Main(string[] given)
    {
        Dictionary<string, string> values = new Dictionary<string, string>();
        for (int at = 1; at + 1 < given.Length; at += 2) values[given[at]] = given[at + 1];
        BindingFlags hidden = BindingFlags.NonPublic | BindingFlags.Static;
        MethodInfo fill = typeof(Program).GetMethod("Fill", hidden);
        Console.Write(fill.Invoke(null, new object[] { given[0], values }));
    }
}
"""


@pytest.fixture(scope="module")
def dotnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that runs .NET assemblies: no SDK, which no registry here brings."""
    folder = tmp_path_factory.mktemp("dotnet") / "env"
    new_python(folder, "dotnetcore2==3.1.23")
    (program,) = folder.glob("lib/python*/site-packages/dotnetcore2/bin/dotnet")
    program.chmod(0o755)
    return program


def compiled(dotnet: Path, folder: Path, *more: str | Path) -> Path:
    """The sample in *folder* with a stand-in for the package's managed half, by Mono's compiler."""
    (framework,) = dotnet.parent.glob("shared/Microsoft.NETCore.App/*")
    assemblies = [file for file in framework.glob("*.dll") if not file.name.endswith("Native.dll")]
    out = folder / "out"
    out.mkdir()
    done = subprocess.run(
        [
            "mcs", "-nostdlib", "-noconfig", "-unsafe", f"-out:{out / 'Answer.dll'}",
            *(f"-r:{file}" for file in assemblies), folder / "Program.cs", BINDING, *more,
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (out / "Answer.runtimeconfig.json").write_text(
        json.dumps({"runtimeOptions": {
            "framework": {"name": "Microsoft.NETCore.App", "version": framework.name},
            "configProperties": {"System.Globalization.Invariant": True},
        }})
    )  # fmt: skip
    # As the package lays them beside the assembly.
    (out / "libonnxruntime-genai.so").symlink_to(GENAI / "libonnxruntime-genai.so")
    (out / "libonnxruntime.so").symlink_to(next(RUNTIME.glob("libonnxruntime.so*")))
    return out / "Answer.dll"


@pytest.mark.skipif(shutil.which("mcs") is None, reason="needs Mono's C# compiler (mono-mcs)")
def test_the_csharp_program_streams_the_models_answer(run, dotnet, tmp_path) -> None:
    export_bundle(run, tmp_path / "bundle")
    folder = tmp_path / "bundle" / "samples" / "csharp"
    program = compiled(dotnet, folder)
    check_answers(run, folder, [dotnet, program], "dotnet run --", tmp_path / "user")


@pytest.mark.skipif(shutil.which("mcs") is None, reason="needs Mono's C# compiler (mono-mcs)")
def test_the_csharp_program_fills_templates_as_the_training_did(run, dotnet, tmp_path) -> None:
    export_bundle(run, tmp_path / "bundle")
    folder = tmp_path / "bundle" / "samples" / "csharp"
    (folder / "Check.cs").write_text(FILL)
    program = compiled(dotnet, folder, folder / "Check.cs", "-main:Check")
    for template, values in TEMPLATES:
        given = [word for pair in values.items() for word in pair]
        filled = subprocess.run(
            [dotnet, program, template, *given], capture_output=True, encoding="utf-8", check=True
        ).stdout
        assert filled == parse_template(template, "prompt").render(values)


# --- JavaScript ---------------------------------------------------------------------------------

FILL_HERE = """
import { fill } from './answer.mjs';
const given = JSON.parse(process.argv.at(-1));
console.log(JSON.stringify(given.map(([template, values]) => fill(template, values))));
"""


@pytest.mark.skipif(shutil.which("npm") is None, reason="needs Node.js with npm")
def test_the_javascript_program_streams_the_models_answer(run, bare_python, tmp_path) -> None:
    export_bundle(run, tmp_path / "bundle")
    # By another name, as temporary folders have on macOS.
    (tmp_path / "linked").symlink_to(tmp_path / "bundle")
    folder = tmp_path / "linked" / "samples" / "javascript"
    (folder.parent / "python" / "env").symlink_to(bare_python.parents[1])
    subprocess.run(
        ["npm", "install", "--ignore-scripts"], cwd=folder, check=True, capture_output=True
    )
    (folder / "fill.mjs").write_text(FILL_HERE)
    filled = subprocess.run(
        ["node", "fill.mjs", json.dumps(TEMPLATES)],
        cwd=folder, capture_output=True, encoding="utf-8", check=True,
    ).stdout  # fmt: skip
    assert json.loads(filled) == [
        parse_template(template, "prompt").render(values) for template, values in TEMPLATES
    ]
    start = ["node", folder / "answer.mjs"]
    check_answers(run, folder, start, "node answer.mjs", tmp_path / "user")
