import os
import pty
import subprocess
import sys

import pytest
from typer.main import get_command

from octyseg import __version__
from octyseg.cli.verbs import application
from octyseg.errors import LogDamaged


def test_version_is_that_of_the_package(octyseg):
    assert octyseg("--version") == (0, f"octyseg {__version__}\n", "")


def test_an_unknown_verb_is_asked_wrongly(octyseg):
    code, out, err = octyseg("frobnicate")
    assert (code, out) == (2, "")
    assert "frobnicate" in err


def test_an_error_is_one_line_on_stderr_without_a_traceback(octyseg, monkeypatch):
    monkeypatch.setenv("OCTYSEG_PARTITONS", "3")
    code, out, err = octyseg("get", "segments")
    assert (code, out) == (2, "")
    assert err == "octyseg: OCTYSEG_PARTITONS is not a setting: did you mean OCTYSEG_PARTITIONS?\n"


def test_a_failure_of_the_world_has_exit_code_one(octyseg, segments_file, monkeypatch):
    def damaged(*_):
        message = "log file x fails its checksum"
        raise LogDamaged(message)

    monkeypatch.setattr("octyseg.cli.validate.definitions_in", damaged)
    assert octyseg("validate", "-f", segments_file) == (1, "", "octyseg: log file x fails its checksum\n")


def test_a_bug_is_one_line_too_unless_tracebacks_are_wanted(octyseg, segments_file, monkeypatch):
    def broken(*_):
        return {}["a bug"]

    monkeypatch.setattr("octyseg.cli.validate.definitions_in", broken)
    code, _, err = octyseg("validate", "-f", segments_file)
    assert code == 1
    assert err.startswith("octyseg: internal error, KeyError: 'a bug'; `octyseg --debug ...` shows where")
    with pytest.raises(KeyError, match="a bug"):
        octyseg("--debug", "validate", "-f", segments_file)


@pytest.mark.parametrize("words", [[], ["get"], ["delete"], ["topics"], ["projection"], ["config"]])
def test_without_a_verb_the_help_is_shown(octyseg, words):
    code, out, err = octyseg(*words)
    assert code in (0, 2)
    assert "Usage: octyseg" in out + err


def test_every_verb_and_option_is_described():
    def verbs(command, path):
        yield path, command
        for name, child in getattr(command, "commands", {}).items():
            yield from verbs(child, f"{path} {name}")

    bare = [path for path, command in verbs(get_command(application), "octyseg") if not command.help]
    undescribed = [
        f"{path} {option.name}"
        for path, command in verbs(get_command(application), "octyseg")
        for option in command.params
        if not getattr(option, "help", None)
    ]
    assert (bare, undescribed) == ([], [])


def test_help_needs_no_settings_and_no_colour_is_honoured(monkeypatch):
    environment = {"OCTYSEG_NONSENSE": "1", "NO_COLOR": "1", "PATH": ""}
    shown = subprocess.run(
        [sys.executable, "-c", "from octyseg.cli import main; main()", "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "validate" in shown.stdout
    assert "\x1b[" not in shown.stdout


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    words = [sys.executable, "-c", "from octyseg.cli import main; main()", "simulate", "--events", "100000"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"{")
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_errors_are_coloured_on_a_terminal_that_wants_it(no_color, coloured):
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", "from octyseg.cli import main; main()", "config", "show"]
    environment = {"OCTYSEG_NONSENSE": "1", "NO_COLOR": no_color, "TERM": "xterm"}
    ended = subprocess.run(words, env=environment, stderr=theirs, check=False)
    os.close(theirs)
    shown = os.read(ours, 10_000)
    os.close(ours)
    assert ended.returncode == 2
    assert b"OCTYSEG_NONSENSE is not a setting" in shown
    assert (b"\x1b[" in shown) is coloured
