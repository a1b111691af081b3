"""A verb of the program in this process: through its own door, without the second that it takes to load one."""

import io
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import NamedTuple
from unittest.mock import patch

import structlog

from octyseg import cli
from octyseg.cli.verbs import debug


class Ended(NamedTuple):
    """What a process would have left behind."""

    code: int
    out: str
    err: str


def run(*words: object, env: Mapping[str, str] | None = None) -> Ended:
    """octyseg WORDS, in this environment or another one. Not while an event loop runs: a verb runs its own."""
    out, err = _Stream(), _Stream()
    with (
        patch.dict(os.environ, {} if env is None else env, clear=env is not None),
        patch.object(sys, "argv", ["octyseg", *map(str, words)]),
        redirect_stdout(out),
        redirect_stderr(err),
        _logging_as_it_was(),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            return Ended(int(ended.code or 0), out.text(), err.text())
    msg = "a verb ends by SystemExit"
    raise AssertionError(msg)


class _Stream(io.TextIOWrapper):
    """Texts and bytes, as the streams of a process take them."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def text(self) -> str:
        """All that was written."""
        self.seek(0)
        return self.read()


@contextmanager
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()
        debug.is_on = False
