"""Which of Redis' refusals are waited for, and which are ours."""

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

from deploy.kafka.broker import free_ports
from octyseg.errors import ProjectionUnavailable, SettingsError
from octyseg.projection.connection import answering, refuse_unfit
from tests.kafka.own_valkey import Valkey


@pytest.mark.parametrize(
    "refusal",
    [
        NoScriptError("No matching script."),
        OutOfMemoryError("command not allowed"),
        ReadOnlyError("a replica"),
        ResponseError("BUSY a script runs"),
    ],
)
async def test_what_passes_by_itself_is_waited_for(refusal):
    with pytest.raises(ProjectionUnavailable, match="redis does not serve"), answering():
        raise refusal


async def test_what_we_did_wrong_is_not():
    with pytest.raises(ResponseError, match="wrong number"), answering():
        raise ResponseError("ERR wrong number of arguments")


async def test_a_node_of_a_cluster_is_refused_with_what_to_do(tmp_path):
    valkey = Valkey(tmp_path / "valkey")
    port, cluster_port = map(str, free_ports(2))
    valkey.start(**{"cluster-enabled": "yes", "port": port, "cluster-port": cluster_port})
    try:
        async with Redis.from_url(valkey.url) as redis:
            with pytest.raises(SettingsError, match="redis is a node of a cluster"):
                await refuse_unfit(redis)
    finally:
        valkey.kill()
