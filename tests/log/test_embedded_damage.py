"""Bytes of the log file that changed on the disk: found and named, never handed on as records."""

import sqlite3
from random import Random

import pytest

from octyseg.errors import LogDamaged, OctysegError
from octyseg.log.port import NewRecord, TopicSpec, read_through
from tests.log.promises import numbered

EVENTS = TopicSpec("events", 2, compacted=False, retention_ms=-1)
STATE = TopicSpec("state", 1, compacted=True, retention_ms=-1)


@pytest.fixture
async def written(open_embedded, tmp_path):
    """A closed log file with a bit of everything."""
    log = await open_embedded(clock=lambda: 1_000)
    await log.create_topics([EVENTS, STATE])
    for start in range(0, 60, 20):
        await log.append("events", 0, numbered(20, start, size=200))
        await log.append("events", 1, numbered(2, start))
        await log.append("state", 0, [NewRecord(b"k%d" % (n % 7), b"v%d" % n) for n in range(20)])
    await log.compact()
    await log.commit("live", "events", {0: 40, 1: 6})
    await log.close()
    return tmp_path / "log.db"


def change(path, statement, *values):
    """Change the file behind the log's back."""
    file = sqlite3.connect(path)
    assert file.execute(statement, values).rowcount > 0
    file.commit()
    file.close()


async def everything(log):
    """All that a log can tell."""
    specs = await log.describe_topics()
    found = {}
    for spec in specs:
        numbers = range(spec.partitions)
        found[spec.name] = (await log.ends(spec.name, numbers), await log.starts(spec.name, numbers))
        found[spec.name, "live"] = await log.committed("live", spec.name, numbers)
        for number, end in found[spec.name][0].items():
            found[spec.name, number] = [tuple(r) async for r in read_through(log, spec.name, number, 0, end)]
    return specs, found


def flip(path, position, bit):
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


async def test_a_flipped_bit_in_a_record_is_found_and_placed(written, open_embedded):
    flip(written, written.read_bytes().index(b"v33...."), 3)
    log = await open_embedded()
    reader = log.reader()
    reader.seek("events", 0, 0)
    (chunk,) = await reader.read(0)
    assert [record.offset for batch in chunk.batches for record in batch] == list(range(20))
    with pytest.raises(LogDamaged) as found:
        await reader.read(0)
    message = str(found.value)
    assert message.startswith(f"log file {written} is damaged at events-0 offset 20: a batch fails its checksum; ")
    assert "restore it from a backup" in message
    assert "commit an offset behind the damage to go on without these records (try 40)" in message
    reader.seek("events", 0, 40)
    assert (await reader.read(0))[0].next_offset == 60


async def test_a_missing_batch_is_found_and_placed(written, open_embedded):
    change(written, "DELETE FROM batches WHERE id = ?", 1 << 40 | 20)
    log = await open_embedded()
    with pytest.raises(LogDamaged, match="events-0 offset 20: records from there to 60 are missing"):
        await everything(log)


async def test_a_missing_last_batch_stops_reading_and_appending(written, open_embedded):
    change(written, "DELETE FROM batches WHERE id = ?", 1 << 40 | 40)
    log = await open_embedded()
    with pytest.raises(LogDamaged, match="events-0 offset 40: records from there to 60 are missing"):
        await everything(log)
    with pytest.raises(LogDamaged, match="events-0 offset 60: its batches end at 40"):
        await log.append("events", 0, numbered(1))


async def test_a_batch_under_another_offset_is_found(written, open_embedded):
    change(written, "UPDATE batches SET id = ? WHERE id = ?", 1 << 40 | 21, 1 << 40 | 20)
    with pytest.raises(LogDamaged, match="events-0 offset 20: records from there to 60 are missing"):
        await everything(await open_embedded())


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE marks SET next_offset = 50 WHERE slot = 1", "slot 1: its offsets fail their checksum"),
        ("DELETE FROM marks WHERE slot = 1", "slot 1: its offsets fail their checksum"),
        ("UPDATE topics SET name = 'evants' WHERE topic_id = 1", "topic 'evants': its entry fails its checksum"),
        ("UPDATE commits SET next_offset = 41 WHERE slot = 1", "a commit of group 'live': it fails its checksum"),
        ("UPDATE batches SET payload = 'text' WHERE id & 1 = 0", "a batch fails its checksum"),
    ],
)
async def test_no_row_is_believed_without_its_checksum(written, open_embedded, statement, words):
    change(written, statement)
    with pytest.raises(LogDamaged, match=words):
        await everything(await open_embedded())


async def test_damaged_batches_are_neither_deleted_nor_rewritten(written, open_embedded):
    flip(written, written.read_bytes().index(b"v33...."), 3)
    change(written, "UPDATE batches SET last_ms = 0 WHERE id >> 40 = 3")
    log = await open_embedded()
    with pytest.raises(LogDamaged, match="state-0 offset 0: a batch fails its checksum"):
        await log.compact(min_dirty_ratio=0)
    with pytest.raises(LogDamaged, match="events-0 offset 20: a batch fails its checksum"):
        await log._on(log._writer, log._cleaning.retain_step, "events", 0, 10**15)
    assert await log.starts("events", [0]) == {0: 0}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_bit_flips_the_log_tells_the_truth_or_nothing(written, open_embedded, seed):
    sound = written.read_bytes()
    log = await open_embedded()
    truth = await everything(log)
    await log.close()
    random = Random(seed)
    used = [position for position, byte in enumerate(sound) if byte]
    refusals = {}
    for trial in range(60):
        position, bit = random.choice(used), random.randrange(8)
        copy = written.with_name(f"flipped-{trial}.db")
        copy.write_bytes(sound)
        flip(copy, position, bit)
        try:
            told = await everything(await open_embedded(copy, busy_timeout_s=0.1))
        except OctysegError as error:
            refusals[copy] = str(error)
        else:
            assert told == truth, f"bit {bit} of byte {position}, seed {seed}"
    assert len(refusals) > 10
    assert all(str(copy) in refusal for copy, refusal in refusals.items())


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
async def test_a_truncated_file_is_refused(written, open_embedded, share):
    content = written.read_bytes()
    written.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(OctysegError, match="is damaged"):
        await everything(await open_embedded())
