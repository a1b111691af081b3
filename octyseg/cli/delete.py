"""`octyseg delete`: take definitions out of force; the tags of a deleted segment are removed by its workers."""

from typing import Annotated, Any

import typer

from octyseg.cli import plan as plans
from octyseg.cli.asking import ask, may_ask
from octyseg.cli.options import Form
from octyseg.cli.remote import Api, part
from octyseg.cli.session import begin

group = typer.Typer(no_args_is_help=True, help="Delete definitions.")


@group.command("segment")
@may_ask
def segment(
    name: Annotated[list[str], typer.Argument(help="Names or ids of segments.", show_default=False)],
    output: Form = "table",
) -> None:
    """Stop matching at once, and remove the tags. Deleting twice is no error."""
    from octyseg.service import definitions

    planned = ask(
        begin(),
        lambda api: _deleted(api, name),
        lambda access: definitions.delete(access, name),
    )
    plans.show(planned, output, done=True)


@group.command("event-type")
@may_ask
def event_type(
    name: Annotated[list[str], typer.Argument(help="Names of declared event types.", show_default=False)],
    output: Form = "table",
) -> None:
    """Forget event types that no segment asks for."""
    from octyseg.service import definitions

    planned = ask(
        begin(),
        lambda api: [api.delete(f"/v2/event-types/{part(one)}") for one in name][-1],
        lambda access: definitions.delete_event_types(access, name),
    )
    plans.show(planned, output, done=True)


def _deleted(api: Api, names: list[str]) -> dict[str, Any]:
    """The plan that carrying out one deletion after the other comes to."""
    planned: dict[str, Any] = {"created": [], "changed": [], "deleted": [], "unchanged": [], "warnings": []}
    for name in names:
        before = api.get(f"/v2/segments/{part(name)}")
        group_name = "deleted" if before["segment_status"] != "pending_deletion" else "unchanged"
        api.delete(f"/v2/segments/{part(before['segment_id'])}")
        shown = {"kind": "segment", "name": before["segment_name"], "id": before["segment_id"], "fields": []}
        planned[group_name].append(shown)
    return planned
