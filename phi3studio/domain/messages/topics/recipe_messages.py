"""Messages about recipes: keys, values, settings."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "recipe.exists": Message(
        "{path} exists already.",
        "Name another file with --out, or delete it first.",
    ),
    "recipe.half_a_template": Message(
        "Only one of --prompt and --completion is given.",
        "Give both, or none to have them proposed.",
    ),
    "recipe.half_a_template/columns": Message(
        "Only one of --prompt-column and --answer-column is given.",
        "Give both, or none to have them proposed.",
    ),
}
