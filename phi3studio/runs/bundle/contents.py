"""What belongs into a bundle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import Phrase
from phi3studio.domain.places.browser import POLICY, START, check_model, web_config, web_generation
from phi3studio.domain.places.foundry_local import (
    INFERENCE_MODEL,
    PROGRAM,
    check_adapter,
    inference_model,
    most_likely_answers,
    start_line,
)
from phi3studio.domain.places.gguf import GgufPlace, prompt_in_jinja
from phi3studio.domain.run import state_phrase
from phi3studio.domain.template import parse_template
from phi3studio.models.guest_files import read_object
from phi3studio.models.model_store import ModelStore
from phi3studio.resources import resources
from phi3studio.runs.bundle import browser_library
from phi3studio.runs.bundle.entries import Entry, files_below, rendered
from phi3studio.runs.bundle.readmes import model_readme, readme, short_readme
from phi3studio.runs.bundle.redaction import Scrubber, without_rows
from phi3studio.runs.bundle.sample_programs import sample_arguments, samples
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
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "NOTICE", "NOTICE.txt")
_NEW_TOKENS = 256


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
    entries = list(files_below(source, "" if gguf is not None or foundry else what, scrubber))
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
            entry for entry in files_below(olive, "olive", scrubber) if "/data/" not in entry.name
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
            entries += samples(recipe, prompt, generation)
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
        ask = PROGRAM.format(arguments=sample_arguments(()))
        more: dict[str, Any] = {"start": start_line(foundry), "ask": ask, "columns": columns}
        text = readme("FOUNDRY.md.j2", recipe, base, card, notes, **more)
    elif browser is not None:
        text = readme("BROWSER.md.j2", recipe, base, card, notes, start=START)
    elif gguf is not None:
        more = {"gguf": gguf, "template": prompt is not None}
        text = readme("GGUF.md.j2", recipe, base, card, notes, **more)
    elif what == "model" and prompt is not None:
        text = model_readme(recipe, base, prompt, card, olive is not None, notes)
    else:
        text = short_readme(recipe, base, what, notes)
    return Contents((Entry.of_text("README.md", text), *entries), tuple(notes))


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


def _add_card(run: RunFolder, scrubber: Scrubber, entries: list[Entry]) -> bool:
    folder = run.card
    if not folder.is_dir():
        if not run.view().metrics:
            return False
        folder = write_card(run)
    entries += files_below(folder, folder.name, scrubber)
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
    check_adapter(prompt["adapter"])
    template = None
    if prompt["kind"] == "template":
        template = parse_template(prompt["prompt"], "prompt")
        written = {"chat_template": prompt_in_jinja(template)}
        _change(entries, TOKENIZER, lambda settings: settings | written)
        entries[:] = [entry for entry in entries if entry.name != "chat_template.jinja"]
    _change(entries, "genai_config.json", most_likely_answers)
    entries.append(Entry.of_json(INFERENCE_MODEL, inference_model(name, template)))
    program = resources() / "bundle" / "foundry" / "chat.py"
    entries.append(Entry(program.name, program.read_bytes()))


def _change(
    entries: list[Entry], name: str, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> dict[str, Any]:
    """Change the JSON file *name* in *entries*; returns what it held before."""
    at = next(at for at, entry in enumerate(entries) if entry.name == name)
    with entries[at].open() as file:
        before: dict[str, Any] = json.load(file)
    entries[at] = Entry.of_json(name, change(before))
    return before


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
    config = _change(entries, f"model/{CONFIG}", web_config)
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
            text = rendered(f"browser/{file.name}", name=name, base=base, policy=POLICY)
            entries.append(Entry.of_text(file.stem, text))
        else:
            place = f"lib/{file.name}" if file.suffix == ".txt" else file.name
            entries.append(Entry(place, file.read_bytes()))
