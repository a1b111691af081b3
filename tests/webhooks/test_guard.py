from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octyseg.webhooks.guard import Policy, Refused, check_addresses, check_url, may_call

HTTP = Policy(allow_http=True)

# Refused before any name is looked up, also where plain http is allowed.
DISGUISED = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0X7F.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://0/",
    "http://0.0.0.0/",
    "http://00.0.0.0/",
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://100.64.0.1/",
    "http://100.100.100.200/latest/meta-data",
    "http://168.63.129.16/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/",
    "http://172.16.0.1/",
    "http://172.31.255.255/",
    "http://192.0.0.192/",
    "http://192.168.0.1/",
    "http://192.88.99.1/",
    "http://198.18.0.1/",
    "http://203.0.113.7/",
    "http://224.0.0.1/",
    "http://239.255.255.250/",
    "http://240.0.0.1/",
    "http://255.255.255.255/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://[::]/",
    "http://[::1]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::8.8.8.8]/",
    "http://[64:ff9b:1::1]/",
    "http://[2001::1]/",
    "http://[2001:0:7f00:1::]/",
    "http://[2001:db8::1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[fc00::1]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[2606:4700::1%25lo]/",
    "http://[ff02::1]/",
    "http://[100::1]/",
    "http://[3fff::1]/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://api.localhost/",
    "http://user@shop.example/",
    "http://user:pass@shop.example/",
    "http://@shop.example/",
    "http://shop.example@127.0.0.1/",
    "http://127.0.0.1\\@shop.example/",
    "http://shop.example\\.evil.test/",
    "http://shop\t.example/",
    "http://shop.example/\r\nX-Injected: 1",
    "http://shop.example/ HTTP/1.1",
    "http://shop.example/\x00",
    " http://shop.example/",
    "http://shop.example:0/",
    "http://shop.example:99999/",
    "http://shop.example:port/",
    "http://127%2e0%2e0%2e1/",
    "http://%31%32%37.0.0.1/",
    "http://①②⑦.0.0.1/",
    "http://127。0。0。1/",
    "http://localhost\u200b/",
    "http:///path",
    "http://",
    "http://.",
    "http://a..b/",
    "http://-a.example/",
    "http://[::1",
    "http://[v1.fe]/",
    "//shop.example/",
    "shop.example",
    "gopher://shop.example/",
    "file:///etc/passwd",
    "ftp://shop.example/",
    "unix:///run/docker.sock",
    "data:text/plain,x",
    "javascript:alert(1)",
    "",
    "http://shop.example/" + "a" * 2048,
]

PUBLIC = [
    "https://shop.example/hooks",
    "https://shop.example:8443/hooks?a=b#c",
    "https://8.8.8.8/",
    "https://[2606:4700:4700::1111]/",
    "https://xn--bcher-kva.example/",
    "https://under_score.example./",
]


@pytest.mark.parametrize("url", DISGUISED)
def test_a_private_or_disguised_url_is_refused_with_the_one_text(url):
    with pytest.raises(Refused, match=r"^the address is not one that webhooks may call$"):
        check_url(url, HTTP)


def test_there_are_at_least_sixty_of_them():
    assert len(set(DISGUISED)) >= 60


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_https_url_passes(url):
    assert check_url(url, Policy()) is None


def test_plain_http_passes_only_where_it_is_allowed():
    with pytest.raises(Refused):
        check_url("http://shop.example/", Policy())
    assert check_url("http://shop.example/", HTTP) is None


def test_one_private_answer_among_public_ones_refuses_them_all():
    with pytest.raises(Refused):
        check_addresses(["8.8.8.8", "10.0.0.1"], HTTP)
    with pytest.raises(Refused):
        check_addresses([], HTTP)
    assert check_addresses(["8.8.8.8", "2606:4700::1"], HTTP) is None


def test_an_allowed_network_lets_its_own_addresses_in_and_no_disguise_of_them():
    local = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.0/8"),))
    assert check_url("http://127.0.0.1:9000/", local) is None
    assert check_addresses(["127.0.0.1"], local) is None
    for other in ("::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0"):  # noqa: S104 - an address to refuse
        with pytest.raises(Refused):
            check_addresses([other], local)


@given(st.ip_addresses())
def test_nothing_passes_that_the_standard_library_knows_as_not_global(address):
    if may_call(address, Policy()):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_passes_inside_an_ipv6_one(address):
    for disguise in (f"::ffff:{address}", f"64:ff9b::{address}", f"::{address}"):
        assert not may_call(ip_address(disguise), Policy())
