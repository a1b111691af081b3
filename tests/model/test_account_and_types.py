"""Event types and the account: names that can be shown, addresses that can be reached, each once."""

import pytest

from tests.model.written import problems, read

TYPES = "kind: eventTypes\neventTypeDefinitions:\n"
ACCOUNT = "kind: accountConfigurations\nconfigurations:\n"

REFUSED_TYPES = {
    "{eventProperties: [a]}": "3:5: event type 1: event_type: eventType is missing: give the type a name",
    "{eventType: ''}": "3:6: event type 1: event_type: eventType must be 1 to 60 printable characters: correct it",
    r'{eventType: "a\tb"}': r"3:6: a\tb: event_type: eventType must be 1 to 60 printable characters: correct it",
    "{eventType: a, eventProperties: [b, b]}": "3:41: a: event_type: b is listed twice: remove one",
    "{eventType: a, eventProperties: ['']}": "3:38: a: event_type: "
    "a property's name must be 1 to 60 printable characters: correct it",
    "{eventType: a, eventProperties: [1]}": "3:38: a: shape: eventProperties, item 1, is the number 1: "
    "write text, in quotes if it looks like something else",
    "{eventType: a, properties: [b]}": "3:20: a: key: unknown key properties: did you mean eventProperties?",
    "a": '3:5: event type 1: shape: the text "a" is no definition: write keys and values',
}


@pytest.mark.parametrize("text", REFUSED_TYPES)
def test_an_event_type_that_cannot_be_shown_or_read_is_refused(text):
    assert problems(f"{TYPES}  - {text}\n") == [f"segments.yaml:{REFUSED_TYPES[text]}"]


def test_an_event_type_without_properties_is_accepted():
    assert read(f"{TYPES}  - eventType: page\n").event_types[0].event_properties == ()


def test_an_event_type_that_is_declared_twice_is_refused():
    line = "segments.yaml:4:5: page: event_type: this type is already declared above: keep one of them"
    assert problems(f"{TYPES}  - eventType: page\n  - eventType: page\n") == [line]


URLS = {
    "https://user:secret@shop.example/": "has a user or password in it: remove them, requests are signed instead",
    "ftp://shop.example/": "is no web address: write one like https://shop.example/hooks",
    "shop.example/hook": "is no web address: write one like https://shop.example/hooks",
    "https://": "is no web address: write one like https://shop.example/hooks",
    "https://shop.example:99999/": "is no web address: write one like https://shop.example/hooks",
    "https://[::1/": "is no web address: write one like https://shop.example/hooks",
    "https://shop.example/a b": "has a space, backslash or control character in it: remove it",
    "https://shop.example\\\\@evil.example/": "has a space, backslash or control character in it: remove it",
    "https://shop.example/\\r\\nX-A: b": "has a space, backslash or control character in it: remove it",
    f"https://shop.example/{'a' * 2048}": "is longer than 2048 characters: use a shorter address",
}


@pytest.mark.parametrize("url", URLS, ids=lambda url: url[:40])
def test_a_webhook_that_is_no_plain_web_address_is_refused(url):
    line = f"segments.yaml:3:3: account: account: webhookURL {URLS[url]}"
    assert problems(f'{ACCOUNT}  webhookURL: "{url}"\n') == [line]


@pytest.mark.parametrize("url", ["https://shop.example/hook?a=b", "http://127.0.0.1:8080/", "https://[::1]:8443/"])
def test_a_plain_web_address_is_accepted_wherever_it_leads(url):
    assert read(f'{ACCOUNT}  webhookURL: "{url}"\n').account.webhook_url == url


def test_a_mail_address_has_two_sides():
    line = "segments.yaml:3:3: account: account: contactEmail is no mail address: write name@domain"
    assert problems(f"{ACCOUNT}  contactEmail: ada\n") == [line]


def test_an_account_that_says_nothing_is_refused():
    line = "segments.yaml:2:17: account: account: the account has no configuration: write at least one key, "
    assert problems("kind: accountConfigurations\nconfigurations: {}\n") == [line + "e.g. webhookURL"]


def test_a_second_account_in_a_file_is_refused():
    (line,) = problems(f"{ACCOUNT}  contactName: a\n---\n{ACCOUNT}  contactName: b\n")
    assert line == "segments.yaml:7:3: account: account: the account is configured above already: keep one"
