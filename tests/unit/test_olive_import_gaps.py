"""What an Olive config leaves open becomes a named gap of a recipe that is written all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from phi3studio.domain.errors import InputError
from phi3studio.domain.recipes.recipe_gaps import marker
from phi3studio.olive_configs import Imported
from phi3studio.runs.recipe_files import read_recipe, write_recipe
from tests.unit.test_olive_import import (
    assert_every_leaf_is_decided_once,
    changed,
    decision,
    fixture,
    read,
)

FILES = "data_configs[0].load_dataset_config.params.data_files"
CLIENT = f"{FILES}.config.azureml_client"


def gaps(imported: Imported) -> list[str]:
    assert imported.problem is None, imported.problem
    assert imported.recipe is not None
    return sorted(gap.key for gap in imported.gaps)


def written(imported: Imported, tmp_path: Path) -> Path:
    """The recipe's file, as the command line writes it."""
    assert imported.recipe is not None
    path = tmp_path / "recipe.yaml"
    write_recipe(imported.recipe, path, {gap.key: gap.marker for gap in imported.gaps})
    return path


def with_local_data(**engine: Any) -> Any:
    """The tutorial's systems and a file on this computer, without an Azure client."""
    config = fixture("lora-phrases")
    config["systems"] |= fixture("azure")["systems"]
    config["engine"] |= {"host": "aml", "target": "aml"} | engine
    return config


def test_a_job_without_a_client_is_a_recipe_with_the_workspace_open(tmp_path: Path) -> None:
    imported = read(with_local_data())
    assert_every_leaf_is_decided_once(with_local_data(), imported)
    assert gaps(imported) == ["azure.resource_group", "azure.subscription", "azure.workspace"]
    file = written(imported, tmp_path)
    values = yaml.safe_load(file.read_text("utf-8"))
    assert values["azure"]["subscription"] == "<id of the subscription>"
    assert values["azure"]["compute"] == "my-compute"
    with pytest.raises(InputError) as caught:
        read_recipe(file)
    assert caught.value.code == "recipe.gaps"
    for key in gaps(imported):
        assert f"{key}: {marker(key)}" in caught.value.message
    values["azure"] |= {
        "subscription": "1c4d0c1e-8d4b-4a52-9a51-9a3f0d4f7e11",
        "resource_group": "group",
        "workspace": "space",
    }
    file.write_text(yaml.safe_dump(values), "utf-8")
    assert read_recipe(file).target.train_on == "azureml"


def test_a_system_without_a_compute() -> None:
    config = with_local_data()
    del config["systems"]["aml"]["config"]["aml_compute"]
    assert "azure.compute" in gaps(read(config))


PLACEHOLDERS = {
    "subscription_id": "Your Azure Subscrition ID",
    "resource_group": "Your Azure Resource Group",
    "workspace_name": "Your Azure ML Workspaces name",
}


def test_the_documents_own_placeholders_are_gaps(tmp_path: Path) -> None:
    compute = "Your Azure AI Studio / Azure Machine Learning Service Compute Name"
    image = "Your Azure AI Studio / Azure Machine Learning Service docker"
    changes = {
        CLIENT: PLACEHOLDERS,
        f"{FILES}.config.relative_path": "Your train_data.json Azure ML Location",
        "systems.aml.config.aml_compute": compute,
        "systems.aml.config.aml_docker_config.base_image": image,
        "azureml_client": PLACEHOLDERS,
    }
    config = changed("azure", **changes)
    imported = read(config)
    assert_every_leaf_is_decided_once(config, imported)
    assert gaps(imported) == sorted(
        f"azure.{name}"
        for name in ("compute", "data", "image", "resource_group", "subscription", "workspace")
    )
    asked = decision(imported, "systems.aml.config.aml_compute")
    assert (asked.kind, asked.to) == ("gap", "azure.compute")
    with pytest.raises(InputError, match="6 values"):
        read_recipe(written(imported, tmp_path))


def test_a_workspace_that_is_named_once_fills_its_placeholders() -> None:
    config = changed("azure", **{CLIENT: dict.fromkeys(PLACEHOLDERS, "<placeholder>")})
    assert gaps(read(config)) == []
    config = changed("azure", azureml_client=PLACEHOLDERS)
    assert gaps(read(config)) == []
    recipe = read(config).recipe
    assert recipe is not None
    assert recipe.azure is not None
    assert recipe.azure.workspace == "my-workspace"


