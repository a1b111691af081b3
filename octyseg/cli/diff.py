"""`octyseg diff`: how a file of definitions differs from the ones in force, for scripts by its exit code."""

import typer

from octyseg.cli import plan as plans
from octyseg.cli.options import File, Form
from octyseg.cli.session import begin
from octyseg.errors import OctysegError, UsageError


def diff(file: File, output: Form = "table") -> None:
    """Show what applying the file would do. Exit code 0: nothing, 1: something, 2: it cannot be told."""
    try:
        planned = plans.plan_of(begin(), file, dry_run=True, writes=False)
    except UsageError:
        raise
    except OctysegError as error:
        # Any other error has exit code 1, which here would read as a difference.
        raise UsageError(str(error)) from error
    plans.show(planned, output, done=False)
    if any(planned[name] for name in ("created", "changed", "deleted")):
        raise typer.Exit(1)
