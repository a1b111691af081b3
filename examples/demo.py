"""The tour: an hour of made-up shop traffic through the whole of octyseg, in seconds.

Runs the same commands a person would type, against an embedded log in a directory of its own, and
shows the tag changes as they appear on the `tags` topic. `make demo` runs it; nothing is left behind.
"""

import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table

DEFINITIONS = Path(__file__).with_name("segments.yaml")
EVENTS = 20_000
RATE_PER_S = EVENTS / 3600
SEND_PER_S = 4_000
SHOWN_OF_EACH = 5
QUIET_S = 2.0
WEBHOOKS_QUIET_S = 10.0
OCTYSEG = [sys.executable, "-m", "octyseg"]
COLOURS = {"added": "green", "refreshed": "blue", "removed": "red"}

console = Console(highlight=False, soft_wrap=True)


def say(command: str) -> None:
    """Show a command as it would be typed."""
    console.print(f"\n[bold]$ octyseg {command}[/bold]")


def run(command: str, **options: object) -> None:
    """Type a command and show what it says."""
    say(command)
    subprocess.run([*OCTYSEG, *command.split()], check=True, **options)  # type: ignore[call-overload]  # noqa: S603


def read_into(stream: IO[str], lines: "queue.Queue[str]") -> None:
    """Hand on what the tail prints, from a thread."""
    for line in stream:
        lines.put(line)


def show(change: dict[str, object]) -> None:
    """One tag change, as a line."""
    kind = str(change["kind"])
    sign = {"added": "+", "refreshed": "~", "removed": "-"}[kind]
    at = str(change["occurred_at"])[11:19]
    console.print(
        f"  {at}  [{COLOURS[kind]}]{sign} {change['segment_tag']:<34}[/] {change['profile_id']}  {change['reason']}"
    )


def watch(lines: "queue.Queue[str]", sending: "subprocess.Popen[bytes]") -> Counter[tuple[str, str]]:
    """Show the first changes, count all, until traffic is sent and nothing more comes."""
    counts: Counter[tuple[str, str]] = Counter()
    last_s = time.monotonic()
    while sending.poll() is None or time.monotonic() - last_s < QUIET_S:
        try:
            change = json.loads(lines.get(timeout=0.2))["value"]
        except queue.Empty:
            continue
        last_s = time.monotonic()
        happened = change["segment_tag"], change["kind"]
        counts[happened] += 1
        if counts[happened] <= SHOWN_OF_EACH:
            show(change)
    return counts


