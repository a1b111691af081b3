"""Makes a failing plan small: leaves out actions, in ever smaller runs of them, as long as it still fails.

This is delta debugging on a list. Time is kept: an action that is left out leaves its waiting behind.
"""

from collections.abc import Callable

from tests.simulation.plan import Plan, Produce, Wait


def shrunken(plan: Plan, fails: Callable[[Plan], bool], tries: int = 3_000) -> Plan:
    """A plan with as few actions as could be found that fails too."""
    size = len(plan.actions) // 2
    while size:
        start = 0
        while start < len(plan.actions):
            tries -= 1
            if tries < 0:
                return plan
            gone = plan.actions[start : start + size]
            kept = (*plan.actions[:start], *_waiting(gone), *plan.actions[start + size :])
            smaller = plan._replace(actions=kept)
            if len(kept) < len(plan.actions) and fails(smaller):
                plan = smaller
            else:
                start += size
        size //= 2
    for number in reversed(range(len(plan.segments))):
        smaller = plan._replace(segments=plan.segments[:number] + plan.segments[number + 1 :])
        if smaller.segments and fails(smaller):
            plan = smaller
    return plan


def _waiting(actions):
    """The time that the actions took, as one wait."""
    ms = sum(one.after_ms if isinstance(one, Produce) else one.ms for one in actions if isinstance(one, Produce | Wait))
    return [Wait(ms)] if ms else []


def told(plan: Plan) -> str:
    """The plan for a person to read."""
    lines = [f"seed {plan.seed}: {plan.partitions} partitions, {plan.slots} slots, {plan.options}"]
    lines += [f"  {segment}" for segment in plan.segments]
    lines += [f"  {number:3} {action}" for number, action in enumerate(plan.actions)]
    return "\n".join(lines)
