"""Which addresses may be reached from here: public ones, and those the operator allows."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

# A table of our own: what `ipaddress` calls global differs between releases of Python.
# IANA's special-purpose registry (RFC 6890), multicast and the former class E.
CLOSED_IPV4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this host, also spelt 0.0.0.0
        "10.0.0.0/8",
        "100.64.0.0/10",  # between a carrier and its customers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: where clouds keep credentials
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays for 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)

# Of IPv6 only this much is given out (IANA's unicast registry) ...
OPEN_IPV6 = IPv6Network("2000::/3")

# ... and of that, these are not ordinary hosts.
CLOSED_IPV6 = tuple(
    ip_network(block)
    for block in (
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address, handed to a relay nobody chose (RFC 7526)
        "3fff::/20",
    )
)

# An IPv4 address in IPv6 clothes is judged as what it is (RFC 4291 and NAT64's RFC 6052).
CARRIES_IPV4 = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))


def may_be_reached(host: str, *, allow: Sequence[Network] = ()) -> bool:
    """Tell whether a socket may be opened to `host`, an address as text.

    `allow` lists networks that are open although they are private. What is not an address in
    its canonical form may not be reached: nobody knows what the system would make of it.
    """
    try:
        address = _destination(ip_address(host))
    except ValueError:
        return False
    return any(address in network for network in allow) or _is_public(address)


def _destination(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if any(address in network for network in CARRIES_IPV4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in CLOSED_IPV4)
    return address in OPEN_IPV6 and not any(address in network for network in CLOSED_IPV6)
