"""Files and requests written for Octy are read as they are."""

import json

from octyseg.model.definitions.compile import compile_definitions
from tests.model.written import problems, read

SEGMENTS = """\
kind: segments
segmentDefinitions:

  - segmentName: signed in and bought nothing # no purchase within 10 minutes of the login
    segmentType: live
    segmentSubtype: 2
    segmentTimeframe: 0
    eventSequence:
      - eventType: login
        expTimeframe: 10
        actionInaction: action
      - eventType: charged
        expTimeframe: 0
        actionInaction: inaction
        eventProperties:
          item_id : tablet
          payment_method : card
    profilePropertyName:
    profilePropertyValue:

  - segmentName: gold and silent
    segmentType: past
    segmentSubtype: 4
    segmentTimeframe: 90
    eventSequence:
      - eventType: login
        expTimeframe: 0
        actionInaction: action
      - eventType: charged
        expTimeframe: 0
        actionInaction: inaction
    profilePropertyName: plan
    profilePropertyValue: gold
"""
EVENT_TYPES = """\
kind: eventTypes
eventTypeDefinitions :

  - eventType: login
    eventProperties:
      - device
      - hour

  - eventType: logout
    eventProperties:
      - device
"""
ACCOUNT = """\
kind: accountConfigurations
configurations :
  contactName: Ada
  contactSurname: Example
  contactEmail: ada@shop.example
  webhookURL: https://shop.example/hook/1
  authenticatedIDKey : customer-key
"""


def test_octys_segments_are_read_and_compiled():
    definitions = read(SEGMENTS)
    live, past = compile_definitions(definitions.segments)
    assert [(step.event_type, step.within_ms, step.inaction) for step in live.steps] == [
        ("login", 600_000, False),
        ("charged", 0, True),
    ]
    assert live.steps[1].properties == {"item_id": "tablet", "payment_method": "card"}
    assert (past.segment_type, past.sub_type) == ("past", 4)
    assert definitions.segments[1].profile_property_value == "gold"
    assert definitions.segments[0].profile_property_name is None


def test_octys_event_types_are_read():
    assert [(one.event_type, one.event_properties) for one in read(EVENT_TYPES).event_types] == [
        ("login", ("device", "hour")),
        ("logout", ("device",)),
    ]


def test_octys_account_is_read_whole():
    assert read(ACCOUNT).account.model_dump() == {
        "contact_name": "Ada",
        "contact_surname": "Example",
        "contact_email_address": "ada@shop.example",
        "webhook_url": "https://shop.example/hook/1",
        "authenticated_id_key": "customer-key",
    }


def test_all_kinds_may_stand_in_one_file():
    definitions = read(f"{SEGMENTS}---\n{EVENT_TYPES}---\n{ACCOUNT}")
    assert len(definitions.segments) == len(definitions.event_types) == 2
    assert definitions.account is not None
    assert definitions.warnings == ()


def test_octys_account_request_names_the_mail_address_in_its_own_way():
    body = {"contact_name": "Ada", "contact_email_address": "ada@shop.example", "webhook_url": "https://shop.example/"}
    assert read(json.dumps(body), "request").account.contact_email_address == "ada@shop.example"


def test_what_octy_has_and_this_program_has_not_is_refused_by_name():
    text = "kind: algorithmConfigurations\nconfigurations: []\n"
    assert problems(text) == [
        (
            "segments.yaml:1:1: kind: unknown kind algorithmConfigurations: "
            "write one of segments, eventTypes, accountConfigurations, webhookEndpoints"
        )
    ]
