"""A draft that trains on ratings of a model's answers, from where that model is now."""

from __future__ import annotations

from phi3studio.domain.ratings.preference_rows import PreferenceRows
from phi3studio.domain.recipe import Recipe
from phi3studio.wizard.flow import Draft, edit, with_source


def preference_draft(
    file: str, rows: PreferenceRows, base: Recipe | None, adapter: str | None
) -> Draft:
    """The draft for *file*, which holds *rows*; *base* is the recipe of the run whose model was
    rated, if it was one of a run, and *adapter* the folder of what that run learned."""
    draft = with_source(Draft(), file)
    if base is not None:
        changes = {
            "model": base.model.source,
            "revision": base.model.revision,
            "trust_remote_code": base.model.trust_remote_code,
            "adapter": adapter,
        }
        draft = draft.model_copy(update=changes)
    if not rows.pairs:
        # Good answers alone are examples to learn.
        bad = any(not row["label"] for row in rows.labelled)
        rated = {"rating": "label"} if bad else {}
        if rows.conversations:
            return edit(draft, "data", shape="messages", messages="prompt + completion", **rated)
        return edit(
            draft, "data", shape="columns", prompt="{prompt}", completion="{completion}", **rated
        )
    if rows.conversations:
        return edit(
            draft,
            "data",
            shape="messages",
            messages="prompt + chosen",
            rejected="prompt + rejected",
        )
    # The prompt is what the model was sent: nothing comes before or after it.
    return edit(
        draft,
        "data",
        shape="columns",
        prompt="{prompt}",
        completion="{chosen}",
        rejected="{rejected}",
    )
