"""Tests of the routes of webhooks through the real handler: endpoints, their secrets, deliveries, and other keys."""

import json

import pytest

from retouch.api.handlers.webhooks_queue import build_handler
from retouch.gateway.authentication import key_digest
from retouch.webhooks.event import EVENT_TYPES
from tests.support.events import lambda_context, proxy_event
from tests.support.gateway_client import send_event
from tests.support.jobs import message_event
from tests.support.services import build_services
from tests.support.upstream import ScriptedResponse
from tests.support.webhooks import ACCEPTED, PEPPER, URL, Receiver, WebhookSystem

ENDPOINTS, DELIVERIES = "/v1/webhook_endpoints", "/v1/webhook_deliveries"
SECRETS = {"RETOUCH_PEPPER": PEPPER}


class WebhookGateway(WebhookSystem):
    """The edits function and the webhooks function around one receiver, with the gateway keys rt_a and rt_b."""

    def __init__(self, folder, receiver, dns=None):
        super().__init__(folder, receiver, dns=dns)
        self.gateway_services = build_services(
            {"RETOUCH_AUTH_MODE": "keys", "RETOUCH_WEBHOOKS_DEAD_LETTERS": "dead"},
            self.clock,
            keys={self.scope(name): name for name in ("a", "b")},
            secrets=SECRETS,
            webhooks=self.services,
        )

    @staticmethod
    def scope(name):
        return key_digest(f"rt_{name}", PEPPER)

    def request(self, method, path, body=None, key="a", query=None):
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer rt_{key}"}
        event = proxy_event("application/json", data, headers, method, path)
        event["queryStringParameters"] = query
        return send_event(event, services=self.gateway_services)

    def create_by_request(self, **fields):
        response = self.request("POST", ENDPOINTS, {"url": URL, "name": "r", **fields})
        assert response.status == 200, response.json
        return response.json

    def emit_for(self, document, subject="edit_1"):
        return self.emit(self.endpoint(document["id"], self.scope("a")), subject)

    def invoke_sender(self, body, queue="deliveries"):
        settings = self.gateway_services.settings
        handler = build_handler(
            self.services, self.clock, lambda: settings.with_secrets(SECRETS), self.disabled.append
        )
        return handler(message_event(body, queue), lambda_context(45))


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def gateway(tmp_path, receiver):
    return WebhookGateway(tmp_path, receiver)


def test_new_endpoint_has_the_shape_of_openai_and_its_secret_once(gateway):
    created = gateway.create_by_request(event_types=["image.edit.failed"])
    secret = created.pop("signing_secret")
    assert secret.startswith("whsec_")
    now = gateway.clock.unix_time()
    assert created == {
        "id": created["id"],
        "object": "webhook_endpoint",
        "url": URL,
        "name": "r",
        "event_types": ["image.edit.failed"],
        "created_at": now,
        "updated_at": now,
        "signing_secret_hint": f"whsec_...{secret[-4:]}",
        "status": "enabled",
        "disabled_reason": None,
    }
    assert gateway.request("GET", f"{ENDPOINTS}/{created['id']}").json == created
    assert gateway.request("GET", ENDPOINTS).json == {
        "object": "list",
        "data": [created],
        "first_id": created["id"],
        "last_id": created["id"],
        "has_more": False,
    }


def test_endpoint_without_types_gets_every_event(gateway):
    assert gateway.create_by_request()["event_types"] == list(EVENT_TYPES)
    types = gateway.request("GET", "/v1/webhook_event_types").json
    assert types == {"object": "list", "data": list(EVENT_TYPES)}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"url": None}, "url", "invalid_value"),
        ({"url": 1}, "url", "invalid_type"),
        ({"url": "https://10.0.0.1/"}, "url", "webhook_url_refused"),
        ({"name": ["a"]}, "name", "invalid_type"),
        ({"name": "a" * 300}, "name", "invalid_value"),
        ({"event_types": []}, "event_types", "invalid_type"),
        ({"event_types": "image.edit.failed"}, "event_types", "invalid_type"),
        ({"event_types": ["response.completed"]}, "event_types", "invalid_value"),
        ({"secret": "x"}, "secret", "unknown_parameter"),
    ],
    ids=str,
)
def test_invalid_field_of_a_new_endpoint_is_refused_by_name(gateway, fields, param, code):
    response = gateway.request("POST", ENDPOINTS, {"url": URL, "name": "r", **fields})
    assert response.status == 400
    assert (response.json["error"]["param"], response.json["error"]["code"]) == (param, code)
    assert gateway.request("GET", ENDPOINTS).json["data"] == []


