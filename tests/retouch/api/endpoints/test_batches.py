"""Tests of /v1/files and /v1/batches: their fields, their owners, lists, repetitions, and refusals."""

import re

import pytest

from retouch.api.endpoints import files
from retouch.batches.cancelling import resend_overdue
from retouch.core.credentials.upload_ids import make_upload_id
from retouch.core.errors import OrdersUnavailable
from tests.support.batches import BatchGateway, batch_body, batch_line, call_route
from tests.support.jobs import JobGateway
from tests.support.killed_process import ProcessKilled
from tests.support.upstream import Upstream

KEY_A, KEY_B = {"Authorization": "Bearer rt_a"}, {"Authorization": "Bearer rt_b"}
FIRST, RETRY = {"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "1"}
UNKNOWN_FILE = "file-" + "0" * 34


@pytest.fixture
def gateway():
    with Upstream() as upstream:
        yield BatchGateway(upstream)


@pytest.fixture
def closed_gateway():
    with Upstream() as upstream:
        yield BatchGateway(upstream, RETOUCH_AUTH_MODE="keys")


def test_stored_file_can_be_read_listed_and_deleted(gateway):
    fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    file = gateway.upload([batch_line(0)], **fields).json
    assert re.fullmatch("file-[0-9a-z]{34}", file["id"])
    assert (file["object"], file["purpose"], file["filename"]) == ("file", "batch", "in.jsonl")
    assert file["expires_at"] == file["created_at"] + 3600
    assert file["bytes"] == len(gateway.contents.objects[f"files/{file['id']}"])
    assert gateway.call("GET", f"/v1/files/{file['id']}").json == file
    assert gateway.call("GET", "/v1/files").json["data"] == [file]
    content = gateway.call("GET", f"/v1/files/{file['id']}/content")
    assert (content.status, content.headers["location"]) == (
        302,
        f"https://bucket.example/files/{file['id']}",
    )
    deleted = gateway.call("DELETE", f"/v1/files/{file['id']}")
    assert deleted.json == {"id": file["id"], "object": "file", "deleted": True}
    assert gateway.contents.objects == {}
    assert gateway.call("GET", f"/v1/files/{file['id']}").status == 404
    assert gateway.call("DELETE", f"/v1/files/{file['id']}").status == 404


def test_expired_file_does_not_exist(gateway):
    file = gateway.upload([batch_line(0)]).json
    gateway.clock.advance(30 * 86_400)
    assert gateway.call("GET", f"/v1/files/{file['id']}").status == 404
    assert gateway.call("GET", "/v1/files").json["data"] == []
    response = gateway.call("POST", "/v1/batches", batch_body(file["id"]))
    assert (response.status, response.json["error"]["code"]) == (404, "file_not_found")


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"purpose": "vision"}, "purpose", "invalid_value"),
        ({"file": ("a", b"", "text/plain")}, "file", "empty_file"),
        ({"file": "text"}, "file", "missing_required_parameter"),
        ({"expires_after[seconds]": "3600"}, "expires_after", "invalid_value"),
        (
            {"expires_after[anchor]": "created_at", "expires_after[seconds]": "60"},
            "expires_after[seconds]",
            "invalid_value",
        ),
        ({"model": "x"}, "model", "unknown_parameter"),
    ],
)
def test_invalid_field_of_a_file_is_refused_by_name(gateway, fields, param, code):
    response = gateway.upload([batch_line(0)], **fields)
    assert (response.status, response.json["error"]["param"]) == (400, param)
    assert response.json["error"]["code"] == code
    assert gateway.rows.rows == {}


def test_file_as_json_is_refused_with_the_remedy(gateway):
    response = gateway.call("POST", "/v1/files", {"purpose": "batch"})
    assert response.status == 415
    assert "multipart/form-data" in response.json["error"]["message"]


