import pytest

from retouch.infrastructure.http1.origin import Origin, parse_target


@pytest.mark.parametrize(
    ("url", "origin", "host_header", "path"),
    [
        ("http://a.test", ("http", "a.test", 80), "a.test", "/"),
        ("https://a.test/x?y=z#part", ("https", "a.test", 443), "a.test", "/x?y=z"),
        ("https://a.test?y=z", ("https", "a.test", 443), "a.test", "/?y=z"),
        ("http://A.Test:8080/x", ("http", "a.test", 8080), "a.test:8080", "/x"),
        ("https://a.test:443/", ("https", "a.test", 443), "a.test", "/"),
        ("http://user:pass@a.test/", ("http", "a.test", 80), "a.test", "/"),
        ("http://[::1]:9/x", ("http", "::1", 9), "[::1]:9", "/x"),
        (
            "https://bücher.test/ä b",
            ("https", "xn--bcher-kva.test", 443),
            "xn--bcher-kva.test",
            "/%C3%A4%20b",
        ),
        ("https://a.test/%2F%20?q=%41", ("https", "a.test", 443), "a.test", "/%2F%20?q=%41"),
        (
            "https://a.test/m:predict?key=a+b&c=d,e",
            ("https", "a.test", 443),
            "a.test",
            "/m:predict?key=a+b&c=d,e",
        ),
    ],
)
def test_url_is_split_into_origin_host_header_and_path(url, origin, host_header, path):
    target = parse_target(url)
    assert target == (Origin(*origin), host_header, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/x",
        "a.test",
        "ftp://a.test",
        "file:///etc/passwd",
        "http://",
        "http://a.test:0x1/",
        "http://a.test:99999/",
    ],
)
def test_url_that_cannot_be_requested_raises_value_error(url):
    with pytest.raises(ValueError):  # noqa: PT011 - urlsplit has its own messages
        parse_target(url)
