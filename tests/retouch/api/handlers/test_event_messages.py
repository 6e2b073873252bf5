"""Tests of events at the worker: what they buy, what they write and tell, when they come again."""

import json
import random
from dataclasses import replace

import pytest

from retouch.api.event_edit import submit_event_edit
from retouch.api.handlers import event_messages
from retouch.inbox.object_names import read_inbox_key
from retouch.infrastructure.local.tenant_folder import SecretFolder, TenantFolderTable
from retouch.orders.sweeper import sweep
from retouch.tenants.keys import GatewayKey, Workspace
from retouch.tenants.limits import UsageLimit, WorkspacePrice
from retouch.tenants.reader import TenantReader
from retouch.tenants.rows import KEYS, WORKSPACES, key_of_row, key_row, workspace_row
from retouch.tenants.table import Change, TenantStores
from tests.support.budgets import InMemoryBudgets
from tests.support.event_gateway import EDIT, PHOTO, PHOTO_KEY, REPLIES, EventGateway
from tests.support.images import box_mask, photo
from tests.support.inbox import object_bus_event, object_notification
from tests.support.jobs import DEAD_LETTERS
from tests.support.killed_process import ProcessKilled
from tests.support.order_gateway import kill_after_write
from tests.support.upstream import Upstream

OUTPUT, FAILURE = "outbox/white/photo.png", "failed/white/photo.png.json"
MASK_KEY = "inbox/white/photo.mask.png"


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield EventGateway(upstream)


def bus_event(detail, identifier="e-1"):
    return {
        "version": "0",
        "id": identifier,
        "detail-type": "retouch.edit.requested",
        "source": "shop",
        "detail": detail,
    }


def cloud_event(identifier="4711"):
    return {"specversion": "1.0", "id": identifier, "source": "urn:shop", "type": "t", "data": EDIT}


# Objects


def test_uploaded_photo_has_a_result_a_job_and_an_event_after_one_paid_call(gateway):
    gateway.upload()
    gateway.work_all()
    assert gateway.calls == 1
    image = gateway.inbox.objects[OUTPUT]
    assert image.data.startswith(b"\x89PNG")
    job = gateway.read_json(f"{OUTPUT}.json")
    assert (job["status"], job["billed"], job["outputs"]) == ("completed", "yes", [OUTPUT])
    assert image.metadata["retouch-order"] == gateway.stored.id
    (event,) = gateway.sent.events
    assert event["type"] == "retouch.edit.completed"
    assert event["subject"] == gateway.stored.id
    assert event["data"]["outputs"] == [{"bucket": "photos", "key": OUTPUT}]
    assert gateway.messages == []


def test_event_of_an_edit_has_no_pixels_and_no_prompt(gateway):
    gateway.upload()
    gateway.work_all()
    text = json.dumps(gateway.sent.events)
    assert "white background" not in text
    assert "b64_json" not in text
    assert "https://" in text  # the link


@pytest.mark.parametrize("seed", range(5))
def test_event_delivered_five_times_by_two_ways_shuffled_buys_once(gateway, seed):
    shuffle = random.Random(seed).shuffle
    for name in ("photo", "other"):
        event = gateway.upload(f"inbox/white/{name}.png", photo(64 + 16 * len(name), 64), times=3)
        for _ in range(2):
            gateway.post(object_notification(event))
    while gateway.messages:
        gateway.work_all(shuffle)
        gateway.clock.advance(5)
    assert gateway.calls == 2
    assert {key for key in gateway.inbox.objects if key.startswith("outbox/")} == {
        f"outbox/white/{name}.png{end}" for name in ("photo", "other") for end in ("", ".json")
    }
    assert len(gateway.event_ids) == 2


def test_ten_records_in_one_message_become_ten_edits(gateway):
    events = [
        gateway.inbox.upload(f"inbox/white/{n}.png", photo(64 + 16 * n, 64)) for n in range(10)
    ]
    gateway.post(object_notification(*events))
    gateway.work_all()
    assert gateway.calls == 10
    assert sum(key.endswith(".png") and "outbox" in key for key in gateway.inbox.objects) == 10


