import json

import pytest

from octyseg.errors import DefinitionError
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.definitions.stored import StoredSecrets, StoredSwitch, encoded, secrets_key, switch_key

WRITTEN = """\
kind: webhookEndpoints
endpoints:
  - name: crm
    url: https://crm.example/hooks
    segments: [Left without paying]
    kinds: [added, removed]
    format: octy
    profileFields: [customer_id, profile_data.plan]
  - name: everything
    url: http://shop.example:8080/all
"""


def read(text):
    return read_definitions(text.encode(), "hooks.yaml")


def refused(text):
    with pytest.raises(DefinitionError) as error:
        read(text)
    return "\n".join(error.value.problems)


def test_endpoints_are_read_with_their_filters_and_defaults():
    crm, everything = read(WRITTEN).endpoints
    assert (crm.name, crm.segments, crm.kinds, crm.format) == (
        "crm",
        ("Left without paying",),
        ("added", "removed"),
        "octy",
    )
    assert crm.profile_fields == ("customer_id", "profile_data.plan")
    assert (everything.segments, everything.kinds, everything.format, everything.enabled) == ((), (), "standard", True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: crm", "name: account", "account is the endpoint of the account's own webhook_url"),
        ("name: crm", "name: everything", "is defined above already"),
        ("name: crm", "name: 'c r m'", "letters, digits, dots, dashes or underscores"),
        ("https://crm.example/hooks", "gopher://crm.example", "is no web address"),
        ("https://crm.example/hooks", "https://user@crm.example", "has a user or password in it"),
        ("[added, removed]", "[deleted]", "kinds"),
        ("profile_data.plan", "tags", "tags is no field of a profile"),
        ("    format: octy", "    formt: octy", "did you mean format"),
    ],
)
def test_what_is_wrong_with_an_endpoint_is_said(old, new, said):
    assert said in refused(WRITTEN.replace(old, new, 1))


def test_a_planned_endpoint_comes_back_from_the_topic_and_is_then_unchanged():
    desired = read(WRITTEN)
    first = plan(Registry(), desired, now_ms=7, new_id=lambda: "segment_00000000")
    assert [planned.name for planned in first.created] == ["crm", "everything"]
    registry = Registry.fold(first.records())
    assert [stored.definition for stored in registry.endpoints()] == list(desired.endpoints)
    again = plan(registry, desired, now_ms=8, new_id=lambda: "segment_00000000")
    assert again.is_empty
    changed = plan(registry, read(WRITTEN.replace("/hooks", "/other")), now_ms=9, new_id=lambda: "segment_00000000")
    assert [(planned.name, planned.fields[0].field) for planned in changed.changed] == [("crm", "url")]
    (_, value) = changed.records()[0]
    assert json.loads(value)["created_at_ms"] == 7


def test_secrets_and_switches_are_kept_by_endpoint():
    secrets = StoredSecrets(endpoint="crm", sealed="x")
    switch = StoredSwitch(endpoint="crm", enabled=False, reason="gone", at_ms=1)
    registry = Registry.fold([(secrets_key("crm"), encoded(secrets)), (switch_key("crm"), encoded(switch))])
    assert (registry.secrets("crm"), registry.switch("crm")) == (secrets, switch)
    assert (registry.secrets("other"), registry.switch("other"), registry.problems) == (None, None, ())
