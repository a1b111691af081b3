"""Bugs that somebody could write any day in the rooms around the engine, each with the tests that must notice.

The engine's own are in tests/simulation/test_planted_bugs.py, where a simulation has to find them.
"""

from typing import NamedTuple


class Bug(NamedTuple):
    """`planted` stands for `written`, which is in the file once; `caught_by` is what pytest is given."""

    name: str
    file: str
    written: str
    planted: str
    caught_by: str


SENDER = "tests/webhooks/test_sender.py"
GUARD = "tests/webhooks/test_guard.py"
SIZES = "tests/projection/test_sizes.py"
STAGE = "tests/webhooks/test_stage.py"
RECOVERY = "tests/webhooks/test_recovery.py"
KEYS = "tests/model/test_key.py"
DOOR = "tests/api/test_keys.py"
ONCE = "tests/api/test_idempotency.py"
BATCHES = "tests/log/test_kafka_batches.py"
LEADERS = "tests/log/test_kafka_leaders.py"
DAMAGE = "tests/log/test_embedded_damage.py"
LANES = "tests/topologies/test_lanes.py"
SCHEDULE = "tests/webhooks/test_queue.py"
HOST = "tests/topologies/test_host.py"
PAST = "tests/stages/test_past_stage.py"
ARCHIVE = "tests/stages/test_archive_stage.py tests/stages/test_archive_bounds.py"
LIVE = "tests/stages/test_live_stage.py"
RESTORE = "tests/stages/test_live_restore.py"
RECORDS = "tests/webhooks/test_records.py"
PREVIEWS = "tests/api/test_previews.py"
CONSOLE = "tests/api/test_console.py"

