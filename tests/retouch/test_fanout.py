"""Several calls for one order: what was bought is delivered, what failed is said, and the bill is the gravest."""

import pytest

from retouch.errors import BadUpstream, InvalidRequest, Moderated, RateLimited
from retouch.fanout import side_by_side
from retouch.messages import Artifact, Job

JOBS = [Job(str(i), "p", ()) for i in range(3)]


def outcome(*found):
    def finished(job):
        result = found[int(job.model)]
        if isinstance(result, Exception):
            raise result
        return [Artifact(b64=result)]

    return finished


def test_all_in_the_order_of_the_jobs():
    bought = side_by_side(JOBS, outcome("a", "b", "c"))
    assert [one.b64 for one in bought.artifacts] == ["a", "b", "c"]
    assert bought.notes(3) == ()


def test_what_was_bought_is_delivered():
    bought = side_by_side(JOBS, outcome("a", Moderated("no hats"), "c"))
    assert [one.b64 for one in bought.artifacts] == ["a", "c"]
    assert bought.notes(3) == ("n: 2 of 3 pictures, the rest failed: no hats",)


def test_fewer_than_ordered_is_said_though_nothing_failed():
    bought = side_by_side(JOBS, outcome("a", "b", "c"))
    assert bought.notes(4) == ("n: 3 of 4 pictures, no more came back",)


def test_nothing_bought_raises_the_first_with_the_gravest_bill():
    with pytest.raises(RateLimited) as raised:
        side_by_side(JOBS, outcome(RateLimited("wait"), BadUpstream("cut"), RateLimited("wait")))
    assert raised.value.billed == "unknown"
    assert raised.value.should_retry is False


def test_nothing_bought_and_nothing_billed_stays_free():
    with pytest.raises(InvalidRequest) as raised:
        side_by_side(JOBS, outcome(*[InvalidRequest("no")] * 3))
    assert raised.value.billed == "no"


def test_a_bug_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        side_by_side(JOBS, outcome("a", ZeroDivisionError(), "c"))
