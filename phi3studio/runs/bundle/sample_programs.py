"""The programs of a bundle that ask its model, and what they are started with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.quantisation import FLAVOURS, Provider
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.template import parse_template
from phi3studio.resources import resources
from phi3studio.runs.bundle.entries import Entry, rendered
from phi3studio.runs.store import RunFolder

GENAI: dict[Provider, tuple[str, str]] = {
    "cpu": ("Microsoft.ML.OnnxRuntimeGenAI", "0.18.0"),
    "cuda": ("Microsoft.ML.OnnxRuntimeGenAI.Cuda", "0.18.0"),
    "dml": ("Microsoft.ML.OnnxRuntimeGenAI.DirectML", "0.13.1"),
}
"""The .NET package of each flavour, and the release that the models are made for; the Python
wheels (``domain.quantisation.FLAVOURS``) have the same releases."""


def samples(recipe: Recipe, prompt: dict[str, Any], generation: dict[str, Any]) -> Iterator[Entry]:
    """The programs, with what each needs to be built and started."""
    provider = recipe.target.provider
    nuget, version = GENAI[provider]
    folder = resources() / "bundle"
    yield Entry("samples/python/answer.py", (folder / "python" / "answer.py").read_bytes())
    wheel = FLAVOURS[provider][0]
    yield Entry.of_text("samples/python/requirements.txt", f"{wheel}=={version}\n")
    yield Entry("samples/csharp/Program.cs", (folder / "csharp" / "Program.cs").read_bytes())
    project = rendered("csharp/Answer.csproj.j2", nuget=nuget, version=version)
    yield Entry.of_text("samples/csharp/Answer.csproj", project)
    for name in (
        "javascript/answer.mjs",
        "javascript/package.json",
        "cpp/answer.cpp",
        "cpp/Makefile",
    ):
        yield Entry(f"samples/{name}", (folder / name).read_bytes())
    yield Entry.of_text("samples/cpp/bundle.h", cpp_values(prompt, generation))


def cpp_values(prompt: dict[str, Any], generation: dict[str, Any]) -> str:
    """The values of prompt.json and generation.json as a C++ header."""

    def literal(text: str) -> str:
        """In octal numbers of three digits, which no letter after them can join."""
        plain = set(range(32, 127)) - set(b'"\\?')
        letters = (chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode())
        return f'"{"".join(letters)}"'

    search = generation["search"].items()
    return rendered(
        "cpp/bundle.h.j2",
        template=prompt["kind"] == "template",
        prompt=literal(prompt.get("prompt", "")),
        columns=[literal(name) for name in prompt.get("columns", ())],
        required=[literal(name) for name in prompt.get("required", ())],
        stop_ids=prompt["stop_ids"],
        adapter=literal(prompt["adapter"] or ""),
        max_new_tokens=generation["max_new_tokens"],
        context=generation["context"],
        numbers=[(literal(name), n) for name, n in search if not isinstance(n, bool)],
        switches=[(literal(name), on) for name, on in search if isinstance(on, bool)],
    )


def asked_columns(run: RunFolder) -> Sequence[str]:
    """The columns that a question to the model of *run* has to fill; none for a conversation."""
    with contextlib.suppress(UserFacingError):
        template = run.recipe().rows.template
        if template is not None:
            parsed = parse_template(template.prompt, "prompt")
            return parsed.required or parsed.columns
    return ()


def sample_arguments(columns: Sequence[str]) -> str:
    """What the sample programs of a bundle are started with, whose prompt needs these columns."""
    return " ".join(f'{name}="…"' for name in columns) if len(columns) > 1 else '"your text here"'