def test_signed_link_and_id_of_a_file_are_told_apart(closed_gateway):
    link = closed_gateway.call("GET", "/v1/files/MTc5OjEy.c2ln.png")
    assert link.status == 404
    assert "link" in link.json["error"]["message"]
    assert closed_gateway.call("GET", f"/v1/files/{UNKNOWN_FILE}").status == 401
    assert closed_gateway.call("GET", f"/v1/files/{UNKNOWN_FILE}", headers=KEY_A).status == 404


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"endpoint": "/v1/chat/completions"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"input_file_id": None}, "input_file_id"),
        ({"input_file_id": 3}, "input_file_id"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"metadata": {str(i): "x" for i in range(17)}}, "metadata"),
        ({"output_expires_after": {"seconds": 3600}}, "output_expires_after"),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 3599}},
            "output_expires_after.seconds",
        ),
        ({"model": "x"}, "model"),
    ],
)
def test_invalid_field_of_a_batch_is_refused_by_name(gateway, fields, param):
    file = gateway.upload([batch_line(0)]).json["id"]
    response = gateway.call("POST", "/v1/batches", {**batch_body(file), **fields})
    assert (response.status, response.json["error"]["param"]) == (400, param)
    assert gateway.steps.messages == []


@pytest.mark.parametrize("identifier", [UNKNOWN_FILE, "file-x", "upload_x", "../x"])
def test_batch_of_an_unknown_file_is_not_found(gateway, identifier):
    response = gateway.call("POST", "/v1/batches", batch_body(identifier))
    assert (response.status, response.json["error"]["code"]) == (404, "file_not_found")


def test_result_of_a_batch_is_not_the_input_of_another(gateway):
    batch = gateway.run(gateway.create([batch_line(0)]))
    response = gateway.call("POST", "/v1/batches", batch_body(batch["output_file_id"]))
    assert (response.status, response.json["error"]["param"]) == (400, "input_file_id")


def test_upload_is_the_input_of_a_batch_for_its_owner_only(closed_gateway):
    upload = make_upload_id(closed_gateway.digest("a"), "0" * 16)
    body = batch_body(upload)
    missing = closed_gateway.call("POST", "/v1/batches", body, KEY_A)
    assert (missing.status, missing.json["error"]["code"]) == (404, "file_not_found")
    file = closed_gateway.upload([batch_line(0)], KEY_A).json["id"]
    closed_gateway.contents.objects[f"uploads/{upload}"] = closed_gateway.contents.objects[
        f"files/{file}"
    ]
    assert closed_gateway.call("POST", "/v1/batches", body, KEY_B).status == 404
    batch = closed_gateway.call("POST", "/v1/batches", body, KEY_A).json
    assert batch["input_file_id"] == upload
    assert closed_gateway.run(batch["id"], KEY_A)["status"] == "completed"


def test_deleted_file_does_not_stop_its_batch(gateway):
    identifier = gateway.create([batch_line(0)])
    file = gateway.get_batch(identifier)["input_file_id"]
    assert gateway.call("DELETE", f"/v1/files/{file}").status == 200
    assert gateway.run(identifier)["status"] == "completed"


def test_files_and_batches_of_another_key_do_not_exist(closed_gateway):
    gateway = closed_gateway
    batch = gateway.run(gateway.create([batch_line(0)], KEY_A), KEY_A)
    for file in (batch["input_file_id"], batch["output_file_id"]):
        for method, suffix in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
            path = f"/v1/files/{file}{suffix}"
            assert gateway.call(method, path, headers=KEY_B).status == 404, path
            assert gateway.call(method, path).status == 401, path
    path = f"/v1/batches/{batch['id']}"
    assert gateway.call("GET", path, headers=KEY_B).status == 404
    assert gateway.call("POST", f"{path}/cancel", headers=KEY_B).status == 404
    body = batch_body(batch["input_file_id"])
    assert gateway.call("POST", "/v1/batches", body, KEY_B).status == 404
    for path in ("/v1/files", "/v1/batches"):
        assert gateway.call("GET", path, headers=KEY_B).json["data"] == []
        assert gateway.call("GET", path, headers=KEY_A).json["data"] != []
    for job in (line["id"] for line in gateway.results(batch["output_file_id"]).values()):
        edit = f"/v1/images/edits/edit_{job.removeprefix('batch_req_')}"
        assert gateway.call("GET", edit, headers=KEY_A).status == 200
        assert gateway.call("GET", edit, headers=KEY_B).status == 404


