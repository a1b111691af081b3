"""`octyseg get`: what is defined, what is known of a profile, runs, and what was refused."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from octyseg.cli.asking import ask, may_ask
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, warn
from octyseg.cli.remote import part
from octyseg.cli.session import begin
from octyseg.errors import ProjectionUnavailable, SettingsError

if TYPE_CHECKING:
    from octyseg.service.access import Access

group = typer.Typer(no_args_is_help=True, help="Look at definitions, profiles, runs and dead letters.")


@group.command("segments")
@may_ask
def segments(output: Form = "table") -> None:
    """All segments with their state and how many profiles are members."""
    found = ask(begin(), lambda api: api.get("/v2/segments"), _segments)
    if output == "json":
        print_json(found)
    else:
        columns = ("segment_name", "segment_id", "segment_type", "version", "segment_status", "profile_count")
        print_table([name.upper() for name in columns], [[segment[name] for name in columns] for segment in found])


@group.command("event-types")
@may_ask
def event_types(output: Form = "table") -> None:
    """The declared event types; those of the system need no declaration."""
    from octyseg.service import definitions

    declared = ask(begin(), lambda api: api.get("/v2/event-types"), definitions.event_types)
    if output == "json":
        print_json(declared)
    else:
        rows = [(one["event_type"], ", ".join(one["event_properties"])) for one in declared]
        print_table(("EVENT TYPE", "PROPERTIES"), rows)


@group.command("runs")
@may_ask
def runs(output: Form = "table") -> None:
    """Runs of the batch agent, the newest first."""
    from octyseg.service import runs as runs_of

    found = ask(begin(), lambda api: api.get("/v2/runs"), runs_of.listing)
    if output == "json":
        print_json(found)
    else:
        columns = ("run_id", "segment", "trigger", "status", "as_of", "slices", "members", "added", "removed", "error")
        print_table([name.upper() for name in columns], [[one[name] for name in columns] for one in found])


@group.command("dead-letters")
@may_ask
def dead_letters(
    last: Annotated[int, typer.Option("-n", "--last", min=1, max=1_000, help="How many of the last.")] = 20,
    output: Form = "table",
) -> None:
    """Records that were refused, the newest first: what is wrong with them, and where they came from."""
    from octyseg.service import deadletters

    found = ask(
        begin(),
        lambda api: api.get("/v2/dead-letters", limit=last)["items"],
        lambda access: deadletters.last(access, last),
    )
    if output == "json":
        print_json(found)
    else:
        rows = [
            (one["refused_at"], one["reason"], one["error"], one["key"], one["topic"], one["source"]) for one in found
        ]
        print_table(("REFUSED AT", "REASON", "WHAT IS WRONG", "KEY", "TOPIC", "PLACE"), rows)


@group.command("profile")
@may_ask
def profile(
    profile_id: Annotated[str, typer.Argument(help="The id under which its events come.", show_default=False)],
    output: Form = "table",
) -> None:
    """A profile with its attributes and tags."""
    found = ask(
        begin(),
        lambda api: api.get(f"/v2/profiles/{part(profile_id)}"),
        lambda access: _profile(access, profile_id),
        projection=True,
    )
    if output == "json":
        print_json(found)
        return
    tags = found.pop("tags")
    print_table(("ATTRIBUTE", "VALUE"), found.items())
    if tags:
        typer.echo()
        print_table(("TAG", "SEGMENT", "SINCE"), [(t["segment_tag"], t["segment_id"], t["created_at"]) for t in tags])


async def _segments(access: "Access") -> list[dict[str, Any]]:
    """Members are not counted, with a warning, when Redis cannot be asked: the definitions are worth seeing."""
    from octyseg.projection.connection import open_redis
    from octyseg.service import definitions

    found = await definitions.segments(access)
    members: dict[str, int] | None = None
    try:
        async with open_redis(access.settings) as redis:
            shown = access.over(redis)
            await shown.bring_up()
            members = (await shown.reader.counts()).members
    except (ProjectionUnavailable, SettingsError) as error:
        warn([f"members are not counted: {error}"])
    return [one | {"profile_count": None if members is None else members.get(one["segment_id"], 0)} for one in found]


async def _profile(access: "Access", profile_id: str) -> dict[str, Any]:
    from octyseg.service import profiles

    await access.bring_up()
    return profiles.shown(await profiles.profile(access, profile_id))
