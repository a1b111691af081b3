"""Members by command: past and static segments, whose rules the engine does not judge."""

import pytest

from octyseg.model.command import Membership, encode, key_of
from octyseg.model.segment import Segment
from tests.engine.story import START_MS, Told, left_cart

LOYAL = Segment("loyal", "Loyal", 2, "past", matching_since=2)
GUESTS = Segment("guests", "Guests", 1, "static")


class Asked(Told):
    """A partition that is asked for memberships too."""

    def __init__(self, *segments, **options):
        super().__init__(*segments, **options)
        self.offset = 0

    def ask(self, member, as_of_ms=0, *, arrival_ms=0, again=False, **fields):
        """One command for ada; returns the changes it led to."""
        self.offset += not again
        given = {"segment_id": "loyal", "version": 2, "anchor": "run-1", "profile_id": "ada", **fields}
        reason = "matched" if member else "no_longer_matches"
        command = Membership(member=member, as_of_ms=START_MS + as_of_ms, **{"reason": reason, **given})
        record = self.write.record("", encode(command), arrival_ms)
        return self._keep(self.partition.obey([record._replace(offset=self.offset, key=key_of(command))]))


@pytest.fixture
def town():
    return Asked(LOYAL, GUESTS, left_cart())


def test_a_member_comes_and_goes_as_of_the_instant_that_was_asked_about(town):
    assert town.ask(True, 5, arrival_ms=40) == [("added", "matched", 5)]
    assert town.ask(False, 50, arrival_ms=90, cause=("e1",)) == [("removed", "no_longer_matches", 50)]
    added, removed = town.changes
    assert (added.segment_tag, added.segment_type, added.segment_version) == ("Loyal", "past", 2)
    assert (added.detected_at_ms, removed.detected_at_ms) == (START_MS + 40, START_MS + 90)
    assert (added.sequence, removed.sequence, removed.cause) == (1, 2, ("e1",))
    assert added.change_id != removed.change_id


def test_what_is_so_already_changes_nothing(town):
    town.ask(True)
    assert town.ask(True, 7) == []
    assert town.ask(False, profile_id="bob") == []
    assert town.partition.state_of("bob") is None


def test_a_command_that_comes_again_changes_nothing(town):
    town.ask(True)
    town.ask(False, 1)
    town.offset = 0
    assert town.ask(True) == []
    assert town.partition.state_of("ada").tags == []


def test_a_state_that_is_brought_back_knows_which_commands_it_has_seen(town):
    town.ask(True)
    town.ask(False)
    _, outcome = town.outcomes[-1]
    after = Asked(LOYAL)
    after.partition.restore("ada", outcome.state, outcome.sequence, outcome.events_offset, outcome.commands_offset)
    assert after.ask(True) == []
    after.offset = 2
    assert after.ask(True) == [("added", "matched", 0)]


def test_a_command_under_a_version_that_counts_no_more_is_void(town):
    assert town.ask(True, version=1) == []
    assert town.ask(True, version=3) == []
    assert town.ask(True, segment_id="unknown") == []
    assert town.refused == []


def test_a_segment_that_the_engine_judges_takes_no_members_by_command(town):
    town.ask(True, segment_id="left", version=1)
    assert [reason for reason, _ in town.refused] == ["bad_field"]


def test_an_edit_takes_members_back_silently_and_a_deletion_does_not(town):
    town.ask(True)
    town.ask(True, segment_id="guests", version=1, reason="imported")
    town.adopt(
        Segment("loyal", "Loyal", 3, "past", matching_since=3), Segment("guests", "Guests", 1, "static", deleted=True)
    )
    town.tick(10)
    assert [(change.segment_id, change.reason, change.webhook) for change in town.changes[2:]] == [
        ("loyal", "definition_changed", False),
        ("guests", "definition_deleted", True),
    ]


def test_receivers_hear_of_it_if_the_segment_and_who_asked_want_it():
    told = Asked(LOYAL, Segment("quiet", "Quiet", 1, "static", webhook=False))
    told.ask(True)
    told.ask(False, webhook=False)
    told.ask(True, segment_id="quiet", version=1)
    assert [change.webhook for change in told.changes] == [True, False, False]


def test_a_command_moves_no_clock(town):
    town.event("add", 0)
    assert town.ask(True, 500, arrival_ms=500) == [("added", "matched", 500)]
    # The buy arrived before the command did; it only waited on another topic.
    town.event("buy", 50)
    town.drain()
    assert [change.segment_id for change in town.changes] == ["loyal"]


def test_an_erased_profile_loses_its_lists_and_may_be_put_on_them_again(town):
    town.ask(True)
    town.feed(town.write.erase(5))
    assert town.told[-1] == ("removed", "erased", 5)
    assert town.ask(True, 9) == [("added", "matched", 9)]
    assert [change.sequence for change in town.changes] == [1, 2, 4]


def test_who_left_the_last_list_is_forgotten_once_no_repeat_can_come(town):
    town.ask(True)
    town.ask(False)
    town.tick(10)
    assert len(town.partition) == 1
    town.partition.committed(0, 3)
    town.tick(11)
    assert len(town.partition) == 0
    assert town.ask(True) == [("added", "matched", 0)]
    assert town.changes[-1].sequence == 3
