"""Events from files of JSON lines, plain or gzipped, or from standard input, a line at a time.

Decides where a line begins and ends and that it is not too long to hold; what is in it is for the
caller to judge, so a bad record reaches the dead letters as it was.
"""

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from typing import IO, NamedTuple

from octyseg.errors import UsageError

STANDARD_INPUT = "-"
# Far above the largest record that is accepted, so that such a line still gets its own refusal.
MAX_LINE_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


class Line(NamedTuple):
    """A line without its end. `number` counts from 1, also the blank ones that are left out."""

    source: str
    number: int
    data: bytes

    @property
    def place(self) -> str:
        """Where to look: `events.jsonl:12`."""
        return f"{self.source}:{self.number}"


def read_lines(source: str) -> Iterator[Line]:
    """The lines of a path or of `-`, lazily; raises UsageError with the place when reading cannot go on."""
    name = "standard input" if source == STANDARD_INPUT else source
    number = 0
    try:
        with _opened(source) as raw, _unpacked(raw) as stream:
            while data := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(data) > MAX_LINE_BYTES:
                    msg = f"{name}:{number}: the line is longer than {MAX_LINE_BYTES} bytes: give a file of JSON lines"
                    raise UsageError(msg)
                data = data.rstrip(b"\r\n")
                if data and not data.isspace():
                    yield Line(name, number, data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        msg = f"{name}:{number + 1}: the gzip data is damaged or cut off ({error}): fetch the file again"
        raise UsageError(msg) from error
    except OSError as error:
        place = f"{name}:{number + 1}" if number else name
        msg = f"{place}: cannot be read ({error.strerror or error}): check the path and its permissions"
        raise UsageError(msg) from error


def _opened(source: str) -> IO[bytes] | nullcontext[IO[bytes]]:
    """The bytes as stored; standard input is left open, it is not ours."""
    return nullcontext(sys.stdin.buffer) if source == STANDARD_INPUT else open(source, "rb")  # noqa: PTH123 - may be a pipe


def _unpacked(raw: IO[bytes]) -> IO[bytes] | nullcontext[IO[bytes]] | gzip.GzipFile:
    """The text, whatever the file is called: gzip shows in the first two bytes."""
    assert isinstance(raw, io.BufferedReader)
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP_MAGIC else nullcontext(raw)
