"""Messages about chat, answers, and the OpenAI-compatible server."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "chat.adapter_name": Message(
        "“{name}” cannot be the name of an adapter.",
        "Use lower case letters, digits, dots and dashes.",
    ),
    "chat.constraint": Message(
        "The model could not produce an answer that fits the labels or the schema: {reason}",
        "Use plain letters in labels, or a simpler schema.",
    ),
    "chat.constraint/both": Message(
        "--labels and --schema exclude each other.",
        "Keep one.",
    ),
    "chat.engine": Message(
        "onnxruntime-genai could not continue the answer: {reason}",
        "Try again; if it happens again, export the model again.",
    ),
    "chat.labels": Message(
        "The labels are empty.",
        "Name at least one label; none may be empty.",
    ),
    "chat.memory": Message(
        "A text of {tokens:# token|# tokens} takes {needed:bytes} of memory with this model, and "
        "only {free:bytes} are free.",
        "Close other programs, or ask for a shorter answer.",
    ),
    "chat.memory/model": Message(
        "The model in {folder} needs about {needed:bytes} of memory, and only {free:bytes} are "
        "free.",
        "Close other programs or unload other models, or export a smaller one (target.int4: "
        "small).",
    ),
    "chat.missing_value": Message(
        "The template needs a value for {columns:list}.",
        "Add --value {first}=TEXT.",
    ),
    "chat.no_adapter": Message(
        "The model has no adapter “{name}”.",
        "Its adapters are: {names:list}.",
    ),
    "chat.no_adapter/merged": Message(
        "The model has no adapter “{name}”.",
        "It was exported with its adapter merged in, or without; there is none to choose.",
    ),
    "chat.no_adapters": Message(
        "The model in {folder} has no place for adapters: its own was merged in.",
        "Export the base model once with steps: [train, quantise], without merge.",
    ),
    "chat.no_model": Message(
        "{folder} holds no exported model.",
        "Choose a completed run, or a folder with genai_config.json.",
    ),
    "chat.no_prompt": Message(
        "--json needs a question.",
        "Add --prompt TEXT (or --value).",
    ),
    "chat.no_system_turn": Message(
        "{name} was trained on a template, which has no place for a system prompt.",
        "Leave --system out; put what it says into the question, or train on conversations.",
    ),
    "chat.no_template": Message(
        "This model was trained on conversations, not on a template with columns.",
        "Write a message instead.",
    ),
    "chat.schema/broken": Message(
        "The JSON schema is not valid JSON: {reason} (line {line}, column {column}).",
        'Write a schema such as {{"type": "object", "properties": {{…}}}}.',
    ),
    "chat.schema/empty": Message(
        "The JSON schema is empty.",
        'Write a schema such as {{"type": "object", "properties": {{…}}}}.',
    ),
    "chat.schema/file": Message(
        "{path} is not a readable JSON schema: {reason}.",
        "Correct --schema.",
    ),
    "chat.schema/not_object": Message(
        "The JSON schema is not an object.",
        'Write a schema such as {{"type": "object", "properties": {{…}}}}.',
    ),
    "chat.schema/too_large": Message(
        "{file} is too large to be a schema.",
        "Choose another file.",
    ),
    "chat.schema/unreadable": Message(
        "{file} cannot be read: {reason}.",
        "Choose another file.",
    ),
    "chat.schema/unsupported": Message(
        "The answer's schema cannot be used: {reason}",
        "Correct the JSON schema; not every keyword is supported.",
    ),
    "chat.several_columns": Message(
        "The template has the columns {columns:list}, so one text is not enough.",
        "Give each a value: {options}",
    ),
    "chat.too_long": Message(
        "The text has {tokens:# token|# tokens}, and the model can hold {context}.",
        "Shorten it, or start a new conversation.",
    ),
    "chat.value": Message(
        "“{given}” is not column=text.",
        "Write --value column=text.",
    ),
}
