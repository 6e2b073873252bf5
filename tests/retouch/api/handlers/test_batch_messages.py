"""Tests of the worker's part of batches: validation, feeding, counting, results, cancels, expiry, and crashes."""

import json

import pytest
from openai.types import Batch

from retouch.api.handlers.sweeper import build_handler as build_sweeper
from retouch.batches import feeding
from retouch.batches.batch import WINDOW_SECONDS
from retouch.batches.feeding import CHUNK_LINES
from retouch.batches.transitions import GIVE_UP_SECONDS
from retouch.core.errors import OrdersUnavailable
from retouch.orders.sweeper import sweep as sweep_orders
from tests.support.batches import BatchGateway, batch_line
from tests.support.images import data_url
from tests.support.jobs import DEAD_LETTERS, SUCCESS
from tests.support.killed_process import ProcessKilled
from tests.support.upstream import Upstream, json_response

BAD_PICTURE = data_url(b"no image")


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield BatchGateway(upstream)


def lines_of(count):
    return [batch_line(number) for number in range(count)]


def test_batch_is_completed_with_one_result_for_each_line(gateway):
    batch = gateway.run(gateway.create(lines_of(3), metadata={"a": "b"}))
    assert (batch["status"], batch["metadata"]) == ("completed", {"a": "b"})
    assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
    assert batch["error_file_id"] is None
    results = gateway.results(batch["output_file_id"])
    assert set(results) == {"line-0", "line-1", "line-2"}
    result = results["line-1"]
    assert result["error"] is None
    assert result["response"]["status_code"] == 200
    assert result["response"]["body"]["data"][0]["url"].startswith("https://")
    assert gateway.paid_prompts == {f"prompt-{i}-": 1 for i in range(3)}


def test_line_breaks_of_unicode_in_a_custom_id_do_not_break_the_lines_of_the_output(gateway):
    custom_id = "a\u2028b\u2029c\x85d\ne"
    batch = gateway.run(gateway.create([batch_line(0, custom_id=custom_id)]))
    data = gateway.contents.objects[f"files/{batch['output_file_id']}"]
    (line,) = data.decode().splitlines()
    assert json.loads(line)["custom_id"] == custom_id


def test_batch_has_the_model_and_the_tokens_of_its_lines_as_the_sdk_reads_them(gateway):
    usage = {
        "input_tokens": 10,
        "input_tokens_details": {"text_tokens": 4, "image_tokens": 6, "cached_tokens": 2},
        "output_tokens": 20,
        "total_tokens": 30,
    }
    gateway.upstream.responses[:] = [json_response({**SUCCESS, "usage": usage})]
    identifier = gateway.create(lines_of(3))
    assert gateway.get_batch(identifier)["usage"] is None
    batch = Batch.model_validate(gateway.run(identifier))
    assert batch.model == "openai/gpt-image-2"
    assert batch.usage is not None
    assert batch.usage.model_dump() == {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 6},
        "output_tokens": 60,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 90,
    }


def test_batch_of_several_models_names_none(gateway):
    other = {**batch_line(1)["body"], "model": "openai/gpt-image-1.5"}
    batch = gateway.run(gateway.create([batch_line(0), batch_line(1, body=other)]))
    assert (batch["status"], batch["model"]) == ("completed", None)


@pytest.mark.parametrize(("seconds", "folder"), [(86_400, "kept/3"), (30 * 86_400, "kept/33")])
def test_links_of_the_outputs_work_as_long_as_their_file(seconds, folder):
    with Upstream() as upstream:
        gateway = BatchGateway(upstream, RETOUCH_BASE_URL="https://gateway.example")
        expiry = {"anchor": "created_at", "seconds": seconds}
        identifier = gateway.create(lines_of(1), output_expires_after=expiry)
        gateway.step()
        gateway.work_on_lines()
        gateway.clock.advance(20_000)
        batch = gateway.run(identifier)
        file = gateway.call("GET", f"/v1/files/{batch['output_file_id']}").json
        (line,) = gateway.results(batch["output_file_id"]).values()
        link = line["response"]["body"]["data"][0]["url"]
        gateway.clock.advance(seconds - 1)
        followed = gateway.call("GET", link.removeprefix("https://gateway.example"))
        assert (followed.status, file["expires_at"]) == (302, file["created_at"] + seconds)
        assert f"/{folder}/" in followed.headers["location"]
        gateway.clock.advance(1)
        assert gateway.call("GET", link.removeprefix("https://gateway.example")).status == 410


