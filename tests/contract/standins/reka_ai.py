"""Reka as its SDK and its pages describe it: POST /v1/chat with strict messages, and a planner's answers.

It cannot see, so it plans by words in the instruction: what is to be painted it refuses, everything else becomes
magenta, as the other stand-ins paint it.
"""

import base64
import io
import re

from PIL import Image

from tests.contract.paint import encoded, opened
from tests.contract.standin import Failure, Seen, StandIn
from tests.support.upstream import Answer, as_json

MODELS = ("reka-flash", "reka-core", "reka-edge", "reka-edge-2603", "hosted-vision-model")
ROLES = ("user", "assistant", "system", "tool_output")
MEDIA = ("image_url", "video_url", "audio_url", "pdf_url")
NUMBERS = {
    "max_tokens": (1, 100_000),
    "temperature": (0, 2),
    "top_p": (0, 1),
    "top_k": (1, 100_000),
    "frequency_penalty": (-2, 2),
    "presence_penalty": (-2, 2),
    "seed": (0, 2**63),
}
OTHERS = {"stream", "stop", "tools", "tool_choice", "use_search_engine"}
MAGENTA_PLAN = '{"steps": [{"op": "tint", "color": "#ff00ff", "strength": 1}]}'
REFUSAL = '{"refuse": "Adding a hat needs painting."}'
WHERE = re.compile(r"between (\d+) and (\d+) px from the left and (\d+) and (\d+) px from the top")
BALANCE = "P001: Insufficient Balance"


class Invalid(Exception):
    """What FastAPI would put into `detail`."""

    def __init__(self, msg, *loc, type="value_error"):
        super().__init__(msg)
        self.detail = {"loc": ["body", *loc], "msg": msg, "type": type}


class RekaStandIn(StandIn):
    slug = "reka-ai"

    def __init__(self):
        super().__init__()
        self.says = []  # what the model answers, in order; by the instruction when they are used up

    def env(self):
        return {"REKA_API_KEY": self.key, "REKA_BASE_URL": f"{self.url}/v1"}

    def respond(self, received):
        if received.headers.get("x-api-key") != self.key:
            return error(401, "Invalid API key", "authentication_error", "invalid_api_key")
        if received.path == "/v1/models":
            return as_json([{"id": name} for name in MODELS])
        if received.path != "/v1/chat":
            return as_json({"detail": "Not Found"}, 404)
        if received.method != "POST":
            return as_json({"detail": "Method Not Allowed"}, 405)
        try:
            order = checked(received.json())
        except Invalid as invalid:
            return as_json({"detail": [invalid.detail]}, 422)
        except ValueError:
            return as_json({"detail": "There was an error parsing the body"}, 400)
        if order["model"] not in MODELS:
            return error(404, f"Model {order['model']} not found", "not_found_error", None)
        return chat(order["model"], self.says.pop(0) if self.says else planned(order))

    def seen(self, received):
        order = received.json()
        user = order["messages"][1]["content"]
        pictures = [decoded(part) for part in user if part["type"] == "image_url"]
        words = "\n".join(part["text"] for part in user if part["type"] == "text")
        rest = {name: value for name, value in order.items() if name != "messages"}
        fields = {**rest, "system": order["messages"][0]["content"], "prompt": words}
        return Seen(pictures, marked(pictures[0], words), fields)

    def failures(self):
        bad_key = error(401, "Invalid API key", "authentication_error", "invalid_api_key")
        limit = ("Too many requests", "rate_limit_error", None)
        nonsense = [chat("reka-flash", "Certainly! I made the picture nicer.")]
        return {
            "bad_key": Failure([bad_key], 500, "provider_credentials", "no"),
            "rate_limited": Failure([error(429, *limit)], 429, "rate_limit_exceeded", "no"),
            "rate_limited_with_hint": Failure(
                [error(429, *limit, **{"retry-after": "40"})], 429, "rate_limit_exceeded", "no"
            ),
            "no_credit": Failure(
                [error(400, BALANCE, "invalid_request_error", None)],
                429,
                "insufficient_quota",
                "no",
            ),
            "no_credit_payment_required": Failure(
                [as_json({"detail": BALANCE}, 402)], 429, "insufficient_quota", "no"
            ),
            "unknown_model": Failure(
                [error(404, "Model not found", "not_found_error", None)],
                404,
                "model_not_found",
                "no",
            ),
            "invalid": Failure(
                [as_json({"detail": [Invalid("field required", "model").detail]}, 422)],
                422,
                "provider_refused",
                "no",
            ),
            "server_error": Failure(
                [error(500, "Internal", "server_error", None)], 502, "provider_error", "unknown"
            ),
            "server_error_html": Failure(
                [Answer(503, b"<html>no</html>", {"content-type": "text/html"})],
                502,
                "provider_error",
                "unknown",
            ),
            "strange": Failure([as_json({})], 502, "provider_error", "unknown"),
            "strange_html": Failure(
                [Answer(200, b"<html>hi</html>", {"content-type": "text/html"})],
                502,
                "provider_error",
                "unknown",
            ),
            "cut": Failure(
                [Answer(200, b'{"id": "c_1", "model"', fault="cut")],
                502,
                "provider_error",
                "unknown",
            ),
            "moderated_in_prose": Failure(
                [chat("reka-flash", "I am sorry, I cannot help with that.")],
                502,
                "plan_not_understood",
                "yes",
                orders=2,
            ),
            "needs_painting": Failure(
                [chat("reka-flash", REFUSAL)], 400, "unsupported_operation", "yes"
            ),
            "plan_not_understood": Failure(nonsense, 502, "plan_not_understood", "yes", orders=2),
        }


