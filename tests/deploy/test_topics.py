"""Topics that somebody else declares are those that workers would make."""

from ruamel.yaml import YAML

from deploy.topics.__main__ import text
from octyseg.log.kafka_topics import configs_of
from octyseg.log.topics import specs
from tests.deploy.asked import DEPLOY


def test_the_kept_topics_are_the_ones_the_code_makes():
    assert (DEPLOY / "topics" / "strimzi.yaml").read_text() == text(), "run `make generated`"


def test_every_topic_is_declared_as_workers_would_make_it():
    asked = text(["--namespace", "shop.", "--partitions", "64", "--replicas", "1", "--cluster", "events"])
    declared = {one["spec"]["topicName"]: one for one in YAML(typ="safe").load_all(asked)}
    wanted = {spec.name: spec for spec in specs("shop.", 64)}
    assert declared.keys() == wanted.keys()
    for name, spec in wanted.items():
        told = declared[name]["spec"]
        assert (told["partitions"], told["replicas"]) == (spec.partitions, 1)
        assert told["config"] == configs_of(spec) | {"min.insync.replicas": "1"}
        assert declared[name]["metadata"]["labels"] == {"strimzi.io/cluster": "events"}