def test_bad_pictures_are_errors_of_their_lines(gateway):
    lines = [
        batch_line(0),
        batch_line(1, BAD_PICTURE),
        batch_line(2, "data:image/png;base64,%%"),
        batch_line(3, "upload://upload_" + "0" * 32),
        batch_line(4),
    ]
    batch = gateway.run(gateway.create(lines))
    assert batch["status"] == "completed"
    assert batch["request_counts"] == {"total": 5, "completed": 2, "failed": 3}
    errors = gateway.results(batch["error_file_id"])
    assert {name: one["error"]["code"] for name, one in errors.items()} == {
        "line-1": "unsupported_image_format",
        "line-2": "invalid_base64",
        "line-3": "upload_not_found",
    }
    assert errors["line-3"]["response"]["status_code"] == 404
    assert errors["line-3"]["response"]["body"]["error"]["message"]
    assert len(gateway.upstream.calls) == 2


def test_failures_of_the_provider_are_errors_of_their_lines(gateway):
    gateway.answer(400, {"error": {"message": "no", "code": "bad_prompt"}})
    batch = gateway.run(gateway.create(lines_of(1)))
    assert (batch["status"], batch["output_file_id"]) == ("completed", None)
    (line,) = gateway.results(batch["error_file_id"]).values()
    assert line["error"]["code"] == "bad_prompt"


@pytest.mark.parametrize(
    ("line", "code", "param"),
    [
        (b'{"custom_id": "x", ', "invalid_json_line", None),
        (batch_line(2), "duplicate_custom_id", "custom_id"),
        (batch_line(6, url="/v1/images/generations"), "invalid_url", "url"),
        (batch_line(6, body={"prompt": "p"}), "missing_required_parameter", "body.image"),
        (batch_line(6, "ftp://x"), "invalid_image_url", "body.images[0]"),
        (batch_line(6, "s3://bucket/a.png"), "unsupported_image_url", "body.images[0]"),
        (batch_line(6, body={**batch_line(6)["body"], "n": 0}), "invalid_value", "body.n"),
        (batch_line(6, body={**batch_line(6)["body"], "qualty": "low"}), "unknown_parameter", "body.qualty"),
        (batch_line(6, body={**batch_line(6)["body"], "model": "nobody/x"}), "model_not_found", "body.model"),
        (batch_line(6, body={**batch_line(6)["body"], "stream": True}), "invalid_value", "body.stream"),
        (batch_line(6, body={**batch_line(6)["body"], "dry_run": True}), "invalid_value", "body.dry_run"),
    ],
)  # fmt: skip
def test_invalid_line_fails_the_whole_batch_before_anything_is_bought(gateway, line, code, param):
    batch = gateway.run(gateway.create([*lines_of(6), line, batch_line(7)]))
    assert batch["status"] == "failed"
    (error,) = batch["errors"]["data"]
    assert (error["line"], error["code"], error["param"]) == (7, code, param)
    assert error["message"]
    assert gateway.upstream.calls == []
    assert gateway.orders.orders == {}


def test_every_invalid_line_is_reported_up_to_a_hundred(gateway):
    batch = gateway.run(gateway.create([b"{"] * 150))
    assert [error["line"] for error in batch["errors"]["data"]] == list(range(1, 101))


def test_file_without_a_line_fails(gateway):
    batch = gateway.run(gateway.create([b"", b" "]))
    assert batch["errors"]["data"][0]["code"] == "empty_file"


def test_worker_that_dies_at_any_write_of_the_batch_leaves_it_to_the_next_one(monkeypatch):
    """Kill the worker before and after each write of the batch's rows and files, one after another."""
    monkeypatch.setattr(feeding, "CHUNK_LINES", 2)
    kills = 0
    while True:
        with Upstream() as upstream:
            gateway = BatchGateway(upstream)
            identifier = gateway.create([*lines_of(4), batch_line(200, BAD_PICTURE)])
            was_killed = run_and_kill_at(gateway, kills, identifier)
            batch = gateway.run(identifier)
            counts = {"total": 5, "completed": 4, "failed": 1}
            assert (batch["status"], batch["request_counts"]) == ("completed", counts), kills
            assert set(gateway.paid_prompts.values()) == {1}, kills
            assert len(gateway.results(batch["output_file_id"])) == 4
            assert len(gateway.results(batch["error_file_id"])) == 1
        if not was_killed:
            break
        kills += 1
    assert kills >= 20


