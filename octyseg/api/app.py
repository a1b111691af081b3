"""Puts the application together: routes, the gate before them, the forms of errors, the documentation."""

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline

from octyseg import __version__
from octyseg.api import analytics, health, octy_v1, v2
from octyseg.api.console import pages as console
from octyseg.api.door import Door
from octyseg.api.gate import Gate
from octyseg.api.idempotency import Idempotency
from octyseg.api.measuring import Measuring
from octyseg.api.problems import DOCUMENTED, install
from octyseg.service.access import Access

DESCRIPTION = """\
Streaming customer segmentation.

* `/v1`: the routes that Octy's clients speak, and what Segment's and RudderStack's libraries send.
* `/v2`: segments, members, profiles, lists, webhooks, runs and keys.
* `/console`: pages for people.

Credentials are a key's two halves: `Authorization: Basic base64(public_key:secret_key)`; `octyseg keys create`
makes them. Errors of `/v2` are problem+json (RFC 9457). Requests have at most 1 MiB, uploads of lists 64 MiB.
"""


_STATIC = Path(console.__file__).parent / "static"


def make_app(access: Access, *, is_local: bool) -> FastAPI:
    """The application over an open access; `is_local` says that only its own machine can come to it."""
    app = FastAPIOffline(
        title="octyseg",
        version=__version__,
        description=DESCRIPTION,
        redoc_url=None,
        separate_input_output_schemas=False,
    )
    app.state.access = access
    app.state.door = Door(access, is_local=is_local)
    install(app)
    for router in (health.router, analytics.router, *octy_v1.ROUTERS, *v2.ROUTERS):
        _include(app, router)
    app.include_router(console.router)
    app.mount("/console/static", StaticFiles(directory=_STATIC))
    app.add_route("/", _to_the_console, include_in_schema=False)
    # The last one added stands first before a request.
    app.add_middleware(Idempotency, access=access, door=app.state.door)
    app.add_middleware(Gate, access=access, is_local=is_local)
    app.add_middleware(Measuring)
    return app


def _to_the_console(_: Request) -> RedirectResponse:
    return RedirectResponse("console/")


def _include(app: FastAPI, router: APIRouter) -> None:
    form = "analytics" if router is analytics.router else router.prefix.strip("/").partition("/")[0]
    responses: dict[int | str, dict[str, Any]] = dict(DOCUMENTED[form])
    app.include_router(router, responses=responses)
