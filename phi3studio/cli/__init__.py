"""The command line: whatever the window can do, it can do."""

from __future__ import annotations


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit code (0 done, 1 failed, 2 the user's input, 130 cancelled).

    Errors meant for the user become one message without a traceback, or one JSON document.
    """
    from phi3studio.cli.command_line import run

    return run(arguments)
