"""`octyseg diff`: how a file of definitions differs from the ones in force, for scripts by its exit code."""

from pathlib import Path

import typer

from octyseg.cli import plan as plans
from octyseg.cli.options import File, Form
from octyseg.cli.session import begin, open_log, run
from octyseg.errors import OctysegError, UsageError
from octyseg.model.plan import Plan
from octyseg.settings import Settings


def diff(file: File, output: Form = "table") -> None:
    """Show what applying the file would do. Exit code 0: nothing, 1: something, 2: it cannot be told."""
    try:
        plan = run(_plan(begin(), file))
    except UsageError:
        raise
    except OctysegError as error:
        # Any other error has exit code 1, which here would read as a difference.
        raise UsageError(str(error)) from error
    plans.show(plan, output, done=False)
    if not plan.is_empty:
        raise typer.Exit(1)


async def _plan(loaded: Settings, file: Path) -> Plan:
    async with open_log(loaded, writes=False) as log:
        return await plans.plan_file(log, loaded, file)
