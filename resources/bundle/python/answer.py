"""Streams one answer of the model in this bundle.

    pip install -r requirements.txt
    python answer.py "some text"                 a template with one column, or a message
    python answer.py first=… second=…            a template with several columns

Needs nothing but onnxruntime-genai.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

# Read when the library is loaded: it would report its use to its makers.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime_genai as og

BUNDLE = Path(__file__).resolve().parents[2]
TOKEN = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}")


def fill(template: str, values: dict[str, str]) -> str:
    """The training's own template: {column}, {?column}…{/column} where it has a value, {{ and }}
    for braces."""
    out: list[str] = []
    hidden: list[bool] = []  # one entry for each optional part that is open
    end = 0
    for match in TOKEN.finditer(template):
        if not any(hidden):
            out.append(template[end : match.start()])
        end = match.end()
        token, name = match.group(), (match.group(1) or "").strip()
        if name.startswith("?"):
            hidden.append(not values.get(name[1:].strip(), "").strip())
        elif name.startswith("/"):
            hidden.pop()
        elif not any(hidden):
            out.append(token[0] if token in ("{{", "}}") else values[name])
    return "".join([*out, template[end:]])


def read_values(arguments: list[str], prompt: dict) -> dict[str, str]:
    """The columns from the command line; ends the program when one is missing."""
    required = prompt["required"] or prompt["columns"]
    if len(arguments) == 1 and len(required) == 1:
        name, equals, value = arguments[0].partition("=")
        return (
            {name: value} if equals and name in prompt["columns"] else {required[0]: arguments[0]}
        )
    values = dict(argument.partition("=")[::2] for argument in arguments)
    missing = [name for name in prompt["required"] if name not in values]
    if missing or not values:
        sys.exit("usage: python answer.py " + " ".join(f"{n}=TEXT" for n in prompt["columns"]))
    return values


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")
    prompt = json.loads((BUNDLE / "prompt.json").read_text("utf-8"))
    defaults = json.loads((BUNDLE / "generation.json").read_text("utf-8"))
    if len(sys.argv) < 2:
        sys.exit("usage: python answer.py TEXT")
    model = og.Model(str(BUNDLE / "model"))
    tokenizer = og.Tokenizer(model)
    if prompt["kind"] == "template":
        text = fill(prompt["prompt"], read_values(sys.argv[1:], prompt))
    else:
        messages = [{"role": "user", "content": " ".join(sys.argv[1:])}]
        text = tokenizer.apply_chat_template(json.dumps(messages), add_generation_prompt=True)
    ids = tokenizer.encode(text)
    params = og.GeneratorParams(model)
    longest = min(len(ids) + defaults["max_new_tokens"], defaults["context"])
    params.set_search_options(max_length=longest, **defaults["search"])
    generator = og.Generator(model, params)
    if prompt.get("adapter"):
        adapters = og.Adapters(model)
        file = BUNDLE / "model" / "adapters" / f"{prompt['adapter']}.onnx_adapter"
        adapters.load(str(file), prompt["adapter"])
        generator.set_active_adapter(adapters, prompt["adapter"])
    generator.append_tokens(ids)
    pieces = tokenizer.create_stream()
    stops = set(prompt["stop_ids"])
    while not generator.is_done():
        generator.generate_next_token()
        token = generator.get_next_tokens()[0]
        if token in stops:
            break
        print(pieces.decode(token), end="", flush=True)
    print()


if __name__ == "__main__":
    main()
