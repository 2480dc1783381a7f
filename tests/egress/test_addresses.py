"""Which addresses may be reached."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jackfield.egress.addresses import CLOSED_IPV4, may_be_reached

CLOSED = st.one_of(*(st.ip_addresses(network=network) for network in CLOSED_IPV4))
ANY_IPV4 = st.ip_addresses(v=4)
ANY_IPV6 = st.ip_addresses(v=6)


def mapped(address: IPv4Address) -> IPv6Address:
    return IPv6Address(0xFFFF << 32 | int(address))


def nat64(address: IPv4Address) -> IPv6Address:
    return IPv6Address(int(IPv6Address("64:ff9b::")) | int(address))


def six_to_four(address: IPv4Address) -> IPv6Address:
    return IPv6Address(0x2002 << 112 | int(address) << 80 | 1)


def compatible(address: IPv4Address) -> IPv6Address:
    return IPv6Address(int(address))


@given(CLOSED)
@example(IPv4Address("169.254.169.254"))
def test_a_private_address_is_closed_in_every_guise(address: IPv4Address) -> None:
    guises = [address, mapped(address), nat64(address), six_to_four(address), compatible(address)]

    reachable = [str(guise) for guise in guises if may_be_reached(str(guise))]

    assert reachable == []


@given(ANY_IPV4)
def test_a_guise_is_never_more_open_than_the_address_in_it(address: IPv4Address) -> None:
    is_open = may_be_reached(str(address))

    assert may_be_reached(str(mapped(address))) == is_open
    assert may_be_reached(str(nat64(address))) == is_open
    assert not may_be_reached(str(six_to_four(address)))


@given(ANY_IPV4)
def test_what_the_standard_library_calls_private_is_closed(address: IPv4Address) -> None:
    is_special = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
    )

    assert not (is_special and may_be_reached(str(address)))


@given(ANY_IPV6)
def test_outside_the_unicast_space_only_an_open_ipv4_address_is_open(
    address: IPv6Address,
) -> None:
    is_unicast = address in ip_network("2000::/3")
    carries = address in ip_network("::ffff:0:0/96") or address in ip_network("64:ff9b::/96")

    assert is_unicast or carries or not may_be_reached(str(address))


@pytest.mark.parametrize(
    "host",
    ["1.1.1.1", "9.255.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00::1"],
)
def test_a_public_address_is_open(host: str) -> None:
    assert may_be_reached(host)


@pytest.mark.parametrize(
    "host", ["", "localhost", "2130706433", "0177.0.0.1", "0x7f.1", "127.1", "1.1.1.1 ", "1.1.1"]
)
def test_what_is_not_an_address_in_its_usual_form_is_closed(host: str) -> None:
    assert not may_be_reached(host, allow=[ip_network("0.0.0.0/0"), ip_network("::/0")])


@pytest.mark.parametrize("host", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"])
def test_an_allowed_network_is_open_in_every_guise(host: str) -> None:
    assert may_be_reached(host, allow=[ip_network("10.1.0.0/16")])


@pytest.mark.parametrize("host", ["10.2.0.1", "127.0.0.1", "::1", "0.0.0.0"])  # noqa: S104 - not bound
def test_an_allowed_network_opens_no_other(host: str) -> None:
    assert not may_be_reached(host, allow=[ip_network("10.1.0.0/16")])


def test_a_private_ipv6_network_can_be_allowed() -> None:
    allow = [ip_network("fd12:3456::/32")]

    assert may_be_reached("fd12:3456::1", allow=allow)
    assert not may_be_reached("fd12:3457::1", allow=allow)
