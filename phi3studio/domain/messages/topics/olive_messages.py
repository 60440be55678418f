"""Messages about Olive configs, in and out."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "olive.adapter_training": Message(
        "Olive alone does not train an adapter further.",
        "Remove model.adapter, or run the recipe here: phi3studio run.",
    ),
    "olive.adapter_unused": Message(
        "The recipe names an adapter, but none of its steps puts it into the model.",
        "Add merge to steps, or remove model.adapter.",
    ),
    "olive.also": Message(" Also: {what:message} {what:hint}{then:message}"),
    "olive.broken_json": Message(
        "{path}, line {line}: this is not JSON: {reason}.",
        "Correct it at that place; often a comma or a bracket is missing just before it.",
    ),
    "olive.broken_json/whole": Message(
        "{path}: this is not JSON: {reason}.",
        "Choose the file that “olive run --config” would be given.",
    ),
    "olive.broken_yaml": Message(
        "{path}, line {line}: this is not YAML: {reason}.", "Correct it at that place."
    ),
    "olive.broken_yaml/whole": Message(
        "{path}: this is not YAML: {reason}.", "Correct it, or save it as JSON."
    ),
    "olive.evaluation_data": Message(
        "The evaluation's data “{name}” is neither one file nor the rest of a slice of the "
        "training's rows.",
        "Write one file as its data_files, or slices such as train[:80%] and "
        "train[80%:].{more:message}",
    ),
    "olive.export_exists": Message(
        "{path} exists already and is not an empty folder.", "Name a new folder (--out)."
    ),
    "olive.ignored_setting": Message(
        "Olive ignored a setting: {reason}",
        "This is a fault of Phi-3 Studio, not of your recipe; report it with the run's log.",
    ),
    "olive.invalid_value": Message(
        "{path}: {reason:message}", "Correct the value in the Olive config."
    ),
    "olive.more": Message(" And {count} more.{then:message}"),
    "olive.needs_azure": Message("{path}: {text}", "{instead}{more:message}"),
    "olive.no_adapter": Message(
        "The chain merges an adapter, but no pass trains one and the model has none.",
        "Write the adapter's folder as input_model.adapter_path, or add a LoRA pass.{more:message}",
    ),
    "olive.no_data": Message(
        "The config names no data to train on.",
        "Write a data config (type HuggingfaceContainer, data_name json, data_files …) and name "
        "it as train_data_config of the LoRA pass.{more:message}",
    ),
    "olive.no_data/azure": Message(
        "The data in Azure ML has no path.", "Write datastore_name and relative_path.{more:message}"
    ),
    "olive.no_data_files": Message(
        "The data config “{name}” names no file.",
        "Write load_dataset_config with data_name and data_files.{more:message}",
    ),
    "olive.no_data_files/section": Message(
        "The data config names no file and no data set.",
        "Write load_dataset_config with data_name and data_files.{more:message}",
    ),
    "olive.no_file": Message(
        "The Olive config {path} does not exist.",
        "Name the file that “olive run --config” would be given.",
    ),
    "olive.no_model": Message(
        "Olive ended without a model and without an error.",
        "Look at the last lines of the run's log.",
    ),
    "olive.no_model/azure": Message(
        "The model in Azure ML has no name.",
        "Write its name; the model's page in the studio shows it.{more:message}",
    ),
    "olive.no_model/config": Message(
        "The config names no model.",
        "Write input_model.model_path: a model's folder or its id on the hub.{more:message}",
    ),
    "olive.no_model/section": Message(
        "The config has no input_model.", "Write one of type HfModel.{more:message}"
    ),
    "olive.no_passes": Message(
        "The config has no pass that is run here.",
        "Write one of {passes:list} into passes.{more:message}",
    ),
    "olive.not_a_config": Message(
        "This is not an Olive config: it has none of the keys {keys:list}.",
        "Choose the file that “olive run --config” would be given.",
    ),
    "olive.order": Message(
        "The passes are in the order {steps:list}.",
        "Write them as LoRA, MergeAdapterWeights, ModelBuilder.{more:message}",
    ),
    "olive.partial": Message(" With --partial the rest is imported all the same."),
    "olive.pass_without_type": Message(
        "{path} has no type.", "Write its type, for example LoRA.{more:message}"
    ),
    "olive.refused": Message("{path}: {text}", "{instead}{more:message}"),
    "olive.unknown_key": Message("{path}: {text}", "{instead}{more:message}"),
    "olive.unknown_pass": Message("{path}: {text}", "{instead}{more:message}"),
    "olive.unreadable": Message("{path} cannot be read: {reason}.", "Save it as UTF-8."),
}
