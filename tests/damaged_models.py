"""Seeded damage of a whole model folder: what people's files and foreign programs do to one."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

ODD_VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    3,
    2**31,
    2**63,
    10**30,
    0.0,
    -0.5,
    1e-300,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "nan",
    "\ud800",
    "\x1b[2J",
    [],
    [1],
    ["x", 2],
    [None],
    {},
    {"x": 1},
    {"rope_type": "yarn"},
    {"rope_type": "linear", "factor": 0},
    {"rope_type": ["longrope"]},
    {"type": "longrope", "short_factor": [1], "long_factor": "x"},
]
CONFIG_FIELDS = [
    "num_key_value_heads",
    "head_dim",
    "rope_scaling",
    "rope_theta",
    "partial_rotary_factor",
    "layer_types",
    "quantization_config",
    "auto_map",
    "torch_dtype",
    "attn_implementation",
    "is_encoder_decoder",
    "num_labels",
    "id2label",
    "transformers_version",
    "max_position_embeddings",
]
TOKENIZER_FIELDS = [
    "bos_token",
    "eos_token",
    "pad_token",
    "unk_token",
    "chat_template",
    "tokenizer_class",
    "added_tokens_decoder",
    "extra_special_tokens",
    "model_max_length",
    "auto_map",
    "padding_side",
    "clean_up_tokenization_spaces",
]
TEMPLATES = [
    "{% for m in messages %}",
    "{{ messages[0].content",
    "{% if %}",
    "{{ undefined_thing.attribute }}",
    "{{ raise_exception('no') }}",
    "{{ 1 // 0 }}",
    "{{ messages | nosuchfilter }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ cycler.__init__.__globals__.os.system('true') }}",
    "{{ messages.append(1) }}",
    "{{ self.__init__.__globals__ }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{{ lipsum(100000) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "\ud800",
    "",
    " ",
    "plain",
    "{{ 10 ** 10 ** 5 }}",
    "{{ '%s' % messages }}" * 50,
    "{{ '{0.__class__}'.format(messages) }}",
    "{" * 3000,
    "{{" + "(" * 500 + ")" * 500 + "}}",
    "{% for m in messages %}{{ m.content }}{% endfor %}",
]


def damage(whole: Path, folder: Path, seed: int) -> str:
    """Copy *whole* to *folder* with one or two faults; what was done."""
    chance = random.Random(seed)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    kinds: list[Callable[[Path, random.Random], str]] = [
        _config,
        _config,
        _config,
        _tokenizer_config,
        _tokenizer_config,
        _nested,
        _nested,
        _bytes,
        _template,
        _weights,
        _index,
        _gone,
    ]
    done = []
    for _ in range(chance.choice((1, 1, 1, 2))):
        done.append(chance.choice(kinds)(folder, chance))
    return "; ".join(done)


def _changed(file: Path, chance: random.Random, extra: list[str]) -> str:
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return f"{file.name} was damaged before"
    if not isinstance(values, dict):
        return f"{file.name} was no object before"
    field = chance.choice(sorted(set(values) | set(extra)))
    if chance.random() < 0.12:
        values.pop(field, None)
        what = f"{file.name}: {field} left out"
    else:
        value = chance.choice(ODD_VALUES)
        old = values.get(field)
        if isinstance(old, dict) and old and chance.random() < 0.7:
            inner = chance.choice(sorted(old))
            values[field] = old | {inner: value}
            what = f"{file.name}: {field}.{inner} = {value!r}"
        else:
            values[field] = value
            what = f"{file.name}: {field} = {value!r}"
    file.write_text(json.dumps(values))
    return what


def _config(folder: Path, chance: random.Random) -> str:
    return _changed(folder / "config.json", chance, CONFIG_FIELDS)


def _tokenizer_config(folder: Path, chance: random.Random) -> str:
    name = chance.choice(
        ["tokenizer_config.json", "tokenizer_config.json", "generation_config.json"]
    )
    return _changed(folder / name, chance, TOKENIZER_FIELDS if "tok" in name else [])


def _nested(folder: Path, chance: random.Random) -> str:
    """Another value somewhere in tokenizer.json."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return "no tokenizer.json"
    try:
        values = json.loads(file.read_text("utf-8"))
    except ValueError:
        return "tokenizer.json was damaged before"
    at, path = values, []
    for _ in range(chance.randint(1, 6)):
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        if not keys:
            break
        key = chance.choice(keys)
        path.append(key)
        if not isinstance(at[key], (dict, list)) or not at[key]:
            break
        above, at = at, at[key]
        if chance.random() < 0.25:
            at = above
            break
    if not path:
        return "nothing"
    value = chance.choice(ODD_VALUES)
    target = values
    for key in path[:-1]:
        target = target[key]
    if chance.random() < 0.2:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    file.write_text(json.dumps(values))
    return f"tokenizer.json: {'.'.join(map(str, path))} = {value!r}"


