"""The same detection as one writes it for Apache Flink in Java: heap state, checkpoints, both sides of Kafka.

Its sources stand in tests/benchmarks/flink; Maven builds them and brings Flink, some 85 MB, once. It may use
every processor there is, and the collector under which it took least. What is told is its second half: by then
the JVM has compiled what it runs often.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from octyseg.model.segment import Segment
from octyseg.settings import Settings
from tests.benchmarks import traffic
from tests.benchmarks.measured import Measured

_POM = Path(__file__).parent.parent / "flink" / "pom.xml"
_BUILT = _POM.parents[3] / "build" / "flink"
# Flink's serializers look into collections of the JDK.
_OPENED = ("java.util", "java.lang", "java.time")


def measure(settings: Settings, events: int) -> Measured:
    """Detect in so many events."""
    maven = ["mvn", "-q", "-B", "-f", _POM, "compile", "dependency:copy-dependencies"]
    subprocess.run([*maven, f"-DoutputDirectory={_BUILT / 'libs'}"], stdout=sys.stderr, check=True)
    with tempfile.TemporaryDirectory(prefix="octyseg-flink-") as scratch:
        definitions = Path(scratch) / "definitions.json"
        definitions.write_bytes(msgspec.json.encode([_written(segment) for segment in traffic.segments()]))
        opened = [word for package in _OPENED for word in ("--add-opens", f"java.base/{package}=ALL-UNNAMED")]
        classes = f"{_BUILT / 'classes'}:{_BUILT / 'libs'}/*"
        java = ["java", "-XX:+UseParallelGC", "-Xmx4g", *opened, "-cp", classes, "octyseg.Main"]
        topics = settings.topic("events"), settings.topic("tags")
        places = definitions, Path(scratch) / "checkpoints", str(os.cpu_count())
        command = [*java, ",".join(settings.kafka_servers), *topics, str(events), *places]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return Measured.read(done.stdout.splitlines()[-1])


def _written(segment: Segment) -> dict[str, object]:
    """A segment as the job reads it."""
    return {
        "segmentId": segment.segment_id,
        "steps": [
            {
                "eventType": step.event_type,
                "properties": step.properties,
                "withinMs": step.within_ms,
                "inaction": step.inaction,
            }
            for step in segment.steps
        ],
        "onRepeat": segment.on_repeat,
        "correlateBy": segment.correlate_by,
        "onEnterOnly": segment.notify == "on_enter",
        "cooldownMs": segment.cooldown_ms,
        "tagTtlMs": segment.tag_ttl_ms,
    }
