"""Tests of the stores of orders: DynamoDB and S3 over real sockets, and a folder. All of them behave alike."""

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from devserver.ports import unused_port
from retouch.core.errors import OrdersUnavailable
from retouch.infrastructure.aws import clients
from retouch.infrastructure.aws.answer_bucket import AnswerBucket
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.order_table import OrderDynamoTable
from retouch.infrastructure.aws.signed_clients import SystemEffects
from retouch.infrastructure.local.order_folder import AnswerFolder, OrderFolderTable
from retouch.orders import transitions
from retouch.orders.charges import Charge, Outcome, decide_charges
from retouch.orders.order import Fingerprint, Submission
from retouch.orders.stores import OrderConflict
from tests.support.orders import BUCKET, CREDENTIALS, NOW, TABLE, answer, claim, create_aws_clients


@pytest.fixture(params=["folder", "boto3", "small clients"])
def stores(request, tmp_path):
    """Return a function that makes the table and the answers as another process has them."""
    if request.param == "folder":
        return lambda: (OrderFolderTable(str(tmp_path)), AnswerFolder(str(tmp_path)))
    url = request.getfixturevalue("proxy").url

    def create_stores():
        aws = create_aws_clients(request.param, url)
        return OrderDynamoTable(TABLE, aws), AnswerBucket(BUCKET, aws)

    return create_stores


@pytest.fixture
def new_order(request):
    """Return the first record of an order of this test only."""
    return transitions.claim_order(None, claim(request.node.name), NOW)


def test_written_order_is_read_as_it_is_by_another_process(stores, new_order):
    (one, _), (other, _) = stores(), stores()
    written = one.write(new_order, None)
    assert other.read(new_order.key) == written
    submission = Submission("config.targets[1]", 3, 202, {"x": "ä"}, b'\x00{"id": "1"}')
    later = transitions.add_submission(transitions.mark_sent(written, "config", NOW), submission)
    assert one.write(later, written) == other.read(new_order.key)
    assert other.read(new_order.key).submissions == (submission,)
    assert other.read("0" * 26) is None


def test_order_without_a_fingerprint_is_read_as_it_was_written(stores, new_order):
    table, _ = stores()
    written = table.write(replace(new_order, fingerprint=Fingerprint("")), None)
    assert table.read(new_order.key) == written


def test_charges_of_an_order_are_stored_and_keep_it_listed_after_its_end(stores, new_order):
    table, answers = stores()
    written = table.write(new_order, None)
    charges = (Charge("key#k_1", "2026-11", new_order.last_hold, 50_000, 100),)
    due = decide_charges(charges, Outcome("yes", 41_200))
    ended = transitions.finish(
        transitions.add_charges(written, due, 86_400), answer(price=41_200), NOW, 86_400
    )
    stored = table.write(ended, written)
    assert table.read(new_order.key) == stored
    assert (stored.charges, stored.holds, stored.price) == (due, 1, 41_200)
    assert stored in table.list_abandoned(new_order.lease + 1)
    answers.put(new_order.id, answer(price=41_200))
    assert answers.get(new_order.id).price == 41_200


def test_write_over_another_record_is_refused_with_the_stored_one(stores, new_order):
    (one, _), (other, _) = stores(), stores()
    first = one.write(new_order, None)
    second = one.write(transitions.mark_sent(first, "config", NOW), first)
    for replaces in (None, first):
        with pytest.raises(OrderConflict) as raised:
            other.write(replace(new_order, holder="other"), replaces)
        assert raised.value.stored == second
    with pytest.raises(OrderConflict) as raised:
        other.write(replace(new_order, key="z" * 26), first)
    assert raised.value.stored is None


def test_twenty_claims_at_once_have_a_single_winner(stores, new_order):
    table = stores()[0]
    barrier = threading.Barrier(20)

    def claim_at_once(number):
        barrier.wait()
        try:
            return table.write(replace(new_order, holder=str(number)), None)
        except OrderConflict:
            return None

    with ThreadPoolExecutor(20) as pool:
        winners = [one for one in pool.map(claim_at_once, range(20)) if one]
    assert winners == [table.read(new_order.key)]


def test_abandoned_order_is_listed_until_it_has_ended(stores, new_order):
    table = stores()[0]
    order = table.write(new_order, None)

    def list_own(now):
        return [one for one in table.list_abandoned(now) if one.key == order.key]

    assert list_own(order.lease) == []
    assert list_own(order.lease + 1) == [order]
    table.write(transitions.declare_unknown(order, NOW, 60), order)
    assert list_own(order.lease + 1) == []


