"""Engine and oracle side by side: the first change in which they differ, not two long lists."""

from tests.simulation.oracle import Expected


def told_by(outcomes):
    """What the oracle can foresee of the changes in outcomes, per profile in order."""
    changes = {}
    for profile_id, outcome in outcomes:
        for change in outcome.changes:
            changes.setdefault(profile_id, []).append(
                Expected(
                    change.segment_id,
                    change.kind,
                    change.reason,
                    change.occurred_at_ms,
                    change.cause,
                    change.change_id,
                )
            )
    return changes


def assert_agreement(outcomes, expected):
    """Every profile has exactly the expected changes, in order."""
    told = told_by(outcomes)
    for profile_id in sorted({*told, *expected}):
        ours, theirs = told.get(profile_id, []), expected.get(profile_id, [])
        both = zip(ours + [None] * len(theirs), theirs + [None] * len(ours), strict=True)
        for number, (one, other) in enumerate(both):
            if one and other and other.occurred_at_ms is None:
                one = one._replace(occurred_at_ms=None)  # noqa: PLW2901 - when a sweep comes by is not foretold
            assert one == other, f"change {number} of {profile_id}: told {one}, expected {other}"
