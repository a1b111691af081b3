"""Asks an HTTP API on behalf of a verb: `--api URL` or OCTYSEG_API, with OCTYSEG_PUBLIC_KEY and OCTYSEG_SECRET_KEY.

What cannot be asked or is refused leaves as one error of the house, so that a verb fails alike wherever it asks.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from octyseg.errors import Conflict, DefinitionError, NotFound, OctysegError, Unavailable, UsageError
from octyseg.settings import Settings

if TYPE_CHECKING:
    import httpx

_TIMEOUT_S = 60.0
_CONNECT_TIMEOUT_S = 5.0


class Api:
    """One API; open between `with` and its end."""

    def __init__(self, settings: Settings) -> None:
        import httpx

        assert settings.api is not None, "whoever asks over HTTP knows where"
        headers = {}
        if settings.public_key and settings.secret_key:
            pair = f"{settings.public_key}:{settings.secret_key}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        self._url = settings.api.rstrip("/")
        self._client = httpx.Client(
            base_url=self._url,
            headers=headers,
            timeout=httpx.Timeout(_TIMEOUT_S, connect=_CONNECT_TIMEOUT_S),
            transport=httpx.HTTPTransport(retries=2),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **query: object) -> Any:
        """The answer to a question."""
        return self._asked("GET", path, query)

    def post(self, path: str, body: object = None, **query: object) -> Any:
        """The answer to a request with a body of JSON."""
        return self._asked("POST", path, query, json={} if body is None else body)

    def send(self, path: str, data: bytes, content_type: str, **query: object) -> Any:
        """The answer to a request with a body as it is."""
        return self._asked("POST", path, query, content=data, headers={"Content-Type": content_type})

    def delete(self, path: str, **query: object) -> Any:
        """The answer to a deletion."""
        return self._asked("DELETE", path, query)

    def stream(self, path: str, **query: object) -> Iterator[bytes]:
        """An answer as it comes."""
        with self._client.stream("GET", path, params=_given(query)) as response:
            if response.is_error:
                response.read()
                self._refused(response)
            yield from response.iter_bytes()

    def _asked(self, method: str, path: str, query: Mapping[str, object], **body: Any) -> Any:
        import httpx

        try:
            response = self._client.request(method, path, params=_given(query), **body)
        except httpx.HTTPError as error:
            msg = f"{self._url} does not answer ({error}): look at OCTYSEG_API or --api, or start `octyseg api`"
            raise Unavailable(msg) from None
        if response.is_error:
            self._refused(response)
        return response.json()

    def _refused(self, response: "httpx.Response") -> None:
        texts = _texts(response)
        match response.status_code:
            case 401 | 403:
                msg = f"{self._url}: {texts[0]}; OCTYSEG_PUBLIC_KEY and OCTYSEG_SECRET_KEY are the key of this verb"
                raise UsageError(msg)
            case 404:
                raise NotFound(texts[0])
            case 409 | 412:
                raise Conflict(texts[0])
            case 400 | 413 | 415 | 422:
                raise DefinitionError(texts)
            case 429 | 503:
                raise Unavailable(f"{self._url}: {texts[0]}")
        msg = f"{self._url} answered {response.status_code}: {texts[0]}"
        raise OctysegError(msg)


def part(text: str) -> str:
    """A name as a part of a path."""
    return quote(text, safe="")


def _texts(response: "httpx.Response") -> list[str]:
    """What the answer says is wrong, in whichever form."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        if isinstance(body.get("error"), dict):
            return [str(one.get("error_message")) for one in body["error"]["errors"]]
        if body.get("errors"):
            return [str(one) for one in body["errors"]]
        if body.get("detail"):
            return [str(body["detail"])]
    return [response.reason_phrase or "no reason given"]


def _given(query: Mapping[str, object]) -> dict[str, str]:
    values = {name: value for name, value in query.items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
