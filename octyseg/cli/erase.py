"""`octyseg erase`: have everything about a profile forgotten."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octyseg.cli.asking import ask
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.remote import Api, part
from octyseg.cli.session import begin

if TYPE_CHECKING:
    from octyseg.service.access import Access

_LOOK_EVERY_S = 0.5


def erase(
    profile_id: Annotated[str, typer.Argument(help="The id under which its events come.", show_default=False)],
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until nothing is left: history is looked at each minute.")
    ] = False,
    output: Form = "table",
) -> None:
    """Forget a profile: its tags are taken back, its state, attributes and history go. It cannot be undone."""

    def over_http(api: Api) -> dict[str, Any]:
        found: dict[str, Any] = api.delete(f"/v2/profiles/{part(profile_id)}")
        while wait and found["status"] != "done":
            time.sleep(_LOOK_EVERY_S)
            found = api.get(f"/v2/erasures/{found['erasure_id']}")
        return found

    async def here(access: "Access") -> dict[str, Any]:
        from octyseg.service import erasing

        found = await erasing.erase(access, profile_id)
        while wait and found["status"] != "done":
            await asyncio.sleep(_LOOK_EVERY_S)
            found = await erasing.erasure(access, found["erasure_id"])
        return found

    found = ask(begin(), over_http, here, projection=True)
    if output == "json":
        print_json(found)
        return
    print_table(
        ("", ""), [("erasure", found["erasure_id"]), ("status", found["status"]), *found["erased_from"].items()]
    )
    if found["status"] != "done":
        tell("the workers are at it: state and Redis at once, history within a minute or two")
