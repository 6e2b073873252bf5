"""Tests of endpoints: which URLs may be registered, whose they are, and how they change."""

import pytest

from retouch.core.errors import InvalidRequest, NotFound
from retouch.webhooks.outbox import choose_endpoints, find_delivery
from retouch.webhooks.registry import (
    MAX_ENDPOINTS,
    EndpointChanges,
    find_endpoint,
    list_endpoints,
    rotate_secret,
    signing_keys,
    update_endpoint,
)
from tests.support.webhooks import PEPPER, SCOPE, URL, Receiver, WebhookSystem

EDIT_EVENTS = ("image.edit.completed", "image.edit.failed")


@pytest.fixture(scope="module")
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "http://hooks.test/",
        "https://hooks.test:8443/",
        "https://user:secret@hooks.test/",
        "https://localhost/",
        "https://metadata.google.internal/",
        "https://private.test/",
        "https://mixed.test/",
        "https://unknown.test/",
        "ftp://hooks.test/",
        "hooks.test",
        "",
        "https://hooks.test/" + "a" * 5000,
    ],
    ids=lambda url: url[:40],
)
def test_url_that_the_gateway_may_not_call_is_refused_at_registration(tmp_path, receiver, url):
    dns = {
        "private.test": [["10.0.0.1"]],
        "mixed.test": [["8.8.8.8", "192.168.0.1"]],
        "unknown.test": [[]],
        "*": [["8.8.8.8"]],
    }
    system = WebhookSystem(tmp_path, receiver, dns=dns)
    with pytest.raises(InvalidRequest) as raised:
        system.create(url)
    assert (raised.value.code, raised.value.param) == ("webhook_url_refused", "url")
    endpoint, _ = system.create()
    with pytest.raises(InvalidRequest):
        update_endpoint(endpoint, EndpointChanges(url=url), system.services, 0)
    assert system.endpoint(endpoint.id).url == URL
    assert not system.connected


def test_all_forbidden_addresses_have_the_same_message(tmp_path, receiver):
    dns = {"private.test": [["10.0.0.1"]], "unknown.test": [[]]}
    system = WebhookSystem(tmp_path, receiver, dns=dns)
    messages = set()
    for host in ("private.test", "unknown.test", "169.254.169.254"):
        with pytest.raises(InvalidRequest) as raised:
            system.create(f"https://{host}/")
        messages.add(str(raised.value))
    assert len(messages) == 1


def test_endpoints_are_listed_newest_first_and_only_for_their_scope(system):
    first, _ = system.create()
    system.clock.advance(5)
    second, _ = system.create()
    system.create(scope="key-b")
    assert [one.id for one in list_endpoints(SCOPE, system.services.table)] == [second.id, first.id]
    with pytest.raises(NotFound):
        find_endpoint("key-b", first.id, system.services.table)


def test_number_of_endpoints_is_limited(system):
    for _ in range(MAX_ENDPOINTS):
        system.create()
    with pytest.raises(InvalidRequest) as raised:
        system.create()
    assert raised.value.code == "too_many_webhook_endpoints"


def test_update_changes_only_what_it_names(system):
    endpoint, secret = system.create()
    system.clock.advance(10)
    now = system.clock.unix_time()
    changed = update_endpoint(endpoint, EndpointChanges(name="other"), system.services, now)
    assert (changed.name, changed.url, changed.updated) == ("other", URL, now)
    unchanged = update_endpoint(changed, EndpointChanges(name="other"), system.services, now + 9)
    assert unchanged.updated == now
    assert signing_keys(unchanged, PEPPER, now) == signing_keys(endpoint, PEPPER, now)
    assert secret.endswith(unchanged.secret_hint[-4:])


def test_update_of_an_endpoint_that_changed_meanwhile_keeps_both_changes(system):
    endpoint, _ = system.create()
    update_endpoint(endpoint, EndpointChanges(name="other"), system.services, 0)
    update_endpoint(endpoint, EndpointChanges(event_types=EDIT_EVENTS), system.services, 0)
    stored = system.endpoint(endpoint.id)
    assert (stored.name, stored.event_types) == ("other", EDIT_EVENTS)


def test_deleted_endpoint_cannot_be_changed(system):
    endpoint, _ = system.create()
    system.services.table.delete(SCOPE, endpoint.id)
    with pytest.raises(NotFound):
        update_endpoint(endpoint, EndpointChanges(name="other"), system.services, 0)
    with pytest.raises(NotFound):
        rotate_secret(endpoint, system.services.table, PEPPER, 0, keep_old=False)


def test_rotation_without_overlap_ends_the_old_secret_at_once(system):
    endpoint, _ = system.create()
    now = system.clock.unix_time()
    old = signing_keys(endpoint, PEPPER, now)
    rotated, _ = rotate_secret(endpoint, system.services.table, PEPPER, now, keep_old=False)
    assert not set(old) & set(signing_keys(rotated, PEPPER, now))


def test_events_go_to_every_endpoint_that_asks_for_them(system):
    first, _ = system.create(event_types=["image.edit.failed"])
    system.create(event_types=[])
    assert choose_endpoints(SCOPE, "", EDIT_EVENTS, system.services.table) == (first.id,)
    assert choose_endpoints("key-b", "", EDIT_EVENTS, system.services.table) == ()


def test_named_endpoint_is_the_only_one(system):
    system.create()
    named, _ = system.create()
    assert choose_endpoints(SCOPE, named.id, EDIT_EVENTS, system.services.table) == (named.id,)


@pytest.mark.parametrize("scope", [SCOPE, "key-b"])
def test_named_endpoint_that_cannot_get_the_events_is_refused(system, scope):
    named, _ = system.create(event_types=["image.edit.expired"])
    with pytest.raises(InvalidRequest) as raised:
        choose_endpoints(scope, named.id, EDIT_EVENTS, system.services.table)
    assert raised.value.param == "webhook"
    with pytest.raises(InvalidRequest, match="no webhook endpoint"):
        choose_endpoints(scope, "whd_1", EDIT_EVENTS, system.services.table)


def test_delivery_of_another_scope_is_not_found(system):
    endpoint, _ = system.create()
    delivery = system.emit(endpoint)
    assert find_delivery(SCOPE, delivery, system.services.table).id == delivery
    for scope, identifier in (("key-b", delivery), (SCOPE, endpoint.id), (SCOPE, "whd_1")):
        with pytest.raises(NotFound):
            find_delivery(scope, identifier, system.services.table)
