"""`octyseg webhooks`: endpoints and their secrets, what became of deliveries, and sending them again.

Endpoints are defined in files (`octyseg apply`); here are their states. A secret is printed once, alone
on stdout, when it is made.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from octyseg.cli.asking import ask, may_ask
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.remote import part
from octyseg.cli.session import begin
from octyseg.cli.webhooks_listen import listen
from octyseg.errors import OctysegError, UsageError

group = typer.Typer(no_args_is_help=True, help="Endpoints of webhooks, and what became of deliveries.")
group.command("listen")(listen)

Name = Annotated[str, typer.Argument(help="The endpoint; the account's own is called account.", show_default=False)]


@group.command("list")
@may_ask
def list_endpoints(output: Form = "table") -> None:
    """All endpoints with where they go and whether they are in use."""
    found = ask(begin(), lambda api: api.get("/v2/webhooks/endpoints"), webhooks().listing)
    if output == "json":
        print_json(found)
    else:
        columns = ("endpoint", "url", "format", "enabled", "why_disabled")
        print_table([name.upper() for name in columns], [[one[name] for name in columns] for one in found])


@group.command("secret")
@may_ask
def secret(name: Name) -> None:
    """Make the endpoint's secret, or a new one, and print it. The one before it still signs for 24 hours."""
    made = ask(
        begin(),
        lambda api: api.post(f"/v2/webhooks/endpoints/{part(name)}/secret")["secret"],
        lambda access: webhooks().new_secret(access, name),
    )
    typer.echo(made)


group.command("rotate-secret", help="The same as `secret`.")(secret)


@group.command("enable")
@may_ask
def enable(name: Name) -> None:
    """Send to an endpoint again. What it missed is sent by `octyseg webhooks replay --endpoint`."""
    ask(
        begin(),
        lambda api: api.post(f"/v2/webhooks/endpoints/{part(name)}/enable"),
        lambda access: webhooks().switch(access, name, enabled=True),
    )


@group.command("disable")
@may_ask
def disable(name: Name) -> None:
    """Send nothing to an endpoint until it is enabled; what waits is given up and can be replayed."""
    ask(
        begin(),
        lambda api: api.post(f"/v2/webhooks/endpoints/{part(name)}/disable"),
        lambda access: webhooks().switch(access, name, enabled=False),
    )


@group.command("test")
@may_ask
def test(name: Name) -> None:
    """Post one signed test message from here, and say what came back. Exit code 1 when it was not taken."""
    found = ask(
        begin(),
        lambda api: api.post(f"/v2/webhooks/endpoints/{part(name)}/test"),
        lambda access: webhooks().test(access, name),
    )
    shown = f"{found['http_status']} " if found["http_status"] else ""
    tell(f"{name}: {shown}{found['message'] or 'taken'} after {found['duration_ms']} ms")
    if not found["taken"]:
        raise typer.Exit(1)


@group.command("key")
def key() -> None:
    """Print a new key for OCTYSEG_WEBHOOKS__SECRET_KEY, which seals the endpoints' secrets."""
    from octyseg.webhooks.sealing import new_key

    typer.echo(new_key())


@group.command("show")
@may_ask
def show(
    change_id: Annotated[str, typer.Argument(help="The change, as in webhook-id.", show_default=False)],
    profile: Annotated[str | None, typer.Option("--profile", help="Of whom: it is found sooner.")] = None,
    output: Form = "table",
) -> None:
    """Everything that happened to the deliveries of one change."""
    records = _attempts(change_id=change_id, profile_id=profile, limit=10_000)
    if not records:
        msg = f"no delivery of {change_id} is known: `octyseg webhooks attempts` lists the last ones"
        raise OctysegError(msg)
    _print(records, output)


@group.command("attempts")
@may_ask
def attempts(
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Only of this endpoint.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only this, e.g. retrying, exhausted.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="Only of this one.")] = None,
    last: Annotated[int, typer.Option("-n", "--last", min=1, max=10_000, help="How many of the last.")] = 20,
    output: Form = "table",
) -> None:
    """What happened last to deliveries."""
    _print(_attempts(endpoint=endpoint, status=status, profile_id=profile, limit=last), output)


@group.command("replay")
@may_ask
def replay(
    change_id: Annotated[str | None, typer.Option("--id", help="The change, whatever became of it.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Given up since then: RFC 3339, or so long ago as 90m, 12h, 3d.")
    ] = None,
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Given up for this endpoint.")] = None,
    output: Form = "table",
) -> None:
    """Send deliveries again that were given up, with ten attempts before them, under their old webhook-id."""
    if change_id is None and since is None and endpoint is None:
        msg = "say which: --id CHANGE, --since TIME, --endpoint NAME, or several of them"
        raise UsageError(msg)
    after = None if since is None else _instant(since)
    since_text = None if after is None else after.isoformat()
    wanted = {"change_id": change_id, "since": since_text, "endpoint": endpoint}
    found = ask(
        begin(),
        lambda api: api.post("/v2/webhooks/replay", wanted),
        lambda access: webhooks().replay(access, change_id, after, endpoint),
        projection=True,
    )
    _print(found, output)


def webhooks() -> Any:
    """The questions, loaded when one is asked."""
    from octyseg.service import webhooks as questions

    return questions


def _attempts(**wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(
        begin(),
        lambda api: api.get("/v2/webhooks/attempts", **wanted),
        lambda access: webhooks().attempts(access, **wanted),
    )
    return found


def _instant(text: str) -> datetime:
    units = {"m": "minutes", "h": "hours", "d": "days"}
    try:
        if text[-1:] in units:
            return datetime.now(UTC) - timedelta(**{units[text[-1]]: float(text[:-1])})
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        at = None
    if at is None or at.tzinfo is None:
        msg = f"--since {text} is no time: write 2026-11-22T08:00:00Z, or 90m, 12h, 3d for so long ago"
        raise UsageError(msg)
    return at


def _print(records: list[dict[str, Any]], output: str) -> None:
    if output == "json":
        print_json(records)
        return
    rows = [
        (
            _second(one["at"]),
            one["change_id"],
            one["endpoint"],
            one["status"],
            one.get("attempt"),
            one.get("http_status"),
            one.get("message"),
            _second(one.get("next_attempt_at")),
        )
        for one in records
    ]
    print_table(("AT", "CHANGE", "ENDPOINT", "STATUS", "ATTEMPT", "HTTP", "MESSAGE", "NEXT ATTEMPT"), rows)


def _second(at: str | None) -> str | None:
    """An instant as people read it, in UTC."""
    return None if at is None else at[:19].replace("T", " ")
