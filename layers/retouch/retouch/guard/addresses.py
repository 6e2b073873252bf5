"""Which addresses belong to the public internet: one table, asked for every address before a connection.

The standard library's `is_global` changes with the Python version and calls several of these global, so it is
not asked. IPv4 is public unless listed; IPv6 is not public unless it lies in 2000::/3 and is not listed.
Ranges: the IANA special-purpose registries for IPv4 and IPv6, RFC 6890 and the cloud providers' own addresses.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

Address = IPv4Address | IPv6Address

_OPENABLE = {"loopback", "private"}  # what an operator's exception may lead to
_RUNTIME_API_PORT = 9001  # of the Lambda sandbox, on loopback: whoever reaches it can forge answers

_V4 = (
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
_V6 = (
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
_V4_TABLE = tuple((IPv4Network(network), kind) for network, kind in _V4)
_V6_TABLE = tuple((IPv6Network(network), kind) for network, kind in _V6)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # the upper half of the interface identifier, RFC 5214


def parsed(text: str) -> Address | None:
    """The address a text is, or None. Dotted quads of plain decimals only; no zone of an IPv6 address."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def kind(address: Address) -> str:
    """ "public", or the name of the special range the address lies in."""
    if isinstance(address, IPv4Address):
        return next((name for network, name in _V4_TABLE if address in network), "public")
    return _kind_v6(address)


def _kind_v6(address: IPv6Address) -> str:
    """Addresses that carry an IPv4 address are never unwrapped: no host needs to be spelled like that."""
    listed = next((name for network, name in _V6_TABLE if address in network), None)
    if listed:
        return listed
    if address not in _GLOBAL_UNICAST:
        return "reserved"
    return "ISATAP" if int(address) >> 32 & 0xFFFF_FFFF in _ISATAP else "public"


def openable(address: Address, port: int) -> bool:
    """May an exception for a host lead here? Never to link-local, metadata or the Lambda runtime's own API."""
    found = kind(address)
    return found in _OPENABLE and not (found == "loopback" and port == _RUNTIME_API_PORT)
