"""Any bytes give rows or a UserFacingError: never a traceback, a hang, or memory without bound."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import textwrap
import threading
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import say
from phi3studio.worker.data.inspecting.describe import describe
from phi3studio.worker.data.preparing.prepare_examples import prepare
from phi3studio.worker.data.preparing.tokenise import Encoder
from phi3studio.worker.data.reading.source_rows import RowSource
from tests.processor_time import at_most
from tests.worker.data_fixtures import (  # noqa: F401
    byte_level,
    encoder,
    recipe_for,
    whole_check,
    write_jsonl,
)

FORMATS = ["auto", "json", "jsonl", "csv", "tsv", "parquet", "arrow", "text"]
FUZZ = settings(
    max_examples=150,
    deadline=2000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def read(source: Path | str, **options: Any) -> list[dict[str, Any]]:
    return list(RowSource(Source(source=str(source), **options)).rows())


def survives(path: Path, **options: Any) -> None:
    """Looking and reading end with rows of columns, or with an error that helps."""
    source = Source(source=str(path), **options)

    def look() -> list[Any]:
        report = describe(source)
        json.dumps(report.model_dump(mode="json"))
        return list(report.first)

    for work in (look, lambda: list(RowSource(source, lenient=True).rows())):
        try:
            rows = work()
        except InputError as exc:
            help_given = (exc.code, exc.message, exc.hint)
            if not all(help_given):
                raise
            continue
        assert all(isinstance(row, dict) for row in rows)


@FUZZ
@given(data=st.binary(max_size=400), kind=st.sampled_from(FORMATS))
def test_any_bytes(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "rows.bin"
    path.write_bytes(data)
    survives(path, format=kind)


_PIECES = st.sampled_from(
    [
        *('{"a": 1}', '{"a": "x"', "[", "]", "{", "}", '"', "'", ",", ";", "\t", "|", "\n", "\r\n"),
        *(
            "\r",
            "\0",
            "\ufeff",
            "a,b",
            "é",
            "=cmd()",
            "NaN",
            "1e999",
            "9" * 400,
            "null",
            "[{",
            "}]",
        ),
        *(
            "[{",
            "}]",
            '{"messages": [{"role": "user", "content": "x"}]}',
            "\\ud800",
            "\x1a",
            "\u2028",
        ),
    ]
)


@FUZZ
@given(
    pieces=st.lists(_PIECES, max_size=40),
    kind=st.sampled_from(["auto", "json", "jsonl", "csv", "tsv", "text"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
def test_texts_that_almost_are_data(
    tmp_path: Path, pieces: list[str], kind: str, encoding: str
) -> None:
    path = tmp_path / "rows.txt"
    path.write_bytes("".join(pieces).encode(encoding, "replace"))
    survives(path, format=kind)


@pytest.fixture(scope="module")
def whole_files() -> dict[str, bytes]:
    """A sound file of every binary kind, to be damaged."""
    rows = [{"text": f"text {n}", "n": n, "list": [{"a": n}]} for n in range(50)]
    table = pa.Table.from_pylist(rows)
    parquet, arrow = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    with pa.ipc.new_file(arrow, table.schema) as writer:
        writer.write_table(table)
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    return {
        "parquet": parquet.getvalue(),
        "arrow": arrow.getvalue(),
        "gz": gzip.compress(lines),
        "zst": zstandard.ZstdCompressor().compress(lines),
    }


@pytest.mark.parametrize("kind", ["parquet", "arrow", "gz", "zst"])
@FUZZ
@given(cut=st.integers(0, 10_000), at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_damaged_binary_files(
    tmp_path: Path, whole_files: dict[str, bytes], kind: str, cut: int, at: int, byte: int
) -> None:
    data = bytearray(whole_files[kind])
    data[at % len(data)] ^= byte
    data = data[: len(data) - cut % 50]
    path = tmp_path / f"rows.jsonl.{kind}"
    path.write_bytes(bytes(data))
    survives(path)


@FUZZ
@given(
    rows=st.lists(
        st.dictionaries(
            st.text(max_size=5),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.text(max_size=3), inner, max_size=3)
                ),
                max_leaves=8,
            ),
            max_size=4,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_rows_of_json_come_back_as_they_are(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    assert json.dumps(read(path, format="jsonl")) == json.dumps(rows)
    survives(path)


@FUZZ
@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0\ufeff")),
            min_size=2,
            max_size=2,
        ).filter(any),
        min_size=1,
        max_size=6,
    ),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_any_csv_comes_back_as_it_was_written(
    tmp_path: Path, rows: list[list[str]], delimiter: str
) -> None:
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    found = read(path, delimiter=delimiter, header=True, quote='"')
    assert found == [{"a": row[0], "b": row[1]} for row in rows]


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["user", "assistant", "<|im_end|>", "a@b.org", "cafÃ©", "\ud800", "{q}"])
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "tool_calls", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
_KINDS = [
    *("skip_broken", "fix_mojibake", "strip_control", "remove_tags", "redact", "trim"),
    *("drop_secrets", "drop_empty", "shorten", "drop_cut_off", "drop_duplicates"),
    *("drop_contradictions", "drop_rare_labels", "drop_leaked"),
]


@settings(FUZZ, deadline=None)
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["q", "a", "tools", "system"]), _VALUES, max_size=4),
        min_size=1,
        max_size=8,
    ),
    shape=st.sampled_from(
        [
            {"prompt": "{q}\n", "completion": "{a}"},
            {"prompt": "{?q}{q.content}{/q}", "completion": "{a.0}"},
            {"messages": "q"},
        ]
    ),
    kinds=st.lists(st.sampled_from(_KINDS), max_size=5),
    length=st.integers(8, 30),
)
def test_any_rows_through_check_and_preparation(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    rows: list[dict[str, Any]],
    shape: dict[str, Any],
    kinds: list[str],
    length: int,
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    repairs = [{"kind": kind} for kind in kinds]
    recipe = recipe_for(path, length=length, repairs=repairs, **shape)
    try:
        report = whole_check(recipe.data, encoder)
    except InputError as exc:
        json.dumps([exc.code, exc.message, exc.hint])
        report = None
    if report is not None:
        assert report.statistics.rows == len(rows)
        assert sum(item.rows for item in report.statistics.histogram) == report.statistics.kept
        json.loads(report.model_dump_json())
    try:
        prepared = prepare(recipe, encoder.tokenizer, tmp_path / "data", lambda done, total: None)
    except InputError:
        return
    assert prepared.train_rows + prepared.held_out_rows <= len(rows)


def test_a_broken_line_is_named_and_the_rest_can_be_used(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n{"a": \n\n[1]\n{"a": 2}\n', "utf-8")
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.code == "data.broken_jsonl"
    assert "line 2" in caught.value.message
    assert "skip_broken" in caught.value.hint
    source = RowSource(Source(source=str(path), skip_broken=True))
    assert list(source.rows()) == [{"a": 1}, {"a": 2}]
    assert [broken.line for broken in source.broken] == [2, 4]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a,b\n1,2\n1,2,3\n4,5\n", 3, "more values than columns"),
        ('a,b\n1,2\n"x"y,2\n4,5\n', 3, "expected after"),
        ('a,b\n1,2\n3,"never closed\n4,5\n', 3, "never closed"),
    ],
)
def test_broken_csv_lines_are_named(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        read(path, delimiter=",", quote='"')
    assert f"line {line}" in caught.value.message
    assert reason in caught.value.message
    assert read(path, delimiter=",", quote='"', skip_broken=True)[0] == {"a": "1", "b": "2"}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "txt"])
def test_a_byte_that_is_no_utf8_is_named_with_its_line(tmp_path: Path, kind: str) -> None:
    good = {"jsonl": '{"a": "grün"}', "csv": "grün,1", "txt": "grün"}[kind].encode()
    lines = [good] * 50
    lines[40] = good.replace("ü".encode(), b"\xfc")
    path = tmp_path / f"rows.{kind}"
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(InputError) as caught:
        read(path)
    assert "line 41" in caught.value.message
    assert "0xFC" in caught.value.message
    assert len(read(path, skip_broken=True)) in (48, 49)


def test_a_json_document_with_an_error_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[\n{"a": 1},\n{"a": }\n]', "utf-8")
    with pytest.raises(InputError) as caught:
        read(path)
    assert (caught.value.code, "line 3" in caught.value.message) == ("data.broken_json", True)


@pytest.mark.parametrize("text", ["", "\n\n", "[]", "a,b\n", "{}[]"])
def test_a_file_without_rows_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text, "utf-8")
    for kind in ("auto", "jsonl", "csv"):
        with pytest.raises(InputError):
            describe(Source(source=str(path), format=kind))


@pytest.mark.parametrize("name", ["rows.zip", "rows.xlsx", "rows.csv"])
def test_zip_archives_of_one_endless_line_are_refused_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.csv", b"0" * 50_000_000)
    with pytest.raises(InputError) as caught, at_most(10):
        read(path)
    assert caught.value.code == "data.broken_csv"


ROW_OF_Z = b'{"a": "' + b"z" * 1014 + b'"}'


def bomb(path: Path, size: int, pattern: bytes) -> None:
    block = pattern * (1024 * 1024 // len(pattern))
    if path.suffix == ".gz":
        with gzip.open(path, "wb", compresslevel=9) as file:
            for _ in range(size):
                file.write(block)
    else:
        with path.open("wb") as raw, zstandard.ZstdCompressor().stream_writer(raw) as stream:
            for _ in range(size):
                stream.write(block)


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize(
    "pattern", [b"0", b'{"a": "' + b"z" * 1014 + b'"}'], ids=["one-line", "lines"]
)
def test_bombs_are_refused_before_they_unfold(tmp_path: Path, suffix: str, pattern: bytes) -> None:
    path = tmp_path / f"rows.jsonl.{suffix}"
    bomb(path, 400, pattern + b"\n" if len(pattern) > 1 else pattern)
    with pytest.raises(InputError) as caught:
        for _ in RowSource(Source(source=str(path)), lenient=True).batches():
            pass
    assert caught.value.code == "data.bomb"


def peak_mb_of(code: str) -> float:
    """Peak memory that *code* adds in a process of its own, in MB."""
    if sys.platform == "win32":
        pytest.skip("peak memory is read the Unix way")
    program = textwrap.dedent(
        """
        import resource
        from phi3studio.domain.datasets.source import Source
        from phi3studio.domain.errors import InputError
        from phi3studio.worker.data.reading.source_rows import RowSource
        from phi3studio.worker.data.inspecting.describe import describe
        import pyarrow.compute, pyarrow.parquet
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        """
    ) + textwrap.dedent(code)
    program += "\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120
    )
    return int(done.stdout.split()[-1]) / 1024


READ_ALL = """
try:
    source = RowSource(Source(source={path!r}), lenient=True)
    print(sum(len(batch.rows) for batch in source.batches()), source.broken_count)
