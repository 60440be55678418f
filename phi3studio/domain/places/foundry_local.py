"""What Microsoft's Foundry Local wants next to an exported model.

Its scanner takes every folder of its cache that has ``genai_config.json`` and
``inference_model.json`` with a name; its runtime writes prompts by the tokenizer's chat template
(sdk_v2/cpp/src/catalog/local_model_scanner.cc and inferencing/generative/chat/chat_template.cc of
microsoft/Foundry-Local). Older releases of its command read ``PromptTemplate`` instead. Its SDK
lists only what its catalog knows, and loads any other model that the program registers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from phi3studio.domain.errors import InputError
from phi3studio.domain.template import ParsedTemplate

FOUNDRY_LOCAL: Literal["foundry-local"] = "foundry-local"
"""The place's name in ``export --for``."""
INFERENCE_MODEL = "inference_model.json"
PROGRAM = "python -m pip install foundry-local-sdk && python chat.py {arguments}"
"""What is typed in the folder to ask the model through the SDK, which runs it in the program."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CONTENT = "{Content}"


def check_name(name: str) -> None:
    """Raise :class:`InputError` for a name that cannot be typed after ``foundry model run``."""
    if not _NAME.fullmatch(name):
        raise InputError("export.foundry_name", name=name)


def check_adapter(adapter: str | None) -> None:
    """Raise :class:`InputError` for an *adapter* apart, without which the base model answers."""
    if adapter is not None:
        raise InputError("export.foundry_adapter", adapter=adapter)


def start_line(name: str) -> str:
    """What is typed once the folder lies in Foundry Local's cache."""
    return f"foundry model run {name}"


def inference_model(name: str, template: ParsedTemplate | None) -> dict[str, Any]:
    """The content of ``inference_model.json``. Of a *template* with several columns, and of a
    conversation, the chat template alone says how prompts are written."""
    written: dict[str, str] | None = None
    if template is not None and len(template.columns) == 1:
        prompt = template.render({template.columns[0]: _CONTENT})
        written = {"prompt": prompt, "assistant": _CONTENT}
    return {"Name": name, "PromptTemplate": written}


def most_likely_answers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The model's genai_config.json for Foundry Local, which samples where a request names no
    temperature, whatever ``do_sample`` says (search_options.cc there): from one token only."""
    return {**config, "search": {**config["search"], "top_k": 1}}
