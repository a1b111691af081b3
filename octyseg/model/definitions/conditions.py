"""Conditions on a profile: leaves on attributes, on what was performed, on other segments, and trees of them.

Read as part of a segment definition. The shape is here; what a leaf may say is judged by
octyseg.model.rules_conditions.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from octyseg.model.definitions.shape import Amount, PropertyValue, Shape

Operator = Literal[
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "not_in",
    "contains",
    "starts_with",
    "ends_with",
    "exists",
    "not_exists",
    "before",
    "after",
    "within_last",
    "more_than_ago",
]


class Span(Shape):
    """A length of time, in one unit."""

    minutes: Amount | None = None
    hours: Amount | None = None
    days: Amount | None = None


class Within(Span):
    """When something counts as performed: in the last span, or between two instants (RFC 3339)."""

    between: tuple[str, str] | None = None


class Count(Shape):
    """How often something was performed."""

    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None


class AttributeCondition(Shape):
    """A leaf on an attribute of the profile, e.g. profile_data.plan eq gold."""

    attribute: str = Field(
        description="path in the profile, e.g. profile_data.plan or has_charged; a bare key is one of profile_data"
    )
    operator: Operator
    value: PropertyValue | tuple[PropertyValue, ...] | Span = None


class PerformedCondition(Shape):
    """A leaf on the events of the profile."""

    performed: str = Field(description="the event type")
    event_properties: dict[str, PropertyValue] = Field(default={})
    count: Count = Count(at_least=1)
    within: Literal["ever"] | Within = "ever"


class SegmentCondition(Shape):
    """A leaf on being in another segment, by its name."""

    segment: str
    operator: Literal["in", "not_in"] = "in"


class AllOf(Shape):
    """Every condition holds."""

    all: "tuple[ConditionTree, ...]"


class AnyOf(Shape):
    """At least one condition holds."""

    any: "tuple[ConditionTree, ...]"


class NotThis(Shape):
    """The condition is known not to hold."""

    not_: "ConditionTree"


FORMS: dict[str, type[Shape]] = {
    "all": AllOf,
    "any": AnyOf,
    "not": NotThis,
    "attribute": AttributeCondition,
    "performed": PerformedCondition,
    "segment": SegmentCondition,
}


def form_of(condition: object) -> str | None:
    """Which form a condition has, by the key that only this form has."""
    if isinstance(condition, Shape):
        return next(form for form, model in FORMS.items() if isinstance(condition, model))
    if isinstance(condition, dict):
        return next((form for form in FORMS if form in condition), None)
    return None


ConditionTree = Annotated[
    Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[NotThis, Tag("not")]
    | Annotated[AttributeCondition, Tag("attribute")]
    | Annotated[PerformedCondition, Tag("performed")]
    | Annotated[SegmentCondition, Tag("segment")],
    Discriminator(form_of),
]
for _model in (AllOf, AnyOf, NotThis):
    _model.model_rebuild()
