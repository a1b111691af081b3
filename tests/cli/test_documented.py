"""Every command in the documentation is one that the program reads."""

import re
import shlex
from pathlib import Path

import pytest

from tests.commands import assert_is_a_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINE = re.compile(r" {4}(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?octyseg (?!is ready)(.+)")
# A comment, or where a shell goes on with something else.
END = re.compile(r"\s+#\s.*|\s*[|&<>;].*|\\$")


def commands():
    for page in PAGES:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            found = LINE.fullmatch(line)
            if found:
                words = END.sub("", re.sub(r"\$\([^)]*\)", "X", found[1]))
                yield pytest.param(words, id=f"{page.name}:{number}")


@pytest.mark.parametrize("words", list(commands()))
def test_a_documented_command_is_one(words):
    assert_is_a_command(shlex.split(words))


def test_the_pages_that_matter_have_commands():
    assert {str(one.id).partition(":")[0] for one in commands()} >= {"README.md", "operating.md", "webhooks.md"}
