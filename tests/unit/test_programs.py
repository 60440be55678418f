"""How the sample programs of a bundle are started."""

from __future__ import annotations

import pytest

from phi3studio.domain.places.programs import PROGRAMS, program_start
from phi3studio.resources import resources


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_has_a_sample_that_is_started_in_its_folder(program) -> None:
    assert (resources() / "bundle" / program).is_dir()
    start = program_start(program, 'first="…" second="…"')
    assert start.startswith(f"cd samples/{program} && ")
    assert start.endswith(' first="…" second="…"')
