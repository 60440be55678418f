"""Passes that quantise the weights before ``ModelBuilder`` builds the model of them."""

from __future__ import annotations

from typing import Any

from phi3studio.domain.quantisation import DEFAULT, PLAIN, PRESETS
from phi3studio.olive_configs.decisions import Entry, Section
from phi3studio.olive_configs.rules import apply, is_a, noted, one_of, refused, same_if

QUANTISERS = {
    "rtn": "Rtn", "gptq": "Gptq", "gptqquantizer": "GptqQuantizer", "gptqmodel": "GptqModel",
    "autoawqquantizer": "AutoAWQQuantizer", "kquant": "KQuant",
    "selectivemixedprecision": "SelectiveMixedPrecision",
}  # fmt: skip
"""Names of passes in lower case → as Olive writes them."""

_TO = "target.int4"
_BLOCK = "target.block_size"
_BLOCKS = (16, 32, 64, 128, 256)
_OLIVES_BLOCK = 128
_SMALL = next(row.name for row in PRESETS.values() if row.embedding)
_MIXED = PRESETS[DEFAULT].algorithm


def read_quantiser(section: Section, kind: Entry, name: str, *, built: bool) -> None:
    """Decide on every key; *built*: a ModelBuilder comes after it.

    Rounding to nearest is what a preset does. Of the others ``quality`` takes the place, and they
    are refused by name.
    """
    draft, shown = section.draft, QUANTISERS[name]
    bits = section.take("bits", "w_bit")
    wrong = bits is not None and str(bits.value) not in ("4", "int4", "uint4")
    if built and wrong and _TO in draft.values:
        # After a pass for the layers, one for what is left: the head and the embedding.
        text = f"The preset {draft.values[_TO]} says how the head and the embedding are rounded."
        assert bits is not None
        for part in (kind, bits, *section.take_all()):
            draft.refuse(part, text, "Leave it out.")
        return
    if not built or wrong:
        text = (
            f"{shown} makes a PyTorch model of quantised weights, which is not exported as it is."
            if not built
            else f"Weights of {bits.value if bits is not None else ''} bits are not made."
        )
        instead = (
            "Write ModelBuilder with the precision int4 after it."
            if not built
            else "Write 4 bits, or ModelBuilder with fp16 or fp32 alone."
        )
        draft.refuse(kind, text, instead, blocks=True)
        for part in [*([bits] if bits is not None else []), *section.take_all()]:
            draft.refuse(part, text, instead)
        return
    if bits is not None:
        draft.translate(bits, "Weights of 4 bits.")
    if name == "selectivemixedprecision":
        _read_mixed(section, kind)
        return
    _read_block(section)
    if name == "rtn":
        _read_rtn(section, kind)
        return
    preset = draft.values.setdefault(_TO, DEFAULT)
    instead = (
        f"The preset {preset} takes its place ({_TO}); models up to a billion parameters are "
        "fitted to your rows by GPTQ."
    )
    for part in (kind, *section.take_all()):
        draft.refuse(part, f"{shown} is not run as Olive runs it.", instead)


def _read_block(section: Section) -> None:
    group = section.given("group_size", "q_group_size")
    if group is None:
        text = f"No group_size is given: Olive takes {_OLIVES_BLOCK}, and so does {_BLOCK}."
        section.draft.default(_BLOCK, _OLIVES_BLOCK, text)
    else:
        one_of(_BLOCK, _BLOCKS)(section.draft, group)


def _read_mixed(section: Section, kind: Entry) -> None:
    """Which layers keep 8 bits."""
    draft = section.draft
    draft.values.setdefault(_TO, DEFAULT)
    draft.translate(kind, f"The preset {DEFAULT} keeps layers in 8 bits.", _TO, draft.values[_TO])
    same = same_if((_MIXED,), "The layers of k_quant_mixed keep 8 bits.", "Leave it out.")
    section.read(same, "algorithm")
    for part in section.take_all():
        draft.refuse(part, "Which layers keep 8 bits follows from the preset.", "Leave it out.")


def _read_rtn(section: Section, kind: Entry) -> None:
    draft = section.draft
    embeds = section.take("embeds")
    preset = draft.values.setdefault(_TO, _SMALL if _is_true(embeds) else PLAIN)
    text = f"Weights are rounded to nearest: the preset {preset}, with the head in 4 bits too."
    draft.translate(kind, text, _TO, preset)
    if embeds is not None:
        draft.translate(embeds, f"The preset {preset} says it.")
    apply(
        section,
        {
            "sym": same_if((True,), "The preset's weights are symmetric.", "Leave it out."),
            "lm_head": noted("The preset quantises the head."),
            "overrides": refused("Layers have no settings of their own.", "Leave it out."),
        },
        "Rtn",
        also=("bits", "group_size", "embeds"),
    )


def _is_true(entry: Entry | None) -> bool:
    value: Any = entry.value if entry is not None else False
    return is_a(value, (bool,)) and value
