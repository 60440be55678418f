"""Messages about base models, adapters, downloads and the hub."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "model.adapter_of_another_base/run": Message(
        "The run {run} trained over {model}, and the export is of {base}.",
        "Only adapters over the same base model can be used together.",
    ),
    "model.no_adapter/recipe": Message(
        "There is no LoRA adapter in {folder}: it has no adapter_config.json.",
        "Name the folder of a PEFT adapter in model.adapter; a run keeps its own in adapter/.",
    ),
    "model.not_on_disk/run": Message(
        "The model {model} is not on this computer, and a run downloads nothing on its own.",
        "Get it first: phi3studio models get {source}",
    ),
    "model.remote_code": Message(
        "The recipe lets the model folder run its own code: {files:list}.",
    ),
    "model.tokenizer": Message(
        "The tokenizer of {folder} cannot be loaded: {reason}",
        "Choose a whole model folder, with tokenizer.json and tokenizer_config.json.",
    ),
}
