"""The section azure of a recipe: what is right, and what is wrong with a clear word."""

from __future__ import annotations

from typing import Any

import pytest

from phi3studio.domain.azure import RegisteredModel, parse_model, registry_data, share_of_batch
from phi3studio.domain.errors import InputError
from phi3studio.domain.recipe import Recipe, parse_recipe

AZURE = {
    "subscription": "00000000-0000-0000-0000-000000000001",
    "resource_group": "tuning",
    "workspace": "studio",
    "compute": "gpu-cluster",
}
VAULT = {"key_vault": "https://keys.vault.azure.net"}


def recipe(azure: dict[str, Any] | None = None, **training: Any) -> Recipe:
    values: dict[str, Any] = {
        "data": {"source": "a.jsonl", "template": {"prompt": "{a}", "completion": "{b}"}},
        "target": {"train_on": "azureml"},
        "training": training,
    }
    return parse_recipe(values | ({} if azure is None else {"azure": AZURE | azure}))


def test_a_section_with_its_defaults() -> None:
    azure = recipe({}).azure
    assert azure is not None
    assert azure.processes == 1
    assert "cuda" in azure.base_image
    assert azure.model_copy(update={"gpus": 0}).base_image.find("cuda") < 0
    assert azure.model_copy(update={"gpus": 4, "nodes": 2}).processes == 8


@pytest.mark.parametrize(
    ("changes", "code", "hint"),
    [
        ({"subscription": "mine"}, "azure.subscription", "az account show"),
        ({"resource_group": "a/b"}, "azure.name", "letters"),
        ({"workspace": "x y"}, "azure.name", "letters"),
        ({"compute": "gpu_cluster"}, "azure.name", "letters"),
        ({"data": "train.json"}, "azure.data", "azureml://datastores/"),
        ({"model": "microsoft/phi"}, "azure.model", "model.source"),
        ({"model": "azureml://registries/azureml/models/Phi"}, "azure.model_version", "versions/N"),
        (
            {"model": "azureml://registries/azureml/models/Phi/labels/latest"},
            "azure.model_version",
            "versions/N",
        ),
        ({"model": "azureml:mine"}, "azure.model_version", "azureml:mine:N"),
        ({"hub_token": VAULT}, "azure.hub_token", "job_identity"),
        (
            {"hub_token": {**VAULT, "connection": "x"}, "job_identity": "managed"},
            "azure.hub_token",
            "key_vault",
        ),
        (
            {"hub_token": {"key_vault": "http://keys"}, "job_identity": "managed"},
            "azure.hub_token",
            "vault.azure.net",
        ),
        ({"computee": "x"}, "recipe.unknown_key", "compute"),
        ({"gpus": 99}, "recipe.invalid_value", "azure.gpus"),
        ({"login": "password"}, "recipe.invalid_value", "azure.login"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(changes, code, hint) -> None:
    with pytest.raises(InputError) as caught:
        recipe(changes)
    assert caught.value.code == code
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "address",
    [
        "abfss://rows@lake0001.dfs.core.windows.net/tuning/train.jsonl",
        "abfss://rows@lake0001.dfs.core.chinacloudapi.cn/train",
        "azureml://registries/shared/data/phrases/versions/3",
    ],
)
def test_data_lakes_and_registries_hold_data_too(address) -> None:
    assert recipe({"data": address}).azure.data == address


@pytest.mark.parametrize(
    "address",
    [
        "abfss://rows@lake0001.blob.core.windows.net/a",
        "abfss://rows@lake0001.dfs.core.windows.net/",
        "abfss://Rows@lake0001.dfs.core.windows.net/a",
        "abfs://rows@lake0001.dfs.core.windows.net/a",
        "azureml://registries/shared/data/phrases",
        "azureml://registries/shared/models/phrases/versions/3",
    ],
)
def test_an_address_that_is_nearly_right_is_refused(address) -> None:
    with pytest.raises(InputError) as caught:
        recipe({"data": address})
    assert caught.value.code == "azure.data"
    assert "abfss://" in caught.value.hint


@pytest.mark.parametrize(
    "address",
    [
        "abfss://Sales@onelake.dfs.fabric.microsoft.com/Tickets.Lakehouse/Files/train.jsonl",
        "abfss://1b2c3d4e-0000-4000-8000-000000000000@onelake.dfs.fabric.microsoft.com/a/Files/b",
        "https://onelake.dfs.fabric.microsoft.com/Sales/Tickets.Lakehouse/Files/train.jsonl",
    ],
)
def test_onelake_is_refused_with_what_a_job_takes(address) -> None:
    with pytest.raises(InputError) as caught:
        recipe({"data": address})
    assert "OneLake" in caught.value.message
    assert "one_lake" in caught.value.hint
    assert recipe({"data": "azureml://datastores/onelake/paths/Files/a"}).azure.data


def test_a_token_has_no_place_in_a_recipe() -> None:
    with pytest.raises(InputError) as caught:
        recipe({"hub_token": "hf_secret"})
    assert "hf_secret" not in caught.value.message + caught.value.hint


def test_the_section_is_needed_for_the_target() -> None:
    with pytest.raises(InputError) as caught:
        recipe(None)
    assert caught.value.code == "azure.no_section"


def test_models_of_azure() -> None:
    address = "azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions/11"
    assert parse_model(address) == RegisteredModel("azureml", "Phi-3-mini-4k-instruct", "11")
    assert parse_model("azureml:mine:2") == RegisteredModel(None, "mine", "2")


def test_the_rows_of_a_step_are_shared() -> None:
    assert share_of_batch(8, 1, 1) == (8, 1)
    assert share_of_batch(8, 1, 2) == (4, 1)
    assert share_of_batch(8, 4, 4) == (8, 1)
    assert share_of_batch(2, 6, 4) == (1, 3)
    for size in (1, 2, 3, 8):
        for steps in (1, 4, 6):
            for processes in (1, 2, 3, 4, 8):
                if size * steps % processes == 0:
                    share, times = share_of_batch(size, steps, processes)
                    assert share * times * processes == size * steps
                    assert share <= size
    with pytest.raises(InputError) as caught:
        recipe({"gpus": 3}, batch_size=8)
    assert caught.value.code == "azure.batch"
    assert "a multiple of 3" in caught.value.hint


@pytest.mark.parametrize("address", ["azureml:phi", "azureml://registries/azureml/models/phi"])
def test_a_model_of_azure_needs_its_version(address: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_model(address)
    assert caught.value.code == "azure.model_version"
    assert caught.value.values["model"] == "phi"


def test_the_place_of_a_job_is_said() -> None:
    azure = recipe({}).azure
    assert azure is not None
    assert azure.where == f"{azure.workspace}/{azure.compute}"


def test_a_data_asset_of_a_registry_is_known_by_its_address() -> None:
    address = "azureml://registries/studio/data/rows/versions/3"
    assert registry_data(address) == RegisteredModel("studio", "rows", "3")
    assert registry_data("azureml:rows:3") is None
