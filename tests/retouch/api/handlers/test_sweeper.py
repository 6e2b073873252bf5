"""Tests of the sweeper function: it ends the orders of crashed functions, on DynamoDB and S3 over real sockets."""

import importlib.util
import json
import secrets

import pytest

from retouch.core.clock import SystemClock
from retouch.infrastructure.aws.answer_bucket import AnswerBucket
from retouch.infrastructure.aws.clients import AwsClients
from retouch.infrastructure.aws.order_table import OrderDynamoTable
from retouch.infrastructure.lambda_runtime.errors import ErrorReport
from retouch.orders import transitions
from retouch.orders.order import Submission
from retouch.orders.reconciliation import Finding
from tests.infra.conftest import ROOT
from tests.support.events import lambda_context
from tests.support.orders import BUCKET, CREDENTIALS, TABLE, answer, claim, moto_server
from tools.events import EVENTS_FOLDER
from tools.reconcile import read_amount, reconcile
from tools.stack import CommandError

SCHEDULE = json.loads((EVENTS_FOLDER / "sweeper_schedule.json").read_text())
NOW = SystemClock().unix_time()  # when the tests were collected, perhaps long before they run


@pytest.fixture(scope="module")
def handler():
    """Return the handler of functions/sweeper/app.py with a table and a bucket."""
    with moto_server() as port, pytest.MonkeyPatch.context() as patch:
        settings = {"RETOUCH_ORDERS_TABLE": TABLE, "RETOUCH_BUCKET": BUCKET}
        endpoint = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_REGION": "us-east-1"}
        for name, value in {**settings, **CREDENTIALS, **endpoint}.items():
            patch.setenv(name, value)
        spec = importlib.util.spec_from_file_location("sweeper", ROOT / "functions/sweeper/app.py")
        assert spec is not None
        assert spec.loader is not None
        app = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(app)
        yield app.handler


@pytest.fixture
def table(handler):
    return OrderDynamoTable(TABLE, AwsClients())


def crash_at(table, state, lease=NOW - 10):
    """Store an order whose holder has ended in that state."""
    order = table.write(
        transitions.claim_order(None, claim(secrets.token_hex(8), lease=lease), NOW - 900), None
    )
    if state in ("sent", "answered", "submitted"):
        order = table.write(transitions.mark_sent(order, "config", NOW - 800), order)
    if state == "submitted":
        submission = Submission("config", 0, 200, {}, b"{}")
        order = table.write(transitions.add_submission(order, submission), order)
    if state == "answered":
        AnswerBucket(BUCKET, AwsClients()).put(order.id, answer())
    return order


def test_sweeper_settles_the_orders_of_crashed_functions_once(handler, table, capsys, caplog):
    orders = {name: crash_at(table, name) for name in ("accepted", "sent", "answered", "submitted")}
    running = crash_at(table, "running", lease=SystemClock().unix_time() + 900)
    caplog.set_level("INFO", "retouch")
    counts = handler(SCHEDULE, lambda_context())
    assert counts == {"open": 1, "unknown": 1, "done": 1, "submitted": 1}
    states = {name: table.read(order.key).state for name, order in orders.items()}
    assert states == {
        "accepted": "open",
        "sent": "unknown",
        "answered": "done",
        "submitted": "submitted",
    }
    assert table.read(running.key).state == "accepted"
    assert '"OrdersUnknown":[1.0]' in capsys.readouterr().out
    settled = {record.order for record in caplog.records if hasattr(record, "order")}
    assert settled == {order.id for order in orders.values()}
    assert handler(SCHEDULE, lambda_context()) == {}
    assert "OrdersUnknown" not in capsys.readouterr().out


def test_sweeper_fails_for_an_event_that_is_not_its_schedule(handler):
    with pytest.raises(Exception, match="only the events of its schedule") as raised:
        handler({"prompt": "p", "images": []}, lambda_context())
    assert json.loads(ErrorReport(raised.value).to_json())["errorType"] == "UnknownEvent"


@pytest.mark.parametrize(("billed", "state"), [("no", "open"), ("yes", "done")])
def test_operator_ends_an_unknown_order(table, billed, state):
    order = crash_at(table, "sent")
    identifier = order.id
    with pytest.raises(CommandError, match="is sent"):
        reconcile(identifier, Finding(billed, 40_000), table, None, NOW)
    table.write(transitions.declare_unknown(order, NOW, 60), order)
    assert reconcile(identifier, Finding(billed, 40_000), table, None, NOW) == state
    with pytest.raises(CommandError, match=f"is {state}"):
        reconcile(identifier, Finding(billed, 40_000), table, None, NOW)


@pytest.mark.parametrize("identifier", ["", "ord_1", "edit_" + "a" * 34, "ord_" + "a" * 34])
def test_operator_is_told_when_there_is_no_such_order(table, identifier):
    with pytest.raises(CommandError, match="order"):
        reconcile(identifier, Finding("no"), table, None, NOW)


@pytest.mark.parametrize("text", ["-0.04", "NaN", "Infinity", "0.0000001", "4 cents", "1e9"])
def test_amount_that_is_no_number_of_micro_dollars_is_refused(text):
    with pytest.raises(CommandError, match="is not an amount"):
        read_amount(text)


def test_amount_is_read_to_the_micro_dollar():
    assert [read_amount(text) for text in ("", "0", "0.041199")] == [None, 0, 41_199]
