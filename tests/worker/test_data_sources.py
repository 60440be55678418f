"""Every kind of source gives the same rows, and says what it was taken for."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
import zstandard

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.reading.source_rows import RowSource
from tests.worker.data_fixtures import write_jsonl

ROWS = [
    {"phrase": "A “quoted”, phrase", "tone": "Joy"},
    {"phrase": "two\nlines", "tone": "Sad"},
    {"phrase": "semi;colon\tand tab", "tone": "Joy"},
]


def read(source: Path | str, **options: Any) -> list[dict[str, Any]]:
    return list(RowSource(Source(source=str(source), **options)).rows())


def csv_text(delimiter: str) -> str:
    import csv
    import io

    out = io.StringIO()
    writer = csv.DictWriter(out, ["phrase", "tone"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(ROWS)
    return out.getvalue()


def make(kind: str, path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    if kind == "jsonl":
        write_jsonl(path, ROWS)
    elif kind == "json":
        path.write_text(json.dumps(ROWS, indent=1), "utf-8")
    elif kind == "csv":
        path.write_text(csv_text(","), "utf-8", newline="")
    elif kind == "tsv":
        path.write_text(csv_text("\t"), "utf-8", newline="")
    elif kind == "parquet":
        pq.write_table(table, path)
    else:
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet", "arrow"])
@pytest.mark.parametrize("named", [True, False])
def test_reads_every_format_by_name_and_by_content(tmp_path: Path, kind: str, named: bool) -> None:
    path = tmp_path / (f"rows.{kind}" if named else "rows.data")
    make(kind, path)
    assert read(path) == ROWS
    expected = "csv" if kind == "tsv" and not named else kind
    report = describe(Source(source=str(path)))
    assert (report.format, report.rows, report.rows_exact) == (expected, 3, True)


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv"])
@pytest.mark.parametrize("compression", ["gz", "zst"])
def test_reads_compressed_text(tmp_path: Path, kind: str, compression: str) -> None:
    plain = tmp_path / f"rows.{kind}"
    make(kind, plain)
    packed = tmp_path / f"rows.{kind}.{compression}"
    data = plain.read_bytes()
    packed.write_bytes(
        gzip.compress(data) if compression == "gz" else zstandard.ZstdCompressor().compress(data)
    )
    assert read(packed) == ROWS
    report = describe(Source(source=str(packed)))
    assert report.compression == {"gz": "gzip", "zst": "zstd"}[compression]


def test_reads_what_the_datasets_library_saves(tmp_path: Path) -> None:
    import datasets

    datasets.Dataset.from_list(ROWS).save_to_disk(str(tmp_path / "saved"))
    assert read(tmp_path / "saved") == ROWS


@pytest.mark.parametrize(
    "value",
    [ROWS, {"data": ROWS}, {"version": 1, "meta": {"x": [1]}, "inner": {"rows": ROWS}}],
    ids=["list", "object", "nested"],
)
def test_finds_the_list_in_a_json_document(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(value), "utf-8")
    assert read(path) == ROWS


def test_a_lone_object_with_messages_is_one_row(tmp_path: Path) -> None:
    row = {"messages": [{"role": "user", "content": "hi"}]}
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(row), "utf-8")
    assert read(path) == [row]


def test_json_lines_named_json_and_the_other_way_round(tmp_path: Path) -> None:
    lines = write_jsonl(tmp_path / "rows.json", ROWS)
    assert read(lines) == ROWS
    assert describe(Source(source=str(lines))).format == "jsonl"
    document = tmp_path / "rows.jsonl"
    document.write_text(json.dumps(ROWS, indent=2), "utf-8")
    assert read(document) == ROWS


def test_a_large_json_document_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    filler = "x" * 10_000
    rows = [{"number": n, "share": n / 4, "text": filler} for n in range(4000)]
    path.write_text(json.dumps({"meta": {"made": "by a test"}, "rows": rows}), "utf-8")
    assert path.stat().st_size > 32 * 1024 * 1024
    assert read(path) == rows


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_finds_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(csv_text(delimiter), "utf-8", newline="")
    assert read(path) == ROWS
    report = describe(Source(source=str(path)))
    assert (report.delimiter, report.header) == (delimiter, True)


def test_decimal_commas_do_not_pass_for_delimiters(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("name;price\nbread;1,50\nmilk;0,99\nsalt;2,10\n", "utf-8")
    assert read(path)[0] == {"name": "bread", "price": "1,50"}


def test_delimiter_quote_and_header_can_be_corrected(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("I feel 'a,b' today|joy\nno|sad\n", "utf-8")
    rows = read(path, delimiter="|", quote="", header=False)
    assert rows[0] == {"column1": "I feel 'a,b' today", "column2": "joy"}
    assert read(path, delimiter="|", header=True) == [{"I feel 'a,b' today": "no", "joy": "sad"}]


def test_quotes_inside_unquoted_tsv_values_are_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text('text\tlabel\n"Hm," he said\tjoy\nA 5" pipe\tsad\n', "utf-8")
    assert [row["text"] for row in read(path)] == ['"Hm," he said', 'A 5" pipe']


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("text,label\nI am glad,joy\nI am low,sad\nWhat a day,joy\n", True),
        ("I am glad,joy\nI am low,sad\nWhat a day,joy\n", False),
        ("1,2\n3,4\n", False),
        ("Question,Best Answer\nWhy?,Because.\n", True),
    ],
)
def test_tells_a_header_from_data(tmp_path: Path, text: str, header: bool) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text, "utf-8")
    assert describe(Source(source=str(path))).header is header


def test_doubled_and_missing_column_names_get_names_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,a,,b\n1,2,3,4\n", "utf-8")
    assert read(path, header=True) == [{"a": "1", "a_2": "2", "column3": "3", "b": "4"}]


TEXT = "Zażółć gęślą jaźń, naïve café, straße. " * 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "json", "text"])
def test_recognises_unicode_encodings(tmp_path: Path, encoding: str, kind: str) -> None:
    rows = [{"text": f"{TEXT}{n}"} for n in range(20)]
    path = tmp_path / f"rows.{'txt' if kind == 'text' else kind}"
    texts = {
        "jsonl": "\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
        "csv": "text,n\n" + "\n".join(f'"{row["text"]}",1' for row in rows),
        "json": json.dumps(rows, ensure_ascii=False),
        "text": "\n".join(row["text"] for row in rows),
    }
    path.write_bytes(texts[kind].encode(encoding))
    assert [row["text"] for row in read(path)] == [row["text"] for row in rows]
    reported = describe(Source(source=str(path))).encoding or ""
    assert reported.replace("-sig", "") in encoding.replace("-sig", "") or reported == encoding


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "L'été dernier, j'ai mangé des crêpes à la crème brûlée près de la forêt."),
        ("cp1251", "Сегодня хорошая погода, и мы пошли гулять в парк после обеда."),
        ("shift_jis", "今日は天気が良いので、公園まで散歩に行きました。とても楽しかったです。"),
        ("gb18030", "今天天气很好，我们去公园散步，晚上一起吃了饭，非常开心。"),
    ],
)
def test_recognises_legacy_encodings_and_says_that_it_is_a_guess(
    tmp_path: Path, encoding: str, text: str
) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"text": f"{text} {n}"}, ensure_ascii=False) for n in range(30)]
    path.write_bytes("\n".join(lines).encode(encoding))
    assert read(path)[0]["text"] == f"{text} 0"
    report = describe(Source(source=str(path)))
    assert report.encoding_sure is False
    assert any("encoding" in note for note in report.notes)


def test_the_encoding_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes('{"text": "10 €"}'.encode("cp1252"))
    assert read(path, encoding="cp1252") == [{"text": "10 €"}]
    with pytest.raises(InputError) as caught:
        read(path, encoding="no-such-codec")
    assert caught.value.code == "data.encoding"


def test_several_files_a_folder_and_a_pattern(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", ROWS[:1])
    write_jsonl(tmp_path / "b.jsonl", ROWS[1:])
    (tmp_path / "README.md").write_text("about", "utf-8")
    (tmp_path / ".hidden.jsonl").write_text("{}", "utf-8")
    assert read(tmp_path / "a.jsonl", also=[str(tmp_path / "b.jsonl")]) == ROWS
    assert read(tmp_path) == ROWS
    assert read(tmp_path / "*.jsonl") == ROWS


def test_plain_text_rows_are_lines_or_paragraphs(tmp_path: Path) -> None:
    path = tmp_path / "poem.txt"
    path.write_text("one\ntwo\n\nthree\n", "utf-8")
    assert read(path) == [{"text": "one\ntwo"}, {"text": "three"}]
    assert describe(Source(source=str(path))).text_rows == "paragraph"
    assert read(path, text_rows="line") == [{"text": t} for t in ("one", "two", "three")]
    path.write_text("one\ntwo\nthree\n", "utf-8")
    assert describe(Source(source=str(path))).text_rows == "line"


def test_a_hub_data_set_is_streamed(tmp_path: Path) -> None:
    # `datasets` takes a local folder for a data set's id; the way is the same.
    write_jsonl(tmp_path / "train.jsonl", ROWS)
    assert read(tmp_path, format="hub") == ROWS
    report = describe(Source(source=str(tmp_path), format="hub"))
    assert (report.format, report.rows) == ("hub", 3)


@pytest.mark.parametrize("name", ["no/such-data-set", "not an id at all//"])
def test_a_hub_data_set_that_cannot_be_had_says_so(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read(name, format="hub")
    assert caught.value.code.startswith("data.hub")
    assert name in caught.value.message


def test_a_hub_split_that_is_not_there_says_so(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train.jsonl", ROWS)
    with pytest.raises(InputError) as caught:
        read(tmp_path, format="hub", hub_split="nope")
    assert caught.value.code == "data.hub_choice"


def test_numbers_and_dates_in_text_files_stay_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("id,when,code\n1.10,2024-01-02,007\n2,2024-01-03,008\n", "utf-8")
    assert read(path)[0] == {"id": "1.10", "when": "2024-01-02", "code": "007"}


def test_counts_rows_of_a_large_file_by_estimate(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, [{"text": f"row {n:06} " + "x" * 300} for n in range(100_000)])
    report = describe(Source(source=str(path)))
    assert not report.rows_exact
    assert 80_000 < report.rows < 120_000
    assert len(report.first) == 50


SLICES = {
    ":4": range(4),
    "4:6": range(4, 6),
    "6:": range(6, 10),
    "-3:": range(7, 10),
    ":50%": range(5),
    "20%:-1": range(2, 9),
    "8:400": range(8, 10),
    "5:2": range(0),
    ":": range(10),
}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("text", SLICES)
def test_a_slice_gives_these_rows_numbered_from_the_first(tmp_path: Path, kind, text) -> None:
    rows = [{"phrase": f"p{number}", "tone": "x"} for number in range(10)]
    path = tmp_path / f"rows.{kind}"
    if kind == "jsonl":
        write_jsonl(path, rows)
    elif kind == "csv":
        path.write_text("phrase,tone\n" + "".join(f"{r['phrase']},x\n" for r in rows), "utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    source = RowSource(Source(source=str(path), slice=text))
    for hashed in (False, True):  # the second reading as the first
        batches = list(source.batches(batch_rows=3, hashed=hashed))
        found = [row for batch in batches for row in batch.rows]
        assert found == [rows[number] for number in SLICES[text]]
        assert [at for batch in batches for at in batch.places] == list(range(len(found)))
    assert source.sha256  # of the whole file
