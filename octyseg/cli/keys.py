"""`octyseg keys`: who may use the HTTP API. A secret is printed once, when it is made."""

from typing import Annotated, Any

import typer

from octyseg.cli.asking import ask, may_ask
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.session import begin

group = typer.Typer(no_args_is_help=True, help="Keys of the HTTP API.")

PublicKey = Annotated[str, typer.Argument(help="The key's public half.", show_default=False)]


@group.command("create")
@may_ask
def create(
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", help="ingest: send events. read. write: also define and ingest. admin: all.", show_default=False
        ),
    ],
    note: Annotated[str, typer.Option("--note", help="A word on whose it is.")] = "",
    output: Form = "table",
) -> None:
    """Make a key, and print both halves: the secret is shown now and never again."""
    from octyseg.service import keys

    wanted = {"scopes": scope, "note": note}
    found = ask(
        begin(),
        lambda api: api.post("/v2/keys", wanted),
        lambda access: keys.create(access, scope, note),
        writes=True,
    )
    _print_pair(found, output)


@group.command("list")
@may_ask
def list_keys(output: Form = "table") -> None:
    """All keys, without their secrets."""
    from octyseg.service import keys

    found: list[dict[str, Any]] = ask(begin(), lambda api: api.get("/v2/keys"), keys.listing)
    if output == "json":
        print_json(found)
    else:
        rows = [(k["public_key"], ", ".join(k["scopes"]), k["note"], k["created_at"], k["revoked_at"]) for k in found]
        print_table(("PUBLIC KEY", "SCOPES", "NOTE", "CREATED", "REVOKED"), rows)


@group.command("revoke")
@may_ask
def revoke(public_key: PublicKey) -> None:
    """Turn a key off at once, for good."""
    from octyseg.service import keys

    ask(begin(), lambda api: api.delete(f"/v2/keys/{public_key}"), lambda access: keys.revoke(access, public_key))
    tell(f"{public_key} is revoked")


@group.command("rotate")
@may_ask
def rotate(public_key: PublicKey, output: Form = "table") -> None:
    """Make a new secret, and print it; the one before it is good for 24 hours."""
    from octyseg.service import keys

    found = ask(
        begin(), lambda api: api.post(f"/v2/keys/{public_key}/rotate"), lambda access: keys.rotate(access, public_key)
    )
    _print_pair(found, output)


def _print_pair(found: dict[str, Any], output: str) -> None:
    if output == "json":
        print_json({name: found[name] for name in ("public_key", "secret_key")})
    else:
        print_table(("", ""), [("public key", found["public_key"]), ("secret key", found["secret_key"])])
        tell("the secret is shown this once: keep it where secrets are kept")
