"""Tests of event-driven edits from upload to result: S3, EventBridge, SQS and Step Functions over real sockets."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from retouch.orders.order import order_key
from tests.support.event_stack import BUS, PHOTO, queue_arn, run_event_stack
from tests.support.images import b64, box_mask, photo
from tests.support.orders import BUCKET, CREDENTIALS

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
IMAGES = [{"image_url": f"data:image/png;base64,{b64(PHOTO)}"}]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with run_event_stack(tmp_path_factory) as running:
        yield running


@pytest.fixture(autouse=True)
def delivered_once(stack):
    yield
    stack.copies = 1


def edit(prompt, **fields):
    return {"model": "gpt-image-2", "prompt": prompt, "images": IMAGES, **fields}


def news_about(stack, text, count=1):
    """Return the events of the bus that contain a text, as soon as there are so many."""
    found: list[Any] = []

    def has_come():
        found.extend(one for one in stack.news() if text in json.dumps(one))
        return len(found) >= count

    stack.wait_for(has_come)
    return found


def test_uploaded_photo_comes_out_with_its_job_and_an_event(stack):
    stack.write_recipe("first")
    stack.upload("inbox/first/photo.png")
    stack.wait_for_key("outbox/first/photo.png.json")
    (event,) = news_about(stack, "inbox/first/")
    assert event["type"] == "retouch.edit.completed"
    assert event["data"]["outputs"] == [{"bucket": BUCKET, "key": "outbox/first/photo.png"}]
    result = stack.s3.get_object(Bucket=BUCKET, Key="outbox/first/photo.png")
    assert result["Body"].read().startswith(b"\x89PNG")
    assert result["Metadata"]["retouch-order"] == event["subject"]
    assert stack.paid_calls("first") == 1


def test_events_delivered_three_times_and_shuffled_buy_each_object_once(stack):
    stack.write_recipe("shuffled")
    stack.copies = 3
    for number in range(4):
        stack.upload(f"inbox/shuffled/{number}.png", photo(64 + 16 * number, 64))
    stack.wait_for(lambda: len(stack.keys("outbox/shuffled/")) == 8)
    stack.wait_for(lambda: stack.waiting() == 0)
    assert stack.paid_calls("shuffled") == 4
    events = news_about(stack, "inbox/shuffled/", 4)
    assert len({event["id"] for event in events}) == 4


def test_mask_and_photo_that_arrive_at_once_buy_one_edit(stack):
    stack.write_recipe("masked", mask="sibling")
    stack.copies = 2
    stack.upload("inbox/masked/photo.mask.png", box_mask(64, 64))
    stack.upload("inbox/masked/photo.png")
    stack.wait_for_key("outbox/masked/photo.png.json")
    stack.wait_for(lambda: stack.waiting() == 0)
    assert stack.paid_calls("masked") == 1


@pytest.mark.parametrize("name", ["my photo+1 (ü)%.png", "a b/c+d.png"])
def test_name_with_special_characters_comes_out_unchanged(stack, name):
    stack.write_recipe("named")
    stack.upload(f"inbox/named/{name}", photo(64, 64 + 16 * len(name)))
    stack.wait_for_key(f"outbox/named/{name}")


def test_object_that_is_no_image_is_one_failure(stack):
    stack.write_recipe("refused")
    stack.upload("inbox/refused/a.png", b"%PDF-1.7\n%not a picture\n")
    stack.wait_for_key("failed/refused/a.png.json")
    assert (
        stack.read_json("failed/refused/a.png.json")["error"]["code"] == "unsupported_image_format"
    )
    stack.wait_for(lambda: stack.waiting() == 0)
    assert stack.paid_calls("refused") == 0


def test_result_that_is_copied_into_the_inbox_starts_nothing(stack):
    stack.write_recipe("looped")
    stack.upload("inbox/looped/photo.png")
    stack.wait_for_key("outbox/looped/photo.png")
    for key in stack.keys("outbox/looped/"):
        copied = {"Bucket": BUCKET, "Key": key}
        target = key.replace("outbox/", "inbox/", 1)
        stack.s3.copy_object(Bucket=BUCKET, Key=target, CopySource=copied)
    stack.wait_for(lambda: stack.waiting() == 0)
    assert stack.paid_calls("looped") == 1


def test_message_has_its_reply_after_its_worker_was_killed(stack):
    stack.provider.responses[0].delay = 3.0
    stack.post(edit("killed", reply_to=queue_arn("replies")))
    stack.wait_for(lambda: stack.paid_calls("killed"))
    stack.kill_workers()
    stack.provider.responses[0].delay = 0.0
    (reply,) = stack.wait_for(lambda: stack.take("replies"), 120)
    assert (reply["status"], reply["billed"]) == ("failed", "unknown")
    assert reply["error"]["code"] == "order_outcome_unknown"
    assert stack.paid_calls("killed") == 1


def test_cloud_event_that_its_producer_sends_twice_buys_once(stack):
    detail = {
        "specversion": "1.0",
        "id": "4711",
        "source": "urn:shop",
        "type": "retouch.edit.requested",
        "data": edit("twice"),
    }
    entry = {
        "EventBusName": BUS,
        "Source": "shop",
        "DetailType": "retouch.edit.requested",
        "Detail": json.dumps(detail),
    }
    for _ in range(2):
        stack.events.put_events(Entries=[entry])
    stack.wait_for(lambda: stack.paid_calls("twice"))
    stack.wait_for(lambda: stack.waiting() == 0)
    assert stack.paid_calls("twice") == 1


def test_message_of_unknown_shape_is_a_dead_letter(stack):
    stack.post({"hello": "retouch"})
    (dead,) = stack.wait_for(lambda: stack.take("dead"))
    assert dead == {"hello": "retouch"}


# Step Functions: moto runs the state machines.


def documented_machine():
    """Return the state machine of the documentation, with the name of a function."""
    text = PAGE.read_text().partition("## Step Functions")[2]
    block = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert block
    machine = json.loads(block[1].replace("${EditsFunction}", "edits"))
    machine["States"]["Edit"]["Retry"][0]["IntervalSeconds"] = 1
    machine["States"]["Edit"]["Retry"][0]["ErrorEquals"].append("Runtime.ExitError")
    return machine


def run_documented_machine(stack, prompt, crash="", **fields):
    machine = documented_machine()
    machine["States"]["Edit"]["Parameters"]["Payload"]["idempotency_key"] = prompt
    del machine["States"]["Edit"]["Parameters"]["Payload"]["idempotency_key.$"]
    if crash:
        (stack.steps / order_key(f"direct:{DIRECT_SCOPE}", prompt)).write_text(crash)
    execution = stack.run_machine(machine, edit(prompt, **fields))
    return stack.wait_for_machine(execution)


DIRECT_SCOPE = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # no key at all


def test_documented_state_machine_returns_a_link(stack):
    execution = stack.run_machine(documented_machine(), edit("machine"))
    ended = stack.wait_for_machine(execution)
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["url"].startswith("http")
    assert output["billed"] == "yes"
    assert stack.paid_calls("machine") == 1


def test_state_whose_function_is_killed_after_its_answer_was_stored_is_retried_and_succeeds(stack):
    ended = run_documented_machine(stack, "retried", crash="after answer")
    assert ended["status"] == "SUCCEEDED", ended
    assert stack.paid_calls("retried") == 1


def test_state_whose_function_is_killed_after_the_send_mark_fails_by_its_name(stack):
    ended = run_documented_machine(stack, "lost", crash="after call")
    assert (ended["status"], ended["error"]) == ("FAILED", "OutcomeUnknown"), ended
    assert stack.paid_calls("lost") == 1


def test_state_whose_function_is_killed_twice_while_the_provider_works_gets_the_picture(stack):
    model = "black-forest-labs/flux-kontext-pro"
    twice = "after submitted\nafter submitted"
    ended = run_documented_machine(stack, "worked", crash=twice, model=model)
    assert ended["status"] == "SUCCEEDED", ended
    assert json.loads(ended["output"])["billed"] == "yes"
    assert stack.paid_calls("worked") == 1
    assert not (
        stack.steps / order_key(f"direct:{DIRECT_SCOPE}", "worked")
    ).exists()  # both crashes


def waiting_machine(**fields):
    return {
        "StartAt": "Edit",
        "States": {
            "Edit": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {
                    "QueueUrl.$": "$.queue",
                    "MessageBody": {
                        "task_token.$": "$$.Task.Token",
                        "model.$": "$.edit.model",
                        "prompt.$": "$.edit.prompt",
                        "images.$": "$.edit.images",
                    },
                },
                "End": True,
                **fields,
            }
        },
    }


def run_waiting_machine(stack, body, **fields):
    payload = {"queue": stack.urls["edits"], "edit": body}
    return stack.wait_for_machine(stack.run_machine(waiting_machine(**fields), payload))


def test_state_that_waits_for_a_token_ends_with_the_job(stack):
    ended = run_waiting_machine(stack, edit("token"), HeartbeatSeconds=40)
    assert ended["status"] == "SUCCEEDED", ended
    job = json.loads(ended["output"])
    assert (job["status"], job["billed"]) == ("completed", "yes")
    assert stack.paid_calls("token") == 1


def test_state_that_waits_for_a_token_fails_by_the_code_of_the_edit(stack):
    ended = run_waiting_machine(stack, {**edit("refused token"), "model": "nobody/nothing"})
    assert (ended["status"], ended["error"]) == ("FAILED", "Retouch.model_not_found"), ended


def test_edit_whose_state_has_timed_out_is_still_finished(stack):
    stack.provider.responses[0].delay = 4.0
    try:
        ended = run_waiting_machine(stack, edit("late"), TimeoutSeconds=1)
        assert ended["status"] in ("TIMED_OUT", "FAILED"), ended
        news_about(stack, "retouch.edit.completed")
    finally:
        stack.provider.responses[0].delay = 0.0
    stack.wait_for(lambda: stack.waiting() == 0)
    assert stack.paid_calls("late") == 1


def test_documented_producer_sends_an_edit_that_is_made_once(stack, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    monkeypatch.chdir(PAGE.parents[1])
    monkeypatch.setenv("MODEL", "gpt-image-2")
    monkeypatch.setenv("EDITS_QUEUE", stack.urls["edits"])
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": stack.endpoint}.items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        exec(code, {})
    (event, *_) = news_about(stack, '"shoe": "4711"')
    assert event["type"] == "retouch.edit.completed"
    stack.wait_for(lambda: stack.waiting() == 0)
    assert stack.paid_calls("remove the ball") == 1