def test_lists_have_pages_in_both_orders(gateway):
    ids = []
    for _ in range(5):
        ids.append(gateway.create([batch_line(0)]))
        gateway.clock.advance(1)
    newest = ids[::-1]
    page = gateway.call("GET", "/v1/batches", query={"limit": "2"}).json
    assert [one["id"] for one in page["data"]] == newest[:2]
    assert (page["first_id"], page["last_id"], page["has_more"]) == (newest[0], newest[1], True)
    rest = gateway.call("GET", "/v1/batches", query={"after": newest[1]}).json
    assert [one["id"] for one in rest["data"]] == newest[2:]
    assert rest["has_more"] is False
    for path in ("/v1/batches", "/v1/files"):
        assert gateway.call("GET", path, query={"after": "x"}).json["error"]["param"] == "after"
    files = gateway.call("GET", "/v1/files", query={"order": "asc", "limit": "3"}).json
    created = [one["created_at"] for one in files["data"]]
    assert created == sorted(created)
    assert files["has_more"] is True
    outputs = gateway.call("GET", "/v1/files", query={"purpose": "batch_output"}).json
    assert outputs["data"] == []


def test_list_of_files_goes_on_behind_files_that_it_does_not_show(gateway, monkeypatch):
    monkeypatch.setattr(files, "_PAGE_SIZE", 2)
    kept = gateway.upload([batch_line(0)]).json["id"]
    expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    gateway.clock.advance(1)
    for _ in range(5):
        gateway.upload([batch_line(0)], **expiry)
    gateway.clock.advance(3600)
    page = gateway.call("GET", "/v1/files", query={"limit": "1"}).json
    assert ([one["id"] for one in page["data"]], page["has_more"]) == ([kept], False)


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/v1/batches", {"limit": "0"}, "limit"),
        ("/v1/batches", {"limit": "x"}, "limit"),
        ("/v1/batches", {"order": "asc"}, "order"),
        ("/v1/files", {"order": "up"}, "order"),
        ("/v1/files", {"purpose": "vision"}, "purpose"),
    ],
)
def test_invalid_parameter_of_a_list_is_refused_by_name(gateway, path, query, param):
    response = gateway.call("GET", path, query=query)
    assert (response.status, response.json["error"]["param"]) == (400, param)


def test_retry_of_an_sdk_finds_its_batch(gateway):
    body = batch_body(gateway.upload([batch_line(0)]).json["id"])
    first = gateway.call("POST", "/v1/batches", body, FIRST).json["id"]
    assert gateway.call("POST", "/v1/batches", body, RETRY).json["id"] == first
    assert gateway.call("POST", "/v1/batches", body, FIRST).json["id"] != first
    gateway.clock.advance(1000)
    assert gateway.call("POST", "/v1/batches", body, RETRY).json["id"] != first


def test_retry_of_another_request_makes_its_own_batch(gateway):
    body = batch_body(gateway.upload([batch_line(0)]).json["id"])
    first = gateway.call("POST", "/v1/batches", body, FIRST).json["id"]
    other = {**body, "metadata": {"a": "b"}}
    assert gateway.call("POST", "/v1/batches", other, RETRY).json["id"] != first


def test_idempotency_key_finds_its_batch_and_refuses_another_request(gateway):
    body = batch_body(gateway.upload([batch_line(0)]).json["id"])
    key = {"Idempotency-Key": "k-1"}
    first = gateway.call("POST", "/v1/batches", body, key).json["id"]
    assert gateway.call("POST", "/v1/batches", body, key).json["id"] == first
    other = gateway.call("POST", "/v1/batches", {**body, "metadata": {"a": "b"}}, key)
    assert (other.status, other.json["error"]["code"]) == (422, "idempotency_key_reused")
    assert gateway.run(first)["status"] == "completed"
    assert gateway.call("POST", "/v1/batches", body, key).json["status"] == "completed"
    assert len(gateway.upstream.calls) == 1


def test_request_that_died_after_its_key_was_written_is_continued(gateway):
    body = batch_body(gateway.upload([batch_line(0)]).json["id"])
    key = {"Idempotency-Key": "k-1"}

    def die(moment, row):
        if moment == "after" and row.id.startswith("key-"):
            raise ProcessKilled

    gateway.rows.on_write = die
    with pytest.raises(ProcessKilled):
        gateway.call("POST", "/v1/batches", body, key)
    gateway.rows.on_write = lambda *_: None
    first = gateway.call("POST", "/v1/batches", body, key)
    assert first.status == 200
    assert gateway.call("POST", "/v1/batches", body, key).json["id"] == first.json["id"]