BUGS = (
    # What leaves the house.
    Bug(
        "redirects are followed",
        "octyseg/webhooks/sender.py",
        "        return _judged(response, answered)\n",
        "        if response.is_redirect:\n"
        '            target = url.join(response.headers["location"])\n'
        "            return await self._exchange(endpoint, target, headers, body)\n"
        "        return _judged(response, answered)\n",
        SENDER,
    ),
    Bug(
        "only the first address of a name is looked at",
        "octyseg/webhooks/guard.py",
        "    for text in addresses:\n",
        "    for text in addresses[:1]:\n",
        GUARD,
    ),
    Bug(
        "an IPv4 address passes inside an IPv6 one",
        "octyseg/webhooks/guard.py",
        "address.scope_id is None and address in _OPEN_V6 and not",
        "address.scope_id is None and not",
        GUARD,
    ),
    Bug(
        "a name is looked up again to be dialled",
        "octyseg/webhooks/dialling.py",
        "                return await dial(address, port, left_s)\n",
        "                return await dial((await self._resolve(host, port))[0], port, left_s)\n",
        SENDER,
    ),
    Bug(
        "an answer is read to its end",
        "octyseg/webhooks/sender.py",
        "        if len(kept) >= MAX_ANSWER_BYTES:\n            break\n",
        "",
        SENDER,
    ),
    Bug(
        "every attempt has an id of its own",
        "octyseg/webhooks/outbox.py",
        "sign(endpoint.secrets_at(began_ms), delivery.change_id, began_ms, body)",
        'sign(endpoint.secrets_at(began_ms), f"{delivery.change_id}-{delivery.attempts}", began_ms, body)',
        f"{STAGE} {RECOVERY}",
    ),
    Bug(
        "only the newest secret signs",
        "octyseg/webhooks/signature.py",
        "for secret in secrets),",
        "for secret in secrets[:1]),",
        "tests/webhooks/test_signature.py",
    ),
    Bug(
        "what is signed is not what is sent",
        "octyseg/webhooks/signature.py",
        "    text = body.decode()\n",
        "    text = body.decode().replace(' ', '')\n",
        f"tests/webhooks/test_signature.py {STAGE}",
    ),
    Bug(
        "attempts are not counted",
        "octyseg/webhooks/judging.py",
        "replace(delivery, attempts=attempt, due_at_ms=due_at_ms)",
        "replace(delivery, due_at_ms=due_at_ms)",
        STAGE,
    ),
    Bug(
        "a receiver may ask for any pause",
        "octyseg/webhooks/schedule.py",
        "round(min(max(retry_after_ms, delay_ms), delay_ms * MAX_PATIENCE))",
        "round(max(retry_after_ms, delay_ms))",
        "tests/webhooks/test_schedule.py",
    ),
    Bug(
        "who answers 410 is asked again",
        "octyseg/webhooks/judging.py",
        '    if answer.failure == "gone":\n        status = "disabled"\n    elif answer.failure',
        "    if answer.failure",
        STAGE,
    ),
    Bug(
        "a delivery is settled in Redis before it is on the log",
        "octyseg/stages/webhooks_ledger.py",
        "            reached = await self.append(partition, [settlement.record for settlement, _ in batch])\n",
        "            settled = [(settlement.delivery, settlement.goes_on) for settlement, _ in batch]\n"
        "            end = (await self._log.ends(self._topics.deliveries, [partition]))[partition]\n"
        "            await self._queue.settle(partition, settled, {}, end)\n"
        "            reached = await self.append(partition, [settlement.record for settlement, _ in batch])\n",
        f"{RECOVERY} tests/webhooks/test_redis_outage.py",
    ),
    Bug(
        "a change that wants no webhook is sent",
        "octyseg/stages/webhooks_intake.py",
        "        if not change.webhook:\n            return\n",
        "",
        STAGE,
    ),
    Bug(
        "a profile's changes overtake each other",
        "octyseg/webhooks/lane.py",
        "        self._busy.add(",
        "        set().add(",
        f"tests/webhooks/test_lane.py {STAGE}",
    ),
    # Who may ask.
    Bug(
        "secrets are compared with ==",
        "octyseg/model/key.py",
        "    current = hmac.compare_digest(given, _NO_HASH if stored is None else stored.secret_hash)\n",
        "    current = given == (_NO_HASH if stored is None else stored.secret_hash)\n",
        KEYS,
    ),
    Bug(
        "a revoked key goes on",
        "octyseg/model/key.py",
        "    if stored is None or stored.revoked_at_ms is not None:\n",
        "    if stored is None:\n",
        KEYS,
    ),
    Bug(
        "the secret before a rotation is good for ever",
        "octyseg/model/key.py",
        "    return current or (before and now_ms < stored.previous_until_ms)\n",
        "    return current or before\n",
        KEYS,
    ),
    Bug(
        "a wrong secret is taken for none",
        "octyseg/api/door.py",
        "not secret_key and stored is not None",
        "stored is not None",
        f"{DOOR} tests/api/test_analytics.py",
    ),
    Bug(
        "scopes are not asked",
        "octyseg/api/door.py",
        "if caller.key is not None and not caller.key.allows(scope):",
        "if caller.key is not None and not caller.key.scopes:",
        DOOR,
    ),
    Bug(
        "a server without keys is open to whoever comes to it",
        "octyseg/api/door.py",
        "                if self._is_local:\n",
        "                if True:\n",
        DOOR,
    ),
    Bug(
        "an open server hears everybody",
        "octyseg/api/gate.py",
        "        if self._is_local and host not in _OWN_NAMES and",
        "        if self._is_local and not host and",
        f"tests/api/test_gate.py {DOOR}",
    ),
    Bug(
        "an answer is given to whoever knows the Idempotency-Key",
        "octyseg/api/idempotency.py",
        'credentials + b"\\0" + own',
        "own",
        ONCE,
    ),
    Bug(
        "what failed here is kept as the answer",
        "octyseg/api/idempotency.py",
        "kept.status >= _FAILED_HERE or kept.status in _NOT_JUDGED or",
        "kept.status in _NOT_JUDGED or",
        ONCE,
    ),
    Bug(
        "a revoked key is answered what it was answered before",
        "octyseg/api/idempotency.py",
        '        if not await self._door.knows(credentials.decode("latin-1"), scope["path"]):\n',
        "        if not own:\n",
        ONCE,
    ),
    # What comes in.
    Bug(
        "a lot is believed without counting its keys",
        "octyseg/model/lot.py",
        "    if _colons(joined) != named:\n",
        "    if not joined:\n",
        "tests/model/test_lot.py",
    ),
    Bug(
        "what ran out before a profile was judged is not told",
        "octyseg/engine/profiles.py",
        "            self.following.settle(subject, self.clock_ms)\n",
        "            pass\n",
        "tests/engine/test_dynamic_segments.py",
    ),
    Bug(
        "a record among plain ones that holds more is passed over",
        "octyseg/engine/partition.py",
        "            wanted[place] = _ANY\n",
        "            wanted[place] = None\n",
        "tests/engine/test_lots.py",
    ),
    Bug(
        "events behind a record that holds more stand in its place",
        "octyseg/engine/lots.py",
        "            events.insert(place, None)\n",
        "            events.insert(place + 1, None)\n",
        "tests/engine/test_lots.py",
    ),
    Bug(
        "a record need not stand under its profile's key",
        "octyseg/model/record.py",
        "        or key != profile_id.encode()\n",
        "",
        "tests/model/test_record.py",
    ),
    Bug(
        "a batch is read from its beginning",
        "octyseg/log/kafka_batches.py",
        "yield from dropwhile(self._is_below, records) if inside else records",
        "yield from records",
        BATCHES,
    ),
    Bug(
        "checksums of batches are not looked at",
        "octyseg/log/kafka_batches.py",
        "        if self._check_crcs and not records.is_intact(batch):\n",
        "        if not self._check_crcs and not records.is_intact(batch):\n",
        BATCHES,
    ),
    Bug(
        "what a producer rolled back is read",
        "octyseg/log/kafka_batches.py",
        "        readable = not batch.is_control_batch and not rolled_back\n",
        "        readable = not batch.is_control_batch\n",
        BATCHES,
    ),
    Bug(
        "the position is moved after a batch was given away",
        "octyseg/log/kafka_batches.py",
        "        self.next_fetch_offset = batch.next_offset\n",
        "        self.next_fetch_offset = position\n",
        BATCHES,
    ),
    # The log in a file.
    Bug(
        "time goes back with the machine's clock",
        "octyseg/log/embedded_writing.py",
        "max(self._told_ms, last_ms, self._clock())",
        "self._clock()",
        "tests/log/test_embedded_time.py",
    ),
    Bug(
        "rows are believed without their checksum",
        "octyseg/log/embedded_rows.py",
        " or row.crc != crc32(payload, seal(row.id, row.next_offset, row.last_ms)):\n",
        ":\n",
        DAMAGE,
    ),
    Bug(
        "a missing batch is read over",
        "octyseg/log/embedded_reading.py",
        "                if row.first_offset != following and not holds_position:\n                    break\n",
        "",
        DAMAGE,
    ),
    # Between the group and the stage.
    Bug(
        "a chunk counts as handled before it is",
        "topologies/lanes.py",
        "        position = lane.positions[chunk.topic]\n        start = start_of(chunk)\n",
        "        self._handled(chunk.topic, lane.number, chunk.next_offset)\n"
        "        position = lane.positions[chunk.topic]\n        start = start_of(chunk)\n",
        LANES,
    ),
    Bug(
        "a chunk of an assignment that is over is handled",
        "topologies/lanes.py",
        "not lane.is_open or chunk.generation != self._generation:",
        "not lane.is_open:",
        LANES,
    ),
    Bug(
        "a chunk of a closed partition is handled",
        "topologies/lanes.py",
        "            if not self._flows or not lane.is_open or",
        "            if",
        LANES,
    ),
    Bug(
        "time passes while an assignment is under way",
        "topologies/lanes.py",
        "        if not self._flows:\n            return\n        try:\n            await self._stage.tick()\n",
        "        try:\n            await self._stage.tick()\n",
        LANES,
    ),
    Bug(
        "what stands still is waited for",
        "topologies/watchdog.py",
        "        self._looks = max(int(stall_s / MEASURE_EVERY_S), 1)\n",
        "        self._looks = 10**9\n",
        "tests/topologies/test_watchdog.py",
    ),
    Bug(
        "what Faust acks is committed",
        "topologies/transport.py",
        "        return self._handled.get(tp)\n",
        "        return super()._new_offset(tp)\n",
        "tests/topologies/test_transport.py",
    ),
    # What Redis shows.
    Bug(
        "an older state replaces a newer one",
        "octyseg/projection/scripts/apply.lua",
        "local is_older = floor ~= 'replace' and stored[1] and stored[1] > version",
        "local is_older = false",
        "tests/projection",
    ),
    Bug(
        "a member who left stays on the list",
        "octyseg/projection/scripts/apply.lua",
        "      if not is_member[tag.segment_id] then\n",
        "      if not fields then\n",
        "tests/projection",
    ),
    Bug(
        "Redis is believed to hold what it was given",
        "octyseg/projection/scripts/apply.lua",
        "  if not reached or reached < tonumber(floor) then return -1 end\n",
        "  reached = reached or 0\n",
        "tests/projection",
    ),
    Bug(
        "a repair is believed whatever Redis lost meanwhile",
        "octyseg/projection/scripts/finish.lua",
        "if redis.call('DEL', KEYS[2]) == 0 then return -1 end\n",
        "redis.call('DEL', KEYS[2])\n",
        "tests/projection/test_repair.py",
    ),
    Bug(
        "a schedule is believed whatever Redis lost meanwhile",
        "octyseg/webhooks/scripts/mark.lua",
        "if redis.call('HGET', KEYS[1], 'making') ~= ARGV[2] then return -1 end",
        "",
        "tests/webhooks/test_queue.py",
    ),
    Bug(
        "outcomes that show something new are passed over",
        "octyseg/stages/projection.py",
        "elif entry.offset >= floor and entry.outcome.shown:",
        "elif entry.offset >= floor and entry.outcome.changes:",
        "tests/projection/test_projection_stage.py",
    ),
    Bug(
        "changes of an owner that lost its partition are published",
        "octyseg/stages/outcomes.py",
        "        if epoch < self.epoch:\n",
        "        if epoch < 0:\n",
        "tests/stages/test_tags_stage.py tests/projection/test_projection_stage.py",
    ),
    # What is kept of the past.
    Bug(
        "a file that was compacted counts beside the one it went into",
        "octyseg/history/files.py",
        "        if not found or file.last > found[-1].last:\n            found.append(file)\n",
        "        found.append(file)\n",
        ARCHIVE,
    ),
    Bug(
        "history says how far it is before it is there",
        "octyseg/history/archive.py",
        "        days: defaultdict[str, list[Row]] = defaultdict(list)\n",
        "        early = self.directory / _REACHED\n"
        "        settle(noted(msgspec.json.encode(Reached(next_offset)), early), early)\n"
        "        days: defaultdict[str, list[Row]] = defaultdict(list)\n",
        ARCHIVE,
    ),
    Bug(
        "an erased profile stays in files that were compacted",
        "octyseg/history/archive.py",
        "            # Those that were compacted too, as long as they stay.\n"
        "            for file in complete(folder, self.reached()):\n",
        "            for file in standing(folder, self.reached()):\n",
        ARCHIVE,
    ),
    Bug(
        "history is written by two at a time when one was told to end",
        "octyseg/stages/archive.py",
        "        await _to_the_end(self._write_what_came(own))\n",
        "        await self._write_what_came(own)\n",
        ARCHIVE,
    ),
    Bug(
        "history has a profile in two partitions",
        "octyseg/history/archive.py",
        " or place.refusal(read.profile_id.encode()) is not None:",
        ":",
        "tests/stages/test_archive_stage.py",
    ),
    Bug(
        "records that come together are anybody's",
        "octyseg/engine/lots.py",
        'return lot if self._place is None or self._place.has_all(cast("Sequence[bytes]", keys)) else None',
        "return lot",
        "tests/engine/test_misplaced.py",
    ),
    Bug(
        "what is read at an opening is forgotten with what is written meanwhile",
        "octyseg/stages/archive.py",
        "        own = _Partition(archive, place, max(start, reached))\n",
        "        own = self._partitions[partition] = _Partition(archive, place, max(start, reached))\n",
        ARCHIVE,
    ),
    Bug(
        "an owner of history that was overtaken goes on",
        "octyseg/history/archive.py",
        "        if (self.directory / _OWNER).read_text() != self._word:\n",
        "        if not self._word:\n",
        ARCHIVE,
    ),
    Bug(
        "how far history is is looked at before others have stopped",
        "octyseg/history/archive.py",
        '        for path in [*self.directory.rglob("*.tmp")]:\n'
        "            path.unlink(missing_ok=True)\n"
        "        reached = self.reached()\n",
        "        reached = self.reached()\n",
        ARCHIVE,
    ),
    Bug(
        "a partition is opened again while its close is under way",
        "topologies/lanes.py",
        "            return not stays or lane.number not in numbers or lane.closing is not None\n",
        "            return not stays or lane.number not in numbers\n",
        LANES,
    ),
    Bug(
        "an actor whose partition closes does not hear that it is cancelled",
        "topologies/lanes.py",
        "                if lane.closing is not None and not is_cancelled():\n",
        "                if lane.closing is not None:\n",
        LANES,
    ),
    Bug(
        "an actor whose stage takes its cancellation for an answer goes on",
        "topologies/lanes.py",
        "                if is_cancelled():\n",
        "                if not lane.is_open:\n",
        LANES,
    ),
    Bug(
        "a silence between two records passes in one step",
        "octyseg/stages/live.py",
        "engine.feed_in_pieces(chunk.topic, some, self._config.due_at_once)",
        "engine.feed_in_pieces(chunk.topic, some)",
        LIVE,
    ),
    Bug(
        "a sweep waits for the look at all partitions",
        "octyseg/stages/live.py",
        "            if held.engine.is_sweeping or held.engine.is_due(likely_ms)\n",
        "            if held.engine.is_due(likely_ms)\n",
        LIVE,
    ),
    Bug(
        "a tick that takes its cancellation for an answer ticks on",
        "topologies/host.py",
        "        while not is_cancelled():\n",
        "        while True:\n",
        HOST,
    ),
    Bug(
        "what was seen in a schedule that is gone is not put on the new one",
        "octyseg/webhooks/scripts/put.lua",
        "    fresh = redis.call('GET', ARGV[5] .. id) ~= ARGV[2]\n",
        "    fresh = not redis.call('GET', ARGV[5] .. id)\n",
        SCHEDULE,
    ),
    Bug(
        "deliveries are put on a schedule that was made again meanwhile",
        "octyseg/webhooks/scripts/mark.lua",
        " or (made or '') ~= ARGV[2] then",
        " then",
        SCHEDULE,
    ),
    Bug(
        "the owner before takes the marker of a schedule back",
        "octyseg/webhooks/scripts/mark.lua",
        "    ARGV[i + 1] = math.max(before, tonumber(ARGV[i + 1]))\n",
        "",
        SCHEDULE,
    ),
    Bug(
        "an owner before that is still at work makes the log another one",
        "octyseg/stages/webhooks_repair.py",
        "    marker = await queue.marker(partition)\n"
        "    ends = {topic: (await log.ends(topic, [partition]))[partition] "
        "for topic in (topics.tags, topics.deliveries)}\n",
        "    ends = {topic: (await log.ends(topic, [partition]))[partition] "
        "for topic in (topics.tags, topics.deliveries)}\n"
        "    marker = await queue.marker(partition)\n",
        RECOVERY,
    ),
    Bug(
        "a ledger that is still being read leads",
        "octyseg/stages/past.py",
        "            await ledger.start()\n"
        "            # Ticks go on meanwhile: who sees a ledger leads by it.\n"
        "            self._ledger = ledger\n",
        "            self._ledger = ledger\n            await ledger.start()\n",
        PAST,
    ),
    Bug(
        "an erasure takes what was sent after it",
        "octyseg/history/archive.py",
        'pc.fill_null(pc.less(table["place"], bound), False)',
        "pc.is_valid(bound)",
        ARCHIVE,
    ),
    # What may not fit into memory, or onto a disk.
    Bug(
        "a partition whose history was lost is read whole before any of it is written",
        "octyseg/stages/archive.py",
        "            if self._is_much(own):\n"
        "                await self._write(own)\n"
        "        own.next_offset = max(own.next_offset, positions[topic])\n",
        "        own.next_offset = max(own.next_offset, positions[topic])\n",
        ARCHIVE,
    ),
    Bug(
        "each partition may keep what all of them may keep",
        "octyseg/stages/archive.py",
        "own.bytes * (len(self._partitions) + self._opening)",
        "own.bytes",
        ARCHIVE,
    ),
    Bug(
        "files are put together however large that is",
        "octyseg/history/files.py",
        "        if size > room or not runs[-1]:\n",
        "        if not runs[-1]:\n",
        ARCHIVE,
    ),
    Bug(
        "what is not archived yet is held in memory however much it is",
        "octyseg/stages/hindsight.py",
        "                if len(rows) >= ROWS_HELD:\n",
        "                if len(rows) < 0:\n",
        ARCHIVE,
    ),
    Bug(
        "a file that a full disk cut off stays and takes the room of others",
        "octyseg/history/files.py",
        "        temporary.unlink(missing_ok=True)\n        raise\n    return temporary\n",
        "        raise\n    return temporary\n",
        ARCHIVE,
    ),
    Bug(
        "deliveries are read back to the first for the last of them",
        "octyseg/stages/webhooks_records.py",
        "                    missing -= 1\n",
        "",
        RECORDS,
    ),
    Bug(
        "who reads one profile back takes no notice of what was overwritten of others",
        "octyseg/stages/restore.py",
        "        epoch, newest = _state_in(record)\n        if epoch",
        "        if not self.restored.keeps(profile_id):\n"
        "            return\n"
        "        epoch, newest = _state_in(record)\n        if epoch",
        RESTORE,
    ),
    Bug(
        "previews are made beside each other",
        "octyseg/service/previews.py",
        'ThreadPoolExecutor(1, "preview")',
        'ThreadPoolExecutor(4, "preview")',
        PREVIEWS,
    ),
    Bug(
        "how many members there are is told by who gave the partition away meanwhile",
        "octyseg/stages/projection.py",
        "            if TELLING_PARTITION in self._partitions:\n                self._sizes.tell",
        "            if True:\n                self._sizes.tell",
        SIZES,
    ),
    # The log.
    Bug(
        "a broker that has been overtaken is believed",
        "octyseg/log/kafka_leaders.py",
        "        await _confirm(client, believed)\n",
        "",
        LEADERS,
    ),
    Bug(
        "a broker confirms that it leads itself",
        "octyseg/log/kafka_leaders.py",
        "    one, other = random.sample(brokers, 2)\n",
        "    one = other = random.choice(brokers)\n",
        LEADERS,
    ),
    # What people look at.
    Bug(
        "what others sent is part of a page",
        "octyseg/api/console/rendering.py",
        "    autoescape=True,\n",
        "    autoescape=False,  # noqa: S701\n",
        CONSOLE,
    ),
    Bug(
        "whoever asks sees the console",
        "octyseg/api/console/pages.py",
        "dependencies=[READ], ",
        "",
        CONSOLE,
    ),
)
