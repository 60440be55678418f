"""Files that outlive a version of the program: each says its version, and old ones still read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from phi3studio.app.paths import Home
from phi3studio.domain.base_models import parse_catalogue
from phi3studio.domain.errors import InputError, RunError, UserFacingError
from phi3studio.domain.events.event_line import EVENT_VERSION, parse_event
from phi3studio.domain.events.measured_events import Verified
from phi3studio.domain.events.run_events import Finished, Notice
from phi3studio.domain.messages import say
from phi3studio.domain.recipe import RECIPE_VERSION, Data, Recipe, Template, parse_recipe
from phi3studio.models.model_store import ModelStore, catalogue, check_model_folder
from phi3studio.resources import resources
from phi3studio.runs.demo import demo_recipe
from phi3studio.runs.store import RunFolder, RunStore

RECORDED = Path(__file__).parent / "recorded"


def test_every_written_recipe_says_its_version(home) -> None:
    recipe = Recipe(data=Data(source="d", template=Template(prompt="", completion="x")))
    run = RunStore(home).create(recipe)
    assert json.loads(run.recipe_file.read_text())["version"] == RECIPE_VERSION == 1


def test_a_run_folder_that_version_0_1_0_wrote_still_reads() -> None:
    run = RunFolder(RECORDED / "20261124-075649-tiny")
    view = run.view()
    assert EVENT_VERSION == 1
    assert run.state() == "completed"
    assert run.recipe().method.rank == 16
    assert set(view.metrics) == {"base", "merged", "exported"}
    assert set(view.artifacts) == {"data", "adapter", "model"}
    assert set(view.timings) == {"prepare", "train", "merge", "quantise", "verify"}
    assert view.metrics["merged"].samples[0].expected == "Fear"
    assert view.progress is not None
    # Pairs of answers and general questions were not measured yet.
    assert view.metrics["merged"].preference is view.metrics["merged"].answer_tokens is None
    assert view.forgetting is None
    # Whatever was written is understood: no line is passed over.
    assert len(list(run.events())) == len(run.events_file.read_text("utf-8").splitlines())


def test_a_run_of_today_says_its_notices_and_verdict_from_codes_and_values() -> None:
    view = RunFolder(RECORDED / "20261129-101500-unfaithful").view()
    assert view.verdict is not None
    assert view.finished is not None
    assert view.finished.error is not None
    coded = (*view.notices, *view.verdict.reasons, view.finished.error)
    said = [" ".join(say(one)).strip() for one in coded]
    assert said == [
        "3 rows are longer than 512 tokens and were truncated.",
        "Rows left out: 1,250 by duplicates.",
        "Checkpoint saved at step 40 (1.5 s).",
        "No int4 preset is faithful; quality, the best, is kept. "
        "Tried: small (104 MB): not faithful, quality (228 MB): faithful.",
        "The exported model loses 6.7 points of accuracy against the merged model; 3 are allowed. "
        "With 30 held-out rows that may be chance: the loss lies between -5.8 and 18.3 points. "
        "Set target.int4: quality, which keeps some layers in 8 bits. "
        "More held-out rows tell whether the loss is real.",
        "Only 98 % of the answers end with a stop token; 99 % are required. "
        "The export is the cause. Set target.int4: quality, which keeps some layers in 8 bits.",
        "10 % of the prompts become other tokens in the exported model's tokenizer than in "
        "training. The first is row 7, at “été”. Take what is special there (invisible "
        "characters, tags) out of the template or the data, for example by a repair; or use a "
        "base model with another tokenizer.",
        "The trial run stopped unexpectedly. The memory may have been too small: close other "
        "programs, or choose smaller settings, and try again.",
    ]


def test_a_run_of_an_older_version_keeps_its_words() -> None:
    head = '{"v": 1, "seq": 1, "t": 1.0, '
    lines = {
        '"type": "notice", "code": "data.cut_off", "text": "3 rows were cut off."}': (
            "3 rows were cut off.",
            "",
        ),
        '"type": "finished", "outcome": "failed", "code": "of.old", "message": "It was full.", '
        '"hint": "Free some."}': ("It was full.", "Free some."),
        '"type": "verified", "faithful": false, "reasons": [{"code": "fidelity.stops", '
        '"text": "Few stop.", "next": "Train longer."}]}': ("Few stop.", "Train longer."),
    }
    for line, words in lines.items():
        event = parse_event(head + line)
        assert event is not None
        match event.payload:
            case Verified(reasons=(found,)):
                said = found.said()
            case Finished(error=UserFacingError() as error):
                said = error.said()
            case Notice() as notice:
                said = notice.said()
        assert said == words


def test_the_catalogue_is_whole_and_refuses_another_version() -> None:
    assert [entry.name for entry in catalogue()][:1] == ["starter"]
    values = json.loads((resources() / "catalogue.json").read_text("utf-8"))
    for damaged in (values | {"version": 2}, [], None):
        with pytest.raises(RunError) as caught:
            parse_catalogue(damaged)
        assert caught.value.code == "models.catalogue"


@pytest.mark.parametrize("quick", [True, False])
def test_the_demos_recipe_is_valid_and_its_data_is_bundled(quick) -> None:
    recipe = demo_recipe(quick)
    assert parse_recipe(recipe.to_json()) == recipe
    assert Path(recipe.data.source).is_file()
    assert recipe.model.source in {entry.name for entry in catalogue()}


def test_the_samples_are_what_they_promise() -> None:
    samples = resources() / "samples"
    lines = (samples / "emotions.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    tones = [row["tone"] for row in rows]
    assert len({row["phrase"] for row in rows}) == len(rows) >= 600
    assert set(tones) == {"Sad", "Joy", "Fear", "Surprise"}
    assert max(map(tones.count, set(tones))) < 1.1 * min(map(tones.count, set(tones)))
    chats = (samples / "support_chat.jsonl").read_text("utf-8").splitlines()
    assert len(chats) >= 120
    for line in chats:
        roles = [message["role"] for message in json.loads(line)["messages"]]
        assert roles[-1] == "assistant"
        assert "user" in roles


# --- model folders ------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path) -> Path:
    """A folder that looks like a whole model."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "phi3"}')
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    weights = len(header).to_bytes(8, "little") + header + b"\0\0\x80\x3f"
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "tokenizer.json").write_text("{}")
    return folder


