"""The Gemini API, from Google's documentation and google-genai 3.4.0. The Vertex AI stand-in extends it."""

import base64
import functools
import re

from PIL import Image

from tests.contract.paint import decode_image, encode_image
from tests.contract.standin import MAGENTA, Failure, ParsedRequest, StandIn
from tests.contract.standins._google_failures import (
    USAGE,
    bad_key_response,
    error_info,
    error_response,
    imageless_failures,
    quota_response,
)
from tests.support.images import format_name
from tests.support.upstream import ScriptedResponse, json_response

# Width and height at 1K, per aspect ratio. The older models do not know the extreme ratios.
SIZES_BY_RATIO = {
    "1:1": (1024, 1024),
    "2:3": (848, 1264),
    "3:2": (1264, 848),
    "3:4": (896, 1200),
    "4:3": (1200, 896),
    "4:5": (928, 1152),
    "5:4": (1152, 928),
    "9:16": (768, 1376),
    "16:9": (1376, 768),
    "21:9": (1584, 672),
    "1:4": (512, 2048),
    "4:1": (2048, 512),
    "1:8": (384, 3072),
    "8:1": (3072, 384),
}
SIZE_DIVISOR = 8  # result edges are this many times smaller than the real ones, for speed
EXTREME_RATIOS = {"1:4", "4:1", "1:8", "8:1"}
SIZE_TIERS = {"1K": 1, "2K": 2, "4K": 4}
THINKING_LEVELS = {
    "gemini-nano-banana-2.1": {"MINIMAL", "MEDIUM", "HIGH"},
    "gemini-3.1-flash-image": {"MINIMAL", "HIGH"},
}
MODELS = {  # maximum number of images, size tiers, whether the extreme ratios exist
    "gemini-nano-banana-2.1": (14, SIZE_TIERS, True),
    "gemini-3-pro-image": (14, SIZE_TIERS, False),
    "gemini-3.1-flash-image": (14, SIZE_TIERS, True),
    "gemini-3.1-flash-lite-image": (14, {}, True),
    "gemini-2.5-flash-image": (3, {}, False),
}
THRESHOLDS = {
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
}
HARM_CATEGORIES = {
    "HARASSMENT",
    "HATE_SPEECH",
    "SEXUALLY_EXPLICIT",
    "DANGEROUS_CONTENT",
    "CIVIC_INTEGRITY",
}


class InvalidArgument(Exception):
    """An error that the real API reports as INVALID_ARGUMENT."""


