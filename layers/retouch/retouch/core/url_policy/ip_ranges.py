"""The table of IP ranges that are not part of the public internet.

Every address is checked before a connection. The standard library's `is_global` is not used: it changes with the
Python version and calls several of these ranges global. An IPv4 address is public unless a range lists it. An IPv6
address is public only if it lies in 2000::/3 and no range lists it.
Ranges: the IANA special-purpose registries for IPv4 and IPv6, RFC 6890 and the cloud providers' own addresses.
"""

from __future__ import annotations

from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IpAddress = IPv4Address | IPv6Address

_ALLOWABLE_RANGES = {"loopback", "private"}  # the ranges to which an operator's exception may lead
_RUNTIME_API_PORT = 9001  # on loopback in the Lambda sandbox; a client of it could forge responses

_IPV4_RANGES = (
    ("168.63.129.16/32", "metadata"),  # Azure's wire server
    ("192.0.0.192/32", "metadata"),  # Oracle Cloud
    ("100.100.100.200/32", "metadata"),  # Alibaba Cloud
    ("169.254.0.0/16", "link-local"),  # metadata of all large clouds, Lambda's 169.254.100.0/24
    ("127.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "private"),  # carrier-grade NAT, RFC 6598
    ("0.0.0.0/8", "this network"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.175.48.0/24", "AS112"),
    ("192.52.193.0/24", "AMT relays"),
    ("192.88.99.0/24", "6to4 relays"),
    ("198.18.0.0/15", "benchmarks"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
)
_IPV6_RANGES = (
    ("fd00:ec2::/32", "metadata"),  # AWS
    ("fd20:ce::/32", "metadata"),  # Google Cloud
    ("fd00:42::42/128", "metadata"),  # Scaleway
    ("fe80::/10", "link-local"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("::/96", "IPv4-compatible"),
    ("2001::/32", "Teredo"),
    ("2002::/16", "6to4"),
    ("2001::/23", "protocol assignments"),  # with ORCHID and the benchmark range
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("2620:4f:8000::/48", "AS112"),
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# upper halves of the interface identifier, RFC 5214
_ISATAP_IDENTIFIERS = (0x0000_5EFE, 0x0200_5EFE)


@cache
def _ipv4_networks() -> tuple[tuple[IPv4Network, str], ...]:
    # Made for the first address, because most edits fetch nothing.
    return tuple((IPv4Network(network), name) for network, name in _IPV4_RANGES)


@cache
def _ipv6_networks() -> tuple[tuple[IPv6Network, str], ...]:
    return tuple((IPv6Network(network), name) for network, name in _IPV6_RANGES)


def parse_address(text: str) -> IpAddress | None:
    """Return the address that the text denotes, or None.

    Only dotted quads of plain decimals and IPv6 addresses without a zone are accepted.
    """
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def classify_address(address: IpAddress) -> str:
    """Return "public", or the name of the special range that contains the address."""
    if isinstance(address, IPv4Address):
        return next((name for network, name in _ipv4_networks() if address in network), "public")
    return _classify_ipv6(address)


def _classify_ipv6(address: IPv6Address) -> str:
    """Classify an IPv6 address.

    An address that embeds an IPv4 address is never unwrapped. No public host needs this notation.
    """
    range_name = next((name for network, name in _ipv6_networks() if address in network), None)
    if range_name:
        return range_name
    if address not in _GLOBAL_UNICAST:
        return "reserved"
    return "ISATAP" if int(address) >> 32 & 0xFFFF_FFFF in _ISATAP_IDENTIFIERS else "public"


def can_allow(address: IpAddress, port: int) -> bool:
    """Return whether an operator's exception for a host may lead to this address.

    It never may for link-local addresses, metadata services and the Lambda runtime's own API.
    """
    range_name = classify_address(address)
    return range_name in _ALLOWABLE_RANGES and not (
        range_name == "loopback" and port == _RUNTIME_API_PORT
    )
