import pytest

from devserver.settings import DevServerSettings


@pytest.mark.parametrize(
    ("host", "address", "is_exposed", "url_host"),
    [
        (None, "127.0.0.1", False, "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2", False, "127.0.0.2"),
        ("0.0.0.0", "0.0.0.0", True, "127.0.0.1"),
        ("::", "::", True, "[::1]"),
        ("::1", "::1", False, "[::1]"),
        ("192.0.2.7", "192.0.2.7", True, "192.0.2.7"),
        ("my-laptop", "127.0.0.1", False, "127.0.0.1"),
    ],
)
def test_host_is_the_address_to_listen_at(host, address, is_exposed, url_host):
    settings = DevServerSettings.from_env({"HOST": host} if host else {})
    assert (settings.host, settings.is_exposed, settings.url_host) == (
        address,
        is_exposed,
        url_host,
    )


@pytest.mark.parametrize(("port", "s3_port"), [(8787, 9787), (0, 0), (65000, 64000)])
def test_links_to_results_have_a_port_that_follows_from_the_port_of_the_server(port, s3_port):
    assert DevServerSettings.from_env({"PORT": str(port)}).s3_port == s3_port
    assert (
        DevServerSettings.from_env({"PORT": str(port), "RETOUCH_LOCAL_S3_PORT": "9900"}).s3_port
        == 9900
    )


@pytest.mark.parametrize(
    ("env", "names"),
    [
        ({}, {"RETOUCH_AUTH_MODE", "RETOUCH_WEBHOOK_ALLOW"}),
        ({"RETOUCH_AUTH_MODE": "open"}, {"RETOUCH_WEBHOOK_ALLOW"}),
        ({"HOST": "0.0.0.0"}, set()),
    ],
)
def test_open_settings_of_the_server_itself_are_no_news_on_this_machine(env, names):
    assert set(DevServerSettings.from_env(env).own_defaults) == names
