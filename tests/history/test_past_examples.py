"""The past segments under examples/: who enters and who leaves, and when."""

import json
from pathlib import Path

import pytest

from octyseg.history.evaluate import asked_in, evaluate
from octyseg.history.source import of_lines
from octyseg.model.definitions.reading.loading import load_definitions
from octyseg.model.definitions.rules.conditions import instant

EXAMPLES = Path(__file__).parents[2] / "examples"


def event(day, event_type, **properties):
    return {"event_type": event_type, "event_properties": properties, "created_at": f"{day}T12:00:00Z"}


def profile(day, **data):
    return {"type": "profile", "profile_data": data, "created_at": f"{day}T12:00:00Z"}


def is_member(file, name, as_of, *records):
    """Whether ada is in one of the examples, at noon and a second of a day."""
    as_of_ms = round(instant(f"{as_of}T12:00:01Z").timestamp() * 1000)
    lines = [json.dumps({"profile_id": "ada", **record}).encode() for record in records]
    asked = asked_in(load_definitions(EXAMPLES / file).segments)
    members = evaluate(asked, of_lines(lines, as_of_ms, lambda *refused: pytest.fail(str(refused))), as_of_ms)
    return members[name] == ["ada"]


def test_a_customer_who_pays_by_card_in_the_month_of_signing_up_pays_fast():
    records = event("2024-02-01", "signed_up"), event("2024-02-29", "charged", payment_method="card")
    days = ("2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02", "2024-03-03")
    assert [is_member("past.yaml", "Fast paying customers", day, *records) for day in days] == [
        False,
        True,
        True,
        False,
        False,
    ], "thirty days on from the first of February of a leap year is the second of March"
    assert not is_member("past.yaml", "Fast paying customers", "2024-03-01", *records[::-1][:1])


def test_who_complained_and_has_paid_nothing_for_sixty_days_is_a_worst_customer():
    records = event("2026-01-01", "charged"), event("2026-02-10", "complaint")
    days = ("2026-02-11", "2026-03-01", "2026-03-02", "2026-04-10", "2026-04-11")
    assert [is_member("past.yaml", "Worst customers", day, *records) for day in days] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_plan_is_looked_at_as_of_the_instant():
    records = (
        profile("2026-01-01", plan="gold"),
        event("2026-01-02", "complaint"),
        profile("2026-01-05", plan="tin"),
    )
    days = ("2026-01-01", "2026-01-02", "2026-01-04", "2026-01-05")
    assert [is_member("past.yaml", "Gold complaints", day, *records) for day in days] == [False, True, True, False]


def test_who_paid_before_a_complaint_and_not_since_is_lost():
    records = event("2026-01-01", "charged"), event("2026-01-02", "complaint"), event("2026-01-09", "charged")
    days = ("2026-01-01", "2026-01-02", "2026-01-08", "2026-01-09")
    told = [is_member("past.yaml", "Lost after a complaint", day, *records) for day in days]
    assert told == [False, True, True, False]


def test_dynamic_examples_are_answered_from_history_too():
    records = profile("2026-01-01", total_spent=12_000), event("2026-01-02", "order_completed")
    days = ("2026-01-01", "2026-01-02", "2026-04-01", "2026-04-02")
    told = [is_member("dynamic.yaml", "Inactive loyal customers", day, *records) for day in days]
    assert told == [True, False, False, True]
