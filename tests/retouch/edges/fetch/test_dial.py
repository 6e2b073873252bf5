import socket
import ssl
import threading
import time

import pytest

from retouch.edges.fetch import dial
from retouch.edges.fetch.dial import Dialer, resolve
from tests.support.upstream import closed_port
from tests.support.web import GOOD, Web, trust


def test_a_name_has_the_systems_addresses_each_once():
    found = resolve("localhost", 5.0)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found)) >= 1


@pytest.mark.parametrize("name", ["nowhere.invalid", "a" * 64 + ".test", "a..test"])
def test_a_name_without_addresses_is_an_error(name):
    with pytest.raises(OSError):  # noqa: PT011
        resolve(name, 5.0)


def test_a_look_up_that_hangs_is_left_behind(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(dial.socket, "getaddrinfo", lambda *a, **k: release.wait(60) and [])
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        resolve("slow.test", 0.1)
    assert time.monotonic() - started < 20
    release.set()


def test_no_time_is_no_look_up():
    with pytest.raises(TimeoutError):
        resolve("slow.test", -1.0)


def test_the_address_is_dialled_and_the_name_is_checked():
    with Web(GOOD) as web:
        connection = Dialer(trust, web.connect)("8.8.8.8", 443, "a.test", True, 5.0)
        assert web.dialled == [("8.8.8.8", 443)]
        assert connection.server_hostname == "a.test"
        assert connection.version() in ("TLSv1.2", "TLSv1.3")
        connection.close()


@pytest.mark.parametrize("kind", ["expired", "self_signed", "other_name"])
def test_a_bad_certificate_ends_the_connection(kind):
    made = []

    def connect(where, seconds):
        made.append(web.connect(where, seconds))
        return made[-1]

    with Web({**GOOD, "tls": kind}) as web, pytest.raises(ssl.SSLCertVerificationError):
        Dialer(trust, connect)("8.8.8.8", 443, "a.test", True, 5.0)
    assert made[0].fileno() == -1


def test_the_systems_store_trusts_no_stranger():
    with Web(GOOD) as web, pytest.raises(ssl.SSLCertVerificationError):
        Dialer(connect=web.connect)("8.8.8.8", 443, "a.test", True, 5.0)


def test_plain_connections_speak_no_tls():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = Dialer()(*listener.getsockname(), "a.test", False, 5.0)
        assert type(connection) is socket.socket
        connection.close()


def test_a_closed_port_is_an_error():
    with pytest.raises(ConnectionRefusedError):
        Dialer()("127.0.0.1", closed_port(), "a.test", False, 5.0)
