"""Findings and their repairs: found, shown, repaired on the way, and gone afterwards."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from phi3studio.domain.datasets.check_report import Finding, Report
from phi3studio.domain.rows.repairs import MergeLabels
from phi3studio.worker.data.preparing import personal_data, text_defects
from phi3studio.worker.data.preparing.prepare_examples import prepare
from phi3studio.worker.data.preparing.tokenise import Encoder
from tests.worker.data_fixtures import (  # noqa: F401
    byte_level,
    encoder,
    recipe_for,
    whole_check,
    write_jsonl,
)

WORDS = [a + b for a in ("ba", "ce", "di", "fo", "gu") for b in ("lan", "mer", "nit", "sop")]
CARD = "4111 1111 1111 1111"
KEY = "sk-" + "a1B2c3D4" * 4


def text(seed: int, words: int = 12) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(words))


def sound_rows(count: int = 40) -> list[dict[str, Any]]:
    return [{"q": text(n), "a": ["Joy", "Sad"][n % 2]} for n in range(count)]


def report_on(
    folder: Path, with_encoder: Encoder, rows: list[dict[str, Any]], length: int = 200, **data: Any
) -> Report:
    path = write_jsonl(folder / "rows.jsonl", rows)
    if "messages" not in data:
        data = {"prompt": "{q}\n", "completion": "{a}", **data}
    recipe = recipe_for(path, length=length, batch=4, **data)
    return whole_check(recipe.data, with_encoder, length, 4)


def finding(report: Report, code: str) -> Finding:
    return next(item for item in report.findings if item.code == code)


def codes(report: Report) -> set[str]:
    return {item.code for item in report.findings}


def test_sound_data_give_no_findings(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    assert codes(report_on(tmp_path, encoder, sound_rows())) == set()


# Rows that are added to the sound ones; the finding; how many rows; the first row found.
DEFECTS: dict[str, tuple[list[dict[str, Any]], str, int]] = {
    "missing": ([{"q": text(900), "a": None}, {"q": text(901)}], "empty_values", 2),
    "empty answer": ([{"q": text(900), "a": " "}], "empty_values", 1),
    "duplicate": ([{"q": text(3), "a": "Sad"}, {"q": text(4), "a": "Joy"}], "duplicates", 2),
    "near duplicate": (
        [{"q": text(5, 12).upper() + "!", "a": "Sad"}],
        "near_duplicates",
        1,
    ),
    "contradiction": ([{"q": text(3), "a": "Joy"}], "contradictions", 2),
    "label spelling": ([{"q": text(900), "a": "joy"}, {"q": text(901), "a": "Joy "}],
                       "label_variants", 2),
    "numbers as decimal ones": (
        [{"q": text(900 + n), "a": ["4", "4", "4.0"][n % 3]} for n in range(6)],
        "label_variants", 2),
    "label once": ([{"q": text(900), "a": "Fear"}], "rare_labels", 1),
    "mojibake": ([{"q": text(900) + " cafÃ© â€œyesâ€\u009d", "a": "Joy"}], "mojibake", 1),
    "control": ([{"q": text(900) + " a\u200bb\x07", "a": "Joy"}], "control_characters", 1),
    "own tag": ([{"q": text(900) + " <|im_end|> x", "a": "Joy"}], "template_tags", 1),
    "other tag": ([{"q": text(900) + " [/INST] x", "a": "Joy"}], "template_tags", 1),
    "e-mail": ([{"q": text(900) + " ann@firm.co.uk", "a": "Joy"}], "secrets", 1),
    "card": ([{"q": text(900) + f" {CARD}", "a": "Joy"}], "secrets", 1),
    "key": ([{"q": text(900) + f" {KEY}", "a": "Joy"}], "secrets", 1),
    "white space": ([{"q": f" {text(900)}", "a": "Joy"}], "white_space", 1),
    "truncated": ([{"q": ". ".join(text(n, 6) for n in range(900, 904)) + ".",
                    "a": text(905, 90)}], "cut_off", 1),
    "a prompt that fills the length": (
        [{"q": ". ".join(text(n) for n in range(900, 920)) + ".", "a": "Joy"}],
        "nothing_fits",
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_found_shown_and_repaired(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    name: str,
) -> None:
    added, code, count = DEFECTS[name]
    rows = sound_rows() + added
    report = report_on(tmp_path, encoder, rows)
    found = finding(report, code)
    assert found.rows == count
    assert found.examples[-1].row >= 40
    assert found.examples[-1].text
    assert found.advice
    assert found.repairs
    before = (tmp_path / "rows.jsonl").read_bytes()
    for offer in found.repairs:
        repair = offer.repair.model_dump(mode="json")
        repaired = report_on(tmp_path, encoder, rows, repairs=[repair])
        assert code not in codes(repaired), offer.title
    assert (tmp_path / "rows.jsonl").read_bytes() == before


def test_rows_drop_only_where_a_repair_says_so(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    rows = sound_rows() + DEFECTS["duplicate"][0] + DEFECTS["contradiction"][0]

    def kept(*repairs: dict[str, Any]) -> int:
        return report_on(tmp_path, encoder, rows, repairs=list(repairs)).statistics.kept

    assert kept() == 43
    assert kept({"kind": "drop_duplicates"}) == 41
    assert kept({"kind": "drop_contradictions", "keep": "none"}) == 43 - 3
    assert kept({"kind": "drop_contradictions", "keep": "majority"}) == 42


def test_repairs_apply_on_the_way_to_training(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = sound_rows()
    rows[0] = {"q": f" cafÃ© \u200b<|im_end|>{KEY} ann@firm.org {CARD} ", "a": "joy "}
    rows.append(rows[1])
    repairs = [
        {"kind": "trim"},
        {"kind": "redact"},
        {"kind": "remove_tags"},
        {"kind": "strip_control"},
        {"kind": "fix_mojibake"},
        {"kind": "merge_labels", "column": "a", "labels": {"joy": "Joy"}},
        {"kind": "drop_duplicates"},
    ]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}", repairs=repairs)
    found = prepare(recipe, byte_level, tmp_path / "data", lambda done, total: None)
    table = [
        *pq.read_table(found.train).to_pylist(),
        *pq.read_table(found.held_out).to_pylist(),
    ]
    first = next(row for row in table if row["row"] == 0)
    assert first["prompt"] == "café [KEY] [EMAIL] [CARD]\n"
    assert first["completion"] == "Joy"
    assert found.dropped == {"drop_duplicates": 1}
    assert len(table) == 40
    manifest = json.loads((tmp_path / "data" / "manifest.json").read_text("utf-8"))
    assert [repair["kind"] for repair in manifest["repairs"]] == [r["kind"] for r in repairs]


def test_shortening_ends_at_a_sentence_and_keeps_the_answer(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    long = " ".join(f"Sentence number {n} about the sea." for n in range(60))
    rows = [{"q": long, "a": "Joy"}, *sound_rows(20)]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    recipe = recipe_for(
        path, prompt="T: {q}\nA:\n", completion="{a}", length=100, repairs=[{"kind": "shorten"}]
    )
    found = prepare(recipe, byte_level, tmp_path / "data", lambda done, total: None)
    table = pq.read_table(found.train).to_pylist() + pq.read_table(found.held_out).to_pylist()
    first = next(row for row in table if row["row"] == 0)
    assert found.cut_off_rows == 0
    assert 60 < len(first["input_ids"]) <= 100
    assert first["prompt"].endswith("about the sea.\nA:\n")
    assert first["completion"] == "Joy"


def test_conversations_are_linted_and_repaired_too(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
) -> None:
    rows = [
        {
            "m": [
                {"role": "user", "content": text(n)},
                {"role": "assistant", "content": text(n + 100) + (" ann@firm.org" * (n == 3))},
            ]
        }
        for n in range(20)
    ]
    rows += [{"m": [{"role": "user", "content": "hi"}]}, rows[5], {"m": "no list"}]
    report = report_on(tmp_path, encoder, rows, messages="m")
    assert codes(report) == {
        *("secrets", "empty_values", "duplicates", "unusable:data.messages_shape"),
    }
    kinds = ["redact", "drop_empty", "drop_duplicates"]
    repaired = report_on(
        tmp_path, encoder, rows, messages="m", repairs=[{"kind": kind} for kind in kinds]
    )
    assert codes(repaired) == {"unusable:data.messages_shape"}
    assert repaired.statistics.kept == 20
    offers = finding(repaired, "unusable:data.messages_shape").repairs
    assert [offer.repair.kind for offer in offers] == ["skip_broken"]
    skipping = [{"kind": kind} for kind in [*kinds, "skip_broken"]]
    assert codes(report_on(tmp_path, encoder, rows, messages="m", repairs=skipping)) == set()


def test_a_row_is_shown_as_a_person_reads_it(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    added = [{"q": "Is it?", "a": None, "tags": ["x"]}, {"q": " far\u200b\toff ", "a": "Joy"}]
    report = report_on(tmp_path, encoder, sound_rows() + added)
    empty = finding(report, "empty_values").examples[0].text
    assert empty == 'q: Is it? · a: ∅ · tags: ["x"]'
    hidden = finding(report, "control_characters").examples[0].text
    assert "far⟨U+200B⟩⇥off" in hidden


def test_leaks_between_training_and_a_second_file(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    other = write_jsonl(
        tmp_path / "other.jsonl", [{"q": text(3), "a": "Joy"}, {"q": "z", "a": "Sad"}]
    )
    rows = sound_rows()
    report = report_on(tmp_path, encoder, rows, split={"file": str(other)})
    found = finding(report, "leaked")
    assert (found.rows, found.examples[0].row) == (1, 3)
    assert (report.statistics.train_rows, report.statistics.held_out_rows) == (39, 2)
    agreed = report_on(
        tmp_path, encoder, rows, split={"file": str(other)}, repairs=[{"kind": "drop_leaked"}]
    )
    assert "leaked" not in codes(agreed)


@pytest.mark.parametrize(
    ("labels", "merged"),
    [
        (("-1", "0", "1"), {}),
        (("A", "A-", "A+", "B"), {}),
        (("1.5", "15", "1,5"), {}),
        (("C", "C#", "C++"), {}),
        (("1", "1.0", "-1.0"), {"1.0": "1"}),
        (("so so", "so_so", "So-So."), {"so_so": "so so", "So-So.": "so so"}),
    ],
    ids=str,
)  # fmt: skip
def test_a_sign_makes_another_label(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    labels: tuple[str, ...],
    merged: dict[str, str],
) -> None:
    count = len(labels)
    rows = [{"q": text(n), "a": labels[n % count]} for n in range(10 * count)]
    report = report_on(tmp_path, encoder, [{"q": text(999), "a": labels[0]}, *rows])
    offers = [
        offer.repair.labels
        for item in report.findings
        for offer in item.repairs
        if isinstance(offer.repair, MergeLabels)
    ]
    assert offers == ([merged] if merged else [])


def test_labels_too_few_rows_and_broken_lines(tmp_path: Path, encoder: Encoder) -> None:  # noqa: F811
    unbalanced = [{"q": text(n), "a": "Joy" if n < 60 else "Sad"} for n in range(64)]
    report = report_on(tmp_path, encoder, unbalanced)
    assert "unbalanced_labels" in codes(report)
    assert [(item.label, item.rows) for item in report.statistics.labels] == [
        ("Joy", 60),
        ("Sad", 4),
    ]
    same = report_on(tmp_path, encoder, [{"q": text(n), "a": "Joy"} for n in range(20)])
    assert "one_label" in codes(same)
    few = report_on(tmp_path, encoder, sound_rows(3))
    assert finding(few, "too_few_rows").level == "error"
    path = tmp_path / "broken.jsonl"
    lines = [json.dumps(row) for row in sound_rows()]
    path.write_text("\n".join([*lines, "{broken", *lines[:1]]), "utf-8")
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}")
    broken = whole_check(recipe.data, encoder, 200, 4)
    found = finding(broken, "broken_lines")
    assert (found.level, found.rows, found.examples[0].row) == ("error", 1, 40)
    assert [offer.repair.kind for offer in found.repairs] == ["skip_broken"]
    assert broken.broken_lines == 1


def test_statistics_agree_with_the_snapshot(
    tmp_path: Path,
    encoder: Encoder,  # noqa: F811
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [*sound_rows(60), {"q": text(900, 80), "a": "Joy"}, {"q": text(901, 200), "a": "Sad"}]
    report = report_on(tmp_path, encoder, rows, length=90)
    recipe = recipe_for(
        tmp_path / "rows.jsonl", prompt="{q}\n", completion="{a}", length=90, batch=4
    )
    found = prepare(recipe, byte_level, tmp_path / "data", lambda done, total: None)
    figures = report.statistics
    assert (figures.train_rows, figures.held_out_rows) == (found.train_rows, found.held_out_rows)
    assert (figures.tokens, figures.trained_tokens) == (found.tokens, found.learned_tokens)
    assert (figures.longest, figures.cut_off_rows) == (found.longest, found.cut_off_rows)
    assert figures.steps_per_epoch == -(-found.train_rows // 4)
    assert sum(item.rows for item in figures.histogram) == figures.kept
    assert figures.shortest <= figures.median <= figures.p95 <= figures.longest


@pytest.mark.parametrize(
    "harmless",
    [
        "order 1234 5678 9012 3456",  # fails the Luhn check
        "call +4111 1111 1111 1111 at once",  # a telephone number, whatever its digits add up to
        "IBAN DE89 3704 0044 0532 0130 01",  # its check digits do not fit
        "ID AB12CDEF3456GHIJ",
        "+44 20 7946 0958 call 2024-01-02 03:04:05",
        "mail user@example.com",
        "price 4111111111111111111111 and hash d41d8cd98f00b204e9800998ecf8427e",
        "the password is easy to guess",
        "sk-short hf_short AKIA",
        "1.4111111111111111",
    ],
)
def test_what_only_looks_like_a_secret_is_left_alone(harmless: str) -> None:
    assert personal_data.redact(harmless) == harmless


@pytest.mark.parametrize(
    ("text_with", "redacted"),
    [
        (f"a {CARD}.", "a [CARD]."),
        ("x 378282246310005 y", "x [CARD] y"),
        ("to DE89 3704 0044 0532 0130 00.", "to [IBAN]."),
        ("IT60X0542811101000000123456 UND MEHR", "[IBAN] UND MEHR"),
        ("GB82 WEST 1234 5698 7654 32", "[IBAN]"),
        (f"{KEY} and Ann.B+c@mail.firm.de!", "[KEY] and [EMAIL]!"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "[KEY]"),
        ("api_key=9f8e7d6c5b4a39281706f5e4d3c2b1a0zz", "api_key=[KEY]"),
        ("AKIAIOSFODNN7EXAMPLE", "[KEY]"),
    ],
)
def test_secrets_are_replaced(text_with: str, redacted: str) -> None:
    assert personal_data.redact(text_with) == redacted


def test_cleaning_changes_nothing_else() -> None:
    sound = "Zażółć “gęślą” jaźń — naïve café, 東京 👩‍👩‍👧 नमस्ते\n\tindented"
    assert text_defects.fix_mojibake(sound) == sound
    assert text_defects.strip_control(sound) == sound
    assert text_defects.shorten("One. Two three four.", 12) == "One."
    assert text_defects.shorten("one two three", 9) == "one two"
