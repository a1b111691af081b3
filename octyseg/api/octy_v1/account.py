"""The account: whether credentials are good, who runs it, where changes are sent."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body
from pydantic import BaseModel

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import ADMIN, READ, Open, Reading
from octyseg.api.octy_v1.shapes import Answer, Meta
from octyseg.api.problems import Rejected
from octyseg.model.definitions.definition import AccountConfiguration
from octyseg.service import definitions

router = APIRouter(prefix="/v1", tags=["octy: account"], route_class=ExactRoute)
_FIELDS = tuple(AccountConfiguration.model_fields)


class AccountData(BaseModel):
    """The account's configuration."""

    contact_name: str | None = None
    contact_surname: str | None = None
    contact_email_address: str | None = None
    webhook_url: str | None = None
    authenticated_id_key: str | None = None


class Account(Answer):
    """The account."""

    account_data: AccountData


@router.get("/account/authenticate")
async def authenticate(caller: Reading) -> Answer:
    """Say that the credentials are good."""
    return Answer(request_meta=Meta(message=f"authenticated as {caller.name}"))


@router.get("/configurations/account", dependencies=[READ])
async def read(access: Open) -> Account:
    """Give the configuration."""
    return _shown((await access.registry()).account())


@router.post("/configurations/account/set", dependencies=[ADMIN])
async def write(
    access: Open,
    body: Annotated[dict[str, Any], Body()],
) -> Account:
    """Change what is sent; what is not stays."""
    strange = sorted(body.keys() - set(_FIELDS))
    if strange:
        raise Rejected(400, [f"{strange[0]} is unknown: send {', '.join(_FIELDS)}"])
    kept = (await access.registry()).account() or AccountConfiguration()
    fields = kept.model_dump() | {name: value or None for name, value in body.items()}
    given = {name: value for name, value in fields.items() if value is not None}
    await definitions.apply(
        access, msgspec.json.encode({"kind": "accountConfigurations", "configurations": given}), "request"
    )
    return _shown((await access.registry()).account())


def _shown(account: AccountConfiguration | None) -> Account:
    fields = {} if account is None else account.model_dump()
    return Account(request_meta=Meta(count=1, total=1), account_data=AccountData(**fields))
