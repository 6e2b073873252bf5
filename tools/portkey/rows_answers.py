"""Rows of what is sent as a body and what comes back."""

from tests.support.pictures import data_url
from tools.portkey.row import ANY, OPENAI, PICTURE, Expect, Row, failing


def _guarded(word: str, **hook: object) -> dict[str, object]:
    check = {"default.contains": {"words": [word], "operator": "none"}, "id": "words", **hook}
    return {"provider": "openai", "api_key": "sk-a", "input_guardrails": [check]}


GUARDRAILS = (
    Row(
        "input guardrail that passes",
        "200",
        headers={},
        config=_guarded("passport", deny=True),
    ),
    Row(
        "input guardrail fails with deny",
        "446 and nothing is sent; there the guardrail lets the form pass",
        Expect(446, 0, body={"error.type": "hooks_failed", "hook_results": ANY}),
        Expect(),
        "better",
        headers={},
        config=_guarded("guardrail", deny=True),
    ),
    Row(
        "input guardrail fails without deny",
        "246, the picture and the results; there the guardrail lets the form pass",
        Expect(246, 1, body={"data.0.b64_json": ANY, "hook_results": ANY}),
        Expect(),
        "better",
        headers={},
        config=_guarded("guardrail"),
    ),
    Row(
        "guardrail saved under an id",
        "there is no place for saved guardrails; the checks stand in the config",
        Expect(400, 0, body={"error.code": "invalid_config"}),
        Expect(),
        "not offered",
        headers={},
        config={"provider": "openai", "api_key": "sk-a", "input_guardrails": ["pg-words"]},
    ),
)

ANSWERS = (
    Row(
        "response headers of a plain edit",
        "which option, how many retries, who served",
        Expect(
            headers={
                "x-portkey-last-used-option-index": "config",
                "x-portkey-retry-attempt-count": "0",
                "x-portkey-provider": "openai",
            },
            body={"data.0.b64_json": ANY},
        ),
    ),
    Row(
        "upstream's x-request-id",
        "the gateway's own id stands there; the provider's is in `x-retouch-upstream-request-id`",
        Expect(headers={"x-request-id": ANY, "x-retouch-upstream-request-id": "up-1"}),
        Expect(headers={"x-request-id": "up-1"}),
        "not offered",
    ),
    Row(
        "upstream's 400",
        "status and sentence are passed on",
        Expect(400, body={"error.message": "upstream says 400"}),
        answers=(failing(400),),
    ),
    Row(
        "the gateway's own errors",
        "in OpenAI's envelope, which SDKs show, beside `status`; there `status` and `message` only",
        Expect(400, 0, body={"error.message": ANY, "error.type": ANY, "status": "failure"}),
        Expect(400, 0, body={"error": None, "message": ANY}),
        "better",
        headers={**OPENAI, "x-portkey-provider": "nobody"},
    ),
    Row(
        "GET instead of POST",
        "405; there it is sent upstream with the key",
        Expect(405, 0),
        Expect(404, 1, sent={"authorization": "Bearer sk-mine"}),
        "better",
        method="GET",
    ),
)

BODIES = (
    Row(
        "JSON body with a data URL",
        "taken as OpenAI's JSON form of an edit; there a bare 500",
        Expect(body={"data.0.b64_json": ANY}),
        Expect(500, 0),
        "better",
        json={
            "model": "gpt-image-2",
            "prompt": "p",
            "images": [{"image_url": data_url(PICTURE)}],
        },
    ),
    Row(
        "model `openai/gpt-image-2` in a form",
        "the prefix is taken off; there it is sent upstream",
        Expect(sent={"field model": "gpt-image-2"}),
        Expect(sent={"field model": "openai/gpt-image-2"}),
        "better",
        fields={"model": "openai/gpt-image-2"},
    ),
    Row("field `image` and a mask", "taken", files=(("image", "image/png"), ("mask", "image/png"))),
    Row(
        "field `image[]`, twice",
        "sent as it is",
        Expect(sent={"files": ["image[]", "image[]"]}),
        files=(("image[]", "image/png"), ("image[]", "image/png")),
    ),
    Row(
        "fields `image[0]` and `image[1]`",
        "sent as the `image[]` that OpenAI reads; there passed on as they are",
        Expect(sent={"files": ["image[]", "image[]"]}),
        Expect(sent={"files": ["image[0]", "image[1]"]}),
        "better",
        files=(("image[0]", "image/png"), ("image[1]", "image/png")),
    ),
    Row(
        "fields `image.0` and `image.1`",
        "sent as the `image[]` that OpenAI reads; there passed on as they are",
        Expect(sent={"files": ["image[]", "image[]"]}),
        Expect(sent={"files": ["image.0", "image.1"]}),
        "better",
        files=(("image.0", "image/png"), ("image.1", "image/png")),
    ),
    Row(
        "picture typed application/octet-stream",
        "the type is read from the bytes and sent right; there it is passed on",
        Expect(sent={"type of image": "image/png"}),
        Expect(sent={"type of image": "application/octet-stream"}),
        "better",
        files=(("image", "application/octet-stream"),),
    ),
)
