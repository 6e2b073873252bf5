"""Tests of the heartbeats for states that wait for an edit."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from retouch.api.handlers.edit_ends import heartbeats
from retouch.inbox.ports import MessageNotSent
from retouch.orders.destination import Destination


class Heartbeats:
    """The tokens of the heartbeats. The first `failures` of them are not sent."""

    def __init__(self, failures=0):
        self.tokens, self._failures, self.are_many = [], failures, threading.Event()

    def send_heartbeat(self, token):
        self.tokens.append(token)
        if len(self.tokens) >= 3:
            self.are_many.set()
        if len(self.tokens) <= self._failures:
            raise MessageNotSent("no")


def order_of(token) -> Any:
    return SimpleNamespace(destination=Destination(None, task_token=token).to_text())


@pytest.mark.parametrize("failures", [0, 2])
def test_heartbeats_go_on_until_the_edit_ends_also_after_one_was_not_sent(failures):
    messages = Heartbeats(failures)
    ports: Any = SimpleNamespace(messages=messages)
    before = threading.active_count()
    with heartbeats(order_of("t-1"), ports, seconds=0.01):
        assert messages.are_many.wait(10)
    assert set(messages.tokens) == {"t-1"}
    while threading.active_count() > before:
        threading.Event().wait(0.01)
    sent = len(messages.tokens)
    assert not threading.Event().wait(0.05)
    assert len(messages.tokens) == sent


def test_edit_that_no_state_waits_for_has_no_heartbeat():
    messages = Heartbeats()
    ports: Any = SimpleNamespace(messages=messages)
    with heartbeats(order_of(""), ports, seconds=0.01):
        assert not messages.are_many.wait(0.05)
    assert messages.tokens == []
