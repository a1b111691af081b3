"""`octyseg webhooks listen`: a receiver on this machine that checks signatures and prints what arrives.

For trying things out. It answers 204 to what is signed with the secret it was given, 400 to all else.
"""

import contextlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any

import msgspec
import typer

from octyseg.cli.output import print_json_line, tell
from octyseg.errors import UsageError

MAX_BODY_BYTES = 1024 * 1024


def listen(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0: a free one.")] = 8099,
    secret: Annotated[
        str | None,
        typer.Option("--secret", help="whsec_..., as `octyseg webhooks secret` printed it.", envvar="WEBHOOK_SECRET"),
    ] = None,
    fail: Annotated[int | None, typer.Option("--fail", help="Answer this status instead, e.g. 503.")] = None,
) -> None:
    """Receive webhooks, one JSON line on stdout for each, with whether its signature is right."""
    from standardwebhooks import Webhook

    try:
        verifier = Webhook(secret) if secret else None
    except ValueError:
        msg = "--secret is no secret: give the whsec_... that `octyseg webhooks secret NAME` printed"
        raise UsageError(msg) from None
    try:
        server = _Server(("127.0.0.1", port), _Receiver)
    except OSError as error:
        msg = f"cannot listen on port {port}: {error.strerror}; choose another --port"
        raise UsageError(msg) from error
    server.verifier, server.fail = verifier, fail
    tell(f"receiving webhooks on http://127.0.0.1:{server.server_port}/; Ctrl-C ends it")
    with contextlib.suppress(KeyboardInterrupt), server:
        server.serve_forever()


class _Server(ThreadingHTTPServer):
    """Knows the secret; None: signatures are not checked."""

    daemon_threads = True
    verifier: Any = None
    fail: int | None = None


class _Receiver(BaseHTTPRequestHandler):
    """One connection of a sender."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Check, print, answer."""
        length = int(self.headers.get("content-length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(413)
            return
        body = self.rfile.read(length)
        verified = self._is_signed(body)
        with contextlib.suppress(BrokenPipeError):
            told = {"webhook_id": self.headers.get("webhook-id"), "verified": verified}
            print_json_line(told | {"body": _decoded(body)})
        self._answer(self.server.fail or (400 if verified is False else 204))

    def _is_signed(self, body: bytes) -> bool | None:
        from standardwebhooks import WebhookVerificationError

        if self.server.verifier is None:
            return None
        try:
            self.server.verifier.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):
            return False
        return True

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """What arrived is on stdout; a line of access log beside it says nothing more."""


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace")
