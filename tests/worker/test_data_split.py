"""Held-out rows: the share, the labels, and never a row that training has seen."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phi3studio.domain.errors import InputError
from phi3studio.worker.data.preparing.prepare_examples import Prepared, prepare
from phi3studio.worker.data.preparing.split import held_out_rows
from tests.worker.data_fixtures import byte_level, recipe_for, write_jsonl  # noqa: F401

WORDS = [a + b for a in ("ba", "ce", "di", "fo", "gu") for b in ("lan", "mer", "nit", "sop")]


def text(seed: int, words: int = 30) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) for _ in range(words))


def prepared(
    folder: Path, tokenizer: Any, rows: list[dict[str, Any]], **data: Any
) -> tuple[Prepared, set[int], set[int]]:
    path = write_jsonl(folder / "rows.jsonl", rows)
    recipe = recipe_for(path, prompt="{q}\n", completion="{a}", **data)
    found = prepare(recipe, tokenizer, folder / "data", lambda done, total: None)
    train = set(pq.read_table(found.train)["row"].to_pylist())
    held_out = set(pq.read_table(found.held_out)["row"].to_pylist())
    return found, train, held_out


@given(
    groups=st.lists(st.integers(0, 30), min_size=1, max_size=120),
    share=st.floats(0.05, 0.95),
    seed=st.integers(0, 5),
)
def test_groups_stay_together_and_the_draw_is_repeatable(
    groups: list[int], share: float, seed: int
) -> None:
    chosen = held_out_rows(groups, None, share, seed).tolist()
    assert chosen == held_out_rows(groups, None, share, seed).tolist()
    sides: dict[int, set[bool]] = {}
    for group, side in zip(groups, chosen, strict=True):
        sides.setdefault(group, set()).add(side)
    assert all(len(side) == 1 for side in sides.values())
    largest = max(Counter(groups).values())
    assert abs(sum(chosen) - share * len(groups)) <= largest


def test_each_label_gives_its_share() -> None:
    labels = [0] * 500 + [1] * 100 + [2] * 50
    chosen = held_out_rows(range(650), labels, 0.2, 3)
    assert [int(chosen[:500].sum()), int(chosen[500:600].sum()), int(chosen[600:].sum())] == [
        100,
        20,
        10,
    ]


def test_another_seed_draws_others() -> None:
    assert (
        held_out_rows(range(100), None, 0.2, 0).tolist()
        != held_out_rows(range(100), None, 0.2, 1).tolist()
    )


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_duplicates_and_near_duplicates_never_straddle(
    tmp_path_factory: pytest.TempPathFactory,
    byte_level: Any,  # noqa: F811
    seed: int,
) -> None:
    draw = random.Random(seed)
    rows, family = [], []
    for number in range(40):
        base = text(seed * 100 + number)
        for copy in range(draw.randint(1, 4)):
            words = base.split()
            if copy:
                words[draw.randrange(len(words))] = draw.choice(["ZEBRA", "quokka"])
            shown = " ".join(words)
            rows.append({"q": shown.upper() if copy == 2 else shown + "!" * copy, "a": "x y"})
            family.append(number)
    folder = tmp_path_factory.mktemp("split")
    _, train, held_out = prepared(folder, byte_level, rows)
    assert train | held_out == set(range(len(rows)))
    assert not {family[row] for row in train} & {family[row] for row in held_out}


def test_a_column_says_what_is_held_out(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    rows = [
        {"q": text(n), "a": "x", "part": ["train", "Test", "train", "dev"][n % 4]}
        for n in range(40)
    ]
    rows.append({"q": text(1) + " more", "a": "x", "part": "train"})
    found, train, held_out = prepared(tmp_path, byte_level, rows, split={"column": "part"})
    assert held_out == {n for n in range(40) if n % 2}
    # The last row is nearly a held-out one.
    assert train == {n for n in range(40) if n % 2 == 0}
    assert found.dropped == {"leaked": 1}
    with pytest.raises(InputError) as caught:
        prepared(tmp_path, byte_level, rows, split={"column": "prt"})
    assert caught.value.code == "data.missing_column"


def test_a_second_file_is_held_out_and_what_it_shares_is_not_trained(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [{"q": text(n), "a": "x"} for n in range(30)]
    other = write_jsonl(
        tmp_path / "other.jsonl",
        [{"q": text(n), "a": "y"} for n in (3, 100, 101)] + [{"q": text(7) + " bas", "a": "x"}],
    )
    found, train, held_out = prepared(tmp_path, byte_level, rows, split={"file": str(other)})
    assert held_out == {0, 1, 2, 3}
    assert train == set(range(30)) - {3, 7}
    assert found.dropped == {"leaked": 2}


def test_a_slice_of_the_same_rows_is_held_out_and_not_trained(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [{"q": text(seed), "a": "x"} for seed in range(20)]
    split = {"slice": "-4:"}
    found, train, _ = prepared(tmp_path, byte_level, rows, split=split, slice=":18")
    # Rows 16 and 17 are in both: measured on, so not trained.
    assert train == set(range(16))
    assert found.held_out_rows == 4
    assert found.dropped == {"leaked": 2}


def test_a_slice_of_a_second_file_is_held_out(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [{"q": text(seed), "a": "x"} for seed in range(10)]
    other = write_jsonl(
        tmp_path / "other.jsonl", [{"q": text(100 + seed), "a": "y"} for seed in range(10)]
    )
    split = {"file": str(other), "slice": ":30%"}
    found, train, held_out = prepared(tmp_path, byte_level, rows, split=split, slice="2:")
    assert train == set(range(8))
    assert held_out == {0, 1, 2}
    assert found.held_out_rows == 3


def test_at_most_so_many_rows_are_held_out(tmp_path: Path, byte_level: Any) -> None:  # noqa: F811
    rows = [{"q": text(n), "a": "x"} for n in range(50)]
    found, train, held_out = prepared(
        tmp_path, byte_level, rows, split={"held_out": 0.4, "limit": 5}
    )
    assert (len(train), len(held_out), found.held_out_rows) == (30, 5, 5)


def test_file_and_column_exclude_each_other() -> None:
    with pytest.raises(InputError) as caught:
        recipe_for("x", prompt="a", completion="b", split={"file": "f", "column": "c"})
    assert caught.value.code == "recipe.two_splits"


INSTRUCTION = (
    "Read the customer's message with care, look at the mood and the product, and answer with "
    "exactly one of the labels billing, delivery, returns or other, without explaining it: "
)


def test_rows_are_distinguished_by_what_follows_a_long_shared_instruction(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [{"q": INSTRUCTION + text(n, 8), "a": ("billing", "other")[n % 2]} for n in range(100)]
    _, _, held_out = prepared(tmp_path, byte_level, rows, split={"held_out": 0.2})
    assert len(held_out) == 20


def test_a_group_that_fills_a_side_is_parted_and_equal_prompts_stay_together(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    # Four instructions, a quarter of the rows each: none of them is what half of the rows share.
    heads = [text(1000 + n, 60) for n in range(4)]
    rows = [{"q": f"{heads[n % 4]} {text(n // 2, 6)}", "a": str(n)} for n in range(100)]
    _, train, held_out = prepared(tmp_path, byte_level, rows, split={"held_out": 0.2})
    assert 15 <= len(held_out) <= 25
    seen = {rows[at]["q"] for at in train}
    assert not seen & {rows[at]["q"] for at in held_out}


def test_labels_of_two_rows_each_still_give_the_share() -> None:
    labels = [n // 2 for n in range(120)]
    assert int(held_out_rows(range(120), labels, 0.2, 1).sum()) == 24


def test_a_second_file_is_compared_without_the_shared_instruction(
    tmp_path: Path,
    byte_level: Any,  # noqa: F811
) -> None:
    rows = [{"q": INSTRUCTION + text(n, 8), "a": "other"} for n in range(40)]
    other = write_jsonl(tmp_path / "other.jsonl", [rows[3], rows[0] | {"q": INSTRUCTION + "new"}])
    _, train, held_out = prepared(tmp_path, byte_level, rows, split={"file": str(other)})
    assert len(train) == 39
    assert len(held_out) == 2
