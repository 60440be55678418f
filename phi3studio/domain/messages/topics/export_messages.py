"""Messages about merging, quantisation, verification, bundles and cards."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "export.crashed": Message(
        "onnxruntime-genai stopped unexpectedly (exit code {exit_code}) while it used the "
        "model in {folder}.",
        "It may be too large for the memory, or made for a device that this computer "
        "lacks. Another target or quantisation may help; the log holds its last lines.",
    ),
    "export.exists": Message(
        "{path} exists already.",
        "Name another place, or let it be replaced with --replace.",
    ),
    "export.exists/file": Message(
        "{path} is a file.",
        "Name a folder, or a file that ends in .zip.",
    ),
    "export.exists/folder": Message(
        "{path} is a folder.",
        "Name another file, or another folder.",
    ),
    "export.kept": Message(
        "{inner:message} The export is kept in {folder} with the run's other results.",
        "The model does not work as it was exported; another target.quantisation or "
        "target.int4 may. Start a recipe with another target.",
    ),
    "export.kept/adapter": Message(
        "{inner:message} The export is kept in {folder} with the run's other results.",
        "The model does not work as it was exported; another target.quantisation or "
        "target.int4 may. To export what was trained in another way, start a recipe with "
        "steps: [merge, quantise, verify], model.adapter: {adapter} and another target.",
    ),
    "export.not_a_bundle": Message(
        "{path} is not a bundle that this program wrote, so it is not replaced.",
        "Name a new folder.",
    ),
    "export.not_written": Message(
        "The bundle could not be written to {path}: {reason}.",
        "Make room on the disk or choose another place; nothing of it was left behind.",
    ),
    "export.nothing_there": Message(
        "The run {run} has no {what:message}: that takes {step:message}.",
        "It has: {others:list}; choose with --what.",
    ),
    "export.nothing_there/alone": Message(
        "The run {run} has no {what:message}: that takes {step:message}.",
        "Run the recipe again.",
    ),
    "export.part/adapter": Message(
        "adapter",
    ),
    "export.part/merged": Message(
        "merged model",
    ),
    "export.part/model": Message(
        "exported model",
    ),
    "export.step/adapter": Message(
        "the step train",
    ),
    "export.step/merged": Message(
        "the step merge without quantise",
    ),
    "export.step/model": Message(
        "the step quantise",
    ),
    "export.what": Message(
        "There is no --what {given}.",
        "Choose one of {choices:list}.",
    ),
}
