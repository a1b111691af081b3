"""Measure: `python -m tests.benchmarks.api [--members 1000000] [--seconds 10]`.

Events through /v1/retention/events/create/batch, 500 a call, answered once the log has them: as many as one process
takes, and then half of 5,000/s for what a call takes. On Kafka where Java is there, else on the embedded log. Then a
segment of so many members: finding some of them, asking for one, and writing all of them out.
"""

import argparse
import asyncio
import base64
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from deploy.kafka.broker import Broker
from deploy.kafka.jars import missing_tools
from octyseg.projection.private import private_valkey

PER_CALL = 500
PACED_PER_S = 2_500
ASKED = 2_000
AT_ONCE = 8
START_WITHIN_S = 60
OUTPUT = Path("build/bench/api.json")
SEGMENT = {
    "segment_name": "Everybody",
    "segment_type": "live",
    "segment_sub_type": 1,
    "segment_timeframe": 0,
    "event_sequence": [{"event_type": "seen", "exp_timeframe": 0, "action_inaction": "action"}],
}
Told = dict[str, float]


class Process:
    """An octyseg process, and the address it tells."""

    def __init__(self, env: dict[str, str], *words: str) -> None:
        self.env = os.environ | env
        self.out = Path(tempfile.mkstemp(prefix="octyseg-bench-")[1])
        with self.out.open("wb") as out:
            command = [sys.executable, "-m", "octyseg", *words]
            self._process = subprocess.Popen(command, env=self.env, stdout=out, stderr=out)

    def told(self, pattern: str) -> str:
        """What the process says that looks so."""
        give_up_at = time.monotonic() + START_WITHIN_S
        while (found := re.search(pattern, self.out.read_text())) is None:
            if time.monotonic() > give_up_at or self._process.poll() is not None:
                raise RuntimeError(self.out.read_text())
            time.sleep(0.05)
        return found[1]

    def cpu_s(self) -> float:
        """Seconds of processor it took so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mib(self) -> float:
        """The most memory it ever had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

    def end(self) -> None:
        """Have it end."""
        self._process.terminate()
        self._process.wait(30)
        self.out.unlink()


@contextmanager
def running(env: dict[str, str], *words: str) -> Iterator[Process]:
    """A process for as long as it is needed."""
    process = Process(env, *words)
    try:
        yield process
    finally:
        process.end()


