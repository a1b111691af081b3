"""`octyseg apply`: make the definitions of a file the ones in force; all others stay as they are."""

from pathlib import Path
from typing import Annotated

import typer

from octyseg.cli import plan as plans
from octyseg.cli.options import File, Form
from octyseg.cli.session import begin, open_log, run
from octyseg.model.plan import Plan
from octyseg.settings import Settings


def apply(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    output: Form = "table",
) -> None:
    """Create and change what the file defines. Applying it twice changes nothing more."""
    plan = run(_apply(begin(), file, dry_run=dry_run))
    plans.show(plan, output, done=not dry_run)


async def _apply(loaded: Settings, file: Path, *, dry_run: bool) -> Plan:
    async with open_log(loaded, writes=True) as log:
        plan = await plans.plan_file(log, loaded, file)
        if not dry_run:
            await plans.carry_out(log, loaded, plan)
        return plan
