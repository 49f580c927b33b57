"""Which feed addresses are never called."""

import ipaddress
import socket

import pytest

from portal.feeds.errors import FetchRefused
from portal.feeds.fetch import fetch
from portal.network.addresses import check_addresses, is_public, target
from portal.network.errors import CallRefused
from portal.network.pinned import resolve

PUBLIC = "93.184.216.34"

HOSTILE_URLS = [
    # other schemes
    ("http://calendar.example.com/a.ics", "not_https"),
    ("ftp://calendar.example.com/a.ics", "not_https"),
    ("file:///etc/passwd", "not_https"),
    ("gopher://calendar.example.com:70/_GET", "not_https"),
    ("dict://calendar.example.com:11211/stat", "not_https"),
    ("data:text/calendar,BEGIN:VCALENDAR", "not_https"),
    ("javascript:alert(1)", "not_https"),
    ("//calendar.example.com/a.ics", "not_https"),
    ("calendar.example.com/a.ics", "not_https"),
    # ports
    ("https://calendar.example.com:80/a.ics", "bad_port"),
    ("https://calendar.example.com:22/", "bad_port"),
    ("https://calendar.example.com:6379/", "bad_port"),
    ("https://calendar.example.com:0/", "bad_port"),
    ("https://calendar.example.com:99999/", "bad_address"),
    ("https://calendar.example.com:44x/", "bad_address"),
    # credentials
    ("https://user:secret@calendar.example.com/a.ics", "credentials"),
    ("https://user@calendar.example.com/", "credentials"),
    ("https://@calendar.example.com/", "credentials"),
    ("https://calendar.example.com@127.0.0.1/", "credentials"),
    ("https://127.0.0.1#@calendar.example.com/", "ip_literal"),
    # IP literals, in every writing that some resolver understands
    ("https://127.0.0.1/", "ip_literal"),
    ("https://127.1/", "ip_literal"),
    ("https://127.0.1/", "ip_literal"),
    ("https://2130706433/", "ip_literal"),
    ("https://0x7f000001/", "ip_literal"),
    ("https://0x7f.1/", "ip_literal"),
    ("https://0x7F.0.0.0x1/", "ip_literal"),
    ("https://017700000001/", "ip_literal"),
    ("https://0177.0.0.1/", "ip_literal"),
    ("https://127.0.0.1./", "ip_literal"),
    ("https://0/", "ip_literal"),
    ("https://0.0.0.0/", "ip_literal"),
    ("https://10.0.0.1/", "ip_literal"),
    ("https://169.254.169.254/latest/meta-data/", "ip_literal"),
    ("https://93.184.216.34/", "ip_literal"),
    ("https://[::1]/", "ip_literal"),
    ("https://[::]/", "ip_literal"),
    ("https://[::ffff:127.0.0.1]/", "ip_literal"),
    ("https://[::ffff:7f00:1]/", "ip_literal"),
    ("https://[64:ff9b::a9fe:a9fe]/", "ip_literal"),
    ("https://[fe80::1%25eth0]/", "ip_literal"),
    ("https://[fd00:ec2::254]/", "ip_literal"),
    ("https://１２７.０.０.１/", "ip_literal"),
    ("https://①②⑦.⓪.⓪.①/", "ip_literal"),
    ("https://127。0。0。1/", "ip_literal"),
    # names that are no public names
    ("https://localhost/", "bad_host"),
    ("https://LOCALHOST./", "bad_host"),
    ("https://redis/", "bad_host"),
    ("https://metadata/", "bad_host"),
    ("https:///a.ics", "bad_host"),
    ("https://.example.com/", "bad_host"),
    ("https://a..example.com/", "bad_host"),
    ("https://-a.example.com/", "bad_host"),
    ("https://127%2e0%2e0%2e1/", "bad_host"),
    ("https://calendar.example.com%00.evil.test/", "bad_host"),
    ("https://calendar_example_com/", "bad_host"),
    ("https://" + "a" * 64 + ".example.com/", "bad_host"),
    ("https://" + "a." * 130 + "com/", "bad_host"),
    # what parsers read differently
    ("https://calendar.example.com\\@127.0.0.1/", "bad_address"),
    ("https://calendar.example.com\r\nHost: 127.0.0.1/", "bad_address"),
    ("https://calendar.example.com/a.ics\r\nX-Header: 1", "bad_address"),
    ("https://calendar.example.com/\x00", "bad_address"),
    (" https://calendar.example.com/", "bad_address"),
    ("https://calendar.example.com/a b", "bad_address"),
    ("https://[::1/", "bad_address"),
    ("https://calendar.example.com/" + "a" * 2000, "bad_address"),
    ("", "bad_address"),
]

