"""Names of instants at which a process may die are worth something only where a stage passes them."""

from pathlib import Path

import pytest

import octyseg
from octyseg.stages.crashpoints import CrashPoint

SOURCE = "\n".join(
    path.read_text() for path in Path(octyseg.__file__).parent.rglob("*.py") if path.name != "crashpoints.py"
)


@pytest.mark.parametrize("point", CrashPoint.__args__)
def test_some_stage_passes_the_point(point):
    assert f'("{point}")' in SOURCE
