"""What profile and erase records do to the state of a profile."""

from typing import Any

import msgspec
from msgspec import UNSET

from octyseg.engine.bounds import ATTRIBUTE_BYTES
from octyseg.engine.catalog import Catalog
from octyseg.engine.state import ProfileState
from octyseg.engine.subject import Subject
from octyseg.model.record import Profile
from octyseg.model.refusal import Refusal


def refusal(state: ProfileState, record: Profile) -> Refusal | None:
    """Why the profile cannot be described so: of its attributes so many bytes are kept."""
    data = state.profile_data if record.profile_data is UNSET else _merged(state.profile_data, record.profile_data)
    info = state.platform_info if record.platform_info is UNSET else _merged(state.platform_info, record.platform_info)
    size = _size(data, info)
    if size <= ATTRIBUTE_BYTES or size <= _size(state.profile_data, state.platform_info):
        return None
    text = f"the profile would have {size} bytes of attributes, of which {ATTRIBUTE_BYTES} are kept: take some away"
    return Refusal("too_large", text)


def apply(state: ProfileState, record: Profile, at_ms: int) -> None:
    """Merge attributes key by key; null removes a key. A visible step, so the sequence rises."""
    if record.customer_id is not UNSET:
        state.customer_id = record.customer_id
    if record.profile_data is not UNSET:
        state.profile_data = _merged(state.profile_data, record.profile_data)
    if record.platform_info is not UNSET:
        state.platform_info = _merged(state.platform_info, record.platform_info)
    if record.has_charged is not UNSET:
        state.has_charged = record.has_charged
    if record.status is not UNSET:
        state.status = record.status
    if state.created_at_ms is None:
        state.created_at_ms = at_ms
    state.updated_at_ms = at_ms
    state.sequence += 1


def unite(state: ProfileState, child: ProfileState) -> None:
    """What both say, the parent says; what only the child says is kept, if it has room."""
    data = {**child.profile_data, **state.profile_data}
    info = {**child.platform_info, **state.platform_info}
    if _size(data, info) <= ATTRIBUTE_BYTES:
        state.profile_data, state.platform_info = data, info
    state.customer_id = child.customer_id if state.customer_id is None else state.customer_id
    state.status = child.status if state.status is None else state.status
    if child.has_charged is not None:
        state.has_charged = child.has_charged or bool(state.has_charged)
    for name, choose in (("created_at_ms", min), ("updated_at_ms", max)):
        known = [one for one in (getattr(state, name), getattr(child, name)) if one is not None]
        setattr(state, name, choose(known, default=None))


def erase(subject: Subject, catalog: Catalog, at_ms: int) -> None:
    """Take all tags back and leave nothing; receivers are told, so that they can forget too."""
    for tag in list(subject.state.tags):
        segment = catalog.segments.get(tag.segment_id)
        subject.remove(tag, "erased", at_ms, (), segment is None or segment.webhook)
    state = subject.state
    subject.state = ProfileState(
        sequence=state.sequence + 1, events_offset=state.events_offset, commands_offset=state.commands_offset
    )
    subject.erased = True


def _size(*parts: dict[str, Any]) -> int:
    """In bytes of a state."""
    return sum(len(msgspec.msgpack.encode(part)) for part in parts)


def _merged(kept: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**kept, **news}.items() if value is not None}
