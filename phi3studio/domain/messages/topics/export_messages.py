"""Messages about merging, quantisation, verification, bundles and cards."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "export.adapter_kind": Message(
        "An adapter of the kind {kind} cannot be kept apart from its base model.",
        "Add merge to the recipe's steps, or train with method.kind: lora.",
    ),
    "export.adapter_kind/patterns": Message(
        "The adapter has ranks of its own for some layers, or whole layers besides its matrices, "
        "and cannot be kept apart from its base model.",
        "Add merge to the recipe's steps.",
    ),
    "export.adapters_on_directml": Message(
        "DirectML cannot switch adapters at run time.",
        "Add merge to the recipe's steps, or choose target.provider: cpu.",
    ),
    "export.auto": Message("The smallest faithful int4 preset is {preset}. Tried: {tried:list}."),
    "export.auto_none": Message(
        "No int4 preset is faithful; {preset}, the best, is kept. Tried: {tried:list}.",
    ),
    "export.auto_tried": Message("{preset} ({bytes:bytes}): not faithful"),
    "export.auto_tried/faithful": Message("{preset} ({bytes:bytes}): faithful"),
    "export.crashed": Message(
        "onnxruntime-genai stopped unexpectedly (exit code {exit_code}) while it used the "
        "model in {folder}.",
        "It may be too large for the memory, or made for a device that this computer "
        "lacks. Another target or quantisation may help; the log holds its last lines.",
    ),
    "export.does_not_load": Message(
        "onnxruntime-genai cannot load the model in {folder}: {reason}",
        "Look at the run's log; another quantisation preset may help.",
    ),
    "export.does_not_run": Message(
        "onnxruntime-genai cannot run the exported model: {reason}",
        "Look at the run's log; another target or quantisation may help.",
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
    "fidelity.few_rows": Message(
        "{rows:# held-out row is|# held-out rows are} too few to detect a loss of {limit:g} "
        "points: it may be up to {high:.1f}.",
        "Hold out more rows (data.split.held_out).",
    ),
    "fidelity.few_rows/enough": Message(
        "{rows:# held-out row is|# held-out rows are} too few to detect a loss of {limit:g} "
        "points: it may be up to {high:.1f}.",
        "Hold out more rows (data.split.held_out); about {enough:number} would tell.",
    ),
    "fidelity.measured_on_cpu": Message(
        "The model is made for {device}, and the wheels that run it there are missing here: "
        "{wheels:list}. It was measured on the CPU instead; its speed and memory on {device} "
        "were not measured.",
        "Where {wheels:list} are installed: phi3studio verify RUN.",
    ),
    "fidelity.model": Message("merged model"),
    "fidelity.model/base": Message("base model"),
    "fidelity.next/accuracy_level": Message(
        "Set target.accuracy_level: 1; if that does not suffice, set target.quantisation: "
        "{exact} (larger, exact).",
    ),
    "fidelity.next/block_size": Message(
        "Set target.block_size: 16; if that does not suffice, set target.quantisation: {exact} "
        "(larger, exact).",
    ),
    "fidelity.next/cpu": Message(
        "Export for the CPU with target.provider: cpu and target.quantisation: fp32.",
    ),
    "fidelity.next/defect": Message(
        "The format is exact, so the export itself is at fault: report it with the run's log.",
    ),
    "fidelity.next/exact": Message("Set target.quantisation: {exact} (larger, exact)."),
    "fidelity.next/preset": Message("Set target.int4: {preset}, which is more exact."),
    "fidelity.no_task": Message(
        "The recipe has no data, so there is no task score: the export was compared on general "
        "text.",
        "Add data to the recipe to have the task measured.",
    ),
    "fidelity.not_measured": Message(
        "The model does not run on {device} here: {reason}. So nothing is known about it.",
        "Where {wheels:list} are installed and {device} works: phi3studio verify RUN.",
    ),
    "fidelity.not_measured/no_wheels": Message(
        "The model is made for {device}, and the wheels that run it there are missing here: "
        "{wheels:list}. On the CPU it does not run: {reason}. So nothing is known about it.",
        "Where {wheels:list} are installed and {device} works: phi3studio verify RUN.",
    ),
    "fidelity.other_stop": Message(
        "{share:percent} of the answers end with another stop token of the model than the "
        "trained {stop}.",
        "Nothing here; other programs have to know both tokens.",
    ),
    "fidelity.perplexity": Message(
        "The exported model's perplexity on the held-out answers is {perplexity:.3g}, the "
        "{reference:message}'s {reference_perplexity:.3g}.",
        "{next:message}",
    ),
    "fidelity.perplexity/general": Message(
        "The exported model's perplexity on general text is {perplexity:.3g}, the "
        "{reference:message}'s {reference_perplexity:.3g}.",
        "{next:message}",
    ),
    "fidelity.score": Message(
        "The exported model loses {lost} points of {score:message} against the "
        "{reference:message}; {limit:g} are allowed.",
        "{next:message}",
    ),
    "fidelity.score/chance": Message(
        "The exported model loses {lost} points of {score:message} against the "
        "{reference:message}; {limit:g} are allowed. With {rows:# held-out row|# held-out rows} "
        "that may be chance: the loss lies between {low:.1f} and {high:.1f} points.",
        "{next:message} More held-out rows tell whether the loss is real.",
    ),
    "fidelity.score_name/accuracy": Message("accuracy"),
    "fidelity.score_name/token_f1": Message("word F1"),
    "fidelity.stop_not_listed": Message(
        "The stop token {stop} is not among the eos_token_id of genai_config.json, so answers "
        "run on.",
        "Export the model again; do not edit genai_config.json.",
    ),
    "fidelity.stops": Message(
        "Only {stops:g} % of the answers end with a stop token; {limit:g} % have to.",
        "The export is the cause. {next:message}",
    ),
    "fidelity.stops/training": Message(
        "Only {stops:g} % of the answers end with a stop token; {limit:g} % have to. The "
        "{reference:message} does not end more of them.",
        "Train longer, or raise training.learning_rate, so that the stop token is learned.",
    ),
    "fidelity.template": Message(
        "{share:percent} of the prompts become other tokens in the exported model's tokenizer "
        "than in training.",
        "Take what is special there (invisible characters, tags) out of the template or the "
        "data, for example by a repair; or use a base model with another tokenizer.",
    ),
    "fidelity.template/example": Message(
        "{share:percent} of the prompts become other tokens in the exported model's tokenizer "
        "than in training. The first is row {row}, at “{text}”.",
        "Take what is special there (invisible characters, tags) out of the template or the "
        "data, for example by a repair; or use a base model with another tokenizer.",
    ),
}
