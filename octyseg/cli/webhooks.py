"""`octyseg webhooks`: endpoints and their secrets, what became of deliveries, and sending them again.

Endpoints are defined in files (`octyseg apply`); here are their states. A secret is printed once, alone
on stdout, when it is made.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.plan import now_ms
from octyseg.cli.session import begin, open_log, read_registry, run
from octyseg.cli.webhooks_listen import listen
from octyseg.errors import OctysegError, UsageError
from octyseg.log.port import Log, NewRecord
from octyseg.model.registry import Registry
from octyseg.model.stored import StoredSwitch, encoded, secrets_key, switch_key
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.webhooks.answer import Answer
    from octyseg.webhooks.delivery import DeliveryRecord
    from octyseg.webhooks.endpoint import Endpoint

group = typer.Typer(no_args_is_help=True, help="Endpoints of webhooks, and what became of deliveries.")
group.command("listen")(listen)

Name = Annotated[str, typer.Argument(help="The endpoint; the account's own is called account.", show_default=False)]


@group.command("list")
def list_endpoints(output: Form = "table") -> None:
    """All endpoints with where they go and whether they are in use."""
    found = [
        {
            "endpoint": one.name,
            "url": one.url,
            "format": one.format,
            "segments": sorted(one.segments),
            "kinds": sorted(one.kinds),
            "enabled": one.enabled,
            "why_disabled": one.why_disabled or None,
        }
        for one in run(_endpoints(begin())).values()
    ]
    if output == "json":
        print_json(found)
    else:
        columns = ("endpoint", "url", "format", "enabled", "why_disabled")
        print_table([name.upper() for name in columns], [[one[name] for name in columns] for one in found])


@group.command("secret")
def secret(name: Name) -> None:
    """Make the endpoint's secret, or a new one, and print it. The one before it still signs for 24 hours."""
    typer.echo(run(_new_secret(begin(), name)))


group.command("rotate-secret", help="The same as `secret`.")(secret)


@group.command("enable")
def enable(name: Name) -> None:
    """Send to an endpoint again. What it missed is sent by `octyseg webhooks replay --endpoint`."""
    run(_switch(begin(), name, enabled=True))


@group.command("disable")
def disable(name: Name) -> None:
    """Send nothing to an endpoint until it is enabled; what waits is given up and can be replayed."""
    run(_switch(begin(), name, enabled=False))


@group.command("test")
def test(name: Name) -> None:
    """Post one signed test message from here, and say what came back. Exit code 1 when it was not taken."""
    answer = run(_test(begin(), name))
    shown = f"{answer.status} " if answer.status else ""
    tell(f"{name}: {shown}{answer.message or 'taken'} after {answer.duration_ms} ms")
    if answer.failure:
        raise typer.Exit(1)


@group.command("key")
def key() -> None:
    """Print a new key for OCTYSEG_WEBHOOKS__SECRET_KEY, which seals the endpoints' secrets."""
    from octyseg.webhooks.sealing import new_key

    typer.echo(new_key())


@group.command("show")
def show(
    change_id: Annotated[str, typer.Argument(help="The change, as in webhook-id.", show_default=False)],
    output: Form = "table",
) -> None:
    """Everything that happened to the deliveries of one change."""
    records = [record for record in run(_records(begin())) if record.change_id == change_id]
    if not records:
        msg = f"no delivery of {change_id} is known: `octyseg webhooks attempts` lists the last ones"
        raise OctysegError(msg)
    _print(records, output)


@group.command("attempts")
def attempts(
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Only of this endpoint.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only this, e.g. retrying, exhausted.")] = None,
    last: Annotated[int, typer.Option("-n", "--last", min=1, help="How many of the last.")] = 20,
    output: Form = "table",
) -> None:
    """What happened last to deliveries."""
    records = [
        record
        for record in run(_records(begin()))
        if endpoint in (None, record.endpoint) and status in (None, record.status)
    ]
    _print(records[-last:], output)


@group.command("replay")
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
    _print(run(_replay(begin(), change_id, after, endpoint)), output)


async def _endpoints(loaded: Settings) -> "dict[str, Endpoint]":
    async with open_log(loaded, writes=False) as log:
        return _opened(loaded, await read_registry(log, loaded))


def _opened(loaded: Settings, registry: Registry) -> "dict[str, Endpoint]":
    from octyseg.hosting.assembly import seal_of
    from octyseg.webhooks.endpoint import endpoints

    return endpoints(registry, seal_of(loaded))


