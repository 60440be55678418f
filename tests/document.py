"""The source document's config as a person has it: a folder with config, data and model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from phi3studio.domain.events.measured_events import Metrics
from phi3studio.runs.store import RunFolder
from tests.worker.azure_standin import BLOBS, GROUP, SUBSCRIPTION, WORKSPACE, AzureStandIn
from tests.worker.running import SAMPLES, losses, write_rows

FIXTURES = Path(__file__).parent / "fixtures" / "olive"
CLIENT = {
    "subscription_id": SUBSCRIPTION, "resource_group": GROUP, "workspace_name": WORKSPACE,
}  # fmt: skip
STEPS = 3


def values_of(name: str) -> Any:
    """A recorded config with what the tiny model and this machine cannot do left out."""
    config = json.loads((FIXTURES / f"{name}.json").read_text("utf-8"))
    config["data_configs"][0]["pre_process_data_config"]["params"]["source_max_len"] = 256
    config["engine"]["execution_providers"] = ["CPUExecutionProvider"]
    config["passes"]["lora"]["config"]["training_args"]["max_steps"] = STEPS
    return config


def questions(count: int = 30) -> str:
    """Rows of the document's second data set, as JSON."""
    return json.dumps(
        [{"Question": f"What is {n} and {n}?", "Best Answer": f"It is {2 * n}."}
         for n in range(count)]
    )  # fmt: skip


def local_document(folder: Path, model: Path, name: str) -> Path:
    """The config of phrases (LoRA) or of questions (QLoRA), with its data and *model* beside it."""
    config = values_of(name)
    shutil.copytree(model, folder / "model-cache" / "microsoft" / "phi-3-mini")
    (folder / "dataset").mkdir()
    write_rows(folder / "dataset" / "dataset-classification.json", 40)
    (folder / "dataset" / "questions.json").write_text(questions(), "utf-8")
    return _written(config, folder)


def cloud_document(folder: Path, standin: AzureStandIn) -> Path:
    """The blocks of the cloud: data in a datastore, a registry's model, a compute of Azure ML.

    The stand-in has what they name.
    """
    config = values_of("azure")
    datastore = config["data_configs"][0]["load_dataset_config"]["params"]["data_files"]["config"]
    config["azureml_client"] = datastore["azureml_client"] = CLIENT
    machines = config["systems"]["aml"]["config"]
    machines |= {"aml_compute": "cpu-cluster", "accelerators": ["cpu"]}
    del machines["hf_token"], machines["aml_docker_config"]["base_image"]
    standin.blobs[BLOBS, datastore["relative_path"]] = questions().encode()
    standin.models["azureml-msr:Phi-3-mini-4k-instruct"] = ["11"]
    return _written(config, folder)


def starter_document(folder: Path) -> Path:
    """The phrases over the starter, with as much training as makes it good at them."""
    config = json.loads((FIXTURES / "lora-phrases.json").read_text("utf-8"))
    config["input_model"] = {"type": "HfModel", "model_path": "starter"}
    (folder / "dataset").mkdir()
    shutil.copyfile(SAMPLES / "emotions.jsonl", folder / "dataset" / "dataset-classification.json")
    config["data_configs"][0]["pre_process_data_config"]["params"]["source_max_len"] = 128
    lora = config["passes"]["lora"]["config"]
    # SmolLM2's names of what Phi-3 calls qkv_proj; ten steps teach nothing.
    lora["target_modules"] = ["q_proj", "k_proj", "v_proj", "o_proj"]
    arguments = lora["training_args"]
    arguments |= {"max_steps": -1, "num_train_epochs": 2, "learning_rate": 5e-4}
    arguments |= {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1}
    del arguments["evaluation_strategy"], arguments["eval_steps"]
    config["engine"]["execution_providers"] = ["CPUExecutionProvider"]
    return _written(config, folder)


def check_run(run: RunFolder, held_out: float) -> None:
    """The run did what the document says: its adapter, its steps, its share of rows, int4."""
    adapter = json.loads((run.adapter / "adapter_config.json").read_text("utf-8"))
    # The written alpha, which Olive itself would drop for 16.
    assert (adapter["r"], adapter["lora_alpha"]) == (64, 64)
    assert adapter["lora_dropout"] == 0.1
    named = {"o_proj", "qkv_proj"}
    # QLoRA adapts every linear layer, whatever is named; Olive's does as well.
    qlora = run.recipe().method.kind == "qlora"
    assert set(adapter["target_modules"]) == named | (
        {"gate_up_proj", "down_proj"} if qlora else set()
    )
    assert list(losses(run)) == list(range(1, STEPS + 1))
    manifest = json.loads((run.data / "manifest.json").read_text("utf-8"))
    assert manifest["stop"]["text"] == "<|end|>"
    assert abs(manifest["held_out_rows"] - held_out) <= 2
    assert run.recipe().target.quantisation == "int4"
    assert (run.model / "genai_config.json").is_file()


def check_starter(run: RunFolder) -> None:
    """The starter has learned the phrases, and its int4 model still knows them."""
    found: dict[str, Metrics] = run.view().metrics
    assert (found["base"].accuracy or 0) < 0.5
    assert (found["merged"].accuracy or 0) >= 0.8
    assert (found["exported"].accuracy or 0) >= 0.7


def _written(config: Any, folder: Path) -> Path:
    file = folder / "olive-config.json"
    file.write_text(json.dumps(config), "utf-8")
    return file
