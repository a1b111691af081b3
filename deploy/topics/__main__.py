"""Prints octyseg's topics as resources of Strimzi's topic operator.

    python -m deploy.topics --cluster kafka --partitions 64 | kubectl apply -f -

`make generated` writes deploy/topics/strimzi.yaml with the defaults. Anywhere else `octyseg topics create`
makes them, with the login of somebody who may.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from octyseg.log.kafka_topics import configs_of
from octyseg.log.topics import specs

# A record is acknowledged when two of three brokers have it, and one broker may be away.
_REPLICAS, _IN_SYNC = 3, 2


def resources(namespace: str, partitions: int, replicas: int, cluster: str) -> Iterator[dict[str, Any]]:
    """One resource for each topic."""
    for spec in specs(namespace, partitions):
        yield {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            "metadata": {"name": spec.name, "labels": {"strimzi.io/cluster": cluster}},
            "spec": {
                "topicName": spec.name,
                "partitions": spec.partitions,
                "replicas": replicas,
                "config": configs_of(spec) | {"min.insync.replicas": str(min(_IN_SYNC, replicas))},
            },
        }


def text(arguments: Sequence[str] = ()) -> str:
    """The documents, as the command line asks for them."""
    parser = argparse.ArgumentParser(prog="python -m deploy.topics", description=__doc__.partition("\n")[0])
    parser.add_argument("--namespace", default="octyseg.", help="OCTYSEG_NAMESPACE of the workers (octyseg.)")
    parser.add_argument("--partitions", type=int, default=8, help="OCTYSEG_PARTITIONS of the workers (8)")
    parser.add_argument("--replicas", type=int, default=_REPLICAS, help=f"of each partition ({_REPLICAS})")
    parser.add_argument("--cluster", default="kafka", help="name of the Kafka resource (kafka)")
    asked = parser.parse_args(arguments)
    written = StringIO()
    yaml = YAML()
    yaml.explicit_start = True
    yaml.dump_all(resources(asked.namespace, asked.partitions, asked.replicas, asked.cluster), written)
    return written.getvalue()


if __name__ == "__main__":
    sys.stdout.write(text(sys.argv[1:]))
