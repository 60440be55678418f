"""Processes and their descendants: found, and ended by force."""

from __future__ import annotations

import contextlib
import time

import psutil


def process_tree(process: psutil.Process) -> list[psutil.Process]:
    """The process and all its descendants."""
    with contextlib.suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return [process]


def end_processes(processes: list[psutil.Process]) -> None:
    """End every process of the list that still lives, by force."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    limit = time.monotonic() + 2
    while any(map(_lives, processes)) and time.monotonic() < limit:
        time.sleep(0.02)


def _lives(process: psutil.Process) -> bool:
    """Whether it can still do anything: a zombie only waits to be collected by its parent."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
