"""The forms of errors: Octy's envelope, problem+json, what analytics libraries read, pages in the console.

Every error says what is wrong, where, and what to do, in `errors`, one text for each thing that is wrong.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from octyseg import logs
from octyseg.api.console.rendering import problem
from octyseg.errors import Conflict, DefinitionError, NotFound, OctysegError, Unavailable, UsageError

CONSOLE = "/console"
ANALYTICS = frozenset({f"/v1/{name}" for name in ("batch", "track", "identify", "page", "screen", "group", "alias")})
HELP = "see /docs of this server"
RETRY_AFTER_S = 1

_logger = logs.get(__name__)


class OctyError(BaseModel):
    """One thing that is wrong."""

    error_message: str
    extended_help: str = HELP


class OctyErrors(BaseModel):
    """What is wrong."""

    code: int
    reason: str
    errors: list[OctyError]


class FailedMeta(BaseModel):
    """That it failed."""

    request_status: Literal["Failed"] = "Failed"
    message: str = ""


class Failed(BaseModel):
    """Octy's envelope of an error."""

    request_meta: FailedMeta
    error: OctyErrors


class Problem(BaseModel):
    """RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[str]


class AnalyticsError(BaseModel):
    """What analytics libraries read."""

    success: Literal[False] = False
    code: str
    message: str


_STATUSES = (400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 500, 503)


def _documented(model: type[BaseModel], media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"content": {media_type: {"schema": model.model_json_schema(ref_template=_REF)}}}
    return {status: {"description": HTTPStatus(status).phrase, **schema} for status in _STATUSES}


_REF = "#/components/schemas/{model}"
DOCUMENTED: dict[str, dict[int | str, dict[str, Any]]] = {
    "v1": {status: {"description": HTTPStatus(status).phrase, "model": Failed} for status in _STATUSES},
    "v2": _documented(Problem, "application/problem+json"),
    "": {},
    "analytics": {status: {"description": HTTPStatus(status).phrase, "model": AnalyticsError} for status in _STATUSES},
}


class Rejected(Exception):
    """A request that goes no further: a status, what is wrong, and headers of the answer."""

    def __init__(self, status: int, texts: Sequence[str], headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.texts = list(texts)
        self.headers = headers
        super().__init__("; ".join(self.texts))


def answer(path: str, status: int, texts: Sequence[str], headers: dict[str, str] | None = None) -> Response:
    """An error in the form of the route."""
    if path == CONSOLE or path.startswith(f"{CONSOLE}/"):
        return problem(path.removeprefix(CONSOLE), status, texts, headers)
    reason = HTTPStatus(status).phrase
    body: BaseModel
    if path in ANALYTICS:
        body = AnalyticsError(code=reason.lower().replace(" ", "_"), message="; ".join(texts))
    elif path.startswith("/v1/"):
        errors = [OctyError(error_message=text) for text in texts or [reason]]
        body = Failed(
            request_meta=FailedMeta(message=errors[0].error_message),
            error=OctyErrors(code=status, reason=reason, errors=errors),
        )
    else:
        body = Problem(title=reason, status=status, detail="; ".join(texts) or reason, errors=list(texts))
        return JSONResponse(body.model_dump(), status, headers, "application/problem+json")
    return JSONResponse(body.model_dump(), status, headers)


def status_of(error: OctysegError) -> int:
    """The HTTP status of an error of the house."""
    match error:
        case NotFound():
            return 404
        case Conflict():
            return 409
        case DefinitionError() | UsageError():
            return 400
        case Unavailable():
            return 503
    return 500


def install(app: FastAPI) -> None:
    """Have every error leave in its form."""
    app.add_exception_handler(Rejected, _rejected)
    app.add_exception_handler(OctysegError, _own)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


async def _rejected(request: Request, error: Exception) -> Response:
    assert isinstance(error, Rejected)
    return answer(request.url.path, error.status, error.texts, error.headers)


async def _own(request: Request, error: Exception) -> Response:
    assert isinstance(error, OctysegError)
    texts = error.problems if isinstance(error, DefinitionError) else [str(error)]
    status = status_of(error)
    headers = {"Retry-After": str(RETRY_AFTER_S)} if isinstance(error, Unavailable) else None
    return answer(request.url.path, status, texts, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    path = request.url.path
    texts = []
    for one in error.errors():
        where = ".".join(str(part) for part in one["loc"])
        texts.append(f"{where}: {one['msg'][0].lower()}{one['msg'][1:]}")
    return answer(path, 400 if path.startswith("/v1/") else 422, texts)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = error.detail
    if error.status_code == HTTPStatus.NOT_FOUND and text == HTTPStatus.NOT_FOUND.phrase:
        text = f"there is no route {request.method} {request.url.path}: /docs lists them"
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        text = f"{request.method} is not for {request.url.path}: /docs lists what is"
    return answer(request.url.path, error.status_code, [text], dict(error.headers or {}))


async def _bug(request: Request, error: Exception) -> Response:
    _logger.error("a request failed", path=request.url.path, exc_info=error)
    return answer(request.url.path, 500, ["it failed here, not there: the log of the server says why; send it again"])
