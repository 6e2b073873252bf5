"""Tests of conditions: every operator on metadata, form text, typed values and the path, and hostile patterns."""

import pytest

from retouch.core.edit_types import EncodedImage, FormText
from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.routing.conditions import check_query, matches_query, request_attributes
from tests.support.cpu_time import cpu_seconds

IMAGE = EncodedImage(b"", "png", 2000, 1000)
VALUES = request_attributes(
    {
        "model": FormText("openai/gpt-image-2"),
        "n": FormText("2"),
        "seed": 7,
        "stream": FormText("true"),
    },
    [IMAGE, EncodedImage(b"", "png", 10, 10)],
    True,
    {"plan": "paid", "age": "30", "_user": "u1"},
    "/v1/images/edits",
)

MATCHING_QUERIES = [
    {},
    {"metadata.plan": "paid"},
    {"metadata.plan": {"$eq": "paid"}},
    {"metadata.plan": {"$ne": "free"}},
    {"metadata.none": {"$ne": "free"}},
    {"metadata._user": {"$in": ["u0", "u1"]}},
    {"metadata.plan": {"$nin": ["free"]}},
    {"metadata.none": {"$nin": ["free"]}},
    {"metadata.age": {"$gte": 30, "$lt": 31}},
    {"metadata.plan": {"$gt": "paia", "$lte": "paid"}},
    {"params.n": 2},
    {"params.n": "2"},
    {"params.n": {"$eq": 2.0}},
    {"params.n": {"$in": [1, 2]}},
    {"params.n": {"$gt": 1, "$lte": 2}},
    {"params.seed": {"$eq": 7}},
    {"params.stream": True},
    {"params.stream": "true"},
    {"params.model": {"$regex": "^openai/gpt-image-[12]$"}},
    {"params.model": {"$regex": "(?i)GPT.image"}},
    {"params.seed": {"$regex": "^7$"}},
    {"params.image_count": {"$eq": 2}},
    {"params.has_mask": True},
    {"params.megapixels": {"$gte": 2, "$lt": 2.1}},
    {"url.pathname": "/v1/images/edits"},
    {"url.pathname": {"$regex": "edits$"}},
    {"$and": [{"metadata.plan": "paid"}, {"params.n": 2}]},
    {"$and": []},
    {"$or": [{"metadata.plan": "free"}, {"$and": [{"params.n": 2}]}]},
    {"metadata.plan": "paid", "params.n": {"$lt": 3}},
]
NON_MATCHING_QUERIES = [
    {"metadata.plan": "free"},
    {"metadata.none": "x"},
    {"metadata.none": {"$gt": 0}},
    {"metadata.none": {"$regex": "."}},
    {"metadata.plan": {"$gt": 1}},
    {"metadata.plan": {"$ne": "paid"}},
    {"metadata.plan": {"$in": []}},
    {"metadata.plan": {"$nin": ["paid"]}},
    {"params.n": 3},
    {"params.n": {"$gt": 2}},
    {"params.n": {"$lt": 2}},
    {"params.seed": "7"},
    {"params.has_mask": 1},
    {"params.has_mask": {"$gte": 0}},
    {"params.image_count": True},
    {"params.stream": False},
    {"params.model": {"$regex": "dall-e"}},
    {"url.pathname": "/"},
    {"$or": []},
    {"$and": [{"metadata.plan": "paid"}, {"params.n": 3}]},
    {"metadata.plan": "paid", "params.n": 3},
]


@pytest.mark.parametrize("query", MATCHING_QUERIES, ids=str)
def test_matching_query_is_true(query):
    check_query(query, "query")
    assert matches_query(query, VALUES) is True


@pytest.mark.parametrize("query", NON_MATCHING_QUERIES, ids=str)
def test_non_matching_query_is_false(query):
    check_query(query, "query")
    assert matches_query(query, VALUES) is False


def nested_query(depth):
    return {"$and": [nested_query(depth - 1)]} if depth else {}


INVALID_QUERIES = [
    ({"plan": "paid"}, "'plan', which is not a condition key"),
    ({"metadata.a.b": 1}, "is not a condition key"),
    ({"url.host": "x"}, "is not a condition key"),
    ({"metadata.": 1}, "is not a condition key"),
    ({"$not": []}, "is not a condition key"),
    ({"metadata.a": {"$like": "x"}}, "query.metadata.a has '$like', which is not an operator"),
    ({"metadata.a": {}}, "query.metadata.a has no operator"),
    ({"$or": {}}, "query.$or takes a list of queries"),
    ({"$and": ["x"]}, "query.$and takes a list of queries"),
    ({"$and": [{"x": 1}]}, "query.$and[0] has 'x'"),
    ({"metadata.a": {"$in": "x"}}, "query.metadata.a.$in takes a list"),
    ({"metadata.a": {"$nin": "x"}}, "query.metadata.a.$nin takes a list"),
    ({"metadata.a": {"$regex": 1}}, "$regex takes a pattern as a string"),
    ({"metadata.a": {"$regex": "x" * 257}}, "$regex is longer than 256 characters"),
    ({"metadata.a": {"$regex": r"(a)\1"}}, "uses a back reference"),
    (
        {"metadata.a": {"$regex": "a(?=b)"}},
        "$regex uses a lookahead, '(?=', which is not offered: split the pattern into several",
    ),
    ({"metadata.a": {"$regex": "("}}, "is not a valid pattern"),
    ({"metadata.a": {"$regex": "a{99999999999}"}}, "stands for more than 256 characters"),
    (nested_query(9), "is nested more than 8 deep"),
]


@pytest.mark.parametrize(("query", "sentence"), INVALID_QUERIES, ids=lambda one: str(one)[:40])
def test_invalid_query_is_rejected(query, sentence):
    with pytest.raises(InvalidConfig) as exc_info:
        check_query(query, "query")
    assert sentence in str(exc_info.value)


HOSTILE_PATTERNS = [
    "(a+)+$",
    "(a*)*b",
    "(a|a)*b",
    "(a|aa)+b",
    "([a-zA-Z]+)*b",
    "((((a?){4}){4}){4}){3}b",
    "(?:a|aa)" * 31 + "b",
    ".*" * 100 + "b",
    "a*" * 12 + "b",
    "a?" * 60 + "a" * 60 + "b",
    "(a*?)*?b",
    ".*logo.*",
]


@pytest.mark.parametrize("pattern", HOSTILE_PATTERNS, ids=lambda one: one[:30])
def test_hostile_pattern_searches_whole_text_in_linear_time(pattern):
    query = {"params.prompt": {"$regex": pattern}}
    check_query(query, "query")
    text = "a" * 32_000 + "!"
    assert matches_query(query, {"params.prompt": text}) is False
    assert cpu_seconds(lambda: matches_query(query, {"params.prompt": text}), 2) < 2


@pytest.mark.parametrize("pattern", ["logo", ".*logo.*", "a.*o.*g", "a*a*a*logo$"])
def test_pattern_matches_at_end_of_longest_prompt(pattern):
    text = {"params.prompt": "a" * 31_996 + "logo"}
    assert matches_query({"params.prompt": {"$regex": pattern}}, text)


def test_request_field_cannot_replace_computed_value():
    values = request_attributes(
        {"image_count": FormText("9"), "has_mask": True}, [], False, {}, "/"
    )
    assert values["params.image_count"] == 0
    assert values["params.has_mask"] is False
    assert values["params.megapixels"] == 0.0
    assert "params.model" not in values