def queue_job(table, number, **fields):
    """Store the job that was made at this second."""
    request = claim(f"job-{number}-{secrets.token_hex(4)}", **fields)
    details = transitions.JobDetails("m", NOW + 3600)
    return table.write(transitions.queue_job(None, request, details, NOW + number), None)


def test_jobs_of_a_scope_are_listed_the_newest_first(stores):
    table, _ = stores()
    scope = secrets.token_hex(4)
    expected = [queue_job(table, number, scope=scope).id for number in range(5)][::-1]
    queue_job(table, 9, scope=f"{scope}-other")
    batch_line = replace(queue_job(table, 8, scope=f"{scope}-batch"), source="batch", scope=scope)
    table.write(batch_line, batch_line)
    table.write(transitions.claim_order(None, claim(scope, scope=scope), NOW), None)
    assert [one.id for one in table.list_jobs(scope, "", 10)] == expected
    assert [one.id for one in table.list_jobs(scope, "", 2)] == expected[:2]
    assert [one.id for one in table.list_jobs(scope, expected[1], 2)] == expected[2:4]
    assert [one.id for one in table.list_jobs(scope, expected[-1], 2)] == []


def test_removed_job_is_gone_and_a_changed_one_stays(stores):
    table, _ = stores()
    scope = secrets.token_hex(4)
    job = queue_job(table, 1, scope=scope)
    changed = table.write(replace(job, model="n"), job)
    with pytest.raises(OrderConflict) as conflict:
        table.remove(job)
    assert conflict.value.stored == changed
    for _ in range(2):
        table.remove(changed)
    assert table.read(job.key) is None
    assert table.list_jobs(scope, "", 2) == []


def test_deleted_answer_is_gone(stores, new_order):
    _, answers = stores()
    answers.put(new_order.id, answer())
    for _ in range(2):
        answers.delete(new_order.id)
    assert answers.get(new_order.id) is None


def test_recent_orders_of_a_fingerprint_are_found_in_their_order(stores):
    (one, _), (other, _) = stores(), stores()
    for number in range(3):
        one.add_recent("f" * 64, f"key-{number}", NOW + 60, 0)
    assert list(other.recent_orders("f" * 64, NOW)) == ["key-0", "key-1", "key-2"]
    assert list(other.recent_orders("f" * 64, NOW + 60)) == []
    assert other.recent_orders("e" * 64, NOW) == {}


def test_many_recent_orders_of_a_fingerprint_lose_only_the_oldest(stores):
    table = stores()[0]
    for number in range(45):
        table.add_recent("d" * 64, f"key-{number}", NOW + 60, 0)
    found = list(table.recent_orders("d" * 64, NOW))
    assert found[-20:] == [f"key-{number}" for number in range(25, 45)]


def test_each_recent_order_has_its_own_expiry(stores):
    table = stores()[0]
    for number in range(3):
        table.add_recent("c" * 64, f"key-{number}", NOW + 10 * number, 0)
    assert list(table.recent_orders("c" * 64, NOW + 10)) == ["key-2"]


def test_recent_order_is_joined_once_by_each_retry(stores):
    (one, _), (other, _) = stores(), stores()
    fingerprint = secrets.token_hex(32)
    one.add_recent(fingerprint, "key", NOW + 60, 0)
    assert [one.join_recent(fingerprint, "key", retry) for retry in (1, 1, 2)] == [
        True,
        False,
        True,
    ]
    assert other.recent_orders(fingerprint, NOW) == {"key": 2}
    assert not other.join_recent(fingerprint, "key", 1)
    assert not other.join_recent(fingerprint, "absent", 1)


