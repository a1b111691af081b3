"""Definition files as people write them, and ways to change one place of them."""

import pytest

from octyseg.errors import DefinitionError
from octyseg.model.definitions.reading.loading import read_definitions

LIVE_1 = """\
kind: segments
segmentDefinitions:
  - segmentName: Fresh complaint
    segmentType: live
    segmentSubtype: 1
    segmentTimeframe: 0
    eventSequence:
      - eventType: complaint
        expTimeframe: 0
        actionInaction: action
"""
LIVE_2 = """\
kind: segments
segmentDefinitions:
  - segmentName: Left without paying
    segmentType: live
    segmentSubtype: 2
    segmentTimeframe: 0
    eventSequence:
      - eventType: complaint
        expTimeframe: 5
        actionInaction: action
        eventProperties:
          channel: phone
      - eventType: charged
        expTimeframe: 0
        actionInaction: inaction
"""
LIVE_3 = """\
kind: segments
segmentDefinitions:
  - segmentName: Won back
    segmentType: live
    segmentSubtype: 3
    eventSequence:
      - eventType: complaint
        expTimeframe: 60
        actionInaction: action
      - eventType: charged
        actionInaction: action
"""
PAST_1 = """\
kind: segments
segmentDefinitions:
  - segmentName: Complained this month
    segmentType: past
    segmentSubtype: 1
    segmentTimeframe: 30
    eventSequence:
      - eventType: complaint
        expTimeframe: 0
        actionInaction: action
"""
PAST_2 = """\
kind: segments
segmentDefinitions:
  - segmentName: Complained and bought nothing
    segmentType: past
    segmentSubtype: 2
    segmentTimeframe: 60
    eventSequence:
      - eventType: complaint
        expTimeframe: 0
        actionInaction: action
      - eventType: charged
        expTimeframe: 0
        actionInaction: inaction
"""
PAST_3 = """\
kind: segments
segmentDefinitions:
  - segmentName: Complained in gold
    segmentType: past
    segmentSubtype: 3
    segmentTimeframe: 30
    eventSequence:
      - eventType: complaint
        expTimeframe: 0
        actionInaction: action
    profilePropertyName: plan
    profilePropertyValue: gold
"""
DYNAMIC = """\
kind: segments
segmentDefinitions:
  - segmentName: Regulars
    segmentType: dynamic
    conditions:
      all:
        - attribute: profile_data.plan
          operator: eq
          value: gold
        - performed: charged
          eventProperties: {payment_method: visa}
          count: {atLeast: 3}
          within: {days: 60}
"""
STATIC = """\
kind: segments
segmentDefinitions:
  - segmentName: Invited
    segmentType: static
"""


def changed(text, *changes):
    """The file with each (old, new) replaced once; the old must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def without(text, line):
    """The file without the first line that holds this."""
    kept = text.splitlines(keepends=True)
    kept.remove(next(each for each in kept if line in each))
    return "".join(kept)


def both(first, second):
    """One file with the definitions of both."""
    return first + second.split("segmentDefinitions:\n")[1]


def read(text, source="segments.yaml", **settings):
    """The definitions of a text."""
    return read_definitions(text.encode(), source, **settings)


def problems(text, source="segments.yaml", **settings):
    """The lines that refuse a text."""
    with pytest.raises(DefinitionError) as refused:
        read(text, source, **settings)
    return refused.value.problems


def only(text, **settings):
    """The one segment of a text."""
    (definition,) = read(text, **settings).segments
    return definition