def receive(scratch: Path, processes: "list[subprocess.Popen[bytes] | subprocess.Popen[str]]") -> "queue.Queue[str]":
    """A receiver of webhooks on this machine; what arrives there, as it comes."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    account = scratch / "account.yaml"
    account.write_text(f"kind: accountConfigurations\nconfigurations:\n  webhookURL: http://127.0.0.1:{port}/hooks\n")
    run(f"apply -f {account}", stdout=subprocess.DEVNULL)
    say(f"webhooks listen --port {port} --secret $(octyseg webhooks secret account) &")
    secret = subprocess.run(  # noqa: S603
        [*OCTYSEG, "webhooks", "secret", "account"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    listener = subprocess.Popen(  # noqa: S603
        [*OCTYSEG, "webhooks", "listen", "--port", str(port), "--secret", secret],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    processes.append(listener)
    assert listener.stdout is not None
    assert listener.stderr is not None
    console.print(listener.stderr.readline().strip())
    arrived: queue.Queue[str] = queue.Queue()
    threading.Thread(target=read_into, args=(listener.stdout, arrived), daemon=True).start()
    return arrived


def await_webhooks(arrived: "queue.Queue[str]", changes: int) -> int:
    """How many changes arrived with a right signature, once all have or nothing more comes."""
    verified: set[str] = set()
    first = ""
    while len(verified) < changes:
        try:
            message = json.loads(arrived.get(timeout=WEBHOOKS_QUIET_S))
        except queue.Empty:
            break
        if message["verified"]:
            first = first or json.dumps(message)
            verified.add(message["webhook_id"])
    console.print(
        f"\nwebhooks: {len(verified):,} of {changes:,} changes arrived with a right signature, e.g.\n  {first}"
    )
    return len(verified)


def summarise(counts: Counter[tuple[str, str]], seconds: float) -> None:
    """What happened, per segment."""
    table = Table("segment", "added", "refreshed", "removed", title=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for segment in sorted({segment for segment, _ in counts}):
        table.add_row(segment, *(f"{counts[segment, kind]:,}" for kind in COLOURS))
    console.print()
    console.print(table)
    console.print(
        f"{EVENTS:,} events of one hour in {seconds:.1f} s ({EVENTS / seconds:,.0f} events/s, paced), "
        f"{counts.total():,} tag changes"
    )


def main() -> None:
    """Run the tour."""
    scratch = Path(tempfile.mkdtemp(prefix="octyseg-demo-"))
    os.environ |= {"OCTYSEG_LOG": f"embedded://{scratch}/octyseg.db", "OCTYSEG_LOG_LEVEL": "error"}
    # The receiver of this tour is on this machine, where webhooks otherwise do not go.
    os.environ |= {
        "OCTYSEG_WEBHOOKS__ALLOW_HTTP": "true",
        "OCTYSEG_WEBHOOKS__ALLOW_NETWORKS": '["127.0.0.0/8"]',
    }
    processes: list[subprocess.Popen[bytes] | subprocess.Popen[str]] = []
    try:
        say("dev --time events --quiet &")
        dev = subprocess.Popen([*OCTYSEG, "dev", "--time", "events", "--quiet"], stderr=subprocess.PIPE, text=True)  # noqa: S603
        processes.append(dev)
        assert dev.stderr is not None
        console.print(dev.stderr.readline().strip() or "octyseg dev did not start")
        run(f"apply -f {DEFINITIONS.relative_to(Path.cwd())}")
        arrived = receive(scratch, processes)
        say("tail tags --follow -o json &")
        follow = [*OCTYSEG, "tail", "tags", "--from-start", "--follow", "-o", "json"]
        tail = subprocess.Popen(follow, stdout=subprocess.PIPE, text=True)  # noqa: S603
        processes.append(tail)
        lines: queue.Queue[str] = queue.Queue()
        assert tail.stdout is not None
        threading.Thread(target=read_into, args=(tail.stdout, lines), daemon=True).start()
        say(f"simulate --events {EVENTS} --rate {RATE_PER_S:.2f} | octyseg produce - --rate {SEND_PER_S}")
        begun_s = time.monotonic()
        traffic = subprocess.Popen(  # noqa: S603
            [*OCTYSEG, "simulate", "--events", str(EVENTS), "--rate", str(RATE_PER_S)], stdout=subprocess.PIPE
        )
        processes.append(traffic)
        sending = subprocess.Popen(  # noqa: S603
            [*OCTYSEG, "produce", "-", "--rate", str(SEND_PER_S)], stdin=traffic.stdout, stderr=subprocess.DEVNULL
        )
        processes.append(sending)
        counts = watch(lines, sending)
        summarise(counts, time.monotonic() - begun_s - QUIET_S)
        verified = await_webhooks(arrived, counts.total())
        run("get segments")
        if not counts:
            console.print("[red]no tag changed: that is a defect, please report it[/red]")
            sys.exit(1)
        if verified < counts.total():
            console.print("[red]webhooks are missing: that is a defect, please report it[/red]")
            sys.exit(1)
        console.print(
            "\nTo go on: [bold].venv/bin/octyseg dev[/bold] in one shell, and in another "
            "[bold]octyseg apply -f examples/segments.yaml[/bold], [bold]octyseg simulate --to-log[/bold], "
            "[bold]octyseg tail tags --follow[/bold], [bold]octyseg get profile profile_0000001[/bold].\n"
            "A browser shows all of it at [bold]http://127.0.0.1:8080/console[/bold]. "
            "README.md tells the rest; [bold]make kafka[/bold] starts a real broker to try it on."
        )
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(15)
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
