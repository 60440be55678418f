"""Files are read by what they hold, whatever they are called: right, or refused in words."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from phi3studio.app.files import matching_files
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import say
from phi3studio.worker.data.checking.check_data import check
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.preparing.prepare_examples import prepare
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.data.reading.json_files import json_document, json_layout
from phi3studio.worker.data.reading.source_rows import RowSource
from tests.worker.data_fixtures import byte_level, encoder, recipe_for, write_jsonl  # noqa: F401
from tests.worker.written_files import (
    LINES,
    LISTED,
    ROWS,
    csv_file,
    notes,
    put,
    read,
    refusal,
    source_of,
    zipped,
)

# --- content before name -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rows.jsonl.txt", "rows.txt", "rows.csv", "rows.json", "rows"])
def test_json_lines_under_any_name(tmp_path: Path, name: str) -> None:
    path = put(tmp_path / name, LINES)
    assert read(path) == ROWS
    assert describe(Source(source=str(path))).format == "jsonl"


def test_json_objects_without_line_breaks_between_them(tmp_path: Path) -> None:
    for name in ("rows.jsonl", "rows.json", "rows.txt"):
        assert read(put(tmp_path / name, LINES.replace("\n", ""))) == ROWS
    odd = LINES.replace("\n", "", 1)  # one odd line is one odd line
    assert read(put(tmp_path / "rows.jsonl", odd)) == ROWS[2:]


@pytest.mark.parametrize("between", ["", "\n", ",\n"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("size", [3, 30])
def test_lists_that_a_program_appended_one_to_another(
    tmp_path: Path, between: str, indent: int | None, size: int
) -> None:
    rows = [{**row, "n": n} for n in range(size) for row in ROWS]
    pages = [rows[at : at + size] for at in range(0, len(rows), size)]
    text = between.join(json.dumps(page, indent=indent) for page in pages)
    assert read(put(tmp_path / "rows.json", text)) == rows


def test_conversations_that_a_program_appended_one_to_another(tmp_path: Path) -> None:
    turns = [[{"role": "user", "content": f"{n}?"}] * (n + 1) for n in range(30)]
    text = "".join(json.dumps(talk, indent=1) for talk in turns)
    assert [row["messages"] for row in read(put(tmp_path / "rows.json", text))] == turns


@pytest.mark.parametrize(
    "start", ["[", '{"data": [', f'{{"meta": {{"items": {LISTED}}}, "data": [']
)
@pytest.mark.parametrize("rest", ["and more", '"x": {"y": 1}, z'])
@pytest.mark.parametrize("times", [1, 100])
def test_what_follows_a_document_is_said(tmp_path: Path, start: str, rest: str, times: int) -> None:
    rows = ",\n".join(json.dumps(row) for row in ROWS * times)
    path = put(tmp_path / "rows.json", f"{start}\n{rows}]{'}' * (start != '[')}\n{rest}")
    assert read(path) == ROWS * times
    assert strict_refusal(path).code == "data.broken_json"
    source = source_of(path)
    list(source.rows())
    assert [(line.line, line.says.code) for line in source.broken] == [
        (12 * times + 2, "line.after")
    ]


def test_objects_after_a_list_are_said(tmp_path: Path) -> None:
    path = put(tmp_path / "rows.json", json.dumps(ROWS, indent=1) + json.dumps(ROWS[0], indent=1))
    assert read(path) == ROWS
    assert "something follows the end of the document" in notes(path)


@pytest.mark.parametrize("name", ["../../rows.csv", "/rows.csv", "C:\\rows.csv", "a\nb.csv"])
def test_the_name_of_a_file_in_an_archive_leads_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    path = zipped(tmp_path / "a" / "b" / "rows.zip", {name: "q,a\none,1\ntwo,2\n"})
    assert read(path) == [{"q": "one", "a": "1"}, {"q": "two", "a": "2"}]
    assert sorted(tmp_path.rglob("*")) == sorted([*before, path])


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret.csv", "q,a\nsecret,1\n")
    with zipfile.ZipFile(tmp_path / "rows.zip", "w") as archive:
        link = zipfile.ZipInfo("rows.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(secret))
    assert refusal(tmp_path / "rows.zip").code == "data.archive"


def test_archives_in_archives_and_of_many_files_are_refused(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"rows.csv": "q,a\none,1\n"}).read_bytes()
    path = tmp_path / "rows.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inner.zip", inner)
    assert "Unpack it" in refusal(path).hint
    many = zipped(path, {f"{n}.csv": "q,a\n" for n in range(20_000)})
    assert refusal(many).code == "data.archive"
    assert len(refusal(many).message) < 1000


def test_a_json_document_named_text(tmp_path: Path) -> None:
    assert read(put(tmp_path / "rows.txt", json.dumps(ROWS, indent=2))) == ROWS


def test_unicode_text_of_excel(tmp_path: Path) -> None:
    lines = ["question\tanswer", *(f"{row['question']}\t{row['answer']}" for row in ROWS)]
    path = put(tmp_path / "rows.txt", "\r\n".join(lines).encode("utf-16"))
    assert read(path) == ROWS
    assert describe(Source(source=str(path))).format == "tsv"


def test_csv_of_a_first_macintosh(tmp_path: Path) -> None:
    assert read(put(tmp_path / "rows.csv", "q,a\rone,1\rtwo,2\r")) == [
        {"q": "one", "a": "1"},
        {"q": "two", "a": "2"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Roses are red, violets are blue,\nSugar is sweet, honey is too,\nAnd you are, too\n",
        "[Chorus]\nLa la la\n[Verse]\nAnd so on\n",
        "- Bring: water\n- Note: it may rain\n",
        "{braces} are a start\nof nothing in particular\n",
    ],
)
def test_prose_stays_text(tmp_path: Path, text: str) -> None:
    path = put(tmp_path / "poem.txt", text)
    assert read(path, text_rows="line") == [{"text": line} for line in text.splitlines()]


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet", "rows.txt", "rows"])
def test_a_pointer_of_git_lfs_is_refused(tmp_path: Path, name: str) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 12\n"
    error = refusal(put(tmp_path / name, pointer))
    assert error.code == "data.lfs_pointer"
    assert "git lfs pull" in error.hint


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "HTML"),
        ("\n  <html lang=en><head></head></html>", "HTML"),
        ('<?xml version="1.0"?><rows/>', "XML"),
        ("{\\rtf1 text}", "RTF"),
        (b"SQLite format 3\0" + b"\0" * 100, "SQLite"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 40, "7z"),
        (b"a.jsonl" + b"\0" * 250 + b"ustar\x0000" + b"\0" * 300, "TAR"),
    ],
)
def test_what_is_no_data_is_refused_by_its_kind(
    tmp_path: Path, content: str | bytes, word: str
) -> None:
    assert word in refusal(put(tmp_path / "rows.csv", content)).message


MESSAGES = {
    "android": "12/31/23, 9:0{n} PM - Ann: Is it {n}?\n",
    "iphone": "[31.12.23, 21:00:0{n}] Ann: Is it {n}?\n",
}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "dump.sql",
            "-- May\nCREATE TABLE t (q TEXT);\nINSERT INTO t VALUES ('a; b','c');\n",
            "SQL",
        ),
        ("dump", "SET NAMES utf8;\n/* x */\nINSERT INTO `t` (q, a) VALUES ('a','b');\n", "SQL"),
        ("rows.xls", "<html><body><table><tr><td>q</td></tr></table></body></html>", "spreadsheet"),
        ("rows.csv", "<!doctype html><html><body>Sign in</body></html>", "login"),
        ("chat.txt", "".join(MESSAGES["android"].format(n=n) for n in range(9)), "User:"),
        ("chat.txt", "".join(MESSAGES["iphone"].format(n=n) for n in range(9)), "User:"),
    ],
)
def test_exports_of_other_programs_are_refused_with_a_way_out(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    path = put(tmp_path / name, text)
    assert words in str(refusal(path)) + refusal(path).hint
    if name == "chat.txt":
        assert len(read(path, format="text")) == 9


def test_yaml_lists_of_rows(tmp_path: Path) -> None:
    text = "- question: Is it ready?\n  answer: no\n  day: 2024-05-01\n  n: 3\n" * 2
    expected = {"question": "Is it ready?", "answer": "no", "day": "2024-05-01", "n": 3}
    assert read(put(tmp_path / "rows.yaml", text)) == [expected] * 2
    assert read(put(tmp_path / "rows.txt", text)) == [expected] * 2
    nested = "version: 2\nseeds:\n" + "".join(f"  {line}\n" for line in text.splitlines())
    path = put(tmp_path / "rows.yml", nested)
    assert read(path) == [expected] * 2
    assert describe(Source(source=str(path))).records == "seeds"


@pytest.mark.parametrize(
    "text",
    [
        "name: a\nvalue: 1\n",
        "a: &a [1, 2]\nb: [*a, *a]\n",
        "- x: !!python/object/apply:os.getcwd []\n",
        "- a: [1\n",
    ],
)
def test_yaml_without_rows_or_with_references_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(put(tmp_path / "rows.yaml", text)).code in (
        "data.yaml_shape",
        "data.broken_yaml",
    )


@pytest.mark.parametrize("ending", ["bz2", "xz"])
def test_bzip2_and_xz(tmp_path: Path, ending: str) -> None:
    pack = bz2.compress if ending == "bz2" else lzma.compress
    half = len(LINES) // 2
    content = pack(LINES[:half].encode()) + pack(LINES[half:].encode())
    path = put(tmp_path / f"rows.jsonl.{ending}", content)
    assert read(path) == ROWS
    assert refusal(put(path, content[:-9])).code == "data.broken_compression"


def test_a_zip_with_one_data_file(tmp_path: Path) -> None:
    files = {"__MACOSX/._rows.csv": "x", "README.md": "about", "d/rows.csv": "q,a\none,1\ntwo,2\n"}
    path = zipped(tmp_path / "rows.zip", files)
    assert read(path) == [{"q": "one", "a": "1"}, {"q": "two", "a": "2"}]
    error = refusal(zipped(path, {"train.csv": "a", "test.csv": "b"}))
    assert "train.csv, test.csv" in error.message
    assert "Unpack" in error.hint


# --- JSON --------------------------------------------------------------------------------------

TURNS = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
COLUMNS = {"question": [row["question"] for row in ROWS], "answer": [row["answer"] for row in ROWS]}


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ({name: {str(n): v for n, v in enumerate(col)} for name, col in COLUMNS.items()}, ROWS),
        ({str(n): row for n, row in enumerate(ROWS)}, ROWS),
        ({f"id{n}": row for n, row in enumerate(ROWS)},
         [row | {"index": f"id{n}"} for n, row in enumerate(ROWS)]),
        (COLUMNS, ROWS),
        ({"columns": list(ROWS[0]), "index": [0], "data": [list(r.values()) for r in ROWS]}, ROWS),
        ([list(ROWS[0]), *(list(row.values()) for row in ROWS)], ROWS),
        ({"schema": {"fields": [{"name": "question"}]}, "data": ROWS}, ROWS),
        ({"version": 1, "authors": [{"name": "A"}], "examples": ROWS}, ROWS),
        ({"meta": {"x": [1]}, "payload": {"inner": {"rows": ROWS}}}, ROWS),
        ({"rows": [{"row_idx": n, "row": row} for n, row in enumerate(ROWS)]}, ROWS),
        ([TURNS, TURNS], [{"messages": TURNS}] * 2),
        (TURNS, [{"messages": TURNS}]),
        ({"first": TURNS, "second": TURNS}, [{"messages": TURNS, "index": "first"},
                                             {"messages": TURNS, "index": "second"}]),
        ({"messages": TURNS}, [{"messages": TURNS}]),
        (["one", "two"], [{"text": "one"}, {"text": "two"}]),
        ({"faq": {row["question"]: row["answer"] for row in ROWS}},
         [{"key": row["question"], "value": row["answer"]} for row in ROWS]),
        ({"question": "Who?", "answer": "Me.", "note": "x y", "by": "Ann"},
         [{"question": "Who?", "answer": "Me.", "note": "x y", "by": "Ann"}]),
    ],
    ids=["columns", "index", "ids", "lists", "split", "values", "table", "largest", "nested",
         "viewer", "conversations", "conversation", "named", "row", "texts", "pairs", "wide row"],
)  # fmt: skip
@pytest.mark.parametrize("indent", [None, 1])
def test_orientations_of_json(
    tmp_path: Path, value: Any, rows: list[dict[str, Any]], indent: int | None
) -> None:
    path = put(tmp_path / "rows.json", json.dumps(value, indent=indent))
    assert read(path) == rows


def test_parts_of_a_document(tmp_path: Path) -> None:
    value = {"test": ROWS[:2], "validation": ROWS[2:4], "train": ROWS[4:]}
    path = put(tmp_path / "rows.json", json.dumps({"data": value}))
    source = source_of(path)
    assert [(b.rows, b.held_out) for b in source.batches()] == [
        (ROWS[4:], False),
        (ROWS[2:4], True),
    ]
    assert "Not trained" in say(source.layout.notes[-1]).message
    assert read(path, records="data.test") == ROWS[:2]
    assert refusal(path, records="data.dev").code == "data.no_records"


def test_of_several_parts_of_one_kind_the_plainest_is_meant(tmp_path: Path) -> None:
    value = {"oos_train": ROWS[:2], "train": ROWS[2:], "oos_val": ROWS[:1]}
    source = source_of(put(tmp_path / "rows.json", json.dumps(value)))
    assert [(len(b.rows), b.held_out) for b in source.batches()] == [(10, False), (1, True)]
    notes = " ".join(say(note).message for note in source.layout.notes)
    assert "oos_train" in notes


ODD = [
    '{"id": 1180591620717411303424, "x": 3.0, "q": "a"}',
    '{"id": 2, "x": NaN, "q": "b\\ud800"}',
    '{"id": 3, "x": 1e999, " q ": "c", "q": "old", "q": "new"}',
]


def large(text: str, sep: str) -> str:
    """The same rows, and so many before that the document has more than 16 MiB."""
    filler = '{"id": 0, "x": 0.5, "q": "' + "f" * 10_000 + '"}'
    return sep.join([filler] * 1700) + sep + text


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("kind", ["document", "wrapped", "lines", "after one another"])
def test_odd_values_come_out_alike_at_any_size(tmp_path: Path, kind: str, size: str) -> None:
    sep = {"lines": "\n", "after one another": "\n\n"}.get(kind, ",\n")
    text = sep.join(ODD)
    text = large(text, sep) if size == "large" else text
    if kind == "document":
        text = f"[{text}]"
    elif kind == "wrapped":
        text = f'{{"meta": {{"n": 1}}, "rows": [{text}]}}'
    elif kind == "after one another":
        text = text.replace(', "', ',\n "')
    source = source_of(put(tmp_path / "rows.json", text))
    rows = list(source.rows())[-3:]
    assert rows[0] == {"id": 1180591620717411303424, "x": 3.0, "q": "a"}
    assert isinstance(rows[0]["x"], float)
    assert (repr(rows[1]["x"]), rows[1]["q"]) == ("nan", "b\ufffd")
    assert rows[2] == {"id": 3, "x": float("inf"), " q ": "c", "q": "new"}
    assert source.odd_counts["line.repeated_key"] == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gzip"])
@pytest.mark.parametrize("size", ["small", "large"])
def test_what_stands_after_the_rows_is_said_at_any_size(
    tmp_path: Path, size: str, encoding: str
) -> None:
    row = '{"id": 1, "tags": ["a"], "q": "he said ], \\"x\\": "}'
    text = ",\n".join([row] * 30)
    text = large(text, ",\n") if size == "large" else text
    after = '"definition": "Say it in one short sentence.", "examples": [{"q": "b"}], "n": [1, 2]'
    text = f'{{"version": 1, "data": [{text}], {after}}}'
    path = tmp_path / "rows.json"
    path.write_bytes(gzip.compress(text.encode()) if encoding == "gzip" else text.encode(encoding))
    notes = source_of(path).layout.notes
    assert [(note.code, note.values["names"]) for note in notes] == [
        ("files.other_rows", ["examples"]),
        ("files.aside", ["definition"]),
    ]


def test_a_broken_row_of_a_document_is_one_row(tmp_path: Path) -> None:
    rows = [json.dumps(row, indent=1) for row in ROWS]
    rows[4] = rows[4].replace('",', '"')
    text = "[\n" + ",\n".join(rows) + "\n]"
    source = source_of(put(tmp_path / "rows.json", text))
    assert list(source.rows()) == [*ROWS[:4], *ROWS[5:]]
    assert [broken.line for broken in source.broken] == [2 + 4 * 4 + 2]


@pytest.mark.parametrize("pretty", [True, False])
def test_a_comma_too_much_is_named(tmp_path: Path, pretty: bool) -> None:
    good, bad = '{"q": "x", "a": "y"}', '{"q": "x", "a": "y",}'
    text = f"[\n{good},\n{bad}\n]" if pretty else f"{good}\n{bad}\n{good}\n"
    source = source_of(put(tmp_path / "rows.jsonl", text))
    assert len(list(source.rows())) == (1 if pretty else 2)
    assert [b.line for b in source.broken] == [3 if pretty else 2]
    assert "comma" in source.broken[0].reason


@pytest.mark.parametrize("threshold", [64, 1024 * 1024])
def test_values_that_lie_across_pieces(
    tmp_path: Path, threshold: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "rows.json", json.dumps({"rows": ROWS, "n": 123456}, ensure_ascii=False))
    plan = json_layout.plan_of
    text = path.read_bytes()
    from phi3studio.worker.data.reading.source_files import file_at

    def pieces() -> Any:
        return iter([text[at : at + threshold] for at in range(0, len(text), threshold)])

    found = plan(file_at(path), pieces())
    assert found is not None
    rows = json_document.document_rows(file_at(path), pieces(), found, lambda broken: None)
    assert [row for row, _ in rows] == ROWS


def test_joined_files_have_marks_in_the_middle(tmp_path: Path) -> None:
    half = LINES.encode("utf-8-sig")
    assert read(put(tmp_path / "rows.jsonl", half + half)) == ROWS * 2
    table = "q,a\none,1\ntwo,2\n".encode("utf-8-sig")
    source = source_of(put(tmp_path / "rows.csv", table + table))
    assert list(source.rows()) == [{"q": "one", "a": "1"}, {"q": "two", "a": "2"}] * 2
    assert source.odd_counts["line.repeated_header"] == 1


PAGES = [{"page": at, "total": len(ROWS), "results": ROWS[4 * at : 4 * at + 4]} for at in range(3)]


def test_the_pages_of_an_interface_are_the_rows_of_all(tmp_path: Path) -> None:
    assert read(put(tmp_path / "a.json", json.dumps(PAGES))) == ROWS
    inside = {"pages": [{**page, "next": None} for page in PAGES]}
    assert read(put(tmp_path / "b.json", json.dumps(inside))) == ROWS
    odd = [*PAGES, {"page": 3, "total": 12, "results": []}, {"page": 4, "error": "late"}]
    found = read(put(tmp_path / "c.json", json.dumps(odd)))
    assert len(found) == len(odd)  # one of them is no page: each is a row


@pytest.mark.parametrize("indent", [None, 1])
def test_the_pages_of_an_interface_one_after_another_are_the_rows_of_all(
    tmp_path: Path, indent: int | None
) -> None:
    late: list[dict[str, Any]] = [{"page": 3, "results": []}, {"page": 4, "error": "late"}]
    text = "\n".join(json.dumps(page, indent=indent) for page in [*PAGES, *late])
    assert read(put(tmp_path / "a.jsonl", text)) == [*ROWS, late[1]]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    "row",
    [
        {"title": "Part", "questions": ROWS[:2]},  # nothing tells of paging
        {"text": "The field is dry.", "count": 2, "questions": ROWS[:2]},
        {"id": 3, "meta": {}, "conversations": [{"human": "Hay?", "assistant": "Two bales."}]},
    ],
)
def test_rows_with_lists_are_no_pages(
    tmp_path: Path, row: dict[str, Any], indent: int | None
) -> None:
    rows = [{**row, "page": n} if "meta" in row else row for n in range(4)]
    assert read(put(tmp_path / "a.json", json.dumps(rows))) == rows
    lines = "\n".join(json.dumps(each, indent=indent) for each in rows)
    assert read(put(tmp_path / "a.jsonl", lines)) == rows


@pytest.mark.parametrize(
    "document",
    [
        {"columns": ["question", "answer"], "rows": [list(row.values()) for row in ROWS]},
        {
            "data": {
                "cols": [{"name": "question", "type": "text"}, {"name": "answer"}],
                "rows": [list(row.values()) for row in ROWS],
            },
            "status": "completed",
        },
    ],
)
def test_names_and_rows_apart_are_a_table(tmp_path: Path, document: dict[str, Any]) -> None:
    assert read(put(tmp_path / "a.json", json.dumps(document))) == ROWS


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("".join(f"__label__{'ab'[n % 2]} Field {n} is dry.\n" for n in range(9)), "fastText"),
        (
            " id | text\n----+------\n"
            + "".join(f"  {n} | Field {n}.\n" for n in range(9))
            + "(9 rows)\n",
            "psql/MySQL",
        ),
        (
            "+----+------+\n| id | text |\n+----+------+\n"
            + "".join(f"| {n} | Field {n}. |\n" for n in range(9))
            + "+----+------+\n",
            "psql/MySQL",
        ),
    ],
)
def test_a_notation_whose_parts_would_be_lost_is_named(
    tmp_path: Path, text: str, named: str
) -> None:
    error = refusal(put(tmp_path / "a.txt", text))
    assert error.code == "data.notation"
    assert named in error.message


def test_numbered_questions_below_a_title_are_conversations(tmp_path: Path) -> None:
    text = "Questions of our guests\n\n" + "".join(
        f"Q{n}: Is field {n} dry?\nA{n}: Yes, {n}.\n\n" for n in range(1, 9)
    )
    path = put(tmp_path / "a.txt", text)
    found = read(path)
    assert len(found) == 8
    assert found[1]["text"] == "Q2: Is field 2 dry?\nA2: Yes, 2."
    assert "line 1: the line stands above the table" in notes(path)


def test_names_with_braces_or_line_breaks_can_stand_in_a_template(tmp_path: Path) -> None:
    text = '"Question {de}","Answer\n(final)"\n' + "".join(
        f"Is field {n} dry?,Yes {n}.\n" for n in range(9)
    )
    assert list(read(put(tmp_path / "a.csv", text))[0]) == ["Question (de)", "Answer (final)"]


# --- folders -----------------------------------------------------------------------------------


def folder(path: Path, **parts: int) -> Path:
    for name, count in parts.items():
        file = path / name.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        write_jsonl(file, [{"q": f"{name} {n}", "a": str(n)} for n in range(count)])
    return path


@pytest.mark.parametrize(
    "names",
    [
        ("train_dot_jsonl", "val_dot_jsonl", "test_dot_jsonl"),
        ("train__0_dot_jsonl", "validation__0_dot_jsonl", "test__0_dot_jsonl"),
        ("my-train_dot_jsonl", "my-dev_dot_jsonl", "my-test_dot_jsonl"),
    ],
)
def test_parts_of_a_folder(tmp_path: Path, names: tuple[str, str, str]) -> None:
    path = folder(tmp_path / "set", **dict(zip(names, (6, 3, 2), strict=True)))
    for sidecar in ("stats", "dataset_infos", "export_manifest", "extra"):
        put(path / f"{sidecar}.json", '{"rows": 11}')
    put(path / "README.md", "about")
    batches = list(source_of(path).batches())
    assert [(len(batch.rows), batch.held_out) for batch in batches] == [(6, False), (3, True)]
    notes = " ".join(describe(Source(source=str(path))).notes)
    assert "Held out" in notes
    assert "Not trained" in notes
    assert "stats.json" in notes


def test_more_names_do_not_outweigh_more_data(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", rows_dot_jsonl=30)
    for name in "abc":
        put(path / f"{name}.json", '{"made": "today"}')
    assert len(read(path)) == 30
    assert len(read(path / "*.json*")) == 30


@pytest.mark.parametrize("other", ["b.csv", "b.json", "b.jsonl.csv"])
def test_rows_in_files_of_several_formats_are_asked_for(tmp_path: Path, other: str) -> None:
    path = folder(tmp_path / "set", a_dot_jsonl=30)
    text = "q,a\n" + "is it?,yes\n" * 40
    put(
        path / other, json.dumps([{"q": "is it?", "a": "yes"}] * 40) if "csv" not in other else text
    )
    error = refusal(path)
    assert error.code == "data.mixed_formats"
    assert other in error.message
    assert "a.jsonl" in error.message
    assert len(read(path / "*.jsonl", also=[str(path / other)])) == 70


def test_a_copy_in_another_format_is_left_out(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", rows_dot_jsonl=30)
    put(path / "rows.csv", "q,a\n" + "is it?,yes\n" * 30)
    assert len(read(path)) == 30
    assert "Left out" in notes(path)


def test_a_folder_without_training_data_says_so(tmp_path: Path) -> None:
    path = folder(tmp_path / "set", dev_dot_jsonl=3, test_dot_jsonl=3)
    assert refusal(path).code == "data.no_train_part"
    assert len(read(path / "test.jsonl")) == 3


def test_files_of_different_encodings_and_delimiters(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    put(tmp_path / "set" / "a.csv", "q,a\n" + "Où ça, là ?,oui\n".replace("ça,", "ça") * 5)
    put(tmp_path / "set" / "b.csv", ("q;a\n" + "La città è più bella;sì\n" * 5).encode("cp1252"))
    rows = read(tmp_path / "set")
    assert rows[0] == {"q": "Où ça là ?", "a": "oui"}
    assert rows[-1] == {"q": "La città è più bella", "a": "sì"}


def checked(data: Any, encoder: Encoder) -> Generator[Any, None, None]:  # noqa: F811
    yield (yield from check(data, encoder, 256, 1))


def test_a_validation_part_is_held_out_whole(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    path = folder(tmp_path / "set", train_dot_jsonl=20, val_dot_jsonl=5, test_dot_jsonl=7)
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}")
    *_, report = checked(recipe.data, encoder)
    figures = report.statistics
    prepared = prepare(recipe, encoder.tokenizer, tmp_path / "data", lambda done, total: None)
    assert (figures.rows, figures.held_out_rows) == (25, 5)
    assert (prepared.train_rows + sum(prepared.dropped.values()), prepared.held_out_rows) == (20, 5)


@pytest.mark.parametrize("pattern", ["*.jsonl", "**/*.jsonl", "s?t/rows.jsonl"])
def test_a_pattern_is_no_missing_file_for_a_run(tmp_path: Path, pattern: str) -> None:
    folder(tmp_path / "set", rows_dot_jsonl=3)
    base = tmp_path / "set" if pattern == "*.jsonl" else tmp_path
    assert len(read(base / pattern)) == 3
    assert [path.name for path in matching_files(str(base / pattern))] == ["rows.jsonl"]


@pytest.mark.parametrize("often", [1, 30])
def test_a_sentence_with_commas_at_the_end_of_a_line_is_one_value(
    tmp_path: Path, often: int
) -> None:
    lines = [f"Tell of town {n},It is old" for n in range(30)]
    lines[-often:] = [f"{line}, has a market, and lies at a river" for line in lines[-often:]]
    path = tmp_path / "towns.csv"
    path.write_text("\n".join(["prompt,output", *lines]) + "\n", "utf-8")
    source = RowSource(Source(source=str(path)), lenient=True)
    rows = list(source.rows())
    assert len(rows) == 30
    assert rows[-1] == {
        "prompt": "Tell of town 29",
        "output": "It is old, has a market, and lies at a river",
    }
    assert source.odd_counts == {"line.open_end": often}
    assert source.odd["line.open_end"].line == 32 - often


def test_a_comma_elsewhere_is_still_a_broken_line(tmp_path: Path) -> None:
    path = tmp_path / "towns.csv"
    lines = [f"Tell of town {n},It is old" for n in range(30)]
    path.write_text("\n".join(["prompt,output", *lines, "Tell me, please,It is so"]), "utf-8")
    source = RowSource(Source(source=str(path)), lenient=True)
    assert len(list(source.rows())) == 30
    assert [(line.line, line.says.code) for line in source.broken] == [(32, "line.wide")]


def test_one_control_character_does_not_change_the_encoding_of_a_file(tmp_path: Path) -> None:
    words = ["今天", "天气", "很", "好", "我们", "一起", "去", "公园", "散步", "吧"]
    lines = [f"{words[n % 10]} {words[n * 3 % 10]} {n},{words[n * 7 % 10]}" for n in range(12)]
    lines[0] += " rings \x07"
    path = tmp_path / "rows.csv"
    path.write_bytes("\n".join(["question,answer", *lines]).encode("gbk"))
    rows = list(RowSource(Source(source=str(path))).rows())
    assert rows[3] == {"question": f"{words[3]} {words[9]} 3", "answer": words[1]}


# --- what is left out is said ------------------------------------------------------------------


def strict_refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        list(RowSource(Source(source=str(path))).rows())
    return caught.value


def test_lines_above_a_table_are_said(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "r.csv", "Export of May\n\nquestion,answer", "Is it {n}?,Yes {n}.")
    assert list(read(path)[0]) == ["question", "answer"]
    assert "line 1: the line stands above the table and is left out (1 line in all)" in notes(path)


def test_some_lines_with_a_comma_too_much_name_no_column(tmp_path: Path) -> None:
    lines = [f"Well{', then' * (n % 3 > 0)} {n},{'ab'[n % 2]}" for n in range(30)]
    path = put(tmp_path / "r.csv", "\n".join(["text,label", *lines]) + "\n")
    assert list(read(path)[0]) == ["text", "label"]
    error = strict_refusal(path)
    assert (error.code, error.values["line"]) == ("data.broken_csv", 3)


def test_other_lists_of_a_document_are_said(tmp_path: Path) -> None:
    rows = [["one two", "a"], ["three four", "b"]]
    path = put(tmp_path / "r.json", json.dumps({"train": rows, "oos_train": rows, "val": rows}))
    assert "not read: oos_train" in notes(path)
    objects = [{"q": "one", "a": "two"}] * 3
    path = put(tmp_path / "s.json", json.dumps({"data": objects, "entities": objects}))
    assert "not read: entities" in notes(path)


def test_names_of_folders_are_said(tmp_path: Path) -> None:
    for name in ("neg", "pos"):
        (tmp_path / name).mkdir()
        put(tmp_path / name / "1.txt", "A text of several words.\n")
    assert "The names of the folders are not in the rows: neg, pos." in notes(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("// ours\n[\n{}\n]", "a comment begins at column 1"),
     ("{'question': 'one', 'answer': 'two'}\n", "are Python dictionaries, not JSON")],
)  # fmt: skip
def test_what_is_no_json_is_named(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in strict_refusal(put(tmp_path / "r.jsonl", text)).message


FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
    "tags": {"feature": {"names": ["a", "b"], "_type": "ClassLabel"}, "_type": "Sequence"},
}


@pytest.mark.parametrize("kind", ["parquet", "stream", "viewer"])
def test_labels_that_are_numbers_get_their_names(tmp_path: Path, kind: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{"text": f"Row {n}", "label": n % 3 - 1, "tags": [1, 0]} for n in range(6)]
    table = pa.Table.from_pylist(rows)
    table = table.replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    )
    path = tmp_path / "rows"
    match kind:
        case "parquet":
            pq.write_table(table, path)
        case "stream":
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
                out.write_table(table)
        case "viewer":
            features = [{"name": name, "type": kind} for name, kind in FEATURES.items()]
            wrapped = [{"row_idx": n, "row": row} for n, row in enumerate(rows)]
            put(path, json.dumps({"features": features, "rows": wrapped}))
    found = read(path)
    assert [row["label"] for row in found] == [-1, "neg", "pos", -1, "neg", "pos"]
    assert found[0]["tags"] == ["b", "a"]
    assert "The labels in “label”, “tags” are numbers" in notes(path)
