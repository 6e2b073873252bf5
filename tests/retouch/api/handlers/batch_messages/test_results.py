"""Tests of the results of batches, and of the check of their lines."""

import json

import pytest
from openai.types import Batch

from tests.support.batches import BatchGateway, batch_line, lines_of
from tests.support.images import data_url
from tests.support.jobs import SUCCESS
from tests.support.upstream import Upstream, json_response

BAD_PICTURE = data_url(b"no image")


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
