"""What became of one attempt: a value the sender makes and the judge reads."""

from typing import Literal, NamedTuple

Failure = Literal["refused", "timeout", "connect", "tls", "protocol", "status", "gone"]


class Answer(NamedTuple):
    """What became of an attempt. `failure` is None when it went well; `status` None when no answer came."""

    failure: Failure | None
    status: int | None
    message: str
    retry_after: str | None
    body: bytes
    duration_ms: int
