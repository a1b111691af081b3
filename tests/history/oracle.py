"""What segments of the past mean, written down once more and as plainly as can be: one profile, one definition."""

from itertools import permutations

DAY_MS = 24 * 60 * 60 * 1000


class Happened:
    """One event of a profile; `place` orders events of one time."""

    def __init__(self, at_ms, place, event_type, properties, event_id=None):
        self.at_ms, self.place = at_ms, place
        self.event_type, self.properties, self.event_id = event_type, properties, event_id


def once(events):
    """Of the copies of an event within a day, told by type and id, the first in the log."""
    kept, before = [], {}
    for event in sorted(events, key=lambda event: event.place):
        name = event.event_type, event.event_id
        at_ms = before.get(name)
        if event.event_id is None or at_ms is None or abs(event.at_ms - at_ms) > DAY_MS:
            kept.append(event)
        before[name] = event.at_ms
    return kept


def matches(event, step, octy):
    """Type and every property."""
    return event.event_type == step.event_type and all(
        name in event.properties and equal(value, event.properties[name], octy)
        for name, value in step.event_properties.items()
    )


def equal(wanted, found, octy):
    """A boolean is no number, a number is one whatever its form; Octy takes text for either."""
    if octy and isinstance(wanted, str) and not isinstance(found, str) and found is not None:
        return wanted == (str(found).lower() if isinstance(found, bool) else str(found))
    if isinstance(wanted, bool) or isinstance(found, bool):
        return wanted is found
    return (type(wanted) is type(found) and wanted == found) or (
        isinstance(wanted, int | float) and isinstance(found, int | float) and wanted == found
    )


def is_past_member(definition, events, profile_data, as_of_ms):
    """Whether the profile is in a past segment, with the events and the properties it has."""
    low_ms = as_of_ms - definition.segment_timeframe * DAY_MS
    octy = definition.compat == "octy"
    window = [event for event in once(events) if low_ms < event.at_ms <= as_of_ms]
    window.sort(key=lambda event: (event.at_ms, event.place))
    actions = [step for step in definition.event_sequence if step.action_inaction == "action"]
    inactions = [step for step in definition.event_sequence if step.action_inaction == "inaction"]
    orders = [actions] if definition.ordered else permutations(actions)
    ends = [end for order in orders for end in ends_of(order, window, octy)]
    if not ends:
        return False
    after = -1
    if definition.inaction_scope == "after_last_action":
        # The last event that any of the actions may be, once all of them were done.
        last = actions[-1:] if definition.ordered else actions
        after = max(place for place, event in enumerate(window) if any(matches(event, step, octy) for step in last))
    if any(matches(event, step, octy) for event in window[after + 1 :] for step in inactions):
        return False
    name = definition.profile_property_name
    return name is None or (name in profile_data and equal(definition.profile_property_value, profile_data[name], octy))


def ends_of(steps, window, octy, start=0):
    """Where in the window the steps may have been done, one after the other."""
    if not steps:
        return [start - 1]
    found = []
    for place in range(start, len(window)):
        if matches(window[place], steps[0], octy):
            found += ends_of(steps[1:], window, octy, place + 1)
    return found
