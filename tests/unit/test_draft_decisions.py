"""What a draft is worth, and what holds its pages back."""

from __future__ import annotations

from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import say
from phi3studio.wizard.flow import Draft, Facts, Refused, edit, is_begun, visit, with_source
from phi3studio.wizard.page_problems import can_continue, problems


def test_a_draft_is_begun_once_something_was_decided() -> None:
    assert not is_begun(Draft())
    assert not is_begun(visit(Draft(), "tuning"))
    # The preset's own figures follow the machine.
    followed = Draft().model_copy(
        update={"training": Draft().training.model_copy(update={"epochs": 5})}
    )
    assert not is_begun(followed)
    assert is_begun(edit(Draft(), "tuning", training={"epochs": 5}))
    assert is_begun(with_source(Draft(), "rows.csv"))
    assert is_begun(edit(Draft(), "model", model="other"))


def test_a_refused_field_holds_its_page_and_the_last_one_back() -> None:
    error = InputError("draft.refused", field="Rank (r)", reason="Allowed: 1 to 1024")
    facts = Facts(refused=(Refused("tuning", "method.rank", error),))
    found = problems(Draft(), facts, "tuning")
    assert [(p.where, p.level) for p in found] == [("method.rank", "error")]
    assert "Rank (r)" in say(found[0].says).message
    assert not can_continue(Draft(), facts, "tuning")
    assert can_continue(Draft(), facts, "model")
    assert any(p.where == "method.rank" for p in problems(Draft(), facts, "review"))