def _bytes(folder: Path, chance: random.Random) -> str:
    files = sorted(file for file in folder.iterdir() if file.is_file())
    file = chance.choice(files)
    data = bytearray(file.read_bytes())
    if not data:
        return "an empty file"
    kind = chance.choice(["cut", "flip", "insert", "zero", "double"])
    at = chance.randrange(min(len(data), 4000))
    if kind == "cut":
        del data[at:]
    elif kind == "flip":
        data[at] ^= 1 << chance.randrange(8)
    elif kind == "insert":
        data[at:at] = bytes(chance.randrange(256) for _ in range(3))
    elif kind == "zero":
        data[at : at + 40] = b"\0" * 40
    else:
        data += data[:at]
    file.write_bytes(data)
    return f"{file.name}: {kind} at {at}"


def _template(folder: Path, chance: random.Random) -> str:
    text = chance.choice(TEMPLATES)
    file = folder / "chat_template.jinja"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    return f"template {text[:60]!r}"


def _weights(folder: Path, chance: random.Random) -> str:
    """A safetensors header that lies, before or behind the same bytes."""
    file = folder / "model.safetensors"
    if not file.is_file():
        return "no weights"
    data = file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        name = chance.choice(sorted(n for n in header if n != "__metadata__"))
    except (ValueError, IndexError):
        return "weights were damaged before"
    entry = dict(header[name])
    kind = chance.choice(["dtype", "shape", "offsets", "name", "gone", "value", "metadata"])
    if kind == "dtype":
        entry["dtype"] = chance.choice(["F64", "F16", "I8", "BOOL", "X", 3, None, "F4"])
    elif kind == "shape":
        entry["shape"] = chance.choice([[], [0], [-1], [2**60, 2**60], [1.5], "x", None, [128]])
    elif kind == "offsets":
        first, last = entry["data_offsets"]
        entry["data_offsets"] = chance.choice(
            [[last, first], [first, last + 4], [first, 2**63], [-1, 5], [], None, ["a", "b"]]
        )
    elif kind == "value":
        entry = chance.choice([None, 3, [], "x", {}])
    if kind == "name":
        header[chance.choice(["", "x", name + ".x", "\ud800"])] = header.pop(name)
    elif kind == "gone":
        del header[name]
    elif kind == "metadata":
        header["__metadata__"] = chance.choice([None, 3, [], {"format": 3}, {"format": "tf"}, {}])
    else:
        header[name] = entry
    text = json.dumps(header).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])
    return f"weights: {kind} of {name}"


def _index(folder: Path, chance: random.Random) -> str:
    value = chance.choice(
        [
            {"a": "missing.safetensors"},
            {"a": "../outside.safetensors"},
            {"a": "/etc/passwd"},
            {"a": 3},
            {"a": None},
            {},
            [],
            None,
            {"a": "model.safetensors"},
            {"lm_head.weight": "config.json"},
        ]
    )
    file = folder / "model.safetensors.index.json"
    file.write_text(json.dumps({"metadata": chance.choice([{}, None, 3]), "weight_map": value}))
    return f"index: {value!r}"


def _gone(folder: Path, chance: random.Random) -> str:
    file = chance.choice(sorted(folder.iterdir()))
    file.unlink()
    return f"{file.name} is gone"