@pytest.mark.parametrize("is_made", [False, True], ids=["failed", "lost answer"])
@pytest.mark.parametrize(
    ("headers", "should_retry"),
    [({}, "false"), (FIRST, "true"), ({"Idempotency-Key": "k-1"}, "true")],
    ids=["plain", "sdk", "key"],
)
def test_error_of_a_table_that_does_not_answer_names_the_batch_that_may_exist(
    gateway, headers, should_retry, is_made, monkeypatch
):
    body = batch_body(gateway.upload([batch_line(0)]).json["id"])
    write = gateway.rows.write

    def fail(*_, **__):
        raise OrdersUnavailable("down")

    with monkeypatch.context() as patch:

        def fail_from_now_on(row, replaces):
            if not row.id.startswith("batch_"):
                return write(row, replaces)
            if is_made:
                write(row, replaces)
            patch.setattr(gateway.rows, "write", fail)
            patch.setattr(gateway.rows, "read", fail)
            return fail()

        patch.setattr(gateway.rows, "write", fail_from_now_on)
        response = gateway.call("POST", "/v1/batches", body, headers)
    error = response.json["error"]
    assert (response.status, error["code"]) == (503, "orders_unavailable")
    assert response.headers["x-should-retry"] == should_retry
    (path,) = re.findall("/v1/batches/batch_[a-z0-9]+", error["message"])
    assert gateway.call("GET", path).status == (200 if is_made else 404)
    if headers:
        retry = RETRY if headers is FIRST else headers
        repeated = gateway.call("POST", "/v1/batches", body, retry).json["id"]
        assert path.endswith(repeated) or (headers is FIRST and not is_made)
    gateway.clock.advance(1000)
    resend_overdue(gateway.batch_stores, gateway.clock.unix_time())
    while gateway.steps.messages:
        gateway.step()
        gateway.work_on_lines()
    assert len(gateway.upstream.calls) == (1 if is_made or headers else 0)


@pytest.mark.parametrize("failing", ["row", "message"])
def test_batch_that_is_stored_is_accepted_whatever_fails_after_that(gateway, failing, monkeypatch):
    body = batch_body(gateway.upload([batch_line(0)]).json["id"])
    table = gateway.rows if failing == "row" else gateway.steps
    name = "write" if failing == "row" else "send"
    method = getattr(table, name)

    def fail_once(*args, **named):
        monkeypatch.setattr(table, name, method)
        if failing == "row":
            method(*args, **named)
        raise OrdersUnavailable("down")

    monkeypatch.setattr(table, name, fail_once)
    batch = gateway.call("POST", "/v1/batches", body)
    assert (batch.status, batch.json["status"]) == (200, "validating")
    gateway.clock.advance(1000)
    resend_overdue(gateway.batch_stores, gateway.clock.unix_time())
    assert gateway.run(batch.json["id"])["status"] == "completed"
    assert len(gateway.upstream.calls) == 1


def test_own_provider_key_is_refused_because_a_batch_is_stored(gateway):
    body = batch_body(gateway.upload([batch_line(0)]).json["id"])
    headers = {"Authorization": "Bearer sk-own", "x-portkey-provider": "openai"}
    response = gateway.call("POST", "/v1/batches", body, headers)
    assert (response.status, response.json["error"]["code"]) == (400, "job_with_secret")
    assert "sk-own" not in str(gateway.rows.rows)


def test_provider_header_of_a_batch_holds_for_its_lines(gateway):
    body = {**batch_line(0)["body"], "model": "gpt-image-2"}
    identifier = gateway.create([batch_line(0, body=body)], {"x-portkey-provider": "nobody"})
    batch = gateway.run(identifier)
    assert batch["errors"]["data"][0]["code"] == "unsupported_provider"


def test_gateway_without_a_table_of_batches_refuses_them_by_name():
    with Upstream() as upstream:
        response = call_route(JobGateway(upstream).services, "GET", "/v1/batches")
        assert (response.status, response.json["error"]["code"]) == (400, "batches_not_configured")
