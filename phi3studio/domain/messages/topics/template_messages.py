"""Messages about templates, conversations, masks and tokens."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "template.brace": Message(
        "The {part:message} has a single brace at character {character}: {excerpt}",
        "Write {{{{ or }}}} for a brace that is meant as text, or put a column name "
        "inside: {{column}}.",
    ),
    "template.no_completion": Message(
        "The template has no completion, so the model would learn nothing.",
        "Write what the model should answer, for example {{answer}}, into "
        "data.template.completion.",
    ),
    "template.no_completion/no_column": Message(
        "The template has no column, so there is nothing to learn.",
        "Put the column that the model should produce at the end, for example {{answer}}.",
    ),
    "template.part/completion": Message(
        "completion",
    ),
    "template.part/prompt": Message(
        "prompt",
    ),
    "template.section": Message(
        "The {part:message} has {{?{column}}} without a {{/{column}}} after it.",
        "An optional part is written {{?column}}…{{/column}}.",
    ),
    "template.section/deep": Message(
        "The {part:message} has more than {limit} optional parts inside one another.",
        "An optional part is written {{?column}}…{{/column}}.",
    ),
    "template.section/unopened": Message(
        "The {part:message} has {{/{column}}} without a {{?{column}}} before it.",
        "An optional part is written {{?column}}…{{/column}}.",
    ),
}