NEVER_PUBLIC = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:93.184.216.34",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not-an-address",
]


def refuse_to_resolve(host: str, port: int) -> list[str]:
    raise AssertionError(f"resolved {host}:{port}")


def refuse_to_connect(address: str, port: int, seconds: float) -> socket.socket:
    raise AssertionError(f"connected to {address}:{port}")


@pytest.mark.parametrize(("address", "key"), HOSTILE_URLS)
def test_a_hostile_address_is_refused_before_anything_is_looked_up(address: str, key: str) -> None:
    with pytest.raises(FetchRefused) as refused:
        fetch(address, resolver=refuse_to_resolve, connector=refuse_to_connect)

    assert refused.value.key == key
    assert "secret" not in refused.value.words


@pytest.mark.parametrize("found", NEVER_PUBLIC)
def test_a_host_that_leads_to_no_public_address_is_never_called(found: str) -> None:
    with pytest.raises(FetchRefused):
        fetch(
            "https://calendar.example.com/a.ics",
            resolver=lambda _host, _port: [found],
            connector=refuse_to_connect,
        )


@pytest.mark.parametrize("found", NEVER_PUBLIC)
def test_one_private_address_among_public_ones_refuses_the_host(found: str) -> None:
    with pytest.raises(FetchRefused):
        fetch(
            "https://calendar.example.com/a.ics",
            resolver=lambda _host, _port: [PUBLIC, found],
            connector=refuse_to_connect,
        )


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]
)
def test_addresses_of_the_public_internet_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("address", "host", "path"),
    [
        ("https://calendar.example.com/a.ics?t=1&s=2", "calendar.example.com", "/a.ics?t=1&s=2"),
        ("https://Calendar.Example.COM", "calendar.example.com", "/"),
        ("https://calendar.example.com:443/a#b", "calendar.example.com", "/a"),
        ("webcal://calendar.example.com/a.ics", "calendar.example.com", "/a.ics"),
        ("https://kalender.müller.example/", "kalender.xn--mller-kva.example", "/"),
    ],
)
def test_a_calendar_link_is_taken_apart(address: str, host: str, path: str) -> None:
    found = target(address)

    assert (found.scheme, found.host, found.port, found.path) == ("https", host, 443, path)


def test_the_path_with_its_token_is_not_printed() -> None:
    assert "t0ken" not in repr(target("https://calendar.example.com/a.ics?s=t0ken"))


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://127.0.0.1:8123/a.ics", ["127.0.0.1"]),
        ("http://localhost:8123/a.ics", ["127.0.0.1", "::1"]),
        ("https://nas:5001/a.ics", ["192.168.1.20"]),
        ("http://[::1]:80/", ["::1"]),
        ("https://calendar.example.com/a.ics", [PUBLIC]),
    ],
)
def test_a_loopback_installation_may_call_its_own_network(address: str, found: list[str]) -> None:
    destination = target(address, allow_private=True)

    assert check_addresses(found, destination, allow_private=True) == found


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("http://calendar.example.com/a.ics", [PUBLIC]),
        ("https://calendar.example.com:8443/a.ics", [PUBLIC]),
        (f"https://{PUBLIC}/a.ics", [PUBLIC]),
        ("http://nas/a.ics", ["192.168.1.20", PUBLIC]),
        ("http://169.254.169.254/latest/", ["169.254.169.254"]),
        ("http://[fe80::1]/", ["fe80::1"]),
        ("http://[::ffff:169.254.169.254]/", ["::ffff:169.254.169.254"]),
        ("http://0.0.0.0/", ["0.0.0.0"]),
        ("http://224.0.0.1/", ["224.0.0.1"]),
    ],
)
def test_even_a_loopback_installation_calls_the_internet_by_the_public_rules(
    address: str, found: list[str]
) -> None:
    destination = target(address, allow_private=True)

    with pytest.raises(CallRefused):
        check_addresses(found, destination, allow_private=True)


def test_the_systems_resolver_gives_each_address_once() -> None:
    found = resolve("localhost", 443)

    assert found
    assert len(found) == len(set(found))