except InputError as exc:
    print(exc.code)
"""


def test_lines_of_100_mb_are_reported_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    with path.open("wb") as file:
        file.write(b'{"a": "short"}\n{"a": "')
        for _ in range(100):
            file.write(b"x" * 1024 * 1024)
        file.write(b'"}\n{"a": "short too"}\n')
    source = RowSource(Source(source=str(path)), lenient=True)
    assert list(source.rows()) == [{"a": "short"}, {"a": "short too"}]
    assert [(broken.line, "4 MiB" in broken.reason) for broken in source.broken] == [(2, True)]
    assert peak_mb_of(READ_ALL.format(path=str(path))) < 200
    with pytest.raises(InputError, match="line 2"):
        read(path)


@pytest.mark.parametrize("kind", ["csv", "json", "txt"])
def test_values_of_100_mb_in_other_formats(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rows.{kind}"
    start, end = {
        "csv": (b'a,b\n1,2\n"', b'",3\n4,5\n'),
        "json": (b'[{"a": "', b'"}]'),
        "txt": (b"short\n", b"\nshort\n"),
    }[kind]
    with path.open("wb") as file:
        file.write(start)
        for _ in range(100):
            file.write(b"x" * 1023 * 1024 + (b"\n" * 1024 if kind == "csv" else b"y" * 1024))
        file.write(end)
    assert peak_mb_of(READ_ALL.format(path=str(path))) < 400


def test_a_value_repeated_in_parquet_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    value = pa.array(["x" * 4_000_000])
    table = pa.table({"a": pa.DictionaryArray.from_arrays(pa.array([0] * 2000), value)})
    pq.write_table(table, path)
    assert path.stat().st_size < 5_000_000  # eight gigabytes once unfolded
    code = f"""
    seen = 0
    for batch in RowSource(Source(source={str(path)!r})).batches():
        seen += len(batch.rows)
        if seen >= 100:
            break
    """
    assert peak_mb_of(code) < 300


@pytest.mark.parametrize("open_bracket", ["[", '{"a":'])
def test_deep_nesting_is_no_crash(tmp_path: Path, open_bracket: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"a": ' + open_bracket * 200_000, "utf-8")
    survives(path)
    lines = tmp_path / "rows.jsonl"
    deep = '{"a": ' + "[" * 900 + "]" * 900 + "}"
    lines.write_text(deep + "\n" + '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n", "utf-8")
    survives(lines)


def test_nul_bytes_are_data_in_csv_and_broken_in_json(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_bytes(b"a,b\nx\0y,1\nz,2\n")
    assert read(table, format="csv")[0] == {"a": "x\0y", "b": "1"}
    lines = tmp_path / "rows.jsonl"
    lines.write_bytes(b'{"a": "x\0y"}\n{"a": "z"}\n')
    with pytest.raises(InputError, match="line 1"):
        read(lines)


def test_half_a_surrogate_pair_becomes_a_replacement_character(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": "a \\ud800 \\ud83d\\ude00", "a": "x"}\n' * 4, "utf-8")
    assert read(path)[0] == {"q": "a \ufffd 😀", "a": "x"}
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}")
    report = whole_check(recipe.data, encoder)
    assert report.statistics.rows == 4
    assert "lost_characters" in {finding.code for finding in report.findings}


def test_mixed_types_in_a_column(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    values: list[Any] = ["text", 1, 2.5, True, {"x": [1]}, ["é"], "2024-01-01", 10**30]
    path = write_jsonl(tmp_path / "rows.jsonl", [{"q": v, "a": v} for v in values])
    report = describe(Source(source=str(path)))
    assert {column.kind for column in report.columns} == {"mixed"}
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}")
    assert whole_check(recipe.data, encoder).statistics.rows == len(values)


def test_ten_thousand_columns(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    path = tmp_path / "rows.csv"
    names = [f"c{n}" for n in range(10_000)]
    lines = [",".join(names)] + [",".join(f"v{n % 7}" for n in range(10_000)) for _ in range(20)]
    path.write_text("\n".join(lines), "utf-8")
    report = describe(Source(source=str(path)))
    assert len(report.columns) == 200
    assert any("10,000 columns" in note for note in report.notes)
    assert len(json.dumps(report.model_dump(mode="json"))) < 1_000_000
    recipe = recipe_for(path, prompt="{c9998}\n", completion="{c9999}")
    assert whole_check(recipe.data, encoder).statistics.rows == 20


def test_millions_of_equal_column_names_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a," * 1_500_000 + "a\n1,2\n", "utf-8")
    with pytest.raises(InputError) as caught, at_most(20):
        read(path)
    assert caught.value.code == "data.too_many_columns"


def test_looking_at_large_rows_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    line = '{"t": "' + "x" * 3_000_000 + '"}\n'
    with path.open("w", encoding="utf-8") as file:
        for _ in range(100):
            file.write(line)
    code = f"""
    from phi3studio.worker.data.inspecting.row_cache import RowCache
    assert len(describe(Source(source={str(path)!r})).first) >= 10
    cache = RowCache(Source(source={str(path)!r}))
    assert [len(cache.get(at, 1, lambda: None)) for at in (0, 60, 10, 99, 100)] == [1, 1, 1, 1, 0]
    """
    assert peak_mb_of(code) < 500


def test_cells_that_look_like_formulas_are_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    cells = ["=HYPERLINK(1)", "+1+1", "-2", "@SUM(A1)", "=cmd|' /C calc'!A0"]
    path.write_text("a,b\n" + "".join(f'"{cell}",x\n' for cell in cells), "utf-8")
    assert [row["a"] for row in read(path)] == cells


def test_a_file_that_grows_gives_the_rows_of_the_beginning(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [{"n": n, "t": "x" * 100} for n in range(20_000)])
    source = RowSource(Source(source=str(path)))
    stop = threading.Event()

    def grow() -> None:
        with path.open("a", encoding="utf-8") as file:
            while not stop.is_set():
                file.write('{"n": -1, "t": "new"}\n{"n"')
                file.flush()

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        counts = [sum(len(batch.rows) for batch in source.batches()) for _ in range(2)]
    finally:
        stop.set()
        writer.join()
    assert counts == [20_000, 20_000]


def test_a_file_that_is_cut_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [{"n": n, "t": "x" * 100} for n in range(50_000)])
    batches = RowSource(Source(source=str(path))).batches()
    next(batches)
    os.truncate(path, 2_000_000)
    with pytest.raises(InputError) as caught:
        list(batches)
    assert caught.value.code == "data.changed"


@pytest.mark.parametrize("name", ["absent.jsonl", "a\0b", "x" * 5000, "~nobody/x", "*.nothing"])
def test_paths_that_lead_nowhere(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read(name)
    assert caught.value.code == "data.no_file"


@pytest.mark.skipif(sys.platform == "win32", reason="special files of Unix")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.jsonl")
    with pytest.raises(InputError) as caught:
        read(tmp_path / "rows.jsonl")
    assert caught.value.code == "data.no_file"


@pytest.mark.parametrize(
    ("line", "english", "italian"),
    [
        ('{"q": 1 "a": 2}', "a comma is missing at column 9", "alla colonna 9 manca una virgola"),
        ('{"q" 1}', "a colon is missing at column 6", "alla colonna 6 mancano i due punti"),
        (
            "{q: 1}",
            "a name in double quotes is missing at column 2",
            "manca un nome tra virgolette",
        ),
        ('{"q": ,"a": 2}', "a value is missing at column 7", "alla colonna 7 manca un valore"),
        ('{"q": 1} {"q": 2}', "something follows the end of the value", "segue altro dopo la fine"),
        ('{"q": "a\tb"}', "a control character at column 9", "un carattere di controllo"),
        ('{"q": "\\x"}', "the backslash at column 8", "la barra rovesciata alla colonna 8"),
    ],
)
def test_what_is_wrong_with_a_line_of_json_is_said_in_both_languages(
    tmp_path: Path, line: str, english: str, italian: str
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"q": 1}\n' + line + "\n", "utf-8")
    source = RowSource(Source(source=str(path)), lenient=True)
    assert [row for batch in source.batches() for row in batch.rows] == [{"q": 1}]
    (broken,) = source.broken
    assert (broken.file, broken.line) == ("rows.jsonl", 2)
    assert english in broken.reason
    assert italian in say(broken.says, "it").message