class GeminiStandIn(StandIn):
    slug = "google"
    paths = re.compile(r"/v1(?:beta)?/models/(?P<model>[^/:]+):generateContent")
    max_input_bytes = 20_000_000  # of all images together, in base64
    image_keys = frozenset(("aspectRatio", "imageSize"))

    def env(self):
        return {"GOOGLE_API_KEY": self.key, "GOOGLE_BASE_URL": f"{self.url}/v1beta"}

    def respond(self, received):
        refusal = self.authentication_error(received)
        if refusal or received.method == "GET":
            return refusal or json_response({"models": [{"name": f"models/{m}"} for m in MODELS]})
        match = self.paths.fullmatch(received.path)
        if not match or match["model"] not in MODELS:
            return error_response(
                404, "NOT_FOUND", f"{received.path} is not found for API version v1beta."
            )
        try:
            return self.edit_response(match["model"], received)
        except (InvalidArgument, KeyError, TypeError, ValueError, OSError) as problem:
            return error_response(
                400, "INVALID_ARGUMENT", f"Invalid JSON payload received: {problem!r}"
            )

    def authentication_error(self, received):
        """Return the error response for a missing or wrong key, or None."""
        if received.query.get("key"):
            return error_response(400, "INVALID_ARGUMENT", "Keep the key out of the URL.")
        key = received.headers.get("x-goog-api-key")
        if key is None:
            return error_response(
                403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers."
            )
        return None if key == self.key else bad_key_response()

    def edit_response(self, model, received):
        body = to_camel_case(received.json())
        require_known_names(body, {"contents", "generationConfig", "safetySettings"}, "")
        images, _ = self.parse_contents(body, MODELS[model][0])
        config = self.parse_config(body.get("generationConfig", {}), model)
        check_safety(body.get("safetySettings", []))
        return json_response(response_body(self.draw_result(config, decode_image(images[0]).size)))

    def parse_contents(self, body, max_images):
        (content,) = body["contents"]
        require_known_names(content, {"role", "parts"}, "contents[0]")
        require(content["role"] == "user", "contents[0].role")
        *files, text = content["parts"]
        require(set(text) == {"text"} and text["text"], "the text must be the last part")
        require(0 < len(files) <= max_images, f"at most {max_images} images")
        data = [self.decode_part(file) for file in files]
        require(sum(len(d) * 4 // 3 for d in data) < self.max_input_bytes, "request size")
        return data, text["text"]

    def decode_part(self, part):
        require_known_names(part, {"inlineData"}, "part")
        require_known_names(part["inlineData"], {"mimeType", "data"}, "inlineData")
        data = base64.b64decode(part["inlineData"]["data"], validate=True)
        format = format_name(decode_image(data))
        require(part["inlineData"]["mimeType"] == f"image/{format}", "mimeType")
        require(format in ("png", "jpeg", "webp"), "mimeType")
        return data

    def parse_config(self, config, model):
        allowed = {"responseModalities", "imageConfig", "thinkingConfig", "seed", "candidateCount"}
        require_known_names(config, allowed, "generationConfig")
        require(config.get("responseModalities") in (["IMAGE"], ["TEXT", "IMAGE"]), "modalities")
        require(config.get("candidateCount", 1) == 1, "candidateCount")
        require(0 <= config.get("seed", 0) < 2**31, "seed")
        thinking = config.get("thinkingConfig", {})
        require_known_names(thinking, {"thinkingLevel", "includeThoughts"}, "thinkingConfig")
        if "thinkingLevel" in thinking:
            require(thinking["thinkingLevel"] in THINKING_LEVELS.get(model, ()), "thinkingLevel")
        image = config.get("imageConfig", {})
        require_known_names(image, self.image_keys, "imageConfig")
        check_image_config(image, model)
        return image

    def draw_result(self, image, size):
        """Return (bytes, content type) of a magenta image in the size of the requested ratio.

        Without a requested ratio, use the ratio nearest to that of the input.
        """
        ratio = image.get("aspectRatio") or min(
            SIZES_BY_RATIO,
            key=lambda r: abs(SIZES_BY_RATIO[r][0] / SIZES_BY_RATIO[r][1] - size[0] / size[1]),
        )
        multiplier = SIZE_TIERS[image.get("imageSize", "1K")]
        width, height = SIZES_BY_RATIO[ratio]
        result = magenta_image(
            width * multiplier // SIZE_DIVISOR, height * multiplier // SIZE_DIVISOR, "png"
        )
        return result, "image/png"

    def parse_request(self, received):
        body = to_camel_case(received.json())
        data, text = self.parse_contents(body, 14)
        config = body["generationConfig"]
        return ParsedRequest(
            data, None, {"prompt": text, **config, **config.get("imageConfig", {})}
        )

    def failures(self):
        return {
            "bad_key": Failure([bad_key_response()], 500, "provider_credentials", "no"),
            "forbidden": Failure(
                [error_response(403, "PERMISSION_DENIED", "Your API key was reported as leaked.")],
                500,
                "provider_credentials",
                "no",
            ),
            "not_enabled": Failure(
                [error_response(403, "PERMISSION_DENIED", "Not enabled.", error_info("SERVICE_DISABLED"))],
                500,
                "provider_credentials",
                "no",
            ),
            "region": Failure(
                [error_response(400, "FAILED_PRECONDITION", "User location is not supported.")],
                500,
                "provider_credentials",
                "no",
            ),
            "no_credit": Failure(
                [error_response(402, "RESOURCE_EXHAUSTED", "Your prepaid credits are depleted.")],
                429,
                "insufficient_quota",
                "no",
            ),
            "no_credit_today": Failure(
                [quota_response("GenerateRequestsPerDayPerProjectPerModel", "3600s")],
                429,
                "insufficient_quota",
                "no",
            ),
            "rate_limited": Failure(
                [error_response(429, "RESOURCE_EXHAUSTED", "Resource exhausted.")],
                429,
                "rate_limit_exceeded",
                "no",
            ),
            "rate_limited_with_hint": Failure(
                [quota_response("GenerateRequestsPerMinutePerProjectPerModel", "18s")],
                429,
                "rate_limit_exceeded",
                "no",
            ),
            "retired": Failure(
                [error_response(404, "NOT_FOUND", "models/x is not found for API version v1beta.")],
                404,
                "model_not_found",
                "no",
            ),
            "bad_request_in_a_list": Failure(
                [json_response([{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}], 400)],
                400,
                "provider_refused",
                "no",
            ),
            "prompt_too_long": Failure(
                [error_response(500, "INTERNAL", "Your input context is too long.")], 502, "provider_error", "no"
            ),
            "overloaded": Failure(
                [error_response(503, "UNAVAILABLE", "The model is overloaded.")], 502, "provider_error", "no"
            ),
            "late": Failure(
                [error_response(504, "DEADLINE_EXCEEDED", "Deadline expired.")],
                504,
                "deadline_exceeded",
                "unknown",
            ),
            "server_error_html": Failure(
                [ScriptedResponse(500, b"<html>Error 500</html>", {"content-type": "text/html"})],
                502,
                "provider_error",
                "unknown",
            ),
            **imageless_failures(),
            "strange": Failure([json_response({})], 502, "no_image_returned", "unknown"),
            "strange_html": Failure([ScriptedResponse(200, b"<html>")], 502, "provider_error", "unknown"),
            "cut": Failure(
                [ScriptedResponse(200, b'{"candidates": [{"con', network_failure="cut")],
                502,
                "provider_error",
                "unknown",
            ),
        }  # fmt: skip


def to_camel_case(value, name=""):
    """Return the value with camelCase names and standard base64.

    The API also accepts snake_case names and URL-safe base64. The official SDK mixes both forms.
    """
    if isinstance(value, list):
        return [to_camel_case(inner) for inner in value]
    if isinstance(value, dict):
        names = {n: re.sub("_([a-z])", lambda m: m[1].upper(), n) for n in value}
        return {names[n]: to_camel_case(inner, n) for n, inner in value.items()}
    return value.replace("-", "+").replace("_", "/") if name == "data" else value


def require_known_names(values, allowed, location):
    extra = set(values) - set(allowed)
    require(not extra, f"Unknown name \"{extra}\" at '{location}'")


def require(condition, name):
    if not condition:
        raise InvalidArgument(name)


def check_image_config(image, model):
    _, tiers, allows_extreme_ratios = MODELS[model]
    ratio, size = image.get("aspectRatio"), image.get("imageSize")
    require(
        ratio is None
        or (ratio in SIZES_BY_RATIO and (allows_extreme_ratios or ratio not in EXTREME_RATIOS)),
        "aspectRatio",
    )
    require(size is None or size in tiers, "imageSize")


def check_safety(settings):
    for setting in settings:
        require_known_names(setting, {"category", "threshold"}, "safetySettings")
        require(setting["threshold"] in THRESHOLDS, "threshold")
        require(setting["category"].removeprefix("HARM_CATEGORY_") in HARM_CATEGORIES, "category")


@functools.cache
def magenta_image(width, height, format):
    return encode_image(Image.new("RGB", (width, height), MAGENTA), format)


def response_body(result):
    data, mime = result
    interim_image = base64.b64encode(magenta_image(16, 16, "png")).decode()
    parts = [
        {"text": "Thinking about scarves.", "thought": True},
        {"inlineData": {"mimeType": "image/png", "data": interim_image}, "thought": True},
        {
            "inlineData": {"mimeType": mime, "data": base64.b64encode(data).decode()},
            "thoughtSignature": "c2ln",
        },
    ]
    return {
        "candidates": [
            {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": parts}}
        ],
        "usageMetadata": USAGE,
        "modelVersion": "stand-in",
        "responseId": "dummyResp1",
    }
