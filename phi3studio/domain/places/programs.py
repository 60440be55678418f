"""Programs that use an exported model through onnxruntime-genai: the samples of a bundle."""

from __future__ import annotations

from typing import Final, Literal, get_args

Program = Literal["python", "csharp", "javascript", "cpp"]
PROGRAMS: Final[tuple[Program, ...]] = get_args(Program)

_STARTS: Final[dict[Program, str]] = {
    "python": "cd samples/python && python -m pip install -r requirements.txt && "
    "python answer.py {arguments}",
    "csharp": "cd samples/csharp && dotnet run -- {arguments}",
    "javascript": "cd samples/javascript && npm install && "
    "python -m pip install -r ../python/requirements.txt && node answer.mjs {arguments}",
    "cpp": "cd samples/cpp && make PYTHON=python && ./answer {arguments}",
}


def program_start(program: Program, arguments: str) -> str:
    """What is typed in the bundle's folder, where *arguments* hold the prompt's columns."""
    return _STARTS[program].format(arguments=arguments)
