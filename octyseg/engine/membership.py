"""What a membership command does to one profile: a tag comes or goes, with the reason it was asked for.

Past and static segments have no rule that the engine could judge; who asks has judged. Asking for what
is so already changes nothing. An edit or a deletion takes such a tag back as it takes any other.
"""

from octyseg.engine.catalog import Catalog
from octyseg.engine.state import Tag
from octyseg.engine.subject import Subject
from octyseg.model.command import Membership
from octyseg.model.refusal import Refusal
from octyseg.model.segment import Segment


def backing(command: Membership, catalog: Catalog) -> Segment | Refusal | None:
    """The segment the command is about; None when the catalog does not back it under the command's version."""
    segment = catalog.active(command.segment_id, command.version)
    if segment is None or command.version > segment.version:
        return None
    if segment.segment_type not in {"past", "static"}:
        text = (
            f"segment {segment.segment_id} is {segment.segment_type}: only past and static ones take members by command"
        )
        return Refusal("bad_field", text)
    return segment


def apply(subject: Subject, segment: Segment, command: Membership, offset: int) -> None:
    """Make it so, and say so when it was not. A command that was sent twice, and twice changed something, is two."""
    tag = subject.tag(segment.segment_id)
    if command.member == (tag is not None):
        if tag is not None and tag.version < segment.version:
            tag.version, tag.segment_tag = segment.version, segment.tag
        return
    as_of_ms, webhook = command.as_of_ms, command.webhook and segment.webhook
    if tag is None:
        tag = Tag(
            segment.segment_id,
            segment.tag,
            segment.segment_type,
            segment.version,
            as_of_ms,
            f"{command.anchor}#{offset}",
            as_of_ms,
            as_of_ms,
            as_of_ms,
        )
    subject.assign(
        tag,
        member=command.member,
        reason=command.reason,
        at_ms=as_of_ms,
        anchor=f"{command.anchor}#{offset}@{as_of_ms}",
        cause=command.cause,
        webhook=webhook,
    )
