"""Tests of the keys API: what a key shows, gives and loses, and the isolation of workspaces."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.tenants import ADMIN_KEY, AdminApi

HOUR_MS = 3_600_000


@pytest.fixture
def api(tmp_path):
    return AdminApi(tmp_path)


@pytest.fixture
def acme(api):
    return api.workspace("acme")


def test_created_key_opens_the_gateway_and_is_shown_once(api, acme):
    identifier, key = api.key(acme)
    assert identifier.startswith("k_")
    assert key.startswith("rt_")
    assert api.models_status(key) == 200
    shown = api.call("GET", f"/v1/api-keys/{identifier}")
    listed = api.call("GET", "/v1/api-keys")
    assert (shown.json["name"], shown.json["workspace_id"]) == ("shop", acme)
    assert shown.json["data"]["id"] == identifier
    assert (listed.json["object"], listed.json["total"]) == ("list", 2)
    assert key not in shown.text + listed.text
    assert shown.headers["cache-control"] == "private, no-store"


def test_fields_of_a_key_are_returned_as_they_were_sent(api, acme):
    fields = {
        "name": "shop",
        "description": "for the shop",
        "user_id": "u1",
        "scopes": ["completions.write", "logs.write"],
        "allowed_models": ["openai/gpt-image-2"],
        "allowed_providers": ["openai"],
        "expires_at": "2027-01-31T00:00:00.000Z",
        "defaults": {"metadata": {"a": "b"}, "config_id": "pc-x", "allow_config_override": False},
        "usage_limits": {
            "type": "cost",
            "credit_limit": 0.123456,
            "alert_threshold": 0.1,
            "periodic_reset": "weekly",
            "periodic_reset_days": None,
            "next_usage_reset_at": "2026-11-29T00:00:00.000Z",
        },
        "rate_limits": [{"type": "pictures", "unit": "rpm", "value": 5}],
        "concurrency": 3,
        "budget_own_keys": True,
        "alert_emails": ["a@example.com"],
        "rotation_policy": {
            "rotation_period": "monthly",
            "next_rotation_at": None,
            "key_transition_period_ms": 1_800_000,
        },
    }
    identifier, _ = api.key(acme, kind="workspace/user", **fields)
    shown = api.call("GET", f"/v1/api-keys/{identifier}").json
    assert {name: shown[name] for name in fields} == fields
    assert shown["type"] == "workspace-user"
    again = api.call("PUT", f"/v1/api-keys/{identifier}", {name: shown[name] for name in fields})
    assert {name: again.json[name] for name in fields} == fields


def test_update_changes_only_the_fields_that_it_names_and_null_clears_one(api, acme):
    identifier, _ = api.key(acme, usage_limits={"credit_limit": 1}, description="old")
    changed = api.call("PUT", f"/v1/api-keys/{identifier}", {"usage_limits": None, "name": "new"})
    assert (changed.json["name"], changed.json["description"]) == ("new", "old")
    assert changed.json["usage_limits"] is None


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"name": ""}, "name", "invalid_value"),
        ({"name": 3}, "name", "invalid_value"),
        ({"scopes": ["everything"]}, "scopes", "invalid_value"),
        ({"scopes": ["workspaces.create"]}, "scopes", "invalid_value"),
        ({"usage_limits": {"type": "cost"}}, "usage_limits.credit_limit", "invalid_value"),
        ({"usage_limits": {"credit_limit": -1}}, "usage_limits.credit_limit", "invalid_value"),
        ({"usage_limits": {"credit_limit": 1e-7}}, "usage_limits.credit_limit", "invalid_value"),
        ({"usage_limits": {"credit_limit": True}}, "usage_limits.credit_limit", "invalid_value"),
        (
            {"usage_limits": {"credit_limit": 1, "alert_threshold": 2}},
            "usage_limits.alert_threshold",
            "invalid_value",
        ),
        (
            {"usage_limits": {"credit_limit": 1, "periodic_reset": "hourly"}},
            "usage_limits.periodic_reset",
            "invalid_value",
        ),
        ({"rate_limits": [{"unit": "rpm"}]}, "rate_limits.value", "invalid_value"),
        ({"rate_limits": [{"unit": "rpy", "value": 1}]}, "rate_limits.unit", "invalid_value"),
        ({"rate_limits": "5"}, "rate_limits", "invalid_value"),
        (
            {"rotation_policy": {"key_transition_period_ms": 1000}},
            "rotation_policy.key_transition_period_ms",
            "invalid_value",
        ),
        ({"expires_at": "soon"}, "expires_at", "invalid_value"),
        ({"expires_at": "0001-01-01T00:00:00Z"}, "expires_at", "invalid_value"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at", "invalid_value"),
        ({"defaults": {"config_id": "x"}}, "defaults.config_id", "invalid_value"),
        ({"colour": "red"}, "colour", "unknown_parameter"),
    ],
)
def test_invalid_field_is_refused_by_name(api, acme, fields, param, code):
    body = {"name": "shop", "workspace_id": acme, **fields}
    answer = api.call("POST", "/v1/api-keys/workspace/service", body)
    assert (answer.status, answer.json["success"]) == (400, False)
    error = answer.json["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert param.rpartition(".")[2] in error["message"]


def test_body_that_is_no_object_is_refused(api):
    bodies: list[object] = [[], "x"]
    for body in bodies:
        answer = api.call("POST", "/v1/api-keys/workspace/service", body)
        assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_json")


def test_key_gives_at_most_its_own_scopes(api, acme):
    scopes = ["workspace_service_api_keys.create", "completions.write"]
    _, maker = api.key(acme, scopes=scopes)
    _, made = api.key(None, by=maker, scopes=["completions.write"])
    assert api.models_status(made) == 200
    body = {"name": "more", "scopes": ["configs.create"]}
    answer = api.call("POST", "/v1/api-keys/workspace/service", body, key=maker)
    assert (answer.status, answer.json["error"]["code"]) == (403, "insufficient_scope")
    assert "configs.create" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("own", "wider", "narrower"),
    [
        (
            {"allowed_models": ["openai/gpt-image-2"]},
            {},
            {"allowed_models": ["openai/gpt-image-2"]},
        ),
        ({"allowed_providers": ["openai"]}, {"allowed_providers": ["openai", "google"]}, None),
        (
            {"expires_at": "2027-01-01T00:00:00Z"},
            {"expires_at": "2027-01-02T00:00:00Z"},
            {"expires_at": "2026-12-31T00:00:00Z"},
        ),
    ],
)
def test_key_gives_no_more_models_providers_or_time_than_it_has(api, acme, own, wider, narrower):
    scopes = ["workspace_service_api_keys.create", "completions.write"]
    _, maker = api.key(acme, scopes=scopes, **own)
    body = {"name": "x", "scopes": ["completions.write"]}
    path = "/v1/api-keys/workspace/service"
    assert api.call("POST", path, {**body, **wider}, key=maker).status == 403
    assert api.call("POST", path, {**body, **(narrower or own)}, key=maker).status == 200


@pytest.mark.parametrize(
    "limits",
    [
        {"usage_limits": {"credit_limit": 1}},
        {"rate_limits": [{"type": "requests", "unit": "rpm", "value": 5}]},
        {"concurrency": 2},
        {"defaults": {"config_id": "pc-shop", "allow_config_override": False}},
    ],
)
def test_key_with_limits_can_neither_change_them_nor_get_around_them(api, acme, limits):
    scopes = [f"workspace_service_api_keys.{action}" for action in ("create", "update")]
    other, _ = api.key(acme)
    identifier, key = api.key(acme, scopes=["completions.write", *scopes], **limits)
    path = f"/v1/api-keys/{identifier}"
    refused = [api.call("PUT", path, {name: None}, key=key) for name in limits]
    if "usage_limits" in limits:
        refused.append(api.call("PUT", path, {"reset_usage": True}, key=key))
    refused += [
        api.call("POST", "/v1/api-keys/workspace/service", {"name": "x", **limits}, key=key),
        api.call("POST", f"/v1/api-keys/{other}/rotate", {}, key=key),
        api.call("PUT", f"/v1/api-keys/{other}", {"name": "y"}, key=key),
    ]
    assert {answer.status for answer in refused} == {403}
    assert "limits" in refused[0].json["error"]["message"]
    assert api.call("PUT", path, {"name": "mine"}, key=key).status == 200
    assert api.call("POST", f"{path}/rotate", {}, key=key).status == 200


def test_key_without_the_scope_is_refused_with_its_name(api, acme):
    _, key = api.key(acme)
    for method, path, scope in (
        ("GET", "/v1/api-keys", "workspace_service_api_keys.list"),
        ("POST", "/v1/api-keys/organisation/service", "organisation_service_api_keys.create"),
        ("GET", "/v1/admin/workspaces", "workspaces.list"),
        ("GET", "/v1/audit-logs", "audit_logs.list"),
    ):
        answer = api.call(method, path, key=key)
        assert (answer.status, answer.json["error"]["code"]) == (403, "insufficient_scope")
        assert scope in answer.json["error"]["message"]


def test_keys_of_another_workspace_are_not_found(api, acme):
    other = api.workspace("other")
    scopes = [f"workspace_service_api_keys.{a}" for a in ("list", "read", "update", "delete")]
    _, neighbour = api.key(other, scopes=scopes)
    identifier, key = api.key(acme)
    nowhere = api.call("GET", "/v1/api-keys/k_none", key=neighbour)
    for method, path in (
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/rotate"),
    ):
        answer = api.call(method, f"/v1/api-keys/{identifier}{path}", {}, key=neighbour)
        assert answer.status == nowhere.status == 404
        message = answer.json["error"]["message"].replace(identifier, "k_none")
        assert message == nowhere.json["error"]["message"]
    assert [
        item["workspace_id"] for item in api.call("GET", "/v1/api-keys", key=neighbour).json["data"]
    ] == [other]
    assert api.call("GET", f"/v1/api-keys?workspace_id={acme}", key=neighbour).status == 404
    assert api.models_status(key) == 200


def test_key_of_a_workspace_neither_sees_nor_changes_keys_of_the_organisation(api):
    scopes = ["workspace_service_api_keys.list", "workspace_service_api_keys.update"]
    _, key = api.key("default", scopes=scopes)
    listed = api.call("GET", "/v1/api-keys", key=key).json["data"]
    assert {item["type"] for item in listed} == {"workspace-service"}
    (admin,) = [
        item
        for item in api.call("GET", "/v1/api-keys").json["data"]
        if item["type"] == "organisation-service"
    ]
    answer = api.call("POST", f"/v1/api-keys/{admin['id']}/rotate", {}, key=key)
    assert answer.status == 404
    assert api.call("GET", "/v1/api-keys").status == 200


def test_rotated_key_works_until_the_end_of_the_transition(api, acme):
    identifier, old = api.key(acme)
    answer = api.call(
        "POST", f"/v1/api-keys/{identifier}/rotate", {"key_transition_period_ms": HOUR_MS}
    )
    new = answer.json["key"]
    assert (answer.json["id"], new != old) == (identifier, True)
    assert answer.json["key_transition_expires_at"] == "2026-11-22T01:00:00.000Z"
    assert (api.models_status(old), api.models_status(new)) == (200, 200)
    api.clock.advance(3_600 + 60)
    assert (api.models_status(old), api.models_status(new)) == (401, 200)


def test_second_rotation_does_not_lengthen_the_life_of_the_first_key(api, acme):
    identifier, first = api.key(acme)
    path, period = f"/v1/api-keys/{identifier}/rotate", {"key_transition_period_ms": HOUR_MS}
    second = api.call("POST", path, period).json["key"]
    api.clock.advance(1800)
    third = api.call("POST", path, period).json["key"]
    api.clock.advance(1800 + 61)
    assert [api.models_status(key) for key in (first, second, third)] == [401, 200, 200]
    api.clock.advance(1800)
    assert [api.models_status(key) for key in (second, third)] == [401, 200]


def test_rotation_without_a_transition_ends_the_old_key_within_a_minute(api, acme):
    identifier, old = api.key(acme)
    assert api.models_status(old) == 200
    new = api.call("POST", f"/v1/api-keys/{identifier}/rotate", {}).json["key"]
    api.clock.advance(60)
    assert (api.models_status(old), api.models_status(new)) == (401, 200)


def test_deleted_and_expired_keys_get_the_answer_of_an_unknown_one(api, acme):
    _, expired = api.key(acme, expires_at="2026-11-22T00:01:00Z")
    identifier, deleted = api.key(acme)
    assert (api.models_status(expired), api.models_status(deleted)) == (200, 200)
    assert api.call("DELETE", f"/v1/api-keys/{identifier}").json["deleted"] is True
    api.clock.advance(60)
    answers = [api.call("GET", "/v1/api-keys", key=k) for k in (expired, deleted, "rt_" + "z" * 43)]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert {api.models_status(key) for key in (expired, deleted)} == {401}


def test_repeated_create_with_an_idempotency_key_creates_one_key(api, acme):
    body, headers = {"name": "shop", "workspace_id": acme}, {"Idempotency-Key": "one"}
    path = "/v1/api-keys/workspace/service"
    first = api.call("POST", path, body, headers=headers)
    second = api.call("POST", path, body, headers=headers)
    assert (second.status, second.json["error"]["code"]) == (409, "already_created")
    assert second.json["error"]["id"] == first.json["id"]
    assert first.json["key"] not in second.text
    assert "rt_" not in second.text
    listed = api.call("GET", f"/v1/api-keys?workspace_id={acme}").json["data"]
    assert [item["id"] for item in listed] == [first.json["id"]]
    other = api.call("POST", path, {**body, "name": "other"}, headers=headers)
    assert (other.status, other.json["error"]["code"]) == (422, "idempotency_key_reused")
    api.clock.advance(86_400)
    assert api.call("POST", path, body, headers=headers).status == 200


def test_creates_at_the_same_time_with_one_idempotency_key_create_one_key(api, acme):
    body, headers = {"name": "shop", "workspace_id": acme}, {"Idempotency-Key": "one"}

    def create(_):
        return api.call("POST", "/v1/api-keys/workspace/service", body, headers=headers)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(8)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 7
    assert api.call("GET", f"/v1/api-keys?workspace_id={acme}").json["total"] == 1


def test_every_key_is_on_one_page_of_the_list(api, acme):
    created = [api.key(acme, name=str(number))[0] for number in range(5)]
    pages = [
        api.call("GET", f"/v1/api-keys?workspace_id=acme&page_size=2&current_page={page}").json
        for page in range(3)
    ]
    assert [page["total"] for page in pages] == [5, 5, 5]
    assert sorted(item["id"] for page in pages for item in page["data"]) == sorted(created)
    assert api.call("GET", "/v1/api-keys?page_size=0").status == 400


def test_unknown_callers_get_the_same_answer_at_every_path(api):
    answers = [
        api.call(method, path, key=key)
        for method, path in (("GET", "/v1/api-keys"), ("POST", "/v1/nowhere"), ("PATCH", "/v1/x"))
        for key in ("", "sk-x", "rt_" + "z" * 43)
    ]
    assert {(answer.status, answer.text) for answer in answers} == {(401, answers[0].text)}


def test_log_lines_of_a_request_name_its_key_and_workspace_and_those_of_the_next_do_not(
    api, acme, capsys
):
    identifier, key = api.key(acme)
    capsys.readouterr()
    api.call("GET", "/v1/nothing", key=key)
    assert f'"key":"shop","key_id":"{identifier}","workspace":"{acme}"' in capsys.readouterr().out
    api.call("GET", "/v1/nothing", key="rt_unknown")
    assert "key_id" not in capsys.readouterr().out


def test_wrong_method_and_path_are_named_to_a_key(api):
    answer = api.call("PATCH", "/v1/api-keys/k_1")
    assert (answer.status, answer.headers["allow"]) == (405, "DELETE, GET, PUT")
    assert api.call("GET", "/v1/api-keys/a/b/c").status == 404
    assert api.call("POST", "/v1/api-keys/workspace/robot", {"name": "x"}).status == 404


def test_every_write_has_an_audit_row_with_what_was_before_and_after(api, acme):
    identifier, key = api.key(acme)
    api.call("PUT", f"/v1/api-keys/{identifier}", {"name": "new"})
    rotated = api.call("POST", f"/v1/api-keys/{identifier}/rotate", {}).json["key"]
    api.call("DELETE", f"/v1/api-keys/{identifier}")
    answer = api.call("GET", "/v1/audit-logs")
    entries = [entry for entry in answer.json["data"] if entry["resource_id"] == identifier]
    actions = {entry["action"]: entry for entry in entries}
    assert set(actions) == {f"api_key.{a}" for a in ("create", "update", "rotate", "delete")}
    update = actions["api_key.update"]
    assert (update["before"]["name"], update["after"]["name"]) == ("shop", "new")
    assert update["request_id"] == "req-test"
    assert update["actor"].startswith("k_")
    for secret in (key, rotated, ADMIN_KEY):
        assert secret not in answer.text


def test_audit_log_shows_a_workspace_only_its_own_changes(api, acme):
    other = api.workspace("other")
    api.key(other)
    _, reader = api.key(acme, scopes=["audit_logs.list"])
    entries = api.call("GET", "/v1/audit-logs", key=reader).json["data"]
    assert {entry["workspace_id"] for entry in entries} == {acme}
    too_long = api.call("GET", "/v1/audit-logs?start_time=1&end_time=99999999")
    assert (too_long.status, too_long.json["error"]["code"]) == (400, "range_too_large")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_time_of_the_audit_log_that_no_calendar_has_around_it_is_refused(api, time):
    answer = api.call("GET", f"/v1/audit-logs?end_time={time}")
    assert (answer.status, answer.json["error"]["param"]) == (400, "end_time")
