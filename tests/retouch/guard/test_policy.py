import pytest

from retouch.guard.policy import Policy
from retouch.guard.refusals import FetchError
from retouch.guard.url import parse

OPEN = Policy.from_text(
    "minio:9000, 127.0.0.1:8080, [::1]:8081, 169.254.169.254:80, Bücher.example:8443"
)


def refusal(function, *args):
    with pytest.raises(FetchError) as refused:
        function(*args)
    return refused.value.reason


def test_exceptions_are_read_from_text():
    assert OPEN.allow == {
        ("minio", 9000),
        ("127.0.0.1", 8080),
        ("::1", 8081),
        ("169.254.169.254", 80),
        ("xn--bcher-kva.example", 8443),
    }


@pytest.mark.parametrize("text", ["", "  "])
def test_no_text_is_no_exception(text):
    assert Policy.from_text(text) == Policy()


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
def test_a_malformed_exception_stops_the_start_and_is_named(entry):
    with pytest.raises(ValueError, match="host") as stopped:
        Policy.from_text(f"a.test:443,{entry}")
    assert repr(entry) in str(stopped.value)


@pytest.mark.parametrize(
    "url", ["https://a.test/x", "https://8.8.8.8/x", "https://[2606:4700::1]/"]
)
def test_public_https_on_443_passes(url):
    Policy().check(parse(url))
    assert Policy().check_address(parse(url), "8.8.8.8") == "8.8.8.8"


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
def test_everything_else_does_not(url, reason):
    assert refusal(Policy().check, parse(url)) == reason


@pytest.mark.parametrize(
    "url", ["http://minio:9000/x", "https://minio:9000/x", "http://[::1]:8081/x"]
)
def test_an_exception_opens_its_host_and_port_for_both_schemes(url):
    OPEN.check(parse(url))


@pytest.mark.parametrize("url", ["http://minio:9001/x", "http://minio/x", "http://x.minio:9000/"])
def test_an_exception_opens_nothing_else(url):
    assert refusal(OPEN.check, parse(url)) in ("scheme_not_allowed", "port_not_allowed")


def test_an_exception_may_lead_to_private_addresses():
    for address in ("10.0.0.7", "127.0.0.1", "fd12::1", "8.8.8.8"):
        assert OPEN.check_address(parse("http://minio:9000/x"), address) == address


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "fe80::1", "0.0.0.0", "::ffff:10.0.0.1"]
)
def test_an_exceptions_name_never_leads_to_metadata(address):
    url = parse("http://minio:9000/x")
    assert refusal(OPEN.check_address, url, address) == "address_not_public"


def test_a_link_local_address_is_opened_by_itself_only():
    literal = parse("http://169.254.169.254/x")
    OPEN.check(literal)
    assert OPEN.check_address(literal, "169.254.169.254") == "169.254.169.254"
    other = parse("http://a.test/x")
    assert refusal(OPEN.check_address, other, "169.254.169.254") == "address_not_public"


def test_an_exceptions_address_is_closed_to_other_names():
    assert (
        refusal(OPEN.check_address, parse("http://a.test:8080/"), "127.0.0.1")
        == "address_not_public"
    )


def test_the_lambda_runtime_is_closed_even_to_an_exceptions_name():
    policy = Policy.from_text("localhost:9001")
    assert (
        refusal(policy.check_address, parse("http://localhost:9001/"), "127.0.0.1")
        == "address_not_public"
    )


@pytest.mark.parametrize("address", ["", "a.test", "fe80::1%eth0", "10.0.0.7", "not an address"])
def test_an_answer_that_is_no_public_address_is_refused(address):
    assert (
        refusal(Policy().check_address, parse("https://a.test/"), address) == "address_not_public"
    )


def test_listed_hosts_are_the_only_ones_beside_exceptions():
    policy = Policy(hosts=("*.provider.test",), allow=frozenset({("minio", 9000)}))
    policy.check(parse("https://a.provider.test/x"))
    policy.check(parse("http://minio:9000/x"))
    assert refusal(policy.check, parse("https://a.test/x")) == "host_not_allowed"
    assert refusal(policy.check, parse("https://8.8.8.8/x")) == "host_not_allowed"
