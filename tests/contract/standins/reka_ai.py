"""Reka, from its SDK and its documentation: POST /v1/chat with strict messages, and replies that contain a plan.

The stand-in does not look at the images. It plans by the words of the instruction. It refuses an instruction with the
word "hat", which needs painting. For every other instruction it plans a magenta tint, the colour of all stand-ins.
"""

import base64
import io
import re

from PIL import Image

from tests.contract.paint import decode_image, encode_image
from tests.contract.standin import Failure, ParsedRequest, StandIn
from tests.support.images import format_name
from tests.support.upstream import ScriptedResponse, json_response

MODELS = ("reka-flash", "reka-core", "reka-edge", "reka-edge-2603", "hosted-vision-model")
ROLES = ("user", "assistant", "system", "tool_output")
MEDIA_TYPES = ("image_url", "video_url", "audio_url", "pdf_url")
NUMBER_RANGES = {
    "max_tokens": (1, 100_000),
    "temperature": (0, 2),
    "top_p": (0, 1),
    "top_k": (1, 100_000),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "seed": (0, 2**63),
}
OTHER_FIELDS = {"stream", "stop", "tools", "tool_choice", "use_search_engine"}
MAGENTA_PLAN = '{"steps": [{"op": "tint", "color": "#ff00ff", "strength": 1}]}'
REFUSAL = '{"refuse": "Adding a hat needs painting."}'
REGION_PATTERN = re.compile(
    r"between (\d+) and (\d+) px from the left and (\d+) and (\d+) px from the top"
)
BALANCE_MESSAGE = "P001: Insufficient Balance"


class ValidationError(Exception):
    """A validation error. `detail` has the format of FastAPI."""

    def __init__(self, msg, *loc, type="value_error"):
        super().__init__(msg)
        self.detail = {"loc": ["body", *loc], "msg": msg, "type": type}


class RekaStandIn(StandIn):
    slug = "reka-ai"

    def __init__(self):
        super().__init__()
        self.planner_replies = []  # replies of the model, in order; when none is left, the instruction decides

    def env(self):
        return {"REKA_API_KEY": self.key, "REKA_BASE_URL": f"{self.url}/v1"}

    def respond(self, received):
        if received.headers.get("x-api-key") != self.key:
            return error_response(401, "Invalid API key", "authentication_error", "invalid_api_key")
        if received.path == "/v1/models":
            return json_response([{"id": name} for name in MODELS])
        if received.path != "/v1/chat":
            return json_response({"detail": "Not Found"}, 404)
        if received.method != "POST":
            return json_response({"detail": "Method Not Allowed"}, 405)
        try:
            body = check_body(received.json())
        except ValidationError as invalid:
            return json_response({"detail": [invalid.detail]}, 422)
        except ValueError:
            return json_response({"detail": "There was an error parsing the body"}, 400)
        if body["model"] not in MODELS:
            return error_response(404, f"Model {body['model']} not found", "not_found_error", None)
        return chat_response(
            body["model"], self.planner_replies.pop(0) if self.planner_replies else plan_text(body)
        )

    def parse_request(self, received):
        body = received.json()
        user = body["messages"][1]["content"]
        images = [decode_image_part(part) for part in user if part["type"] == "image_url"]
        instruction = "\n".join(part["text"] for part in user if part["type"] == "text")
        other_fields = {name: value for name, value in body.items() if name != "messages"}
        fields = {**other_fields, "system": body["messages"][0]["content"], "prompt": instruction}
        return ParsedRequest(images, region_mask(images[0], instruction), fields)

    def failures(self):
        bad_key = error_response(401, "Invalid API key", "authentication_error", "invalid_api_key")
        rate_limit_fields = ("Too many requests", "rate_limit_error", None)
        unreadable_plan = [chat_response("reka-flash", "Certainly! I made the picture nicer.")]
        return {
            "bad_key": Failure([bad_key], 500, "provider_credentials", "no"),
            "rate_limited": Failure(
                [error_response(429, *rate_limit_fields)], 429, "rate_limit_exceeded", "no"
            ),
            "rate_limited_with_hint": Failure(
                [error_response(429, *rate_limit_fields, **{"retry-after": "40"})],
                429,
                "rate_limit_exceeded",
                "no",
            ),
            "no_credit": Failure(
                [error_response(400, BALANCE_MESSAGE, "invalid_request_error", None)],
                429,
                "insufficient_quota",
                "no",
            ),
            "no_credit_payment_required": Failure(
                [json_response({"detail": BALANCE_MESSAGE}, 402)], 429, "insufficient_quota", "no"
            ),
            "unknown_model": Failure(
                [error_response(404, "Model not found", "not_found_error", None)],
                404,
                "model_not_found",
                "no",
            ),
            "invalid": Failure(
                [
                    json_response(
                        {"detail": [ValidationError("field required", "model").detail]}, 422
                    )
                ],
                422,
                "provider_refused",
                "no",
            ),
            "server_error": Failure(
                [error_response(500, "Internal", "server_error", None)],
                502,
                "provider_error",
                "unknown",
            ),
            "server_error_html": Failure(
                [ScriptedResponse(503, b"<html>no</html>", {"content-type": "text/html"})],
                502,
                "provider_error",
                "unknown",
            ),
            "strange": Failure([json_response({})], 502, "provider_error", "unknown"),
            "strange_html": Failure(
                [ScriptedResponse(200, b"<html>hi</html>", {"content-type": "text/html"})],
                502,
                "provider_error",
                "unknown",
            ),
            "cut": Failure(
                [ScriptedResponse(200, b'{"id": "c_1", "model"', network_failure="cut")],
                502,
                "provider_error",
                "unknown",
            ),
            "moderated_in_prose": Failure(
                [chat_response("reka-flash", "I am sorry, I cannot help with that.")],
                400,
                "plan_not_understood",
                "yes",
                expected_calls=2,
            ),
            "needs_painting": Failure(
                [chat_response("reka-flash", REFUSAL)], 400, "unsupported_operation", "yes"
            ),
            "plan_not_understood": Failure(
                unreadable_plan, 400, "plan_not_understood", "yes", expected_calls=2
            ),
        }


