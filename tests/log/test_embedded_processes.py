"""Several processes on one log file, and processes that die while they append."""

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest

from octyseg.log.port import TopicSpec, read_through
from tests.log.promises import numbered

ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def appender(path, name):
    """A process that appends, and is killed with SIGKILL in the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.log.appending", path, name, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def acknowledged(process, count):
    """`count` appends as the process told them."""
    lines = [await process.stdout.readline() for _ in range(count)]
    return [tuple(map(int, line.split())) for line in lines]


async def last_words(process):
    """Kill it, and return what it had told before that."""
    process.kill()
    told = await process.stdout.read()
    await process.wait()
    return [tuple(map(int, line.split())) for line in told.splitlines(keepends=True) if line.endswith(b"\n")]


async def by_offset(log):
    end = (await log.ends("events", [0]))[0]
    return {r.offset: (r.key.decode(), r.value.decode()) async for r in read_through(log, "events", 0, 0, end)}


async def test_sigkill_in_the_middle_of_appends_loses_nothing_that_was_acknowledged(tmp_path, open_embedded):
    path = tmp_path / "log.db"
    told = {}
    for life in range(5):
        names = [f"first-{life}", f"second-{life}"]
        async with appender(path, names[0]) as first, appender(path, names[1]) as second:
            for name, process in zip(names, (first, second), strict=True):
                told[name] = await acknowledged(process, 20 + 13 * life)
            for name, process in zip(names, (first, second), strict=True):
                told[name] += await last_words(process)
    log = await open_embedded(path)
    found = await by_offset(log)
    assert sorted(found) == list(range(len(found)))
    assert len(found) % 3 == 0
    for name, appends in told.items():
        assert len(appends) >= 20
        for first_offset, number in appends:
            span = [found[offset] for offset in range(first_offset, first_offset + 3)]
            assert span == [(name, f"{number}.{part}") for part in range(3)]
    assert (await log.append("events", 0, numbered(1))).first_offset == len(found)


async def test_a_reader_follows_what_another_process_appends(tmp_path, open_embedded):
    path = tmp_path / "log.db"
    log = await open_embedded(path)
    await log.create_topics([TopicSpec("events", 2, compacted=False, retention_ms=-1)])
    reader = log.reader()
    reader.seek("events", 0, 0)
    async with appender(path, "other") as process:
        for _ in range(5):
            (chunk,) = await reader.read(60)
            assert {record.key for batch in chunk.batches for record in batch} == {b"other"}
            await log.append("events", 1, numbered(1))
        await last_words(process)


@pytest.mark.parametrize("attempt", range(8))
async def test_processes_that_start_together_make_one_file(open_embedded, attempt):
    logs = await asyncio.gather(*(open_embedded() for _ in range(6)))
    spec = TopicSpec("events", 2, compacted=False, retention_ms=-1)
    made = await asyncio.gather(*(log.create_topics([spec]) for log in logs))
    assert sorted(made) == [[]] * 5 + [["events"]]
    appended = await asyncio.gather(*(log.append("events", 0, numbered(2)) for log in logs))
    assert sorted(answer.first_offset for answer in appended) == [0, 2, 4, 6, 8, 10]
