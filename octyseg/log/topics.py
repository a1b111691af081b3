"""The topics of the house: their names, keys and policies, in one table.

`events`, `commands`, `outcomes` and `state` share one partition count and are co-partitioned by
profile (octyseg.model.placement), so one worker owns partition p of all four.
"""

from octyseg.log.port import TopicSpec

DAY_MS = 24 * 60 * 60 * 1000

# name: (compacted, retention in days, co-partitioned by profile)
_POLICIES: dict[str, tuple[bool, int, bool]] = {
    "events": (False, 7, True),
    "commands": (False, 7, True),
    "definitions": (True, 0, False),
    "outcomes": (False, 7, True),
    "state": (True, 0, True),
    "tags": (False, 30, True),
    "deliveries": (False, 30, True),
    "runs": (False, 7, True),
    "deadletter": (False, 30, False),
}

SHORT_NAMES = tuple(_POLICIES)


def specs(prefix: str, partitions: int) -> list[TopicSpec]:
    """Every topic as it should be; `definitions` and `deadletter` have one partition."""
    return [
        TopicSpec(prefix + name, partitions if shared else 1, compacted, -1 if compacted else days * DAY_MS)
        for name, (compacted, days, shared) in _POLICIES.items()
    ]
