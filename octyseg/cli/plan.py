"""How a plan is drawn up and shown: what `apply`, `diff` and `delete` would do or have done."""

import time
from collections.abc import Iterator
from pathlib import Path

from octyseg.cli.output import print_json, tell, warn
from octyseg.cli.session import definitions_in, read_registry
from octyseg.errors import DefinitionError
from octyseg.log.port import Log, NewRecord
from octyseg.model.plan import Plan, Planned
from octyseg.settings import Settings

_SIGNS = (("created", "+", "green"), ("changed", "~", "yellow"), ("deleted", "-", "red"), ("unchanged", "=", None))


def now_ms() -> int:
    """The time that a change made now carries."""
    return time.time_ns() // 1_000_000


async def plan_file(log: Log, loaded: Settings, file: Path) -> Plan:
    """What applying the file to the log would do; DefinitionError when it must not be done."""
    from octyseg.model.ids import new_segment_id
    from octyseg.model.planning import plan

    registry = await read_registry(log, loaded)
    definitions = definitions_in(file, loaded, registry.declared())
    return without_problems(plan(registry, definitions, now_ms=now_ms(), new_id=new_segment_id))


def without_problems(plan: Plan) -> Plan:
    """The plan; its warnings are told, its problems raised."""
    warn(plan.warnings)
    if plan.problems:
        raise DefinitionError(list(plan.problems))
    return plan


async def carry_out(log: Log, loaded: Settings, plan: Plan) -> None:
    """Append the plan's records: all of them or, when the log is away, none."""
    records = [NewRecord(key, value) for key, value in plan.records()]
    if records:
        await log.append(loaded.topic("definitions"), 0, records)


def show(plan: Plan, output: str, *, done: bool) -> None:
    """Print a plan. The ids of new segments are told only once they are theirs."""
    groups = {name: getattr(plan, name) for name, _, _ in _SIGNS}
    if output == "json":
        new = () if done else groups["created"]
        print_json({name: [_plain(one, with_id=one not in new) for one in group] for name, group in groups.items()})
        return
    for name, sign, colour in _SIGNS:
        for planned in groups[name]:
            shown_id = f" ({planned.id})" if planned.kind == "segment" and (done or name != "created") else ""
            tell(f'{sign} {planned.kind} "{planned.name}"{shown_id}', colour, to_stdout=True)
            for line in _fields(planned):
                tell(f"    {line}", to_stdout=True)


def _plain(planned: Planned, *, with_id: bool) -> dict[str, object]:
    plain: dict[str, object] = {"kind": planned.kind, "name": planned.name, "id": planned.id if with_id else None}
    return plain | {"fields": [change._asdict() for change in planned.fields]}


def _fields(planned: Planned) -> Iterator[str]:
    import json

    for change in planned.fields:
        yield f"{change.field}: {json.dumps(change.old)} -> {json.dumps(change.new)}"
