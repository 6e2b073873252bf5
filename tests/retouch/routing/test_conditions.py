"""Conditions: every operator, on metadata, form text, typed values and the path; and patterns nobody need wait for."""

import pytest

from retouch.messages import Picture, Text
from retouch.routing.conditions import check, matches
from retouch.routing.facts import facts
from retouch.routing.problems import InvalidConfig
from tests.support.effort import effort

PICTURE = Picture(b"", "png", 2000, 1000)
FACTS = facts(
    {"model": Text("openai/gpt-image-2"), "n": Text("2"), "seed": 7, "stream": Text("true")},
    [PICTURE, Picture(b"", "png", 10, 10)],
    True,
    {"plan": "paid", "age": "30", "_user": "u1"},
    "/v1/images/edits",
)

TRUE = [
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
FALSE = [
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


@pytest.mark.parametrize("query", TRUE, ids=str)
def test_matches(query):
    check(query, "query")
    assert matches(query, FACTS) is True


@pytest.mark.parametrize("query", FALSE, ids=str)
def test_does_not_match(query):
    check(query, "query")
    assert matches(query, FACTS) is False


def deep(depth):
    return {"$and": [deep(depth - 1)]} if depth else {}


REFUSED = [
    ({"plan": "paid"}, "'plan', which is no key"),
    ({"metadata.a.b": 1}, "is no key"),
    ({"url.host": "x"}, "is no key"),
    ({"metadata.": 1}, "is no key"),
    ({"$not": []}, "is no key"),
    ({"metadata.a": {"$like": "x"}}, "query.metadata.a has '$like', which is no operator"),
    ({"metadata.a": {}}, "query.metadata.a has no operator"),
    ({"$or": {}}, "query.$or takes a list of queries"),
    ({"$and": ["x"]}, "query.$and takes a list of queries"),
    ({"$and": [{"x": 1}]}, "query.$and[0] has 'x'"),
    ({"metadata.a": {"$in": "x"}}, "query.metadata.a.$in takes a list"),
    ({"metadata.a": {"$nin": "x"}}, "query.metadata.a.$nin takes a list"),
    ({"metadata.a": {"$regex": 1}}, "$regex takes a pattern as text"),
    ({"metadata.a": {"$regex": "x" * 257}}, "$regex is longer than 256 characters"),
    ({"metadata.a": {"$regex": r"(a)\1"}}, "leave out references"),
    (
        {"metadata.a": {"$regex": "a(?=b)"}},
        "'(?=b', which is not offered: leave out references, looking ahead",
    ),
    ({"metadata.a": {"$regex": "("}}, "is not a valid pattern"),
    ({"metadata.a": {"$regex": "a{99999999999}"}}, "is not a valid pattern"),
    (deep(9), "is nested more than 8 deep"),
]


@pytest.mark.parametrize(("query", "sentence"), REFUSED, ids=lambda one: str(one)[:40])
def test_a_query_that_could_not_be_asked_is_refused(query, sentence):
    with pytest.raises(InvalidConfig) as refused:
        check(query, "query")
    assert sentence in str(refused.value)


HOSTILE = [
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


@pytest.mark.parametrize("pattern", HOSTILE, ids=lambda one: one[:30])
def test_no_pattern_takes_long_and_all_of_the_text_is_looked_at(pattern):
    query = {"params.prompt": {"$regex": pattern}}
    check(query, "query")
    text = "a" * 32_000 + "!"
    assert matches(query, {"params.prompt": text}) is False
    assert effort(lambda: matches(query, {"params.prompt": text}), 10) < 10


@pytest.mark.parametrize("pattern", ["logo", ".*logo.*", "a.*o.*g", "a*a*a*logo$"])
def test_the_end_of_the_longest_prompt_counts(pattern):
    text = {"params.prompt": "a" * 31_996 + "logo"}
    assert matches({"params.prompt": {"$regex": pattern}}, text)


def test_a_field_cannot_pass_for_what_is_counted():
    found = facts({"image_count": Text("9"), "has_mask": True}, [], False, {}, "/")
    assert found["params.image_count"] == 0
    assert found["params.has_mask"] is False
    assert found["params.megapixels"] == 0.0
    assert "params.model" not in found
