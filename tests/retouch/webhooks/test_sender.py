"""Tests of deliveries: real requests over TLS, the schedule on a fake clock, and senders that crash."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from standardwebhooks.webhooks import Webhook

from retouch.core.clock import SystemClock
from retouch.core.url_policy.policy import FetchPolicy
from retouch.infrastructure.fetch import event_client
from retouch.infrastructure.fetch.event_client import EventHttpClient
from retouch.webhooks.endpoint import FAILING, GONE
from retouch.webhooks.records import endpoint_of_row
from retouch.webhooks.registry import rotate_secret, signing_keys
from retouch.webhooks.sender import Sender
from tests.support.killed_process import ProcessKilled
from tests.support.services import FakeClock
from tests.support.upstream import ScriptedResponse, Upstream
from tests.support.webhooks import (
    ACCEPTED,
    FAILED,
    LEASE_SECONDS,
    PEPPER,
    SCHEDULE,
    URL,
    Receiver,
    WebhookSystem,
    attempt_times,
)


def test_event_arrives_signed_with_its_id_and_nothing_but_its_data(system, receiver):
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.work()
    (request,) = receiver.received
    assert (request.method, request.path, request.query) == ("POST", "/events", {"a": "b"})
    assert request.headers["user-agent"] == "Retouch-Webhooks/1 (+https://operator.test)"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == "msg_edit_1_image_edit_completed"
    body = request.json()
    assert body == {
        "id": "msg_edit_1_image_edit_completed",
        "object": "event",
        "type": "image.edit.completed",
        "created_at": system.clock.unix_time(),
        "timestamp": "2026-11-22T00:00:00+00:00",
        "data": {"id": "edit_1", "status": "completed"},
    }
    assert system.delivery(delivery).state == "delivered"
    assert not system.queue.messages


def test_receiver_that_fails_three_times_gets_four_equal_attempts(system, receiver):
    receiver.responses[:] = [FAILED, FAILED, FAILED, ACCEPTED]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.run_schedule()
    assert len(receiver.received) == 4
    assert len({request.body for request in receiver.received}) == 1
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len({request.headers["webhook-timestamp"] for request in receiver.received}) == 4
    assert len({request.headers["webhook-signature"] for request in receiver.received}) == 4
    stored = system.delivery(delivery)
    assert [attempt.status for attempt in stored.attempts] == [500, 500, 500, 204]
    times = attempt_times(stored)
    waits = [later - earlier for earlier, later in pairwise(times)]
    for wait, planned in zip(waits, (5, 300, 1800), strict=True):
        assert 0.9 * planned <= wait <= 1.1 * planned
    assert stored.state == "delivered"
    assert system.endpoint(endpoint.id).failures == 0


def test_delivery_fails_after_the_whole_schedule(system, receiver):
    receiver.responses[:] = [FAILED]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.run_schedule(days=5)
    stored = system.delivery(delivery)
    assert stored.state == "failed"
    assert len(receiver.received) == len(stored.attempts) == len(SCHEDULE) + 1
    assert system.endpoint(endpoint.id).is_enabled


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 100, 400, 404, 429, 503])
def test_status_outside_200_to_299_is_a_failure(system, receiver, status):
    headers = {"location": "https://other.test/"}
    receiver.responses[:] = [ScriptedResponse(status, b"", headers)]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.work()
    assert system.delivery(delivery).state == "pending"
    assert "other.test" not in system.dns.queries


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_status_is_a_success(system, receiver, status):
    receiver.responses[:] = [ScriptedResponse(status)]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.work()
    assert system.delivery(delivery).state == "delivered"


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7200", 7200),
        ("1", 5),
        ("Sun, 22 Nov 2026 02:00:00 GMT", 7200),
        ("soon", 5),
        ("9" * 40, 5),
        ("Sun, 22 Nov 2020 02:00:00 GMT", 5),
        (f"Sun, 22 Nov {'9' * 20} 02:00:00 GMT", 5),
    ],
)
def test_later_retry_after_of_the_receiver_is_kept(system, receiver, value, wait):
    receiver.responses[:] = [ScriptedResponse(503, b"", {"retry-after": value}), ACCEPTED]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.run_schedule()
    first, second = attempt_times(system.delivery(delivery))
    assert second - first == wait


def test_response_410_disables_the_endpoint_and_ends_its_deliveries(system, receiver):
    receiver.responses[:] = [ScriptedResponse(410)]
    endpoint, _ = system.create()
    first, second = system.emit(endpoint, "edit_1"), system.emit(endpoint, "edit_2")
    system.run_schedule()
    assert len(receiver.received) == 1
    assert system.endpoint(endpoint.id).disabled_reason == GONE
    assert system.disabled == [GONE]
    assert system.delivery(first).state == system.delivery(second).state == "failed"
    assert system.delivery(second).attempts[-1].reason == "endpoint_disabled"


def test_endpoint_without_success_for_five_days_is_disabled(system, receiver):
    receiver.responses[:] = [FAILED]
    endpoint, _ = system.create()
    for day in range(7):
        system.emit(endpoint, f"edit_{day}")
        system.run_schedule(days=1)
    assert system.endpoint(endpoint.id).disabled_reason == FAILING


def test_endpoint_with_one_success_in_five_days_stays_enabled(system, receiver):
    endpoint, _ = system.create()
    for day in range(7):
        receiver.responses[:] = [ACCEPTED if day == 3 else FAILED]
        system.emit(endpoint, f"edit_{day}")
        system.run_schedule(days=1)
    assert system.endpoint(endpoint.id).is_enabled


def test_event_of_a_deleted_endpoint_is_not_sent(system, receiver):
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.services.table.delete(endpoint.scope, endpoint.id)
    system.work()
    assert not receiver.received
    assert system.delivery(delivery).attempts[-1].reason == "endpoint_deleted"


def test_name_that_leads_to_a_private_address_later_is_refused_at_each_attempt(tmp_path, receiver):
    system = WebhookSystem(
        tmp_path, receiver, dns={"*": [["8.8.8.8"], ["10.0.0.1"], ["169.254.169.254"], ["8.8.8.8"]]}
    )
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.run_schedule()
    reasons = [attempt.reason for attempt in system.delivery(delivery).attempts]
    assert reasons == ["address_not_public", "address_not_public", ""]
    assert system.connected == [("8.8.8.8", 443)]
    assert len(receiver.received) == 1


def test_receiver_with_a_certificate_of_another_name_gets_nothing(tmp_path):
    with Receiver(host="other.test") as receiver:
        system = WebhookSystem(tmp_path, receiver)
        endpoint, _ = system.create()
        delivery = system.emit(endpoint)
        system.work()
        assert system.delivery(delivery).attempts[0].reason == "tls_failed"
        assert not receiver.received


@pytest.mark.parametrize("failure", ["reset", "cut"])
def test_broken_connection_is_a_failure_unless_the_status_has_arrived(system, receiver, failure):
    receiver.responses[:] = [ScriptedResponse(200, b"x" * 10_000, network_failure=failure)]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.work()
    state = system.delivery(delivery).state
    assert state == ("delivered" if failure == "cut" else "pending")


def test_attempt_of_a_silent_receiver_ends_after_15_seconds(system, receiver):
    receiver.responses[:] = [ScriptedResponse(network_failure="hang")]

    class SlowClock(FakeClock):
        def now(self):
            self.advance(8)
            return super().now()

    client = EventHttpClient(FetchPolicy.from_text(f"127.0.0.1:{receiver.port}"), SlowClock())
    system.services = replace(system.services, client=client)
    system.sender = Sender(system.services, system.clock, PEPPER, print, LEASE_SECONDS)
    endpoint, _ = system.create(f"http://127.0.0.1:{receiver.port}/")
    delivery = system.emit(endpoint)
    system.work()
    assert system.delivery(delivery).attempts[0].reason == "timeout"


def test_success_after_the_timeout_is_a_failure_and_the_event_comes_again_with_its_id(
    system, monkeypatch
):
    monkeypatch.setattr(event_client, "_TIMEOUT_SECONDS", 0.3)
    with Upstream(ScriptedResponse(200, b"ok", delay=0.8), ACCEPTED) as late:
        client = EventHttpClient(
            FetchPolicy.from_text(f"127.0.0.1:{late.server.server_address[1]}"), SystemClock()
        )
        system.services = replace(system.services, client=client)
        system.sender = Sender(system.services, system.clock, PEPPER, print, LEASE_SECONDS)
        endpoint, _ = system.create(f"{late.url}/")
        delivery = system.emit(endpoint)
        system.work()
        first = system.delivery(delivery)
        assert (first.state, first.failures) == ("pending", 1)
        system.run_schedule()
        ended = system.delivery(delivery)
    assert (ended.state, ended.failures) == ("delivered", 1)
    assert [(one.status, one.reason) for one in ended.attempts] == [(0, "timeout"), (204, "")]
    one, two = late.received
    assert one.headers["webhook-id"] == two.headers["webhook-id"] == ended.message
    assert one.body == two.body
    assert one.headers["webhook-timestamp"] != two.headers["webhook-timestamp"]


def test_message_that_arrives_twice_or_early_sends_nothing_twice(system, receiver):
    receiver.responses[:] = [FAILED, ACCEPTED]
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.queue.send(endpoint.scope, delivery)
    system.run_schedule()
    assert len(receiver.received) == 2
    assert not system.queue.messages


def kill_after_post(system):
    """Let the next sender end between the request and its record."""
    post = system.services.client.post

    class DyingClient:
        def post(self, request):
            post(request)
            raise ProcessKilled

    services = replace(system.services, client=DyingClient())
    with pytest.raises(ProcessKilled):
        Sender(services, system.clock, PEPPER, print, LEASE_SECONDS).process(
            *next(iter(system.queue.messages.values()))[1:]
        )


def test_event_of_a_killed_sender_comes_again_with_the_same_id_and_step(system, receiver):
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    kill_after_post(system)
    system.work()  # another sender gets the message while the lease runs
    assert len(receiver.received) == 1
    system.clock.advance(LEASE_SECONDS)
    system.work()
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60
    assert system.delivery(delivery).failures == 0
    assert system.delivery(delivery).state == "delivered"


def test_dead_letter_ends_its_delivery(system):
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    system.sender.abandon(endpoint.scope, delivery)
    assert system.delivery(delivery).state == "failed"
    system.sender.abandon(endpoint.scope, "whd_missing")


def test_both_secrets_sign_for_24_hours_after_a_rotation(system, receiver):
    endpoint, old = system.create()
    rotated, new = rotate_secret(
        endpoint, system.services.table, PEPPER, system.clock.unix_time(), keep_old=True
    )
    assert old != new
    system.emit(rotated, "edit_1")
    system.work()
    for seconds, subject in ((86_399, "edit_2"), (1, "edit_3")):
        system.clock.advance(seconds)
        system.emit(rotated, subject)
        system.work()
    counts = [len(r.headers["webhook-signature"].split()) for r in receiver.received]
    assert counts == [2, 2, 1]


def test_every_old_secret_signs_for_its_24_hours_after_several_rotations(system, receiver):
    """The response to a rotation may be lost, and the SDK repeats it."""
    endpoint, first = system.create()
    known, start = [first], system.clock.unix_time()
    for _ in range(2):
        now = system.clock.unix_time()
        endpoint, secret = rotate_secret(
            endpoint, system.services.table, PEPPER, now, keep_old=True
        )
        known.append(secret)
        system.clock.advance(100)
    for seconds, signing in ((86_399, known), (86_400, known[1:]), (86_500, known[2:])):
        system.clock.advance(start + seconds - system.clock.unix_time())
        system.emit(endpoint, f"edit_{seconds}")
        system.work()
        request = receiver.received[-1]
        signatures = request.headers["webhook-signature"].split()
        time = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        assert signatures == [
            Webhook(secret).sign(request.headers["webhook-id"], time, request.body.decode())
            for secret in reversed(signing)
        ]


def test_row_of_an_earlier_version_keeps_its_old_secret(system):
    endpoint, _ = system.create()
    rotated, _ = rotate_secret(endpoint, system.services.table, PEPPER, 0, keep_old=True)
    row = system.services.table.read(rotated.scope, rotated.id)
    values = json.loads(row.values["record"])
    ((old, until),) = values.pop("old_secrets")
    text = json.dumps({**values, "old_secret": old, "old_secret_until": until})
    assert endpoint_of_row(replace(row, values={"record": text})) == rotated


def test_rotations_without_end_do_not_make_requests_without_end(system, receiver):
    endpoint, _ = system.create()
    for _ in range(12):
        endpoint, _ = rotate_secret(endpoint, system.services.table, PEPPER, 0, keep_old=True)
    assert len(signing_keys(endpoint, PEPPER, 0)) == 11


def test_secret_is_not_stored_in_plain_text(system, tmp_path):
    endpoint, secret = system.create()
    rotate_secret(endpoint, system.services.table, PEPPER, 0, keep_old=True)
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes()
    assert secret not in repr(system.endpoint(endpoint.id))


def test_body_of_the_request_has_no_link_and_no_prompt(system, receiver):
    endpoint, _ = system.create()
    system.emit(endpoint)
    system.work()
    assert set(json.loads(receiver.received[0].body)["data"]) == {"id", "status"}
    assert URL not in receiver.received[0].body.decode()
