"""Files are read by what they hold, whatever they are called: right, or refused in words."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Collection, Generator
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

ROWS = [
    {"question": f"What grows in field {n}, and why?", "answer": f"Barley no. {n}; it likes clay."}
    for n in range(12)
]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS)
LISTED = json.dumps([{"n": n} for n in range(1001)])


def source_of(path: Path, **options: Any) -> RowSource:
    return RowSource(Source(source=str(path), **options), lenient=True)


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    return list(source_of(path, **options).rows())


def put(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def refusal(path: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read(path, **options)
    assert caught.value.hint
    return caught.value


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


def zipped(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_a_zip_with_one_data_file(tmp_path: Path) -> None:
    files = {"__MACOSX/._rows.csv": "x", "README.md": "about", "d/rows.csv": "q,a\none,1\ntwo,2\n"}
    path = zipped(tmp_path / "rows.zip", files)
    assert read(path) == [{"q": "one", "a": "1"}, {"q": "two", "a": "2"}]
    error = refusal(zipped(path, {"train.csv": "a", "test.csv": "b"}))
    assert "train.csv, test.csv" in error.message
    assert "Unpack" in error.hint


# --- workbooks ---------------------------------------------------------------------------------


def workbook(
    path: Path,
    sheets: dict[str, list[list[str]]],
    *,
    hidden: Collection[str | int] = (),
    merged: Collection[str] = (),
    columns: str = "",
) -> Path:
    """An .xlsx of cells in its XML: ``n:`` numbers, ``d:`` dates (days), ``f:`` formulas, ``e:``
    errors. *hidden* are names of sheets and numbers of rows, *merged* ranges of cells, *columns*
    what the sheet says of its columns."""

    def cell(text: str) -> str:
        kind, _, value = text.partition(":")
        match kind:
            case "n":
                return f"<c><v>{value}</v></c>"
            case "d":
                return f'<c s="1"><v>{value}</v></c>'
            case "f":
                return f"<c><f>1+1</f><v>{value}</v></c>" if value else "<c><f>1+1</f></c>"
            case "e":
                return f'<c t="e"><v>{value}</v></c>'
        return f'<c t="inlineStr"><is><t>{text}</t></is></c>' if text else "<c/>"

    names = list(sheets)
    states = ("visible", "hidden")
    ns = "http://schemas.openxmlformats.org/"
    rels = f"{ns}officeDocument/2006/relationships"
    main = f'xmlns="{ns}spreadsheetml/2006/main" xmlns:r="{rels}"'
    files = {
        "[Content_Types].xml": f'<Types xmlns="{ns}package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{ns}package/2006/relationships"><Relationship '
        f'Id="r" Type="{rels}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f"<workbook {main}><sheets>"
        + "".join(
            f'<sheet name="{name}" sheetId="{n + 1}" r:id="r{n}" state="{states[name in hidden]}"/>'
            for n, name in enumerate(names)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{ns}package/2006/relationships">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{rels}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n in range(len(names))
        )
        + f'<Relationship Id="s" Type="{rels}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f"<styleSheet {main}><cellXfs><xf/>"
        '<xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>',
    }
    for n, rows in enumerate(sheets.values()):
        body = "".join(
            f'<row r="{at}" hidden="{int(at in hidden)}">{"".join(map(cell, row))}</row>'
            for at, row in enumerate(rows, start=1)
        )
        ranges = "".join(f'<mergeCell ref="{cells}"/>' for cells in merged)
        files[f"xl/worksheets/s{n}.xml"] = (
            f"<worksheet {main}>{columns}<sheetData>{body}</sheetData>"
            f"<mergeCells>{ranges}</mergeCells></worksheet>"
        )
    return zipped(path, files)


SHEET = [
    ["question", "answer", "day", "count", "share", ""],
    ["How many?", "f:42", "d:45413", "n:7", "n:0.25", ""],
    ["", "", "", "", "", ""],
    ["And now?", "n:3.0", "d:45414", "n:8", "n:0.5", ""],
]
EXPECTED = [
    {"question": "How many?", "answer": 42, "day": "2024-05-01", "count": 7, "share": 0.25},
    {"question": "And now?", "answer": 3, "day": "2024-05-02", "count": 8, "share": 0.5},
]


@pytest.mark.parametrize("name", ["rows.xlsx", "rows.csv", "rows"])
def test_excel_sheets_with_typed_cells(tmp_path: Path, name: str) -> None:
    path = workbook(tmp_path / name, {"Empty": [], "Data": SHEET, "Notes": [["a"], ["b"]]})
    assert read(path) == EXPECTED
    report = describe(Source(source=str(path)))
    assert (report.format, report.sheet) == ("spreadsheet", "Data")
    assert any("Notes" in note for note in report.notes)
    assert refusal(path, sheet="Absent").code == "data.no_sheet"
    assert len(read(path, sheet="Notes", header=False)) == 2


def test_notes_before_the_table_are_left_out_and_said(tmp_path: Path) -> None:
    table = [["Export of May", ""], ["question", "answer"], ["one", "two"], ["three", "four"]]
    path = workbook(tmp_path / "r.xlsx", {"Read me": [["Fill in"], ["Thanks"]], "Data": table})
    assert read(path) == [
        {"question": "one", "answer": "two"},
        {"question": "three", "answer": "four"},
    ]
    report = describe(Source(source=str(path)))
    assert report.sheet == "Data"
    assert any("Read me" in note for note in report.notes)
    assert any("r.xlsx, line 1: the line stands above the table" in note for note in report.notes)


def test_sheets_that_are_parts(tmp_path: Path) -> None:
    rows = [["q", "a"], ["one", "n:1"], ["two", "n:2"]]
    path = workbook(tmp_path / "r.xlsx", {"Test": rows, "Train": rows, "Validation": rows[:2]})
    batches = list(source_of(path).batches())
    assert [(len(batch.rows), batch.held_out) for batch in batches] == [(2, False), (1, True)]


TABLE = [["question", "answer"], *([row["question"], row["answer"]] for row in ROWS)]


def test_a_cover_and_hidden_lists_are_not_the_rows(tmp_path: Path) -> None:
    cover = [["Answers of our help desk"], [""], ["Author", "Anna"], ["Date", "d:45413"]]
    lists = [["code", "town"], *([f"c{n}", f"town {n}"] for n in range(40))]
    sheets = {"Cover": cover, "Lists": lists, "Data": TABLE, "Words": TABLE[:3]}
    path = workbook(tmp_path / "r.xlsx", sheets, hidden=["Lists"])
    assert read(path) == ROWS
    report = describe(Source(source=str(path)))
    assert report.sheet == "Data"
    assert any("Cover, Lists, Words" in note for note in report.notes)
    assert len(read(path, sheet="Lists")) == 40


def test_rows_that_a_filter_hides_are_read_and_said(tmp_path: Path) -> None:
    path = workbook(tmp_path / "r.xlsx", {"Data": TABLE}, hidden=[4, 5, 9])
    assert read(path) == ROWS
    (note,) = describe(Source(source=str(path))).notes
    assert "line 4: the row is hidden in the sheet" in note
    assert "(3 lines in all)" in note


def test_hidden_columns_are_read_and_said(tmp_path: Path) -> None:
    table = [["", "question", "note", "key", "answer"]]
    table += [["", f"one {n}", f"seen {n}", f"k{n}", f"two {n}"] for n in range(4)]
    columns = '<cols><col min="1" max="2"/><col min="3" max="4" width="0" hidden="1"/></cols>'
    path = workbook(tmp_path / "r.xlsx", {"Data": table}, columns=columns)
    assert read(path)[0] == {"question": "one 0", "note": "seen 0", "key": "k0", "answer": "two 0"}
    notes = describe(Source(source=str(path))).notes
    assert any("the columns note, key are hidden in the sheet" in note for note in notes), notes


def test_a_merged_cell_counts_for_each_of_its_rows(tmp_path: Path) -> None:
    rows = [["Support", ""], ["topic", "text", "note"]]
    rows += [["Travel" if n % 3 == 0 else "", f"text {n}", "n:1"] for n in range(6)]
    path = workbook(tmp_path / "r.xlsx", {"Data": rows}, merged=["A1:C1", "A3:A5", "A6:A9"])
    assert [row["topic"] for row in read(path)] == ["Travel"] * 6


def test_cells_that_hold_errors_or_formulas_without_results_are_empty(tmp_path: Path) -> None:
    rows = [["", ""], ["q", "a"], ["one", "e:#N/A"], ["two", "f:"], ["three", "f:3"]]
    path = workbook(tmp_path / "r.xlsx", {"Data": rows})
    assert read(path) == [{"q": "one", "a": None}, {"q": "two", "a": None}, {"q": "three", "a": 3}]
    (note,) = describe(Source(source=str(path))).notes
    assert "line 4: a formula's result is not in the file" in note


@pytest.mark.parametrize("value", ["<v/>", "<v></v>", ""])
def test_columns_of_formulas_without_results_are_asked_for(tmp_path: Path, value: str) -> None:
    rows = [["q", "a"], *([f"one {n}", "f:"] for n in range(5))]
    path = workbook(tmp_path / "r.xlsx", {"Data": rows})
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    sheet = "xl/worksheets/s0.xml"
    files[sheet] = files[sheet].replace("</f></c>", f"</f>{value}</c>")
    error = refusal(zipped(path, files))
    assert error.code == "data.uncomputed"
    assert "“a”" in error.message


def test_a_column_without_values_is_said(tmp_path: Path) -> None:
    rows = [["q", "a", "note"], *([f"one {n}", f"two {n}", "e:#N/A"] for n in range(5))]
    said = "columns with a name and without values: note"
    assert said in notes(workbook(tmp_path / "r.xlsx", {"Data": rows}))
    assert said in notes(csv_file(tmp_path / "r.csv", "q,a,note", "one {n},two {n}, "))
    assert "note" not in notes(
        csv_file(tmp_path / "s.csv", "q,a,note", "one {n},two {n},", L9="a,b,c")
    )


def test_codes_that_a_sheet_shows_with_zeros_before_them_keep_them(tmp_path: Path) -> None:
    rows = [["q", "code", "count"], *([f"one {n}", f"n:{n * 7}", "n:3"] for n in range(5))]
    path = workbook(tmp_path / "r.xlsx", {"Data": [["Title", "", ""], *rows]})
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    files["xl/styles.xml"] = (
        files["xl/styles.xml"]
        .replace(
            "<cellXfs>", '<numFmts><numFmt numFmtId="170" formatCode="0000"/></numFmts><cellXfs>'
        )
        .replace("</cellXfs>", '<xf numFmtId="170" applyNumberFormat="1"/></cellXfs>')
    )
    for n in range(5):
        before = f'<row r="{n + 3}" hidden="0"><c t="inlineStr"><is><t>one {n}</t></is></c><c>'
        assert before in files["xl/worksheets/s0.xml"]
        files["xl/worksheets/s0.xml"] = files["xl/worksheets/s0.xml"].replace(
            before, before.removesuffix("<c>") + f'<c r="B{n + 3}" s="2">'
        )
    codes = [(row["code"], row["count"]) for row in read(zipped(path, files))]
    assert codes == [(f"{n * 7:04d}", 3) for n in range(5)]


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_names_of_groups_of_columns_stand_above_the_table(tmp_path: Path, kind: str) -> None:
    rows = [["Kind", "", "Words", ""], ["place", "number", "question", "answer"]]
    rows += [[f"p{n}", f"{n}", f"Is it {n}?", f"Yes {n}."] for n in range(5)]
    path = tmp_path / f"r.{kind}"
    if kind == "csv":
        put(path, "".join(",".join(row) + "\n" for row in rows))
    else:
        workbook(path, {"Data": rows}, merged=["A1:B1", "C1:D1"])
    assert list(read(path)[0]) == rows[1]
    assert len(read(path)) == 5
    assert "line 1: the line stands above the table and is left out" in notes(path)


def test_a_second_table_and_a_sum_on_a_sheet_are_said(tmp_path: Path) -> None:
    first = [["question", "answer"], *([f"Is it {n}?", f"Yes, {n}."] for n in range(9))]
    second = [["Town", "Mayor"], *([f"Town {n}", f"Ann {n}"] for n in range(5))]
    path = workbook(tmp_path / "a.xlsx", {"Data": [*first, ["", ""], *second]})
    assert "line 12: another table begins here (Town, Mayor), and its 5 rows are not read" in notes(
        path
    )
    assert len(read(path)) == 9
    holes = [*first[:4], ["", ""], *first[4:], ["", ""], ["Total:", "n:9"]]
    path = workbook(tmp_path / "b.xlsx", {"Data": holes})
    assert len(read(path)) == 9
    (note,) = describe(Source(source=str(path))).notes
    assert "line 13: the row is the sum of those above and is left out" in note


def test_of_several_tables_on_a_sheet_only_the_largest_is_read(tmp_path: Path) -> None:
    rows = [[f"Is it {n}?", f"Yes, {n}."] for n in range(9)]
    main = [["question", "answer"], *rows]
    side = [["Town", "Mayor"], *([f"Town {n}", f"Ann {n}"] for n in range(4))]
    sheet = [[*row, "", *(side[n] if n < 5 else ["", ""])] for n, row in enumerate(main)]
    beside = workbook(tmp_path / "a.xlsx", {"Data": sheet})
    assert [list(row.values()) for row in read(beside)] == rows
    told = "line 1: another table begins here (Town, Mayor), and its 4 rows are not read"
    assert told in notes(beside)
    # A small table of another kind stands first; the names of the large one stand twice.
    sheet = [*side, ["", ""], *main[:6], ["", ""], main[0], *main[6:]]
    below = workbook(tmp_path / "b.xlsx", {"Data": sheet})
    assert [list(row.values()) for row in read(below)] == rows
    assert told in notes(below)
    assert "line 14: the names of the columns stand here again" in notes(below)


def test_a_gap_in_one_table_loses_nothing(tmp_path: Path) -> None:
    main = [["question", "", "answer"], *([f"Is it {n}?", "", f"Yes, {n}."] for n in range(9))]
    assert len(read(workbook(tmp_path / "a.xlsx", {"Data": main}))) == 9
    phrases = [["Good morning", "Buongiorno"], ["Bye", "Ciao"], ["How are you", "Come stai"]]
    groups = [["english", "italian"], *phrases, ["", ""], *phrases[::-1], ["", ""], *phrases]
    assert len(read(workbook(tmp_path / "b.xlsx", {"Data": groups}))) == 9
    rows = [["question", "answer"], *phrases, *phrases]
    notes_of_few = [[*row, "", {0: "note", 3: "late", 6: "late"}.get(n, "")]
                    for n, row in enumerate(rows)]  # fmt: skip
    path = workbook(tmp_path / "c.xlsx", {"Data": notes_of_few})
    assert [row["note"] for row in read(path)] == [None, None, "late", None, None, "late"]


@pytest.mark.parametrize(
    ("last", "rows"),
    [
        (["Total", "45", ""], 9),
        (["", "", ""], 10),
        (["Durchschnitt:", "4,5", ""], 9),
        (["Total: 45", "", ""], 9),
        (["Total loss", "45", "Call us."], 10),
        (["Sum", "what is it", "45"], 10),
    ],
)
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_a_sum_at_the_end_of_a_delimited_file_is_left_out(
    tmp_path: Path, last: list[str], rows: int, sign: str
) -> None:
    table = [["topic", "points", "answer"]]
    table += [[f"Topic {n}", str(n), f"It is {n}, you see."] for n in range(9)]
    text = "".join(sign.join(f'"{cell}"' for cell in row) + "\n" for row in [*table, last])
    path = put(tmp_path / "a.csv", text)
    assert len(read(path)) == rows
    said = "line 11: the row is the sum of those above and is left out" in notes(path)
    assert said == (rows == 9)


def test_a_column_that_only_counts_the_rows_is_left_out_and_said(tmp_path: Path) -> None:
    text = ",question,answer\n" + "".join(f"{n},Is it {n}?,Yes {n}.\n" for n in range(9))
    path = put(tmp_path / "a.csv", text)
    assert list(read(path)[0]) == ["question", "answer"]
    assert "line 1: the first column has no name, only counts the rows" in notes(path)


@pytest.mark.parametrize("damage", ["rels", "part"])
def test_a_workbook_whose_parts_are_not_as_usual_is_read(tmp_path: Path, damage: str) -> None:
    usual = workbook(tmp_path / "usual.xlsx", {"A &amp; B": TABLE}, hidden=[3])
    with zipfile.ZipFile(usual) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    if damage == "rels":
        # Absolute targets and other prefixes, as some libraries write them.
        links = "xl/_rels/workbook.xml.rels"
        files[links] = files[links].replace('Target="', 'Target="/xl/')
    else:
        files["xl/worksheets/s0.xml"] = files["xl/worksheets/s0.xml"].replace(' r="3"', "")
    path = zipped(tmp_path / "r.xlsx", files)
    assert read(path, sheet="A & B") == ROWS
    assert "line 3" in describe(Source(source=str(path))).notes[0]


def test_open_document_sheets(tmp_path: Path) -> None:
    office = "urn:oasis:names:tc:opendocument:xmlns"
    cells = "".join(
        f"<table:table-row {mark}>{''.join(row)}</table:table-row>"
        for mark, row in zip(("", "table:visibility='filter'"), (
            [f"<table:table-cell office:value-type='string'><text:p>{t}</text:p></table:table-cell>"
             for t in ("question", "n")],
            ["<table:table-cell office:value-type='string'><text:p>Why?</text:p>"
             "</table:table-cell>",
             "<table:table-cell office:value-type='float' office:value='5'/>"],
        ), strict=True)
    )  # fmt: skip
    content = (
        f"<office:document-content xmlns:office='{office}:office:1.0' "
        f"xmlns:table='{office}:table:1.0' xmlns:text='{office}:text:1.0'><office:body>"
        "<office:spreadsheet><table:table table:name='One'><table:table-column/>"
        f"<table:table-column table:visibility='collapse'/>{cells}</table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    path = tmp_path / "rows.ods"
    zipped(
        path,
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content,
            "META-INF/manifest.xml": "<manifest/>",
        },
    )
    assert read(path) == [{"question": "Why?", "n": 5}]
    notes = describe(Source(source=str(path))).notes
    assert "line 2: the row is hidden" in notes[0]
    assert "the columns n are hidden" in notes[1]


def test_a_damaged_workbook_says_so(tmp_path: Path) -> None:
    path = workbook(tmp_path / "rows.xlsx", {"Data": SHEET})
    put(path, path.read_bytes()[:-100])
    assert refusal(path).code == "data.broken_compression"


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


# --- CSV ---------------------------------------------------------------------------------------


def csv_file(path: Path, head: str, line: str, count: int = 40, **odd: str) -> Path:
    lines = [head, *(line.format(n=n) for n in range(count))]
    for at, text in odd.items():
        lines[int(at[1:]) - 1] = text
    return put(path, "\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("head", "line", "names"),
    [
        ("v1,v2,,,", 'ham,"Message {n}, call",,,', ["v1", "v2"]),
        ("question,answer,,", "What is {n}?,It is {n}.,,", ["question", "answer"]),
        ("question,answer", "What is {n}?,It is {n}.,", ["question", "answer"]),
        (",0,1", "{n},What is {n}?,It is {n}.", ["0", "1"]),
        ("0,1", "What is {n}?,It is {n}.", ["0", "1"]),
        ('"text","label"', '"1","The text {n}","x{n}"', ["column1", "text", "label"]),
        ("Timestamp,What do you like most about the service? Please tell us,Which day was it?",
         "2024/01/0{n},The people {n},Monday",
         ["Timestamp", "What do you like most about the service? Please tell us",
          "Which day was it?"]),
        ("sep=;\nquestion;answer", "Is it {n}, then?;Yes, {n}, I think.", ["question", "answer"]),
        ("country,2019,2020", "Land {n},6{n},5{n}", ["country", "2019", "2020"]),
        ("text", "Well, then {n}, so be it", ["text"]),
        ("question, answer", '"Is it {n}, then?", "Yes, {n}"', ["question", "answer"]),
        ("Export of May\nquestion,answer", "What is {n}?,It is {n}.", ["question", "answer"]),
        ("Export of May\n\nquestion,answer", 'Is it {n}?,"Well, then, {n}, yes."',
         ["question", "answer"]),
        ("# of the desk, May\n# b, c, d\nquestion,answer", 'Is it {n}?,"Well, then, {n}, yes."',
         ["question", "answer"]),
        ("Report: May, all desks, 40 rows\nRows: 40\nquestion,answer", "Is it {n}?,It is {n}.",
         ["question", "answer"]),
        ("# id,question,answer", "{n},Is it {n}?,It is {n}.", ["# id", "question", "answer"]),
        ("question,answer", 'Is &quot;it&quot; {n}?,"Well, then,&nbsp;{n} &amp; more"',
         ["question", "answer"]),
        ("question;answer", 'Is it {n}?;"Well;&nbsp;{n} &amp; more"', ["question", "answer"]),
    ],
    ids=["spam", "trailing", "trailing-data", "pandas", "numbers", "r", "form", "sep", "years",
         "one column", "spaces", "title", "title over sentences", "comments with commas",
         "titles with commas", "a name with #", "entities", "entities in semicolons"],
)  # fmt: skip
def test_odd_headers(tmp_path: Path, head: str, line: str, names: list[str]) -> None:
    rows = read(csv_file(tmp_path / "rows.csv", head, line))
    assert list(rows[0]) == names
    assert len(rows) == 40


@pytest.mark.parametrize(
    "line",
    [
        "I am {n},joy",
        "{n},{n}",
        "2024-01-0{n},The people {n}",
        "The sky is {n} now,It is {n}",
        "What is {n}?,It is {n}.",
    ],
)
def test_rows_without_names(tmp_path: Path, line: str) -> None:
    path = csv_file(tmp_path / "rows.csv", line.format(n=99), line)
    assert len(read(path)) == 41
    assert len(read(path, header=True)) == 40


QUOTED = '"What is {n}, then?","It is ""{n}"", I think."'


def test_one_unclosed_quote_is_one_row(tmp_path: Path) -> None:
    path = csv_file(tmp_path / "rows.csv", "question,answer", QUOTED, l9='"What is it?,"Nothing."')
    source = source_of(path)
    rows = list(source.rows())
    assert len(rows) == 39
    assert rows[7] == {"question": "What is 8, then?", "answer": 'It is "8", I think.'}
    assert [broken.line for broken in source.broken] == [9]


def test_an_unclosed_quote_without_another_after_it(tmp_path: Path) -> None:
    line = "What is {n}?,It is {n}."
    odd = {"l2": '"What, then?","It, too"', "l3": '"a, b","c"', "l35": 'What is it?,"It is'}
    source = source_of(csv_file(tmp_path / "rows.csv", "question,answer", line, **odd))
    assert len(list(source.rows())) == 39
    assert [broken.line for broken in source.broken] == [35]


def test_two_stray_quotes_join_no_rows(tmp_path: Path) -> None:
    odd = {"l9": 'A screen of,"24 inch', "l15": 'And one of,30"'}
    rows = read(
        csv_file(tmp_path / "rows.csv", "question,answer", "What is {n}?,It is {n}.", **odd)
    )
    assert len(rows) == 40
    assert rows[7] == {"question": "A screen of", "answer": '"24 inch'}


def test_values_over_several_lines_stay_whole(tmp_path: Path) -> None:
    line = '"Dear {n},\nthis is,\nas they say,\na letter",ok'
    rows = read(csv_file(tmp_path / "rows.csv", "question,answer", line))
    assert [row["answer"] for row in rows] == ["ok"] * 40
    assert rows[3]["question"] == "Dear 3,\nthis is,\nas they say,\na letter"


def test_quotes_escaped_by_backslashes(tmp_path: Path) -> None:
    line = '"Say \\"{n}\\", please","{n}, ""{n}"""'
    rows = read(csv_file(tmp_path / "rows.csv", "question,answer", line))
    assert rows[2] == {"question": 'Say "2", please', "answer": '2, "2"'}


