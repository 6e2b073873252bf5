"""Tests of sums over days, from events and from rollups."""

import itertools

import pytest

from retouch.core.errors import InvalidRequest
from retouch.usage.event import SECONDS_PER_DAY, day_of, start_of_day
from retouch.usage.filters import UsageFilter
from retouch.usage.query import UsageQuery, UsageReader
from retouch.usage.rollup import decode_rows, encode_rows, is_closed, roll_up
from retouch.usage.totals import sum_rows
from tests.support.usage import DAY, NOON, InMemoryUsage, make_event

MONTH_START = start_of_day("2026-11-01")
NOW = start_of_day("2026-12-01")


@pytest.fixture
def store():
    """Return a store with three events of every day of a month, of two workspaces, models and keys."""
    store = InMemoryUsage()
    numbers = itertools.count()
    for day in range(30):
        for hour in (0, 9, 23):
            number = next(numbers)
            event = make_event(
                time=MONTH_START + day * SECONDS_PER_DAY + hour * 3600,
                order=f"ord_{number}",
                workspace=f"w_{number % 2}",
                model=f"model-{number % 3}",
                key_id=f"k_{number % 5}",
                status=(200, 200, 429)[number % 3],
                cost=1_000_000 // 7 + number,
                metadata={"team": "red" if number % 2 else "blue"},
                size=f"{number % 4}x1",
                user=f"user-{number % 7}",
                ms=100 * number,
            )
            store.write_event(event)
    return store


def _read(store, now=NOW, **fields):
    values = {"workspaces": ("w_0", "w_1"), "start": MONTH_START, "end": NOW, **fields}
    return UsageReader(store, now).read_rows(UsageQuery(**values))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"dimensions": ("model",)},
        {"dimensions": ("key_id", "status"), "width": SECONDS_PER_DAY},
        {"filter": UsageFilter(statuses=frozenset({429}))},
        {"filter": UsageFilter(models=frozenset({("openai", "model-1"), ("google", "")}))},
        {"filter": UsageFilter(key_ids=frozenset({"k_1", "k_2"}))},
    ],
)
def test_rollups_give_the_sums_of_the_events(store, fields):
    of_events = _read(store, now=MONTH_START, **fields)  # no day is closed
    assert store.written_rollups == 0
    first, second = _read(store, **fields), _read(store, **fields)
    assert store.written_rollups == 2 * 28
    assert first == second == of_events


def test_closed_days_are_read_from_their_rollup_and_open_days_from_events(store):
    _read(store)
    store.read = 0
    assert sum_rows(_read(store)).attempts == 90
    assert store.read == 6  # of the last two days


@pytest.mark.parametrize(
    "fields",
    [
        {"dimensions": ("user",)},
        {"dimensions": ("metadata.team",)},
        {"dimensions": ("size",)},
        {"width": 60},
        {"filter": UsageFilter(metadata={"team": frozenset({"red"})})},
        {"filter": UsageFilter(cost_min=1)},
        {"filter": UsageFilter(traces=frozenset({"trace-1"}))},
    ],
)
def test_fields_that_rollups_lack_are_read_from_events(store, fields):
    rows = _read(store, **fields)
    assert (store.read, store.written_rollups) == (90, 0)
    assert sum_rows(rows).attempts == (45 if "'red'" in str(fields) else 90)


def test_part_of_a_closed_day_has_the_events_of_that_part_only(store):
    rows = _read(store, start=MONTH_START + 3600, end=MONTH_START + 23 * 3600)
    assert sum_rows(rows).attempts == 1
    assert store.written_rollups == 0


def test_more_events_than_the_limit_are_refused_with_the_export_as_remedy(store):
    reader = UsageReader(store, NOW, max_events=50)
    query = UsageQuery(("w_0", "w_1"), MONTH_START, NOW, dimensions=("user",))
    with pytest.raises(InvalidRequest, match="POST /v1/logs/exports") as raised:
        reader.read_rows(query)
    assert (raised.value.status, raised.value.code) == (400, "range_too_large")


def test_closed_days_are_rolled_up_in_several_queries_when_they_have_too_many_events(store):
    query = UsageQuery(("w_0", "w_1"), MONTH_START, NOW - 2 * SECONDS_PER_DAY)
    refused = 0
    while True:
        try:
            rows = UsageReader(store, NOW, max_events=10).read_rows(query)
        except InvalidRequest:
            refused += 1
            continue
        break
    assert refused > 2
    assert sum_rows(rows).attempts == 84


@pytest.mark.parametrize("days", [401, 4000])
def test_range_of_too_many_days_is_refused(store, days):
    with pytest.raises(InvalidRequest) as raised:
        _read(store, start=NOW - days * SECONDS_PER_DAY)
    assert raised.value.code == "range_too_large"


def test_range_that_ends_before_it_begins_is_refused(store):
    with pytest.raises(InvalidRequest) as raised:
        _read(store, start=NOW, end=NOW)
    assert raised.value.code == "invalid_range"


def test_sums_of_a_day_whose_events_may_be_deleted_are_not_kept(store):
    store.retention_seconds = 10 * SECONDS_PER_DAY
    _read(store)
    assert store.read_rollup("w_0", "2026-11-05") is None
    assert store.read_rollup("w_0", "2026-11-25")


def test_rollup_of_another_version_is_not_used(store, monkeypatch):
    expected = _read(store)
    monkeypatch.setattr("retouch.usage.rollup._VERSION", 2)
    store.read = 0
    assert _read(store) == expected
    assert store.read == 90


def test_day_is_closed_forty_eight_hours_after_its_end():
    end = start_of_day(DAY) + SECONDS_PER_DAY
    assert not is_closed(DAY, end + 48 * 3600 - 1)
    assert is_closed(DAY, end + 48 * 3600)


def test_adjustment_changes_money_and_no_count():
    rows = roll_up([make_event(), make_event(order="adj", adjusts="ord_1", cost=-41_200, ms=0)])
    totals = sum_rows(rows)
    assert (totals.cost, totals.requests, totals.attempts) == (0, 1, 1)


def test_rows_survive_their_encoding():
    rows = roll_up([make_event(time=NOON + n * 1000, order=f"o{n}", ms=n) for n in range(50)])
    assert decode_rows("w_shop", encode_rows(rows)) == rows
    assert day_of(rows[0].start) == DAY


@pytest.mark.parametrize("fields", [{}, {"filter": UsageFilter(sizes=frozenset({"0x1", "1x1"}))}])
def test_price_is_the_cost_of_what_the_operator_pays_when_it_is_asked_for(store, fields):
    own = make_event(
        time=MONTH_START, order="ord_own", workspace="w_0", payer="caller", price=0, size="0x1"
    )
    store.write_event(own)
    costs, prices = (
        sum_rows(_read(store, cost_basis=basis, **fields)) for basis in ("cost", "price")
    )
    assert prices.cost == costs.price + own.cost
    assert prices.price == costs.price != costs.cost
    rolled_up = sum_rows(_read(store, **fields))
    assert rolled_up.cost == costs.cost, "the rollups keep the cost"