def test_list_of_endpoints_is_paged(gateway):
    ids: list[str] = []
    for _ in range(3):
        ids.insert(0, gateway.create_by_request()["id"])
        gateway.clock.advance(1)
    first = gateway.request("GET", ENDPOINTS, query={"limit": "2"}).json
    assert [one["id"] for one in first["data"]] == ids[:2]
    assert first["has_more"]
    rest = gateway.request("GET", ENDPOINTS, query={"after": first["last_id"]}).json
    assert [one["id"] for one in rest["data"]] == ids[2:]
    assert gateway.request("GET", ENDPOINTS, query={"limit": "0"}).status == 400
    for path in (ENDPOINTS, DELIVERIES):
        assert gateway.request("GET", path, query={"after": "we"}).json["error"]["param"] == "after"
        error = gateway.request("GET", path, query={"order": "asc"}).json["error"]
        assert (error["param"], error["code"]) == ("order", "unknown_parameter")


def test_endpoint_is_updated_rotated_and_deleted(gateway):
    created = gateway.create_by_request()
    path = f"{ENDPOINTS}/{created['id']}"
    updated = gateway.request("POST", path, {"event_types": ["image.edit.failed"]}).json
    assert (updated["name"], updated["event_types"]) == ("r", ["image.edit.failed"])
    rotated = gateway.request(
        "POST", f"{path}/rotate_secret", {"keep_old_secret_active_for_24_hours": True}
    ).json
    assert rotated["signing_secret"] != created["signing_secret"]
    assert gateway.request("POST", f"{path}/rotate_secret", {}).status == 200
    deleted = gateway.request("DELETE", path).json
    assert deleted == {
        "id": created["id"],
        "object": "webhook_endpoint.deleted",
        "deleted": True,
    }
    assert gateway.request("GET", path).status == 404


@pytest.mark.parametrize("status", [204, 500, 302, 410])
def test_test_of_an_endpoint_returns_the_status_of_its_response(gateway, receiver, status):
    receiver.responses[:] = [ScriptedResponse(status)]
    created = gateway.create_by_request()
    path = f"{ENDPOINTS}/{created['id']}/test"
    response = gateway.request("POST", path, {"event_type": "image.edit.failed"})
    assert response.json == {
        "object": "webhook_endpoint.test",
        "webhook_endpoint_id": created["id"],
        "event_type": "image.edit.failed",
        "status_code": status,
        "success": True,
    }
    (request,) = receiver.received
    assert request.json()["type"] == "image.edit.failed"
    assert request.json()["data"]["object"] == "webhook.test"


def test_test_of_an_endpoint_without_a_response_is_an_error(gateway, receiver):
    receiver.responses[:] = [ScriptedResponse(network_failure="reset")]
    created = gateway.create_by_request()
    response = gateway.request("POST", f"{ENDPOINTS}/{created['id']}/test", {})
    assert (response.status, response.json["error"]["code"]) == (400, "webhook_not_reached")


@pytest.mark.parametrize("repair", ["test", "url"])
def test_disabled_endpoint_is_enabled_by_a_successful_test_or_another_url(
    gateway, receiver, repair
):
    receiver.responses[:] = [ScriptedResponse(410)]
    created = gateway.create_by_request()
    path = f"{ENDPOINTS}/{created['id']}"
    gateway.emit_for(created)
    gateway.work()
    disabled = gateway.request("GET", path).json
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "gone")
    receiver.responses[:] = [ACCEPTED]
    if repair == "test":
        gateway.request("POST", f"{path}/test", {})
    else:
        gateway.request("POST", path, {"url": f"{URL}&c"})
    assert gateway.request("GET", path).json["status"] == "enabled"


def test_delivery_shows_its_attempts_and_is_redelivered(gateway, receiver):
    receiver.responses[:] = [ScriptedResponse(500), ACCEPTED]
    delivery = gateway.emit_for(gateway.create_by_request())
    path = f"{DELIVERIES}/{delivery}"
    gateway.work()
    pending = gateway.request("GET", path).json
    assert pending["status"] == "pending"
    assert pending["next_attempt_at"] == gateway.clock.unix_time() + 5
    assert pending["attempts"][0]["status_code"] == 500
    assert pending["attempts"][0]["error"] == "status"
    conflict = gateway.request("POST", f"{path}/redeliver")
    assert (conflict.status, conflict.json["error"]["code"]) == (409, "webhook_delivery_pending")
    gateway.run_schedule()
    assert gateway.request("GET", path).json["status"] == "delivered"
    again = gateway.request("POST", f"{path}/redeliver")
    assert (again.status, again.json["status"]) == (200, "pending")
    gateway.work()
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1
    assert len(gateway.request("GET", path).json["attempts"]) == 3


