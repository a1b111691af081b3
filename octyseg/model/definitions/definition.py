"""The definitions people write: segments, event types, the account, endpoints. Shape and meaning of each key.

Made by octyseg.model.definitions.reading.loading from a file or request, kept on the definitions topic inside
octyseg.model.definitions.stored, compiled for the engine by octyseg.model.compile. Frames are minutes
(`exp_timeframe`) and days (`segment_timeframe`) as Octy has them.
"""

from typing import Literal

from pydantic import Field

from octyseg.model.definitions.conditions import AttributeCondition, ConditionTree
from octyseg.model.definitions.shape import Amount, PropertyValue, Shape
from octyseg.model.segment import Notify, OnRepeat, SegmentType

MAX_FRAME_DAYS = 365
MAX_FRAME_MINUTES = MAX_FRAME_DAYS * 24 * 60
MAX_NAME_LENGTH = 60
ENDPOINT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$"
# The endpoint that is the account's own webhook_url.
ACCOUNT_ENDPOINT = "account"

# What a definition may use without declaring it, as in Octy.
SYSTEM_EVENT_TYPES: dict[str, tuple[str, ...]] = {
    "charged": ("item_id", "payment_method"),
    "churned": ("reason",),
    "complaint": ("channel",),
}


class EventStep(Shape):
    """One event of a sequence."""

    event_type: str = Field(description="the type of the event, e.g. order_completed")
    exp_timeframe: Amount = Field(
        default=0,
        ge=0,
        le=MAX_FRAME_MINUTES,
        description="live segments: within how many minutes the next event counts; 0 on the last event",
    )
    action_inaction: Literal["action", "inaction"] = Field(
        description="action: the event must happen; inaction: it must not",
    )
    event_properties: dict[str, PropertyValue] = Field(
        default={},
        description="properties the event must have, all of them; empty: any event of the type",
    )


class SegmentDefinition(Shape):
    """A segment as its author wrote it, with defaults filled in."""

    segment_name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH, description="the name, and the tag of members")
    segment_type: SegmentType = Field(description="live, past, dynamic or static")
    segment_sub_type: int | None = Field(
        default=None,
        ge=1,
        le=4,
        description="live 1: one event; live 2: actions, then an inaction; live 3: actions in order; "
        "past 1: actions; past 2: actions and an inaction; past 3 and 4: the same with a profile property",
    )
    segment_timeframe: int = Field(
        default=0, ge=0, le=MAX_FRAME_DAYS, description="past segments: the last so many days; 0 for the others"
    )
    event_sequence: tuple[EventStep, ...] = Field(default=(), max_length=10, description="the events, in order")
    profile_property_name: str | None = Field(default=None, description="past 3 and 4: a key of profile_data")
    profile_property_value: PropertyValue = Field(default=None, description="past 3 and 4: its value")
    description: str | None = Field(default=None, max_length=1000, description="for people; decides nothing")
    webhook: bool = Field(default=True, description="whether changes of this segment are sent to the webhook")
    compat: Literal["native", "octy"] = Field(
        default="native", description="octy: match text against numbers too, one action and one inaction in live 2"
    )
    on_repeat: OnRepeat = Field(
        default="ignore", description="live: what the first action does while a sequence is open already"
    )
    correlate_by: str | None = Field(default=None, description="live: one sequence per value of this property")
    notify: Notify = Field(default="every_match", description="live: on_enter leaves repeated matches unreported")
    cooldown_minutes: Amount = Field(
        default=0, ge=0, le=MAX_FRAME_MINUTES, description="live: matches so soon after one are left out"
    )
    tag_ttl_minutes: Amount | None = Field(
        default=None, gt=0, le=MAX_FRAME_MINUTES, description="live: the tag goes so long after the last match"
    )
    profile_conditions: tuple[AttributeCondition, ...] = Field(
        default=(), max_length=20, description="live: what the profile must be when the sequence completes"
    )
    ordered: bool = Field(default=True, description="past: whether the actions must come in the order given")
    inaction_scope: Literal["window", "after_last_action"] = Field(
        default="window", description="past: where the inaction must not have occurred"
    )
    conditions: ConditionTree | None = Field(default=None, description="dynamic: the tree of conditions")
    notify_backfill: bool = Field(
        default=False, description="dynamic: also send to the webhook who is a member by what came before the segment"
    )


class EventTypeDefinition(Shape):
    """A type of event and the properties it may carry."""

    event_type: str = Field(min_length=1, max_length=MAX_NAME_LENGTH, description="the name of the type")
    event_properties: tuple[str, ...] = Field(default=(), max_length=256, description="the names of its properties")


class WebhookEndpoint(Shape):
    """A receiver of webhooks beside the account's own, with filters of its own."""

    name: str = Field(pattern=ENDPOINT_NAME, description="letters, digits, dots, dashes and underscores")
    url: str = Field(description="where changes are posted, https or http")
    segments: tuple[str, ...] = Field(
        default=(), max_length=256, description="names or ids of segments to send; empty: all"
    )
    kinds: tuple[Literal["added", "refreshed", "removed"], ...] = Field(
        default=(), max_length=3, description="kinds of changes to send; empty: all"
    )
    format: Literal["standard", "octy"] = Field(default="standard", description="the form of the body")
    profile_fields: tuple[str, ...] = Field(
        default=(), max_length=50, description="fields of the profile to add, e.g. customer_id or profile_data.plan"
    )
    enabled: bool = Field(default=True, description="false: nothing is sent")
    description: str | None = Field(default=None, max_length=1000, description="for people; decides nothing")


class AccountConfiguration(Shape):
    """Who runs this, and where changes are sent."""

    contact_name: str | None = None
    contact_surname: str | None = None
    contact_email_address: str | None = None
    webhook_url: str | None = Field(default=None, description="where changes are posted, http or https")
    authenticated_id_key: str | None = Field(default=None, description="the profile key that identifies a customer")
