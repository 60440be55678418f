"""Messages about recipes: keys, values, settings."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "recipe.broken": Message(
        "The recipe {path} cannot be parsed: {reason}.",
        "Correct it; phi3studio recipe new writes a correct one to compare with.",
    ),
    "recipe.broken/line": Message(
        "The recipe {path}, line {line}, cannot be parsed: {reason}.",
        "Correct it at that place; phi3studio recipe new writes a correct one to compare with.",
    ),
    "recipe.data_shape": Message(
        "data needs either a template or the name of a messages column, not both.",
        "For rows with columns write data.template; for conversations write data.messages: "
        "messages.",
    ),
    "recipe.data_shape/neither": Message(
        "data needs either a template or the name of a messages column, and has neither.",
        "For rows with columns write data.template; for conversations write data.messages: "
        "messages.",
    ),
    "recipe.exists": Message(
        "{path} exists already.", "Name another file with --out, or delete it first."
    ),
    "recipe.float16_on_cpu": Message(
        "training.precision is float16, which CPUs cannot train in.",
        "Set training.precision: auto.",
    ),
    "recipe.half_a_template": Message(
        "Only one of --prompt and --completion is given.",
        "Give both, or none to have them proposed.",
    ),
    "recipe.half_a_template/columns": Message(
        "Only one of --prompt-column and --answer-column is given.",
        "Give both, or none to have them proposed.",
    ),
    "recipe.invalid_value": Message(
        "{name} is not valid: {reason} (given: {given}).{more:message}",
        "Correct {name} in the recipe; phi3studio recipe schema lists what is allowed.",
    ),
    "recipe.invalid_value/section": Message(
        "{name} is not valid: {reason}.{more:message}",
        "Correct {name} in the recipe; phi3studio recipe schema lists what is allowed.",
    ),
    "recipe.invalid_value/whole": Message(
        "The recipe is not valid: {reason}.{more:message}",
        "Correct it; phi3studio recipe schema lists what is allowed.",
    ),
    "recipe.missing_key": Message(
        "The recipe lacks the key {name}.{more:message}",
        "Add it; phi3studio recipe new --data FILE writes a complete recipe to compare with.",
    ),
    "recipe.more": Message(" ({count:# more problem|# more problems} after this one.)"),
    "recipe.newer_version": Message(
        "The recipe has format version {version}; this program knows up to {known}.",
        "Update Phi-3 Studio, or write the recipe from scratch with phi3studio recipe new.",
    ),
    "recipe.no_adapter": Message(
        "The recipe merges an adapter, but it neither trains nor names one.",
        "Name its folder in model.adapter, or leave merge out of steps.",
    ),
    "recipe.no_data": Message(
        "The recipe has no data, so there is nothing to train on.",
        "Add data (phi3studio recipe new --data FILE writes it), or leave train out of steps.",
    ),
    "recipe.no_data/rows": Message(
        "The recipe “{name}” has no data.",
        "Add data to it: phi3studio recipe new --data FILE writes such a part.",
    ),
    "recipe.no_data/step": Message(
        "The recipe has no data, and this step needs some.",
        "Add data to the recipe, or leave the step out of steps.",
    ),
    "recipe.no_evaluations": Message(
        "training.early_stopping needs evaluations, but training.evaluations is 0.",
        "Set training.evaluations to 8 or so, or training.early_stopping to 0.",
    ),
    "recipe.no_file": Message(
        "The recipe {path} does not exist.",
        "Write one: phi3studio recipe new --data FILE --model NAME.",
    ),
    "recipe.not_a_mapping": Message(
        "The recipe is not a mapping of keys to values.",
        "Start from a complete one: phi3studio recipe new --data FILE.",
    ),
    "recipe.only_verify": Message(
        "The recipe only verifies, but makes nothing to be verified.",
        "Add quantise to steps; a finished run is verified by phi3studio verify RUN.",
    ),
    "recipe.other_adapter_shape": Message(
        "The adapter in {path} has rank {rank} on {modules:list}; the recipe's method has another "
        "rank or other modules, so it cannot be trained further.",
        "Set method.rank: {rank} and method.target_modules: [{modules:list}].",
    ),
    "recipe.sequence_too_long": Message(
        "training.sequence_length is {length}, but the model's context is {context}.",
        "Set training.sequence_length to {context} or less.",
    ),
    "recipe.target": Message(
        "A model for {provider} cannot be exported as {quantisation}.",
        "Set target.quantisation to one of {formats:list}, or target.provider to one of "
        "{providers:list}.",
    ),
    "recipe.target/preset": Message(
        "A model for {provider} cannot be exported with target.int4: {preset}.",
        "Set target.int4 to one of {presets:list}.",
    ),
    "recipe.two_splits": Message(
        "data.split names both a file and a column of held-out rows.",
        "Keep one of data.split.file and data.split.column.",
    ),
    "recipe.unknown_key": Message(
        "The recipe has an unknown key: {name}.{more:message}", "Remove the key."
    ),
    "recipe.unknown_key/near": Message(
        "The recipe has an unknown key: {name}.{more:message}",
        "Write “{near}” instead, or remove the key.",
    ),
    "recipe.unreadable": Message(
        "The recipe {path} cannot be read: {reason}.",
        "Save it as UTF-8, in a place that you may read.",
    ),
}
