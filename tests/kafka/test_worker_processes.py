"""What a worker process does when it is told to end, when a service is missing, and with a record it cannot read."""

import asyncio
import json
import re
import zlib

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from octyseg.log.port import NewRecord
from octyseg.log.topics import specs
from octyseg.model.change import from_json
from octyseg.model.outcome import MARKER_KEY, decode_marker, decode_outcome
from octyseg.model.placement import partition_of
from tests.kafka.reckoning import redis_equals, settled_verdict
from tests.kafka.shoppers import Shoppers

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EVENTS = 6_000
SLOTS = ["live-0", "tags-0"]


async def shop(fleet, seed=1, count=EVENTS, **options):
    shoppers = Shoppers(fleet, count, 2_000, seed, **options)
    await shoppers.run()
    return shoppers


async def lag_of_live(fleet):
    """What `octyseg lag` says of the partitions of events, and its exit code."""
    ended = await fleet.octyseg("lag", "--stage", "live", "--for", "1", "-o", "json")
    events = [one for one in json.loads(ended.stdout) if one["topic"] == fleet.topic("events")]
    return ended.returncode, {one["status"] for one in events}


async def test_sigterm_in_the_middle_commits_everything_and_repeats_nothing(quiet_fleet):
    fleet = quiet_fleet
    for slot in SLOTS:
        fleet.start(slot)
    await fleet.until(fleet.is_open, "every partition has an owner")
    shopping = asyncio.create_task(shop(fleet))

    async def begun():
        return sum((await fleet.ends("tags")).values()) > 100

    await fleet.until(begun, "changes come")
    assert await fleet.stop(*SLOTS) == [0, 0]
    committed = await fleet.log.committed(fleet.topic("live"), fleet.topic("events"), fleet.numbers)
    for number in fleet.numbers:
        written = await fleet.records("outcomes", number)
        applied = [decode_outcome(r.value).events_offset for r in written if not r.key.startswith(b"\0")]
        assert committed[number] > max(applied)
    await shopping
    # However quick the workers were: this waits.
    await shop(fleet, seed=2, count=500)
    assert await lag_of_live(fleet) == (1, {"STOP"})
    for slot in SLOTS:
        fleet.start(slot)
    verdict = await settled_verdict(fleet)
    assert not verdict.faults, verdict.examples[:3]
    assert verdict.repeated == 0
    assert await lag_of_live(fleet) == (0, {"OK"})
    await redis_equals(fleet, verdict)


async def test_workers_that_find_no_broker_wait_and_say_so_in_one_line(mortal_broker, new_fleet):
    fleet = await new_fleet(mortal_broker)
    await shop(fleet)
    await asyncio.to_thread(mortal_broker.kill)
    for slot in SLOTS:
        fleet.start(slot)

    async def told():
        return all("kafka does not answer" in fleet.told(slot).read_text() for slot in SLOTS)

    await fleet.until(told, "the workers say what they wait for")
    await asyncio.to_thread(mortal_broker.start)
    verdict = await settled_verdict(fleet)
    assert not verdict.faults, verdict.examples[:3]
    assert verdict.changes > 0
    assert [lines(fleet, slot, "kafka does not answer") for slot in SLOTS] == [1, 1]


async def test_the_tags_topic_does_not_wait_for_a_missing_redis_and_redis_catches_up(quiet_fleet, valkey):
    fleet = quiet_fleet
    valkey.kill()
    for slot in SLOTS:
        fleet.start(slot)
    await shop(fleet)

    async def published():
        return await fleet.has_read_all("live") and await fleet.has_read_all("tags")

    await fleet.until(published, "changes are published without redis")
    assert not await fleet.has_read_all("projection")
    assert lines(fleet, "tags-0", "redis unavailable, waiting") == 1
    valkey.start()
    verdict = await settled_verdict(fleet)
    assert not verdict.faults, verdict.examples[:3]
    await redis_equals(fleet, verdict)
    assert lines(fleet, "tags-0", "redis available again") == 1


