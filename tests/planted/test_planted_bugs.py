"""F21: every planted bug is caught by the tests that are there for it, in a copy of the tree that has it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.planted.bugs import BUGS

ROOT = Path(__file__).parents[2]
COPIED = ("octyseg", "topologies", "tests", "deploy", "examples", "docs")
by_bug = pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)


@by_bug
def test_a_planted_bug_has_its_place(bug):
    assert (ROOT / bug.file).read_text(encoding="utf-8").count(bug.written) == 1, f"{bug.file} has changed"
    assert all((ROOT / named).exists() for named in bug.caught_by.split())


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy to plant in."""
    copy = tmp_path_factory.mktemp("planted")
    for name in COPIED:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


@pytest.mark.faults
@by_bug
def test_a_planted_bug_is_caught(bug, tree):
    file = tree / bug.file
    sound = file.read_text(encoding="utf-8")
    file.write_text(sound.replace(bug.written, bug.planted), encoding="utf-8")
    try:
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not kafka and not faults", *bug.caught_by.split()]
        # Left to itself it clears away what other tests of this machine are still clearing away.
        command.append(f"--basetemp={tree.with_name('kept')}")
        found = subprocess.run(
            command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=False
        )
    finally:
        file.write_text(sound, encoding="utf-8")
    # A test that failed, not one that could not begin.
    assert re.search(r"^FAILED ", found.stdout, re.MULTILINE), found.stdout[-3000:] + found.stderr
    assert found.returncode == 1
