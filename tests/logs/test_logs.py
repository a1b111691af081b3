import io
import json
import logging

import pytest
import structlog

from octyseg import logs


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def as_before():
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_pipe_gets_one_json_object_per_line():
    out = io.StringIO()
    logs.configure(stream=out)
    logs.get("octyseg.test").info("partition opened", partition=3)
    line = json.loads(out.getvalue())
    assert (line["event"], line["partition"], line["level"]) == ("partition opened", 3, "info")
    assert line["logger"] == "octyseg.test"


def test_a_terminal_gets_colours_unless_it_does_not_want_them(monkeypatch):
    for wanted, no_color in ((True, ""), (False, "1")):
        monkeypatch.setenv("NO_COLOR", no_color)
        out = Terminal()
        logs.configure(stream=out)
        logs.get("octyseg.test").warning("partition opened")
        assert "partition opened" in out.getvalue()
        assert ("\x1b[" in out.getvalue()) is wanted


def test_a_librarys_warning_goes_the_same_way_and_its_chatter_does_not():
    out = io.StringIO()
    logs.configure(stream=out)
    logging.getLogger("faust.consumer").info("heartbeat %s", 1)
    logging.getLogger("faust.consumer").warning("lost %s", "broker")
    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["event"] == "lost broker"


def test_messages_below_the_level_are_not_shown():
    out = io.StringIO()
    logs.configure(level="warning", stream=out)
    logs.get("octyseg.test").info("unheard")
    assert out.getvalue() == ""


def test_an_exception_stays_inside_its_json_line():
    out = io.StringIO()
    logs.configure(form="json", stream=out)
    try:
        int("disk is gone")
    except ValueError:
        logs.get("octyseg.test").exception("cannot write")
    (line,) = out.getvalue().splitlines()
    assert "disk is gone" in json.loads(line)["exception"]
