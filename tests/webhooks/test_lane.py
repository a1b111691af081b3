from hypothesis import given
from hypothesis import strategies as st

from octyseg.webhooks.delivery import Delivery
from octyseg.webhooks.lane import Lane


def deliveries(profiles):
    return [Delivery(f"chg_{offset}", "crm", profile, offset, b"") for offset, profile in enumerate(profiles)]


def test_a_profile_is_sent_one_at_a_time_and_holds_up_nobody_else():
    lane = Lane()
    lane.fill(deliveries("aab"), in_hand=())
    assert [lane.pop().offset, lane.pop().offset, lane.pop()] == [0, 2, None]
    lane.done("a")
    assert lane.pop().offset == 1


def test_what_is_in_hand_is_not_taken_in_again_and_stays_busy():
    before = Lane()
    before.fill(deliveries("ab"), in_hand=())
    taken = before.pop()
    lane = Lane(before)
    lane.fill(deliveries("aab"), in_hand={taken.id})
    assert (lane.pop().profile_id, lane.pop()) == ("b", None)
    lane.done("a")
    assert lane.pop().offset == 1


@given(st.lists(st.sampled_from("abc")), st.randoms(use_true_random=False))
def test_every_profile_keeps_its_order_whatever_ends_first(profiles, chance):
    lane, under_way, order = Lane(), [], []
    lane.fill(deliveries(profiles), in_hand=())
    while True:
        taken = lane.pop()
        if taken is not None:
            under_way.append(taken)
            order.append(taken)
        if under_way and (taken is None or chance.random() < 0.5):
            ended = under_way.pop(chance.randrange(len(under_way)))
            lane.done(ended.profile_id)
        elif taken is None:
            break
    assert sorted(one.offset for one in order) == list(range(len(profiles)))
    for profile in "abc":
        offsets = [one.offset for one in order if one.profile_id == profile]
        assert offsets == sorted(offsets)
