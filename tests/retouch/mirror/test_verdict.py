"""What is left of an order: what goes where, and that it ends whatever happens."""

import json
import random

import pytest

from retouch.mirror.item import OUT_OF_TIME, Item, Trouble
from retouch.mirror.order import Order
from retouch.mirror.verdict import TRIES, judge, pause

STORED, GONE, BUSY, LATE = range(4)


def item(url, kind):
    error = {
        STORED: None,
        GONE: Trouble("fetch_expired", "The link is dead.", False),
        BUSY: Trouble("fetch_failed", "Try again later.", True),
        LATE: Trouble(OUT_OF_TIME, "Send it again.", True),
    }[kind]
    return Item("failed" if error else "stored", url, error=error, transient=kind in (BUSY, LATE))


def judged(kinds, received=1):
    order = Order(tuple(kinds), "mirror/shop", {"who": "me"}, 60)
    return judge(order, [item(url, kind) for url, kind in kinds.items()], received)


def urls(part):
    return json.loads(part.body)["urls"]


def test_each_where_it_belongs():
    left = judged({"a": STORED, "b": GONE, "c": BUSY, "d": LATE}, 2)
    assert (urls(left.letter), left.letter.code) == (["b"], "fetch_expired")
    late, busy = left.sequels
    assert (urls(late), late.tries, late.pause) == (["d"], 1, 0)
    assert (urls(busy), busy.tries, busy.pause) == (["c"], 2, 30)
    kept = {"prefix": "mirror/shop", "metadata": {"who": "me"}, "expires_in": 60}
    assert json.loads(busy.body) == {"urls": ["c"], **kept}


def test_all_stored_leaves_nothing():
    left = judged({"a": STORED, "b": STORED})
    assert (left.letter, left.sequels) == (None, ())


@pytest.mark.parametrize("received", [TRIES, TRIES + 3])
def test_the_last_try(received):
    left = judged({"a": BUSY, "b": STORED, "c": LATE}, received)
    assert (urls(left.letter), left.letter.code) == (["a"], "fetch_failed")
    (late,) = left.sequels
    assert urls(late) == ["c"]


def test_time_for_none_of_them_counts():
    (again,) = judged({"a": LATE, "b": LATE}).sequels
    assert (again.tries, again.pause) == (1, 10)
    assert judged({"a": LATE, "b": LATE}, TRIES).sequels == ()


@pytest.mark.parametrize("seed", range(20))
def test_it_ends_and_nothing_is_lost(seed):
    """A hundred URLs and the worst of luck, as often as the queue would hand them out."""
    chance = random.Random(seed)
    waiting, done, rounds = [(tuple(map(str, range(100))), 0)], [], 0
    while waiting:
        asked, tries = waiting.pop()
        rounds += 1
        assert rounds < 1_000
        kinds = {url: chance.choice((STORED, GONE, BUSY, LATE, LATE, LATE)) for url in asked}
        left = judged(kinds, tries + 1)
        done += [url for url, kind in kinds.items() if kind == STORED]
        done += urls(left.letter) if left.letter else []
        waiting += [(tuple(urls(sequel)), sequel.tries) for sequel in left.sequels]
    assert sorted(done, key=int) == list(map(str, range(100)))


def test_pauses():
    assert [pause(received) for received in (1, 2, 3, 4, 9)] == [10, 30, 90, 270, 300]
