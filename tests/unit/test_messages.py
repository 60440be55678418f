"""The message catalogue against the code that raises its codes, and against its Italian."""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest
from PySide6.QtCore import QLocale

import phi3studio
from phi3studio.domain.datasets.check_report import Finding, FindingRow, finding
from phi3studio.domain.datasets.source_report import ShapeProposal, TemplatePreset
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import (
    CATALOGUE,
    Message,
    Phrase,
    Said,
    find,
    messages_in,
    messages_of_window,
    render,
    say,
)
from phi3studio.domain.messages.formatting import MessageFormatter, duration, number, percent, size
from phi3studio.domain.messages.printable import printable
from phi3studio.domain.quantisation import choice_texts
from phi3studio.domain.rows.repairs import Repair, SkipBroken
from phi3studio.gui.pages.wizard.setting_list import settings
from phi3studio.gui.texts.messages import explain_error
from phi3studio.resources import resources

PACKAGE = Path(phi3studio.__file__).parent
MESSAGES = resources() / "messages"
# What takes a code first and the message's values as keywords.
RAISES = {
    "InputError",
    "RunError",
    "UserFacingError",
    "notice",
    "finding",
    "diagnosis",
    "verdict_note",
    "Phrase",
}
RESERVED = {"code", "variant", "level"}


class Raise(NamedTuple):
    """One place where a code is used."""

    code: str
    variants: tuple[str, ...] | None
    values: frozenset[str]
    anything: bool
    positional: int
    where: str


def raises() -> Iterator[Raise]:
    """Every error, notice and finding with a code that is written out."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            code = node.args[0]
            if name not in RAISES or not isinstance(code, ast.Constant):
                continue
            given = {k.arg: k.value for k in node.keywords if k.arg}
            yield Raise(
                str(code.value),
                written_out(given.get("variant")),
                frozenset(given) - RESERVED,
                any(k.arg is None for k in node.keywords),
                len(node.args),
                f"{file.relative_to(PACKAGE.parent)}:{node.lineno}",
            )


def written_out(variant: ast.expr | None) -> tuple[str, ...] | None:
    """The variants that an expression can be; ``None`` where it is computed."""
    match variant:
        case None:
            return ("",)
        case ast.Constant(value=str() as text):
            return (text,)
        case ast.IfExp(body=one, orelse=other):
            found = [written_out(one), written_out(other)]
            return tuple(text for texts in found for text in texts or ()) if all(found) else None
    return None


def repairs() -> list[Phrase]:
    """The title of every repair that there is, with each of its choices."""
    found: list[Phrase] = []
    samples = {int: 2, tuple[str, ...]: ("x",), dict[str, str]: {"x": "y"}}
    for kind in get_args(get_args(Repair)[0]):
        choices: list[dict[str, Any]] = [{}]
        for name, info in kind.model_fields.items():
            if name == "kind":
                continue
            options = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
            options = (True, False) if info.annotation is bool else options
            if not options and info.is_required():
                options = (samples.get(info.annotation, "x"),)
            if options:
                choices = [{**chosen, name: option} for chosen in choices for option in options]
        found += [kind.model_construct(**chosen).says for chosen in choices]
    return found


def messages_of(use: Raise) -> dict[str, Message | None]:
    """Every message that a use can say: all variants where the variant is computed."""
    if use.variants is None:
        found = {key: text for key, text in CATALOGUE.items() if key.split("/")[0] == use.code}
        return dict(found) or {use.code: None}
    return {f"{use.code}/{variant}": find(use.code, variant) for variant in use.variants}


def fields(message: Message) -> frozenset[str]:
    """The values that a message's templates name."""
    return frozenset(name for text in message for _, name, _, _ in Formatter().parse(text) if name)


def test_every_raised_code_has_its_text_and_gives_the_values_that_it_names() -> None:
    wrong = []
    for use in raises():
        if use.positional > 1:
            continue
        for key, message in messages_of(use).items():
            if message is None:
                wrong.append(f"{use.where}: {key} has no text")
            elif not use.anything and (missing := fields(message) - use.values):
                wrong.append(f"{use.where}: {key} lacks {sorted(missing)}")
    assert not wrong, "\n".join(wrong)


