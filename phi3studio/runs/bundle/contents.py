"""What belongs into a bundle."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from phi3studio import __version__
from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError, UserFacingError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.places.browser import POLICY, START, check_model, web_config, web_generation
from phi3studio.domain.places.foundry_local import INFERENCE_MODEL, inference_model, start_line
from phi3studio.domain.places.gguf import GgufPlace, prompt_in_jinja
from phi3studio.domain.quantisation import FLAVOURS, PROVIDER_TITLES, Provider
from phi3studio.domain.recipe import Recipe
from phi3studio.domain.run import state_phrase
from phi3studio.domain.template import parse_template
from phi3studio.models.guest_files import read_object
from phi3studio.models.model_store import ModelStore
from phi3studio.resources import resources
from phi3studio.runs.bundle import browser_library
from phi3studio.runs.bundle.redaction import Scrubber, without_rows
from phi3studio.runs.card import write_card
from phi3studio.runs.card.facts import BaseModel, base_model
from phi3studio.runs.result_check import check_result
from phi3studio.runs.store import RunFolder

What = Literal["model", "adapter", "merged", "gguf"]
WHATS: tuple[What, ...] = ("model", "adapter", "merged")
"""What lies in a run's folder; a GGUF file is made for the bundle."""

SUMS = "SHA256SUMS"
LICENCE = "LICENCE-base-model.txt"
PROMPT = "prompt.json"
GENERATION = "generation.json"
TOKENIZER = "tokenizer_config.json"
CONFIG = "config.json"

GENAI: dict[Provider, tuple[str, str]] = {
    "cpu": ("Microsoft.ML.OnnxRuntimeGenAI", "0.18.0"),
    "cuda": ("Microsoft.ML.OnnxRuntimeGenAI.Cuda", "0.18.0"),
    "dml": ("Microsoft.ML.OnnxRuntimeGenAI.DirectML", "0.13.1"),
}
"""The .NET package of each flavour, and the release that the models are made for; the Python
wheels (``domain.quantisation.FLAVOURS``) have the same releases."""

_TEXTS = {
    ".json", ".jinja", ".md", ".html", ".svg", ".txt", ".py", ".cs", ".csproj", ".js", ".mjs",
}  # fmt: skip
_LARGEST_TEXT = 1024 * 1024
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE", "NOTICE.txt")
_NEW_TOKENS = 256


