"""Compiling: the engine gets milliseconds, plain values and flags, and no steps of what it does not match."""

from octyseg.model.definitions.compile import compile_definitions, compile_segment
from octyseg.model.definitions.stored import StoredSegment
from octyseg.model.segment import Segment, Step
from tests.model.written import DYNAMIC, LIVE_1, LIVE_2, PAST_2, STATIC, changed, only, read


def compiled(text, **settings):
    (segment,) = compile_definitions(read(text, **settings).segments)
    return segment


def test_a_live_segment_is_compiled_to_steps_in_milliseconds():
    assert compiled(LIVE_2) == Segment(
        segment_id=compiled(LIVE_2).segment_id,
        tag="Left without paying",
        version=1,
        segment_type="live",
        sub_type=2,
        steps=(Step("complaint", {"channel": "phone"}, 300_000), Step("charged", {}, 0, inaction=True)),
    )


def test_a_part_of_a_minute_is_compiled_to_whole_milliseconds():
    text = changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 0.05"))
    assert compiled(text, min_exp_timeframe=0.01).steps[0].within_ms == 3000


def test_compat_octy_reaches_the_engine():
    assert compiled(LIVE_2 + "    compat: octy\n").compat_octy
    assert not compiled(LIVE_2).compat_octy


def test_segments_that_are_not_live_cost_the_engine_no_step():
    assert [compiled(text).segment_type for text in (PAST_2, DYNAMIC, STATIC)] == ["past", "dynamic", "static"]
    assert all(compiled(text).steps == () for text in (PAST_2, DYNAMIC, STATIC))


def test_a_file_that_was_never_applied_gets_the_same_ids_every_time():
    assert compiled(LIVE_1).segment_id == compiled(LIVE_1).segment_id
    assert compiled(LIVE_1).segment_id != compiled(LIVE_2).segment_id


def test_a_stored_segment_brings_its_id_versions_and_deletion():
    stored = StoredSegment(
        segment_id="segment_0a1b2c3d",
        version=7,
        matching_since=4,
        created_at_ms=1,
        updated_at_ms=2,
        deleted_at_ms=3,
        definition=only(LIVE_1),
    )
    segment = compile_segment(stored)
    assert (segment.segment_id, segment.version, segment.matching_since) == ("segment_0a1b2c3d", 7, 4)
    assert segment.deleted
