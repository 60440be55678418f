"""Messages about reading files: formats, encodings, CSV dialects, archives, folders."""

from phi3studio.domain.messages.message import Message

MESSAGES: dict[str, Message] = {
    "data.archive/empty": Message(
        "{path} is an archive without a data file.",
        "Name the data file itself.",
    ),
    "data.archive/foreign": Message(
        "{path} is a {kind} archive, which is not read.",
        "Unpack it and name the file or folder inside.",
    ),
    "data.archive/locked": Message(
        "The archive {path} is protected by a password.",
        "Unpack it and name the file inside.",
    ),
    "data.archive/several": Message(
        "The archive {path} holds several files: {names:list}.",
        "Unpack it and name the one that is meant, or the folder.",
    ),
    "data.bomb": Message(
        "{path} expands to more than {ratio} times its size; no data set does that.",
        "If the file is meant to be like this, unpack it and use the unpacked file.",
    ),
    "data.bomb/spreadsheet": Message(
        "The workbook {path} expands to more than can be held in memory.",
        "Save the sheet as CSV (UTF-8) and use that file.",
    ),
    "data.broken_arrow": Message(
        "{path} is not a readable Arrow file ({reason}).",
        "Write the file again, or choose another.",
    ),
    "data.broken_compression": Message(
        "{path} is damaged: its {compression} data cannot be read to the end ({reason}).",
        "Copy or download the file again.",
    ),
    "data.broken_csv": Message(
        "{path}, line {line}: {reason:message}.",
        "{reason:hint} Or set data.skip_broken: true to leave such lines out.",
    ),
    "data.broken_json": Message(
        "{path}, line {line}: {reason:message}.",
        "{reason:hint} If every line is an object of its own, set data.format: jsonl.",
    ),
    "data.broken_jsonl": Message(
        "{path}, line {line}: {reason:message}.",
        "{reason:hint} Or set data.skip_broken: true to leave such lines out.",
    ),
    "data.broken_parquet": Message(
        "{path} is not a readable Parquet file ({reason}).",
        "Write the file again, or choose another.",
    ),
    "data.broken_spreadsheet": Message(
        "{path} is not a readable workbook ({reason}).",
        "Save it again as .xlsx, or save the sheet as CSV (UTF-8).",
    ),
    "data.broken_spreadsheet/locked": Message(
        "The workbook {path} is protected by a password.",
        "Remove the password, or save the sheet as CSV (UTF-8).",
    ),
    "data.broken_text": Message(
        "{path}, line {line}: {reason:message}.",
        "{reason:hint} Or set data.skip_broken: true to leave such lines out.",
    ),
    "data.broken_tsv": Message(
        "{path}, line {line}: {reason:message}.",
        "{reason:hint} Or set data.skip_broken: true to leave such lines out.",
    ),
    "data.broken_yaml": Message(
        "{path}, line {line}: the YAML cannot be read ({reason}).",
        "Correct the file at that line. References (&name, *name) have to be written out.",
    ),
    "data.broken_yaml/large": Message(
        "{path} is too large for a YAML file.",
        "Write the rows as JSON lines.",
    ),
    "data.changed": Message(
        "{path} was changed while it was read.",
        "Wait until nothing writes to the file, then start again.",
    ),
    "data.changed/shorter": Message(
        "{path} became shorter while it was read.",
        "Wait until nothing writes to the file, then try again.",
    ),
    "data.compressed_table": Message(
        "{path} is a compressed {format} file, which cannot be read in pieces.",
        "Unpack it first; such files are compressed inside anyway.",
    ),
    "data.encoding": Message(
        "There is no text encoding named “{name}”.",
        "Use a name such as utf-8, utf-16, cp1252 or shift_jis in data.encoding.",
    ),
    "data.hub_choice": Message(
        "The data set “{name}” cannot be read like this: {reason}",
        "Set data.hub_config and data.hub_split to ones that it has.",
    ),
    "data.hub_not_found": Message(
        "The hub has no data set “{name}” that you may read.",
        "Check the id (owner/name); for a gated one accept its terms and log in first.",
    ),
    "data.hub_unreachable": Message(
        "The data set “{name}” cannot be loaded ({error}: {reason}).",
        "Check the network and the id, or download the files and name their folder.",
    ),
    "data.is_folder": Message(
        "The folder {path} holds no data files.",
        "Name a file, or a folder of files: JSON, JSONL, CSV, TSV, YAML, Excel, "
        "OpenDocument, Parquet, Arrow or text.",
    ),
    "data.json_shape": Message(
        "{path} holds no rows in JSON.",
        "Write [{{…}}, {{…}}], an object that holds such a list, or an object a line.",
    ),
    "data.lfs_pointer": Message(
        "{path} is a pointer of Git LFS, not the data.",
        "Get the data: run git lfs pull in the repository, or download the file from its page.",
    ),
    "data.no_file": Message(
        "The data file {path} does not exist.",
        "Correct data.source in the recipe; a relative path starts at the recipe's "
        "folder. For a data set of the Hugging Face hub set data.format: hub.",
    ),
    "data.no_file/path": Message(
        "The path “{path}” cannot be used: {reason}.",
        "Correct data.source.",
    ),
    "data.no_file/special": Message(
        "{path} is not a regular file.",
        "Choose a data file.",
    ),
    "data.no_records": Message(
        "{path} has nothing at “{name}”.",
        "Correct data.records: the keys that lead to the rows, joined by dots.",
    ),
    "data.no_sheet": Message(
        "{path} has no sheet “{name}”.",
        "Correct data.sheet. The sheets are: {names:list}.",
    ),
    "data.no_train_part": Message(
        "{path} has validation and test data, but none to train on: {names:list}.",
        "Name the file to train on in data.source.",
    ),
    "data.row_too_long": Message(
        "{path}: the row at line {line} is longer than {limit} MiB.",
        "Divide it, or remove it.",
    ),
    "data.row_too_long/table": Message(
        "{path}: a row holds more than {limit} MiB.",
        "Divide it, or remove it.",
    ),
    "data.too_many_columns": Message(
        "Line {line} has {columns} columns; at most {most} can be used.",
        "Check data.delimiter, or leave out the columns that are not needed.",
    ),
    "data.unknown_format": Message(
        "The format of {path} is not recognised by its name or content.",
        "Set data.format to json, jsonl, csv, tsv, yaml, spreadsheet, parquet, arrow or text.",
    ),
    "data.unknown_format/document": Message(
        "{path} is a file of another kind ({kind}), not a data file.",
        "Save its content as CSV, JSON lines or plain text and use that file.",
    ),
    "data.unknown_format/html": Message(
        "{path} is a web page (HTML), not the data: often the page of a login or of a "
        "file's preview.",
        "Sign in and download the file itself, or export it as CSV.",
    ),
    "data.unreadable": Message(
        "{path} cannot be read: {reason}.",
        "Check that the file is there and that you may read it.",
    ),
    "data.yaml_shape": Message(
        "{path} is YAML without a list of rows.",
        "Write a list: - question: …, next line answer: …; or name the keys to it in data.records.",
    ),
    "files.held_out": Message(
        "Held out, as the name says: {names:list}.",
    ),
    "files.left_out": Message(
        "Left out, because other files hold the data: {names:list}.",
    ),
    "files.part_rows": Message(
        "Trained: {name}.",
    ),
    "files.sheet": Message(
        "The rows are those of the sheet “{name}”; data.sheet can name another: {others:list}.",
    ),
    "files.test": Message(
        "Not trained, as the name says: {names:list}.",
    ),
    "line.bytes": Message(
        "byte {byte} at column {column} is not valid UTF-8",
        "Save the file as UTF-8, or name its encoding in data.encoding.",
    ),
    "line.csv": Message(
        "the line is no CSV ({reason})",
        "Correct the line, or name the delimiter and quote character in the recipe.",
    ),
    "line.deep": Message(
        "lists or objects are nested too deeply",
        "Flatten the row.",
    ),
    "line.expected": Message(
        "“{character}” is missing",
        "Correct the file at that line.",
    ),
    "line.json": Message(
        "{reason} at column {column}",
        "Correct the line.",
    ),
    "line.long": Message(
        "the line is longer than {limit} MiB",
        "Check that the file has line breaks between its rows.",
    ),
    "line.long_value": Message(
        "a value is longer than {limit} MiB; perhaps a quote is never closed",
        "Close the quote, or divide the value.",
    ),
    "line.merged": Message(
        "the quote that opens here closes only at line {last}, over complete rows",
        "Close the quote in this line; if the value has these lines, name data.quote.",
    ),
    "line.no_object": Message(
        "the line is not a JSON object",
        "Write {{…}} for every row.",
    ),
    "line.open_text": Message(
        "a text begins at column {column} and is never closed",
        "Close its quotes.",
    ),
    "line.quote": Message(
        "“{delimiter}” is expected after a closing quote",
        "Double the quotes inside of a value, or name the quote character in data.quote.",
    ),
    "line.repeated_header": Message(
        "the names of the columns stand here again",
    ),
    "line.repeated_key": Message(
        "the key “{key}” occurs twice; its last value is used",
    ),
    "line.trailing_comma": Message(
        "a comma before the closing bracket, at column {column}",
        "Remove the comma.",
    ),
    "line.unclosed": Message(
        "a quoted value begins here and is never closed",
        "Close the quote, or name the quote character in data.quote.",
    ),
    "line.unnamed": Message(
        "there is a value in a column without name, which is left out",
    ),
    "line.wide": Message(
        "more values than columns ({values}, not {columns})",
        "Put quotes around values that contain the delimiter, or name the right one in "
        "data.delimiter.",
    ),
}