def run_and_kill_at(gateway, moment, identifier):
    """Let the worker die at the write with this number. Return whether there was one."""
    moments = 0

    def count(*_):
        nonlocal moments
        moments += 1
        if moments == moment + 1:
            raise ProcessKilled

    gateway.rows.on_write, gateway.contents.on_put = count, count
    try:
        gateway.run(identifier)
        return False
    except ProcessKilled:
        gateway.rows.on_write, gateway.contents.on_put = (lambda *_: None), (lambda *_: None)
        gateway.clock.advance(200)  # the lease is over, and the message comes again
        if not gateway.steps.messages:
            gateway.clock.advance(900)
            sweep(gateway)
        return True


def sweep(gateway):
    class Silent:
        def record_sweep(self, counts):
            pass

    handler = build_sweeper(None, None, gateway.batch_stores, gateway.clock, Silent(), lambda: None)
    return handler({"detail-type": "Scheduled Event"}, None)


def test_batch_without_a_message_is_woken_by_the_sweeper(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.steps.messages.clear()
    assert sweep(gateway) == {}
    gateway.clock.advance(901)
    assert sweep(gateway) == {"batches": 1}
    assert gateway.run(identifier)["status"] == "completed"
    gateway.clock.advance(5000)
    assert sweep(gateway) == {}


def test_line_that_waits_for_hours_gets_no_second_message_from_the_sweeper(gateway):
    gateway.create(lines_of(2))
    gateway.step()
    gateway.clock.advance(WINDOW_SECONDS - 1)
    assert sweep_orders(gateway.services.orders, gateway.queue, gateway.clock.unix_time()) == {}
    gateway.clock.advance(2)
    counts = sweep_orders(gateway.services.orders, gateway.queue, gateway.clock.unix_time())
    assert counts == {"cancelled": 2}
    assert gateway.queue.messages == []


def test_message_that_arrives_twice_does_nothing_more(gateway):
    identifier = gateway.create(lines_of(2))
    message, _ = gateway.steps.messages[0]
    gateway.step()
    assert len(gateway.steps.messages) == 1
    assert gateway.deliver(message)
    assert len(gateway.steps.messages) == 1
    assert len(gateway.lines.messages) == 2
    assert gateway.run(identifier)["status"] == "completed"


def test_message_for_a_held_batch_waits_for_the_end_of_its_lease(gateway):
    identifier = gateway.create(lines_of(2))
    message, _ = gateway.steps.messages[0]
    seen: list[bool] = []

    def deliver_again(moment, row):
        if moment == "after" and not seen:
            seen.append(gateway.deliver(message, request_id="worker-2"))

    gateway.rows.on_write = deliver_again
    gateway.step()
    assert seen == [False]
    assert gateway.queue.delays[0] >= 60
    assert len(gateway.steps.messages) == 1
    assert len(gateway.lines.messages) == 2
    assert gateway.run(identifier)["status"] == "completed"
    assert gateway.deliver(message)
    assert gateway.steps.messages == []


def test_step_that_fails_is_done_again_by_its_message(gateway):
    identifier = gateway.create(lines_of(2))
    send_all = gateway.lines.send_all

    def fail_once(_):
        gateway.lines.send_all = send_all
        raise OrdersUnavailable("The queue is down.")

    gateway.lines.send_all = fail_once
    assert not gateway.step()
    assert gateway.queue.delays == [30]
    assert gateway.step()
    assert gateway.run(identifier)["request_counts"]["completed"] == 2
    assert set(gateway.paid_prompts.values()) == {1}


def test_feeder_goes_on_in_its_next_invocation_when_its_time_is_over(gateway):
    identifier = gateway.create(lines_of(2 * CHUNK_LINES + 1))

    def use_up_the_time(moment, row):
        if moment == "after" and row.values.get("fed_bytes"):
            gateway.clock.advance(100)

    gateway.rows.on_write = use_up_the_time
    gateway.step()
    assert len(gateway.lines.messages) == CHUNK_LINES
    assert gateway.steps.messages[0][1] == 0
    gateway.step()
    gateway.rows.on_write = lambda *_: None
    assert gateway.run(identifier)["request_counts"]["completed"] == 2 * CHUNK_LINES + 1


def test_progress_is_counted_while_the_batch_runs(gateway):
    identifier = gateway.create(lines_of(3))
    assert gateway.get_batch(identifier)["request_counts"] == {
        "total": 0,
        "completed": 0,
        "failed": 0,
    }
    gateway.step()
    gateway.work_on_lines(2)
    batch = gateway.get_batch(identifier)
    assert batch["status"] == "in_progress"
    assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 0}