def error_response(status, message, type, code, **headers):
    body = {"error": {"message": message, "type": type, "code": code, "param": None}}
    return json_response(body, status, **headers)


def chat_response(model, text, reason="stop"):
    message = {"role": "assistant", "content": text}
    return json_response(
        {
            "id": "c_1",
            "model": model,
            "responses": [{"finish_reason": reason, "message": message}],
            "usage": {"input_tokens": 1310, "output_tokens": 60},
        }
    )


def plan_text(body):
    content = body["messages"][-1]["content"]
    instruction = content if isinstance(content, str) else content[-1]["text"]
    return REFUSAL if "hat" in instruction.lower().split() else MAGENTA_PLAN


def region_mask(image, instruction):
    """Return a mask with white in the box that the instruction describes, or None when it describes no box."""
    match = REGION_PATTERN.search(instruction)
    if not match:
        return None
    left, right, top, bottom = map(int, match.groups())
    mask = Image.new("L", decode_image(image).size)
    mask.paste(255, (left, top, right, bottom))
    return encode_image(mask)


def check_body(body):
    """Return the request body. Raises ValidationError as the SDK's types and Reka's documentation require."""
    if not isinstance(body, dict):
        raise ValidationError("value is not a valid dict", type="type_error.dict")
    unknown = body.keys() - NUMBER_RANGES.keys() - OTHER_FIELDS - {"model", "messages"}
    if unknown:
        raise ValidationError(
            "extra fields not permitted", sorted(unknown)[0], type="value_error.extra"
        )
    check_numbers(body)
    if not isinstance(body.get("model"), str) or not isinstance(body.get("stream", False), bool):
        raise ValidationError("field required", "model")
    if not isinstance(body.get("messages"), list) or not body["messages"]:
        raise ValidationError("ensure this value has at least 1 items", "messages")
    for index, message in enumerate(body["messages"]):
        check_message(index, message)
    if body["messages"][-1]["role"] != "user":
        raise ValidationError("the last message must be the user's", "messages")
    return body


def check_numbers(body):
    for name, (low, high) in NUMBER_RANGES.items():
        value = body.get(name, low)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise ValidationError("value out of range", name)


def check_message(index, message):
    if message.keys() - {"role", "content", "tool_calls"} or message.get("role") not in ROLES:
        raise ValidationError("not a valid message", "messages", index)
    content = message.get("content")
    if isinstance(content, str) and content:
        return
    if not isinstance(content, list) or not content:
        raise ValidationError("content is empty", "messages", index, "content")
    kinds = [check_part(index, part) for part in content]
    if "text" in kinds[:-1]:
        raise ValidationError("media parts come before the text part", "messages", index, "content")


def check_part(index, part):
    kind = part.get("type")
    if (
        part.keys() != {"type", kind}
        or not isinstance(part[kind], str)
        or kind not in ("text", *MEDIA_TYPES)
    ):
        raise ValidationError(
            "str type expected", "messages", index, "content", type="type_error.str"
        )
    if kind == "image_url":
        decode_image_part(part)
    return kind


def decode_image_part(part):
    prefix, _, data = part["image_url"].partition(";base64,")
    try:
        raw = base64.b64decode(data, validate=True)
        with Image.open(io.BytesIO(raw)) as image:
            image.load()
            if prefix != f"data:image/{format_name(image)}":
                raise ValidationError("media type does not match", "messages")
    except (OSError, ValueError) as error:
        raise ValidationError(f"cannot read the image: {error}", "messages") from None
    return raw
