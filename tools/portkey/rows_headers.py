"""Rows about request headers: the provider, the key and the other headers."""

from dataclasses import replace

from tools.portkey.row import NON_EMPTY, OPENAI_HEADERS, SUCCESS, ExpectedResponse, Row

_KEY_SENT = ExpectedResponse(sent={"authorization": "Bearer sk-mine"})
_KEY_MISSING = ExpectedResponse(401, 0, body={"error.type": NON_EMPTY})
_SLOW_RESPONSE = replace(SUCCESS, delay=2.5)

KEYS = (
    Row("provider and Authorization", "the key is sent upstream unchanged", _KEY_SENT),
    Row(
        "provider and x-portkey-api-key",
        "the documented call works; Portkey ignores the key and sends `undefined`",
        _KEY_SENT,
        ExpectedResponse(sent={"authorization": "Bearer undefined"}),
        "better",
        {"x-portkey-provider": "openai", "x-portkey-api-key": "sk-mine"},
    ),
    Row(
        "empty x-portkey-api-key beside Authorization",
        "an empty value is treated as absent",
        _KEY_SENT,
        headers={**OPENAI_HEADERS, "x-portkey-api-key": ""},
    ),
    Row(
        "placeholder `Bearer OPENAI_API_KEY` and no other key",
        "rejected as a missing key; Portkey sends the placeholder upstream with the image",
        _KEY_MISSING,
        ExpectedResponse(sent={"authorization": "Bearer OPENAI_API_KEY"}),
        "better",
        {**OPENAI_HEADERS, "authorization": "Bearer OPENAI_API_KEY"},
    ),
    Row(
        "placeholder `Bearer DUMMY-KEY` beside x-portkey-api-key",
        "the real key is used; Portkey uses the placeholder",
        _KEY_SENT,
        ExpectedResponse(sent={"authorization": "Bearer DUMMY-KEY"}),
        "better",
        {**OPENAI_HEADERS, "authorization": "Bearer DUMMY-KEY", "x-portkey-api-key": "sk-mine"},
    ),
    Row(
        "x-portkey-virtual-key alone",
        "found among the operator's virtual keys; the open gateway has none",
        ExpectedResponse(sent={"authorization": "Bearer sk-team"}),
        ExpectedResponse(400, 0),
        "better",
        {"x-portkey-virtual-key": "openai-team"},
    ),
    Row(
        "x-portkey-provider: @openai",
        "the newer `@` before a provider name is accepted; the open gateway does not know it",
        _KEY_SENT,
        ExpectedResponse(400, 0),
        "better",
        {**OPENAI_HEADERS, "x-portkey-provider": "@openai"},
    ),
    Row(
        "x-portkey-provider: @openai-team",
        "found among the operator's virtual keys; the open gateway has none",
        ExpectedResponse(sent={"authorization": "Bearer sk-team"}),
        ExpectedResponse(400, 0),
        "better",
        {"x-portkey-provider": "@openai-team"},
    ),
    Row(
        "config with provider `@openai-team`",
        "found among the operator's virtual keys; the open gateway has none",
        ExpectedResponse(sent={"authorization": "Bearer sk-team"}),
        ExpectedResponse(400, 0),
        "better",
        {},
        {"provider": "@openai-team"},
    ),
    Row(
        "unknown provider",
        "rejected before anything is sent",
        ExpectedResponse(400, 0),
        headers={**OPENAI_HEADERS, "x-portkey-provider": "nobody"},
    ),
    Row(
        "provider without image edits",
        "rejected before anything is sent; Portkey sends the image to the provider's base URL",
        ExpectedResponse(400, 0, body={"error.code": "unsupported_provider"}),
        ExpectedResponse(sent={"path": "/v1"}),
        "better",
        {**OPENAI_HEADERS, "x-portkey-provider": "anthropic"},
    ),
    Row(
        "x-portkey-aws-access-key-id",
        "long-lived AWS keys do not belong in headers; Retouch uses the function's role",
        ExpectedResponse(400, 0),
        ExpectedResponse(),
        "not offered",
        {**OPENAI_HEADERS, "x-portkey-aws-access-key-id": "AKIA0"},
    ),
    Row(
        "x-portkey-openai-organization, -project and -beta",
        "forwarded with the caller's own key",
        ExpectedResponse(
            sent={"openai-organization": "org", "openai-project": "p", "openai-beta": "b"}
        ),
        headers={
            **OPENAI_HEADERS,
            "x-portkey-openai-organization": "org",
            "x-portkey-openai-project": "p",
            "x-portkey-openai-beta": "b",
        },
    ),
    Row(
        "x-portkey-azure-deployment-id with OpenAI as provider",
        "rejected by name; Portkey silently drops it",
        ExpectedResponse(400, 0, body={"error.param": "x-portkey-azure-deployment-id"}),
        ExpectedResponse(),
        "better",
        {**OPENAI_HEADERS, "x-portkey-azure-deployment-id": "mine"},
    ),
    Row(
        "config with api_key and virtual_key",
        "rejected, because only one key can be used; Portkey silently drops the virtual key",
        ExpectedResponse(400, 0, body={"error.code": "invalid_config"}),
        ExpectedResponse(sent={"authorization": "Bearer sk-a"}),
        "better",
        {},
        {"provider": "openai", "api_key": "sk-a", "virtual_key": "openai-team"},
    ),
)