async def test_workers_end_within_their_time_while_redis_is_away(quiet_fleet, valkey):
    fleet = quiet_fleet
    for slot in SLOTS:
        fleet.start(slot)
    await fleet.until(fleet.is_open, "every partition has an owner")
    valkey.kill()
    await shop(fleet)

    async def waits():
        return lines(fleet, "tags-0", "redis unavailable, waiting")

    await fleet.until(waits, "the projection waits for redis")
    assert await fleet.stop(*SLOTS) == [0, 0]


async def test_a_redis_that_evicts_is_refused_with_what_to_do(quiet_fleet, valkey):
    fleet = quiet_fleet
    valkey.kill()
    valkey.start(policy="allkeys-lru")
    worker = fleet.start("tags-0")
    fleet.start("live-0")
    await shop(fleet)
    assert await asyncio.to_thread(worker.wait, 30) == 2
    told = fleet.told("tags-0").read_text()
    assert "CONFIG SET maxmemory-policy noeviction" in told
    assert "Traceback" not in told


async def test_what_a_client_that_spreads_keys_otherwise_puts_elsewhere_is_refused(quiet_fleet):
    """As librdkafka does unless it is told: a profile would have two writers, and each sees half of what it does."""
    fleet = quiet_fleet
    fleet.start("live-0")
    fleet.start("tags-0")
    names = [f"other-{number}" for number in range(80)]
    event = {"event_type": "complaint", "event_properties": {}}

    def by_crc32(key, partitions, _available):
        return partitions[zlib.crc32(key) % len(partitions)]

    async with AIOKafkaProducer(bootstrap_servers=fleet.broker.server, partitioner=by_crc32) as producer:
        for name in names:
            value = json.dumps(event | {"profile_id": name}).encode()
            await producer.send_and_wait(fleet.topic("events"), value, name.encode())
    strays = [one for one in names if zlib.crc32(one.encode()) % 8 != partition_of(one, 8)]

    async def told():
        return await fleet.has_read_all("live") and await fleet.has_read_all("tags")

    await fleet.until(told, "all of it was read")
    letters = await fleet.records("deadletter", 0)
    assert sorted(one.key.decode() for one in letters) == sorted(strays)
    assert {dict(one.headers)["reason"] for one in letters} == {b"misplaced"}
    changes = [one for number in fleet.numbers for one in await fleet.records("tags", number)]
    assert {one.key.decode() for one in changes} == set(names) - set(strays)


async def test_no_deadline_passes_while_a_transaction_may_hold_the_event_that_was_waited_for(quiet_fleet):
    """Producers that commit every few minutes, as Flink does, have sent events that nobody can read yet."""
    fleet = quiet_fleet
    fleet.start("live-0")
    fleet.start("tags-0")
    here = [one for one in map("visitor-{}".format, range(100)) if partition_of(one, 8) == 0]
    elsewhere = next(one for one in map("visitor-{}".format, range(100)) if partition_of(one, 8) == 1)

    async def send(producer, event_type, profile_id):
        value = {"profile_id": profile_id, "event_type": event_type, "event_properties": {}}
        await producer.send_and_wait(fleet.topic("events"), json.dumps(value).encode(), profile_id.encode())

    async def left():
        changes = [from_json(one.value) for number in (0, 1) for one in await fleet.records("tags", number)]
        return {one.profile_id for one in changes if one.segment_tag == "Left a checkout"}

    await fleet.until(fleet.is_open, "every partition has an owner")
    options = {"bootstrap_servers": fleet.broker.server}
    async with (
        AIOKafkaProducer(**options) as plain,
        AIOKafkaProducer(**options, transactional_id=fleet.topic("shop")) as slow,
    ):
        for profile_id in (here[0], elsewhere):
            await send(plain, "checkout_started", profile_id)
        async with slow.transaction():
            await send(slow, "order_completed", here[0])

            async def is_late():
                return elsewhere in await left()

            await fleet.until(is_late, "the deadline has passed where nothing is open")
        await send(plain, "checkout_started", here[1])

        async def went_on():
            return here[1] in await left()

        await fleet.until(went_on, "time goes on after the commit")
    assert await left() == {elsewhere, here[1]}


