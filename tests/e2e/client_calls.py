"""What programs of others ask of the server, each with its own library: python client_calls.py
URL KEY MODEL [CLIENT]… Runs in an environment that has the libraries and not this project.

Prints ``ok NAME`` for each client, or ``NAME: what went wrong``.
"""

# mypy: ignore-errors

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

URL, KEY, MODEL = sys.argv[1:4]
TEXT = "Nobody answered when I called."
SCHEMA = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}},
    "required": ["sure"],
    "additionalProperties": False,
}


def openai_python() -> None:
    import openai
    from pydantic import BaseModel

    class Sure(BaseModel):
        sure: bool

    client = openai.OpenAI(base_url=URL, api_key=KEY)
    ask = {"model": MODEL, "messages": [{"role": "user", "content": TEXT}], "max_tokens": 20}
    assert client.chat.completions.create(**ask, n=2, logprobs=True).choices[1].message.content
    assert "".join(c.choices[0].delta.content or "" for c in
                   client.chat.completions.create(**ask, stream=True))  # fmt: skip
    parsed = client.chat.completions.parse(**ask, response_format=Sure).choices[0].message.parsed
    assert parsed.sure in (True, False)
    assert client.responses.create(model=MODEL, input=TEXT).output_text
    assert client.responses.parse(model=MODEL, input=TEXT, text_format=Sure).output_parsed
    assert client.completions.create(model=MODEL, prompt=TEXT, max_tokens=3).choices


def litellm() -> None:
    import litellm as library

    options = {"model": f"openai/{MODEL}", "api_base": URL, "api_key": KEY, "max_tokens": 20}
    messages = [{"role": "user", "content": TEXT}]
    assert library.completion(messages=messages, **options).choices[0].message.content
    options["model"] = f"text-completion-openai/{MODEL}"
    assert library.text_completion(prompt=TEXT, **options).choices


def langchain() -> None:
    from langchain_openai import ChatOpenAI, OpenAI

    options = {"base_url": URL, "api_key": KEY, "model": MODEL, "max_tokens": 20}
    chat = ChatOpenAI(**options)
    assert chat.invoke(TEXT).content
    assert "".join(str(piece.content) for piece in chat.stream(TEXT))
    shaped = chat.with_structured_output(SCHEMA | {"title": "Sure"}, method="json_schema")
    assert shaped.invoke(TEXT)["sure"] in (True, False)
    assert isinstance(OpenAI(**options).invoke(TEXT), str)


def llm() -> None:
    with tempfile.TemporaryDirectory() as folder:
        entry = {"model_id": "ours", "model_name": MODEL, "api_base": URL, "api_key_name": "ours"}
        Path(folder, "extra-openai-models.yaml").write_text(json.dumps([entry]))
        Path(folder, "keys.json").write_text(json.dumps({"ours": KEY}))
        done = subprocess.run(
            [Path(sys.executable).with_name("llm"), "-m", "ours", TEXT, "-o", "max_tokens", "20"],
            env=os.environ | {"LLM_USER_PATH": folder},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip()


def instructor() -> None:
    import instructor as library
    import openai
    from pydantic import BaseModel

    class Sure(BaseModel):
        sure: bool

    client = library.from_openai(
        openai.OpenAI(base_url=URL, api_key=KEY), mode=library.Mode.JSON_SCHEMA
    )
    messages = [{"role": "user", "content": TEXT}]
    made = client.chat.completions.create(model=MODEL, response_model=Sure, messages=messages)
    assert made.sure in (True, False)


def pydantic_ai() -> None:
    from pydantic import BaseModel
    from pydantic_ai import Agent, NativeOutput
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
    from pydantic_ai.providers.openai import OpenAIProvider

    class Sure(BaseModel):
        sure: bool

    provider = OpenAIProvider(base_url=URL, api_key=KEY)
    for kind in (OpenAIChatModel, OpenAIResponsesModel):
        model = kind(MODEL, provider=provider)
        assert Agent(model).run_sync(TEXT).output
        made = Agent(model, output_type=NativeOutput(Sure)).run_sync(TEXT).output
        assert made.sure in (True, False)


def openai_agents() -> None:
    import agents
    import openai

    agents.set_tracing_disabled(True)
    client = openai.AsyncOpenAI(base_url=URL, api_key=KEY)
    for kind in (agents.OpenAIChatCompletionsModel, agents.OpenAIResponsesModel):
        agent = agents.Agent(name="A", model=kind(model=MODEL, openai_client=client))
        assert asyncio.run(agents.Runner.run(agent, TEXT)).final_output


CLIENTS = (openai_python, litellm, langchain, llm, instructor, pydantic_ai, openai_agents)


if __name__ == "__main__":
    chosen = sys.argv[4:]
    for client in CLIENTS:
        if chosen and client.__name__ not in chosen:
            continue
        try:
            client()
        except Exception as exc:  # whatever a library raises
            print(f"{client.__name__}: {type(exc).__name__}: {str(exc)[:400]}", flush=True)
        else:
            print(f"ok {client.__name__}", flush=True)
