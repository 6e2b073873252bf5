"""Tests of jobs of a key with a budget: the 202 reserves the most that a job may cost, and its end settles that."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from retouch.api.handlers.edits_queue import build_handler
from retouch.core.errors import OrdersUnavailable
from retouch.orders import jobs
from retouch.orders.jobs import JobStores
from retouch.orders.order import StoredAnswer
from retouch.orders.sweeper import sweep
from retouch.tenants import budget_rows
from retouch.tenants.limits import UsageLimit
from tests.support.budget_gateway import BudgetGateway, make_key, make_virtual_key, success
from tests.support.events import lambda_context, proxy_event
from tests.support.gateway_client import send_event, telemetry
from tests.support.jobs import ASYNC, InMemoryQueue, InMemoryRequests, message_event
from tests.support.killed_process import ProcessKilled
from tests.support.upstream import Upstream, json_response

CEILING, COST = 200_000, 41_190  # of one edit, in micro-dollars
VK_LIMIT = (UsageLimit("cost", CEILING - 1),)
HOUR = 3600


class Gateway(BudgetGateway):
    """A gateway with budgets whose worker takes one message at a time."""

    def __init__(self, upstream, key, **env):
        super().__init__(upstream, key, RETOUCH_BUCKET="b", **env)
        self.queue = InMemoryQueue()
        stores = JobStores(self.stores, InMemoryRequests(), self.queue)
        self.services = replace(self.services, jobs=stores)

    def job(self, headers=None, **fields):
        return self.edit({**ASYNC, **(headers or {})}, **fields)

    def work(self):
        """Let the worker take the oldest message."""
        event = message_event(json.dumps({"order": self.queue.messages[0]}))
        response = build_handler(self.services, lambda: None, telemetry())(
            event, lambda_context(60)
        )
        if not response["batchItemFailures"]:
            self.queue.messages.pop(0)

    def call(self, identifier, suffix="", method="GET"):
        headers = {"authorization": "Bearer rt_" + "a" * 43}
        event = proxy_event(
            method=method, path=f"/v1/images/edits/{identifier}{suffix}", headers=headers
        )
        return send_event(event, services=self.services)

    def sweep(self):
        return sweep(self.stores, self.queue, self.clock.unix_time())

    def waiting(self, account="key#k_1"):
        return list(self.row(account).waiting.values())

    def jobs(self):
        return [order for order in self.orders.orders.values() if order.is_job]


@pytest.fixture
def gateway():
    with Upstream(json_response(success())) as upstream:
        yield Gateway(upstream, make_key(limit=CEILING))


@pytest.mark.parametrize("headers", [{}, {"x-portkey-provider": "openai"}], ids=["", "portkey"])
def test_job_over_the_budget_gets_the_same_error_as_an_edit_and_does_not_exist(gateway, headers):
    gateway.key = make_key(limit=CEILING - 1)
    job, edit = gateway.job(headers), gateway.edit(headers)
    assert job.status in (412, 429)
    assert (job.status, job.json) == (edit.status, edit.json)
    assert job.json["error"]["code"] == "budget_exceeded"
    assert gateway.queue.messages == gateway.jobs() == gateway.upstream.calls == []


def test_job_over_the_budget_of_its_workspace_is_refused(gateway):
    gateway.key = make_key(limit=500_000, workspace_limit=CEILING - 1)
    assert gateway.job().status == 429
    assert gateway.waiting() == []


def test_job_whose_tokens_are_used_is_refused(gateway):
    gateway.key = replace(make_key(limit=None), usage_limits=(UsageLimit("tokens", 1000),))
    assert gateway.edit().status == 200
    assert (gateway.job().status, gateway.edit().status) == (429, 429)


def test_accepted_job_reserves_its_room_and_its_end_is_charged(gateway):
    gateway.key = make_key(limit=CEILING, workspace_limit=500_000)
    assert gateway.job().status == 202
    assert gateway.waiting() == gateway.waiting("ws#w_1") == [CEILING]
    assert (gateway.job().status, gateway.edit().status) == (429, 429)
    gateway.work()
    assert [call.path for call in gateway.upstream.calls] == ["/images/edits"]
    for account in ("key#k_1", "ws#w_1"):
        row = gateway.row(account)
        assert (row.taken, row.spent, row.holds, row.waiting) == (COST, COST, {}, {})
    assert not gateway.jobs()[0].is_unsettled


def test_waiting_jobs_do_not_count_as_edits_that_run(gateway):
    gateway.key = make_key(limit=10 * CEILING, concurrency=1)
    assert [gateway.job().status for _ in range(3)] == [202] * 3
    assert gateway.edit().status == 200
    gateway.work()
    assert len(gateway.waiting()) == 2


def test_only_so_many_jobs_wait_in_one_budget(gateway, monkeypatch):
    monkeypatch.setattr(budget_rows, "MAX_WAITING", 2)
    gateway.key = make_key(limit=10 * CEILING)
    statuses = [gateway.job().status for _ in range(3)]
    assert statuses == [202, 202, 429]
    assert len(gateway.jobs()) == 2


def test_jobs_at_once_are_accepted_as_far_as_there_is_room(gateway):
    gateway.key = make_key(limit=3 * CEILING, workspace_limit=10 * CEILING)
    with ThreadPoolExecutor(12) as pool:
        statuses = sorted(
            response.status for response in pool.map(lambda _: gateway.job(), range(12))
        )
    assert statuses == [202] * 3 + [429] * 9
    assert len(gateway.jobs()) == len(gateway.waiting()) == len(gateway.waiting("ws#w_1")) == 3


def test_job_is_refused_by_the_budget_of_its_virtual_key_and_the_next_one_pays(gateway):
    gateway.key = make_key(limit=None)
    gateway.virtual_keys["small"] = make_virtual_key("small", VK_LIMIT)
    gateway.virtual_keys["large"] = make_virtual_key("large", (UsageLimit("cost", CEILING),))
    refused = gateway.job({"x-portkey-virtual-key": "small"})
    assert (refused.status, refused.json["error"]["code"]) == (412, "budget_exceeded")
    targets = [{"virtual_key": "small"}, {"virtual_key": "large"}]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    assert gateway.job({"x-portkey-config": json.dumps(config)}).status == 202
    accounts = {name for (name, _), row in gateway.budgets.rows.items() if row.waiting}
    assert accounts == {"vk#w_1/large"}
    gateway.work()
    assert gateway.row("vk#w_1/large").spent == COST


@pytest.mark.parametrize("end", ["cancel", "expired worker", "expired sweep", "dead letter"])
def test_job_that_is_never_bought_gives_its_room_back(gateway, end):
    identifier = gateway.job().json["id"]
    if end == "cancel":
        assert gateway.call(identifier, "/cancel", "POST").json["status"] == "cancelled"
    elif end == "dead letter":
        answer = StoredAnswer(500, {}, b"{}", "no")
        jobs.abandon_job(identifier, answer, gateway.services.jobs, gateway.clock.unix_time())
    else:
        gateway.clock.advance(HOUR + 1)
        gateway.work() if "worker" in end else gateway.sweep()
    assert gateway.row() == budget_rows.BudgetRow()
    assert gateway.upstream.calls == []
    assert not gateway.jobs()[0].is_unsettled


def test_room_that_could_not_be_given_back_is_given_back_by_the_sweeper(gateway):
    identifier = gateway.job().json["id"]
    gateway.budgets.is_down = True
    assert gateway.call(identifier, "/cancel", "POST").json["status"] == "cancelled"
    assert gateway.call(identifier, method="DELETE").status == 503  # its room would be lost with it
    gateway.budgets.is_down = False
    gateway.clock.advance(100)
    gateway.sweep()
    assert gateway.row().taken == 0
    assert gateway.call(identifier, method="DELETE").status == 200


def test_budgets_that_fail_while_a_job_is_accepted_leave_no_job_to_buy(gateway):
    add_waiting = gateway.budgets.add_waiting

    def add_and_fail(*args):
        add_waiting(*args)
        gateway.budgets.is_down = True
        return add_waiting(*args)

    gateway.budgets.add_waiting = add_and_fail
    assert gateway.job().status == 503
    gateway.budgets.is_down, gateway.budgets.add_waiting = False, add_waiting
    gateway.clock.advance(100)
    gateway.sweep()
    assert gateway.queue.messages == []
    assert gateway.row().taken == 0
    assert gateway.job().status == 202


def test_orders_that_fail_after_the_amounts_wait_leave_an_accepted_job(gateway):
    read = gateway.orders.read

    def fail_once(key):
        gateway.orders.read = read
        raise OrdersUnavailable("down")

    gateway.orders.read = fail_once
    assert gateway.job().status == 202
    assert gateway.orders.read == read
    gateway.work()
    row = gateway.row()
    assert (row.taken, row.spent, row.holds, row.waiting) == (COST, COST, {}, {})


@pytest.mark.parametrize("other", ["cancel", "worker"])
def test_job_that_ends_before_its_amounts_wait_leaves_none_behind(gateway, other):
    gateway.key = make_key(limit=10 * CEILING)
    add_waiting = gateway.budgets.add_waiting

    def end_and_add(*args):
        (order,) = gateway.jobs()
        if other == "cancel":
            gateway.call(jobs.job_id(order), "/cancel", "POST")
        else:
            gateway.queue.messages.append(jobs.job_id(order))
            gateway.work()
        return add_waiting(*args)

    gateway.budgets.add_waiting = end_and_add
    response = gateway.job()
    expected = ("cancelled", 0) if other == "cancel" else ("completed", COST)
    assert response.status == 202
    assert (response.json["status"], gateway.row().taken) == expected
    assert gateway.waiting() == []


@pytest.mark.parametrize("other", ["cancel", "worker", "expiry"])
def test_amount_that_a_crashed_request_adds_to_an_ended_job_is_released_by_the_sweeper(
    gateway, other
):
    gateway.key = make_key(limit=10 * CEILING, workspace_limit=10 * CEILING)
    add_waiting = gateway.budgets.add_waiting

    def end_add_and_die(*args):
        (order,) = gateway.jobs()
        if other == "cancel":
            gateway.call(jobs.job_id(order), "/cancel", "POST")
        elif other == "worker":
            gateway.queue.messages.append(jobs.job_id(order))
            gateway.work()
        else:
            gateway.clock.advance(100)
            gateway.sweep()
        add_waiting(*args)
        raise ProcessKilled

    gateway.budgets.add_waiting = end_add_and_die
    with suppress(ProcessKilled):
        gateway.job({"x-retouch-deadline": "90"})
    for _ in range(4):
        gateway.clock.advance(900)
        gateway.sweep()
    assert gateway.waiting() == gateway.waiting("ws#w_1") == []
    assert gateway.row().taken == (COST if other == "worker" else 0)
    assert not gateway.jobs()[0].is_unsettled


FREE_FAILURE = json_response({"error": {"message": "slow down"}}, 429)


def test_try_that_fails_for_free_keeps_its_room_for_the_next_one(gateway):
    gateway.key = make_key(limit=CEILING, workspace_limit=500_000)
    gateway.upstream.responses = [FREE_FAILURE]
    gateway.job()
    gateway.work()
    assert gateway.waiting() == gateway.waiting("ws#w_1") == [CEILING]
    assert gateway.edit().status == 429
    gateway.upstream.responses = [json_response(success())]
    gateway.work()
    for account in ("key#k_1", "ws#w_1"):
        row = gateway.row(account)
        assert (row.taken, row.spent, row.holds, row.waiting) == (COST, COST, {}, {})
    assert not gateway.jobs()[0].is_unsettled


@pytest.mark.parametrize("end", ["last try", "cancel", "deadline", "lower limit"])
def test_job_that_ends_after_a_free_failure_gives_its_room_back(gateway, end):
    gateway.key = make_key(limit=CEILING, workspace_limit=500_000)
    gateway.upstream.responses = [FREE_FAILURE]
    identifier = gateway.job().json["id"]
    gateway.work()
    if end == "cancel":
        assert gateway.call(identifier, "/cancel", "POST").json["status"] == "cancelled"
    elif end == "deadline":
        gateway.clock.advance(HOUR + 1)
    elif end == "lower limit":
        gateway.key = make_key(limit=CEILING, workspace_limit=CEILING - 1)
    while gateway.queue.messages:
        gateway.work()
    job = gateway.call(identifier).json
    expected = "cancelled" if end == "cancel" else "failed"
    assert (job["status"], job["billed"]) == (expected, "no")
    if end == "lower limit":
        assert job["error"]["code"] == "budget_exceeded"
    for account in ("key#k_1", "ws#w_1"):
        assert gateway.row(account) == budget_rows.BudgetRow()
    assert not gateway.jobs()[0].is_unsettled


def test_process_that_dies_at_any_write_after_a_free_failure_leaves_no_amount_behind():
    with Upstream() as upstream:
        moment = 0
        while run_with_crash(upstream, "free failure", moment):
            moment += 1
    assert moment >= 12


@pytest.mark.parametrize("role", ["front", "worker"])
def test_process_that_dies_at_any_write_of_a_job_leaves_no_amount_behind(role):
    """The process ends before or after each write of orders and budgets, one after another."""
    with Upstream(json_response(success())) as upstream:
        moment = 0
        while run_with_crash(upstream, role, moment):
            moment += 1
    assert moment >= (6 if role == "front" else 12)


def run_with_crash(upstream, role, moment):
    """Return whether the process has died."""
    before, is_failing = len(upstream.calls), role == "free failure"
    upstream.responses[:] = [FREE_FAILURE] if is_failing else [json_response(success())]
    gateway = Gateway(upstream, make_key(limit=CEILING, workspace_limit=10 * CEILING))
    if role != "front":
        assert gateway.job().status == 202
    crash = CrashAtWrite(gateway, moment)
    with suppress(ProcessKilled):
        (gateway.job if role == "front" else gateway.work)()
    crash.remove()
    upstream.responses[:] = [json_response(success())]
    for _ in range(4):
        gateway.clock.advance(1000)
        gateway.sweep()
        while gateway.queue.messages:
            gateway.work()
    for account in ("key#k_1", "ws#w_1"):
        row = gateway.row(account)
        assert (row.holds, row.waiting) == ({}, {}), moment
        assert row.taken == row.spent, moment
        if not is_failing:  # nobody knows after a crash that its try was free
            assert row.spent == sum(
                COST if order.billed == "yes" else CEILING
                for order in gateway.jobs()
                if order.billed != "no"
            )
    assert len(upstream.calls) - before <= (2 if is_failing else 1)
    assert not any(order.is_unsettled for order in gateway.jobs())
    return crash.has_happened


class CrashAtWrite:
    """Ends the process before or after the write with this number, counted from 0."""

    def __init__(self, gateway, moment):
        self.left, self.has_happened, self._targets = moment, False, []
        for target, names in (
            (gateway.orders, ("write", "put", "remove")),
            (gateway.budgets, ("add_waiting", "hold", "settle", "remove_waiting", "return_hold")),
        ):
            for name in names:
                self._targets.append((target, name, getattr(target, name)))
                setattr(target, name, self._add_crashes(getattr(target, name)))

    def remove(self):
        for target, name, method in self._targets:
            setattr(target, name, method)

    def _add_crashes(self, method):
        def call(*args, **kwargs):
            self._count_moment()
            result = method(*args, **kwargs)
            self._count_moment()
            return result

        return call

    def _count_moment(self):
        if self.has_happened or self.left == 0:
            self.has_happened = True  # a process that is dead makes no further write
            raise ProcessKilled
        self.left -= 1