@dataclass(frozen=True)
class Entry:
    """One file of the bundle: its name with forward slashes, and its content or where it is."""

    name: str
    content: bytes | Path

    @classmethod
    def of_text(cls, name: str, text: str) -> Entry:
        return cls(name, text.encode("utf-8", "replace"))

    @classmethod
    def of_json(cls, name: str, value: Any) -> Entry:
        return cls.of_text(name, json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    @property
    def size(self) -> int:
        if isinstance(self.content, bytes):
            return len(self.content)
        return self.content.stat().st_size

    @property
    def is_text(self) -> bool:
        return isinstance(self.content, bytes) or self.content.suffix in _TEXTS

    def open(self) -> IO[bytes]:
        if isinstance(self.content, bytes):
            return io.BytesIO(self.content)
        return self.content.open("rb")


@dataclass(frozen=True)
class Contents:
    """All files, and what a user has to know of them."""

    entries: tuple[Entry, ...]
    notes: tuple[Phrase, ...]


@dataclass(frozen=True)
class GgufBundle:
    """A folder with a GGUF file, perhaps the one of an adapter over it and a Modelfile, for a
    bundle; how it is started."""

    folder: Path
    file: str
    lora: str | None
    place: GgufPlace
    start: str


@dataclass(frozen=True)
class BrowserBundle:
    """A folder with the model's graph for browsers, and the one with the library."""

    graph: Path
    library: Path


def collect(
    run: RunFolder,
    what: What,
    olive: Path | None,
    gguf: GgufBundle | None = None,
    foundry: str | None = None,
    browser: BrowserBundle | None = None,
) -> Contents:
    """Everything that the bundle of *run* holds; *gguf* and *browser* are what was made for it,
    *foundry* the model's name in Foundry Local.

    Raises :class:`InputError` when the run has no such result.
    """
    source = gguf.folder if gguf is not None else result_folder(run, what)
    recipe = run.recipe()
    store = ModelStore(Home(run.path.parent.parent))
    base_folder = store.folder(recipe.model.source, recipe.model.revision)
    scrubber = Scrubber.for_run(run, recipe, base_folder)
    base = base_model(recipe, store)
    entries = list(_tree(source, "" if gguf is not None or foundry else what, scrubber))
    notes: list[Phrase] = []
    if _add_card(run, scrubber, entries):
        card = True
    else:
        card = False
        notes.append(Phrase("export.note_no_card"))
    entries += _licence(base, base_folder)
    shared, edits = without_rows(recipe)
    entries.append(Entry.of_json("recipe.json", scrubber.values(shared.to_json())))
    if edits:
        notes.append(Phrase("export.note_edits", edits=edits))
    if olive is not None:
        entries += (
            entry for entry in _tree(olive, "olive", scrubber) if "/data/" not in entry.name
        )
        notes.append(Phrase("export.note_olive"))
    prompt: dict[str, Any] | None = None
    if what == "model":
        prompt = _prompt(source)
        entries.append(Entry.of_json(PROMPT, prompt))
    if foundry is not None and prompt is not None:
        _add_foundry_local(entries, foundry, prompt)
    elif what == "model":
        generation = _generation(source)
        entries.append(Entry.of_json(GENERATION, generation))
        if browser is None and prompt is not None:
            entries += _samples(recipe, prompt, generation)
    if browser is not None and prompt is not None:
        _make_page(entries, browser, prompt, name=recipe.name, base=base.title)
    if gguf is not None and recipe.data is not None and recipe.data.template is not None:
        template = recipe.data.template
        prompt = {"version": 1} | _template_facts(template.prompt, template.completion)
        entries.append(Entry.of_json(PROMPT, prompt))
        if len(prompt["columns"]) != 1:
            notes.append(Phrase("export.note_columns", columns=prompt["columns"], file=PROMPT))
    notes += scrubber.notes()
    if foundry is not None:
        columns = [f"`{column}`" for column in (prompt or {}).get("columns", [])]
        more: dict[str, Any] = {"start": start_line(foundry), "columns": columns}
        readme = _place_readme("FOUNDRY.md.j2", recipe, base, card, notes, **more)
    elif browser is not None:
        readme = _place_readme("BROWSER.md.j2", recipe, base, card, notes, start=START)
    elif gguf is not None:
        more = {"gguf": gguf, "template": prompt is not None}
        readme = _place_readme("GGUF.md.j2", recipe, base, card, notes, **more)
    elif what == "model" and prompt is not None:
        readme = _readme(recipe, base, prompt, card, olive is not None, notes)
    else:
        readme = _short_readme(recipe, base, what, notes)
    return Contents((Entry.of_text("README.md", readme), *entries), tuple(notes))


def result_folder(run: RunFolder, what: What) -> Path:
    """What of *run* is exported; raises :class:`InputError` when it has no such result."""
    if what == "gguf":  # of the base model and the adapter
        what = "adapter"
        if "train" not in run.recipe().steps:
            return run.path
    folder = {"model": run.model, "adapter": run.adapter, "merged": run.merged}[what]
    check_result(run, what)
    if folder.is_dir():
        return folder
    state = run.state()
    if state not in ("completed", "failed"):
        raise InputError(
            "run.not_completed",
            variant="part",
            run=run.name,
            state=state_phrase(state),
            what=Phrase("export.part", variant=what),
        )
    there = [name for name in WHATS if getattr(run, name).is_dir()]
    raise InputError(
        "export.nothing_there",
        variant="" if there else "alone",
        run=run.name,
        what=Phrase("export.part", variant=what),
        step=Phrase("export.step", variant=what),
        others=there,
    )


def _tree(folder: Path, name: str, scrubber: Scrubber) -> Iterator[Entry]:
    """The files of a folder, below *name*; paths of this computer taken out of small texts."""
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name.startswith("."):
            continue
        inside = f"{name}/{file.relative_to(folder).as_posix()}".removeprefix("/")
        if file.suffix in _TEXTS and file.stat().st_size <= _LARGEST_TEXT:
            text = file.read_text("utf-8", errors="surrogateescape")
            clean = scrubber.text(text)
            yield Entry(inside, clean.encode("utf-8", "surrogateescape"))
        else:
            yield Entry(inside, file)


def _add_card(run: RunFolder, scrubber: Scrubber, entries: list[Entry]) -> bool:
    folder = run.card
    if not folder.is_dir():
        if not run.view().metrics:
            return False
        folder = write_card(run)
    entries += _tree(folder, folder.name, scrubber)
    return True


def _licence(base: BaseModel, folder: Path) -> Iterator[Entry]:
    yield Entry.of_text(LICENCE, licence_text(base, folder))


def licence_text(base: BaseModel, folder: Path) -> str:
    """What is known of the licence of a base model, which lies in *folder*."""
    lines = [f"The base model of this fine-tune is {base.title}."]
    if base.hub_id:
        lines.append(f"Published as {base.hub_id}.")
    lines.append(
        f"Its licence: {base.licence}."
        if base.licence
        else "Its licence is not known to Phi-3 Studio: ask whoever published it."
    )
    if base.licence_link:
        lines.append(f"The text: {base.licence_link}")
    if base.licence_asks:
        lines += ["", base.licence_asks]
    lines += ["", "A fine-tune is a derivative of its base model: the same terms bind it."]
    texts = [folder / name for name in _LICENCES if (folder / name).is_file()]
    for file in texts:
        lines += ["", f"--- {file.name} ---", "", file.read_text("utf-8", errors="replace")]
    return "\n".join(lines).rstrip() + "\n"


def _prompt(model: Path) -> dict[str, Any]:
    """How a request becomes the text that the model was trained on."""
    facts = read_object(model / "studio.json")
    config = read_object(model / "genai_config.json")
    stops = config["model"]["eos_token_id"]
    value: dict[str, Any] = {"version": 1, "kind": "conversation"}
    template = facts.get("template")
    if template is not None:
        value |= _template_facts(template["prompt"], template["completion"])
    return value | {
        "stop": facts["stop"]["text"],
        "stop_ids": stops if isinstance(stops, list) else [stops],
        "adapter": facts.get("adapter"),
    }


def _template_facts(prompt: str, completion: str) -> dict[str, Any]:
    parsed = parse_template(prompt, "prompt")
    return {
        "kind": "template",
        "prompt": prompt,
        "completion": completion,
        "columns": list(parsed.columns),
        "required": list(parsed.required),
    }


def _generation(model: Path) -> dict[str, Any]:
    """The most likely answer, as it was measured."""
    config = read_object(model / "genai_config.json")
    return {
        "version": 1,
        "max_new_tokens": _NEW_TOKENS,
        "context": config["model"]["context_length"],
        "search": {"do_sample": False, "repetition_penalty": 1.0},
    }


def _add_foundry_local(entries: list[Entry], name: str, prompt: dict[str, Any]) -> None:
    """Make the model's files in *entries* those of a model of Foundry Local. One that was trained
    on a template gets it as its chat template: a message fills the column, or is the prompt."""
    template = None
    if prompt["kind"] == "template":
        template = parse_template(prompt["prompt"], "prompt")
        at, entry = next((at, entry) for at, entry in enumerate(entries) if entry.name == TOKENIZER)
        with entry.open() as file:
            settings = json.load(file)
        entries[at] = Entry.of_json(
            TOKENIZER, settings | {"chat_template": prompt_in_jinja(template)}
        )
        entries[:] = [entry for entry in entries if entry.name != "chat_template.jinja"]
    entries.append(Entry.of_json(INFERENCE_MODEL, inference_model(name, template)))


def check_page(run: RunFolder) -> None:
    """Raise :class:`InputError` for a run whose exported model no page can load."""
    model = result_folder(run, "model")
    facts = read_object(model / "studio.json")
    config = read_object(model / CONFIG)
    check_model(config, run.recipe().target.provider, facts.get("adapter"))


def _make_page(
    entries: list[Entry], browser: BrowserBundle, prompt: dict[str, Any], *, name: str, base: str
) -> None:
    """Make the model's files in *entries* those of transformers.js, with a page that loads them."""
    at, entry = next(
        (at, entry) for at, entry in enumerate(entries) if entry.name == f"model/{CONFIG}"
    )
    with entry.open() as source:
        config = json.load(source)
    entries[at] = Entry.of_json(entry.name, web_config(config))
    others = ("model.onnx", "model.onnx.data", "genai_config.json", "studio.json")
    replaced = {f"model/{other}" for other in (*others, "generation_config.json")}
    entries[:] = [entry for entry in entries if entry.name not in replaced]
    entries.append(Entry.of_json("model/generation_config.json", web_generation(prompt, config)))
    for file in sorted(browser.graph.rglob("*.onnx*")):
        entries.append(Entry(f"model/onnx/{file.name}", file))
    entries += [Entry(f"lib/{part}", browser.library / part) for part in browser_library.FILES]
    folder = resources() / "bundle" / "browser"
    for file in sorted(folder.iterdir()):
        if file.suffix == ".j2":
            text = _page(f"browser/{file.name}", name=name, base=base, policy=POLICY)
            entries.append(Entry.of_text(file.stem, text))
        else:
            place = f"lib/{file.name}" if file.suffix == ".txt" else file.name
            entries.append(Entry(place, file.read_bytes()))


def _samples(recipe: Recipe, prompt: dict[str, Any], generation: dict[str, Any]) -> Iterator[Entry]:
    provider = recipe.target.provider
    nuget, version = GENAI[provider]
    folder = resources() / "bundle"
    yield Entry("samples/python/answer.py", (folder / "python" / "answer.py").read_bytes())
    wheel = FLAVOURS[provider][0]
    yield Entry.of_text("samples/python/requirements.txt", f"{wheel}=={version}\n")
    yield Entry("samples/csharp/Program.cs", (folder / "csharp" / "Program.cs").read_bytes())
    project = _page("csharp/Answer.csproj.j2", nuget=nuget, version=version)
    yield Entry.of_text("samples/csharp/Answer.csproj", project)
    for name in ("answer.cpp", "Makefile"):
        yield Entry(f"samples/cpp/{name}", (folder / "cpp" / name).read_bytes())
    yield Entry.of_text("samples/cpp/bundle.h", cpp_values(prompt, generation))


def cpp_values(prompt: dict[str, Any], generation: dict[str, Any]) -> str:
    """The values of prompt.json and generation.json as a C++ header."""

    def literal(text: str) -> str:
        """In octal numbers of three digits, which no letter after them can join."""
        plain = set(range(32, 127)) - set(b'"\\?')
        letters = (chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode())
        return f'"{"".join(letters)}"'

    search = generation["search"].items()
    return _page(
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


def _readme(
    recipe: Recipe,
    base: BaseModel,
    prompt: dict[str, Any],
    card: bool,
    olive: bool,
    notes: list[Phrase],
) -> str:
    columns = prompt.get("columns", [])
    return _page(
        "README.md.j2",
        name=recipe.name,
        base=base,
        tuned="train" in recipe.steps or recipe.model.adapter is not None,
        program=__version__,
        provider=str(PROVIDER_TITLES[recipe.target.provider]),
        genai=GENAI[recipe.target.provider][1],
        template=prompt["kind"] == "template",
        columns=[f"`{name}`" for name in columns],
        usage=sample_arguments(prompt.get("required") or columns),
        card=card,
        olive=olive,
        notes=notes,
    )


def _place_readme(
    page: str,
    recipe: Recipe,
    base: BaseModel,
    card: bool,
    notes: list[Phrase],
    **more: Any,
) -> str:
    """The README of a bundle for one place; *more* is what its *page* says besides."""
    return _page(
        page,
        name=recipe.name,
        base=base,
        tuned="train" in recipe.steps or recipe.model.adapter is not None,
        program=__version__,
        card=card,
        notes=notes,
        **more,
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


def _short_readme(recipe: Recipe, base: BaseModel, what: What, notes: list[Phrase]) -> str:
    about = {
        "adapter": f"A LoRA adapter (PEFT format) over {base.title}, in `adapter/`.",
        "merged": f"{base.title} with a LoRA adapter merged in, in Hugging Face format in "
        "`merged/`.",
        "model": "",
        "gguf": "",
    }[what]
    lines = [f"# {recipe.name}", "", f"{about} Made with Phi-3 Studio {__version__}.", ""]
    lines += [f"- {note}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"


def _page(page: str, **values: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(resources() / "bundle"),
        autoescape=page.endswith(".html.j2"),  # the rest is Markdown and XML of our own values
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(page).render(**values)
