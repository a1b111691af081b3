"""Rules on event types, the account and endpoints: names that can be shown, addresses that can be reached.

Whether a webhook's address is one that may be called is decided when it is called, because names move.
Asked by octyseg.model.definitions.reading.loading with drafts; the ids of these rules are `event_type`, `account` and
`endpoint`.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from octyseg.model.definitions.definition import ACCOUNT_ENDPOINT, ENDPOINT_NAME, MAX_NAME_LENGTH
from octyseg.model.definitions.reading.draft import Draft
from octyseg.model.definitions.spelling import Finding

MAX_URL_LENGTH = 2048
_PROFILE_FIELD = re.compile(
    r"customer_id|status|has_charged|created_at|updated_at|(profile_data|platform_info)(\.[^\s.]+)*"
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def event_type(draft: Draft) -> Iterator[Finding]:
    """The type and its properties have names, each once."""
    name = draft.text("event_type")
    key = draft.named("event_type")
    if not draft.has("event_type"):
        yield draft.at("event_type"), f"{key} is missing: give the type a name"
    elif name is not None and not _is_name(name):
        yield draft.at("event_type"), f"{key} must be 1 to {MAX_NAME_LENGTH} printable characters: correct it"
    seen: set[str] = set()
    listed = draft.node.entries["event_properties"].items if draft.has("event_properties") else []
    for index, item in enumerate(listed):
        path = (*draft.at("event_properties"), index)
        if not isinstance(item.value, str):
            continue
        if not _is_name(item.value):
            yield path, f"a property's name must be 1 to {MAX_NAME_LENGTH} printable characters: correct it"
        elif item.value in seen:
            yield path, f"{item.value} is listed twice: remove one"
        seen.add(item.value)


def account(draft: Draft) -> Iterator[Finding]:
    """Mail and webhook have addresses of the right form."""
    if not draft.node.entries:
        yield (), "the account has no configuration: write at least one key, e.g. webhookURL"
    email = draft.text("contact_email_address")
    if email is not None and not _EMAIL.fullmatch(email):
        key = draft.named("contact_email_address")
        yield draft.at("contact_email_address"), f"{key} is no mail address: write name@domain"
    url = draft.text("webhook_url")
    if url is not None and (wrong := _url_problem(url)):
        yield draft.at("webhook_url"), f"{draft.named('webhook_url')} {wrong}"


def endpoint(draft: Draft) -> Iterator[Finding]:
    """An endpoint has a name of its own, an address, and asks for fields that profiles have."""
    name = draft.text("name")
    if name == ACCOUNT_ENDPOINT:
        yield draft.at("name"), f"{name} is the endpoint of the account's own webhook_url: use another name"
    elif name is not None and not re.match(ENDPOINT_NAME, name):
        text = f"must be 1 to {MAX_NAME_LENGTH} letters, digits, dots, dashes or underscores: correct it"
        yield draft.at("name"), f"{draft.named('name')} {text}"
    url = draft.text("url")
    if url is not None and (wrong := _url_problem(url)):
        yield draft.at("url"), f"{draft.named('url')} {wrong}"
    listed = draft.node.entries["profile_fields"].items if draft.has("profile_fields") else []
    for index, item in enumerate(listed):
        if isinstance(item.value, str) and not _PROFILE_FIELD.fullmatch(item.value):
            text = f"{item.value} is no field of a profile: write customer_id, status, has_charged or profile_data.key"
            yield (*draft.at("profile_fields"), index), text


def _is_name(text: str) -> bool:
    return bool(text.strip()) and len(text) <= MAX_NAME_LENGTH and text.isprintable()


def _url_problem(url: str) -> str | None:
    """What keeps the text from being an address a webhook can have."""
    if len(url) > MAX_URL_LENGTH:
        return f"is longer than {MAX_URL_LENGTH} characters: use a shorter address"
    if any(letter.isspace() or not letter.isprintable() or letter == "\\" for letter in url):
        return "has a space, backslash or control character in it: remove it"
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable or parts.scheme not in ("http", "https"):
        return "is no web address: write one like https://shop.example/hooks"
    if parts.username is not None or parts.password is not None:
        return "has a user or password in it: remove them, requests are signed instead"
    return None
