"""Sentences for the codes of runs, the chat, the verdict and the computer."""

from __future__ import annotations

from phi3studio.gui.texts.i18n import QT_TRANSLATE_NOOP

WORK_ERRORS: dict[str, tuple[str, str]] = {
    "chat.too_long": (
        QT_TRANSLATE_NOOP("Errors", "The text is longer than what the model can hold."),
        QT_TRANSLATE_NOOP("Errors", "Shorten it, or start a new conversation."),
    ),
    "chat.no_model": (
        QT_TRANSLATE_NOOP("Errors", "The folder holds no exported model."),
        QT_TRANSLATE_NOOP("Errors", "Choose a completed run, or a folder with genai_config.json."),
    ),
    "chat.labels": (
        QT_TRANSLATE_NOOP("Errors", "The labels are empty."),
        QT_TRANSLATE_NOOP("Errors", "Name at least one label, one on each line."),
    ),
    "chat.schema": (
        QT_TRANSLATE_NOOP("Errors", "The JSON schema cannot be used."),
        QT_TRANSLATE_NOOP("Errors", "Correct it; not every keyword is supported."),
    ),
    "chat.no_template": (
        QT_TRANSLATE_NOOP("Errors", "This model was trained on conversations, not on a template."),
        QT_TRANSLATE_NOOP("Errors", "Write a message instead."),
    ),
    "chat.memory": (
        QT_TRANSLATE_NOOP("Errors", "The memory is not enough for a text of this length."),
        QT_TRANSLATE_NOOP("Errors", "Close other programs, or ask for a shorter answer."),
    ),
    "chat.constraint": (
        QT_TRANSLATE_NOOP("Errors", "The model could not keep to the labels or the schema."),
        QT_TRANSLATE_NOOP("Errors", "Ask again, or without them."),
    ),
    "chat.engine": (
        QT_TRANSLATE_NOOP("Errors", "The model could not go on with the answer."),
        QT_TRANSLATE_NOOP("Errors", "Ask again; if it happens again, start a new conversation."),
    ),
    "chat.no_adapter": (
        QT_TRANSLATE_NOOP("Errors", "The model has no adapter of that name."),
        QT_TRANSLATE_NOOP("Errors", "Choose one that it has."),
    ),
    "chat.no_adapters": (
        QT_TRANSLATE_NOOP("Errors", "The model has no place for adapters: its own was merged in."),
        QT_TRANSLATE_NOOP("Errors", "Export the base once, without the step Merge."),
    ),
    "export.adapter_kind": (
        QT_TRANSLATE_NOOP(
            "Errors", "An adapter of this kind cannot be kept apart from its base model."
        ),
        QT_TRANSLATE_NOOP("Errors", "Add the step Merge, or train with LoRA."),
    ),
    "export.adapters_on_directml": (
        QT_TRANSLATE_NOOP("Errors", "DirectML cannot switch adapters while it runs."),
        QT_TRANSLATE_NOOP("Errors", "Add the step Merge, or run on the processor."),
    ),
    "export.does_not_load": (
        QT_TRANSLATE_NOOP("Errors", "The exported model cannot be loaded."),
        QT_TRANSLATE_NOOP("Errors", "Another quantisation may help; the run's log says more."),
    ),
    "fidelity.score": (
        QT_TRANSLATE_NOOP(
            "Errors", "The exported model loses more of the task score than is allowed."
        ),
        QT_TRANSLATE_NOOP("Errors", "Try the next thing that the details name."),
    ),
    "fidelity.stop_not_listed": (
        QT_TRANSLATE_NOOP(
            "Errors", "The stop token is missing in the exported model, so answers run on."
        ),
        QT_TRANSLATE_NOOP("Errors", "Export the model again."),
    ),
    "fidelity.stops": (
        QT_TRANSLATE_NOOP("Errors", "Too few answers end by themselves."),
        QT_TRANSLATE_NOOP("Errors", "Try the next thing that the details name."),
    ),
    "fidelity.template": (
        QT_TRANSLATE_NOOP("Errors", "Some prompts become other tokens than in training."),
        QT_TRANSLATE_NOOP("Errors", "Take what is special there out of the template."),
    ),
    "fidelity.perplexity": (
        QT_TRANSLATE_NOOP(
            "Errors",
            "The exported model is much more surprised by the text than the one before the export.",
        ),
        QT_TRANSLATE_NOOP("Errors", "Try the next thing that the details name."),
    ),
    "fidelity.no_task": (
        QT_TRANSLATE_NOOP("Errors", "Without data there is no task score: general text was used."),
        QT_TRANSLATE_NOOP("Errors", "Add data to have the task measured."),
    ),
    "fidelity.few_rows": (
        QT_TRANSLATE_NOOP("Errors", "The held-out rows are too few to be sure of so small a loss."),
        QT_TRANSLATE_NOOP("Errors", "Hold out more rows."),
    ),
    "fidelity.other_stop": (
        QT_TRANSLATE_NOOP("Errors", "Some answers end by another stop token than the trained one."),
        QT_TRANSLATE_NOOP("Errors", "Nothing to do here; other programs have to know both tokens."),
    ),
    "fidelity.not_measured": (
        QT_TRANSLATE_NOOP("Errors", "The exported model could not be measured on this computer."),
        QT_TRANSLATE_NOOP("Errors", "Measure it where it is to run."),
    ),
    "fidelity.measured_on_cpu": (
        QT_TRANSLATE_NOOP(
            "Errors", "The model was measured on the processor instead of its target."
        ),
        QT_TRANSLATE_NOOP("Errors", "Its speed and memory there are unknown."),
    ),
    "install.two_runtimes": (
        QT_TRANSLATE_NOOP("Errors", "Several flavours of ONNX Runtime are installed: {names}"),
        QT_TRANSLATE_NOOP(
            "Errors",
            "They overwrite each other's files. Install Phi-3 Studio again, or set its source up "
            "anew with one flavour.",
        ),
    ),
    "install.no_runtime": (
        QT_TRANSLATE_NOOP("Errors", "ONNX Runtime or ONNX Runtime GenAI is missing."),
        QT_TRANSLATE_NOOP("Errors", "Install Phi-3 Studio again, or set its source up anew."),
    ),
    "install.missing": (
        QT_TRANSLATE_NOOP("Errors", "{name} is not installed."),
        QT_TRANSLATE_NOOP("Errors", "Install Phi-3 Studio again, or set its source up anew."),
    ),
    "install.cpu_torch": (
        QT_TRANSLATE_NOOP(
            "Errors", "ONNX Runtime is the CUDA flavour, but PyTorch is a CPU build."
        ),
        QT_TRANSLATE_NOOP("Errors", "Install the CUDA build of the same PyTorch version."),
    ),
    "install.gpu_unused": (
        QT_TRANSLATE_NOOP("Errors", "{gpu} is there, but the CPU flavour is installed."),
        QT_TRANSLATE_NOOP(
            "Errors", "Install the runtime pack for NVIDIA GPUs under Settings to train on it."
        ),
    ),
    "install.gpu_out_of_reach": (
        QT_TRANSLATE_NOOP("Errors", "{gpu} is there, but training uses the processor."),
        QT_TRANSLATE_NOOP("Errors", "This build has no runtime pack for it; Settings say why."),
    ),
    "machine.low_disk": (
        QT_TRANSLATE_NOOP("Errors", "The disk is nearly full: {free} are free."),
        QT_TRANSLATE_NOOP("Errors", "A run takes 2 GB and more while it works."),
    ),
    "machine.low_memory": (
        QT_TRANSLATE_NOOP("Errors", "Little memory is free: {free}."),
        QT_TRANSLATE_NOOP("Errors", "Close other programs before a run."),
    ),
    "machine.threads": (
        QT_TRANSLATE_NOOP("Errors", "The number of threads follows the cores that are free."),
        "",
    ),
    "run.recovered": (
        QT_TRANSLATE_NOOP(
            "Errors", "The memory was not enough: the run goes on with safer settings."
        ),
        "",
    ),
    "run.out_of_memory": (
        QT_TRANSLATE_NOOP("Errors", "The memory was not enough."),
        QT_TRANSLATE_NOOP(
            "Errors", "Choose a smaller batch or sequence length, or a smaller model."
        ),
    ),
    "train.checkpoint": (
        QT_TRANSLATE_NOOP("Errors", "A checkpoint was saved."),
        "",
    ),
    "service.closed": (
        QT_TRANSLATE_NOOP("Errors", "A helper process was closed."),
        QT_TRANSLATE_NOOP("Errors", "Start the program again."),
    ),
    "service.method": (
        QT_TRANSLATE_NOOP("Errors", "The parts of Phi-3 Studio are of different versions."),
        QT_TRANSLATE_NOOP("Errors", "Update Phi-3 Studio."),
    ),
    "service.too_large": (
        QT_TRANSLATE_NOOP("Errors", "The answer is too large to be shown."),
        QT_TRANSLATE_NOOP("Errors", "Ask for less at a time."),
    ),
    "cancelled": (
        QT_TRANSLATE_NOOP("Errors", "The request was withdrawn."),
        QT_TRANSLATE_NOOP("Errors", "Ask again."),
    ),
    "bug": (
        QT_TRANSLATE_NOOP("Errors", "An unexpected error occurred."),
        QT_TRANSLATE_NOOP("Errors", "Report it; the details and the log say more."),
    ),
    "export.auto": (
        QT_TRANSLATE_NOOP("Errors", "The smallest faithful int4 preset was chosen."),
        "",
    ),
    "export.auto_none": (
        QT_TRANSLATE_NOOP("Errors", "No int4 preset is faithful; the best one was kept."),
        "",
    ),
    "export.does_not_run": (
        QT_TRANSLATE_NOOP("Errors", "The exported model does not run here."),
        QT_TRANSLATE_NOOP("Errors", "The log says more; another target may help."),
    ),
}