def test_deliveries_are_listed_by_endpoint_and_status(gateway, receiver):
    first, second = gateway.create_by_request(), gateway.create_by_request()
    delivered = gateway.emit_for(first, "edit_1")
    gateway.work()
    receiver.responses[:] = [ScriptedResponse(500)]
    gateway.clock.advance(1)
    pending = gateway.emit_for(second, "edit_2")
    gateway.work()

    def listed(**query):
        document = gateway.request("GET", DELIVERIES, query=query).json
        return [one["id"] for one in document["data"]], document["has_more"]

    assert listed() == ([pending, delivered], False)
    assert listed(limit="1") == ([pending], True)
    assert listed(limit="1", after=pending) == ([delivered], False)
    assert listed(status="delivered") == ([delivered], False)
    assert listed(endpoint=second["id"]) == ([pending], False)
    assert listed(endpoint=second["id"], status="failed") == ([], False)
    assert gateway.request("GET", DELIVERIES, query={"status": "lost"}).status == 400


def test_another_key_sees_no_endpoint_and_no_delivery(gateway):
    created = gateway.create_by_request()
    delivery = gateway.emit_for(created)
    path = f"{ENDPOINTS}/{created['id']}"
    for method, hidden in (
        ("GET", path),
        ("POST", path),
        ("DELETE", path),
        ("POST", f"{path}/rotate_secret"),
        ("POST", f"{path}/test"),
        ("GET", f"{DELIVERIES}/{delivery}"),
        ("POST", f"{DELIVERIES}/{delivery}/redeliver"),
    ):
        assert gateway.request(method, hidden, key="b").status == 404, hidden
        assert gateway.request(method, hidden, key="unknown").status == 401, hidden
    for path in (ENDPOINTS, DELIVERIES):
        assert gateway.request("GET", path, key="b").json["data"] == []


def test_gateway_without_a_table_of_webhooks_refuses_them_by_name():
    event = proxy_event(method="GET", path=ENDPOINTS)
    response = send_event(event, services=build_services())
    assert (response.status, response.json["error"]["code"]) == (400, "webhooks_not_configured")


def test_gateway_without_a_pepper_stores_no_secret(gateway):
    gateway.gateway_services = build_services(
        {"RETOUCH_WEBHOOKS_TABLE": "t"}, gateway.clock, webhooks=gateway.services
    )
    response = gateway.request("POST", ENDPOINTS, {"url": URL})
    assert (response.status, response.json["error"]["code"]) == (500, "gateway_not_configured")


def test_sender_function_finishes_a_delivered_message(gateway, receiver):
    delivery = gateway.emit_for(gateway.create_by_request())
    body = json.dumps({"scope": gateway.scope("a"), "delivery": delivery})
    assert gateway.invoke_sender(body) == {"batchItemFailures": []}
    assert len(receiver.received) == 1


def test_sender_function_keeps_a_failed_message_for_its_next_attempt(gateway, receiver):
    receiver.responses[:] = [ScriptedResponse(500)]
    delivery = gateway.emit_for(gateway.create_by_request())
    body = json.dumps({"scope": gateway.scope("a"), "delivery": delivery})
    gateway.queue.messages["r-1"] = [0, gateway.scope("a"), delivery]
    assert gateway.invoke_sender(body) == {"batchItemFailures": [{"itemIdentifier": "m-1"}]}
    assert gateway.queue.messages["r-1"][0] == gateway.clock.unix_time() + 5


def test_sender_function_ends_the_delivery_of_a_dead_letter(gateway, receiver):
    delivery = gateway.emit_for(gateway.create_by_request())
    body = json.dumps({"scope": gateway.scope("a"), "delivery": delivery})
    assert gateway.invoke_sender(body, "dead") == {"batchItemFailures": []}
    assert gateway.delivery(delivery, gateway.scope("a")).state == "failed"
    assert not receiver.received


@pytest.mark.parametrize("body", ["", "{}", '{"order": "edit_1"}'])
def test_sender_function_drops_a_message_that_names_no_delivery(gateway, body):
    assert gateway.invoke_sender(body) == {"batchItemFailures": []}


def test_sender_function_keeps_a_message_while_its_table_is_down(gateway, tmp_path):
    delivery = gateway.emit_for(gateway.create_by_request())
    for file in tmp_path.glob("webhooks.sqlite*"):
        file.write_bytes(b"no database" * 1000)
    gateway.queue.messages["r-1"] = [0, "", ""]
    body = json.dumps({"scope": gateway.scope("a"), "delivery": delivery})
    assert gateway.invoke_sender(body)["batchItemFailures"]
    assert gateway.queue.messages["r-1"][0] == gateway.clock.unix_time() + 30
