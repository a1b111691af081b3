"""Outcomes as an owner would write them: a small model of profiles that gain, lose and are forgotten."""

import msgspec

from octyseg.engine.state import Instance, ProfileState, Tag, encode_state
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import specs
from octyseg.model.change import TagChange, change_id
from octyseg.model.outcome import CLAIM_KEY, MARKER_KEY, SWEPT_KEY, Claim, Marker, Outcome, StateRecord, Swept, encode
from octyseg.projection.content import Digest, content_of
from octyseg.projection.reader import Reader
from octyseg.projection.writer import Writer
from octyseg.stages.repair import Projection

PREFIX = "octyseg:"
NAMESPACE = "octyseg."
START_MS = 1_700_000_000_000


class Story:
    """One partition's owner: every method appends what happened to the log and remembers the truth."""

    def __init__(self, log, partition=0):
        self.log = log
        self.partition = partition
        self.epoch = 1
        self.inputs = 0
        self.truth: dict[str, ProfileState] = {}
        self.sequences: dict[str, int] = {}
        self.changes = []

    async def append(self, *records, topic="outcomes"):
        return await self.log.append(NAMESPACE + topic, self.partition, [NewRecord(*record) for record in records])

    async def claim(self, epoch=None):
        self.epoch = epoch or self.epoch + 1
        await self.append((CLAIM_KEY, encode(Claim(self.epoch, "worker-0", START_MS))))

    async def swept(self, *segment_ids):
        await self.append((SWEPT_KEY, encode(Swept(self.epoch, segment_ids))))

    async def tag(self, profile_id, *segments):
        """The profile has exactly these segments now; each gained or lost one is a change."""
        before = self.truth.get(profile_id, ProfileState())
        after = self._next(profile_id, before)
        had = {tag.segment_id: tag for tag in before.tags}
        changes = [self._change(after, profile_id, s, "removed") for s in had if s not in segments]
        changes += [self._change(after, profile_id, s, "added") for s in segments if s not in had]
        at_ms = START_MS + self.inputs
        after.tags = [had.get(s) or Tag(s, s.upper(), "live", 1, at_ms, "a", at_ms, at_ms, at_ms) for s in segments]
        await self._write(profile_id, after, changes)

    async def describe(self, profile_id, **attributes):
        """Only attributes change: the sequence stays."""
        before = self.truth.get(profile_id, ProfileState())
        after = self._next(profile_id, before)
        after.tags = before.tags
        for name, value in attributes.items():
            setattr(after, name, value)
        await self._write(profile_id, after, [])

    async def wait(self, profile_id):
        """A sequence begins: nothing of it is shown."""
        after = self._next(profile_id, self.truth[profile_id])
        after.instances = [Instance("gold", 1, "e", START_MS, 1, START_MS, START_MS, ["e"])]
        await self._write(profile_id, after, [], shown=False)

    async def forget(self, profile_id):
        before = self.truth.get(profile_id, ProfileState())
        after = self._next(profile_id, before)
        changes = [self._change(after, profile_id, tag.segment_id, "removed") for tag in before.tags]
        await self._write(profile_id, after, changes, forgotten=True)

    async def zombie(self, profile_id, *segments):
        """An owner of the epoch before writes what it still believes."""
        at_ms = START_MS
        tags = [Tag(s, s, "live", 1, at_ms, "z", at_ms, at_ms, at_ms) for s in segments]
        state = ProfileState(sequence=10_000, events_offset=10_000, tags=tags)
        change = self._made(profile_id, "zombie", "added", 10_000)
        outcome = Outcome(self.epoch - 1, 10_000, -1, 10_000, (change,), encode_state(state))
        await self.append((profile_id.encode(), encode(outcome)))

    async def flush(self):
        """What the owner writes to the state topic: every state, then the marker."""
        end = (await self.log.ends(NAMESPACE + "outcomes", [self.partition]))[self.partition]
        known = [(p.encode(), encode(StateRecord(self.epoch, encode_state(s)))) for p, s in self.truth.items()]
        gone = [(p.encode(), None) for p in self.sequences if p not in self.truth]
        marker = (MARKER_KEY, encode(Marker(self.epoch, end, self.inputs, 0, 0)))
        await self.append(*known, *gone, marker, topic="state")

    def _next(self, profile_id, before):
        self.inputs += 1
        after = msgspec.structs.replace(before)
        after.sequence = self.sequences.get(profile_id, 0)
        after.events_offset = self.inputs
        return after

    def _change(self, state, profile_id, segment_id, kind):
        state.sequence += 1
        return self._made(profile_id, segment_id, kind, state.sequence)

    def _made(self, profile_id, segment_id, kind, sequence):
        made = change_id(segment_id, 1, profile_id, str(sequence), kind)
        at_ms = START_MS + self.inputs
        return TagChange(
            made,
            profile_id,
            None,
            segment_id,
            segment_id.upper(),
            1,
            "live",
            kind,
            "matched",
            at_ms,
            at_ms,
            sequence,
            ("e",),
        )

    async def _write(self, profile_id, state, changes, forgotten=False, shown=True):
        self.sequences[profile_id] = state.sequence
        self.changes += changes
        if forgotten:
            self.truth.pop(profile_id, None)
        else:
            self.truth[profile_id] = state
        encoded = None if forgotten else encode_state(state)
        outcome = Outcome(self.epoch, self.inputs, -1, state.sequence, tuple(changes), encoded, shown)
        await self.append((profile_id.encode(), encode(outcome)))


class Clock:
    """The log's time: one millisecond later at every look."""

    def __init__(self, now_ms=START_MS):
        self.now_ms = now_ms

    def __call__(self):
        self.now_ms += 1
        return self.now_ms


async def new_log(partitions=1, clock=None):
    log = MemoryLog(clock or Clock())
    await log.create_topics(specs(NAMESPACE, partitions))
    return log


def projection_of(log, redis, partitions=1):
    return Projection(log, NAMESPACE, Reader(redis, PREFIX, partitions), Writer(redis, PREFIX))


def digest_of(*stories):
    digest = Digest()
    for story in stories:
        for profile_id, state in story.truth.items():
            digest.content(profile_id, content_of(state))
    return digest.hexadecimal()


async def read_all(log, topic, partition=0, start=0):
    """The chunks there are of one partition, as a host would read them."""
    reader = log.reader()
    reader.seek(NAMESPACE + topic, partition, start)
    end = (await log.ends(NAMESPACE + topic, [partition]))[partition]
    chunks = []
    while start < end:
        for chunk in await reader.read(1.0):
            chunks.append(chunk)
            start = chunk.next_offset
    await reader.close()
    return chunks


async def hand_over(stage, log, partition=0, start=0):
    """Open the partition at a position and hand the stage everything there is from there on."""
    (topic,) = stage.inputs
    await stage.open(partition, {topic: start})
    await hand_on(stage, log, partition, start)


async def hand_on(stage, log, partition=0, start=0):
    """Hand a stage that has the partition what there is from a position on."""
    for chunk in await read_all(log, "outcomes", partition, start):
        await stage.handle(chunk)
