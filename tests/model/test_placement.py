from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from octyseg.model.placement import Place, partition_of
from tests.tries import tries

IDS = st.text(min_size=1, max_size=40)


def theirs(profile_id, partitions):
    """As aiokafka's producer places the key."""
    return (murmur2(profile_id.encode()) & 0x7FFFFFFF) % partitions


@tries(500)
@given(IDS, st.integers(1, 1024))
def test_a_profile_is_where_kafkas_clients_put_its_key(profile_id, partitions):
    assert partition_of(profile_id, partitions) == theirs(profile_id, partitions)


@tries(200)
@given(st.lists(IDS, min_size=1, max_size=5), st.integers(1, 3))
def test_keys_belong_to_a_place_together_and_alone(ids, partitions):
    keys = [one.encode() for one in ids]
    for number in range(partitions):
        place = Place(number, partitions)
        there = [theirs(one, partitions) == number for one in ids]
        assert place.has_all(keys) == all(there)
        assert [place.refusal(key) is None for key in keys] == there


def test_who_put_it_elsewhere_is_told_where_it_belongs_and_what_to_do():
    own = theirs("profile_1", 8)
    refusal = Place((own + 1) % 8, 8).refusal(b"profile_1")
    assert refusal.reason == "misplaced"
    assert refusal.message == (
        f"the record stands in partition {(own + 1) % 8} and its key belongs into {own} of 8: let the producer "
        "spread keys as Kafka's Java clients do (librdkafka: partitioner=murmur2_random)"
    )
