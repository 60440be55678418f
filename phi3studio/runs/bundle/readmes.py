"""The texts of a bundle, from their templates."""

from __future__ import annotations

from typing import Any

from phi3studio import __version__
from phi3studio.domain.messages import Phrase
from phi3studio.domain.quantisation import PROVIDER_TITLES
from phi3studio.domain.recipe import Recipe
from phi3studio.runs.bundle.entries import rendered
from phi3studio.runs.bundle.sample_programs import GENAI, sample_arguments
from phi3studio.runs.card.facts import BaseModel


def readme(
    page: str, recipe: Recipe, base: BaseModel, card: bool, notes: list[Phrase], **more: Any
) -> str:
    """The README of a bundle; *more* is what its *page* says besides."""
    return rendered(
        page,
        name=recipe.name,
        base=base,
        tuned="train" in recipe.steps or recipe.model.adapter is not None,
        program=__version__,
        card=card,
        notes=notes,
        **more,
    )


def model_readme(
    recipe: Recipe,
    base: BaseModel,
    prompt: dict[str, Any],
    card: bool,
    olive: bool,
    notes: list[Phrase],
) -> str:
    """The README of a bundle with the exported model and the programs that ask it."""
    columns = prompt.get("columns", [])
    return readme(
        "README.md.j2",
        recipe,
        base,
        card,
        notes,
        provider=str(PROVIDER_TITLES[recipe.target.provider]),
        genai=GENAI[recipe.target.provider][1],
        template=prompt["kind"] == "template",
        columns=[f"`{name}`" for name in columns],
        usage=sample_arguments(prompt.get("required") or columns),
        olive=olive,
    )


def short_readme(recipe: Recipe, base: BaseModel, what: str, notes: list[Phrase]) -> str:
    """The README of a bundle without programs."""
    about = {
        "adapter": f"A LoRA adapter (PEFT format) over {base.title}, in `adapter/`.",
        "merged": f"{base.title} with a LoRA adapter merged in, in Hugging Face format in "
        "`merged/`.",
    }.get(what, "")
    lines = [f"# {recipe.name}", "", f"{about} Made with Phi-3 Studio {__version__}.", ""]
    lines += [f"- {note}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"
