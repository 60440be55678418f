"""What programs of others ask of the server, each with its own library: python client_calls.py
URL KEY MODEL TOOLS [CLIENT]… Runs in an environment that has the libraries and not this project.
TOOLS is a model whose template knows tools.

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

URL, KEY, MODEL, TOOLS = sys.argv[1:5]
TEXT = "Nobody answered when I called."
SCHEMA = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}},
    "required": ["sure"],
    "additionalProperties": False,
}
TOOL = {
    "type": "function",
    "function": {"name": "be_sure", "description": "Says it.", "parameters": SCHEMA},
}
FLAT = {"type": "function", **TOOL["function"]}


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
    talk = [{"role": "user", "content": TEXT}]
    ask = {"model": TOOLS, "messages": talk, "tools": [TOOL], "max_tokens": 60}
    (call,) = (
        client.chat.completions.create(**ask, tool_choice="required").choices[0].message.tool_calls
    )
    assert json.loads(call.function.arguments)["sure"] in (True, False)
    with client.chat.completions.stream(**ask, tool_choice="required") as stream:
        (streamed,) = stream.get_final_completion().choices[0].message.tool_calls
    assert streamed.function.arguments == call.function.arguments
    talk += [
        {"role": "assistant", "tool_calls": [call.to_dict()]},
        {"role": "tool", "tool_call_id": call.id, "content": "yes"},
    ]
    assert client.chat.completions.create(**ask, tool_choice="none").choices
    made = client.responses.create(
        model=TOOLS, input=TEXT, tools=[FLAT], tool_choice="required", max_output_tokens=60
    )
    assert json.loads(made.output[0].arguments)["sure"] in (True, False)


def litellm() -> None:
    import litellm as library

    options = {"model": f"openai/{MODEL}", "api_base": URL, "api_key": KEY, "max_tokens": 20}
    messages = [{"role": "user", "content": TEXT}]
    assert library.completion(messages=messages, **options).choices[0].message.content
    options["model"] = f"text-completion-openai/{MODEL}"
    assert library.text_completion(prompt=TEXT, **options).choices
    options["model"] = f"openai/{TOOLS}"
    made = library.completion(
        messages=messages, tools=[TOOL], tool_choice="required", **options | {"max_tokens": 60}
    )
    assert made.choices[0].message.tool_calls[0].function.name == "be_sure"


def langchain() -> None:
    from langchain_openai import ChatOpenAI, OpenAI

    options = {"base_url": URL, "api_key": KEY, "model": MODEL, "max_tokens": 20}
    chat = ChatOpenAI(**options)
    assert chat.invoke(TEXT).content
    assert "".join(str(piece.content) for piece in chat.stream(TEXT))
    shaped = chat.with_structured_output(SCHEMA | {"title": "Sure"}, method="json_schema")
    assert shaped.invoke(TEXT)["sure"] in (True, False)
    assert isinstance(OpenAI(**options).invoke(TEXT), str)
    tools = ChatOpenAI(**options | {"model": TOOLS, "max_tokens": 60})
    calls = tools.bind_tools([TOOL], tool_choice="any").invoke(TEXT).tool_calls
    assert calls[0]["args"]["sure"] in (True, False)
    shaped = tools.with_structured_output(SCHEMA | {"title": "Sure"}, method="function_calling")
    assert shaped.invoke(TEXT)["sure"] in (True, False)


def llm() -> None:
    with tempfile.TemporaryDirectory() as folder:
        here = {"api_base": URL, "api_key_name": "ours"}
        entries = [
            {"model_id": "ours", "model_name": MODEL, **here},
            {"model_id": "tools", "model_name": TOOLS, "supports_tools": True, **here},
        ]
        Path(folder, "extra-openai-models.yaml").write_text(json.dumps(entries))
        Path(folder, "keys.json").write_text(json.dumps({"ours": KEY}))
        function = 'def be_sure(sure: bool) -> str:\n    "Says it."\n    return "yes"'
        for options in (["-m", "ours"], ["-m", "tools", "--functions", function]):
            done = subprocess.run(
                [Path(sys.executable).with_name("llm"), TEXT, *options, "-o", "max_tokens", "20"],
                env=os.environ | {"LLM_USER_PATH": folder},
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
            assert done.returncode == 0, done.stderr
            # The one with tools has random weights, which write what is no text.
            assert done.stdout.strip() or options[1] == "tools"


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
    by_calls = library.from_openai(openai.OpenAI(base_url=URL, api_key=KEY))
    made = by_calls.chat.completions.create(model=TOOLS, response_model=Sure, messages=messages)
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
        # Its default way: an answer is the call of a tool.
        tools = kind(TOOLS, provider=provider)
        assert Agent(tools, output_type=Sure).run_sync(TEXT).output.sure in (True, False)


def openai_agents() -> None:
    import agents
    import openai

    @agents.function_tool
    def be_sure(sure: bool) -> str:
        """Says it."""
        return f"heard {sure}"

    agents.set_tracing_disabled(True)
    client = openai.AsyncOpenAI(base_url=URL, api_key=KEY)
    for kind in (agents.OpenAIChatCompletionsModel, agents.OpenAIResponsesModel):
        agent = agents.Agent(name="A", model=kind(model=MODEL, openai_client=client))
        assert asyncio.run(agents.Runner.run(agent, TEXT)).final_output
        agent = agents.Agent(
            name="B",
            model=kind(model=TOOLS, openai_client=client),
            tools=[be_sure],
            model_settings=agents.ModelSettings(tool_choice="required"),
            tool_use_behavior="stop_on_first_tool",
        )
        assert asyncio.run(agents.Runner.run(agent, TEXT)).final_output.startswith("heard")


CLIENTS = (openai_python, litellm, langchain, llm, instructor, pydantic_ai, openai_agents)


if __name__ == "__main__":
    chosen = sys.argv[5:]
    for client in CLIENTS:
        if chosen and client.__name__ not in chosen:
            continue
        try:
            client()
        except Exception as exc:  # whatever a library raises
            print(f"{client.__name__}: {type(exc).__name__}: {str(exc)[:400]}", flush=True)
        else:
            print(f"ok {client.__name__}", flush=True)
