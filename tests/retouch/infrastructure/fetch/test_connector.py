import socket
import ssl
import threading
import time

import pytest

from devserver.ports import unused_port
from retouch.infrastructure.fetch.connector import Connector, resolve_name
from tests.support.certificates import client_tls_context
from tests.support.fake_internet import GOOD_RESPONSE, FakeInternet


def test_resolve_returns_each_system_address_once():
    result = resolve_name("localhost", 5.0)
    assert set(result) <= {"127.0.0.1", "::1"}
    assert len(result) == len(set(result)) >= 1


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 64 + ".test", "a..test"])
def test_resolve_of_unknown_name_raises_os_error(name):
    with pytest.raises(OSError):  # noqa: PT011
        resolve_name(name, 5.0)


def test_resolve_that_hangs_raises_timeout_error(monkeypatch):
    release, resolve = threading.Event(), socket.getaddrinfo

    def resolve_slowly(host, *arguments, **options):
        if host != "slow.test":  # a server of another test shares the process
            return resolve(host, *arguments, **options)
        return release.wait(60) and []

    monkeypatch.setattr(socket, "getaddrinfo", resolve_slowly)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        resolve_name("slow.test", 0.1)
    assert time.monotonic() - started < 20
    release.set()


def test_resolve_without_time_left_raises_timeout_error():
    with pytest.raises(TimeoutError):
        resolve_name("slow.test", -1.0)


def test_connector_connects_to_address_and_verifies_host_name():
    with FakeInternet(GOOD_RESPONSE) as web:
        connection = Connector(client_tls_context, web.open_local_socket)(
            "8.8.8.8", 443, "a.test", True, 5.0
        )
        assert web.connected_addresses == [("8.8.8.8", 443)]
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.server_hostname == "a.test"
        assert connection.version() in ("TLSv1.2", "TLSv1.3")
        connection.close()


@pytest.mark.parametrize("kind", ["expired", "self_signed", "other_name"])
def test_invalid_certificate_closes_connection(kind):
    connections = []

    def connect(address, seconds):
        connections.append(web.open_local_socket(address, seconds))
        return connections[-1]

    with (
        FakeInternet({**GOOD_RESPONSE, "tls": kind}) as web,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        Connector(client_tls_context, connect)("8.8.8.8", 443, "a.test", True, 5.0)
    assert connections[0].fileno() == -1


def test_system_trust_store_rejects_unknown_authority():
    with FakeInternet(GOOD_RESPONSE) as web, pytest.raises(ssl.SSLCertVerificationError):
        Connector(tcp_connect=web.open_local_socket)("8.8.8.8", 443, "a.test", True, 5.0)


def test_plain_http_connection_uses_no_tls():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address, port = listener.getsockname()
        connection = Connector()(address, port, "a.test", False, 5.0)
        assert type(connection) is socket.socket
        connection.close()


def test_closed_port_raises_connection_refused():
    with pytest.raises(ConnectionRefusedError):
        Connector()("127.0.0.1", unused_port(), "a.test", False, 5.0)
