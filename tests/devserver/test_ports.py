"""Tests of the ports of servers that are told their port before they start."""

import socket
from pathlib import Path

import pytest

from devserver.ports import system_range_start, unused_port


def test_unused_port_is_below_the_range_of_the_system():
    start = system_range_start(Path("/proc/sys/net/ipv4/ip_local_port_range"))
    assert all(10_000 <= unused_port() < start for _ in range(100))


def test_unused_port_differs_between_two_calls():
    assert len({unused_port() for _ in range(20)}) > 10


def test_unused_port_refuses_connections():
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", unused_port()))


@pytest.mark.parametrize(
    ("stated_range", "start"), [("40000\t60999\n", 40_000), ("1024\t65535\n", 32_768)]
)
def test_range_of_system_is_read_from_its_file_unless_it_is_too_low(tmp_path, stated_range, start):
    file = tmp_path / "ip_local_port_range"
    file.write_text(stated_range)
    assert system_range_start(file) == start


def test_range_of_system_is_the_usual_one_without_a_file(tmp_path):
    assert system_range_start(tmp_path / "missing") == 32_768
