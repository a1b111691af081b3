"""Puts a verb's question where the settings say: to an HTTP API, or here to the log and Redis."""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from octyseg.cli.session import Chosen, open_log, run
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.cli.remote import Api
    from octyseg.service.access import Access

T = TypeVar("T")

_Url = Annotated[
    str | None,
    typer.Option("--api", metavar="URL", help="Ask this HTTP API instead of the log.", show_default="OCTYSEG_API"),
]


def may_ask(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with --api, whose value becomes a setting of this run."""
    signature = inspect.signature(verb)
    option = inspect.Parameter("api", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Url)

    @wraps(verb)
    def with_api(*given: Any, api: str | None = None, **named: Any) -> None:
        Chosen.api = api
        verb(*given, **named)

    with_api.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    with_api.__annotations__ = {**verb.__annotations__, "api": _Url}
    return with_api


def ask(
    loaded: Settings,
    over_http: "Callable[[Api], T]",
    here: "Callable[[Access], Awaitable[T]]",
    *,
    writes: bool = False,
    projection: bool = False,
) -> T:
    """The answer. `writes`: an embedded log is made when it is not there; `projection`: Redis is asked too."""
    if loaded.api is not None:
        from octyseg.cli.remote import Api

        with Api(loaded) as api:
            return over_http(api)

    async def asked() -> T:
        from octyseg.projection.connection import open_redis
        from octyseg.service.access import open_access

        async with AsyncExitStack() as stack:
            log = await stack.enter_async_context(open_log(loaded, writes=writes))
            redis = await stack.enter_async_context(open_redis(loaded)) if projection else None
            access = await stack.enter_async_context(open_access(loaded, log, redis))
            return await here(access)

    return run(asked())
