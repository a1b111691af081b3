"""Measure: `python -m tests.benchmarks.history [--events 100000000] [--profiles 1000000] [--definitions 100]`.

Made-up events of 90 days in Parquet files by day, as the archive has them, and past definitions of every sub type
asked in one run, in half as many, and one by one (of which a few are measured). Each run is a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from octyseg.history.evaluate import asked_in, evaluate
from octyseg.history.people import People
from octyseg.history.source import of_files
from octyseg.model.definitions.reading.loading import read_definitions

DAYS = 90
DAY_MS = 24 * 60 * 60 * 1000
NOW_MS = 1_780_000_000_000
TYPES = 20
ALONE = 5
OUTPUT = Path("build/bench/history.json")

# Types are as unequal as in real traffic: the first is in a third of the events, the last in one of four hundred.
ROWS = """
COPY (
    SELECT 'profile_' || lpad((hash(n) % {profiles})::VARCHAR, 7, '0') AS profile_id,
           ({begin} + hash(n, 1) % {day})::BIGINT AS at_ms,
           n::BIGINT AS place,
           'type_' || floor({types} * power((hash(n, 2) % 1000) / 1000.0, 2.7))::INT AS event_type,
           chr(10) || '"plan":"' || CASE hash(n, 3) % 3 WHEN 0 THEN 'gold' WHEN 1 THEN 'tin' ELSE 'iron' END || '"'
                   || chr(10) || '"seats":' || (hash(n, 4) % 9)::VARCHAR || chr(10) AS properties,
           NULL::BIGINT AS event_id
    FROM range({first}, {last}) AS t(n)
    ORDER BY profile_id
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""


def make(directory: Path, events: int, profiles: int) -> None:
    """The files."""
    each = events // DAYS
    with duckdb.connect() as connection:
        for day in range(DAYS):
            path = directory / f"{day:03}.parquet"
            begin = NOW_MS - (DAYS - day) * DAY_MS
            text = ROWS.format(
                profiles=profiles,
                begin=begin,
                day=DAY_MS,
                types=TYPES,
                first=day * each,
                last=(day + 1) * each,
                path=path,
            )
            connection.execute(text)


def definitions(count: int) -> bytes:
    """So many past definitions, of every kind and of many windows."""
    found = []
    for number in range(count):
        steps = [{"eventType": f"type_{1 + number % (TYPES - 1)}", "actionInaction": "action"}]
        if number % 3 == 0:
            steps[0]["eventProperties"] = {"plan": "gold"}
        if number % 4 == 1:
            steps.append({"eventType": f"type_{1 + (number * 7 + 3) % (TYPES - 1)}", "actionInaction": "action"})
        if number % 20 == 19:
            steps += [{"eventType": f"type_{2 + (number + more) % 17}", "actionInaction": "action"} for more in (1, 5)]
        is_negated = number % 2 == 0
        if is_negated:
            steps.append({"eventType": f"type_{1 + (number * 5 + 7) % (TYPES - 1)}", "actionInaction": "inaction"})
        wanted = {json.dumps([one["eventType"], one.get("eventProperties")]) for one in steps}
        if len(wanted) < len(steps):
            steps = steps[:1]
            is_negated = False
        found.append(
            {
                "segmentName": f"s{number}",
                "segmentType": "past",
                "segmentSubtype": 2 if is_negated else 1,
                "segmentTimeframe": (7, 14, 30, 60, 90)[number % 5],
                "ordered": number % 8 != 1,
                "eventSequence": steps,
            }
        )
    return json.dumps({"kind": "segments", "segmentDefinitions": found}).encode()


def measure(directory: Path, first: int, last: int) -> dict[str, float]:
    """One run of some of the definitions, in this process."""
    segments = read_definitions(definitions(last), "made up").segments[first:]
    history = of_files(sorted(directory.glob("*.parquet")), People())
    begun_s = time.perf_counter()
    members = evaluate(asked_in(segments), history, NOW_MS)
    return {
        "seconds": time.perf_counter() - begun_s,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "members": sum(map(len, members.values())),
    }


def main() -> None:
    """Make the events, measure the runs, tell."""
    options = _options()
    if options.run:
        first, last = map(int, options.run.split("-"))
        sys.stdout.write(json.dumps(measure(options.directory, first, last)) + "\n")
        return
    console = Console()
    with tempfile.TemporaryDirectory(prefix="octyseg-history-bench-") as scratch:
        directory = Path(scratch)
        begun_s = time.perf_counter()
        make(directory, options.events, options.profiles)
        size = sum(path.stat().st_size for path in directory.iterdir())
        console.print(
            f"{options.events:,} events made in {time.perf_counter() - begun_s:.0f} s, {size / 2**30:.2f} GiB"
        )
        count = options.definitions
        runs = {"all": (0, count), "half": (0, count // 2)}
        runs |= {f"alone {number}": (number, number + 1) for number in range(0, count, count // ALONE + 1)}
        found = {}
        for name, (first, last) in runs.items():
            found[name] = _in_a_process(directory, first, last)
            console.print(f"{name}: {found[name]}")
    alone = [one["seconds"] for name, one in found.items() if name.startswith("alone")]
    further_s = (found["all"]["seconds"] - found["half"]["seconds"]) / (count - count // 2)
    told = {
        "events": options.events,
        "profiles": options.profiles,
        "definitions": count,
        "seconds": found["all"]["seconds"],
        "peak_mib": found["all"]["peak_mib"],
        "seconds_a_further_definition": further_s,
        "seconds_alone": sum(alone) / len(alone),
        "one_by_one_over_one_run": count * sum(alone) / len(alone) / found["all"]["seconds"],
    }
    table = Table("figure", "value", title="past definitions over history")
    for name, value in told.items():
        table.add_row(name, f"{value:,.2f}" if isinstance(value, float) else f"{value:,}")
    console.print(table)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(told, indent=2) + "\n")


def _in_a_process(directory: Path, first: int, last: int) -> dict[str, float]:
    words = [
        sys.executable,
        "-m",
        "tests.benchmarks.history",
        "--directory",
        str(directory),
        "--run",
        f"{first}-{last}",
    ]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.history", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--profiles", type=int, default=1_000_000)
    parser.add_argument("--definitions", type=int, default=100)
    parser.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
