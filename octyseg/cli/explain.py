"""`octyseg explain`: why a profile is in a segment or not, and what would change that next."""

from typing import Annotated, Any

import typer

from octyseg.cli.asking import ask
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, warn
from octyseg.cli.remote import part
from octyseg.cli.session import begin

_SAID = {True: "yes", False: "no", None: "unknown"}


def explain(
    profile_id: Annotated[str, typer.Argument(help="The id under which its events come.", show_default=False)],
    segment: Annotated[str, typer.Argument(help="The segment's name or id.", show_default=False)],
    output: Form = "table",
) -> None:
    """Why a profile is in a segment or not: events, steps, conditions, and what would change it next."""
    from octyseg.service import profiles

    found = ask(
        begin(),
        lambda api: api.get(f"/v2/segments/{part(segment)}/explain/{part(profile_id)}"),
        lambda access: profiles.explain(access, profile_id, segment),
    )
    behind = found.pop("events_behind")
    if behind:
        warn([f"{behind} events of this partition are not applied yet: start `octyseg worker live`, or wait for it"])
    if output == "json":
        print_json(found)
    else:
        _print(found)


def _print(found: dict[str, Any]) -> None:
    answer = "in" if found["member"] else "not in"
    kind = f"{found['segment_id']}, {found['segment_type']}, version {found['version']}"
    rows: list[tuple[str, object]] = [
        ("profile", found["profile_id"]),
        ("segment", f"{found['segment_tag']} ({kind})"),
        ("answer", answer),
        ("since", found["since"]),
        ("decided by", ", ".join(found["decided_by"]) or None),
        ("how", found["status"]),
        ("as of", found["as_of"]),
    ]
    if found["says"] is not None and found["says"] is not found["member"]:
        rows.insert(3, ("its rule says", "in" if found["says"] else "not in"))
    print_table(("", ""), [row for row in rows if row[1] is not None])
    if found["sequences"]:
        typer.echo()
        print_table(
            ("STEP", "AWAITS", "UNTIL", "EVENTS"),
            [
                (f"{one['steps_done']} of {one['steps']}", one["awaits"], one["deadline"], ", ".join(one["events"]))
                for one in found["sequences"]
            ],
        )
    if found["conditions"]:
        typer.echo()
        print_table(
            ("CONDITION", "FOUND", "HOLDS"),
            [(one["asks"], one["found"], _SAID[one["holds"]]) for one in found["conditions"]],
        )
    typer.echo()
    print_table(("WHAT WOULD CHANGE IT", "AT"), [(one["what"], one["at"]) for one in found["next"]])
