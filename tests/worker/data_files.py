"""Generated data files: every format, encoding, compression, shape and defect, with what is known
of them. Drawn by hypothesis, so a failure comes down to the smallest file."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import yaml
import zstandard
from hypothesis import strategies as st

Row = dict[str, Any]

DELIMITED = {"csv": ",", "semicolon": ";", "tsv": "\t", "pipe": "|", "anki": "\t"}
HEADINGS = {"anki": "#separator:tab\n#html:false\n#columns:"}
# What is refused by its name, each as one row of it and what stands before all of them.
NOTATIONS: dict[str, tuple[str, str]] = {
    "SubRip/WebVTT": ("{n}\n00:00:{s:02},000 --> 00:00:{s:02},900\n{first}\n{second}\n\n", ""),
    "gettext (.po)": ('#: main.c:{n}\nmsgid "{first}"\nmsgstr "{second}"\n\n', ""),
    "mbox/EML": (
        "From a@example.org Mon Jan  5 10:00:00 2026\nSubject: {first}\n\n{second}\n\n",
        "",
    ),
    "CoNLL": ("{tagged}\n", ""),
    "vCard": ("BEGIN:VCARD\nVERSION:3.0\nFN:{first}\nNOTE:{second}\nEND:VCARD\n", ""),
    "iCalendar": (
        "BEGIN:VEVENT\nUID:{n}\nSUMMARY:{first}\nDESCRIPTION:{second}\nEND:VEVENT\n",
        "BEGIN:VCALENDAR\nVERSION:2.0\n",
    ),
    "BibTeX": ("@book{{key{n},\n title = {{{first}}},\n note = {{{second}}}\n}}\n\n", ""),
    "TOML/INI": ('[[rows]]\nask = "{first}"\nsay = "{second}"\n\n', ""),
    "Moodle GIFT": ("::Q{n}:: {first} {{={second} ~{first} ~none}}\n\n", ""),
    "Aiken": ("{first}\nA. {second}\nB. none\nANSWER: A\n\n", ""),
    "LIBSVM": ("{l} 1:{n} 2:0.5 7:1\n", ""),
    "Markdown": ("| {first} | {second} |\n", "| ask | say |\n| --- | --- |\n"),
    "Python": ("{row!r}\n", ""),
}
TEXT_FORMATS = (
    *DELIMITED, "jsonl", "json", "json_inside", "json_columns", "yaml", "text", *NOTATIONS
)  # fmt: skip
FORMATS = (*TEXT_FORMATS, "parquet", "arrow", "xlsx")
ENDINGS = {
    "csv": ".csv",
    "semicolon": ".csv",
    "pipe": ".csv",
    "tsv": ".tsv",
    "jsonl": ".jsonl",
    "json": ".json",
    "json_inside": ".json",
    "json_columns": ".json",
    "yaml": ".yaml",
    "text": ".txt",
    "anki": ".txt",
    **dict.fromkeys(NOTATIONS, ".txt"),
    "parquet": ".parquet",
    "arrow": ".arrow",
    "xlsx": ".xlsx",
}
ENCODINGS = (
    *("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le"),
    *("cp1252", "cp1252", "cp1252", "cp1250", "gbk", "shift_jis"),
)
COMPRESSIONS = ("", "", "", "gz", "bz2", "xz", "zst", "zip")
SHAPES = ("qa", "instruction", "label", "messages", "sharegpt", "text")
DEFECTS = (
    *("", "", "empty_answer", "null_answer", "missing_key", "extra_key", "duplicate"),
    *("contradiction", "number", "control", "mojibake", "secret", "long", "padded", "odd_role"),
    *("bad_mark", "blank_line", "broken_line", "stray_quote", "ragged", "no_newline", "crlf"),
    *("cr", "nul", "cut_short", "trailing_comma", "bad_bytes", "late_key", "huge_number"),
)
# These change the text, not the rows: only of formats with lines.
OF_LINES = frozenset(
    {
        *("blank_line", "broken_line", "stray_quote", "ragged", "no_newline", "crlf", "cr", "nul"),
        *("cut_short", "trailing_comma", "bad_bytes"),
    }
)

WORDS = {
    "cp1252": (
        "la réponse est très claire où l'élève a déjà été reçu à l'école avec les garçons même",
        "la città è più bella perché però così può andare là dove il caffè costa metà di già",
        "die Straße führt über die Brücke und später grüßt der Bäcker schöne Mädchen für uns",
        "el niño mañana comió más piñón en el jardín aquí también está la canción del corazón",
        "a informação não é só para você então amanhã às três há uma reunião com o irmão",
    ),
    "cp1250": ("příliš žluťoučký kůň úpěl ďábelské ódy a pak už jenom spal v teplé stáji",),
    "gbk": ("今天 天气 很 好 我们 一起 去 公园 散步 吧 然后 回家 吃饭 看书 睡觉",),
    "shift_jis": ("今日 は とても 天気 が いい です ね 散歩 に 行き ましょう それから 帰り ます",),
}
LATIN = "the quick brown fox jumps over a lazy dog while seven wizards brew some strong tea"


@dataclass(frozen=True)
class Made:
    """A file: its rows as they were meant, and whether a reader may count other ones."""

    format: str
    encoding: str
    compression: str
    shape: str
    defect: str
    rows: tuple[Row, ...]
    at: int
    content: bytes
    name: str

    @property
    def exact(self) -> bool:
        """Whether the file holds just these rows, whatever they are worth."""
        blank = ("blank_line", "long", "empty_answer", "null_answer")
        if self.format == "text" and self.defect in blank:
            return False  # a blank line is no row, and may part paragraphs
        if self.format == "xlsx" and self.shape == "text" and self.defect in blank:
            return False  # an empty row of a sheet is none
        return self.defect not in OF_LINES or self.defect in ("no_newline", "crlf", "blank_line")

    @property
    def kept(self) -> list[dict[str, str]]:
        """The rows that must be read as they were meant, as texts: the others may be odd. Only
        where one odd line can be told from the next."""
        if self.defect in ("cut_short", "cr", "bad_bytes", "late_key", "extra_key", "bad_mark"):
            return []
        if not self.exact and self.format not in (*DELIMITED, "jsonl"):
            return []
        if self.format == "text" or self.format in NOTATIONS:
            return []
        odd = {"": (), "no_newline": (), "crlf": (), "blank_line": ()}.get(
            self.defect, (self.at - 1, self.at, self.at + 1)
        )
        return [as_texts(row) for at, row in enumerate(self.rows) if at not in odd]

    @property
    def sound(self) -> bool:
        """Whether it has to be read without a complaint."""
        return self.defect in ("", "no_newline", "crlf") and len(self.rows) >= 10

    def write(self, folder: Path) -> Path:
        path = folder / self.name
        path.write_bytes(self.content)
        return path


def as_texts(row: Row) -> dict[str, str]:
    """A row as comparable texts: an empty cell of a table may be no value."""
    return {name: str(value) for name, value in row.items() if value not in (None, "")}


@st.composite
def files(draw: st.DrawFn) -> Made:
    format = draw(st.sampled_from(FORMATS))
    textual = format in TEXT_FORMATS
    encoding = draw(st.sampled_from(ENCODINGS)) if textual else "utf-8"
    compression = draw(st.sampled_from(COMPRESSIONS)) if textual else ""
    shape = "text" if format == "text" else draw(st.sampled_from(SHAPES))
    if shape in ("messages", "sharegpt") and format in (*DELIMITED, *NOTATIONS, "xlsx"):
        shape = "qa"
    if shape == "text" and format in NOTATIONS:
        shape = "label"
    defects = [d for d in DEFECTS if d not in OF_LINES or textual]
    defect = draw(st.sampled_from(defects))
    count = draw(st.sampled_from((1, 3, 12, 30, 30, 60)))
    words = draw(st.sampled_from(WORDS.get(encoding, (LATIN,)))).split()
    lengths = draw(st.lists(st.integers(3, 14), min_size=4, max_size=8))
    rows = [_row(shape, number, words, lengths) for number in range(count)]
    at = draw(st.integers(0, count - 1))
    rows = _with_defect(rows, at, shape, defect)
    name = f"rows{ENDINGS[format]}" + (f".{compression}" if compression else "")
    content = _packed(
        compression, f"rows{ENDINGS[format]}", _bytes(format, encoding, rows, at, defect)
    )
    return Made(format, encoding, compression, shape, defect, tuple(rows), at, content, name)


def _text(number: int, words: list[str], lengths: list[int], salt: int) -> str:
    length = lengths[(number + salt) % len(lengths)]
    chosen = [words[(number * 7 + salt * 3 + n * (salt + 2)) % len(words)] for n in range(length)]
    return " ".join([*chosen, str(number * 13 + salt)])


def _row(shape: str, number: int, words: list[str], lengths: list[int]) -> Row:
    ask, answer = _text(number, words, lengths, 1), _text(number, words, lengths, 2)
    match shape:
        case "qa":
            return {"question": ask, "answer": answer}
        case "instruction":
            context = _text(number, words, lengths, 3) if number % 2 else ""
            return {"instruction": ask, "input": context, "output": answer}
        case "label":
            return {"text": ask, "label": ("good", "bad", "fair")[number % 3]}
        case "messages":
            turns = [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
            return {"messages": turns}
        case "sharegpt":
            turns = [{"from": "human", "value": ask}, {"from": "gpt", "value": answer}]
            return {"conversations": turns}
    return {"text": f"{ask} {answer}"}


def _with_defect(rows: list[Row], at: int, shape: str, defect: str) -> list[Row]:
    rows = [dict(row) for row in rows]
    row = rows[at]
    last = list(row)[-1]

    def change(value: Any) -> None:
        if isinstance(row[last], list):
            turn = dict(row[last][-1])
            turn[list(turn)[-1]] = value
            row[last] = [*row[last][:-1], turn]
        else:
            row[last] = value

    match defect:
        case "empty_answer":
            change("")
        case "null_answer":
            change(None)
        case "missing_key":
            if len(row) > 1:
                del row[last]
        case "extra_key":
            row["note"] = "a remark"
        case "late_key":
            rows[-1]["added_later"] = "something"
        case "duplicate":
            rows[at] = dict(rows[0])
        case "contradiction":
            if shape in ("qa", "label"):
                rows[at] = {**rows[0], last: "otherwise"}
        case "number":
            change(7)
        case "huge_number":
            change(10**30)
        case "control":
            change("a bell \x07 rings \u200b here")
        case "mojibake":
            change("cafÃ© au lait")
        case "secret":
            change("write to someone@example.org or 4111 1111 1111 1111")
        case "long":
            change("very long words " * 400)
        case "padded":
            change("  padded answer ")
        case "odd_role":
            if shape == "messages":
                row["messages"] = [{"role": "asistant", "content": "x"}, *row["messages"]]
        case "bad_mark":
            for number, other in enumerate(rows):
                other["accepted"] = number % 4 != 0
    return rows


def _bytes(format: str, encoding: str, rows: list[Row], at: int, defect: str) -> bytes:
    if format == "parquet":
        out = io.BytesIO()
        pq.write_table(_table(rows), out)
        return out.getvalue()
    if format == "arrow":
        out = io.BytesIO()
        feather.write_feather(_table(rows), out)
        return out.getvalue()
    if format == "xlsx":
        return _xlsx(rows)
    text = _written(format, rows)
    text = _damaged(text, format, at, defect)
    data = text.encode(encoding, "replace")
    if defect == "bad_bytes":
        middle = len(data) // 2
        data = data[:middle] + b"\xff\xfe\xfa" + data[middle:]
    return data


def _written(format: str, rows: list[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if format in NOTATIONS:
        return noted(format, rows)
    match format:
        case "jsonl":
            return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        case "json":
            return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
        case "json_inside":
            inside = {"version": 1, "data": {"train": rows}}
            return json.dumps(inside, ensure_ascii=False) + "\n"
        case "json_columns":
            columns = {name: [row.get(name) for row in rows] for name in names}
            return json.dumps(columns, ensure_ascii=False) + "\n"
        case "yaml":
            return str(yaml.safe_dump(rows, allow_unicode=True, sort_keys=False))
        case "text":
            return "".join(str(row["text"] or "").replace("\n", " ") + "\n" for row in rows)
    out = io.StringIO()
    out.write(HEADINGS.get(format, ""))
    writer = csv.writer(out, delimiter=DELIMITED[format], lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([row.get(name, "") for name in names])
    return out.getvalue()


def noted(format: str, rows: list[Row]) -> str:
    """The rows in a notation of their own, their first and last value as parts."""
    of_row, before = NOTATIONS[format]
    return before + "".join(
        of_row.format(
            n=n,
            s=n % 60,
            l=(-1, 1)[n % 2],
            row=row,
            first=(values := [str(value) for value in row.values()])[0],
            second=values[-1],
            tagged="".join(f"{word} O\n" for word in values[0].split()),
        )
        for n, row in enumerate(rows, start=1)
    )


def _damaged(text: str, format: str, at: int, defect: str) -> str:
    lines = text.split("\n")
    above = HEADINGS.get(format, "").count("\n") + (format in DELIMITED)
    line = min(at + above, max(0, len(lines) - 2))
    match defect:
        case "blank_line":
            return "\n".join([*lines[:line], "", *lines[line:]]) if format != "yaml" else text
        case "broken_line":
            lines[line] = lines[line][: len(lines[line]) // 2]
        case "stray_quote":
            lines[line] = '"' + lines[line]
        case "ragged":
            lines[line] += DELIMITED.get(format, ",") + "one more"
        case "no_newline":
            return text.rstrip("\n")
        case "crlf":
            return text.replace("\n", "\r\n")
        case "cr":
            return text.replace("\n", "\r")
        case "nul":
            lines[line] = lines[line][:3] + "\0" + lines[line][3:]
        case "cut_short":
            return text[: len(text) * 3 // 4]
        case "trailing_comma":
            lines[line] += ","
    return "\n".join(lines)


def _table(rows: list[Row]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowException, OverflowError):
            columns[name] = pa.array([None if v is None else str(v) for v in values])
    return pa.table(columns)


def _xlsx(rows: list[Row]) -> bytes:
    """A workbook with one sheet, its texts inside of the cells."""
    from xml.sax.saxutils import escape

    names = list(dict.fromkeys(name for row in rows for name in row))

    def cell(value: Any) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return f"<c><v>{value}</v></c>"
        text = escape("".join(c for c in str(value) if c >= " " or c in "\t\n"))
        return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'

    lines = [names, *([row.get(name) for name in names] for row in rows)]
    body = "".join(f"<row>{''.join(map(cell, line))}</row>" for line in lines)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    spread = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{kinds}/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{spread}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{spread}.worksheet+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{kinds}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Rows" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{kinds}/relationships">'
        f'<Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData>'
        "</worksheet>",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return out.getvalue()


def _packed(compression: str, name: str, data: bytes) -> bytes:
    match compression:
        case "gz":
            return gzip.compress(data)
        case "bz2":
            return bz2.compress(data)
        case "xz":
            return lzma.compress(data)
        case "zst":
            return zstandard.compress(data)
        case "zip":
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                archive.writestr(name, data)
            return out.getvalue()
    return data
