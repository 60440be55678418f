"""Everything that reads what somebody else wrote, each as a function of bytes.

A reader may refuse what it is given with an error that users can read; whatever else leaves it is
a fault. ``SEEDS`` are whole inputs to begin with.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from phi3studio.app.download_log import DownloadLog
from phi3studio.app.machine_speed import read_speed
from phi3studio.app.paths import Home
from phi3studio.app.release import parse_release
from phi3studio.app.settings import read_settings, set_threads
from phi3studio.app.update_check import last_check
from phi3studio.cli.live_progress import LiveView
from phi3studio.cli.run_state import run_document, run_lines
from phi3studio.domain.answer_constraints import parse_labels, parse_schema
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import UserFacingError
from phi3studio.domain.events.event_line import parse_event
from phi3studio.domain.rows.row_slice import parse_slice
from phi3studio.domain.run import fold, fold_curves
from phi3studio.domain.template import parse_template
from phi3studio.gui.base_model_list import folder_model
from phi3studio.models.adapters import read_adapter
from phi3studio.models.guest_files import tensor_shapes
from phi3studio.models.model_config import read_config
from phi3studio.models.model_folder import check_model_folder, remote_code_files
from phi3studio.models.model_store import ModelStore
from phi3studio.olive_configs import import_config
from phi3studio.runs.azure_job import known_job
from phi3studio.runs.draft_shelf import DraftShelf
from phi3studio.runs.olive_files import read_config as read_olive
from phi3studio.runs.recipe_files import read_recipe, write_recipe
from phi3studio.runs.shown.chats import ChatShelf
from phi3studio.runs.shown.outcome import outcome
from phi3studio.runs.shown.run_labels import run_labels
from phi3studio.runs.shown.transcript import to_markdown
from phi3studio.runs.store import RunStore
from phi3studio.runtime_pack.pack_files import parse_facts, parse_record
from phi3studio.services.chat_client import LoadedModel
from phi3studio.services.openai.api_errors import ApiError
from phi3studio.services.openai.chat_request import ChatRequest
from phi3studio.services.openai.responses import ResponsesRequest
from phi3studio.services.openai.sampling_request import parse_body
from phi3studio.services.openai.text_request import TextRequest
from phi3studio.wizard.azure_form import parse_form
from phi3studio.wizard.flow import parse_draft
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.reading.source_rows import RowSource
from phi3studio.worker.models.mlflow import is_mlflow, mlflow_model
from phi3studio.worker.process.template_trial import template_fault
from phi3studio.worker.serving import Conversation, knows_token
from tests.worker.data_files import NOTATIONS, noted

ROOT = Path(__file__).parents[2]
PARTS = b"\n=====\n"
"""Between the files of a reader that takes several."""
ALLOWED = (UserFacingError, ApiError)


@functools.cache
def _folder() -> Path:
    made = Path(tempfile.mkdtemp(prefix="phi3studio-fuzz-", dir=_memory()))
    import atexit

    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _file(name: str, content: bytes) -> Path:
    file = _folder() / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def _files(names: tuple[str, ...], content: bytes) -> None:
    """The parts of *content* as files of these names; a part that is missing is no file."""
    parts = content.split(PARTS)
    for number, name in enumerate(names):
        if number < len(parts) and parts[number] != b"-":
            _file(name, parts[number])
        else:
            with contextlib.suppress(OSError):
                (_folder() / name).unlink()


def _text(content: bytes) -> str:
    """As a window or a command line hands it over: with half characters, where there are any."""
    return content.decode("utf-8", "surrogateescape")


# --- recipes, settings, drafts --------------------------------------------------------------------


def recipe(content: bytes) -> None:
    name = "recipe.yaml" if content[:1] == b"y" else "recipe.json"
    found = read_recipe(_file(name, content[1:]))
    again = _folder() / "again.yaml"
    write_recipe(found, again)
    assert read_recipe(again).to_json() == found.to_json()


def settings(content: bytes) -> None:
    home = Home(_folder() / "home")
    for name in ("settings.json", "update.json", "cache/machine.json"):
        _file(f"home/{name}", content)
    _file("home/logs/downloads.jsonl", content)
    _file("home/models/x.json", content)
    read_settings(home)
    last_check(home)
    read_speed(home)
    DownloadLog(home.root / "logs").read()
    list(ModelStore(home).all())
    set_threads(home, 2)
    assert read_settings(home).threads == 2


def drafts(content: bytes) -> None:
    text = _text(content)
    parse_draft(text).to_json()
    parse_form(text).to_json()
    _file("drafts/x.json", content)
    DraftShelf(_folder() / "drafts").all()


def small_texts(content: bytes) -> None:
    text = _text(content)
    for parse in (parse_labels, parse_schema, parse_slice, _pack, _release):
        with contextlib.suppress(*ALLOWED):
            parse(text)
    knows_token(content, "secret")


def _pack(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_facts(text)
    parse_record(text)


def _release(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_release(text)


# --- runs -----------------------------------------------------------------------------------------


def events(content: bytes) -> None:
    found = [event for line in content.split(b"\n") if (event := parse_event(line)) is not None]
    fold(found)
    fold_curves(found)
    view = LiveView(io.StringIO())
    for event in found:
        view.show(event)
        again = parse_event(event.to_line())
        assert again is not None
        assert again.to_line() == event.to_line()


RUN_FILES = ("recipe.json", "events.jsonl", "worker.json", "azure.json", "data/manifest.json")


def run_folder(content: bytes) -> None:
    name = "20260101-000000Z-x"
    (_folder() / "home/runs").mkdir(parents=True, exist_ok=True)
    _files(tuple(f"home/runs/{name}/{file}" for file in RUN_FILES), content)
    store = RunStore(Home(_folder() / "home"))
    for run in store.all():
        run.state(run.summary())
        known_job(run)
        run_labels(run)
        view = run.view()
        json.dumps(run_document(run, view)).encode()
        run_lines(run, view)
        run.curves()
        outcome(view, run.recipe())
    with contextlib.suppress(UserFacingError):
        store.find("latest")


def chats(content: bytes) -> None:
    (_folder() / "home/runs").mkdir(parents=True, exist_ok=True)
    for name in ("x.json", "y.jsonl"):
        _file(f"home/chats/{name}", content)
    shelf = ChatShelf(RunStore(Home(_folder() / "home")))
    for chat in shelf.all():
        chat.matches("x")
        to_markdown([chat.transcript], 0.0)
        shelf.rename(chat, chat.title)
    shelf.all()


# --- templates ------------------------------------------------------------------------------------


def template(content: bytes) -> None:
    text = _text(content)
    parsed = parse_template(text)
    row = dict.fromkeys(parsed.columns, 1)
    parsed.render(row | {"q": {"x": ["a", None]}}, [*row, "q"])


def chat_template(content: bytes) -> None:
    template_fault(_text(content))


# --- configs, models ------------------------------------------------------------------------------


def olive(content: bytes) -> None:
    name = "config.yaml" if content[:1] == b"y" else "config.json"
    found = import_config(read_olive(_file(name, content[1:])))
    assert found.decisions or found.problem is not None
    if found.recipe is not None:
        write_recipe(found.recipe, _folder() / "imported.yaml")
    if found.problem is not None:
        raise found.problem


def adapter(content: bytes) -> None:
    _files(("adapter/adapter_config.json", "adapter/adapter_model.safetensors"), content)
    found = read_adapter(_folder() / "adapter")
    found.shapes()


MODEL_FILES = (
    "config.json", "model.safetensors.index.json", "tokenizer_config.json", "model.safetensors",
    "MLmodel",
)  # fmt: skip


def model(content: bytes) -> None:
    (_folder() / "model").mkdir(exist_ok=True)
    _files(tuple(f"model/{file}" for file in MODEL_FILES), content)
    folder = _folder() / "model"
    for look in (check_model_folder, remote_code_files, read_config, _mlflow, folder_model):
        with contextlib.suppress(*ALLOWED):
            look(folder)


def _mlflow(folder: Path) -> None:
    if is_mlflow(folder):
        mlflow_model(folder, _folder() / "cache")


def safetensors(content: bytes) -> None:
    tensor_shapes(_file("x.safetensors", content))


# --- services -------------------------------------------------------------------------------------


def service(content: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, contextlib.redirect_stderr(io.StringIO()) as said:
        theirs.sendall(content[:60_000])
        theirs.shutdown(socket.SHUT_WR)
        conversation = Conversation(ours, {"echo": lambda params, cancel: params})
        conversation.run()
        conversation.wind_up(5)
    assert not said.getvalue()


_SERVED = LoadedModel("", "", 2048, None, (), is_conversation=True, load_s=0.0, bytes=0)


def openai(content: bytes) -> None:
    kinds: tuple[type[ChatRequest | TextRequest | ResponsesRequest], ...] = (
        ChatRequest,
        TextRequest,
        ResponsesRequest,
    )
    errors = []
    for kind in kinds:
        try:
            request = parse_body(kind, content)
            asks = request.asks(_SERVED)
        except ApiError as exc:
            errors.append(exc)
            continue
        assert isinstance(request.stops, tuple)
        assert all(ask["max_tokens"] >= 0 for ask in asks)
    if len(errors) == len(kinds):
        raise errors[0]


# --- data -----------------------------------------------------------------------------------------

ENDINGS = (
    ".jsonl", ".json", ".csv", ".tsv", ".txt", ".yaml", ".md", ".data",
    ".parquet", ".arrow", ".xlsx", ".jsonl.gz", ".csv.zst", ".json.bz2", ".txt.xz", ".zip",
)  # fmt: skip


def data(content: bytes) -> None:
    ending = ENDINGS[content[0] % len(ENDINGS)] if content else ".csv"
    file = _file(f"rows{ending}", content[1:])
    source = Source(source=str(file))
    json.dumps(describe(source).model_dump(mode="json"))
    for _ in RowSource(source, lenient=True).rows():
        pass


Reader = Callable[[bytes], None]
READERS: dict[str, Reader] = {
    read.__name__: read
    for read in (
        recipe, settings, drafts, small_texts, events, run_folder, chats, template, chat_template,
        olive, adapter, model, safetensors, service, openai, data,
    )
}  # fmt: skip


def fault(reader: str, content: bytes) -> str | None:
    """What went wrong when *content* was read, with the place; ``None`` if nothing did."""
    try:
        READERS[reader](content)
    except ALLOWED as error:
        if not str(error).encode("utf-8", "surrogatepass"):
            return "an error that says nothing"
    except Exception as exc:
        place = exc.__traceback__
        at = []
        while place is not None:
            if "phi3studio" in place.tb_frame.f_code.co_filename:
                at.append(f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}")
            place = place.tb_next
        return f"{type(exc).__name__} at {' '.join(at[-2:])} — {str(exc)[:200]}"
    return None


def seeds(reader: str) -> list[bytes]:
    """Inputs that are right."""
    return [item if isinstance(item, bytes) else item.encode() for item in _SEEDS[reader]()]


def _recipes() -> list[Any]:
    from tests.unit.test_damaged_configs import RECIPE

    text = json.dumps(RECIPE)
    return [
        "j" + text,
        "y" + text,
        "yname: x\ndata:\n  source: a.csv\n  template: {prompt: '{q}', completion: '{a}'}\n",
    ]


def _event_lines() -> list[Any]:
    """A run's events, of each kind one: short inputs are read and changed much faster."""
    found = []
    for file in (ROOT / "tests/unit/recorded").glob("*/events.jsonl"):
        lines = file.read_bytes().splitlines()
        kinds = {json.loads(line)["type"]: line for line in lines}
        found.append(b"\n".join(kinds.values()) + b"\n")
    return found


