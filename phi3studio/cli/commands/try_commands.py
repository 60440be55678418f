"""Commands that use a finished run's models: chat and eval."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from phi3studio.cli.exported_runs import exported_run
from phi3studio.cli.options import AsJson, RunName
from phi3studio.cli.output import print_json
from phi3studio.cli.waiting import wait_for
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages.formatting import percent
from phi3studio.domain.parsing import parse_json


def chat(
    run: RunName = "latest",
    prompt: Annotated[
        str | None, typer.Option("--prompt", help="Ask this once and print the answer.")
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option("--value", help="column=text, for a template with several columns."),
    ] = None,
    system: Annotated[str | None, typer.Option("--system", help="System prompt.")] = None,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature", min=0.0, max=5.0, help="0 always takes the most probable token."
        ),
    ] = 0.0,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, help="Maximum number of tokens in an answer.")
    ] = 256,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the sampling.")] = None,
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="a,b,c: the answer is exactly one of these."),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option("--schema", help="File with a JSON schema that the answer fits."),
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option("--adapter", help="One of several (phi3studio adapters list RUN), or base."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Talk to a run's exported model."""
    found = exported_run(run)
    if as_json and prompt is None and not value:
        raise InputError("chat.no_prompt")
    options = _constraint(labels, schema)
    if adapter is not None:
        options["adapter"] = "" if adapter == "base" else adapter
    ask = _Ask(
        found.model, prompt, value or [], system, temperature, max_tokens, seed, as_json, options
    )
    wait_for(ask.run())


def _constraint(labels: str | None, schema: Path | None) -> dict[str, Any]:
    """What the answer may be, as ``Chat.answer`` takes it."""
    if labels is not None and schema is not None:
        raise InputError("chat.constraint", variant="both")
    if labels is not None:
        return {"labels": [label.strip() for label in labels.split(",") if label.strip()]}
    if schema is None:
        return {}
    try:
        return {"schema": parse_json(schema.read_text("utf-8-sig"))}
    except (OSError, ValueError) as exc:
        raise InputError("chat.schema", variant="file", path=schema, reason=str(exc)) from exc


class _Ask:
    """One chat on the terminal."""

    def __init__(
        self,
        folder: Path,
        prompt: str | None,
        values: list[str],
        system: str | None,
        temperature: float,
        max_tokens: int,
        seed: int | None,
        as_json: bool,
        options: dict[str, Any],
    ) -> None:
        from phi3studio.domain.sampling import Sampling

        self._folder = folder
        self._prompt = prompt
        self._values = dict(_pair(text) for text in values)
        self._messages: list[dict[str, str]] = (
            [{"role": "system", "content": system}] if system else []
        )
        self._sampling = Sampling(temperature=temperature, seed=seed)
        self._max_tokens = max_tokens
        self._as_json = as_json
        self._options = options

    async def run(self) -> None:
        import asyncio

        from phi3studio.services.chat_client import Chat
        from phi3studio.services.connection import Service

        async with Service.start("chat") as service:
            chat = Chat(service)
            model = await chat.load(self._folder)
            if self._messages and not model.is_conversation:
                raise InputError("chat.no_system_turn", name=model.name)
            if self._prompt is not None or self._values:
                await self._answer(chat, model, self._prompt or "")
                return
            self._greet(model)
            while True:
                try:
                    text = await asyncio.to_thread(input, "> ")
                except (EOFError, KeyboardInterrupt):
                    typer.echo("")
                    return
                if text.strip():
                    await self._answer(chat, model, text)

    def _greet(self, model: Any) -> None:
        if model.is_conversation:
            typer.echo(f"{model.name}: write a message; Ctrl-D ends.", err=True)
        else:
            typer.echo(
                f"{model.name}: your text becomes {{{', '.join(model.columns)}}} of the template; "
                "Ctrl-D ends.",
                err=True,
            )

    async def _answer(self, chat: Any, model: Any, text: str) -> None:
        request: dict[str, Any] = {}
        if model.is_conversation:
            self._messages.append({"role": "user", "content": text})
            request["messages"] = self._messages
        else:
            request["values"] = self._row(model.columns, text)
        answer = chat.answer(
            self._folder,
            **request,
            **self._options,
            sampling=self._sampling,
            max_tokens=self._max_tokens,
            conversation="terminal",
        )
        pieces: list[str] = []
        async for piece in answer:
            pieces.append(piece)
            if not self._as_json:
                sys.stdout.write(piece)
                sys.stdout.flush()
        whole = "".join(pieces)
        if model.is_conversation:
            self._messages.append({"role": "assistant", "content": whole})
        figures = answer.figures
        if self._as_json:
            print_json(
                {
                    "text": whole,
                    "stopped": figures.stopped,
                    "reason": figures.reason,
                    "tokens": figures.tokens,
                    "first_token_s": round(figures.first_token_s, 3),
                    "tokens_per_s": round(figures.tokens_per_s, 1),
                }
            )
            return
        end = "" if figures.stopped else "  (truncated: raise --max-tokens)"
        typer.echo(f"\n{end}" if end else "")

    def _row(self, columns: tuple[str, ...], text: str) -> dict[str, str]:
        """The template's columns from --value, or from the text when there is only one."""
        if self._values:
            missing = [name for name in columns if name not in self._values]
            if missing:
                raise InputError("chat.missing_value", columns=missing, first=missing[0])
            return self._values
        if len(columns) == 1:
            return {columns[0]: text}
        raise InputError(
            "chat.several_columns",
            columns=columns,
            options=" ".join(f"--value {name}=TEXT" for name in columns),
        )


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError("chat.value", given=text)
    return name, value


def evaluate(
    run: RunName,
    data: Annotated[Path, typer.Option("--data", help="File with rows of the same shape.")],
    as_json: AsJson = False,
) -> None:
    """Measure base, tuned and exported model on the rows of a file."""
    from phi3studio.app.paths import user_home
    from phi3studio.runs.store import RunStore

    found = RunStore(user_home()).find(run)
    if not data.is_file():
        raise InputError("data.no_file", variant="option", path=data)
    result = wait_for(_evaluate(found.path, data.absolute(), as_json))
    if as_json:
        print_json({"run": found.name, "data": str(data), "metrics": result})
        return
    for role, metrics in result.items():
        typer.echo(
            f"  {role:<9} {percent(metrics['accuracy']):>6} right of {metrics['rows']}   "
            f"perplexity {metrics['perplexity']:<8.4g} {percent(metrics['stops'])} stop"
        )


async def _evaluate(run: Path, data: Path, quiet: bool) -> Any:
    from phi3studio.services.connection import Service

    async with Service.start("evaluator") as service:
        stream = service.stream("evaluate", run=str(run), data=str(data))
        last = ""
        async for item in stream:
            if not quiet and item["activity"] != last:
                last = item["activity"]
                typer.echo(f"  {last} …", err=True)
        return stream.result
