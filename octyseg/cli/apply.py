"""`octyseg apply`: make the definitions of a file the ones in force; all others stay as they are."""

from typing import Annotated

import typer

from octyseg.cli import plan as plans
from octyseg.cli.options import File, Form
from octyseg.cli.session import begin


def apply(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    output: Form = "table",
) -> None:
    """Create and change what the file defines. Applying it twice changes nothing more."""
    planned = plans.plan_of(begin(), file, dry_run=dry_run, writes=True)
    plans.show(planned, output, done=not dry_run)