def _known(loaded: Settings, registry: Registry, name: str) -> "Endpoint":
    found = _opened(loaded, registry)
    if name not in found:
        listed = ", ".join(found) or "none: apply a file with kind: webhookEndpoints, or a webhookURL"
        msg = f"there is no endpoint {name}: there is {listed}"
        raise UsageError(msg)
    return found[name]


async def _new_secret(loaded: Settings, name: str) -> str:
    from octyseg.hosting.assembly import seal_of
    from octyseg.webhooks.endpoint import rotated
    from octyseg.webhooks.signature import SECRET_BYTES, secret_of

    async with open_log(loaded, writes=False) as log:
        registry = await read_registry(log, loaded)
        _known(loaded, registry, name)
        made = secret_of(secrets.token_bytes(SECRET_BYTES))
        stored = rotated(registry.secrets(name), name, seal_of(loaded).close(made), now_ms())
        await log.append(loaded.topic("definitions"), 0, [NewRecord(secrets_key(name), encoded(stored))])
        return made


async def _switch(loaded: Settings, name: str, *, enabled: bool) -> None:
    async with open_log(loaded, writes=False) as log:
        _known(loaded, await read_registry(log, loaded), name)
        stored = StoredSwitch(endpoint=name, enabled=enabled, reason="by hand", at_ms=now_ms())
        await log.append(loaded.topic("definitions"), 0, [NewRecord(switch_key(name), encoded(stored))])


async def _test(loaded: Settings, name: str) -> "Answer":
    import msgspec

    from octyseg.hosting.assembly import sender_of
    from octyseg.model.change import rfc3339
    from octyseg.webhooks.signature import sign

    async with open_log(loaded, writes=False) as log:
        endpoint = _known(loaded, await read_registry(log, loaded), name)
    at_ms = now_ms()
    signers = endpoint.secrets_at(at_ms)
    if not signers:
        msg = f"{name} has no secret yet: `octyseg webhooks secret {name}` makes it"
        raise UsageError(msg)
    told = {"type": "webhook.test", "timestamp": rfc3339(at_ms), "data": {"endpoint": name}}
    body = msgspec.json.encode(told)
    sender = sender_of(loaded)
    try:
        return await sender.post(name, endpoint.url, sign(signers, f"test_{secrets.token_hex(8)}", at_ms, body), body)
    finally:
        await sender.close()


async def _records(loaded: Settings) -> "list[DeliveryRecord]":
    from octyseg.hosting.assembly import webhook_topics
    from octyseg.stages.webhooks_replay import histories

    async with open_log(loaded, writes=False) as log:
        found = [record for _, history in await histories(log, webhook_topics(loaded)) for record in history]
    return sorted(found, key=lambda record: record.at)


async def _replay(
    loaded: Settings, change_id: str | None, after: datetime | None, endpoint: str | None
) -> "list[DeliveryRecord]":
    from octyseg.stages.webhooks_replay import GIVEN_UP

    def chosen(record: "DeliveryRecord") -> bool:
        return (
            change_id in (None, record.change_id)
            and endpoint in (None, record.endpoint)
            and (after is None or record.at >= after)
            and (change_id is not None or record.status in GIVEN_UP)
        )

    async with open_log(loaded, writes=False) as log:
        return await _send_again(loaded, log, chosen)


async def _send_again(loaded: Settings, log: Log, chosen: Any) -> "list[DeliveryRecord]":
    from octyseg.hosting.assembly import webhook_topics
    from octyseg.projection.connection import open_redis
    from octyseg.stages.webhooks_replay import replay as send_again
    from octyseg.webhooks.queue import Queue

    async with open_redis(loaded) as redis:
        queue = Queue(redis, loaded.redis_prefix)
        return await send_again(log, webhook_topics(loaded), queue, chosen, now_ms())


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


def _print(records: "list[DeliveryRecord]", output: str) -> None:
    import msgspec

    if output == "json":
        print_json(msgspec.to_builtins(records))
        return
    rows = [
        (
            record.at.strftime("%Y-%m-%d %H:%M:%S"),
            record.change_id,
            record.endpoint,
            record.status,
            record.attempt or None,
            record.http_status,
            record.message,
            record.next_attempt_at and record.next_attempt_at.strftime("%Y-%m-%d %H:%M:%S"),
        )
        for record in records
    ]
    print_table(("AT", "CHANGE", "ENDPOINT", "STATUS", "ATTEMPT", "HTTP", "MESSAGE", "NEXT ATTEMPT"), rows)