def test_recent_orders_that_are_added_at_once_are_all_found(stores):
    table, keys = stores()[0], [f"key-{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda key: table.add_recent("b" * 64, key, NOW + 60, 0), keys))
    assert sorted(table.recent_orders("b" * 64, NOW)) == sorted(keys)


def test_join_whose_response_was_lost_is_recognized(proxy):
    table = OrderDynamoTable(TABLE, AwsClients())
    table.add_recent("8" * 64, "key", NOW + 60, 0)
    proxy.lose(b"PutItem", 1)
    assert table.join_recent("8" * 64, "key", 1)
    assert proxy.lost == 1


@pytest.mark.parametrize("times", [1, 2])
def test_recent_order_whose_response_was_lost_is_there_once(proxy, times):
    table = OrderDynamoTable(TABLE, AwsClients())
    proxy.lose(b"PutItem", times)
    table.add_recent(f"{times}" * 64, "key", NOW + 60, 0)
    assert proxy.lost == times
    assert table.recent_orders(f"{times}" * 64, NOW) == {"key": 0}


def test_recent_orders_of_an_earlier_version_are_found(proxy):
    aws = AwsClients()
    table = OrderDynamoTable(TABLE, aws)
    row: dict[str, Any] = {"pk": {"S": "F#" + "9" * 64}, "recent": {"L": [{"S": "old"}]}}
    aws.client("dynamodb").put_item(TableName=TABLE, Item={**row, "expires": {"N": str(NOW + 60)}})
    table.add_recent("9" * 64, "new", NOW + 90, 0)
    assert table.recent_orders("9" * 64, NOW) == {"old": 0, "new": 0}
    assert table.recent_orders("9" * 64, NOW + 60) == {"new": 0}


def test_first_answer_of_an_order_stays(stores, new_order):
    (_, one), (_, other) = stores(), stores()
    assert one.get(new_order.id) is None
    first = answer(b"\n{}\n", headers={"x-retouch-notes": "a\nb"}, status=400, billed="unknown")
    assert one.put(new_order.id, first) == first
    assert one.put(new_order.id, first) == first
    assert other.put(new_order.id, answer(b"another")) == first
    assert other.get(new_order.id) == first


@pytest.mark.parametrize("data", [b"", b"garbage\n", b"{}\n", b"[]\n", b'{"status": 200'], ids=repr)
def test_damaged_answer_is_no_answer(proxy, tmp_path, new_order, data):
    bucket, folder = AnswerBucket(BUCKET, AwsClients()), AnswerFolder(str(tmp_path))
    bucket._bucket.client.put_object(Bucket=BUCKET, Key=f"orders/{new_order.id}/answer", Body=data)
    (tmp_path / f"{new_order.id}.answer").write_bytes(data)
    assert bucket.get(new_order.id) is None
    assert folder.get(new_order.id) is None


@pytest.mark.parametrize("times", [1, 2])
def test_write_whose_response_was_lost_is_recognized(proxy, new_order, times):
    table = OrderDynamoTable(TABLE, AwsClients())
    proxy.lose(b"PutItem", times)
    written = table.write(new_order, None)
    assert proxy.lost == times
    assert table.read(new_order.key) == written
    proxy.lose(b"PutItem", times)
    marked = table.write(transitions.mark_sent(written, "config", NOW), written)
    assert proxy.lost == times
    assert table.read(new_order.key) == marked
    assert marked.attempt == 1


@pytest.mark.parametrize("kind", ["boto3", "small clients"])
@pytest.mark.parametrize("times", [1, 2])
def test_answer_whose_response_was_lost_is_recognized(proxy, new_order, times, kind, monkeypatch):
    monkeypatch.setattr(clients, "SystemEffects", lambda: SystemEffects(sleep=lambda _: None))
    answers = AnswerBucket(BUCKET, create_aws_clients(kind, proxy.url))
    proxy.lose(b"PUT /answers/orders/", times)
    assert answers.put(new_order.id, answer()) == answer()
    assert proxy.lost == times
    assert answers.get(new_order.id) == answer()


def test_table_that_cannot_be_reached_is_unavailable(monkeypatch, new_order):
    for name, value in {
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{unused_port()}",
    }.items():
        monkeypatch.setenv(name, value)
    table, answers = OrderDynamoTable(TABLE, AwsClients()), AnswerBucket(BUCKET, AwsClients())
    for call in (
        lambda: table.read("k"),
        lambda: table.write(new_order, None),
        lambda: table.recent_orders("f", NOW),
        lambda: answers.get("o"),
        lambda: answers.put("o", answer()),
    ):
        with pytest.raises(OrdersUnavailable) as raised:
            call()
        assert raised.value.status == 503
        assert raised.value.billed == "no"


def test_folder_that_is_gone_is_unavailable(tmp_path, new_order):
    gone = str(tmp_path / "gone")
    with pytest.raises(OrdersUnavailable):
        OrderFolderTable(gone).write(new_order, None)
    with pytest.raises(OrdersUnavailable):
        AnswerFolder(gone).put("ord_1", answer())
