"""The section azure while it is being filled in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phi3studio.domain.azure import Azure
from phi3studio.domain.datasets.source import Source
from phi3studio.domain.errors import InputError
from phi3studio.domain.messages import say
from phi3studio.wizard.azure_form import (
    AzureForm,
    field_problem,
    form_of,
    form_problems,
    looks_like_token,
    parse_form,
    to_azure,
)
from phi3studio.wizard.flow import Draft, Facts, ModelFacts, edit, from_recipe, parse_draft
from phi3studio.wizard.flow import to_recipe as recipe_of
from phi3studio.wizard.page_problems import can_continue, problems

WHOLE = {
    "subscription": "00000000-0000-0000-0000-000000000001",
    "resource_group": "tuning",
    "workspace": "studio",
    "compute": "gpu-cluster",
}
REGISTRY = "azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions/11"


def codes(form: AzureForm) -> dict[str, str]:
    return {name: error.code for name, error in form_problems(form)}


def test_an_empty_form_lacks_what_every_job_needs() -> None:
    assert codes(AzureForm()) == {
        "subscription": "azure.empty_subscription",
        "resource_group": "azure.empty_resource_group",
        "workspace": "azure.empty_workspace",
        "compute": "azure.empty_compute",
    }
    with pytest.raises(InputError) as caught:
        to_azure(AzureForm())
    assert caught.value.code == "azure.empty_subscription"
    assert "az account show" in caught.value.hint


def test_a_whole_form_is_the_section_with_its_defaults() -> None:
    assert to_azure(AzureForm(**WHOLE)) == Azure(**WHOLE)


@pytest.mark.parametrize(
    ("changes", "where", "code"),
    [
        ({"subscription": "mine"}, "subscription", "azure.subscription"),
        ({"resource_group": "a/b"}, "resource_group", "azure.name"),
        ({"compute": "gpu cluster"}, "compute", "azure.name"),
        ({"instance_type": "gpu small"}, "instance_type", "azure.name"),
        ({"image": "mine with spaces"}, "image", "azure.name"),
        ({"data_in_cloud": True}, "data", "azure.empty_data"),
        ({"data_in_cloud": True, "data": "train.jsonl"}, "data", "azure.data"),
        ({"model_in_cloud": True}, "model", "azure.empty_model"),
        ({"model_in_cloud": True, "model": "azureml:mine"}, "model", "azure.model_version"),
        ({"key_vault": "keys", "job_identity": "managed"}, "key_vault", "azure.hub_token"),
        (
            {
                "key_vault": "https://keys.vault.azure.net",
                "connection": "hub",
                "job_identity": "managed",
            },
            "key_vault",
            "azure.hub_token",
        ),
        ({"connection": "hub"}, "job_identity", "azure.hub_token"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(changes: dict[str, Any], where: str, code: str) -> None:
    assert codes(AzureForm(**WHOLE | changes))[where] == code


def test_what_does_not_count_is_not_looked_at() -> None:
    off = {"data_in_cloud": False, "model_in_cloud": False}
    form = AzureForm(**WHOLE, **off, data="nonsense", model="nonsense", secret="x")
    assert codes(form) == {}
    azure = to_azure(form)
    assert (azure.data, azure.model, azure.hub_token) == (None, None, None)


def test_each_field_is_looked_at_alone() -> None:
    form = AzureForm(subscription="mine", workspace="studio")
    assert field_problem(form, "workspace") is None
    assert field_problem(form, "subscription") is not None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"nodes": 2, "gpus": 4, "hours": 0.5, "instance_type": "gpu-small", "login": "browser"},
        {"data": "azureml:phrases:3", "data_type": "folder"},
        {"model": REGISTRY, "model_format": "custom"},
        {"hub_token": {"key_vault": "https://keys.vault.azure.net"}, "job_identity": "managed"},
        {"hub_token": {"connection": "hub"}, "job_identity": "user", "image": "a.io/b:1"},
    ],
)
def test_a_section_comes_back_from_its_form(changes: dict[str, Any]) -> None:
    azure = Azure.model_validate(WHOLE | changes)
    assert to_azure(form_of(azure)) == azure
    again = parse_form(form_of(azure).to_json())
    assert to_azure(again) == azure


def test_a_damaged_file_is_an_empty_form() -> None:
    assert parse_form("") == AzureForm()
    assert parse_form('{"version": 2}') == AzureForm()
    assert parse_form('{"nodes": "many"}') == AzureForm()


def test_the_next_fine_tune_begins_with_the_same_workspace_only() -> None:
    form = form_of(Azure.model_validate(WHOLE | {"data": "azureml:a:1", "model": REGISTRY}))
    fresh = form.without_addresses()
    assert (fresh.workspace, fresh.data, fresh.model_in_cloud) == ("studio", "", False)


def test_a_token_is_known_by_its_look() -> None:
    assert looks_like_token("hf_" + "a1" * 17)
    assert looks_like_token("my token: hf_abcdefghij1")
    assert not looks_like_token("hf-token")
    assert not looks_like_token("hf_hub")


# --- in the draft -------------------------------------------------------------------------------


def draft(**azure: Any) -> Draft:
    return Draft(
        source=Source(source="a.jsonl"),
        shape="columns",
        prompt="{a}",
        completion="{b}",
        azure=AzureForm(**WHOLE | azure),
        target={"train_on": "azureml"},  # type: ignore[arg-type]
    )


def test_the_draft_becomes_a_recipe_with_the_section_only_for_a_job() -> None:
    made = recipe_of(draft())
    assert made.azure == Azure(**WHOLE)
    here = edit(draft(), "target", target={"train_on": "cpu"})
    assert recipe_of(here).azure is None
    # What was typed is not lost.
    assert here.azure is not None
    assert here.azure.workspace == "studio"
    assert recipe_of(from_recipe(made)) == made


def test_a_half_filled_section_survives_in_the_saved_draft() -> None:
    half = edit(draft(), "target", azure={"subscription": "mi", "nodes": 3})
    again = parse_draft(half.to_json())
    assert again == half
    with pytest.raises(InputError):
        edit(half, "target", azure={"nodes": 0})


def test_a_draft_that_an_earlier_version_saved_still_reads() -> None:
    azure = Azure.model_validate(WHOLE | {"model": REGISTRY}).model_dump(mode="json")
    text = json.dumps({"version": 1, "azure": azure, "target": {"train_on": "azureml"}})
    read = parse_draft(text)
    assert read.azure is not None
    assert (read.azure.model, read.azure.model_in_cloud) == (REGISTRY, True)


def test_problems_of_the_page_target_name_the_field() -> None:
    wrong = draft(compute="", data_in_cloud=True)
    found = {p.where: p.code for p in problems(wrong, Facts(), "target")}
    assert found == {"azure.compute": "azure.empty_compute", "azure.data": "azure.empty_data"}
    assert not can_continue(wrong, Facts(), "target")
    assert can_continue(draft(), Facts(), "target")
    uneven = edit(draft(gpus=3), "tuning", training={"batch_size": 8, "accumulation": 1})
    assert [p.code for p in problems(uneven, Facts(), "target")] == ["azure.batch"]
    here = edit(wrong, "target", target={"train_on": "cpu"})
    assert problems(here, Facts(), "target") == ()


def test_a_model_that_is_not_here_is_no_obstacle_for_a_job() -> None:
    facts = Facts(model=ModelFacts("Phi-3", download_first=True))
    here = edit(draft(), "target", target={"train_on": "cpu"})
    assert [p.code for p in problems(here, facts, "model")] == ["draft.model_missing"]
    assert problems(draft(), facts, "model") == ()
    broken = Facts(
        model=ModelFacts(
            "x",
            problem=InputError("model.no_config", folder="x"),
        )
    )
    assert [p.code for p in problems(draft(), broken, "model")] == ["model.no_config"]
    cloud = draft(model_in_cloud=True, model=REGISTRY)
    assert problems(cloud, broken, "model") == ()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"compute": "gpu_cluster"}, "gpu_cluster"),
        ({"workspace": "x y"}, "x y"),
        ({"image": "a b"}, "a b"),
        ({"data_in_cloud": True, "data": "rows.jsonl"}, "rows.jsonl"),
        ({"model_in_cloud": True, "model": "azureml:mine"}, "azureml:mine:N"),
        ({"key_vault": "http://keys", "job_identity": "managed"}, "http://keys"),
    ],
)
def test_what_is_wrong_names_the_value_in_italian_too(changes, named) -> None:
    ((_, error),) = form_problems(AzureForm(**WHOLE | changes))
    said = error.said("it")
    assert named in said.message + said.hint
    assert said.message != error.message
    draft = Draft(
        target=Draft().target.model_copy(update={"train_on": "azureml"}),
        azure=AzureForm(**WHOLE | changes),
    )
    (shown,) = [found for found in problems(draft, Facts(), "target") if found.code == error.code]
    assert say(shown.says, "it") == said


def test_what_is_no_form_is_refused_and_saved_ones_start_empty() -> None:
    assert parse_form("[]") == AzureForm()


def test_a_value_that_the_section_refuses_is_named() -> None:
    form = AzureForm.model_validate(WHOLE).model_copy(update={"nodes": 0})
    with pytest.raises(InputError) as caught:
        to_azure(form)
    assert caught.value.code == "azure.invalid_value"
    assert caught.value.values["field"] == "nodes"