def test_rate_limited_line_comes_again_on_the_queue_of_lines(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.answer(429, {"error": {"message": "slow"}}, headers={"retry-after": "40"})
    gateway.step()
    gateway.work_on_lines()
    assert gateway.lines.delays == [40]
    assert gateway.queue.delays == []
    gateway.answer()
    assert gateway.run(identifier)["request_counts"]["completed"] == 1


def test_line_that_is_always_rate_limited_is_tried_until_the_window_ends(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.answer(429, {"error": {"message": "slow"}})
    gateway.step()
    for _ in range(20):
        gateway.work_on_lines()
        gateway.clock.advance(gateway.lines.delays[-1])
    assert gateway.lines.delays[:6] == [10, 30, 90, 270, 900, 900]
    gateway.answer()
    assert gateway.run(identifier)["request_counts"]["completed"] == 1


def test_cancelled_batch_keeps_what_was_bought_and_drops_the_rest(gateway):
    identifier = gateway.create(lines_of(5))
    gateway.step()
    gateway.work_on_lines(2)
    response = gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    assert (response.status, response.json["status"]) == (200, "cancelling")
    again = gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    assert (again.status, again.json["status"]) == (200, "cancelling")
    batch = gateway.run(identifier)
    assert batch["status"] == "cancelled"
    assert batch["cancelled_at"] >= batch["cancelling_at"]
    assert batch["request_counts"] == {"total": 5, "completed": 2, "failed": 0}
    assert set(gateway.results(batch["output_file_id"])) == {"line-0", "line-1"}
    assert len(gateway.upstream.calls) == 2
    late = gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    assert (late.status, late.json["status"]) == (200, "cancelled")


def test_batch_cancelled_before_its_validation_buys_nothing(gateway):
    identifier = gateway.create(lines_of(2))
    gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    batch = gateway.run(identifier)
    assert (batch["status"], batch["output_file_id"]) == ("cancelled", None)
    assert gateway.orders.orders == {}


def test_batch_cancelled_while_it_is_fed_cancels_the_lines_that_were_made(gateway):
    identifier = gateway.create(lines_of(2 * CHUNK_LINES))

    def cancel(moment, row):
        if moment == "before" and row.values.get("fed_bytes"):
            gateway.rows.on_write = lambda *_: None
            gateway.call("POST", f"/v1/batches/{identifier}/cancel")

    gateway.rows.on_write = cancel
    batch = gateway.run(identifier)
    assert batch["status"] == "cancelled"
    assert gateway.upstream.calls == []
    assert {one.state for one in gateway.orders.orders.values()} == {"cancelled"}


def test_feeder_that_died_after_a_cancel_leaves_no_line_to_buy(gateway):
    """The feeder has made the jobs of a hundred lines, and dies before it writes its position."""
    identifier = gateway.create(lines_of(2 * CHUNK_LINES))

    def die(moment, row):
        if moment == "before" and row.values.get("fed_bytes"):
            raise ProcessKilled

    gateway.rows.on_write = die
    with pytest.raises(ProcessKilled):
        gateway.step()
    gateway.rows.on_write = lambda *_: None
    assert len(gateway.orders.orders) == CHUNK_LINES
    gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    gateway.clock.advance(200)
    assert gateway.run(identifier)["status"] == "cancelled"
    assert gateway.upstream.calls == []
    assert {one.state for one in gateway.orders.orders.values()} == {"cancelled"}


def test_completed_batch_cannot_be_cancelled(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.run(identifier)
    response = gateway.call("POST", f"/v1/batches/{identifier}/cancel")
    assert (response.status, response.json["error"]["code"]) == (409, "already_ended")


def test_expired_batch_has_an_error_for_each_line_that_was_not_begun(gateway):
    identifier = gateway.create(lines_of(3))
    gateway.step()
    gateway.work_on_lines(1)
    gateway.clock.advance(WINDOW_SECONDS)
    batch = gateway.run(identifier)
    assert batch["status"] == "expired"
    assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
    errors = gateway.results(batch["error_file_id"])
    assert {one["error"]["code"] for one in errors.values()} == {"batch_expired"}
    assert set(gateway.results(batch["output_file_id"])) == {"line-0"}
    assert len(gateway.upstream.calls) == 1


def test_line_that_was_sent_is_awaited_after_the_window(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.step()
    gateway.clock.advance(WINDOW_SECONDS - 20)
    write = gateway.orders.write

    def write_and_end_the_window(order, replaces):
        written = write(order, replaces)
        if order.state == "sent":
            gateway.orders.write = write
            gateway.clock.advance(30)
            gateway.step()
            assert gateway.get_batch(identifier)["status"] == "finalizing"
        return written

    gateway.orders.write = write_and_end_the_window
    gateway.work_on_lines()
    batch = gateway.run(identifier)
    assert (batch["status"], batch["request_counts"]["completed"]) == ("expired", 1)


def test_dead_letter_of_a_batch_that_cannot_be_checked_fails_it(gateway):
    identifier = gateway.create(lines_of(1))
    message, _ = gateway.steps.messages.pop()
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    batch = gateway.get_batch(identifier)
    assert batch["status"] == "failed"
    assert batch["errors"]["data"][0]["code"] == "batch_abandoned"


def test_dead_letter_of_a_running_batch_goes_on_later(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.step()
    message, _ = gateway.steps.messages.pop()
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    ((_, delay),) = gateway.steps.messages
    assert delay == 900
    assert gateway.run(identifier)["status"] == "completed"


def test_dead_letter_a_day_after_the_window_fails_the_batch(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.step()
    message, _ = gateway.steps.messages.pop()
    gateway.clock.advance(WINDOW_SECONDS + GIVE_UP_SECONDS + 1)
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    assert gateway.get_batch(identifier)["status"] == "failed"


def test_dead_letter_of_a_held_batch_waits_for_its_holder(gateway):
    gateway.create(lines_of(1))
    message, _ = gateway.steps.messages[0]

    def die(moment, _):
        if moment == "after":
            raise ProcessKilled

    gateway.rows.on_write = die
    with pytest.raises(ProcessKilled):
        gateway.step()
    gateway.rows.on_write = lambda *_: None
    assert not gateway.deliver(message, queue=DEAD_LETTERS)


def test_dead_letter_of_a_line_is_an_error_of_its_line(gateway):
    identifier = gateway.create(lines_of(2))
    gateway.step()
    message, _ = gateway.lines.messages.pop(0)
    assert gateway.deliver(message, queue=DEAD_LETTERS)
    batch = gateway.run(identifier)
    assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    (line,) = gateway.results(batch["error_file_id"]).values()
    assert line["error"]["code"] == "job_abandoned"


def test_line_with_an_unknown_outcome_is_an_error_of_its_line(gateway):
    identifier = gateway.create(lines_of(1))
    gateway.step()
    write = gateway.orders.write

    def die(order, replaces):
        written = write(order, replaces)
        if order.state == "sent":
            raise ProcessKilled
        return written

    gateway.orders.write = die
    message, _ = gateway.lines.messages[0]
    with pytest.raises(ProcessKilled):
        gateway.deliver(message, queue="lines")
    gateway.orders.write = write
    gateway.clock.advance(200)
    batch = gateway.run(identifier)
    (line,) = gateway.results(batch["error_file_id"]).values()
    assert (line["error"]["code"], line["response"]) == ("order_outcome_unknown", None)
    assert gateway.upstream.calls == []


@pytest.mark.parametrize("body", ['{"batch": 1}', '{"batch": "batch_x", "scope": "s", "wake": 1}'])
def test_message_that_names_no_batch_is_finished_or_tried_again(gateway, body):
    assert gateway.deliver(json.loads(body)) == ("wake" in body)


def test_worst_cost_of_a_batch_is_the_sum_of_the_highest_prices(gateway):
    body = {**batch_line(0)["body"], "quality": "low"}
    gateway.create([batch_line(0, body=body), batch_line(1, body={**body, "n": 4})])
    gateway.step()
    ((_, low),) = [(k, r) for k, r in gateway.rows.rows.items() if k[1].startswith("batch_")]
    gateway.create([batch_line(0)])
    gateway.steps.messages.pop(0)
    gateway.step()
    auto = max(
        r.values["worst_cost"] for k, r in gateway.rows.rows.items() if k[1].startswith("batch_")
    )
    assert low.values["worst_cost"] % 5 == 0
    assert auto > low.values["worst_cost"] // 5
