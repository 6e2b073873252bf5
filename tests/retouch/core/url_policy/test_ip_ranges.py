from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.core.url_policy.ip_ranges import can_allow, classify_address, parse_address

# These ranges are copied from the registries again, so that an error in the table makes a test fail.
SPECIAL_IPV4_RANGES = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.31.196.0", "192.31.196.255"),
    ("192.52.193.0", "192.52.193.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("192.175.48.0", "192.175.48.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "255.255.255.255"),
]
SPECIAL_IPV6_NETWORKS = [
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
]
METADATA_ADDRESSES = [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.100.1",
    "168.63.129.16",
    "192.0.0.192",
    "100.100.100.200",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:42::42",
    "fe80::a9fe:a9fe",
]
PRIVATE_ADDRESSES = [
    "127.0.0.1",
    "::1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12::1",
]

ipv4_integers = st.integers(0, 2**32 - 1)
ipv6_integers = st.integers(0, 2**128 - 1)
global_unicast_integers = st.integers(int(IPv6Address("2000::")), int(IPv6Address("4000::")) - 1)


def is_special_ipv4(value):
    return any(int(IPv4Address(a)) <= value <= int(IPv4Address(b)) for a, b in SPECIAL_IPV4_RANGES)


def embedded_ipv4_forms(value):
    """Return all forms in which an IPv6 address can contain an IPv4 address."""
    to_int = lambda text: int(IPv6Address(text))  # noqa: E731
    return {
        "compatible": value,
        "mapped": to_int("::ffff:0:0") | value,
        "translated": to_int("::ffff:0:0:0") | value,
        "NAT64": to_int("64:ff9b::") | value,
        "local NAT64": to_int("64:ff9b:1::") | value,
        "6to4": to_int("2002::") | value << 80,
        "Teredo server": to_int("2001::") | value << 64,
        "Teredo client": to_int("2001::") | value ^ 0xFFFFFFFF,
        "ISATAP": to_int("2606:4700::5efe:0:0") | value,
        "ISATAP, global": to_int("2606:4700::200:5efe:0:0") | value,
        "ISATAP, link-local": to_int("fe80::5efe:0:0") | value,
    }


@pytest.mark.parametrize(("first", "last"), SPECIAL_IPV4_RANGES)
def test_special_ipv4_range_is_not_public_up_to_its_edges(first, last):
    low, high = int(IPv4Address(first)), int(IPv4Address(last))
    assert classify_address(IPv4Address(low)) != "public"
    assert classify_address(IPv4Address(high)) != "public"
    for neighbour in (low - 1, high + 1):
        if 0 <= neighbour < 2**32 and not is_special_ipv4(neighbour):
            assert classify_address(IPv4Address(neighbour)) == "public"


@given(ipv4_integers)
def test_ipv4_address_outside_special_ranges_is_public(value):
    assert (classify_address(IPv4Address(value)) == "public") is not is_special_ipv4(value)


@given(st.sampled_from(SPECIAL_IPV4_RANGES), st.data())
def test_ipv4_address_inside_special_range_is_not_public(bounds, data):
    low, high = (int(IPv4Address(edge)) for edge in bounds)
    assert classify_address(IPv4Address(data.draw(st.integers(low, high)))) != "public"


@given(ipv4_integers)
def test_ipv6_address_with_embedded_ipv4_is_not_public(value):
    for form, address in embedded_ipv4_forms(value).items():
        assert classify_address(IPv6Address(address)) != "public", form
        assert form == "compatible" or not can_allow(IPv6Address(address), 443), form


@given(ipv6_integers)
def test_ipv6_address_outside_global_unicast_is_not_public(value):
    if IPv6Address(value) not in IPv6Network("2000::/3"):
        assert classify_address(IPv6Address(value)) != "public"


@given(global_unicast_integers)
def test_global_unicast_address_outside_special_networks_is_public(value):
    address = IPv6Address(value)
    listed = any(address in IPv6Network(network) for network in SPECIAL_IPV6_NETWORKS)
    isatap = value >> 32 & 0xFDFF_FFFF == 0x5EFE
    assert (classify_address(address) == "public") is not (listed or isatap)


@pytest.mark.parametrize("network", SPECIAL_IPV6_NETWORKS)
def test_special_ipv6_network_is_not_public_up_to_its_edges(network):
    block = ip_network(network)
    low, high = int(block[0]), int(block[-1])
    assert classify_address(IPv6Address(low)) != "public"
    assert classify_address(IPv6Address(high)) != "public"
    assert classify_address(IPv6Address(high + 1)) == "public"
    assert classify_address(IPv6Address(low - 1)) == "public"


def address_of(text: str) -> IPv4Address | IPv6Address:
    address = parse_address(text)
    assert address is not None
    return address


@pytest.mark.parametrize("text", METADATA_ADDRESSES)
def test_metadata_address_cannot_be_allowed(text):
    assert classify_address(address_of(text)) in ("metadata", "link-local")
    assert not can_allow(address_of(text), 80)


@pytest.mark.parametrize("text", PRIVATE_ADDRESSES)
def test_private_address_can_be_allowed(text):
    assert classify_address(address_of(text)) in ("loopback", "private")
    assert can_allow(address_of(text), 9000)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.8.8", "::1"])
def test_lambda_runtime_port_cannot_be_allowed(text):
    assert not can_allow(address_of(text), 9001)


@pytest.mark.parametrize("text", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "::"])
def test_address_that_is_no_host_cannot_be_allowed(text):
    assert not can_allow(address_of(text), 443)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        "01.2.3.4",
        "1.2.3.4.5",
        "0x7f.0.0.1",
        "2130706433",
        "１.2.3.4",
        "fe80::1%eth0",
        "[::1]",
    ],
)
def test_unusual_address_spelling_is_not_parsed(text):
    assert parse_address(text) is None


def test_well_known_dns_servers_are_public():
    assert classify_address(IPv4Network("8.8.8.0/24")[8]) == "public"
    assert classify_address(IPv6Address("2606:4700:4700::1111")) == "public"
    assert classify_address(IPv6Address("2001:4860:4860::8888")) == "public"