HEADERS = (
    Row(
        "x-portkey-trace-id",
        "echoed",
        ExpectedResponse(headers={"x-portkey-trace-id": "t-7"}),
        headers={**OPENAI_HEADERS, "x-portkey-trace-id": "t-7"},
    ),
    Row(
        "no trace id",
        "an id is generated; Portkey returns an empty header",
        ExpectedResponse(headers={"x-portkey-trace-id": NON_EMPTY}),
        ExpectedResponse(headers={"x-portkey-trace-id": ""}),
        "better",
    ),
    Row(
        "x-portkey-metadata that is not JSON",
        "treated as empty",
        headers={**OPENAI_HEADERS, "x-portkey-metadata": "{oops"},
    ),
    Row(
        "x-portkey-request-timeout: 1000",
        "408 after 1000 ms, with the same message",
        ExpectedResponse(
            408,
            body={
                "error.type": "timeout_error",
                "error.message": "Request exceeded the timeout sent in the request: 1000ms",
            },
        ),
        headers={**OPENAI_HEADERS, "x-portkey-request-timeout": "1000"},
        upstream_responses=(_SLOW_RESPONSE,),
    ),
    Row(
        "x-portkey-strict-open-ai-compliance: false",
        "accepted",
        headers={**OPENAI_HEADERS, "x-portkey-strict-open-ai-compliance": "false"},
    ),
    Row(
        "x-portkey-custom-host of an unlisted host",
        "off by default: images and keys go only to hosts of RETOUCH_CUSTOM_HOSTS",
        ExpectedResponse(400, 0, body={"error.code": "custom_host_not_allowed"}),
        ExpectedResponse(),
        "not offered",
        {**OPENAI_HEADERS, "x-portkey-custom-host": "https://unlisted.example/v1"},
    ),
    Row(
        "x-portkey-forward-headers",
        "off by default: only headers of RETOUCH_FORWARD_HEADERS are forwarded, and never one with a key",
        ExpectedResponse(400, 0, body={"error.code": "forward_header_not_allowed"}),
        ExpectedResponse(sent={"x-team": "red"}),
        "not offered",
        {**OPENAI_HEADERS, "x-portkey-forward-headers": "x-team", "x-team": "red"},
    ),
    Row(
        "a caller's own x-header, not listed",
        "not forwarded",
        ExpectedResponse(sent={"x-team": None}),
        headers={**OPENAI_HEADERS, "x-team": "red"},
    ),
)
