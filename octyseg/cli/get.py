"""`octyseg get`: what is defined, and what is known of a profile."""

from typing import Annotated, Any

import typer

from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, warn
from octyseg.cli.run import shown
from octyseg.cli.session import begin, bring_up, open_log, open_projection, read_registry, run
from octyseg.errors import OctysegError, ProjectionUnavailable, SettingsError
from octyseg.log.port import Log
from octyseg.model.change import rfc3339
from octyseg.settings import Settings
from octyseg.stages.runs import read_ledger

group = typer.Typer(no_args_is_help=True, help="Look at definitions and profiles.")


@group.command("segments")
def segments(output: Form = "table") -> None:
    """All segments with their state and how many profiles are members."""
    found = run(_segments(begin()))
    if output == "json":
        print_json(found)
    else:
        columns = ("segment_name", "segment_id", "segment_type", "version", "segment_status", "profile_count")
        print_table([name.upper() for name in columns], [[segment[name] for name in columns] for segment in found])


@group.command("event-types")
def event_types(output: Form = "table") -> None:
    """The declared event types; those of the system need no declaration."""
    declared = run(_event_types(begin()))
    if output == "json":
        print_json(declared)
    else:
        rows = [(one["event_type"], ", ".join(one["event_properties"])) for one in declared]
        print_table(("EVENT TYPE", "PROPERTIES"), rows)


@group.command("runs")
def runs(output: Form = "table") -> None:
    """Runs of the batch agent, the newest first."""
    found = run(_runs(begin()))
    if output == "json":
        print_json(found)
    else:
        columns = ("run_id", "segment", "trigger", "status", "as_of", "slices", "members", "added", "removed", "error")
        print_table([name.upper() for name in columns], [[one[name] for name in columns] for one in found])


@group.command("profile")
def profile(
    profile_id: Annotated[str, typer.Argument(help="The id under which its events come.", show_default=False)],
    output: Form = "table",
) -> None:
    """A profile with its attributes and tags."""
    found = run(_profile(begin(), profile_id))
    if output == "json":
        print_json(found)
        return
    tags = found.pop("tags")
    print_table(("ATTRIBUTE", "VALUE"), found.items())
    if tags:
        typer.echo()
        print_table(("TAG", "SEGMENT", "SINCE"), [(t["segment_tag"], t["segment_id"], t["created_at"]) for t in tags])


async def _runs(loaded: Settings) -> list[dict[str, Any]]:
    async with open_log(loaded, writes=False) as log:
        registry = await read_registry(log, loaded)
        names = {stored.segment_id: stored.definition.segment_name for stored in registry.history()}
        ledger = await read_ledger(log, loaded.topic("runs"))
    return [shown(one, names.get(one.segment_id, one.segment_id)) for one in ledger.runs()]


async def _segments(loaded: Settings) -> list[dict[str, Any]]:
    async with open_log(loaded, writes=False) as log:
        registry = await read_registry(log, loaded)
        members = await _members(loaded, log)
    return [
        {
            "segment_id": stored.segment_id,
            **stored.definition.model_dump(mode="json"),
            "segment_status": stored.status,
            "version": stored.version,
            "profile_count": None if members is None else members.get(stored.segment_id, 0),
            "created_at": rfc3339(stored.created_at_ms),
            "updated_at": rfc3339(stored.updated_at_ms),
        }
        for stored in registry.segments()
    ]


async def _members(loaded: Settings, log: Log) -> dict[str, int] | None:
    """Members by segment; None, with a warning, when Redis cannot be asked: the definitions are worth seeing."""
    try:
        async with open_projection(loaded, log) as projection:
            await bring_up(projection, loaded)
            return (await projection.reader.counts()).members
    except (ProjectionUnavailable, SettingsError) as error:
        warn([f"members are not counted: {error}"])
        return None


async def _event_types(loaded: Settings) -> list[dict[str, Any]]:
    async with open_log(loaded, writes=False) as log:
        return [declared.model_dump(mode="json") for declared in (await read_registry(log, loaded)).declared()]


async def _profile(loaded: Settings, profile_id: str) -> dict[str, Any]:
    import msgspec

    from octyseg.log.topics import partition_of

    async with open_log(loaded, writes=False) as log, open_projection(loaded, log) as projection:
        await bring_up(projection, loaded, partition_of(profile_id, projection.reader.partitions))
        found = await projection.reader.profile(profile_id)
    if found is None:
        msg = f"there is no profile {profile_id}: no event of it has opened a sequence or earned a tag"
        raise OctysegError(msg)
    shown: dict[str, Any] = msgspec.to_builtins(found)
    for name in ("created_at", "updated_at"):
        if name in shown:
            shown[name] = rfc3339(shown[name])
    shown["tags"] = [tag | {"created_at": rfc3339(tag["created_at"])} for tag in shown["tags"]]
    return shown