def test_every_text_is_of_a_code_that_is_used() -> None:
    source = "".join(file.read_text("utf-8") for file in PACKAGE.rglob("*.py"))
    made = {key for title in repairs() for key in (title.code, f"{title.code}/{title.variant}")}
    unused = [
        key
        for key in set(CATALOGUE) - made
        if f'"{key.partition("/")[0]}"' not in source
        or ("/" in key and f'"{key.partition("/")[2]}"' not in source)
    ]
    assert not unused, f"no code uses these texts: {unused}"


@pytest.mark.parametrize("language", ["en", "it"])
def test_every_repair_has_its_title(language: str) -> None:
    lacking = [
        (title.code, title.variant)
        for title in repairs()
        if render(title.code, title.values, title.variant, language) is None
    ]
    assert not lacking
    assert len(repairs()) > len(get_args(get_args(Repair)[0]))


def test_all_that_is_said_about_data_is_among_what_is_looked_at() -> None:
    topics = {use.code.partition(".")[0] for use in raises()}
    assert {"finding", "row", "source", "shape", "preset", "draft"} <= topics


def test_a_phrase_of_a_report_crosses_processes_and_is_english_for_programs() -> None:
    line = Phrase("row.line", file="a.jsonl", line=3, reason=Phrase("line.no_object"))
    made = finding(
        Phrase("finding.broken_lines"), "error", 1, SkipBroken(),
        examples=[FindingRow(row=2, text=str(line), says=line)],
    )  # fmt: skip
    written = json.loads(json.dumps(made.model_dump(mode="json")))
    assert (written["code"], written["title"]) == ("broken_lines", "Lines that cannot be read")
    assert written["advice"] == "Correct the lines, or leave them out."
    assert written["repairs"][0]["title"] == "Leave broken lines out"
    back = Finding.model_validate(written)
    assert back == made
    (row,) = back.examples
    assert row.says is not None
    assert say(row.says, "it").message == "a.jsonl, riga 3: la riga non è un oggetto JSON"


def test_shapes_and_presets_are_english_for_programs() -> None:
    why = Phrase("shape.text", column="poem"), Phrase("shape.text_guess")
    shape = ShapeProposal(shape="text", reasons=why, prompt="", completion="{poem}", sure=False)
    assert shape.model_dump(mode="json")["reason"] == (
        "“poem” is the only column of text: the model learns to write like it. "
        "That this is meant is a guess."
    )
    preset = TemplatePreset(says=Phrase("preset.phi3"), prompt="", completion="", placeholders=())
    written = preset.model_dump(mode="json")
    assert (written["name"], written["title"]) == ("phi3", "Phi-3 tags")
    assert TemplatePreset.model_validate(written) == preset


def test_no_two_topics_have_the_same_code() -> None:
    for language in ("en", "it"):
        seen = [
            code
            for file in MESSAGES.glob(f"{language}/*.json")
            for code, _ in json.loads(file.read_text("utf-8"), object_pairs_hook=list)
        ]
        assert sorted(seen) == sorted(set(seen)), language
    assert [file.name for file in sorted(MESSAGES.glob("en/*"))] == [
        file.name for file in sorted(MESSAGES.glob("it/*")) if file.name != "settings.json"
    ]


def test_italian_has_the_same_codes_and_values() -> None:
    found = messages_in("it")
    english = {**CATALOGUE, **choice_texts()}
    english |= {setting.code: setting.text for setting in settings()}
    missing = sorted(set(english) - set(found))
    assert not missing, f"write these in resources/messages/it: {missing}"
    assert not set(found) - set(english), sorted(set(found) - set(english))
    other = [
        f"{code}: {sorted(fields(english[code]) ^ fields(message))}"
        for code, message in found.items()
        if not fields(message) <= fields(english[code])
    ]
    assert not other, "\n".join(other)


# Where somebody who reads it works with files and commands, or has no window.
_AT_THE_TERMINAL = (
    "app.repair",
    "display.",
    "olive.adapter",
    "recipe.",
    "run.no_held_out",
    "study.",
)
# Only a command does it.
_COMMAND_ALONE = {"model.no_weights/pickle", "model.pickle"}