@pytest.mark.parametrize("keys", [(PHOTO_KEY, MASK_KEY), (MASK_KEY, PHOTO_KEY)])
@pytest.mark.parametrize("is_at_once", [True, False])
def test_photo_and_mask_in_either_order_or_at_once_buy_one_masked_edit(gateway, keys, is_at_once):
    gateway.write_recipe(mask="sibling")
    for key in keys:
        gateway.upload(key, PHOTO if key == PHOTO_KEY else box_mask(64, 64))
        if not is_at_once:
            gateway.work_all()
    gateway.work_until(60)
    assert gateway.calls == 1
    assert b'name="mask"' in gateway.upstream.calls[0].body
    assert OUTPUT in gateway.inbox.objects
    assert gateway.messages == []


@pytest.mark.parametrize("key", [MASK_KEY, PHOTO_KEY])
def test_mask_or_photo_alone_buys_nothing_and_is_no_failure(gateway, key):
    gateway.write_recipe(mask="sibling")
    gateway.upload(key, box_mask(64, 64))
    gateway.work_all()
    assert (gateway.calls, gateway.messages, gateway.sent.events) == (0, [], [])
    assert not any(one.startswith(("outbox/", "failed/")) for one in gateway.inbox.objects)


@pytest.mark.parametrize("is_older_first", [True, False])
def test_object_overwritten_during_its_edit_ends_as_the_newer_one(gateway, is_older_first):
    gateway.upload(data=photo(64 + 16 * 1, 64))
    gateway.deliver(gateway.messages[0])  # the older one is ordered
    gateway.upload(data=photo(64 + 16 * 2, 64))
    gateway.deliver(gateway.messages[-1])  # and the newer one
    older, newer = gateway.messages
    newer_sequencer = max(
        json.loads(one.destination)["inbox"]["sequencer"] for one in gateway.orders.orders.values()
    )
    for message in (older, newer) if is_older_first else (newer, older):
        gateway.deliver(message)
    assert gateway.calls == 2
    assert gateway.inbox.objects[OUTPUT].metadata["retouch-sequencer"] == newer_sequencer
    assert gateway.inbox.objects[f"{OUTPUT}.json"].metadata["retouch-sequencer"] == newer_sequencer


def test_older_bytes_put_back_are_written_again_without_a_call(gateway):
    for seed in (1, 2, 1):
        gateway.upload(data=photo(64 + 16 * seed, 64))
        gateway.work_all()
        sequencer = gateway.inbox.objects[OUTPUT].metadata["retouch-sequencer"]
    first = next(iter(gateway.orders.orders.values()))
    assert gateway.calls == 2
    assert gateway.inbox.objects[OUTPUT].metadata["retouch-order"] == first.id
    assert sequencer > json.loads(first.destination)["inbox"]["sequencer"]


def test_same_bytes_again_buy_nothing_unless_the_recipe_says_so(gateway):
    for _ in range(2):
        gateway.upload()
        gateway.work_all()
    assert gateway.calls == 1
    gateway.write_recipe(on_same="buy")
    gateway.upload(times=2)
    gateway.work_all()
    assert gateway.calls == 2


def test_same_bytes_after_a_change_of_the_recipe_are_another_edit(gateway):
    gateway.upload()
    gateway.work_all()
    gateway.write_recipe(edit={"model": "gpt-image-2", "prompt": "black background"})
    gateway.upload(times=3)
    gateway.work_all()
    assert gateway.calls == 2


def test_event_delivered_again_after_a_change_of_the_recipe_buys_nothing(gateway):
    event = gateway.upload()
    gateway.work_all()
    gateway.write_recipe(edit={"model": "gpt-image-2", "prompt": "black background"})
    gateway.post(object_bus_event(event))
    gateway.work_all()
    assert gateway.calls == 1


def test_workers_with_two_versions_of_a_recipe_buy_once(gateway, monkeypatch):
    event = gateway.upload()
    other = EventGateway(gateway.upstream)  # its worker has the same order table
    other.services, other.orders = gateway.services, gateway.orders
    other.inbox, other.messages, other.clock = gateway.inbox, gateway.messages, gateway.clock

    def submit_after_another(*args, **kwargs):
        monkeypatch.setattr(event_messages, "submit_event_edit", submit)
        other.write_recipe(edit={"model": "gpt-image-2", "prompt": "black background"})
        other.post(object_bus_event(event))
        assert other.deliver(other.messages[-1])
        return submit(*args, **kwargs)

    submit = submit_event_edit
    monkeypatch.setattr(event_messages, "submit_event_edit", submit_after_another)
    gateway.work_until(60)
    assert gateway.calls == 1
    assert gateway.messages == []


