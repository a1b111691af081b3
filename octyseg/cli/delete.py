"""`octyseg delete`: take definitions out of force; the tags of a deleted segment are removed by its workers."""

from typing import Annotated

import typer

from octyseg.cli import plan as plans
from octyseg.cli.options import Form
from octyseg.cli.session import begin, open_log, read_registry, run
from octyseg.model.plan import Plan
from octyseg.settings import Settings

group = typer.Typer(no_args_is_help=True, help="Delete definitions.")


@group.command("segment")
def segment(
    name: Annotated[list[str], typer.Argument(help="Names or ids of segments.", show_default=False)],
    output: Form = "table",
) -> None:
    """Stop matching at once, and remove the tags. Deleting twice is no error."""
    plans.show(run(_delete(begin(), name)), output, done=True)


async def _delete(loaded: Settings, wanted: list[str]) -> Plan:
    from octyseg.model.deletion import plan_delete

    async with open_log(loaded, writes=False) as log:
        registry = await read_registry(log, loaded)
        plan = plans.without_problems(plan_delete(registry, wanted, now_ms=plans.now_ms()))
        await plans.carry_out(log, loaded, plan)
        return plan
