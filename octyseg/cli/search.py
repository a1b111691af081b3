"""`octyseg search`: profiles, or members of a segment, by the beginning of an id or a customer_id."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from octyseg.cli.asking import ask
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.remote import Api, part
from octyseg.cli.session import begin

if TYPE_CHECKING:
    from octyseg.service.access import Access
    from octyseg.service.profiles import Page


def search(
    text: Annotated[str, typer.Argument(help="Beginning of a profile_id, or a customer_id.")] = "",
    segment: Annotated[str | None, typer.Option("--segment", help="Only members of this segment.")] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1_000, help="How many at most.")] = 20,
    output: Form = "table",
) -> None:
    """Find profiles. Without a text: the first ones, or who entered the segment first."""
    found = ask(
        begin(),
        lambda api: _over_http(api, text, segment, limit),
        lambda access: _here(access, text, segment, limit),
        projection=True,
    )
    if output == "json":
        print_json(found)
    elif segment is not None:
        print_table(("PROFILE", "SINCE"), [(one["profile_id"], one["since"]) for one in found])
    else:
        rows = [
            (one["profile_id"], one.get("customer_id"), ", ".join(tag["segment_tag"] for tag in one["tags"]))
            for one in found
        ]
        print_table(("PROFILE", "CUSTOMER", "TAGS"), rows)
    if not found:
        tell("nobody was found")


def _over_http(api: Api, text: str, segment: str | None, limit: int) -> list[dict[str, Any]]:
    path = "/v2/profiles" if segment is None else f"/v2/segments/{part(segment)}/members"
    found: list[dict[str, Any]] = []
    after = None
    while len(found) < limit:
        page = api.get(path, q=text or None, limit=limit - len(found), after=after)
        found += page["items"]
        after = page["next"]
        if after is None:
            break
    return found


async def _here(access: "Access", text: str, segment: str | None, limit: int) -> list[dict[str, Any]]:
    from octyseg.service import members, profiles

    await access.bring_up()
    found: list[dict[str, Any]] = []
    after: str | None = None
    while len(found) < limit:
        page: Page
        if segment is None:
            page = await profiles.search(access, text, after, limit - len(found))
        elif text:
            page = await members.search(access, segment, text, after, limit - len(found))
        else:
            page = await members.page(access, segment, after, limit - len(found))
        found += page.found
        after = page.after
        if after is None:
            break
    return found