def test_failed_free_edit_is_made_when_the_object_is_put_again(gateway):
    gateway.answer(400, {"error": {"message": "no", "code": "invalid_value"}})
    gateway.upload(times=2)
    gateway.work_all()
    assert FAILURE in gateway.inbox.objects
    calls = gateway.calls
    gateway.answer()
    gateway.upload(times=2)
    gateway.work_all()
    assert gateway.calls == calls + 1
    assert OUTPUT in gateway.inbox.objects


@pytest.mark.parametrize("name", ["my photo+1 (ü)%.png", "a/b/c.png", "x" * 990 + ".png"])
def test_object_with_an_unusual_name_has_its_result(gateway, name):
    key = f"inbox/white/{name}"
    event = gateway.inbox.upload(key, PHOTO)
    for body in (object_bus_event(event), object_notification(event)):
        gateway.post(body)
    gateway.work_all()
    assert f"outbox/white/{name}" in gateway.inbox.objects
    assert (gateway.calls, gateway.sent.rejected) == (1, [])


@pytest.mark.parametrize(
    ("key", "data", "code"),
    [
        ("inbox/white/" + "x" * 1008 + ".png", PHOTO, "object_key_too_long"),
        (PHOTO_KEY, b"", "empty_object"),
        (PHOTO_KEY, b"%PDF-1.7\n%not a picture\n", "unsupported_image_format"),
        ("inbox/other/photo.png", PHOTO, "recipe_not_found"),
        ("inbox/photo.png", PHOTO, "recipe_not_found"),
    ],
)
def test_object_that_can_never_work_is_one_failure_and_no_retry(gateway, key, data, code):
    gateway.upload(key, data, times=2)
    gateway.work_all()
    (failure,) = [one for one in gateway.inbox.objects if one.startswith("failed/")]
    stored = gateway.read_json(failure)
    assert (stored["error"]["code"], stored["billed"], stored["object"]) == (code, "no", key)
    assert (gateway.calls, gateway.messages, gateway.sent.rejected) == (0, [], [])
    assert set(gateway.event_types) == {"failed"}
    assert len(gateway.event_ids) == 1


def test_object_over_50_mb_is_a_failure_before_it_is_read(gateway):
    event = object_bus_event(gateway.inbox.upload(PHOTO_KEY, PHOTO))
    event["detail"]["object"]["size"] = 60_000_000
    gateway.post(event)
    gateway.work_all()
    assert gateway.read_json(FAILURE)["error"]["code"] == "object_too_large"
    assert PHOTO_KEY not in gateway.inbox.reads


def test_recipe_with_an_unknown_model_or_without_a_prompt_is_a_failure(gateway):
    gateway.write_recipe(edit={"model": "nobody/nothing", "prompt": "p"})
    gateway.upload()
    gateway.work_all()
    assert gateway.read_json(FAILURE)["error"]["code"] == "model_not_found"
    assert gateway.calls == 0


def test_folder_marker_and_result_that_was_copied_into_the_inbox_are_ignored(gateway):
    gateway.upload("inbox/white/", b"")
    gateway.upload(PHOTO_KEY, PHOTO, {"retouch-order": "ord_1"})
    gateway.work_all()
    assert (gateway.calls, gateway.messages, gateway.sent.events) == (0, [], [])


def test_result_that_is_copied_back_with_its_job_starts_no_loop(gateway):
    gateway.upload()
    gateway.work_all()
    for key in [one for one in gateway.inbox.objects if one.startswith("outbox/")]:
        stored = gateway.inbox.objects[key]
        gateway.upload(key.replace("outbox/", "inbox/", 1), stored.data, dict(stored.metadata))
    gateway.work_all()
    assert gateway.calls == 1
    assert not any(read_inbox_key(key) is None and "inbox/" in key for key in gateway.inbox.objects)


# What may work later


