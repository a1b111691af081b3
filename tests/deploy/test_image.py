"""What the image is built of is all that octyseg needs."""

import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.commands import assert_is_a_command
from tests.deploy.asked import DEPLOY

ROOT = DEPLOY.parent
DOCKERFILE = (DEPLOY / "image" / "Dockerfile").read_text()
# Of the lines that copy from the repository: everything but where to.
COPIED = [
    name
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    for name in shlex.split(line)[:-1]
]  # fmt: skip


@pytest.mark.slow
def test_a_wheel_of_what_is_copied_has_every_file_of_octyseg(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name in COPIED:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = [path for room in ("octyseg", "topologies") for path in (ROOT / room).rglob("*") if path.is_file()]
    assert packed == {path.relative_to(ROOT).as_posix() for path in files if path.suffix != ".pyc"}


def test_nothing_is_kept_from_the_build_that_it_copies():
    kept = (DEPLOY / "image" / "Dockerfile.dockerignore").read_text().split()
    assert kept[0] == "*"
    assert {name.removeprefix("!") for name in kept if name.startswith("!")} == set(COPIED)


def test_the_image_runs_octyseg_and_not_as_root():
    assert 'ENTRYPOINT ["octyseg"]' in DOCKERFILE
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    for words in re.findall(r"docker run --rm octyseg ([a-z ]+[a-z])", DOCKERFILE):
        assert_is_a_command(words.split())
    assert Path(re.search(r"docker build -f (\S+)", DOCKERFILE)[1]) == Path("deploy/image/Dockerfile")