def refusal(folder: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        check_model_folder(folder)
    assert str(folder) in caught.value.message
    return caught.value


def test_a_whole_model_folder_is_accepted(model) -> None:
    check_model_folder(model)
    (model / "model.safetensors").rename(model / "model-00001-of-00001.safetensors")
    (model / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-00001-of-00001.safetensors"}}'
    )
    check_model_folder(model)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("config.json", "model.no_config"),
        ("model.safetensors", "model.no_weights"),
        ("tokenizer.json", "model.no_tokenizer"),
    ],
)
def test_a_model_folder_that_lacks_a_part_is_refused(model, name, code) -> None:
    (model / name).unlink()
    assert refusal(model).code == code


def test_broken_and_empty_parts_are_refused(model) -> None:
    (model / "config.json").write_text("{")
    assert refusal(model).code == "model.file"
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(b"")
    assert refusal(model).code == "model.no_weights"
    assert refusal(model.parent / "absent").code == "model.no_folder"


def test_a_missing_shard_is_named(model) -> None:
    (model / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}'
    )
    error = refusal(model)
    assert error.code == "model.no_weights"
    assert "model-2.safetensors" in error.message
    (model / "model.safetensors.index.json").write_text("{}")
    assert refusal(model).code == "model.no_weights"


def test_pickled_weights_are_refused_with_the_reason(model) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    error = refusal(model)
    assert error.code == "model.no_weights"
    assert "could run code" in error.hint


def test_models_are_found_by_catalogue_name_or_path(home: Home, model) -> None:
    store = ModelStore(home)
    assert store.folder("starter") == home.models / "starter"
    assert store.folder(str(model)) == model
    assert not store.is_installed("starter")
    assert store.is_installed(str(model))
