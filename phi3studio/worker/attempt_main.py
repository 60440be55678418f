"""The life of one attempt of a run: wait, work, last words.

Whatever happens, the run folder tells: exactly one ``finished`` or ``paused`` ends an attempt,
unless the process is killed, which the reader recognises by its absence, or the memory did not
suffice and another attempt follows with safer settings.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import traceback
from pathlib import Path

from filelock import FileLock, Timeout

from phi3studio import __version__
from phi3studio.app import allocator
from phi3studio.app.about import installed_version
from phi3studio.app.paths import user_home
from phi3studio.app.settings import read_settings
from phi3studio.domain.errors import Cancelled, RunError, UserFacingError
from phi3studio.domain.estimation.recovery import in_force
from phi3studio.domain.events.run_events import Finished, Paused, Started, Waiting, notice
from phi3studio.domain.messages import Phrase
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.measuring.search_file import give_up_begun
from phi3studio.runs.queue import MachineQueue
from phi3studio.runs.store import RunFolder
from phi3studio.runtime_pack.use import BROKEN_VARIABLE
from phi3studio.worker.failures import full_disk, memory_cause, out_of_memory, translate
from phi3studio.worker.process import privacy
from phi3studio.worker.process.awake import awake
from phi3studio.worker.process.control import (
    JOB_STOP_S,
    Control,
    MemoryMeter,
    PauseRequested,
    end_children,
)
from phi3studio.worker.process.emit import Emitter
from phi3studio.worker.process.parent import end_with_parent
from phi3studio.worker.process.supervise import AGAIN
from phi3studio.worker.process.threads import ThreadGovernor
from phi3studio.worker.training.recover import recover

# How long an attempt of a killed supervisor may take to end.
_LOCK_S = 10.0
_REPORTED = ("torch", "transformers", "peft", "olive-ai", "onnxruntime", "onnxruntime-genai")


def run_worker(folder: Path, killed: bool = False) -> int:
    """Do one attempt of the run in *folder*; returns the process's exit code.

    *killed*: the system ended the attempt before for want of memory. The exit code
    :data:`AGAIN` asks the supervisor for another attempt.
    """
    end_with_parent()
    allocator.keep_to_ourselves(os.environ)
    privacy.disable_telemetry()
    run = RunFolder(folder)
    own_lock = FileLock(run.attempt_lock)
    try:
        if run.recipe_file.is_file():  # a lock makes its folder: one that was deleted stays so
            # An attempt whose supervisor was killed may take a moment to end.
            own_lock.acquire(timeout=_LOCK_S)
    except Timeout:
        print(f"another worker has the run {run.name}", file=sys.stderr)
        return 2
    if not run.recipe_file.is_file():
        print(f"the run {run.name} is not there any more", file=sys.stderr)
        return 2
    memory = MemoryMeter()

    def last_words(stop: type[BaseException]) -> None:
        if stop is Cancelled:
            emit(Finished(outcome="cancelled", peak_memory=memory.peak))
        else:
            emit(Paused(left=control.leaving or None))

    try:
        with Emitter(run) as emit, memory, Control(run, last_words) as control:
            code = _attempt(run, emit, control, memory, killed)
    finally:
        end_children()
        own_lock.release()
    return code


def _attempt(
    run: RunFolder, emit: Emitter, control: Control, memory: MemoryMeter, killed: bool
) -> int:
    try:
        if killed and not _gave_up_export(run):
            recover(run, emit, "killed")
        view = run.view()
        recipe = in_force(run.recipe(), view.recoveries)
        if recipe.target.train_on == "azureml":
            control.hard_stop_s = JOB_STOP_S
            from phi3studio.worker.azure.job_run import run_job

            run_job(run, recipe, emit, control, view.attempt + 1)
            emit(Finished(outcome="completed", peak_memory=memory.peak))
            return 0
        with (
            # Also while it waits: a computer asleep comes to no time of the night.
            awake(read_settings(user_home()).keep_awake),
            _machine(run, emit, control),
        ):
            attempt = view.attempt + 1
            governor = _start_libraries(recipe, emit)
            from phi3studio.worker.pipeline import execute
            from phi3studio.worker.process import hardware
            from phi3studio.worker.stages.attempt import Attempt

            device = hardware.choose_device(recipe)
            precision = hardware.choose_precision(recipe, device, before=view.precision)
            emit(
                Started(
                    attempt=attempt,
                    pid=os.getpid(),
                    device=device,
                    precision=precision,
                    threads=governor.threads,
                    versions=_versions(),
                    stages=recipe.stages,
                )
            )
            _tell_of_pack(emit)
            execute(Attempt(run, recipe, emit, control, memory, device, precision, governor))
    except Cancelled:
        return _cancelled(run, emit, memory)
    except PauseRequested:
        return _paused(emit, control)
    except BaseException as exc:
        if not isinstance(exc, UserFacingError):
            with contextlib.suppress(OSError):  # the log has no room either
                traceback.print_exc()
            if control.cancel_requested:
                # A library may catch the interruption and raise an error of its own for it:
                # numpy, interrupted while it is imported, says that it was imported twice.
                return _cancelled(run, emit, memory)
            if control.session_ends or control.folder_gone:
                # Its helper processes were asked to end as well, or found nothing to work with.
                return _paused(emit, control)
        error = translate(exc)
        cause = memory_cause(exc)
        if cause is not None:
            _free(exc)
            try:
                recover(run, emit, cause)
                return AGAIN
            except RunError as last:
                error = last
        emit(Finished.failed(full_disk(run, exc, error), memory.peak))
        return error.exit_code
    emit(Finished(outcome="completed", peak_memory=memory.peak))
    return 0


def _gave_up_export(run: RunFolder) -> bool:
    """Whether what took the memory was one of the exports that a search builds: it does without."""
    stage = run.view().stage
    cause = Phrase("run.memory_cause", variant="killed")
    return stage == "quantise" and give_up_begun(run, out_of_memory(cause, stage))


def _free(error: BaseException) -> None:
    """Let go of what the frames of a failed training hold: the model, most of all. Without that
    there may be no megabyte left to read the run's events with."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    gc.collect()