def set_limit(gateway, monkeypatch, is_exhausted):
    """Let the front refuse every edit as over its budget, or none."""
    from retouch.core.errors import Fault

    class BudgetExceeded(Fault):
        status, code, blame, retryable = 429, "budget_exceeded", "client", False

    def submit(*args, **kwargs):
        if is_exhausted():
            raise BudgetExceeded("The budget is used up.")
        return real(*args, **kwargs)

    real = submit_event_edit
    monkeypatch.setattr(event_messages, "submit_event_edit", submit)


def test_events_wait_while_the_budget_is_used_up_and_are_made_once_after_it(gateway, monkeypatch):
    noon = gateway.clock.unix_time()
    set_limit(gateway, monkeypatch, lambda: gateway.clock.unix_time() < noon + 3600)
    gateway.upload(times=2)
    gateway.work_until(3540, step=30)
    assert gateway.calls == 0
    assert not any(one.startswith(("outbox/", "failed/")) for one in gateway.inbox.objects)
    gateway.work_until(1000, step=30)
    assert gateway.calls == 1
    assert OUTPUT in gateway.inbox.objects
    assert gateway.messages == []


def test_event_that_waits_past_its_deadline_is_expired_and_told(gateway, monkeypatch):
    set_limit(gateway, monkeypatch, lambda: True)
    gateway.write_recipe(deadline=1800)
    gateway.upload()
    gateway.work_until(1795, step=30)
    assert FAILURE not in gateway.inbox.objects
    gateway.work_until(60)
    failure = gateway.read_json(FAILURE)
    assert (failure["status"], failure["error"]["code"]) == ("expired", "budget_exceeded")
    assert gateway.event_types == ["failed"]
    assert (gateway.calls, gateway.messages) == (0, [])


def test_waiting_event_is_received_fewer_times_than_the_queue_permits(gateway, monkeypatch):
    set_limit(gateway, monkeypatch, lambda: True)
    gateway.write_recipe(deadline=43_200)
    gateway.upload()
    message = gateway.messages[0]
    gateway.work_until(43_300, step=60)
    assert gateway.messages == []
    assert message.receives < 60


