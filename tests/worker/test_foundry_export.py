"""A finished run exported for Foundry Local: what its scanner looks for, and the same prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from phi3studio.domain.template import parse_template
from phi3studio.runs.bundle import export_bundle
from phi3studio.worker.genai.genai import GenaiModel
from tests.worker.test_gguf_export import export, run

__all__ = ["run"]


def test_a_run_is_exported_for_foundry_local_twice_alike(run, tmp_path) -> None:
    code, said = export(run, tmp_path / "a", "--for", "foundry-local", "--json")
    assert code == 0, said
    document = json.loads(said)
    assert document["start"] == "foundry model run second"
    folder = tmp_path / "a"
    # What the scanner asks of a folder: these two, a name, and no file of a download.
    named = json.loads((folder / "inference_model.json").read_text())
    assert named["Name"] == "second"
    assert (folder / "genai_config.json").is_file()
    assert not list(folder.rglob("download.tmp"))
    needed = {"README.md", "prompt.json", "chat.py", "LICENCE-base-model.txt"}
    assert needed <= set(document["files"])
    assert json.loads((folder / "genai_config.json").read_text())["search"]["top_k"] == 1
    template = json.loads((folder / "prompt.json").read_text())["prompt"]
    asked = parse_template(template, "prompt").render({"phrase": "{Content}"})
    assert named["PromptTemplate"] == {"prompt": asked, "assistant": "{Content}"}
    assert export(run, tmp_path / "b", "--for", "foundry-local", "--name", "second")[0] == 0
    ours, theirs = ((tmp_path / name / "SHA256SUMS").read_text() for name in "ab")
    assert ours == theirs


def test_its_chat_template_writes_the_prompts_of_the_training(run, tmp_path) -> None:
    export_bundle(run, tmp_path / "out", foundry="tones")
    model = GenaiModel(tmp_path / "out", threads=1)
    template = parse_template(model.facts["template"]["prompt"], "prompt")
    for text in ("Nobody answered.", "{{ braces }} and 'quotes'\nin two lines", "<|end|>"):
        earlier: list[dict[str, Any]] = [
            {"role": "user", "content": "an earlier one"},
            {"role": "assistant", "content": "Joy"},
        ]
        asked = [{"role": "user", "content": text}]
        expected = template.render({"phrase": text})
        assert model.apply_chat_template(asked) == expected
        assert model.apply_chat_template([*earlier, *asked]) == expected


def test_a_conversation_keeps_its_own_template(run, tmp_path) -> None:
    facts = run.model / "studio.json"
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"template": None}))
    export_bundle(run, tmp_path / "out", foundry="talk")
    named = json.loads((tmp_path / "out" / "inference_model.json").read_text())
    assert named == {"Name": "talk", "PromptTemplate": None}
    asked = [{"role": "user", "content": "Hello"}]
    before = GenaiModel(run.model, threads=1).apply_chat_template(asked)
    assert GenaiModel(tmp_path / "out", threads=1).apply_chat_template(asked) == before


def test_what_does_not_go_there_is_refused(run, tmp_path: Path) -> None:
    code, said = export(run, tmp_path / "a", "--for", "foundry-local", "--what", "adapter")
    assert code == 2
    assert "model" in said
    assert "--what adapter" in said
    code, said = export(run, tmp_path / "a", "--for", "foundry-local", "--name", "a b")
    assert code == 2
    assert "--name" in said
    assert not (tmp_path / "a").exists()
