import pytest

from retouch.core.url_policy.errors import FetchError
from retouch.core.url_policy.policy import FetchPolicy
from retouch.core.url_policy.url import parse_url

POLICY_WITH_ALLOW_LIST = FetchPolicy.from_text(
    "minio:9000, 127.0.0.1:8080, [::1]:8081, 169.254.169.254:80, Bücher.example:8443"
)


def rejection_reason(function, *args):
    with pytest.raises(FetchError) as exc_info:
        function(*args)
    return exc_info.value.reason


def test_allow_list_is_parsed_from_text():
    assert POLICY_WITH_ALLOW_LIST.allow == {
        ("minio", 9000),
        ("127.0.0.1", 8080),
        ("::1", 8081),
        ("169.254.169.254", 80),
        ("xn--bcher-kva.example", 8443),
    }


@pytest.mark.parametrize("text", ["", "  "])
def test_empty_text_gives_default_policy(text):
    assert FetchPolicy.from_text(text) == FetchPolicy()


@pytest.mark.parametrize(
    "entry",
    [
        "minio",
        "minio:",
        "minio:0",
        "minio:65536",
        "minio:http",
        "http://minio:9000",
        "minio:9000/x",
        "*.example.com:443",
        "*:443",
        "a b:1",
        "::1:80",
        "[::1]",
        "0x7f.1:80",
        "u@minio:9000",
        "",
    ],
)
def test_malformed_allow_list_entry_raises_value_error_naming_it(entry):
    with pytest.raises(ValueError, match="host") as exc_info:
        FetchPolicy.from_text(f"a.test:443,{entry}")
    assert repr(entry) in str(exc_info.value)


@pytest.mark.parametrize(
    "url", ["https://a.test/x", "https://8.8.8.8/x", "https://[2606:4700::1]/"]
)
def test_public_https_url_on_port_443_is_allowed(url):
    FetchPolicy().check_url(parse_url(url))
    assert FetchPolicy().check_address(parse_url(url), "8.8.8.8") == "8.8.8.8"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.test/x", "scheme_not_allowed"),
        ("https://a.test:8443/x", "port_not_allowed"),
        ("https://a.test:80/x", "port_not_allowed"),
        ("https://localhost/x", "host_not_allowed"),
        ("https://minio/x", "host_not_allowed"),
    ],
)
def test_other_scheme_port_or_host_is_rejected(url, reason):
    assert rejection_reason(FetchPolicy().check_url, parse_url(url)) == reason


@pytest.mark.parametrize(
    "url", ["http://minio:9000/x", "https://minio:9000/x", "http://[::1]:8081/x"]
)
def test_allowed_host_and_port_permit_both_schemes(url):
    POLICY_WITH_ALLOW_LIST.check_url(parse_url(url))


@pytest.mark.parametrize("url", ["http://minio:9001/x", "http://minio/x", "http://x.minio:9000/"])
def test_allow_list_entry_permits_no_other_host_or_port(url):
    assert rejection_reason(POLICY_WITH_ALLOW_LIST.check_url, parse_url(url)) in (
        "scheme_not_allowed",
        "port_not_allowed",
    )


def test_allowed_host_may_resolve_to_private_address():
    for address in ("10.0.0.7", "127.0.0.1", "fd12::1", "8.8.8.8"):
        assert (
            POLICY_WITH_ALLOW_LIST.check_address(parse_url("http://minio:9000/x"), address)
            == address
        )


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::ffff:10.0.0.1"]
)
def test_allowed_host_may_not_resolve_to_metadata_address(address):
    url = parse_url("http://minio:9000/x")
    assert (
        rejection_reason(POLICY_WITH_ALLOW_LIST.check_address, url, address) == "address_not_public"
    )


def test_link_local_address_is_allowed_only_as_literal():
    literal = parse_url("http://169.254.169.254/x")
    POLICY_WITH_ALLOW_LIST.check_url(literal)
    assert POLICY_WITH_ALLOW_LIST.check_address(literal, "169.254.169.254") == "169.254.169.254"
    other = parse_url("http://a.test/x")
    assert (
        rejection_reason(POLICY_WITH_ALLOW_LIST.check_address, other, "169.254.169.254")
        == "address_not_public"
    )


def test_allowed_address_is_rejected_for_other_host_names():
    assert (
        rejection_reason(
            POLICY_WITH_ALLOW_LIST.check_address, parse_url("http://a.test:8080/"), "127.0.0.1"
        )
        == "address_not_public"
    )


def test_lambda_runtime_port_is_rejected_for_allowed_host():
    policy = FetchPolicy.from_text("localhost:9001")
    assert (
        rejection_reason(policy.check_address, parse_url("http://localhost:9001/"), "127.0.0.1")
        == "address_not_public"
    )


@pytest.mark.parametrize("address", ["", "a.test", "fe80::1%eth0", "10.0.0.7", "not an address"])
def test_dns_answer_that_is_not_public_is_rejected(address):
    assert (
        rejection_reason(FetchPolicy().check_address, parse_url("https://a.test/"), address)
        == "address_not_public"
    )


def test_hosts_list_permits_only_listed_and_allowed_hosts():
    policy = FetchPolicy(hosts=("*.provider.test",), allow=frozenset({("minio", 9000)}))
    policy.check_url(parse_url("https://a.provider.test/x"))
    policy.check_url(parse_url("http://minio:9000/x"))
    assert rejection_reason(policy.check_url, parse_url("https://a.test/x")) == "host_not_allowed"
    assert rejection_reason(policy.check_url, parse_url("https://8.8.8.8/x")) == "host_not_allowed"
