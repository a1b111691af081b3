"""Which of Redis' refusals are waited for, and which are ours."""

import pytest
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

from octyseg.errors import ProjectionUnavailable
from octyseg.projection.connection import answering


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
