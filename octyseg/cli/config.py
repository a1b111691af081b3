"""`octyseg config`: the settings in force, and where each came from."""

import typer

from octyseg import settings
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table

group = typer.Typer(no_args_is_help=True, help="Look at the settings.")


@group.callback()
def _settings() -> None:
    """Keep `show` a word of its own, also while it is the only one."""


@group.command("show")
def show(output: Form = "table") -> None:
    """Every setting with its value and source; passwords are masked."""
    shown = list(settings.show(settings.load()))
    if output == "json":
        print_json([line._asdict() for line in shown])
    else:
        print_table(("SETTING", "VALUE", "SOURCE", "MEANING"), shown)