@pytest.mark.parametrize("language", ["en", "it"])
def test_the_window_advises_what_can_be_done_in_it(language: str) -> None:
    own = json.loads((MESSAGES / "window" / f"{language}.json").read_text("utf-8"))
    found, plain = messages_of_window(language), messages_in(language)
    assert list(own) == sorted(own)
    assert not [code for code in own if "phi3studio " not in " ".join(CATALOGUE[code])]
    assert not [code for code in own if not fields(found[code]) <= fields(plain[code])]
    raised_outside = {
        code.removesuffix("/")
        for use in raises()
        if not use.where.startswith("phi3studio/cli/")
        for code in messages_of(use)
    }
    commands = {
        code
        for code in raised_outside | set(own)
        if "phi3studio " in " ".join(found.get(code) or find(code, catalogue=found) or ())
    }
    assert {c for c in commands if not c.startswith(_AT_THE_TERMINAL)} <= _COMMAND_ALONE


def test_an_error_in_the_window_names_a_page_and_keeps_the_command_for_who_wants_it() -> None:
    QLocale.setDefault(QLocale("en"))
    missing = InputError("model.not_on_disk", variant="run", model="a/b", source="a/b")
    explained = explain_error(missing)
    assert explained.hint == "Download it first, on the page Models."
    assert "phi3studio models get a/b" in explained.detail


def test_templates_and_formats_are_well_formed() -> None:
    sample = {"number": 2, "bytes": 3e9, "time": 61, "percent": 0.5, "list": ["a", "b"]}
    for language, catalogue in (("en", CATALOGUE), ("it", messages_in("it"))):
        for code, message in catalogue.items():
            values = {
                name: sample.get(spec or "", 2 if "|" in (spec or "") else "x")
                for text in message
                for _, name, spec, _ in Formatter().parse(text)
                if name
            }
            said = render(code, values, language=language, catalogue=catalogue)
            assert said is not None, f"{language}: {code}"
            assert said.message, code


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "1 row, 12,500 rows, 3.1 GB, 4 min 10 s, 92 %, 0.5 %, a, b, 0.05, “a”, “b”, a or b"),
        ("it", "1 row, 12.500 rows, 3,1 GB, 4 min 10 s, 92 %, 0,5 %, a, b, 0,05, «a», «b», a o b"),
    ],
)
def test_values_are_written_as_the_language_does(language: str, text: str) -> None:
    template = (
        "{one:# row|# rows}, {many:# row|# rows}, {size:bytes}, {seconds:time}, {share:percent}, "
        "{small:percent}, {names:list}, {rate:number}, {names:quoted}, {names:or}"
    )
    values = {
        "one": 1, "many": 12_500, "size": 3_100_000_000, "seconds": 250, "share": 0.92,
        "small": 0.005, "names": ["a", "b"], "rate": 0.05,
    }  # fmt: skip
    said = render("x", values, language=language, catalogue={"x": Message(template)})
    assert said is not None
    assert said.message == text


def test_figures_that_are_no_number_are_a_dash_and_times_have_the_languages_comma() -> None:
    assert number(float("nan")) == number(float("inf"), "it") == "–"
    assert (duration(8.24, "it"), percent(0.875, "it", exact=True)) == ("8,2 s", "87,5 %")


def test_an_error_of_another_version_keeps_its_words() -> None:
    record = {"code": "some.newer", "message": "It is odd.", "hint": "Do so.", "values": {"a": 1}}
    error = InputError.from_json(record)
    assert (error.message, error.hint) == ("It is odd.", "Do so.")
    assert InputError("some.newer", row=3).message == "some.newer row=3"


def test_an_error_crosses_processes_whole() -> None:
    error = InputError("some.code", path=Path("a/b"), rows=(1, 2))
    back = pickle.loads(pickle.dumps(error))
    assert (back.code, back.values) == ("some.code", {"path": "a/b", "rows": [1, 2]})
    assert type(back) is InputError


def said_by(error: InputError, language: str, catalogue: dict[str, Message]) -> Said:
    said = render(error.code, error.values, error.variant, language, catalogue)
    assert said is not None
    return said