def error(status, message, type, code, **headers):
    body = {"error": {"message": message, "type": type, "code": code, "param": None}}
    return as_json(body, status, **headers)


def chat(model, text, reason="stop"):
    message = {"role": "assistant", "content": text}
    return as_json(
        {
            "id": "c_1",
            "model": model,
            "responses": [{"finish_reason": reason, "message": message}],
            "usage": {"input_tokens": 1310, "output_tokens": 60},
        }
    )


def planned(order):
    words = order["messages"][-1]["content"]
    asked = words if isinstance(words, str) else words[-1]["text"]
    return REFUSAL if "hat" in asked.lower().split() else MAGENTA_PLAN


def marked(picture, words):
    """The mask as far as words tell of it: white in the box around it. None where they tell of none."""
    found = WHERE.search(words)
    if not found:
        return None
    left, right, top, bottom = map(int, found.groups())
    mask = Image.new("L", opened(picture).size)
    mask.paste(255, (left, top, right, bottom))
    return encoded(mask)


def checked(order):
    """The order, or Invalid as the SDK's types and Reka's pages would have it."""
    if not isinstance(order, dict):
        raise Invalid("value is not a valid dict", type="type_error.dict")
    unknown = order.keys() - NUMBERS.keys() - OTHERS - {"model", "messages"}
    if unknown:
        raise Invalid("extra fields not permitted", sorted(unknown)[0], type="value_error.extra")
    check_numbers(order)
    if not isinstance(order.get("model"), str) or not isinstance(order.get("stream", False), bool):
        raise Invalid("field required", "model")
    if not isinstance(order.get("messages"), list) or not order["messages"]:
        raise Invalid("ensure this value has at least 1 items", "messages")
    for index, message in enumerate(order["messages"]):
        check_message(index, message)
    if order["messages"][-1]["role"] != "user":
        raise Invalid("the last message must be the user's", "messages")
    return order


def check_numbers(order):
    for name, (low, high) in NUMBERS.items():
        value = order.get(name, low)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise Invalid("value out of range", name)


def check_message(index, message):
    if message.keys() - {"role", "content", "tool_calls"} or message.get("role") not in ROLES:
        raise Invalid("not a valid message", "messages", index)
    content = message.get("content")
    if isinstance(content, str) and content:
        return
    if not isinstance(content, list) or not content:
        raise Invalid("content is empty", "messages", index, "content")
    kinds = [check_part(index, part) for part in content]
    if "text" in kinds[:-1]:
        raise Invalid("media parts come before the text part", "messages", index, "content")


def check_part(index, part):
    kind = part.get("type")
    if (
        part.keys() != {"type", kind}
        or not isinstance(part[kind], str)
        or kind not in ("text", *MEDIA)
    ):
        raise Invalid("str type expected", "messages", index, "content", type="type_error.str")
    if kind == "image_url":
        decoded(part)
    return kind


def decoded(part):
    head, _, data = part["image_url"].partition(";base64,")
    try:
        raw = base64.b64decode(data, validate=True)
        with Image.open(io.BytesIO(raw)) as image:
            image.load()
            if head != f"data:image/{image.format.lower()}":
                raise Invalid("media type does not match", "messages")
    except (OSError, ValueError) as broken:
        raise Invalid(f"cannot read the image: {broken}", "messages") from None
    return raw
