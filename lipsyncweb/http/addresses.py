"""Which addresses the site may talk to on behalf of its users."""

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Python (3.11 to 3.12) calls some of these global. 168.63.129.16 is the inside of Azure.
_REFUSED = [
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "64:ff9b:1::/48",  # a translator's own network: what it leads to is a local matter
        "100::/64",
        "2001:20::/28",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
]
# IPv6 networks whose last 32 bits are an IPv4 address that the packet ends up at.
_CARRIERS = [
    ipaddress.ip_network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
]
_TEREDO = ipaddress.ip_network("2001::/32")


def is_public(address: Address) -> bool:
    """Whether an address, and each address that is wrapped in it, belongs to the public Internet."""
    return all(_is_plainly_public(inner) for inner in _unwrapped(address))


def is_loopback(address: Address) -> bool:
    """127.0.0.0/8 or ::1 and no other spelling of them."""
    return address.is_loopback and not (address.version == 6 and address.ipv4_mapped)


def _unwrapped(address: Address) -> Iterator[Address]:
    if address.version == 4:
        yield address
    elif any(address in network for network in _CARRIERS):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address in _TEREDO and address.teredo is not None:
        yield from address.teredo  # the server and the client
    else:
        yield address


def _is_plainly_public(address: Address) -> bool:
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not address.is_unspecified
        and not any(address.version == network.version and address in network for network in _REFUSED)
    )