def test_lists_as_python_writes_them(tmp_path: Path) -> None:
    line = (
        "\"[{{'role': 'user', 'content': \"\"It's {n}\"\"}}\n"
        " {{'role': 'assistant', 'content': 'Yes'}}]\""
    )
    rows = read(csv_file(tmp_path / "rows.csv", "messages", line))
    turns = [{"role": "user", "content": "It's 2"}, {"role": "assistant", "content": "Yes"}]
    assert rows[2] == {"messages": turns}


def test_conversations_as_numpy_prints_arrays(tmp_path: Path) -> None:
    cells = [
        f"array([{{'content': 'Is it {n}?', 'role': 'user'}},\n       {{'content': 'Yes.', "
        "'role': 'assistant'}],\n      dtype=object)"
        for n in range(20)
    ]
    text = "messages,id\n" + "".join(f'"{cell}",{n}\n' for n, cell in enumerate(cells))
    turns = read(put(tmp_path / "r.csv", text))[3]["messages"]
    assert [turn["content"] for turn in turns] == ["Is it 3?", "Yes."]


def test_words_for_nothing_are_texts(tmp_path: Path) -> None:
    rows = read(csv_file(tmp_path / "rows.csv", "text,label", "region {n},NA", l5="null,None"))
    assert (rows[0]["label"], rows[3]) == ("NA", {"text": "null", "label": "None"})


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_finding_shows_the_line_where_it_is(tmp_path: Path, kind: str) -> None:
    from phi3studio.worker.data.checking.check_data import _broken

    lines = [json.dumps({"q": f"x{n}", "a": "y"}) for n in range(20)]
    if kind == "csv":
        lines = ["q,a", *(f"x{n},y" for n in range(19))]
    lines[6] = "x,y,z" if kind == "csv" else "{"
    source = source_of(put(tmp_path / f"rows.{kind}", "\n".join(lines)))
    list(source.rows())
    (finding,) = _broken(source)
    assert finding.examples[0].row + 1 == 7
    assert "line 7" in finding.examples[0].text


