"""Tests of the usage event and its record."""

from dataclasses import fields

import pytest

from retouch.usage.event import (
    UsageEvent,
    day_of,
    decode_event,
    encode_event,
    from_record,
    limit_metadata,
    months_of,
    start_of_day,
    to_record,
)
from tests.support.usage import NOON, make_event


def _other_value(value):
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 3
    return {"team": "red"} if isinstance(value, dict) else f"{value}x"


@pytest.mark.parametrize("name", [item.name for item in fields(UsageEvent)])
def test_every_field_of_an_event_survives_its_record(name):
    event = make_event()
    event = make_event(**{name: _other_value(getattr(event, name))})
    assert decode_event(encode_event(event)) == event
    assert type(getattr(decode_event(encode_event(event)), name)) is type(getattr(event, name))


def test_record_has_only_texts_and_whole_numbers_and_no_defaults():
    record = to_record(UsageEvent("w_shop", NOON, "ord_1", 1))
    assert record == {"workspace": "w_shop", "time": NOON, "order": "ord_1", "attempt": 1}
    values = to_record(make_event(metadata={"a": "b"}, is_estimated=True)).values()
    assert {type(value) for value in values} == {str, int}


def test_unknown_names_in_a_record_are_ignored():
    record = {**to_record(make_event()), "pk": "U#w_shop#2026-11-28", "later": 1}
    assert from_record(record) == make_event()


def test_id_of_an_event_sorts_by_time_and_names_order_and_attempt():
    assert make_event().id == "2026-11-28T12:00:00Z#ord_1.1"
    assert make_event(time=NOON + 1).id > make_event(attempt=9).id


def test_day_of_a_time_is_that_in_utc():
    assert day_of(start_of_day("2026-11-28")) == "2026-11-28"
    assert day_of(start_of_day("2026-11-28") - 1) == "2026-11-27"


def test_metadata_keeps_the_first_pairs_as_short_texts():
    metadata = {f"name-{number}": number for number in range(20)} | {"long": "x"}
    kept = limit_metadata(metadata)
    assert list(kept.items()) == [(f"name-{number}", str(number)) for number in range(8)]
    assert limit_metadata({"a" * 999: "b" * 999}) == {"a" * 128: "b" * 128}


def test_months_of_a_span_are_all_that_it_touches():
    days = [start_of_day(day) for day in ("2026-11-30", "2026-12-01", "2027-02-02")]
    assert months_of(days[0], days[1]) == ["2026-11"]
    assert months_of(days[0], days[1] + 1) == ["2026-11", "2026-12"]
    assert months_of(days[0], days[2]) == ["2026-11", "2026-12", "2027-01", "2027-02"]
