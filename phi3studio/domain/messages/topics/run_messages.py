"""Messages about runs: starting, training, pausing, resuming, the queue."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "device.no_cuda": Message(
        "The recipe trains on CUDA, but no CUDA device can be used: no NVIDIA GPU or "
        "driver was found.",
        "Set target.train_on: cpu (or auto), or install the NVIDIA driver.",
    ),
    "device.no_cuda/cpu_build": Message(
        "The recipe trains on CUDA, but no CUDA device can be used: this PyTorch is a CPU build.",
        "Set target.train_on: cpu (or auto), or install the runtime pack for NVIDIA GPUs: "
        "phi3studio runtime install cuda.",
    ),
    "estimate.busy": Message(
        "The run {run} is using the machine, so nothing can be measured.",
        "Wait for it, pause it, or estimate without --dry-run.",
    ),
    "estimate.trial_failed": Message(
        "The trial run stopped unexpectedly.",
        "The memory may have been too small: close other programs, or choose smaller settings, "
        "and try again.",
    ),
    "events.version": Message(
        "This run was written in event format {version}; this program reads format {known}.",
        "Open the run with the version of Phi-3 Studio that made it, or update this one.",
    ),
    "machine.threads": Message("The machine is free again: computing on {cores} cores."),
    "machine.threads/busy": Message(
        "Other programs are busy: computing on {threads} of {cores} cores.",
    ),
    "run.ambiguous": Message(
        "“{name}” fits {count} runs: {runs:list}.",
        "Write more of the name.",
    ),
    "run.bad_result/adapter_file": Message(
        "The adapter is not usable: no adapter_model.safetensors was written.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.bad_result/adapter_numbers": Message(
        "The adapter is not usable: it holds values that are not numbers.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.bad_result/adapter_zero": Message(
        "The adapter is not usable: its weights are all zero, so nothing was learned.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.bad_result/merged": Message(
        "The merged model is not usable: {reason:message}",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.bad_result/model_files": Message(
        "The exported model is not usable: genai_config.json or the ONNX file is missing.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.bad_result/model_numbers": Message(
        "The exported model is not usable: its output holds values that are not numbers.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.bad_result/no_answer": Message(
        "The exported model is not usable: it gave no answer.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.bad_result/output": Message(
        "The exported model is not usable: nothing in it computes its output {output}.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.bad_result/score": Message(
        "The exported model is not usable: its output holds values that are not numbers.",
        "Choose another number format in target.quantisation, for example fp32.",
    ),
    "run.bad_result/stop": Message(
        "The exported model is not usable: its stop tokens lack {stop}.",
        "Look at the last lines of the run's log; resume the run to try the stage again.",
    ),
    "run.busy": Message(
        "The run {run} is still running.",
        "Wait for it (phi3studio show {run}), or cancel it first.",
    ),
    "run.memory_cause/device": Message("the GPU's memory was full"),
    "run.memory_cause/host": Message("an allocation failed"),
    "run.memory_cause/killed": Message("the system ended the worker because the memory was full"),
    "run.no_adapter": Message(
        "The run {run} has no trained adapter: it is {state:message}.",
        "Resume it first (phi3studio resume {run}), or choose a run that has trained one.",
    ),
    "run.no_export": Message(
        "The run {run} made no exported model: its recipe leaves quantise out.",
        "Add quantise to the recipe's steps and run it.",
    ),
    "run.no_held_out": Message(
        "The held-out rows of {run} are gone or were changed.",
        "Verify with rows of a file: phi3studio verify {run} --data FILE.",
    ),
    "run.no_name": Message(
        "No free folder name was found for the run {slug} in {folder}.",
        "Give the recipe another name.",
    ),
    "run.no_recipe": Message(
        "The run {run} has no readable recipe.json ({reason}).",
        "The folder is damaged; delete {folder} if you do not need it.",
    ),
    "run.not_completed": Message(
        "The run {run} has no exported model yet: it is {state:message}.",
        "Follow it with phi3studio show {run}, or resume it: phi3studio resume {run}.",
    ),
    "run.not_completed/part": Message(
        "The run {run} is {state:message}, and has no {what:message} yet.",
        "Wait for it, or resume it: phi3studio resume {run}.",
    ),
    "run.not_completed/verify": Message(
        "The run {run} has no exported model yet.",
        "Finish it first: phi3studio resume {run}.",
    ),
    "run.not_found": Message(
        "There is no run “{name}”.",
        "phi3studio runs lists them.",
    ),
    "run.not_found/none": Message(
        "There are no runs yet.",
        "Start one: phi3studio demo.",
    ),
    "run.not_resumable": Message(
        "The run {run} cannot be resumed: it is {state:message}.",
        "Start a new run from its recipe: phi3studio run {recipe}",
    ),
    "run.not_running": Message(
        "The run {run} is not running: it is {state:message}.",
        "Nothing to do.",
    ),
    "run.out_of_memory": Message(
        "The memory was not enough ({reason:message}).",
        "Lower training.batch_size and raise training.accumulation by the same factor, set "
        "training.gradient_checkpointing: true, or shorten training.sequence_length; then start "
        "a new run.",
    ),
    "run.out_of_memory/merge": Message(
        "The memory was not enough ({reason:message}).",
        "Close other programs and resume the run, or use a machine with more memory: the trained "
        "adapter is kept.",
    ),
    "run.out_of_memory/no_recovery": Message(
        "The memory was not enough ({reason:message}), and training.recover: false forbids "
        "continuing with safer settings.",
        "Lower training.batch_size and raise training.accumulation by the same factor, set "
        "training.gradient_checkpointing: true, or shorten training.sequence_length; then start "
        "a new run.",
    ),
    "run.out_of_memory/quantise": Message(
        "The memory was not enough ({reason:message}).",
        "Close other programs and resume the run; the merged model is kept. A smaller base model "
        "takes less.",
    ),
    "run.out_of_memory/train": Message(
        "The memory was not enough ({reason:message}).",
        "Choose a smaller base model, train with method.kind: qlora, or shorten the rows; "
        "phi3studio fit proposes settings for this machine.",
    ),
    "run.out_of_memory/verify": Message(
        "The memory was not enough ({reason:message}).",
        "Close other programs and resume the run: the exported model is kept.",
    ),
    "run.recovered/batch_size": Message(
        "The memory did not suffice ({cause:message}). Going on with {rows:# row|# rows} in a "
        "forward pass instead of {rows_before} and {passes:# pass|# passes} in a step instead of "
        "{passes_before}: as many rows in a step as before.",
    ),
    "run.recovered/gradient_checkpointing": Message(
        "The memory did not suffice ({cause:message}). Going on with gradient checkpointing: the "
        "same result with less memory, about a third slower.",
    ),
    "run.recovered/int4": Message(
        "The memory did not suffice ({cause:message}). Going on with target.int4: {preset}, "
        "which takes less.",
    ),
    "run.recovered/sequence_length": Message(
        "The memory did not suffice ({cause:message}). Going on with the last {tokens:number} "
        "tokens of longer rows: the beginning of their prompts is left out.",
    ),
    "run.state/cancelled": Message(
        "cancelled",
    ),
    "run.state/completed": Message(
        "completed",
    ),
    "run.state/failed": Message(
        "failed",
    ),
    "run.state/interrupted": Message(
        "interrupted",
    ),
    "run.state/paused": Message(
        "paused",
    ),
    "run.state/queued": Message(
        "queued",
    ),
    "run.state/running": Message(
        "running",
    ),
    "train.best": Message(
        "The adapter of step {step} is kept, which had the lowest evaluation loss ({loss:.4g}); "
        "the last one had {last_loss:.4g}.",
    ),
    "train.checkpoint": Message("Checkpoint saved at step {step} ({seconds} s)."),
    "train.damaged_checkpoint": Message("{damaged} is incomplete and is not used; starting again."),
    "train.damaged_checkpoint/earlier": Message(
        "{damaged} is incomplete and is not used; going on from {checkpoint}.",
    ),
    "train.diverged": Message(
        "The loss became {loss:.4g} at step {step}, so the training was stopped.",
        "Lower training.learning_rate (a tenth is a good next try) and start again; the "
        "last good checkpoint is kept in the run's folder.",
    ),
    "train.diverged/gradient": Message(
        "The gradient became {gradient:.4g} at step {step}, so the training was stopped.",
        "Lower training.learning_rate (a tenth is a good next try) and start again; the "
        "last good checkpoint is kept in the run's folder.",
    ),
    "train.resumed": Message("Going on from {checkpoint}."),
    "train.stopped_early": Message(
        "Stopped at step {step} of {steps}: {evaluations:# evaluation|# evaluations} in a row "
        "were no better.",
    ),
}
