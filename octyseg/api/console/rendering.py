"""Pages as a browser gets them: from templates, and with leave to do nothing but show this server's own files.

Their links are relative, so that they hold wherever a proxy shows the console.
"""

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

# The console as seen from its address without the slash at the end, which is one level further up.
_FROM_OUTSIDE = "console/"


def page(template: str, **shown: Any) -> HTMLResponse:
    """A page of what is shown."""
    return HTMLResponse(_environment.get_template(f"{template}.html").render(shown), headers=_HEADERS)


def problem(below: str, status: int, texts: Sequence[str], headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """A page that says what is wrong with what was asked for at a path below the console's."""
    reason = HTTPStatus(status).phrase
    up = "../" * (below.count("/") - 1) or "./" if below else _FROM_OUTSIDE
    answer = page("problem", status=status, title=reason, texts=texts or [reason], up=up)
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
_environment.globals["up"] = "./"
_environment.filters["as_json"] = as_json
