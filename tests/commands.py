"""Whether words that are written down somewhere are a command of octyseg."""

import typer.main

from octyseg.cli.verbs import application


def assert_is_a_command(words):
    """They are read as a verb and its arguments; nothing is run."""
    command, words = typer.main.get_command(application), [str(word) for word in words]
    while hasattr(command, "commands"):
        assert words[0] in command.commands, words
        command, words = command.commands[words[0]], words[1:]
    command.make_context("asked", words)