async def test_a_topic_that_was_deleted_and_made_again_ends_workers_before_they_drop_anything(quiet_fleet):
    """The group's offsets go with the topic; states remember how far its like was applied."""
    fleet = quiet_fleet
    fleet.start("live-0")
    await shop(fleet, count=500)

    async def flushed():
        records = [one for number in fleet.numbers for one in await fleet.records("state", number)]
        return any(decode_marker(one.value).events_offset for one in records if one.key == MARKER_KEY)

    await fleet.until(flushed, "states were flushed")
    assert await fleet.stop("live-0") == [0]
    admin = AIOKafkaAdminClient(bootstrap_servers=fleet.broker.server)
    await admin.start()
    await admin.delete_topics([fleet.topic("events")])
    await admin.close()
    await fleet.until(lambda: made_again(fleet), "the topic is there again")
    for seen in ("ends at offset [0-9]+ and .* has come to", "is not what profile"):
        worker = fleet.start("live-0")
        assert await asyncio.to_thread(worker.wait, 30) == 1
        told = fleet.told("live-0").read_text()
        assert re.search(f"{fleet.topic('events')}-[0-9]+ {seen}", told)
        assert "the topic was made again" in told
        assert "Traceback" not in told
        # The second time there are more events than there were before.
        await shop(fleet, seed=2, count=1_500)


async def made_again(fleet):
    return fleet.topic("events") in await fleet.log.create_topics(specs(fleet.settings.namespace, 8))


async def test_a_bad_record_is_put_aside_byte_for_byte_and_its_neighbours_count(quiet_fleet):
    fleet = quiet_fleet
    fleet.start("live-0")
    fleet.start("tags-0")
    nobodys = b'{"profile_id": "ada", "event_type": "login", "event_properties": {}}'
    bad = [(b"ada", nobodys[:40]), (b"ada", b"\xff\x00\xfe"), (None, nobodys), (b"bob", None)]
    number = partition_of("ada", len(fleet.numbers))
    await fleet.log.append(fleet.topic("events"), number, [NewRecord(key, value) for key, value in bad])
    # Compressed, it is small enough for the broker, and as it is it is too large for any letter.
    huge = b"x" * 3_000_000
    options = {"compression_type": "zstd", "max_request_size": 10_000_000}
    async with AIOKafkaProducer(bootstrap_servers=fleet.broker.server, **options) as producer:
        await producer.send_and_wait(fleet.topic("events"), huge, b"ada", number)
    await shop(fleet)
    verdict = await settled_verdict(fleet)
    assert not verdict.faults, verdict.examples[:3]
    assert verdict.events == EVENTS + len(bad) + 1
    letters = await fleet.records("deadletter", 0)
    *letters, beginning = letters
    assert beginning.value == huge[:900_000]
    assert dict(beginning.headers)["value_bytes"] == b"3000000"
    assert [(letter.key, letter.value) for letter in letters] == bad
    for offset, letter in enumerate(letters):
        headers = dict(letter.headers)
        assert headers["topic"].decode() == fleet.topic("events")
        assert (int(headers["partition"]), int(headers["offset"])) == (number, offset)
    assert [dict(letter.headers)["reason"] for letter in letters] == [
        b"bad_json",
        b"not_utf8",
        b"key_missing",
        b"empty",
    ]


async def test_of_two_workers_with_one_name_the_older_ends(quiet_fleet):
    fleet = quiet_fleet
    older = fleet.start("live-0")
    await fleet.until(fleet.is_open, "every partition has an owner")
    younger = fleet.start("live-0")
    assert await asyncio.to_thread(older.wait, 60) == 1
    fleet.start("tags-0")
    await shop(fleet)
    verdict = await settled_verdict(fleet)
    assert not verdict.faults, verdict.examples[:3]
    assert younger.poll() is None


def lines(fleet, slot, text):
    return sum(text in line for line in fleet.told(slot).read_text().splitlines())


async def test_a_session_that_the_brokers_do_not_take_is_said(quiet_fleet):
    """A worker would wait for partitions for ever."""
    worker = quiet_fleet.start("live-0", OCTYSEG_SESSION_TIMEOUT_S="0.5", OCTYSEG_HEARTBEAT_S="0.1")
    assert await asyncio.to_thread(worker.wait, 30) == 2
    assert "group.min.session.timeout.ms" in quiet_fleet.told("live-0").read_text()
