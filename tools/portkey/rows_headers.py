"""Rows of request headers: who serves, who pays, and what else a request says of itself."""

from dataclasses import replace

from tools.portkey.row import ANY, GOOD, OPENAI, Expect, Row

_PAID = Expect(sent={"authorization": "Bearer sk-mine"})
_UNPAID = Expect(401, 0, body={"error.type": ANY})
_SLOW = replace(GOOD, delay=1.5)

KEYS = (
    Row("provider and Authorization", "the key goes upstream as it came", _PAID),
    Row(
        "provider and x-portkey-api-key",
        "the documented call works; there the key is ignored and `undefined` sent",
        _PAID,
        Expect(sent={"authorization": "Bearer undefined"}),
        "better",
        {"x-portkey-provider": "openai", "x-portkey-api-key": "sk-mine"},
    ),
    Row(
        "empty x-portkey-api-key beside Authorization",
        "an empty value counts as absent",
        _PAID,
        headers={**OPENAI, "x-portkey-api-key": ""},
    ),
    Row(
        "placeholder `Bearer OPENAI_API_KEY` and no other key",
        "refused as no key; there the placeholder is sent upstream with the picture",
        _UNPAID,
        Expect(sent={"authorization": "Bearer OPENAI_API_KEY"}),
        "better",
        {**OPENAI, "authorization": "Bearer OPENAI_API_KEY"},
    ),
    Row(
        "placeholder `Bearer DUMMY-KEY` beside x-portkey-api-key",
        "the real key is taken; there the placeholder is",
        _PAID,
        Expect(sent={"authorization": "Bearer DUMMY-KEY"}),
        "better",
        {**OPENAI, "authorization": "Bearer DUMMY-KEY", "x-portkey-api-key": "sk-mine"},
    ),
    Row(
        "x-portkey-virtual-key alone",
        "found among the operator's keys; the open gateway has no virtual keys",
        Expect(sent={"authorization": "Bearer sk-team"}),
        Expect(400, 0),
        "better",
        {"x-portkey-virtual-key": "openai-team"},
    ),
    Row(
        "x-portkey-provider: @openai",
        "a provider's name with the newer `@` is its name; the open gateway does not know it",
        _PAID,
        Expect(400, 0),
        "better",
        {**OPENAI, "x-portkey-provider": "@openai"},
    ),
    Row(
        "x-portkey-provider: @openai-team",
        "found among the operator's keys; the open gateway has no virtual keys",
        Expect(sent={"authorization": "Bearer sk-team"}),
        Expect(400, 0),
        "better",
        {"x-portkey-provider": "@openai-team"},
    ),
    Row(
        "config with provider `@openai-team`",
        "found among the operator's keys; the open gateway has no virtual keys",
        Expect(sent={"authorization": "Bearer sk-team"}),
        Expect(400, 0),
        "better",
        {},
        {"provider": "@openai-team"},
    ),
    Row(
        "unknown provider",
        "refused before any byte leaves",
        Expect(400, 0),
        headers={**OPENAI, "x-portkey-provider": "nobody"},
    ),
    Row(
        "provider without image edits",
        "refused before any byte leaves; there the picture is sent to the provider's base address",
        Expect(400, 0, body={"error.code": "unsupported_provider"}),
        Expect(sent={"path": "/v1"}),
        "better",
        {**OPENAI, "x-portkey-provider": "anthropic"},
    ),
    Row(
        "x-portkey-aws-access-key-id",
        "long-lived AWS keys do not belong in headers; the function's role is used",
        Expect(400, 0),
        Expect(),
        "not offered",
        {**OPENAI, "x-portkey-aws-access-key-id": "AKIA0"},
    ),
    Row(
        "x-portkey-openai-organization, -project and -beta",
        "sent on with the caller's own key",
        Expect(sent={"openai-organization": "org", "openai-project": "p", "openai-beta": "b"}),
        headers={
            **OPENAI,
            "x-portkey-openai-organization": "org",
            "x-portkey-openai-project": "p",
            "x-portkey-openai-beta": "b",
        },
    ),
    Row(
        "x-portkey-azure-deployment-id, and OpenAI serves",
        "refused by name; there it is dropped in silence",
        Expect(400, 0, body={"error.param": "x-portkey-azure-deployment-id"}),
        Expect(),
        "better",
        {**OPENAI, "x-portkey-azure-deployment-id": "mine"},
    ),
    Row(
        "config with api_key and virtual_key",
        "refused: only one can pay; there the virtual key is dropped in silence",
        Expect(400, 0, body={"error.code": "invalid_config"}),
        Expect(sent={"authorization": "Bearer sk-a"}),
        "better",
        {},
        {"provider": "openai", "api_key": "sk-a", "virtual_key": "openai-team"},
    ),
)

HEADERS = (
    Row(
        "x-portkey-trace-id",
        "echoed",
        Expect(headers={"x-portkey-trace-id": "t-7"}),
        headers={**OPENAI, "x-portkey-trace-id": "t-7"},
    ),
    Row(
        "no trace id",
        "one is made; there the header is empty",
        Expect(headers={"x-portkey-trace-id": ANY}),
        Expect(headers={"x-portkey-trace-id": ""}),
        "better",
    ),
    Row(
        "x-portkey-metadata that is no JSON",
        "counts as empty",
        headers={**OPENAI, "x-portkey-metadata": "{oops"},
    ),
    Row(
        "x-portkey-request-timeout: 300",
        "408 after 300 ms, in the same words",
        Expect(
            408,
            body={
                "error.type": "timeout_error",
                "error.message": "Request exceeded the timeout sent in the request: 300ms",
            },
        ),
        headers={**OPENAI, "x-portkey-request-timeout": "300"},
        answers=(_SLOW,),
    ),
    Row(
        "x-portkey-strict-open-ai-compliance: false",
        "taken",
        headers={**OPENAI, "x-portkey-strict-open-ai-compliance": "false"},
    ),
    Row(
        "x-portkey-custom-host of a stranger",
        "off by default: pictures and keys go to hosts of RETOUCH_CUSTOM_HOSTS only",
        Expect(400, 0, body={"error.code": "custom_host_not_allowed"}),
        Expect(),
        "not offered",
        {**OPENAI, "x-portkey-custom-host": "https://stranger.example/v1"},
    ),
    Row(
        "x-portkey-forward-headers",
        "off by default: headers of RETOUCH_FORWARD_HEADERS only are sent on, and never one with a key",
        Expect(400, 0, body={"error.code": "forward_header_not_allowed"}),
        Expect(sent={"x-team": "red"}),
        "not offered",
        {**OPENAI, "x-portkey-forward-headers": "x-team", "x-team": "red"},
    ),
    Row(
        "a caller's own x-header, not listed",
        "is not sent on",
        Expect(sent={"x-team": None}),
        headers={**OPENAI, "x-team": "red"},
    ),
)
