"""Rows of configs: how often a target is asked, and what is kept of its answers."""

from tools.portkey.row import GOOD, Expect, Row, failing

_A = {"provider": "openai", "api_key": "sk-a"}
_RETRIES = "x-portkey-retry-attempt-count"
_CACHE = "x-portkey-cache-status"
_SOON = failing(429, **{"retry-after-ms": "50"})


def _retry(attempts: int, **more: object) -> dict[str, object]:
    return {**_A, "retry": {"attempts": attempts, **more}}


RETRIES = (
    Row(
        "retry, upstream 429 once",
        "asked again after a second",
        Expect(200, 2, {_RETRIES: "1"}),
        headers={},
        config=_retry(2),
        answers=(failing(429), GOOD),
    ),
    Row(
        "retry, upstream 500 once",
        "what may have been bought is not bought again unless `may_buy_twice` says so",
        Expect(502, 1, {_RETRIES: "0"}),
        Expect(200, 2, {_RETRIES: "1"}),
        "better",
        headers={},
        config=_retry(2),
        answers=(failing(500), GOOD),
    ),
    Row(
        "retries used up",
        "the last answer, and -1",
        Expect(429, 2, {_RETRIES: "-1"}),
        headers={},
        config=_retry(1),
        answers=(failing(429),),
    ),
    *(
        Row(
            f"{spelling}, upstream 429 with retry-after-ms",
            "waited for and counted",
            Expect(200, 2, {_RETRIES: "1"}),
            headers={},
            config=_retry(2, **{spelling: True}),
            answers=(_SOON, GOOD),
        )
        for spelling in ("use_retry_after_header", "use_retry_after_headers")
    ),
)

_KEPT = {**_A, "cache": {"mode": "simple", "max_age": 600}}
_UNKEPT = Expect(200, 2, {_CACHE: "DISABLED"})

CACHE = (
    Row("no cache asked for", "DISABLED", Expect(headers={_CACHE: "DISABLED"})),
    Row(
        "cache, first time",
        "MISS, and the answer is kept; there edits are never cached",
        Expect(headers={_CACHE: "MISS"}),
        Expect(headers={_CACHE: "DISABLED"}),
        "better",
        headers={},
        config=_KEPT,
    ),
    Row(
        "cache, the same edit again",
        "HIT, and nothing is bought; there it is bought twice",
        Expect(200, 1, {_CACHE: "HIT"}),
        _UNKEPT,
        "better",
        headers={},
        config=_KEPT,
        again={},
    ),
    Row(
        "cache, again in another namespace",
        "a part of the cache of its own; the open gateway has none",
        Expect(200, 2, {_CACHE: "MISS"}),
        _UNKEPT,
        "better",
        headers={},
        config=_KEPT,
        again={"x-portkey-cache-namespace": "other"},
    ),
    Row(
        "cache, again with force-refresh true",
        "bought anew and kept",
        Expect(200, 2, {_CACHE: "REFRESH"}),
        _UNKEPT,
        "better",
        headers={},
        config=_KEPT,
        again={"x-portkey-cache-force-refresh": "true"},
    ),
    Row(
        "cache, again with force-refresh false",
        "false means false: HIT",
        Expect(200, 1, {_CACHE: "HIT"}),
        _UNKEPT,
        "better",
        headers={},
        config=_KEPT,
        again={"x-portkey-cache-force-refresh": "false"},
    ),
)