def _paused(emit: Emitter, control: Control) -> int:
    if control.folder_gone:
        # Read where the events lie now, if they were moved.
        emit(notice("run.folder_gone", level="warning"))
    emit(Paused(left=control.leaving or None))
    return 0


def _cancelled(run: RunFolder, emit: Emitter, memory: MemoryMeter) -> int:
    if run.job_file.is_file():
        from phi3studio.worker.azure.job_run import cancel_job

        cancel_job(run, emit)
    emit(Finished(outcome="cancelled", peak_memory=memory.peak))
    return 130


@contextlib.contextmanager
def _machine(run: RunFolder, emit: Emitter, control: Control):  # type: ignore[no-untyped-def]
    """Hold the machine; other runs wait."""
    reported: list[Waiting] = []

    def on_wait(ahead: int, start_at: float | None) -> None:
        control.check()
        if control.pause_requested:
            raise PauseRequested
        waiting = Waiting(ahead=ahead, start_at=start_at)
        if reported != [waiting]:
            reported[:] = [waiting]
            emit(waiting)

    lock = MachineQueue(run.path.parent).acquire(run, on_wait)
    try:
        yield
    finally:
        lock.release()


def _tell_of_pack(emit: Emitter) -> None:
    """Say that the run goes without the runtime pack that was meant for it."""
    damage = os.environ.get(BROKEN_VARIABLE)
    if damage:
        emit(notice("runtime.broken", level="warning", damage=damage))


def _start_libraries(recipe: Recipe, emit: Emitter) -> ThreadGovernor:
    """Import torch and set its threads."""
    if recipe.method.kind != "qlora":
        # PEFT imports bitsandbytes where it is installed, and with it PyTorch's compiler, which
        # takes seconds. So it is not.
        sys.modules["bitsandbytes"] = None  # type: ignore[assignment]
    import torch

    def on_change(threads: int, cores: int) -> None:
        variant = "busy" if threads < cores else ""
        emit(notice("machine.threads", variant=variant, threads=threads, cores=cores))

    governor = ThreadGovernor(on_change)
    torch.set_num_threads(governor.threads)
    logging.captureWarnings(True)
    return governor


def _versions() -> dict[str, str]:
    found = {"phi3studio": __version__, "python": sys.version.split()[0]}
    versions = {name: installed_version(name) for name in _REPORTED}
    return found | {name: version for name, version in versions.items() if version}
