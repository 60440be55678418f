"""Places and texts that are not what they should be: said plainly, at once, without a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from phi3studio.app.files import scratch_folder
from phi3studio.app.paths import Home
from phi3studio.domain.errors import InputError
from phi3studio.domain.template import parse_template
from phi3studio.olive_configs import import_config
from tests.cli.conftest import Studio, say
from tests.small_disks import mounted


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    file.write_text("q,a\n" + "".join(f"question {n},answer {n % 3}\n" for n in range(40)))
    return file


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Home]:
    """A home on a file system that nothing can be written to."""
    with mounted(tmp_path / "ro", "ro,size=1m") as disk:
        yield Home(disk / "home")


def test_data_can_be_looked_at_with_a_home_that_cannot_be_written(read_only, rows) -> None:
    said = say("data", "shapes", rows, home=read_only)
    assert said.code == 0, said.err


def test_the_doctor_names_a_home_that_cannot_be_written_among_the_rest(read_only) -> None:
    said = say("doctor", "--json", home=read_only)
    assert said.code == 1, said.err
    found = said.document["findings"]
    assert "disk.not_writable" in [finding["code"] for finding in found]
    assert said.document["memory_total"]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("https://example.com/x.csv", "address"),
        ("s3://bucket/x.csv", "address"),
        ("/dev/zero", "regular file"),
        ("pipe", "regular file"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="pipes of Unix")
def test_what_can_be_no_data_file_makes_no_valid_recipe(
    studio: Studio, tmp_path, source, word
) -> None:
    os.mkfifo(tmp_path / "pipe")
    template = {"prompt": "{q}", "completion": "{a}"}
    recipe = {"version": 1, "name": "x", "data": {"source": source, "template": template}}
    file = tmp_path / "recipe.json"
    file.write_text(json.dumps(recipe))
    said = studio("recipe", "check", file)
    assert said.code == 2
    assert word in said.err


@pytest.mark.parametrize("text", ["{q}\ud800", "\udce9 {q}"])
def test_half_a_character_in_a_template_is_named_with_its_place(text) -> None:
    with pytest.raises(InputError) as caught:
        parse_template(text, "prompt")
    assert caught.value.code == "template.half_character"
    assert f"U+{max(map(ord, text)):04X}" in caught.value.message


def test_a_number_that_is_none_in_an_olive_config_is_no_crash() -> None:
    file = Path(__file__).parents[1] / "fixtures" / "olive" / "azure.json"
    config = json.loads(file.read_text("utf-8"))
    config["azureml_client"]["workspace_name"] = float("nan")
    problem = import_config(config).problem
    assert problem is not None
    assert problem.code != "bug"


def test_what_a_killed_process_left_half_made_is_gone_after_the_next(tmp_path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from phi3studio.app.files import scratch_folder\n"
        "with scratch_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half.whl').write_bytes(b'x' * 1000); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    (left,) = tmp_path.iterdir()
    with scratch_folder(tmp_path) as mine, scratch_folder(tmp_path) as another:
        assert not left.exists()
        assert mine.is_dir()
        assert another.is_dir()
    assert list(tmp_path.iterdir()) == []
