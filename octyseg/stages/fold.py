"""The newest state of every profile of a partition, or of one, for readers that do not own it.

The rebuild and the check of the projection ask here, and explanations. What counts is decided by
octyseg.stages.restore, so that they see what an owner would.
"""

from collections.abc import Mapping
from typing import NamedTuple

from octyseg.engine.state import ProfileState
from octyseg.log.port import Log
from octyseg.model.outcome import Adopted
from octyseg.stages.outcomes import state_in
from octyseg.stages.restore import read_outcomes, read_states


class Fold(NamedTuple):
    """Encoded states by profile id as of the offset `end` of outcomes, and the epoch that holds there.

    `adopted` says how far each dynamic segment has come.
    """

    states: dict[str, bytes]
    end: int
    epoch: int
    adopted: Mapping[str, Adopted] = {}

    def state(self, profile_id: str) -> ProfileState:
        """One state, decoded."""
        return state_in(profile_id, self.states[profile_id])


async def fold(log: Log, namespace: str, partition: int, only: str | None = None) -> Fold:
    """Read the partition's states back as of now; with `only` that of one profile, in the memory that one takes."""
    restored = await read_states(log, namespace + "state", partition, only)
    outcomes = namespace + "outcomes"
    end = (await log.ends(outcomes, [partition]))[partition]
    await read_outcomes(log, outcomes, partition, end, restored)
    states = {profile_id: newest.state for profile_id, newest in restored.profiles.items() if newest.state is not None}
    return Fold(states, end, restored.epoch, restored.adopted)
