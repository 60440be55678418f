"""Sentences for the codes of base models and adapters."""

from __future__ import annotations

from phi3studio.gui.texts.i18n import QT_TRANSLATE_NOOP

MODEL_ERRORS: dict[str, tuple[str, str]] = {
    "model.no_adapter": (
        QT_TRANSLATE_NOOP("Errors", "The folder holds no whole LoRA adapter."),
        QT_TRANSLATE_NOOP(
            "Errors", "Choose the folder of a PEFT adapter; a run keeps its own in adapter/."
        ),
    ),
    "model.adapter_kind": (
        QT_TRANSLATE_NOOP("Errors", "Only LoRA adapters can be used."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Merge this one with the program that made it, and start from the merged model.",
        ),
    ),
    "model.adapter_of_another_base": (
        QT_TRANSLATE_NOOP("Errors", "The adapter does not fit this base model."),
        QT_TRANSLATE_NOOP("Errors", "Choose the base model that it was trained on."),
    ),
    "model.adapter_weights": (
        QT_TRANSLATE_NOOP("Errors", "The adapter has no weights in safetensors."),
        QT_TRANSLATE_NOOP("Errors", "Save it as safetensors with the program that made it."),
    ),
    "model.bad_answer": (
        QT_TRANSLATE_NOOP("Errors", "The address does not answer as a model hub does."),
        QT_TRANSLATE_NOOP(
            "Errors", "Check HF_ENDPOINT, or whether a sign-in page of the network answers."
        ),
    ),
    "model.bad_endpoint": (
        QT_TRANSLATE_NOOP("Errors", "HF_ENDPOINT is no web address."),
        QT_TRANSLATE_NOOP("Errors", "Write it with its scheme, or unset it."),
    ),
    "model.bad_name": (
        QT_TRANSLATE_NOOP("Errors", "This cannot be the name of a model."),
        QT_TRANSLATE_NOOP("Errors", "Choose letters, digits, dots and dashes."),
    ),
    "model.bundled_damaged": (
        QT_TRANSLATE_NOOP("Errors", "The starter model that comes with the program is damaged."),
        QT_TRANSLATE_NOOP(
            "Errors", "Install Phi-3 Studio again; your runs, models and settings stay."
        ),
    ),
    "model.chat_template": (
        QT_TRANSLATE_NOOP("Errors", "The model's chat template rewrites earlier turns."),
        QT_TRANSLATE_NOOP("Errors", "Choose another model, or rows with a template."),
    ),
    "model.convert_failed": (
        QT_TRANSLATE_NOOP("Errors", "The conversion of the model ended unexpectedly."),
        QT_TRANSLATE_NOOP("Errors", "The memory may have been too small, or the file is damaged."),
    ),
    "model.damaged": (
        QT_TRANSLATE_NOOP("Errors", "A file arrived twice with wrong content."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Something on the way changes the data, such as a proxy. Try again without it.",
        ),
    ),
    "model.download_failed": (
        QT_TRANSLATE_NOOP("Errors", "The starter model could not be fetched."),
        QT_TRANSLATE_NOOP("Errors", "Check the connection and try again."),
    ),
    "model.gated": (
        QT_TRANSLATE_NOOP("Errors", "The model is gated, and your account has no access to it."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Accept its licence on the hub with that account, then sign in under Settings.",
        ),
    ),
    "model.gguf": (
        QT_TRANSLATE_NOOP("Errors", "A GGUF file has to be converted before it can be trained."),
        QT_TRANSLATE_NOOP("Errors", "Add it under Models."),
    ),
    "model.hub_busy": (
        QT_TRANSLATE_NOOP("Errors", "The hub asks to wait: too many requests came from here."),
        QT_TRANSLATE_NOOP("Errors", "Wait some minutes, then go on. What arrived is kept."),
    ),
    "model.hub_failed": (
        QT_TRANSLATE_NOOP("Errors", "The hub answered with an error."),
        QT_TRANSLATE_NOOP("Errors", "Try again later. What arrived is kept."),
    ),
    "model.mlflow": (
        QT_TRANSLATE_NOOP("Errors", "The MLflow folder holds no Hugging Face model."),
        QT_TRANSLATE_NOOP("Errors", "Choose a folder with config.json."),
    ),
    "model.name_taken": (
        QT_TRANSLATE_NOOP("Errors", "There is a model of that name already."),
        QT_TRANSLATE_NOOP("Errors", "Choose another name, or remove that one first."),
    ),
    "model.no_chat_template": (
        QT_TRANSLATE_NOOP("Errors", "The model has no chat template for conversations."),
        QT_TRANSLATE_NOOP("Errors", "Choose an instruct model, or rows with a template."),
    ),
    "model.no_connection": (
        QT_TRANSLATE_NOOP("Errors", "The hub cannot be reached, or the connection broke."),
        QT_TRANSLATE_NOOP("Errors", "Check the connection, then resume. What arrived is kept."),
    ),
    "model.no_revision": (
        QT_TRANSLATE_NOOP("Errors", "The model has no such revision."),
        QT_TRANSLATE_NOOP("Errors", "Choose another one, or leave it out."),
    ),
    "model.no_stop_token": (
        QT_TRANSLATE_NOOP("Errors", "The model has no end token, so its answers could not stop."),
        QT_TRANSLATE_NOOP("Errors", "Choose an instruct model."),
    ),
    "model.no_such_module": (
        QT_TRANSLATE_NOOP("Errors", "The model has no module of that name."),
        QT_TRANSLATE_NOOP("Errors", "Choose among those that the details list."),
    ),
    "model.not_found": (
        QT_TRANSLATE_NOOP("Errors", "The hub has no such model that you may see."),
        QT_TRANSLATE_NOOP(
            "Errors", "Check the spelling; sign in under Settings for a private one."
        ),
    ),
    "model.not_on_disk": (
        QT_TRANSLATE_NOOP("Errors", "The model is not on this computer."),
        QT_TRANSLATE_NOOP("Errors", "Fetch it first."),
    ),
    "model.offline": (
        QT_TRANSLATE_NOOP("Errors", "Offline mode is on, so nothing is fetched."),
        QT_TRANSLATE_NOOP("Errors", "Unset HF_HUB_OFFLINE, or add the model from a folder."),
    ),
    "model.pickle": (
        QT_TRANSLATE_NOOP(
            "Errors", "The model has its weights only as pickle files, which could run code."
        ),
        QT_TRANSLATE_NOOP("Errors", "Choose a model with safetensors."),
    ),
    "model.unknown": (
        QT_TRANSLATE_NOOP("Errors", "The catalogue has no such model."),
        QT_TRANSLATE_NOOP("Errors", "Choose one of the list."),
    ),
    "model.unsafe_path": (
        QT_TRANSLATE_NOOP("Errors", "The model folder names a file outside of itself."),
        QT_TRANSLATE_NOOP(
            "Errors", "Do not use this model; get it again from where it was published."
        ),
    ),
    "model.unsupported": (
        QT_TRANSLATE_NOOP("Errors", "This kind of model cannot be exported for chat."),
        QT_TRANSLATE_NOOP(
            "Errors",
            "Choose a text model of the Phi, Llama, Mistral, Qwen, Gemma, Granite or "
            "SmolLM family.",
        ),
    ),
    "models.catalogue": (
        QT_TRANSLATE_NOOP("Errors", "The catalogue of base models is damaged."),
        QT_TRANSLATE_NOOP("Errors", "Install Phi-3 Studio again."),
    ),
    "token.rejected": (
        QT_TRANSLATE_NOOP("Errors", "The hub does not accept your token."),
        QT_TRANSLATE_NOOP("Errors", "Make a new one and store it under Settings."),
    ),
}