def test_overloaded_provider_is_asked_again_until_the_deadline_of_the_recipe(gateway):
    gateway.answer(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
    gateway.upload()
    gateway.work_until(1800, step=5)
    assert FAILURE not in gateway.inbox.objects
    gateway.answer()
    gateway.work_until(1000, step=5)
    assert OUTPUT in gateway.inbox.objects
    assert gateway.messages == []


@pytest.fixture
def keyed_gateway(gateway, tmp_path):
    """Return a gateway with a key of the id k_shop in a workspace."""
    stores = TenantStores(TenantFolderTable(str(tmp_path)), SecretFolder(str(tmp_path)))
    key = GatewayKey(id="k_shop", name="shop", workspace=Workspace(id="w_1", slug="s", name="s"))
    changes = [Change(workspace_row(key.workspace), None), Change(key_row(key), None)]
    stores.table.write(changes)
    gateway.services = replace(gateway.services, tenants=TenantReader(stores, gateway.clock))
    gateway.restart()
    return gateway


def test_key_of_a_recipe_owns_the_order_of_its_edits(keyed_gateway):
    keyed_gateway.write_recipe(key="k_shop")
    keyed_gateway.upload(times=2)
    keyed_gateway.work_all()
    assert keyed_gateway.calls == 1
    assert keyed_gateway.stored.scope == "w_1"
    assert OUTPUT in keyed_gateway.inbox.objects


def test_objects_of_a_workspace_with_its_own_price_do_not_tell_the_cost(keyed_gateway, tmp_path):
    gateway, table = keyed_gateway, TenantFolderTable(str(tmp_path))
    workspace = Workspace(
        id="w_1", slug="s", name="s", price=WorkspacePrice(multiplier=0, per_picture=700_000)
    )
    row = table.read(WORKSPACES, "w_1")
    table.write([Change(workspace_row(workspace), row)])
    gateway.restart()
    gateway.write_recipe(key="k_shop")
    gateway.upload()
    gateway.work_all()
    assert gateway.stored.cost == "0.053 estimated"
    assert gateway.read_json(f"{OUTPUT}.json")["cost_usd"] == 0.7
    costs = {
        stored.metadata.get("retouch-cost-usd")
        for name, stored in gateway.inbox.objects.items()
        if name.startswith(OUTPUT)
    }
    assert costs == {"0.7"}


def test_key_of_a_message_owns_the_order_of_its_edit(keyed_gateway):
    keyed_gateway.post(EDIT, api_key_id="k_shop")
    keyed_gateway.work_all()
    assert keyed_gateway.stored.scope == "w_1"


def test_edits_over_a_real_budget_wait_until_it_is_raised_and_are_made_once(
    keyed_gateway, tmp_path
):
    gateway = keyed_gateway
    table = TenantFolderTable(str(tmp_path))
    set_budget(gateway, table, dollars=0.5)
    gateway.write_recipe(key="k_shop")
    for number in range(3):
        gateway.upload(f"inbox/white/{number}.png", photo(64 + 16 * number, 64), times=2)
    gateway.work_until(1800, step=30)
    assert gateway.calls == 1
    assert not any(one.startswith("failed/") for one in gateway.inbox.objects)
    set_budget(gateway, table, dollars=10)
    gateway.work_until(2000, step=30)
    assert gateway.calls == 3
    assert gateway.messages == []
    assert sum(one.endswith(".json") and "outbox/" in one for one in gateway.inbox.objects) == 3


def set_budget(gateway, table, dollars):
    """Give the key k_shop a budget, and the gateway a table of budgets."""
    row = table.read(KEYS, "k_shop")
    workspace = Workspace(id="w_1", slug="s", name="s")
    limit = UsageLimit("cost", round(dollars * 1_000_000))
    key = replace(key_of_row(row, workspace), usage_limits=(limit,))
    table.write([Change(key_row(key), row)])
    budgets = (gateway.services.open_budgets or InMemoryBudgets)()
    gateway.services = replace(gateway.services, open_budgets=lambda: budgets)
    gateway.restart()


@pytest.mark.parametrize("key", ["k_gone", "shop"])
def test_key_that_does_not_exist_is_a_failure_and_buys_nothing(keyed_gateway, key):
    keyed_gateway.write_recipe(key=key)
    keyed_gateway.upload()
    keyed_gateway.work_all()
    assert keyed_gateway.read_json(FAILURE)["error"]["code"] == "key_not_found"
    assert keyed_gateway.calls == 0


# Our own faults


def test_bucket_that_is_down_leaves_the_message_and_tells_nothing(gateway):
    gateway.upload()
    gateway.inbox.is_down = True
    assert not gateway.deliver(gateway.messages[0])
    assert gateway.sent.events == []
    gateway.inbox.is_down = False
    gateway.work_until(60)
    assert (gateway.calls, gateway.messages) == (1, [])


def test_table_that_is_down_leaves_the_message(gateway):
    gateway.upload()
    gateway.orders.is_down = True
    assert not gateway.deliver(gateway.messages[0])
    gateway.orders.is_down = False
    gateway.work_until(60)
    assert gateway.calls == 1


def test_message_that_was_received_too_often_is_a_dead_letter_with_a_reason(gateway):
    gateway.upload()
    message = gateway.messages[0]
    assert gateway.redrive(message)
    ((body, code, _, first_id),) = gateway.sent.rejected
    assert (body, code, first_id) == (message.body, "too_many_receives", message.id)
    assert gateway.calls == 0


@pytest.mark.parametrize("body", ['{"hello": "retouch"}', "no JSON", "[]", '{"Records": [{}]}'])
def test_message_of_unknown_shape_is_a_dead_letter_with_a_reason(gateway, body):
    gateway.post(body)
    gateway.work_all()
    ((stored, code, reason, _),) = gateway.sent.rejected
    assert (stored, code) == (body, "unknown_event")
    assert reason
    assert (gateway.calls, gateway.messages) == (0, [])


def test_unknown_message_stays_when_the_dead_letter_queue_takes_nothing(gateway):
    gateway.sent.failures["reject"] = 1
    gateway.post({"hello": 1})
    assert not gateway.deliver(gateway.messages[0])
    gateway.clock.advance(60)
    gateway.work_all()
    assert len(gateway.sent.rejected) == 1


# Telling


@pytest.mark.parametrize("method", ["publish", "reply", "succeed_task"])
def test_message_about_the_end_that_fails_is_sent_again_with_the_same_id(gateway, method):
    gateway.sent.failures[method] = 2
    gateway.post({**EDIT, "reply_to": REPLIES, "task_token": "t-1"})
    gateway.work_until(300)
    assert gateway.calls == 1
    assert gateway.messages == []
    assert len(gateway.event_ids) == 1
    assert {one[2] for one in gateway.sent.replies} == {gateway.stored.id}
    assert {one[0] for one in gateway.sent.tasks} == {"t-1"}


@pytest.mark.parametrize("state", ["queued", "accepted", "sent", "done"])
def test_worker_killed_at_any_step_buys_at_most_once_and_tells_the_end(gateway, state):
    gateway.upload()
    kill_after_write(gateway, state)
    with pytest.raises(ProcessKilled):
        gateway.work_all()
    gateway.work_until(2500, step=20)
    assert gateway.messages == []
    assert gateway.calls == (0 if state == "sent" else 1)
    key = FAILURE if state == "sent" else OUTPUT
    assert key in gateway.inbox.objects
    if state == "sent":
        failure = gateway.read_json(FAILURE)
        assert (failure["billed"], failure["error"]["code"]) == ("unknown", "order_outcome_unknown")
    assert len(gateway.event_ids) == 1


@pytest.mark.parametrize("step", [1, 2])
def test_worker_killed_while_it_writes_the_result_writes_it_again(gateway, step):
    gateway.upload()
    write, written = gateway.inbox.write, []

    def write_and_die(file, replaces):
        written.append(write(file, replaces))
        if len(written) == step:
            raise ProcessKilled
        return written[-1]

    gateway.inbox.write = write_and_die
    with pytest.raises(ProcessKilled):
        gateway.work_all()
    gateway.work_until(1000, step=20)
    assert gateway.calls == 1
    assert {OUTPUT, f"{OUTPUT}.json"} <= set(gateway.inbox.objects)
    assert gateway.event_types == ["completed"]
    assert gateway.messages == []


def test_cancelled_job_of_an_event_is_told(gateway):
    gateway.upload()
    gateway.deliver(gateway.messages[0])
    order = gateway.stored
    from retouch.orders.transitions import cancel

    gateway.orders.write(cancel(order, gateway.clock.unix_time(), 86_400), order)
    gateway.work_all()
    assert gateway.event_types == ["cancelled"]
    assert gateway.read_json(FAILURE)["error"]["code"] == "edit_cancelled"
    assert gateway.calls == 0


def test_job_that_no_worker_begins_in_time_is_told_as_expired(gateway):
    gateway.write_recipe(deadline=600)
    gateway.upload()
    gateway.deliver(gateway.messages[0])
    gateway.clock.advance(700)
    gateway.work_all()
    failure = gateway.read_json(FAILURE)
    assert (failure["status"], failure["error"]["code"]) == ("expired", "edit_expired")
    assert gateway.event_types == ["failed"]


def test_end_of_a_job_whose_message_is_lost_is_told_after_the_sweep(gateway):
    gateway.write_recipe(deadline=600)
    gateway.upload()
    gateway.deliver(gateway.messages[0])
    gateway.messages.clear()
    gateway.clock.advance(5000)
    sweep(gateway.services.orders, gateway.queue, gateway.clock.unix_time())
    gateway.work_all()
    assert gateway.read_json(FAILURE)["status"] == "expired"
    assert gateway.event_types == ["failed"]
    assert gateway.calls == 0


def test_abandoned_job_of_an_event_is_told(gateway):
    gateway.upload()
    gateway.deliver(gateway.messages[0])
    gateway.deliver(gateway.messages[0], DEAD_LETTERS)
    assert gateway.read_json(FAILURE)["error"]["code"] == "job_abandoned"
    assert gateway.event_types == ["failed"]


def test_job_of_an_http_request_is_told_on_the_bus(gateway):
    gateway.send()
    gateway.work_all()
    assert gateway.event_types == ["completed"]


# Edits in messages and on the bus


def test_edit_in_a_message_is_made_and_its_reply_names_the_order(gateway):
    gateway.post({**EDIT, "reply_to": REPLIES, "metadata": {"a": "b"}})
    gateway.work_all()
    ((queue, document, identifier),) = gateway.sent.replies
    assert (queue, identifier) == (REPLIES, gateway.stored.id)
    assert (document["status"], document["metadata"]) == ("completed", {"a": "b"})
    assert document["result"]["data"][0]["url"].startswith("https://")


def test_message_delivered_again_buys_once(gateway):
    for _ in range(3):
        gateway.post(EDIT, "m-4711")
    gateway.work_all()
    assert gateway.calls == 1


def test_equal_edits_in_two_messages_are_two_edits(gateway):
    gateway.post(EDIT)
    gateway.post(EDIT)
    gateway.work_all()
    assert gateway.calls == 2


def test_two_messages_with_one_idempotency_key_buy_once_and_both_are_told(gateway):
    for token in ("t-1", "t-2"):
        gateway.post({**EDIT, "idempotency_key": "order-1", "task_token": token})
    gateway.work_until(60)
    assert gateway.calls == 1
    assert {token for token, *_ in gateway.sent.tasks} == {"t-1", "t-2"}
    assert len({json.dumps(output) for *_, output in gateway.sent.tasks}) == 1


def test_idempotency_key_of_another_edit_is_a_failure(gateway):
    gateway.post({**EDIT, "idempotency_key": "order-1"})
    gateway.post({**EDIT, "prompt": "other", "idempotency_key": "order-1", "task_token": "t-2"})
    gateway.work_all()
    ((token, error, _),) = gateway.sent.tasks
    assert (token, error) == ("t-2", "Retouch.idempotency_key_reused")
    assert gateway.calls == 1


def test_cloud_event_sent_twice_by_its_producer_buys_once(gateway):
    for number in (1, 2):
        gateway.post(bus_event(cloud_event(), f"e-{number}"))
    gateway.work_all()
    assert gateway.calls == 1


def test_event_of_the_bus_is_made_once_for_each_event_id(gateway):
    for identifier in ("e-1", "e-1", "e-2"):
        gateway.post(bus_event(EDIT, identifier))
    gateway.work_all()
    assert gateway.calls == 2


def test_bad_message_of_ten_fails_and_nine_are_made(gateway):
    for number in range(9):
        gateway.post({**EDIT, "prompt": f"p {number}"})
    gateway.post({**EDIT, "model": "nobody/nothing"}, "m-bad")
    gateway.work_all()
    assert gateway.calls == 9
    assert (gateway.messages, gateway.sent.rejected) == ([], [])
    assert sorted(gateway.event_types) == [*["completed"] * 9, "failed"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"reply_to": "arn:aws:sqs:us-east-1:123456789012:strangers"}, "reply_queue_not_allowed"),
        ({"deadline": 5}, "invalid_value"),
        ({"stream": True}, "unsupported_parameter"),
    ],
)
def test_message_with_an_invalid_envelope_is_a_failure_and_buys_nothing(gateway, fields, code):
    gateway.post({**EDIT, **fields})
    gateway.work_all()
    (event,) = gateway.sent.events
    assert event["data"]["error"]["code"] == code
    assert gateway.sent.replies == []
    assert (gateway.calls, gateway.messages) == (0, [])


