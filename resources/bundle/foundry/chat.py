"""Answers one message with the model in this folder, in Foundry Local's own runtime.

pip install foundry-local-sdk
python chat.py "some text"
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

# Read when the libraries are loaded: they would report their use to their makers.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from foundry_local_sdk import (
    CatalogType,
    ChatSession,
    Configuration,
    FoundryLocalManager,
    MessageItem,
    ModelInfoBuilder,
    Request,
    RequestOptions,
    SearchOptions,
)

FOLDER = Path(__file__).resolve().parent
OPTIONS = RequestOptions(search=SearchOptions(temperature=0.0, max_output_tokens=256))


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")
    if len(sys.argv) < 2:
        sys.exit("usage: python chat.py TEXT")
    named = json.loads((FOLDER / "inference_model.json").read_text("utf-8"))
    model_id = f"{named['Name']}:1"
    settings = Configuration(app_name="chat", disable_nonessential_telemetry=True)
    FoundryLocalManager.initialize(settings)
    catalog = FoundryLocalManager.instance.get_catalog(CatalogType.LOCAL)
    if catalog.get_model_variant(model_id):
        # From an earlier start, perhaps of a folder that was moved since.
        catalog.unregister_model(model_id)
    with ModelInfoBuilder() as about:
        about.set_string_property("task", "chat-completion")
        model = catalog.register_model(FOLDER, model_id, about)
    model.load()
    message = MessageItem.user(" ".join(sys.argv[1:]))
    with ChatSession(model) as session, Request().add_item(message) as request:
        session.set_options(OPTIONS)
        with session.process_request(request) as response:
            for item in response:
                print(item.get_simple_text())


if __name__ == "__main__":
    main()
