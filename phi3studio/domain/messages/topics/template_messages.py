"""Messages about templates, conversations, masks and tokens."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "data.conversation": Message(
        "The model's chat template refuses the conversation: {reason}",
        "Check the order of the roles: most models want user and assistant in turn, after at most one system message.",
    ),
    "data.messages_shape": Message(
        "“{column}” is not a list of messages with role and content.",
        'Write [{{"role": "user", "content": "…"}}, {{"role": "assistant", "content": "…"}}].',
    ),
    "data.no_assistant_turn": Message(
        "A conversation has no assistant turn, so there is nothing to learn.",
        "Add the assistant's answer, or drop the row.",
    ),
    "data.nothing_learned": Message(
        "All answers of the conversation are marked as not to be trained.",
        "Drop the row, or give one of its answers the weight 1.",
    ),
    "model.chat_template": Message(
        "The model's chat template writes the answers in a form that the model never sees when it answers, so nothing of the conversation can be learned.",
        "Choose another model, or write the rows with a template of your own.",
    ),
    "model.no_chat_template": Message(
        "The model's tokenizer has no chat template, so conversations cannot be rendered.",
        "Choose an instruct model, or use columns with a template instead.",
    ),
    "model.no_stop_token": Message(
        "The model's tokenizer has no end-of-sequence token, so its answers could not stop.",
        "Choose an instruct model, or add eos_token to its tokenizer_config.json.",
    ),
    "template.brace": Message(
        "The {part:message} has a single brace at character {character}: {excerpt}",
        "Write {{{{ or }}}} for a brace that is meant as text, or put a column name inside: {{column}}.",
    ),
    "template.no_completion": Message(
        "The template has no completion, so the model would learn nothing.",
        "Write what the model should answer, for example {{answer}}, into data.template.completion.",
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
    "template.writes_bos": Message(
        "The prompt template begins with {token}, which the model's tokenizer writes by itself: the model would see it twice.",
        "Remove {token} from the beginning of data.template.prompt.",
    ),
}
