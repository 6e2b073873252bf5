"""Tests of feedback."""

import pytest

from retouch.usage.event import SECONDS_PER_DAY, format_time, start_of_day
from tests.support.tenants import AdminApi
from tests.support.usage import InMemoryUsage, make_event

TODAY = start_of_day("2026-11-22")


class Reviews(AdminApi):
    """An admin API with two workspaces and a table of usage."""

    def __init__(self, folder):
        self.store = InMemoryUsage()
        super().__init__(folder, usage_store=self.store)
        self.shop, self.cafe = self.workspace("shop"), self.workspace("cafe")
        scopes = ["logs.write", "analytics.view"]
        _, self.shop_key = self.key(self.shop, scopes=scopes)
        _, self.cafe_key = self.key(self.cafe, scopes=scopes)

    def add_event(self, trace, workspace=None, **fields):
        values = {"time": TODAY, "order": f"ord_{trace}", "trace": trace, **fields}
        self.store.write_event(make_event(workspace=workspace or self.shop, **values))

    def give(self, body, key=None):
        return self.call("POST", "/v1/feedback", body, key=key or self.shop_key)

    def graph(self, name, key=None, **query):
        span = format_time(TODAY), format_time(TODAY + SECONDS_PER_DAY)
        values = dict(zip(("time_of_generation_min", "time_of_generation_max"), span, strict=True))
        text = "&".join(f"{key}={value}" for key, value in {**values, **query}.items())
        path = f"/v1/analytics/graphs/{name}?{text}"
        answer = self.call("GET", path, key=key or self.shop_key)
        assert answer.status == 200, answer.text
        return answer.json


@pytest.fixture
def api(tmp_path):
    return Reviews(tmp_path)


def test_feedback_shows_as_the_weighted_average_of_each_model(api):
    for number, (model, value, weight) in enumerate(
        [("a", 1, 1), ("a", -1, 0.5), ("a", 1, 0.5), ("b", -1, 1), ("b", -1, 0.25)]
    ):
        api.add_event(f"t{number}", model=model)
        answer = api.give({"trace_id": f"t{number}", "value": value, "weight": weight})
        assert (answer.status, answer.json["status"]) == (200, "success")
        assert len(answer.json["feedback_ids"]) == 1
    assert api.graph("feedbacks/ai-models")["data_points"] == [
        {"ai_model": "openai/a", "total": 3, "avg_weighted_feedback": 0.5},
        {"ai_model": "openai/b", "total": 2, "avg_weighted_feedback": -1.0},
    ]
    assert api.graph("feedbacks/weighted")["summary"] == {"avg": round(-0.25 / 3.25, 4)}
    scores = api.graph("feedbacks/scores")
    assert scores["data_points"] == [{"score": -1, "total": 3}, {"score": 1, "total": 2}]
    counts = api.graph("feedbacks")
    assert counts["summary"] == {"total": 5}
    assert sum(point["total"] for point in counts["data_points"]) == 5


def test_list_of_feedback_is_stored_with_one_id_each(api):
    answer = api.give([{"trace_id": "t", "value": 5}, {"trace_id": "t", "value": -5}])
    assert len(set(answer.json["feedback_ids"])) == 2
    assert api.graph("feedbacks")["summary"] == {"total": 2}


def test_feedback_is_changed_by_its_id(api):
    (identifier,) = api.give({"trace_id": "t", "value": 5}).json["feedback_ids"]
    path = f"/v1/feedback/{identifier}"
    answer = api.call("PUT", path, {"value": -3}, key=api.shop_key)
    assert (answer.status, answer.json["feedback_ids"]) == (200, [identifier])
    assert api.graph("feedbacks/scores")["data_points"] == [{"score": -3, "total": 1}]
    assert api.call("PUT", path, {"value": 1}, key=api.cafe_key).status == 404
    assert api.call("PUT", "/v1/feedback/fb_x", {"value": 1}, key=api.shop_key).status == 404


def test_trace_of_another_workspace_is_the_same_as_an_unknown_one(api):
    api.add_event("theirs", workspace=api.cafe)
    answers = [api.give({"trace_id": name, "value": 1}) for name in ("theirs", "unknown")]
    assert [answer.status for answer in answers] == [200, 200]
    assert api.graph("feedbacks")["summary"] == {"total": 2}
    assert api.graph("feedbacks/ai-models")["data_points"] == []
    assert api.graph("feedbacks", key=api.cafe_key)["summary"] == {"total": 0}


def test_feedback_that_comes_before_the_event_gets_its_model_later(api):
    assert api.give({"trace_id": "late", "value": 1}).status == 200
    assert api.graph("feedbacks/ai-models")["data_points"] == []
    api.add_event("late", model="c")
    (point,) = api.graph("feedbacks/ai-models")["data_points"]
    assert point["ai_model"] == "openai/c"


def test_feedback_is_filtered_by_the_edit_that_it_is_about(api):
    for trace, model in (("t1", "a"), ("t2", "b")):
        api.add_event(trace, model=model)
        api.give({"trace_id": trace, "value": 1})
    assert api.graph("feedbacks", ai_org_model="openai__a")["summary"] == {"total": 1}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"value": 1}, "trace_id"),
        ({"trace_id": "t"}, "value"),
        ({"trace_id": "t", "value": 11}, "value"),
        ({"trace_id": "t", "value": 1.5}, "value"),
        ({"trace_id": "t", "value": 1, "weight": 2}, "weight"),
        ({"trace_id": "t", "value": 1, "metadata": "x"}, "metadata"),
        ({"trace_id": "t", "value": 1, "stars": 5}, "stars"),
    ],
)
def test_value_outside_its_rule_is_refused_by_name(api, body, param):
    answer = api.give(body)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


@pytest.mark.parametrize("body", [[], "x", [1], [{"trace_id": "t", "value": 1}] * 101])
def test_body_of_another_form_is_refused_and_nothing_is_stored(api, body):
    assert api.give(body).status == 400
    assert api.services.documents.documents == {}


def test_key_without_the_scope_is_refused(api):
    _, key = api.key(api.shop, scopes=["analytics.view"])
    assert api.give({"trace_id": "t", "value": 1}, key).status == 403
