"""``phi3studio azure check`` and ``export``: what is missing, told by its name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("azure.ai.ml")

from phi3studio.app.paths import Home
from phi3studio.runs.recipe_files import write_recipe
from phi3studio.services.azure_client import CheckItem
from phi3studio.worker.azure.connect import connect
from phi3studio.worker.azure.job_check import check
from tests.worker import azure_standin as az
from tests.worker.azure_standin import AzureStandIn
from tests.worker.test_azure_runs import cloud_recipe, program, section

REGISTRY = "azureml://registries/azureml/models/Phi-3-mini-4k-instruct/versions"
SHARED = "azureml://registries/azureml/data/phrases/versions"

# The SDK uses marshmallow as it was before its release 4.
pytestmark = pytest.mark.filterwarnings("ignore:The `context` parameter:DeprecationWarning")


@pytest.fixture
def standin(tmp_path: Path, home: Home, monkeypatch) -> Iterator[AzureStandIn]:
    with AzureStandIn(tmp_path / "azure") as made:
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        made.computes["stopped"] = az.compute_instance("stopped", "Stopped")
        made.computes["arc"] = az.kubernetes("arc", "gpu-small", "gpu-large")
        small = az.kubernetes("arc-small", "default", "gpu-large")
        inner = small["properties"]["properties"]
        del inner["instanceTypes"]["default"]["resources"]["limits"]["nvidia.com/gpu"]
        made.computes["arc-small"] = small
        unknown = az.kubernetes("arc-unknown", "default")
        unknown["properties"]["properties"] = {"namespace": "default"}
        made.computes["arc-unknown"] = unknown
        made.assets[f"{az.ROOT}/data/phrases/versions/3"] = {
            "id": f"{az.ROOT}/data/phrases/versions/3",
            "name": "3",
            "properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/x/paths/y"},
        }
        shared = "azureml/data/phrases/versions/3"
        made.assets[shared] = {
            "id": f"azureml://registries/{shared}",
            "name": "3",
            "properties": {"dataType": "uri_file", "dataUri": "azureml://datastores/x/paths/y"},
        }
        yield made


def findings(**changes: Any) -> dict[str, CheckItem]:
    azure = section(**changes)
    return {finding.name: finding for finding in check(azure, connect(azure))}


def code(finding: CheckItem) -> str | None:
    if finding.error is None:
        return None
    assert finding.error.hint
    return finding.error.code


def test_nothing_is_missing(standin) -> None:
    found = findings(
        compute="gpu-cluster", gpus=1, data="azureml:phrases:3", model=f"{REGISTRY}/11"
    )
    assert [code(finding) for finding in found.values()] == [None] * len(found), found
    assert list(found) == [
        "login", "workspace", "datastores", "compute", "quota", "data", "model", "image",
    ]  # fmt: skip
    assert found["workspace"].text == "studio in westeurope"
    assert "driver has to be 580 or newer" in found["compute"].text
    assert "72 cores free, 24 needed" in found["quota"].text


@pytest.mark.parametrize(
    ("changes", "name", "expected"),
    [
        ({"workspace": "elsewhere"}, "workspace", "azure.not_found"),
        ({"datastore": "nowhere"}, "datastores", "azure.no_datastore"),
        ({"data": "azureml://datastores/absent/paths/a"}, "datastores", "azure.no_datastore"),
        ({"compute": "absent"}, "compute", "azure.no_compute"),
        ({"compute": "stopped"}, "compute", "azure.compute_stopped"),
        ({"gpus": 1}, "compute", "azure.no_gpu"),
        ({"compute": "gpu-cluster", "gpus": 4}, "compute", "azure.no_gpu"),
        ({"nodes": 5}, "compute", "azure.too_many_nodes"),
        ({"instance_type": "x"}, "compute", "azure.instance_type"),
        ({"compute": "arc", "instance_type": "x"}, "compute", "azure.instance_type"),
        (
            {"compute": "arc", "instance_type": "gpu-small", "gpus": 2},
            "compute",
            "azure.no_gpu",
        ),
        ({"compute": "arc-small", "gpus": 1}, "compute", "azure.no_gpu"),
        ({"compute": "gpu-cluster", "gpus": 1, "nodes": 4}, "quota", "azure.quota"),
        ({"data": "azureml:phrases:4"}, "data", "azure.no_data"),
        ({"data": "azureml:phrases:3", "data_type": "folder"}, "data", "azure.data_type"),
        ({"data": f"{SHARED}/4"}, "data", "azure.no_data"),
        ({"data": f"{SHARED}/3", "data_type": "folder"}, "data", "azure.data_type"),
        ({"model": f"{REGISTRY}/12"}, "model", "azure.no_model"),
        ({"model": "azureml:mine:1"}, "model", "azure.no_model"),
        ({"image": "mcr.microsoft.com/azureml/absent:1"}, "image", "azure.no_image"),
    ],
)
def test_what_is_missing_is_named(standin, changes, name, expected) -> None:
    found = findings(**changes)
    assert code(found[name]) == expected, found[name].text
    others = {other: code(finding) for other, finding in found.items() if other != name}
    assert set(others.values()) == {None}, others


def test_data_of_a_registry_is_found(standin) -> None:
    assert findings(data=f"{SHARED}/3")["data"].text == "phrases:3"


def test_a_data_lake_is_not_looked_at_and_that_is_said(standin) -> None:
    found = findings(data="abfss://rows@lake0001.dfs.core.windows.net/train.jsonl")
    assert code(found["data"]) is None
    assert "not looked at" in found["data"].text
    assert not any("dfs.core" in host for host in standin.hosts)


def test_kubernetes_has_what_its_instance_type_has(standin) -> None:
    found = findings(compute="arc", instance_type="gpu-large", gpus=1)
    assert code(found["compute"]) is None
    assert "gpu-large" in found["compute"].text
    # Without one it is the cluster's default; where that is not known, it is said.
    assert "gpu-small" in findings(compute="arc", gpus=1)["compute"].text
    text = findings(compute="arc-unknown", gpus=1)["compute"].text
    assert "Azure's own has no GPU" in text


@pytest.mark.parametrize("expired", [True, False])
def test_without_a_login_nothing_else_is_looked_at(standin, expired) -> None:
    if expired:
        standin.sign_out()
    else:
        (standin.folder / "bin" / "az").write_text("#!/bin/sh\nexit 127\n")
    found = findings()
    assert list(found) == ["login"]
    assert code(found["login"]) == "azure.login"
    assert found["login"].error is not None
    assert "az login" in found["login"].error.hint
    assert standin.requests == []


def test_what_one_may_not_do_is_reported(standin) -> None:
    def fault(method: str, host: str, path: str) -> az.Reply | None:
        if "/computes/" in path:
            return az.error(403, "AuthorizationFailed", "The client does not have authorization.")
        return None

    standin.faults.append(fault)
    assert code(findings()["compute"]) == "azure.forbidden"


# --- the commands -------------------------------------------------------------------------------


def test_the_command_tells_what_is_missing(standin, tiny_phi3, phrases, tmp_path) -> None:
    write_recipe(cloud_recipe(tiny_phi3, phrases), tmp_path / "good.yaml")
    done = program("azure", "check", "good.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is missing" in done.stdout
    write_recipe(cloud_recipe(tiny_phi3, phrases, section(compute="absent")), tmp_path / "bad.yaml")
    done = program("azure", "check", "bad.yaml", "--json", folder=tmp_path)
    assert done.returncode == 2
    document = json.loads(done.stdout)
    assert document["ok"] is False
    (wrong,) = [finding for finding in document["findings"] if not finding["ok"]]
    assert wrong["code"] == "azure.no_compute"


def test_the_command_writes_the_job(home, tiny_phi3, phrases, tmp_path) -> None:
    write_recipe(cloud_recipe(tiny_phi3, phrases), tmp_path / "recipe.yaml")
    done = program("azure", "export", "recipe.yaml", "--out", "job", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    names = {file.name for file in (tmp_path / "job").iterdir()}
    assert names == {"job.yml", "conda.yml", "code", "README.txt"}
    done = program("azure", "export", "recipe.yaml", "--out", "job", folder=tmp_path)
    assert done.returncode == 2
    assert "[azure.export_exists]" in done.stderr


def test_a_recipe_without_the_section_is_refused(home, tiny_phi3, phrases, tmp_path) -> None:
    from tests.worker.running import tiny_recipe

    write_recipe(tiny_recipe(tiny_phi3, phrases), tmp_path / "recipe.yaml")
    for arguments in (("check", "recipe.yaml"), ("export", "recipe.yaml", "--out", "job")):
        done = program("azure", *arguments, folder=tmp_path)
        assert done.returncode == 2
        assert "[azure.no_section]" in done.stderr
    assert not (tmp_path / "job").exists()
