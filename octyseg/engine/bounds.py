"""How much is known of one profile at most: its outcome is one record on the log, and has to fit into it.

Robots and tests open sequences by the thousand and are described by ever new attributes. What goes beyond a bound
is left out or refused by rule, the same however records are chunked. Whatever comes past all of them is made to
fit when it is to be written, because an outcome that cannot be written would be decided again for ever.
"""

from octyseg.engine.state import ProfileState, encode_state

# Of all segments together; the oldest go.
OPEN_INSTANCES = 1_000
# Merged profiles whose repeats are known, twice: by what was handed over, and by their later records.
CHILDREN_KNOWN = 1_000
ATTRIBUTE_BYTES = 64 * 1024
STATE_BYTES = 300_000
# After so many changes of a profile an outcome is made of them, though the feed goes on.
CHANGES_TOLD_AT_ONCE = 100


def fitted(state: ProfileState) -> bytes:
    """The state, encoded; of one that is too large the older half of what it remembers goes, as often as need be."""
    encoded = encode_state(state)
    if len(encoded) <= STATE_BYTES:
        return encoded
    # What is handed over was made to fit when it was a state.
    most = STATE_BYTES + len(state.handing or b"")
    while len(encoded) > most and (state.instances or state.performed or state.united):
        del state.instances[: -(len(state.instances) // 2) or None]
        for key, entries in list(state.performed.items()):
            # They begin with the newest.
            state.performed[key] = entries[: len(entries) // 2]
            if not state.performed[key]:
                del state.performed[key]
        for child in list(state.united)[: -(len(state.united) // 2) or None]:
            del state.united[child]
        encoded = encode_state(state)
    return encoded