# --- encodings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("Où est-il allé ? Ça va, l'été à Besançon, près de la forêt.", "cp1252 mac_roman cp850"),
        ("Perché è così? La città è più bella, però può darsi di sì.", "cp1252 mac_roman cp850"),
        (
            "Где мой заказ? Спасибо за помощь, всё работает, а завтра мы закрыты.",
            "cp1251 koi8_r cp866 iso8859_5",
        ),
        ("Де моє замовлення? Дякую, все працює, але чому гроші списали двічі?", "cp1251 koi8_u"),
        ("パスワードを忘れました。どうすればいいですか。", "iso2022_jp shift_jis"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "cp1250 iso8859_2 cp852"),
        ("Zażółć gęślą jaźń. Książka jest żółta.", "cp1250 iso8859_2"),
        ("Größe, Übung, süß. Die nächste Straße.", "cp1252 cp850"),
        ("¿Dónde está la estación? Mañana, señor.", "cp1252"),
        ("Não há razão para preocupação, avó.", "cp1252"),
        ("Åtta smörgåsar på ön, närmaste station.", "cp1252"),
        ("En yakın istasyon nerede? Şu güneşli gün.", "cp1254"),
        ("Kur yra artimiausia stotis? Ačiū, žąsis, įėjo.", "cp1257"),
        ("Где ближайшая станция? Сегодня хорошо.", "cp1251 koi8_r utf-16-le utf-16-be"),
        ("Πού είναι ο σταθμός; Καλημέρα σας.", "cp1253"),
        ("今天天气很好，我们去公园散步。", "gb18030 utf-16-le utf-16-be"),
    ],
)
def test_letters_decide_the_encoding(tmp_path: Path, text: str, encodings: str) -> None:
    for encoding in encodings.split():
        content = "question,answer\n" + f"{text.replace(',', '')},x\n" * 6
        path = put(tmp_path / f"{encoding}.csv", content.encode(encoding))
        assert read(path)[0] == {"question": text.replace(",", ""), "answer": "x"}, encoding