def _runs() -> list[Any]:
    recipes = (ROOT / "tests/unit/recorded").glob("*/recipe.json")
    job = b'{"version": 1, "name": "x", "submitted": true, "log_bytes": 5}'
    return [
        PARTS.join([recipe.read_bytes(), events, b'{"pid": 1}', job, b'{"labels": ["a"]}'])
        for recipe, events in zip(recipes, _event_lines(), strict=True)
    ]


def _tensors() -> bytes:
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "a.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
            "b.weight": {"dtype": "F32", "shape": [1], "data_offsets": [16, 20]},
        }
    ).encode()
    return len(header).to_bytes(8, "little") + header + bytes(20)


def _data() -> list[Any]:
    import bz2
    import gzip
    import lzma
    import zipfile

    import pyarrow as pa
    import zstandard
    from pyarrow import feather, parquet

    rows = [{"q": f"question {n}", "a": ["yes", "no"][n % 2], "n": n} for n in range(12)]
    chats = [
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": f"{n}"}]}
        for n in range(6)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in [*rows, *chats]).encode()
    table = "q,a,n\n" + "".join(f'"{r["q"]}, really?",{r["a"]},{r["n"]}\n' for r in rows)
    found = {
        ".jsonl": lines,
        ".json": json.dumps({"train": rows, "test": chats}).encode(),
        ".csv": table.encode(),
        ".tsv": table.replace(",", "\t").encode("utf-16"),
        ".txt": b"User: Hi\nAssistant: Hello\n\nUser: And?\nAssistant: Bye\n",
        ".yaml": b"- q: one\n  a: two\n- q: three\n  a: four\n",
        ".md": b"# Title\n\nA text.\n\n- a list\n",
        ".jsonl.gz": gzip.compress(lines),
        ".csv.zst": zstandard.compress(table.encode()),
        ".json.bz2": bz2.compress(json.dumps(rows).encode()),
        ".txt.xz": lzma.compress(table.encode()),
    }
    whole = pa.Table.from_pylist(rows)
    for ending, write in ((".parquet", parquet.write_table), (".arrow", feather.write_feather)):
        made = _folder() / f"seed{ending}"
        write(whole, made)
        found[ending] = made.read_bytes()
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("train.jsonl", lines)
    found[".zip"] = held.getvalue()
    written = [noted(name, rows[:3]).encode() for name in NOTATIONS]
    cards = (
        b"#separator:tab\n#html:true\n#columns:Front\tBack\n#tags column:3\n" + b"q\ta\tx y\n" * 4
    )
    whole_files = [*found.items(), *((".txt", content) for content in [*written, cards])]
    return [bytes([ENDINGS.index(ending)]) + content for ending, content in whole_files]


