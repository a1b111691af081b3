"""Pages as a browser gets them: from templates, and with leave to do nothing but show this server's own files."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from octyseg import __version__

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Addresses name profiles, and pages show what is known of them.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def page(template: str, **shown: Any) -> HTMLResponse:
    """A page of what is shown."""
    return HTMLResponse(_environment.get_template(f"{template}.html").render(shown), headers=_HEADERS)


def problem(status: int, texts: Sequence[str], headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """A page that says what is wrong."""
    reason = HTTPStatus(status).phrase
    answer = page("problem", status=status, title=reason, texts=texts or [reason])
    answer.status_code = status
    answer.headers.update(headers or {})
    return answer


def as_json(value: Any) -> str:
    """A value for people to read."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


_environment = Environment(
    loader=PackageLoader("octyseg.api.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["version"] = __version__
_environment.filters["as_json"] = as_json