def test_a_file_that_names_the_workspace_leaves_it_open() -> None:
    config = with_local_data() | {"azureml_client": {"aml_config_path": "config.json"}}
    imported = read(config)
    assert_every_leaf_is_decided_once(config, imported)
    assert gaps(imported) == ["azure.resource_group", "azure.subscription", "azure.workspace"]
    item = decision(imported, "azureml_client.aml_config_path")
    assert (item.kind, item.to) == ("gap", "azure.subscription")
    assert "workspace_name" in item.instead
    # The workspace is named in full elsewhere.
    for changes in (
        {CLIENT: {"aml_config_path": "c"}},
        {"azureml_client": {"aml_config_path": "c"}},
    ):
        assert gaps(read(changed("azure", **changes))) == []


def test_a_key_that_is_given_its_own_name_is_a_placeholder() -> None:
    client = {name: name for name in PLACEHOLDERS}
    found = gaps(read(with_local_data() | {"azureml_client": client}))
    assert found == ["azure.resource_group", "azure.subscription", "azure.workspace"]


def test_the_number_of_machines_may_stand_next_to_their_kind() -> None:
    config = fixture("azure")
    config["systems"]["aml"]["config"]["instance_count"] = 2
    recipe = read(config).recipe
    assert recipe is not None
    assert recipe.azure is not None
    assert recipe.azure.nodes == 2


@pytest.mark.parametrize("left_out", ["version", "name"])
def test_a_registry_model_that_is_not_whole(left_out) -> None:
    config = fixture("azure")
    del config["input_model"]["config"]["model_path"]["config"][left_out]
    assert gaps(read(config)) == ["azure.model"]


@pytest.mark.parametrize("value", ["<model>", "${MODEL}", "{{ model }}", "your-model", ""])
def test_a_model_that_is_a_placeholder(value) -> None:
    path = "input_model.config.hf_config.model_name"
    assert gaps(read(changed("lora-phrases", **{path: value}))) == ["model.source"]


def test_no_model_and_no_data(tmp_path: Path) -> None:
    config = fixture("lora-phrases")
    del config["data_configs"], config["passes"]["lora"]["config"]["train_data_config"]
    del config["input_model"]
    imported = read(config)
    expected = ["data.source", "data.template.completion", "data.template.prompt", "model.source"]
    assert gaps(imported) == expected
    with pytest.raises(InputError, match="4 values"):
        read_recipe(written(imported, tmp_path))


def test_a_data_config_without_a_file() -> None:
    config = fixture("lora-phrases")
    del config["data_configs"][0]["load_dataset_config"]
    imported = read(config)
    assert gaps(imported) == ["data.source"]
    assert imported.recipe is not None
    assert imported.recipe.rows.template is not None  # the rest is as the config says


def test_a_merge_without_an_adapter() -> None:
    config = fixture("lora-phrases")
    del config["passes"]["lora"], config["data_configs"]
    assert gaps(read(config)) == ["model.adapter"]


def test_the_key_vault_is_carried_and_a_token_without_one_refused_by_name() -> None:
    token = "systems.aml.config.hf_token"
    assert decision(read(fixture("azure")), token).kind == "refused"
    config = fixture("azure")
    config["azureml_client"]["keyvault_name"] = "my-vault"
    imported = read(config)
    assert gaps(imported) == []
    assert imported.recipe is not None
    azure = imported.recipe.azure
    assert azure is not None
    assert azure.hub_token is not None
    assert azure.hub_token.key_vault == "https://my-vault.vault.azure.net"
    assert (azure.hub_token.secret, azure.job_identity) == ("hf-token", "managed")
    assert decision(imported, token).kind == "translated"
    config["azureml_client"]["keyvault_name"] = "<vault>"
    assert gaps(read(config)) == ["azure.hub_token.key_vault"]


def test_packages_of_a_conda_file_are_not_called_translated() -> None:
    imported = read(fixture("azure"))
    path = "systems.aml.config.aml_docker_config.conda_file_path"
    assert decision(imported, path).kind == "refused"
    assert "azure.image" in decision(imported, path).instead


@pytest.mark.parametrize("completion", ["{tone}", "Your {tone}", "<answer>{tone}", "{{tone}}"])
def test_templates_of_an_exported_config_are_no_placeholders(completion) -> None:
    config = fixture("lora-phrases")
    config["data_configs"][0]["pre_process_data_config"] = {
        "type": "studio_examples", "prompt": "Your {phrase}", "completion": completion,
    }  # fmt: skip
    imported = read(config)
    assert gaps(imported) == []
    assert imported.recipe is not None
    assert imported.recipe.rows.template is not None
    assert imported.recipe.rows.template.completion == completion
