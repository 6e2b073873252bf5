"""Rows about request bodies, guardrails and responses."""

from tests.support.images import data_url
from tools.portkey.row import (
    IMAGE,
    NON_EMPTY,
    OPENAI_HEADERS,
    ExpectedResponse,
    Row,
    error_response,
)


def _guardrail_config(word: str, **hook: object) -> dict[str, object]:
    check = {"default.contains": {"words": [word], "operator": "none"}, "id": "words", **hook}
    return {"provider": "openai", "api_key": "sk-a", "input_guardrails": [check]}


GUARDRAILS = (
    Row(
        "input guardrail that passes",
        "200",
        headers={},
        config=_guardrail_config("passport", deny=True),
    ),
    Row(
        "input guardrail fails with deny",
        "446, and nothing is sent; in Portkey the guardrail accepts the form",
        ExpectedResponse(446, 0, body={"error.type": "hooks_failed", "hook_results": NON_EMPTY}),
        ExpectedResponse(),
        "better",
        headers={},
        config=_guardrail_config("guardrail", deny=True),
    ),
    Row(
        "input guardrail fails without deny",
        "246 with the image and the check results; in Portkey the guardrail accepts the form",
        ExpectedResponse(246, 1, body={"data.0.b64_json": NON_EMPTY, "hook_results": NON_EMPTY}),
        ExpectedResponse(),
        "better",
        headers={},
        config=_guardrail_config("guardrail"),
    ),
    Row(
        "guardrail saved under an id",
        "Retouch stores no guardrails; the checks are part of the config",
        ExpectedResponse(400, 0, body={"error.code": "invalid_config"}),
        ExpectedResponse(),
        "not offered",
        headers={},
        config={"provider": "openai", "api_key": "sk-a", "input_guardrails": ["pg-words"]},
    ),
)

RESPONSES = (
    Row(
        "response headers of a plain edit",
        "they name the option, the retry count and the provider",
        ExpectedResponse(
            headers={
                "x-portkey-last-used-option-index": "config",
                "x-portkey-retry-attempt-count": "0",
                "x-portkey-provider": "openai",
            },
            body={"data.0.b64_json": NON_EMPTY},
        ),
    ),
    Row(
        "upstream's x-request-id",
        "the header has the gateway's own id; the provider's id is in `x-retouch-upstream-request-id`",
        ExpectedResponse(
            headers={"x-request-id": NON_EMPTY, "x-retouch-upstream-request-id": "up-1"}
        ),
        ExpectedResponse(headers={"x-request-id": "up-1"}),
        "not offered",
    ),
    Row(
        "upstream's 400",
        "status and message are passed on",
        ExpectedResponse(400, body={"error.message": "upstream says 400"}),
        upstream_responses=(error_response(400),),
    ),
    Row(
        "the gateway's own errors",
        "in OpenAI's envelope, which SDKs display, plus `status`; Portkey returns only `status` and `message`",
        ExpectedResponse(
            400, 0, body={"error.message": NON_EMPTY, "error.type": NON_EMPTY, "status": "failure"}
        ),
        ExpectedResponse(400, 0, body={"error": None, "message": NON_EMPTY}),
        "better",
        headers={**OPENAI_HEADERS, "x-portkey-provider": "nobody"},
    ),
    Row(
        "GET instead of POST",
        "lists the caller's jobs; Portkey sends it upstream with the key",
        ExpectedResponse(200, 0),
        ExpectedResponse(404, 1, sent={"authorization": "Bearer sk-mine"}),
        "better",
        method="GET",
    ),
)

BODIES = (
    Row(
        "JSON body with a data URL",
        "accepted as OpenAI's JSON form of an edit; Portkey returns a plain 500",
        ExpectedResponse(body={"data.0.b64_json": NON_EMPTY}),
        ExpectedResponse(500, 0),
        "better",
        json={
            "model": "gpt-image-2",
            "prompt": "p",
            "images": [{"image_url": data_url(IMAGE)}],
        },
    ),
    Row(
        "model `openai/gpt-image-2` in a form",
        "the prefix is removed; Portkey sends it upstream",
        ExpectedResponse(sent={"field model": "gpt-image-2"}),
        ExpectedResponse(sent={"field model": "openai/gpt-image-2"}),
        "better",
        fields={"model": "openai/gpt-image-2"},
    ),
    Row(
        "field `image` and a mask",
        "accepted",
        files=(("image", "image/png"), ("mask", "image/png")),
    ),
    Row(
        "field `image[]`, twice",
        "sent unchanged",
        ExpectedResponse(sent={"files": ["image[]", "image[]"]}),
        files=(("image[]", "image/png"), ("image[]", "image/png")),
    ),
    Row(
        "fields `image[0]` and `image[1]`",
        "sent as `image[]`, which OpenAI reads; Portkey forwards them unchanged",
        ExpectedResponse(sent={"files": ["image[]", "image[]"]}),
        ExpectedResponse(sent={"files": ["image[0]", "image[1]"]}),
        "better",
        files=(("image[0]", "image/png"), ("image[1]", "image/png")),
    ),
    Row(
        "fields `image.0` and `image.1`",
        "sent as `image[]`, which OpenAI reads; Portkey forwards them unchanged",
        ExpectedResponse(sent={"files": ["image[]", "image[]"]}),
        ExpectedResponse(sent={"files": ["image.0", "image.1"]}),
        "better",
        files=(("image.0", "image/png"), ("image.1", "image/png")),
    ),
    Row(
        "image with the type application/octet-stream",
        "the type is detected from the bytes and corrected; Portkey forwards it unchanged",
        ExpectedResponse(sent={"type of image": "image/png"}),
        ExpectedResponse(sent={"type of image": "application/octet-stream"}),
        "better",
        files=(("image", "application/octet-stream"),),
    ),
)
