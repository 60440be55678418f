"""Messages about data files, rows, findings, templates and splits."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "data.ambiguous": Message(
        "What is to be learned from these rows would be a guess. The columns are: {columns:list}.",
        "Say it: --prompt-column NAME --answer-column NAME, or a template: {templates:list}.",
    ),
    "data.ambiguous/messages": Message(
        "Several places hold conversations, and which is meant would be a guess: {places:list}.",
        "Name the one to be learned with --messages.",
    ),
    "data.argilla": Message(
        "This is an export of Argilla from which no single answer can be told: {places:list}.",
        "Name the text and the answer in a template, for example {{fields.text}} and "
        "{{responses.0.value}}.",
    ),
    "data.cut_off": Message(
        "{rows:# row is|# rows are} longer than {tokens:number} tokens and {rows:was|were} cut "
        "off.",
    ),
    "data.dropped": Message("Rows left out by repairs: {repairs:list}."),
    "data.dropped_by": Message("{rows:number} by {repair}"),
    "data.empty": Message(
        "The data file {source} holds no rows.",
        "Choose a file with rows in it.",
    ),
    "data.empty/held_out": Message(
        "{path} has no usable row.",
        "Choose a file with rows in it.",
    ),
    "data.empty_value": Message(
        "The column “{column}” has no value in this row.",
        "Fill the value in, or drop the row.",
    ),
    "data.label_studio": Message(
        "This is an export of Label Studio whose annotations are not one choice or "
        "text for each task.",
        "Export as JSON-MIN or CSV, or name the place in a template, for example "
        "{{annotations.0.result.0.value.choices.0}}.",
    ),
    "data.left_out": Message("{rows:# row|# rows} could not be used and {rows:was|were} left out."),
    "data.marked_bad": Message("Rows that {columns:list} marks as bad are trained as good ones."),
    "data.missing_column": Message(
        "The template names the column “{name}”, which the data does not have. The nearest "
        "is “{near}”.",
        "Correct the name in the template. The columns are: {columns:list}.",
    ),
    "data.missing_column/no_columns": Message(
        "The template names the column “{name}”, which the data does not have.",
        "The data has no columns: choose another file.",
    ),
    "data.missing_column/no_near": Message(
        "The template names the column “{name}”, which the data does not have.",
        "Correct the name in the template. The columns are: {columns:list}.",
    ),
    "data.no_answers": Message(
        "“{column}” holds questions without answers: these are requests, and there is "
        "nothing to learn from.",
        'Join them with their answers, so that every row has both; --messages "PLACE + '
        'PLACE" joins two places of a row.',
    ),
    "data.no_file/option": Message(
        "The data file {path} does not exist.",
        "Correct --data.",
    ),
    "data.no_file/recipe": Message(
        "The data file {path} does not exist.",
        "Correct data.source (or data.split.file) in the recipe; a relative path starts at "
        "the recipe's folder.",
    ),
    "data.no_questions": Message(
        "“{column}” holds answers without their questions, so there is nothing to prompt with.",
        "Join them with the requests that they answer, so that every row has both.",
    ),
    "data.no_row": Message(
        "{file} has no row {row:number}; the last is row {last:number}.",
        "Ask for a row that exists.",
    ),
    "data.no_row/none": Message(
        "{file} has no row {row:number}.",
        "Ask for a row that exists.",
    ),
    "data.no_shape": Message(
        "No shape fits {file} by itself.",
        "Name one: --template with {{column}} placeholders, --prompt-column and "
        "--answer-column, or --messages. The columns are: {columns:list}.",
    ),
    "data.nothing_held_out": Message(
        "No row is held out, so the result could not be measured.",
        "Add rows, raise data.split.held_out, or name a second file in data.split.file.",
    ),
    "data.nothing_readable": Message(
        "No line of {source} can be read; line {line}: {reason}.",
        "Check the file's format; it can be set in data.format.",
    ),
    "data.one_turn_a_row": Message(
        "Every row is one turn of a conversation (“{column}” names who speaks), and "
        "the conversations would be torn apart.",
        'Put the turns of each conversation into one row: {{"messages": [{{"role": …, '
        '"content": …}}, …]}}.',
    ),
    "data.place": Message(
        "Row {row}: {inner:message}",
        "{inner:hint}",
    ),
    "data.place/source": Message(
        "{source}, row {row}: {inner:message}",
        "{inner:hint}",
    ),
    "data.preference": Message(
        "This is a preference set: “{chosen}” is the better answer and “{rejected}” "
        "the rejected one. Training on preferences is not supported yet.",
        "To fine-tune on the good answers alone, name them: --messages {chosen} for "
        "conversations, or a template that ends with {{{chosen}}}.",
    ),
    "data.preference/list": Message(
        "This is a preference set: “{answers}” holds several answers to each prompt with their "
        "ranks. Training on preferences is not supported yet.",
        "Write the best (chosen) answer of each row into a column of its own, and train on that.",
    ),
    "data.preference/numbered": Message(
        "This is a preference set: “{verdict}” says which of {answers:list} is better. "
        "Training on preferences is not supported yet.",
        "Write the better (chosen) answer of each row into a column of its own, and train on that.",
    ),
    "data.repair": Message(
        "The repair {repair} is not valid JSON: {reason}.",
        'Write a kind such as trim, or an object such as {{"kind": "redact", "what": ["key"]}}.',
    ),
    "data.source": Message(
        "The data source is not valid: {name}: {reason}.",
        "Correct {name}.",
    ),
    "data.spans": Message(
        "These annotations mark spans inside of texts, and a model that writes text "
        "cannot learn marks.",
        "Write the answer that it should give as text into a column, for example a "
        "list of the names found.",
    ),
    "data.tokenised": Message(
        "“{column}” holds numbers of tokens: the rows were made for another tokenizer already.",
        "Use the texts that they were made from.",
    ),
    "data.too_few_rows": Message(
        "{rows:# row is|# rows are} left for training, fewer than one batch of {batch}.",
        "Add rows, lower training.batch_size, or lower data.split.held_out.",
    ),
    "data.tree": Message(
        "The rows are trees of messages with several replies each.",
        "Write each path from the first message to the last as one conversation: "
        '{{"messages": [{{"role": …, "content": …}}, …]}}.',
    ),
    "data.tree/rows": Message(
        "Each row is one message of a tree (its parent is another row), so questions "
        "and answers are not in one row.",
        "Write each path from the first message to the last as one conversation: "
        '{{"messages": [{{"role": …, "content": …}}, …]}}.',
    ),
    "data.unread": Message("Not seen by the model: {parts:list}."),
    "data.unread_example": Message(", for example “{text}”"),
    "data.unread_kind/column": Message("the column “{name}”"),
    "data.unread_kind/key": Message("“{name}” of messages"),
    "data.unread_kind/picture": Message("pictures, sound or video"),
    "data.unread_kind/role": Message("turns of the {name}"),
    "data.unread_kind/tools": Message("“{name}” (tools and calls)"),
    "data.unread_kind/turn": Message("{name}"),
    "data.unread_part": Message("{what:message} ({rows:# row|# rows}{example:message})"),
}
