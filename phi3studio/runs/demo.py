"""The recipe of the demo: the starter model learns the tone of a phrase."""

from __future__ import annotations

from phi3studio.domain.recipe import Data, Method, Model, Recipe, Split, Target, Template, Training
from phi3studio.resources import resources

QUICK_STEPS = 12


def demo_recipe(quick: bool = False) -> Recipe:
    """The demo's recipe; *quick* does a few steps only and proves no accuracy."""
    return Recipe(
        name="demo-quick" if quick else "demo",
        data=Data(
            source=str(resources() / "samples" / "emotions.jsonl"),
            template=Template(prompt="### Text: {phrase}\n### The tone is:\n", completion="{tone}"),
            # So many rows that a loss of three points shows: about 190.
            split=Split(held_out=0.3, limit=16 if quick else None),
        ),
        model=Model(source="starter"),
        method=Method(rank=16, alpha=32, dropout=0.0),
        training=Training(
            epochs=2,
            max_steps=QUICK_STEPS if quick else None,
            learning_rate=5e-4,
            batch_size=8,
            evaluations=0 if quick else 3,
        ),
        # Calibrating the int4 weights would take longer than all the rest of the quick demo. A
        # model so small loses five points with blocks of 32, nothing with blocks of 16.
        target=Target(int4="fast") if quick else Target(int4="quality", block_size=16),
    )
