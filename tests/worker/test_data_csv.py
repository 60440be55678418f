"""CSV files of many writers, and the encodings of texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phi3studio.domain.datasets.source import Source
from phi3studio.worker.data.inspecting.describe import describe
from tests.worker.data_fixtures import byte_level, encoder, recipe_for, write_jsonl  # noqa: F401
from tests.worker.written_files import csv_file, notes, put, read, source_of

# --- CSV ---------------------------------------------------------------------------------------


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


def test_quotes_inside_of_quoted_values_need_not_be_doubled(tmp_path: Path) -> None:
    lines = [f'"Is the "old" field {n}, dry?","Yes, ""very"" dry {n}."' for n in range(20)]
    path = put(tmp_path / "r.csv", "question,answer\n" + "\n".join(lines) + "\n")
    assert read(path)[3] == {
        "question": 'Is the "old" field 3, dry?', "answer": 'Yes, "very" dry 3.',
    }  # fmt: skip
    assert "line 2: quotes inside of a value are not doubled" in notes(path)
    assert "(20 lines in all)" in notes(path)
    # One such line among right ones, and one that no reading makes right.
    right = [f'"Is field {n}, dry?","Yes {n}."' for n in range(20)]
    mixed = put(tmp_path / "s.csv", "\n".join(["question,answer", *right, lines[0]]) + "\n")
    assert len(read(mixed)) == 21
    assert "line 22: quotes inside" in notes(mixed)


def test_lines_that_end_with_a_delimiter_keep_an_answer_with_delimiters_whole(
    tmp_path: Path,
) -> None:
    lines = [f"Where is field {n}?;By the brook; turn left at oak {n}.;" for n in range(9)]
    lines += [f"Who owns field {n}?;Ann {n}.;" for n in range(11)]
    path = put(tmp_path / "r.csv", "question;answer\n" + "\n".join(lines) + "\n")
    found = read(path)
    assert found[2] == {
        "question": "Where is field 2?", "answer": "By the brook; turn left at oak 2.",
    }  # fmt: skip
    assert found[12] == {"question": "Who owns field 3?", "answer": "Ann 3."}
    assert "“answer” holds delimiters without quotes around it" in notes(path)


def test_lines_may_end_in_three_ways_in_one_file(tmp_path: Path) -> None:
    ends = ("\r\n", "\n", "\r")
    text = "question,answer\r\n" + "".join(
        f'"Field {n}?\nDry?","Yes {n}.\r\nBye"{ends[n % 3]}' for n in range(12)
    )
    found = read(put(tmp_path / "r.csv", text.encode()))
    assert [row["question"] for row in found] == [f"Field {n}?\nDry?" for n in range(12)]
    assert [row["answer"].replace("\r", "") for row in found] == [
        f"Yes {n}.\nBye" for n in range(12)
    ]


@pytest.mark.parametrize("delimiter", ["^", "~"])
def test_rarer_delimiters_are_seen(tmp_path: Path, delimiter: str) -> None:
    rows = [f"Is field {n} dry, or wet?{delimiter}Dry, {n}." for n in range(9)]
    path = put(tmp_path / "r.csv", "\n".join([f"question{delimiter}answer", *rows]) + "\n")
    assert read(path)[1] == {"question": "Is field 1 dry, or wet?", "answer": "Dry, 1."}


def test_of_a_single_column_no_delimiter_is_named(tmp_path: Path) -> None:
    path = put(tmp_path / "r.csv", "text\n" + "".join(f"Field {n} is dry.\n" for n in range(9)))
    assert describe(Source(source=str(path))).delimiter is None


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
        ("สถานีรถไฟอยู่ที่ไหน วันนี้อากาศดีมาก ขอบคุณค่ะ", "cp874"),
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
