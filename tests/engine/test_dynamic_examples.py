"""The dynamic segments under examples/: who enters and who leaves, and when."""

import json
from pathlib import Path

import pytest

from octyseg.engine.catalog import Catalog
from octyseg.engine.rules import Rules
from octyseg.hosting.replay import replay
from octyseg.model.change import rfc3339
from octyseg.model.definitions.compile import compile_definitions
from octyseg.model.definitions.reading.loading import load_definitions

EXAMPLES = Path(__file__).parents[2] / "examples" / "dynamic.yaml"


def event(day, event_type, **properties):
    return {"event_type": event_type, "event_properties": properties, "created_at": f"{day}T12:00:00Z"}


def profile(day, **data):
    return {"type": "profile", "profile_data": data, "created_at": f"{day}T12:00:00Z"}


def told(name, *records):
    """The changes of one example for ada, as (day, kind), time drained."""
    lines = [json.dumps({"profile_id": "ada", **record}).encode() for record in records]
    catalog = Catalog(compile_definitions(load_definitions(EXAMPLES).segments))
    rules = Rules(grace_ms=0, forgets=False)
    changes = replay(lines, catalog, rules, drain=True, on_refusal=pytest.fail)
    return [(rfc3339(one.occurred_at_ms)[:10], one.kind) for one in changes if one.segment_tag == name]


def test_a_loyal_customer_is_inactive_after_ninety_days_and_until_the_next_order():
    assert told(
        "Inactive loyal customers",
        profile("2026-01-01", total_spent=12_000),
        event("2026-01-02", "order_completed"),
        event("2026-06-01", "order_completed"),
    ) == [("2026-01-01", "added"), ("2026-01-02", "removed"), ("2026-04-02", "added"), ("2026-06-01", "removed"),
          ("2026-08-30", "added")]  # fmt: skip
    assert told("Inactive loyal customers", profile("2026-01-01", total_spent=10_000)) == []


def test_a_lifetime_value_crosses_its_line_both_ways():
    assert told(
        "High lifetime value",
        profile("2026-01-01", lifetime_value=25_000),
        profile("2026-01-02", lifetime_value=25_001),
        profile("2026-01-03", lifetime_value=None),
    ) == [("2026-01-02", "added"), ("2026-01-03", "removed")]


def test_five_looks_at_an_offer_in_a_week_and_no_order_is_undecided():
    looks = [event(f"2026-02-0{day}", "offer_viewed", value="high", offer_id=str(day)) for day in range(1, 6)]
    assert told("Undecided", *looks) == [("2026-02-05", "added"), ("2026-02-08", "removed")]
    assert told("Undecided", *looks, event("2026-02-06", "order_completed")) == [
        ("2026-02-05", "added"),
        ("2026-02-06", "removed"),
    ]
    assert told("Undecided", *(look | {"event_properties": {"value": "low"}} for look in looks)) == []


def test_a_buyer_is_happy_for_a_month_unless_there_is_a_complaint():
    assert told("Happy buyers", event("2026-02-01", "order_completed")) == [
        ("2026-02-01", "added"),
        ("2026-03-03", "removed"),
    ]
    assert told("Happy buyers", event("2026-02-01", "order_completed"), event("2026-02-10", "complaint")) == [
        ("2026-02-01", "added"),
        ("2026-02-10", "removed"),
    ]
