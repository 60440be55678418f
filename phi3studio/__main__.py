"""The one entry of the program: window, command line, worker and services.

Nothing heavy is imported here: each branch imports its own.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # ``python -m`` looks into the working folder first: a random.py there would be imported.
    del sys.path[0]

import contextlib
import multiprocessing
import os
from pathlib import Path

from phi3studio.app import frozen


def main() -> int:
    """Dispatch on the first argument; returns the exit code."""
    multiprocessing.freeze_support()
    os.environ["PYTHONSAFEPATH"] = "1"  # so also in whatever processes libraries start
    arguments = sys.argv[1:]
    folder = frozen.bundle()
    if folder is not None:
        frozen.give_streams()
        child = frozen.python_child(arguments)
        if child is not None:
            return child
        frozen.clean_environment(os.environ, folder)
        frozen.keep_libraries_to_ourselves(folder)
    frozen.load_nothing_from_the_working_folder()
    first = arguments[0] if arguments else "gui"
    if first in ("worker", "service") and arguments[1:2] not in (["olive"], ["azure"]):
        # What they write lies in the home: rows, models, chats. Those two export to other folders.
        os.umask(0o077)
    if first == "worker":
        return _worker(arguments[1:])
    if first == "service":
        from phi3studio.worker import serving

        serving.main(arguments[1])
        return 0
    if first == "gui":
        return _gui(arguments[1:])
    from phi3studio.cli import main as cli

    return cli(arguments)


def _gui(arguments: list[str]) -> int:
    from phi3studio.domain.errors import UserFacingError

    try:
        from phi3studio.gui import display

        display.check()
        from phi3studio.gui import start

        return int(start.main(arguments))
    except UserFacingError as exc:
        from phi3studio.cli.output import print_error

        print_error(exc, as_json=False)
        return exc.exit_code


def _worker(arguments: list[str]) -> int:
    if len(arguments) == 2 and arguments[0] == "run":
        from phi3studio.worker.process.supervise import supervise

        return supervise(Path(arguments[1]))
    if len(arguments) in (2, 3) and arguments[0] == "attempt":
        from phi3studio.worker.attempt_main import run_worker

        code = run_worker(Path(arguments[1]), killed=arguments[2:] == ["--killed"])
        with contextlib.suppress(OSError):  # on a full disk the log has no room
            sys.stdout.flush()
            sys.stderr.flush()
        # Everything is written. Taking the libraries down would keep the process a second or two
        # longer, in which the run's last words are there and its worker still seems to live.
        os._exit(code)
    if arguments == ["exported"]:
        from phi3studio.worker.fidelity import exported_process

        return exported_process.main()
    if arguments == ["template"]:
        from phi3studio.worker.process import template_trial

        return template_trial.main()
    print("usage: phi3studio worker run FOLDER", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