def _model() -> list[Any]:
    config = {
        "model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "vocab_size": 4,
        "hidden_size": 2, "num_attention_heads": 1, "num_hidden_layers": 1, "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "longrope", "short_factor": [1.0], "rope_theta": 1e4},
    }  # fmt: skip
    index = {"metadata": {}, "weight_map": {"a.weight": "model.safetensors"}}
    parts = [json.dumps(config).encode(), json.dumps(index).encode(), b"{}", _tensors()]
    return [PARTS.join([*parts, b"-"]), PARTS.join([*parts, b"flavors:\n  transformers: {}\n"])]


_SEEDS: dict[str, Callable[[], list[Any]]] = {
    "recipe": _recipes,
    "settings": lambda: [
        '{"version": 1, "threads": 2, "update_check": true}',
        '{"v": 1, "t": 1.5, "release": {"version": "1.2.3", "page": "https://x"}, "error": ""}',
        '{"key": "x", "float32": 1.0, "bfloat16": 2.0}',
        '{"v": 1, "t": 1.0, "what": "x", "kind": "model", "hosts": ["a"], "bytes": 5, '
        '"outcome": "done"}\n',
        '{"version": 1, "folder": "/tmp/x"}',
    ],
    "drafts": lambda: [parse_draft("").to_json(), parse_form("").to_json()],
    "small_texts": lambda: [
        "joy\nfear",
        '{"type": "object", "properties": {"a": {"enum": ["x"]}}}',
        "10%:50%",
        '{"tag_name": "v1.2.3", "html_url": "https://x"}',
        '{"token": "secret"}\n',
        '{"v": 1, "generation": 1, "python": "3.11", "packages": 1, "download_bytes": 1, '
        '"installed_bytes": 1, "imports": ["a"], "loads": ["b"], "indexes": ["c"]}',
        '{"v": 1, "lock": "a", "generation": 1, "program": "1", "python": "3", "made": 1.0, '
        '"bytes": 1, "versions": {"a": "1"}}',
    ],
    "events": _event_lines,
    "run_folder": _runs,
    "chats": lambda: [
        '{"version": 1, "model": "x", "system": "s", "at": 1, "title": "t", "folder": "/m", '
        '"turns": [{"question": "Hi", "answer": "Ho", "after": -1, "figures": {"tokens": 1, '
        '"prompt_tokens": 2, "prefilled": 2, "first_token_s": 0.1, "tokens_per_s": 9.0, '
        '"reason": "stop"}}, {"question": {"a": "b"}, "answer": "c", "after": 0, "stopped": true, '
        '"adapter": "d"}]}',
        '{"model": "x", "system": "s", "question": "Hi", "answer": "Ho"}\n'
        '{"model": "x", "question": {"a": "b"}, "answer": "c"}\n',
    ],
    "template": lambda: ["{q} and {?x}more {x}{/x} {{literal}} {q.x.0}", "### {a.b}\n"],
    "chat_template": lambda: [
        "{% for m in messages %}{{ m['role'] + m.content | trim }}{% endfor %}"
        "{% if add_generation_prompt %}{% generation %}x{% endgeneration %}{% endif %}",
        "{% set ns = namespace(a=1) %}{% macro f(x) %}{{ x | tojson }}{% endmacro %}"
        "{{ f(messages) }}{{ raise_exception('no') }}{{ strftime_now('%Y') }}{% break %}",
    ],
    "olive": lambda: [
        "j" + file.read_text() for file in (ROOT / "tests/fixtures/olive").glob("*.json")
    ],
    "adapter": lambda: [
        PARTS.join([b'{"peft_type": "LORA", "r": 4, "lora_alpha": 8}', _tensors()])
    ],
    "model": _model,
    "safetensors": lambda: [_tensors()],
    "service": lambda: [
        '{"id": 1, "method": "echo", "params": {"a": 1}}\n{"id": 1, "cancel": true}\n'
        '{"id": 2, "method": "ping"}\n'
    ],
    "openai": lambda: [
        '{"model": "x", "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}'
        ']}], "stop": ["a"], "max_tokens": 3, "temperature": 0.5, "response_format": {"type": '
        '"json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}}',
        '{"model": "x", "messages": [{"role": "user", "content": "Hi"}], "stream": true, '
        '"guided_choice": ["a", "b"]}',
        '{"model": "x", "prompt": ["Hi", "Ho"], "n": 2, "echo": true, "logprobs": 3, "max_tokens": '
        '0, "stop": "a", "seed": 1, "stream_options": {"include_usage": true}, "stream": true}',
        '{"model": "x", "prompt": [[1, 2], [3]], "best_of": 1, "suffix": null, "logit_bias": {}}',
        '{"model": "x", "input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}'
        ']}, {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, {"type": '
        '"function_call_output", "call_id": "c", "output": "1"}], "instructions": "s", '
        '"max_output_tokens": 9, "text": {"format": {"type": "json_schema", "name": "x", "schema": '
        '{"type": "object"}}}, "tools": [{"type": "function", "name": "f", "parameters": {}}]}',
        '{"model": "x", "messages": [{"role": "assistant", "tool_calls": [{"id": "c", "type": '
        '"function", "function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", '
        '"tool_call_id": "c", "content": "1"}], "tools": [{"type": "function", "function": {"name":'
        ' "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}], '
        '"tool_choice": {"type": "function", "function": {"name": "f"}}, "n": 2, "logprobs": true, '
        '"top_logprobs": 2}',
    ],
    "data": _data,
}
