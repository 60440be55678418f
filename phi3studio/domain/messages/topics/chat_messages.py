"""Messages about chat, answers, and the OpenAI-compatible server."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "chat.constraint/both": Message(
        "--labels and --schema exclude each other.",
        "Keep one.",
    ),
    "chat.missing_value": Message(
        "The template needs a value for {columns:list}.",
        "Add --value {first}=TEXT.",
    ),
    "chat.no_prompt": Message(
        "--json needs a question.",
        "Add --prompt TEXT (or --value).",
    ),
    "chat.no_system_turn": Message(
        "{name} was trained on a template, which has no place for a system prompt.",
        "Leave --system out; put what it says into the question, or train on conversations.",
    ),
    "chat.schema/file": Message(
        "{path} is not a readable JSON schema: {reason}.",
        "Correct --schema.",
    ),
    "chat.several_columns": Message(
        "The template has the columns {columns:list}, so one text is not enough.",
        "Give each a value: {options}",
    ),
    "chat.value": Message(
        "“{given}” is not column=text.",
        "Write --value column=text.",
    ),
}
