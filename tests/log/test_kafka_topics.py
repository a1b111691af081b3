"""Topics on a real Kafka broker: made as they have to be, looked at, refused."""

import pytest
from aiokafka.admin import NewTopic

from octyseg.errors import UsageError
from octyseg.log.kafka_topics import Topics
from octyseg.log.port import TopicSpec
from tests.log.promises import HOUR_MS, numbered
from tests.log.topics_elsewhere import deleted, made, made_elsewhere

pytestmark = pytest.mark.kafka


async def test_topics_with_their_producers_time_are_refused(open_kafka, admin, topic_name):
    log = await open_kafka()
    topic = topic_name()
    await made_elsewhere(admin, NewTopic(topic, 1, 1))
    with pytest.raises(UsageError, match=f"{topic} stamps records with their producer's time"):
        await log.create_topics([TopicSpec(topic, 1, compacted=False, retention_ms=HOUR_MS)])
    with pytest.raises(UsageError, match=f"{topic}-0.*LogAppendTime"):
        await log.append(topic, 0, numbered(1))


@pytest.mark.parametrize(
    ("policy", "wanted"), [("delete", "compact"), ("compact,delete", "compact"), ("compact", "delete")]
)
async def test_topics_that_forget_what_has_to_stay_are_refused(open_kafka, admin, topic_name, policy, wanted):
    """A broker's default is to delete by age: after a week there would be no states and no definitions."""
    log = await open_kafka()
    topic = topic_name()
    configs = {"cleanup.policy": policy, "message.timestamp.type": "LogAppendTime"}
    await made_elsewhere(admin, NewTopic(topic, 1, 1, topic_configs=configs))
    spec = TopicSpec(topic, 1, compacted=wanted == "compact", retention_ms=-1 if wanted == "compact" else HOUR_MS)
    with pytest.raises(UsageError, match=f"{topic} has cleanup.policy={policy}.* set cleanup.policy={wanted} with"):
        await log.create_topics([spec])


async def test_topics_that_kafka_does_not_make_are_named(open_kafka):
    log = await open_kafka()
    with pytest.raises(UsageError, match="kafka refuses to make topic what"):
        await log.create_topics([TopicSpec("what?", 1, compacted=False, retention_ms=HOUR_MS)])


async def test_asking_for_a_topic_does_not_make_it(mortal_broker, open_kafka, topic_name):
    log, name = await open_kafka(mortal_broker.server), topic_name()
    with pytest.raises(UsageError, match=f"there is no topic {name}"):
        await log.ends(name, [0])
    # Topics are made in the order in which they were asked for.
    await made(log, topic_name())
    assert name not in {spec.name for spec in await log.describe_topics()}


@pytest.fixture
def after_the_next_listing(monkeypatch):
    """Have something done to topics just after they were listed."""
    metadata = Topics._metadata

    def arrange(do):
        waiting = [do]

        async def list_and_do(topics, names):
            listed = await metadata(topics, names)
            if names is None and waiting:
                await waiting.pop()()
            return listed

        monkeypatch.setattr(Topics, "_metadata", list_and_do)

    return arrange


async def test_a_topic_that_goes_while_it_is_looked_at_is_made_again(
    open_kafka, admin, topic_name, after_the_next_listing
):
    log = await open_kafka(patience_s=20)
    names = [topic_name(), topic_name()]
    specs = [TopicSpec(name, 1, compacted=False, retention_ms=HOUR_MS) for name in names]
    assert await log.create_topics(specs) == names
    after_the_next_listing(lambda: deleted(admin, names[0]))
    assert await log.create_topics(specs) == names[:1]
    after_the_next_listing(lambda: deleted(admin, names[1]))
    assert set(specs) & set(await log.describe_topics()) == {specs[0]}


@pytest.mark.parametrize("partitions", [1, 3])
async def test_a_topic_that_somebody_makes_in_the_meantime_is_looked_at_too(
    open_kafka, topic_name, after_the_next_listing, partitions
):
    log, other = await open_kafka(patience_s=20), await open_kafka()
    name = topic_name()
    after_the_next_listing(lambda: made(other, name, partitions))
    if partitions == 1:
        assert await log.create_topics([TopicSpec(name, 1, compacted=False, retention_ms=HOUR_MS)]) == []
    else:
        with pytest.raises(UsageError, match=f"{name} has 3 partitions, not 1"):
            await log.create_topics([TopicSpec(name, 1, compacted=False, retention_ms=HOUR_MS)])
