"""Code that nothing uses, and imports that nothing declares."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from vulture import Vulture

ROOT = Path(__file__).resolve().parents[2]

# Who uses what no line of ours mentions. An entry that has become needless fails the test too.
EXCUSED = {
    "Qt calls it": (
        "closeEvent contextMenuEvent dragLeaveEvent dragMoveEvent dropEvent "
        "eventFilter filterAcceptsRow headerData highlightBlock lessThan minimumSizeHint "
        "mouseReleaseEvent"
    ),
    "pydantic reads or calls it": (
        "model_config _calls_what_there_is _fits_together _can_be_written _can_stop_early "
        "_has_its_schema _has_one_constraint _in_order _is_id _is_model _is_name "
        "_is_no_token _is_slice _learns_something _of_section _one_character _one_place _one_shape "
        "_one_way _parses _says_all_at_once _with_english _with_kind _without_the_empty"
    ),
    "a field that others read: JSON output, events.jsonl, catalogue.json, tokens.json": (
        "all_linear broken_lines contrast dora key_value_heads lr qlora stop_tokens"
    ),
    "accepted from OpenAI's clients, without an effect": (
        "audio frequency_penalty function_call logit_bias max_tool_calls modalities "
        "parallel_tool_calls prediction presence_penalty previous_response_id prompt_cache_key "
        "prompt_cache_retention reasoning_effort safety_identifier service_tier tool_call_id "
        "truncation verbosity web_search_options"
    ),
    "a command: Typer calls it": "gui import_ list_adapters list_ratings sign_out",
    "transformers' trainer calls or reads it": (
        "_clip_grad_norm _get_num_items_in_batch _n_gpu _name_or_path compute_loss "
        "floating_point_ops model_accepts_loss_kwargs "
        "on_evaluate on_log on_prediction_step on_save on_step_begin on_step_end on_substep_end "
        "on_train_begin optimizer set_to_none should_save should_training_stop"
    ),
    "Olive finds it by its name": (
        "StudioBuilder StudioDoRA StudioGptq StudioKQuant StudioLoHa StudioLoKr StudioLoRA "
        "StudioMerge StudioQLoRA _create_logger _log_heartbeat calibration_pre_process "
        "examples_pre_process get_quant_model train_and_save_new_model"
    ),
    "onnxruntime-genai's model builder reads it": (
        "_group_size get_genai_commit is_local make_matmul_int4 make_packed_matmul_int4 "
        "rope_local_base_freq"
    ),
    "llama.cpp reads it": (
        "api_keys endpoint_slots fit_params n_ctx n_parallel n_tokens use_jinja"
    ),
    "the standard library reads or calls it": ("compress_type create_system frame seekable trace"),
    "PyYAML's loader reads it": "yaml_implicit_resolvers",
    "an argument that a protocol of Hugging Face's tokenizers gives": "token_ids",
}
# What is no Python and reads Python's names.
READERS = ("resources/**/*.j2", "installers/bundle/*.spec", "installers/**/*.sh")


def test_nothing_is_dead() -> None:
    look = Vulture()
    look.scavenge([str(ROOT / name) for name in ("phi3studio", "tools", "installers")])
    elsewhere = {
        word
        for pattern in READERS
        for file in ROOT.glob(pattern)
        for word in re.findall(r"\w+", file.read_text("utf-8"))
    }
    unused = {
        item.name: f"{Path(item.filename).relative_to(ROOT)}:{item.first_lineno}"
        for item in look.get_unused_code(min_confidence=60)
        if item.name not in elsewhere
    }
    excused = {name for names in EXCUSED.values() for name in names.split()}
    dead = {name: place for name, place in unused.items() if name not in excused}
    assert not dead, "nothing but tests uses these; remove them, or say above who does"
    assert excused <= unused.keys(), f"needless excuses: {sorted(excused - unused.keys())}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["phi3studio"],
        # what only developers run: the development group counts, and uses not everything
        ["tests", "installers", "tools", "resources", "--ignore", "DEP002,DEP004"],
    ],
    ids=["program", "development"],
)
def test_what_is_imported_is_declared(arguments: list[str]) -> None:
    command = [str(Path(sys.executable).with_name("deptry")), *arguments, "--no-ansi"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
