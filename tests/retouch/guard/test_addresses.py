from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retouch.guard.addresses import kind, openable, parsed

# Written down again from the registries, so that a slip in the table does not slip through here.
V4 = [
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
V6 = [
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "2620:4f:8000::/48",
    "3fff::/20",
]
METADATA = [
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
PRIVATE = ["127.0.0.1", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1"]

any_v4 = st.integers(0, 2**32 - 1)
any_v6 = st.integers(0, 2**128 - 1)
global_v6 = st.integers(int(IPv6Address("2000::")), int(IPv6Address("4000::")) - 1)


def special_v4(value):
    return any(int(IPv4Address(a)) <= value <= int(IPv4Address(b)) for a, b in V4)


def embedded(value):
    """All the ways an IPv4 address is written into an IPv6 one."""
    v6 = lambda text: int(IPv6Address(text))  # noqa: E731
    return {
        "compatible": value,
        "mapped": v6("::ffff:0:0") | value,
        "translated": v6("::ffff:0:0:0") | value,
        "NAT64": v6("64:ff9b::") | value,
        "local NAT64": v6("64:ff9b:1::") | value,
        "6to4": v6("2002::") | value << 80,
        "Teredo server": v6("2001::") | value << 64,
        "Teredo client": v6("2001::") | value ^ 0xFFFFFFFF,
        "ISATAP": v6("2606:4700::5efe:0:0") | value,
        "ISATAP, global": v6("2606:4700::200:5efe:0:0") | value,
        "ISATAP, link-local": v6("fe80::5efe:0:0") | value,
    }


@pytest.mark.parametrize(("first", "last"), V4)
def test_a_special_range_is_refused_to_its_edges_and_no_further(first, last):
    low, high = int(IPv4Address(first)), int(IPv4Address(last))
    assert kind(IPv4Address(low)) != "public"
    assert kind(IPv4Address(high)) != "public"
    for beside in (low - 1, high + 1):
        if 0 <= beside < 2**32 and not special_v4(beside):
            assert kind(IPv4Address(beside)) == "public"


@given(any_v4)
def test_an_ipv4_address_is_public_unless_it_is_listed(value):
    assert (kind(IPv4Address(value)) == "public") is not special_v4(value)


@given(st.sampled_from(V4), st.data())
def test_nothing_inside_a_special_range_is_public(bounds, data):
    low, high = (int(IPv4Address(edge)) for edge in bounds)
    assert kind(IPv4Address(data.draw(st.integers(low, high)))) != "public"


@given(any_v4)
def test_no_embedded_ipv4_address_passes_public_or_not(value):
    for form, address in embedded(value).items():
        assert kind(IPv6Address(address)) != "public", form
        assert form == "compatible" or not openable(IPv6Address(address), 443), form


@given(any_v6)
def test_ipv6_outside_global_unicast_is_never_public(value):
    if IPv6Address(value) not in IPv6Network("2000::/3"):
        assert kind(IPv6Address(value)) != "public"


@given(global_v6)
def test_global_unicast_is_public_unless_it_is_listed(value):
    address = IPv6Address(value)
    listed = any(address in IPv6Network(network) for network in V6)
    isatap = value >> 32 & 0xFDFF_FFFF == 0x5EFE
    assert (kind(address) == "public") is not (listed or isatap)


@pytest.mark.parametrize("network", V6)
def test_a_special_ipv6_block_is_refused_to_its_edges_and_no_further(network):
    block = ip_network(network)
    low, high = int(block[0]), int(block[-1])
    assert kind(IPv6Address(low)) != "public"
    assert kind(IPv6Address(high)) != "public"
    assert kind(IPv6Address(high + 1)) == "public"
    assert kind(IPv6Address(low - 1)) == "public"


@pytest.mark.parametrize("text", METADATA)
def test_metadata_addresses_can_never_be_opened(text):
    assert kind(parsed(text)) in ("metadata", "link-local")
    assert not openable(parsed(text), 80)


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_can_be_opened_by_an_exception(text):
    assert kind(parsed(text)) in ("loopback", "private")
    assert openable(parsed(text), 9000)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.8.8.8", "::1"])
def test_the_lambda_runtimes_own_port_cannot_be_opened(text):
    assert not openable(parsed(text), 9001)


@pytest.mark.parametrize("text", ["0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.2.1", "::"])
def test_what_is_no_host_cannot_be_opened(text):
    assert not openable(parsed(text), 443)


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
def test_only_plain_addresses_are_addresses(text):
    assert parsed(text) is None


def test_every_block_of_the_table_is_written_as_a_network():
    assert kind(IPv4Network("8.8.8.0/24")[8]) == "public"
    assert kind(IPv6Address("2606:4700:4700::1111")) == "public"
    assert kind(IPv6Address("2001:4860:4860::8888")) == "public"