def test_a_message_inside_of_another_is_said_in_the_same_language() -> None:
    catalogues = {
        "en": {
            "outer": Message("No: {reason:message}", "{reason:hint}"),
            "x": Message("{n:# row|# rows}.", "Do."),
        },
        "it": {
            "outer": Message("No, {reason:message}", "{reason:hint}"),
            "x": Message("{n:# riga|# righe}.", "Fai."),
        },
    }
    error = InputError("outer", reason=InputError("x", n=2))
    assert said_by(error, "en", catalogues["en"]) == ("No: 2 rows.", "Do.")
    assert said_by(error, "it", catalogues["it"]) == ("No, 2 righe.", "Fai.")
    foreign = InputError(
        "outer",
        reason=InputError.from_json(
            {"code": "of_the_future", "message": "It is odd.", "hint": "Do so."}
        ),
    )
    assert said_by(foreign, "it", catalogues["it"]) == ("No, It is odd.", "Do so.")
    listed = Message("{found:list}")
    phrases = InputError("a", found=[Phrase("x", n=1), "free"])
    assert said_by(phrases, "it", {"a": listed, **catalogues["it"]}).message == "1 riga., free"


def test_a_number_that_json_lacks_is_still_said() -> None:
    error = InputError("a", loss=float("nan"))
    assert json.dumps(error.to_json(), allow_nan=False)
    assert said_by(error, "it", {"a": Message("Loss {loss:.4g}.")}).message == "Loss nan."
    exact = InputError("a", loss=2.5)
    assert said_by(exact, "it", {"a": Message("Loss {loss:.2f}.")}).message == "Loss 2,50."


def test_an_error_says_its_place_in_both_languages_after_crossing_processes() -> None:
    error = InputError("data.empty_value", column="answer").placed(source="rows.csv", row=12)
    for same in (
        error, pickle.loads(pickle.dumps(error)),
        InputError.from_json(json.loads(json.dumps(error.to_json()))),
    ):  # fmt: skip
        assert same.code == "data.empty_value"
        assert same.said() == (
            "rows.csv, row 12: The column “answer” has no value in this row.",
            "Fill the value in, or drop the row.",
        )
        assert same.said("it") == (
            "rows.csv, riga 12: In questa riga la colonna «answer» non ha un valore.",
            "Inserisci il valore, oppure togli la riga.",
        )
    outer = {"kept": Message("{inner:message} It is in {folder}.", "{inner:hint} Then retry.")}
    twice = error.within("kept", folder="aside")
    twice = render(twice.code, twice.values, twice.variant, catalogue={**CATALOGUE, **outer})
    assert twice is not None
    assert twice.message == f"{error.message} It is in aside."
    assert twice.hint == f"{error.hint} Then retry."


def test_words_of_another_version_are_placed_once() -> None:
    error = InputError.from_json(
        {"code": "some.newer", "message": "It is odd.", "hint": "Do so."}
    ).placed(row=3)
    assert error.said() == ("Row 3: It is odd.", "Do so.")
    assert InputError.from_json(error.to_json()).said() == ("Row 3: It is odd.", "Do so.")


def test_times_are_said_as_people_say_them() -> None:
    said = {
        0.32: "320 ms",
        8.2: "8.2 s",
        45: "45 s",
        240: "4 min",
        250: "4 min 10 s",
        7500: "2 h 5 min",
    }
    assert {seconds: duration(seconds) for seconds in said} == said


def test_sizes_are_said_in_the_unit_that_fits() -> None:
    said = {999: "999 B", 1500: "2 kB", 3_100_000: "3.1 MB", 250e6: "250 MB", 5e12: "5,000 GB"}
    assert {count: size(count) for count in said} == said


def test_a_format_of_pythons_own_is_understood_too() -> None:
    assert MessageFormatter("it").format("{x:.2f} {n:03d} {t:bytes}", x=0.5, n=7, t="much") == (
        "0,50 007 much"
    )


def test_a_phrase_comes_back_from_its_json() -> None:
    phrase = Phrase("data.unused", rows=2, row=7, reason=Phrase("line.repeated_header"))
    record = phrase.to_json()
    assert record["message"].startswith("2 rows (first: row 7; ")
    assert Phrase.from_json(record) == phrase


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\r\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[31mred\x7f\x85", "␛[31mred␡\ufffd"),
        ("half \udce9", "half \ufffd"),
    ],
)
def test_control_characters_are_shown_and_not_obeyed(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_record_without_the_values_of_this_version_is_not_said_by_it() -> None:
    catalogue = {"x": Message("{count:# row|# rows} of {missing}")}
    assert render("x", {"count": 3}, catalogue=catalogue) is None