def verb(env: dict[str, str], *words: str) -> str:
    """What a verb prints."""
    command = [sys.executable, "-m", "octyseg", *words]
    done = subprocess.run(command, env=os.environ | env, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


@asynccontextmanager
async def client_of(api: Process, env: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key."""
    url = api.told(r"the API is at (http://\S+),")
    pair = json.loads(verb(env, "keys", "create", "--scope", "admin", "-o", "json"))
    token = base64.b64encode(f"{pair['public_key']}:{pair['secret_key']}".encode()).decode()
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": token}, timeout=120) as client:
        yield client


def bodies(count: int) -> list[bytes]:
    """Requests of events as a shop sends them."""
    made = []
    for call in range(count):
        events = [
            {
                "event_type": "product_viewed",
                "event_properties": {"product_id": f"sku-{call}-{number}", "price": 19.9, "category": "shoes"},
                "profile_id": f"profile_{(call * PER_CALL + number) % 100_000:07}",
            }
            for number in range(PER_CALL)
        ]
        made.append(json.dumps({"events": events}).encode())
    return made


async def ingest(client: httpx.AsyncClient, seconds: float) -> Told:
    """As much as it takes, then half of what is asked for."""
    waiting = bodies(64)
    headers = {"Content-Type": "application/json"}

    async def send(number: int) -> float:
        begun = time.perf_counter()
        answer = await client.post(
            "/v1/retention/events/create/batch", content=waiting[number % len(waiting)], headers=headers
        )
        answer.raise_for_status()
        return time.perf_counter() - begun

    await asyncio.gather(*map(send, range(AT_ONCE)))
    begun, sent = time.perf_counter(), 0

    async def keep_on() -> None:
        nonlocal sent
        while time.perf_counter() - begun < seconds:
            sent += 1
            await send(sent)

    await asyncio.gather(*(keep_on() for _ in range(AT_ONCE)))
    told = {"events_per_s": sent * PER_CALL / (time.perf_counter() - begun)}
    begun = time.perf_counter()
    tasks = []
    for number in range(int(seconds * PACED_PER_S / PER_CALL)):
        await asyncio.sleep(max(0.0, begun + number * PER_CALL / PACED_PER_S - time.perf_counter()))
        tasks.append(asyncio.create_task(send(number)))
    return told | _times("call_at_2500_events_per_s", [await task for task in tasks])


async def members(client: httpx.AsyncClient, api: Process, count: int) -> Told:
    """Questions about a large segment, one after the other, then all of it."""
    numbers = [number * 7_919 % count for number in range(ASKED)]

    def is_member(number: int) -> Awaitable[httpx.Response]:
        return client.get(f"/v2/segments/Everybody/members/member_{number:07}")

    def search(number: int) -> Awaitable[httpx.Response]:
        return client.get("/v2/segments/Everybody/members", params={"q": f"member_{number // 10:06}"})

    told: Told = {"members": count}
    for name, ask in (("is_member", is_member), ("search", search)):
        told |= _times(name, [await _timed(ask, number) for number in numbers])
    before_mib, cpu_s = api.peak_mib(), api.cpu_s()
    begun, lines, size = time.perf_counter(), 0, 0
    async with client.stream("GET", "/v2/segments/Everybody/export", params={"format": "csv"}) as answer:
        async for piece in answer.aiter_bytes():
            lines += piece.count(b"\n")
            size += len(piece)
    if lines != count + 1:
        msg = f"{lines - 1} of {count} members were exported"
        raise RuntimeError(msg)
    return told | {
        "export_s": time.perf_counter() - begun,
        "export_cpu_s": api.cpu_s() - cpu_s,
        "export_mib": size / 2**20,
        "peak_mib_before": before_mib,
        "peak_mib_after": api.peak_mib(),
    }


async def _timed(ask: Callable[[int], Awaitable[httpx.Response]], number: int) -> float:
    begun = time.perf_counter()
    answer = await ask(number)
    elapsed_s = time.perf_counter() - begun
    body = answer.json()
    if not (body.get("is_member") or body.get("items")):
        msg = f"member {number} was not found: {body}"
        raise RuntimeError(msg)
    return elapsed_s


def _times(name: str, seconds: list[float]) -> Told:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {f"{name}_p50_ms": cuts[49] * 1000, f"{name}_p99_ms": cuts[98] * 1000}


async def _until_all_are_in(client: httpx.AsyncClient, count: int) -> None:
    while (await client.get("/v2/segments/Everybody/count")).json()["count"] < count:  # noqa: ASYNC110 - of another process
        await asyncio.sleep(0.5)


async def on_kafka(seconds: float) -> Told:
    """Ingest to a real broker."""
    with tempfile.TemporaryDirectory(prefix="octyseg-api-bench-") as scratch, ExitStack() as stack:
        broker = Broker(Path(scratch) / "kafka")
        broker.start()
        stack.callback(broker.stop)
        redis = stack.enter_context(private_valkey(Path(scratch) / "valkey"))
        env = {"OCTYSEG_LOG": broker.url, "OCTYSEG_REDIS": redis}
        verb(env, "topics", "create")
        api = stack.enter_context(running(env, "api", "--port", "0"))
        async with client_of(api, env) as client:
            return await ingest(client, seconds)


async def embedded(count: int, seconds: float) -> tuple[Told, Told]:
    """Ingest to the log in a file, and questions about members; the stages run in another process."""
    with tempfile.TemporaryDirectory(prefix="octyseg-api-bench-") as scratch, ExitStack() as stack:
        env = {"OCTYSEG_LOG": f"embedded://{scratch}/o.db"}
        dev = stack.enter_context(running(env, "dev", "--port", "0", "--quiet"))
        dev.told("(octyseg is ready)")
        api = stack.enter_context(running(env, "api", "--port", "0"))
        async with client_of(api, env) as client:
            (await client.post("/v2/segments", json=SEGMENT)).raise_for_status()
            took_in = await ingest(client, seconds)
            events = Path(scratch) / "events.jsonl"
            with events.open("w") as file:
                file.writelines(
                    f'{{"profile_id":"member_{number:07}","event_type":"seen","event_properties":{{}}}}\n'
                    for number in range(count)
                )
            await asyncio.to_thread(verb, env, "produce", str(events))
            await _until_all_are_in(client, count)
            return took_in, await members(client, api, count)


def main() -> None:
    """Measure, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.api", description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    console = Console()
    told: dict[str, Told] = {}
    missing = missing_tools()
    if missing:
        console.print(f"[red]no {' and no '.join(missing)} here: nothing was measured on Kafka[/red]")
    else:
        told["ingest, Kafka"] = asyncio.run(on_kafka(options.seconds))
    told["ingest, embedded"], told["members"] = asyncio.run(embedded(options.members, options.seconds))
    table = Table("row", "figure", "value", title="the HTTP API, one process")
    for row, figures in told.items():
        for name, value in figures.items():
            table.add_row(row, name, f"{value:,.1f}")
    console.print(table)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