def test_failure_of_a_state_has_the_code_as_its_name(gateway):
    gateway.answer(400, {"error": {"message": "no", "code": "moderation_blocked"}})
    gateway.post({**EDIT, "task_token": "t-1"})
    gateway.work_all()
    ((token, error, cause),) = gateway.sent.tasks
    assert token == "t-1"
    assert error.startswith("Retouch.")
    assert cause


def test_state_that_waits_gets_a_heartbeat_while_its_edit_is_made(gateway):
    gateway.post({**EDIT, "task_token": "t-1"})
    gateway.work_all()
    assert gateway.sent.heartbeats == ["t-1"]


def test_task_token_is_in_no_event_and_no_reply(gateway):
    gateway.post({**EDIT, "task_token": "secret-token", "reply_to": REPLIES})
    gateway.work_all()
    assert "secret-token" not in json.dumps([gateway.sent.events, gateway.sent.replies])


def test_order_of_an_event_is_kept_for_as_long_as_a_dead_letter_queue(gateway):
    gateway.upload()
    message = gateway.messages[0]
    gateway.work_all()
    gateway.clock.advance(13 * 86_400)
    gateway.orders.answers.clear()  # the bucket has deleted them
    gateway.post(message.body)
    gateway.work_all()
    assert gateway.calls == 1
    assert gateway.messages == []
