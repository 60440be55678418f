"""Workbooks: which sheet, table, names and rows of them are read, and what is said of the rest."""

from __future__ import annotations

import zipfile
from collections.abc import Collection
from pathlib import Path

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.worker.data.inspecting.describe import describe
from tests.worker.data_fixtures import byte_level, encoder, recipe_for, write_jsonl  # noqa: F401
from tests.worker.written_files import ROWS, csv_file, notes, put, read, refusal, source_of, zipped


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


def test_a_row_that_is_like_the_first_is_one_where_nothing_names_the_columns(
    tmp_path: Path,
) -> None:
    rows = [["yes", "no"], ["maybe", "no"], ["never", "yes"]]
    path = workbook(tmp_path / "rows.xlsx", {"Data": [*rows, ["", ""], *rows]})
    found = read(path, header=False)
    assert [list(row.values()) for row in found] == rows * 2


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
    said = notes(path)
    assert "line 4: a formula's result is not in the file" in said
    assert "line 3: a cell holds an error (as #N/A) and is read as empty" in said


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


def test_names_that_stand_on_each_page_of_a_sheet_are_no_rows(tmp_path: Path) -> None:
    sheet = [TABLE[0], *TABLE[1:6], TABLE[0], *TABLE[6:]]
    path = workbook(tmp_path / "r.xlsx", {"Data": sheet})
    assert read(path) == ROWS
    assert "line 7: the names of the columns stand here again (1 line in all)" in notes(path)


def test_names_of_groups_in_cells_over_several_columns_stand_above_the_table(
    tmp_path: Path,
) -> None:
    rows = [["Kunde", "", "Dienst", ""], ["Nr.", "Anliegen", "Erwiderung", "Dauer"]]
    rows += [[f"n:{n}", f"Wo liegt Feld {n}?", f"Am Bach {n}.", f"n:{n + 3}"] for n in range(5)]
    path = workbook(tmp_path / "r.xlsx", {"Data": rows}, merged=["A1:B1", "C1:D1"])
    assert read(path)[0] == {
        "Nr.": 0, "Anliegen": "Wo liegt Feld 0?", "Erwiderung": "Am Bach 0.", "Dauer": 3,
    }  # fmt: skip
    assert "line 1: the line stands above the table and is left out" in notes(path)


def test_records_below_one_another_are_a_row_each(tmp_path: Path) -> None:
    sheet: list[list[str]] = []
    for n, row in enumerate(ROWS):
        sheet += [["Ticket", f"n:{n}"], ["Question", row["question"]], ["Answer", row["answer"]]]
        sheet += [["", ""]]
    del sheet[4]  # the second has no number
    path = workbook(tmp_path / "r.xlsx", {"Data": sheet})
    found = read(path)
    assert [(row["Question"], row["Answer"]) for row in found] == [
        (row["question"], row["answer"]) for row in ROWS
    ]
    assert [row["Ticket"] for row in found] == [0, None, *range(2, len(ROWS))]
    assert "each is read as one row with the columns Ticket, Question, Answer" in notes(path)


def test_labels_that_alternate_are_no_records(tmp_path: Path) -> None:
    sheet = [[("good", "bad")[n % 2], f"Field {n} is dry."] for n in range(20)]
    assert len(read(workbook(tmp_path / "r.xlsx", {"Data": sheet}))) == 20
    told: list[list[str]] = []
    for n in range(4):
        told += [["Guest", f"Where is {n}?"], ["Host", f"By brook {n}."], ["Guest", f"And {n}?"]]
        told += [["", ""]]
    assert len(read(workbook(tmp_path / "t.xlsx", {"Data": told}))) == 12
