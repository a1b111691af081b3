"""Event ids that were seen: producers repeat themselves."""

import xxhash

from octyseg.engine.rules import DEDUPE_IDS, DEDUPE_WINDOW_MS
from octyseg.engine.state import ProfileState


def is_repeat(state: ProfileState, event_id: str, at_ms: int) -> bool:
    """Whether this event id was seen within a day of event time; remembers it when not."""
    digest = xxhash.xxh3_64_intdigest(event_id.encode())
    seen = state.seen
    if digest in seen:
        if abs(at_ms - seen[digest]) <= DEDUPE_WINDOW_MS:
            return True
        del seen[digest]
    seen[digest] = at_ms
    if len(seen) > DEDUPE_IDS:
        del seen[next(iter(seen))]
    return False
