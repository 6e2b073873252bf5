"""Rows about configs: retries of a target and the cache of its responses."""

from tools.portkey.row import SUCCESS, ExpectedResponse, Row, error_response

_TARGET = {"provider": "openai", "api_key": "sk-a"}
_RETRY_COUNT_HEADER = "x-portkey-retry-attempt-count"
_CACHE_STATUS_HEADER = "x-portkey-cache-status"
_SHORT_RETRY_AFTER = error_response(429, **{"retry-after-ms": "50"})


def _retry_config(attempts: int, **more: object) -> dict[str, object]:
    return {**_TARGET, "retry": {"attempts": attempts, **more}}


RETRIES = (
    Row(
        "retry, upstream 429 once",
        "called again after one second",
        ExpectedResponse(200, 2, {_RETRY_COUNT_HEADER: "1"}),
        headers={},
        config=_retry_config(2),
        upstream_responses=(error_response(429), SUCCESS),
    ),
    Row(
        "retry, upstream 500 once",
        "a call that may be billed is not repeated unless `may_buy_twice` allows it",
        ExpectedResponse(502, 1, {_RETRY_COUNT_HEADER: "0"}),
        ExpectedResponse(200, 2, {_RETRY_COUNT_HEADER: "1"}),
        "better",
        headers={},
        config=_retry_config(2),
        upstream_responses=(error_response(500), SUCCESS),
    ),
    Row(
        "retries used up",
        "the last response, and -1",
        ExpectedResponse(429, 2, {_RETRY_COUNT_HEADER: "-1"}),
        headers={},
        config=_retry_config(1),
        upstream_responses=(error_response(429),),
    ),
    *(
        Row(
            f"{spelling}, upstream 429 with retry-after-ms",
            "the delay is respected and the retry counted",
            ExpectedResponse(200, 2, {_RETRY_COUNT_HEADER: "1"}),
            headers={},
            config=_retry_config(2, **{spelling: True}),
            upstream_responses=(_SHORT_RETRY_AFTER, SUCCESS),
        )
        for spelling in ("use_retry_after_header", "use_retry_after_headers")
    ),
)

_CACHE_CONFIG = {**_TARGET, "cache": {"mode": "simple", "max_age": 600}}
_NOT_CACHED = ExpectedResponse(200, 2, {_CACHE_STATUS_HEADER: "DISABLED"})

CACHE = (
    Row(
        "no cache requested",
        "DISABLED",
        ExpectedResponse(headers={_CACHE_STATUS_HEADER: "DISABLED"}),
    ),
    Row(
        "cache, first time",
        "MISS, and the response is stored; Portkey never caches edits",
        ExpectedResponse(headers={_CACHE_STATUS_HEADER: "MISS"}),
        ExpectedResponse(headers={_CACHE_STATUS_HEADER: "DISABLED"}),
        "better",
        headers={},
        config=_CACHE_CONFIG,
    ),
    Row(
        "cache, the same edit again",
        "HIT, and there is no second provider call; Portkey calls the provider twice",
        ExpectedResponse(200, 1, {_CACHE_STATUS_HEADER: "HIT"}),
        _NOT_CACHED,
        "better",
        headers={},
        config=_CACHE_CONFIG,
        repeat_headers={},
    ),
    Row(
        "cache, again in another namespace",
        "each namespace is a separate part of the cache; the open gateway has none",
        ExpectedResponse(200, 2, {_CACHE_STATUS_HEADER: "MISS"}),
        _NOT_CACHED,
        "better",
        headers={},
        config=_CACHE_CONFIG,
        repeat_headers={"x-portkey-cache-namespace": "other"},
    ),
    Row(
        "cache, again with force-refresh true",
        "the provider is called again and the response stored",
        ExpectedResponse(200, 2, {_CACHE_STATUS_HEADER: "REFRESH"}),
        _NOT_CACHED,
        "better",
        headers={},
        config=_CACHE_CONFIG,
        repeat_headers={"x-portkey-cache-force-refresh": "true"},
    ),
    Row(
        "cache, again with force-refresh false",
        "false means false: HIT",
        ExpectedResponse(200, 1, {_CACHE_STATUS_HEADER: "HIT"}),
        _NOT_CACHED,
        "better",
        headers={},
        config=_CACHE_CONFIG,
        repeat_headers={"x-portkey-cache-force-refresh": "false"},
    ),
)
