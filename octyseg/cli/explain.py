"""`octyseg explain`: why a profile is in a segment or not, and what would change that next."""

from typing import Annotated, Any

import msgspec
import typer

from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, warn
from octyseg.cli.session import begin, open_log, read_registry, run
from octyseg.engine.explain import Explanation
from octyseg.model.change import rfc3339
from octyseg.settings import Settings

_SAID = {True: "yes", False: "no", None: "unknown"}


def explain(
    profile_id: Annotated[str, typer.Argument(help="The id under which its events come.", show_default=False)],
    segment: Annotated[str, typer.Argument(help="The segment's name or id.", show_default=False)],
    output: Form = "table",
) -> None:
    """Why a profile is in a segment or not: events, steps, conditions, and what would change it next."""
    found, behind = run(_explain(begin(), profile_id, segment))
    if behind:
        warn([f"{behind} events of this partition are not applied yet: start `octyseg worker live`, or wait for it"])
    if output == "json":
        print_json(_public(found))
    else:
        _print(found)


async def _explain(loaded: Settings, profile_id: str, segment: str) -> tuple[Explanation, int]:
    from octyseg.hosting.assembly import rules_of
    from octyseg.stages.explaining import explain_membership

    async with open_log(loaded, writes=False) as log:
        registry = await read_registry(log, loaded)
        rules = rules_of(loaded)
        return await explain_membership(log, loaded.namespace, registry, rules, profile_id=profile_id, segment=segment)


def _public(found: Explanation) -> dict[str, Any]:
    """The explanation with times as RFC 3339."""
    shown: dict[str, Any] = msgspec.to_builtins(found)
    for values in (shown, *shown["sequences"], *shown["next"]):
        for name in ("as_of_ms", "since_ms", "deadline_ms", "at_ms"):
            if name in values:
                at_ms = values.pop(name)
                values[name.removesuffix("_ms")] = None if at_ms is None else rfc3339(at_ms)
    for leaf in shown["conditions"]:
        leaf["decided_by"] = [{"at": rfc3339(at_ms), "offset": offset} for at_ms, offset in leaf["decided_by"]]
    return shown


def _print(found: Explanation) -> None:
    answer = "in" if found.member else "not in"
    rows: list[tuple[str, object]] = [
        ("profile", found.profile_id),
        ("segment", f"{found.segment_tag} ({found.segment_id}, {found.segment_type}, version {found.version})"),
        ("answer", answer),
        ("since", None if found.since_ms is None else rfc3339(found.since_ms)),
        ("decided by", ", ".join(found.decided_by) or None),
        ("how", found.status),
        ("as of", rfc3339(found.as_of_ms)),
    ]
    if found.says is not None and found.says is not found.member:
        rows.insert(3, ("its rule says", "in" if found.says else "not in"))
    print_table(("", ""), [row for row in rows if row[1] is not None])
    if found.sequences:
        typer.echo()
        print_table(
            ("STEP", "AWAITS", "UNTIL", "EVENTS"),
            [
                (f"{one.steps_done} of {one.steps}", one.awaits, rfc3339(one.deadline_ms), ", ".join(one.events))
                for one in found.sequences
            ],
        )
    if found.conditions:
        typer.echo()
        print_table(
            ("CONDITION", "FOUND", "HOLDS"), [(one.asks, one.found, _SAID[one.holds]) for one in found.conditions]
        )
    typer.echo()
    turns = [(one.what, None if one.at_ms is None else rfc3339(one.at_ms)) for one in found.next]
    print_table(("WHAT WOULD CHANGE IT", "AT"), turns)
