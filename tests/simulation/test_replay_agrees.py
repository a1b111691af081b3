"""Replaying a file of records says what the oracle says of the same records, arrived at their own time."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from octyseg.engine.catalog import Catalog
from octyseg.hosting.replay import replay
from tests.engine.agreement import assert_agreement
from tests.engine.histories import records, segments
from tests.engine.story import RULES, time_of
from tests.simulation.oracle import expected_changes
from tests.tries import tries


class Told(msgspec.Struct):
    """Changes of one profile, in the shape in which outcomes carry them."""

    changes: list


@tries(100)
@given(segments(), records(), st.sampled_from([0, 20, 350]))
def test_a_replay_agrees_with_the_oracle(segments, records, grace_ms):
    rules = msgspec.structs.replace(RULES, grace_ms=grace_ms, forgets=False)
    lines = [record.value for record in records]
    changes = list(replay(lines, Catalog(segments), rules, drain=True, on_refusal=lambda *_: None))
    arrived, clock_ms = [], 0
    for offset, record in enumerate(records):
        # The clock of a replay is the event time of the records, and never goes back.
        clock_ms = max(clock_ms, time_of(record))
        arrived.append(record._replace(offset=offset, timestamp=clock_ms))
    told = [(change.profile_id, Told([change])) for change in changes]
    assert_agreement(told, expected_changes(segments, arrived, rules, topic="replay"))