@pytest.mark.parametrize(
    ("text", "encodings"),
    [
        ("Kargom nerede, hâlâ gelmedi mi?", "cp1254"),
        ("Şarj aleti ısınıyor, değişim yapılır mı?", "cp1254 iso8859_9"),
        ("Yarın açık mısınız?", "cp1254"),
        ("Hvenær opnar búðin á morgun? Það væri gott að vita.", "cp1252"),
        ("מתי תגיע ההזמנה שלי?", "cp1255 iso8859_8"),
        ("אפשר לקבל חשבונית במייל בבקשה?", "cp1255 iso8859_8"),
        ("Здравствуйте, а когда придёт посылка?", "koi8_r cp1251 cp866 iso8859_5"),
        ("В каком городе вы находитесь?", "koi8_r cp1251 cp866 iso8859_5"),
        ("Коли приїде моє замовлення?", "koi8_u cp1251"),
        ("Кога ще пристигне поръчката ми?", "cp1251"),
        ("Када стиже моја пошиљка?", "cp1251"),
        ("Πότε θα έρθει η παραγγελία μου;", "cp1253 iso8859_7"),
        ("متى سيصل طلبي؟", "cp1256"),
        ("注文した商品はいつ届きますか。", "shift_jis euc_jp"),
        ("我的订单什么时候到？", "gb18030"),
        ("주문한 상품은 언제 도착하나요?", "euc_kr"),
        ("Kdy mi přijde zásilka?", "cp1250 iso8859_2"),
        ("Così non va più.", "cp1252"),
        ("Mañana.", "cp1252"),
    ],
)
def test_a_single_line_decides_the_encoding(tmp_path: Path, text: str, encodings: str) -> None:
    for encoding in encodings.split():
        path = put(tmp_path / f"{encoding}.txt", f"{text}\n".encode(encoding))
        assert read(path) == [{"text": text}], encoding
        assert any("encoding" in note for note in describe(Source(source=str(path))).notes)


def test_a_first_accent_far_down_decides_too(tmp_path: Path) -> None:
    plain = "".join(f'{{"text": "line {n}"}}\n' for n in range(20_000))
    content = plain.encode() + '{"text": "La città è più bella."}\n'.encode("cp1252")
    assert read(put(tmp_path / "rows.jsonl", content))[-1] == {"text": "La città è più bella."}


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


def notes(path: Path) -> str:
    return "\n".join(describe(Source(source=str(path))).notes)


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
