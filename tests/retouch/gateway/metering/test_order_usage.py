"""Tests of the usage that an order owes, for the ends that a request alone cannot bring about."""

from dataclasses import replace

import pytest

from retouch.gateway.metering.order_usage import OrderUsage, owed_events
from retouch.gateway.metering.usage_notes import UsageNotes
from retouch.orders import transitions
from retouch.usage.order_lines import UsageLine, decode_lines, encode_lines
from retouch.usage.recorder import UsageRecorder
from tests.support.orders import NOW, answer, claim
from tests.support.usage import InMemoryUsage, make_event

ORDER = transitions.claim_order(None, claim(), NOW)
AT_RISK = make_event(order=ORDER.id, time=NOW, status=502, billed="unknown", price=9, at_risk=9)
WRITTEN = UsageLine(AT_RISK, 2_000_000, 5, is_written=True)
OWN = make_event(order=ORDER.id, time=NOW + 60, attempt=101, cost=30, price=65)


@pytest.mark.parametrize("held", [None, 0, 77])
def test_lines_survive_their_encoding(held):
    lines = [replace(WRITTEN, held=held), UsageLine(OWN, 1, 2, held)]
    assert decode_lines(encode_lines(lines)) == lines
    assert decode_lines("") == []


def test_result_that_a_later_request_fetched_replaces_what_was_at_risk():
    notes = UsageNotes(encode_lines([WRITTEN]), is_resumed=True)
    notes.set_lines([UsageLine(OWN, 2_000_000, 5)])
    assert notes.is_left_to_sweeper
    ended = transitions.finish(ORDER, answer(cost="0.00003"), NOW + 70, 60)
    ended = replace(ended, usage=notes.lines_at_end())
    assert ended.is_usage_owed
    store = InMemoryUsage()
    usage = OrderUsage(UsageRecorder(store)).write(ended, answer(), NOW + 80)
    assert usage == ""
    assert [event.price for event in store.events.values()] == [65, -9]
    assert sum(event.at_risk for event in store.events.values()) == -9


def test_crash_of_the_request_that_fetched_a_result_gives_the_same_sum():
    ended = transitions.finish(ORDER, answer(cost="0.00003"), NOW + 70, 60)
    ended = replace(ended, usage=encode_lines([WRITTEN]))
    document = answer(b'{"data": [{"url": "x"}]}', cost="0.00003")
    (line,), at_risk = owed_events(ended, document, decode_lines(ended.usage))
    assert at_risk == []
    assert AT_RISK.price + line.event.price == 65
    assert (line.event.adjusts, line.event.time) == (ORDER.id, NOW + 70)


def test_draft_of_an_earlier_holder_is_dropped_when_its_result_is_fetched():
    draft = UsageLine(replace(AT_RISK, status=0), 1, 2)
    text = encode_lines([draft])
    assert UsageNotes(text, is_resumed=True).all_lines() == ""
    assert UsageNotes(text, is_resumed=False).all_lines() == text


def test_order_at_risk_owes_nothing_until_its_outcome_is_known():
    order = replace(ORDER, state="unknown", billed="unknown", usage=encode_lines([WRITTEN]))
    assert not order.is_usage_owed
    assert not order.is_listed
    known = transitions.reconcile(order, "no", "", NOW + 90, 60)
    assert known.is_usage_owed
    assert known.is_listed


def test_running_order_owes_nothing():
    draft = UsageLine(replace(AT_RISK, status=0), 1, 2)
    order = replace(transitions.mark_sent(ORDER, "config", NOW), usage=encode_lines([draft]))
    assert not order.is_usage_owed
