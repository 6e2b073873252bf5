"""The Gemini API from Google's documentation and google-genai 3.4.0; the other host's stand-in builds on it."""

import base64
import functools
import re

from PIL import Image

from tests.contract.paint import encoded, opened
from tests.contract.standin import MAGENTA, Failure, Seen, StandIn
from tests.support.upstream import Answer, as_json

# Width and height at 1K by ratio; the extreme ones are not known to the older models.
GRID = {
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
SMALLER = 8  # edges are drawn so many times smaller than the real ones, to be quick
EXTREME = {"1:4", "4:1", "1:8", "8:1"}
TIERS = {"1K": 1, "2K": 2, "4K": 4}
LEVELS = {
    "gemini-nano-banana-2.1": {"MINIMAL", "MEDIUM", "HIGH"},
    "gemini-3.1-flash-image": {"MINIMAL", "HIGH"},
}
MODELS = {  # most pictures, tiers, whether the extreme ratios exist
    "gemini-nano-banana-2.1": (14, TIERS, True),
    "gemini-3-pro-image": (14, TIERS, False),
    "gemini-3.1-flash-image": (14, TIERS, True),
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
HARMS = {"HARASSMENT", "HATE_SPEECH", "SEXUALLY_EXPLICIT", "DANGEROUS_CONTENT", "CIVIC_INTEGRITY"}
USAGE = {
    "promptTokenCount": 1130,
    "promptTokensDetails": [
        {"modality": "IMAGE", "tokenCount": 1120},
        {"modality": "TEXT", "tokenCount": 10},
    ],
    "candidatesTokenCount": 1120,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    "thoughtsTokenCount": 180,
    "totalTokenCount": 2430,
}
GOOGLE = "type.googleapis.com/google.rpc."


class Bad(Exception):
    """What the real one answers INVALID_ARGUMENT to."""


class Gemini(StandIn):
    slug = "google"
    paths = re.compile(r"/v1(?:beta)?/models/(?P<model>[^/:]+):generateContent")
    input_bytes = 20_000_000  # all pictures together, in base64
    image_keys = frozenset(("aspectRatio", "imageSize"))

    def env(self):
        return {"GOOGLE_API_KEY": self.key, "GOOGLE_BASE_URL": f"{self.url}/v1beta"}

    def respond(self, received):
        refusal = self.refused(received)
        if refusal or received.method == "GET":
            return refusal or as_json({"models": [{"name": f"models/{m}"} for m in MODELS]})
        found = self.paths.fullmatch(received.path)
        if not found or found["model"] not in MODELS:
            return error(404, "NOT_FOUND", f"{received.path} is not found for API version v1beta.")
        try:
            return self.edited(found["model"], received)
        except (Bad, KeyError, TypeError, ValueError, OSError) as wrong:
            return error(400, "INVALID_ARGUMENT", f"Invalid JSON payload received: {wrong!r}")

    def refused(self, received):
        """What is wrong with the key, if anything."""
        if received.query.get("key"):
            return error(400, "INVALID_ARGUMENT", "Keep the key out of the URL.")
        key = received.headers.get("x-goog-api-key")
        if key is None:
            return error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
        return None if key == self.key else bad_key()

    def edited(self, model, received):
        order = camel(received.json())
        known(order, {"contents", "generationConfig", "safetySettings"}, "")
        pictures, _ = self.contents(order, MODELS[model][0])
        config = self.config(order.get("generationConfig", {}), model)
        check_safety(order.get("safetySettings", []))
        return as_json(answer(self.drawn(config, opened(pictures[0]).size)))

    def contents(self, order, most):
        (content,) = order["contents"]
        known(content, {"role", "parts"}, "contents[0]")
        require(content["role"] == "user", "contents[0].role")
        *files, text = content["parts"]
        require(set(text) == {"text"} and text["text"], "the words stand last")
        require(0 < len(files) <= most, f"at most {most} images")
        data = [self.picture(file) for file in files]
        require(sum(len(d) * 4 // 3 for d in data) < self.input_bytes, "request size")
        return data, text["text"]

    def picture(self, part):
        known(part, {"inlineData"}, "part")
        known(part["inlineData"], {"mimeType", "data"}, "inlineData")
        data = base64.b64decode(part["inlineData"]["data"], validate=True)
        format = opened(data).format
        require(part["inlineData"]["mimeType"] == f"image/{format.lower()}", "mimeType")
        require(format in ("PNG", "JPEG", "WEBP"), "mimeType")
        return data

    def config(self, config, model):
        allowed = {"responseModalities", "imageConfig", "thinkingConfig", "seed", "candidateCount"}
        known(config, allowed, "generationConfig")
        require(config.get("responseModalities") in (["IMAGE"], ["TEXT", "IMAGE"]), "modalities")
        require(config.get("candidateCount", 1) == 1, "candidateCount")
        require(0 <= config.get("seed", 0) < 2**31, "seed")
        thinking = config.get("thinkingConfig", {})
        known(thinking, {"thinkingLevel", "includeThoughts"}, "thinkingConfig")
        if "thinkingLevel" in thinking:
            require(thinking["thinkingLevel"] in LEVELS.get(model, ()), "thinkingLevel")
        image = config.get("imageConfig", {})
        known(image, self.image_keys, "imageConfig")
        check_shape(image, model)
        return image

    def drawn(self, image, size):
        """The picture, painted over, on the grid of the ratio that was asked for or that the input has."""
        ratio = image.get("aspectRatio") or min(
            GRID, key=lambda r: abs(GRID[r][0] / GRID[r][1] - size[0] / size[1])
        )
        times = TIERS[image.get("imageSize", "1K")]
        width, height = GRID[ratio]
        drawn = painted(width * times // SMALLER, height * times // SMALLER, "png")
        return drawn, "image/png"

    def seen(self, received):
        order = camel(received.json())
        data, text = self.contents(order, 14)
        config = order["generationConfig"]
        return Seen(data, None, {"prompt": text, **config, **config.get("imageConfig", {})})

    def failures(self):
        return {
            "bad_key": Failure([bad_key()], 500, "provider_credentials", "no"),
            "forbidden": Failure(
                [error(403, "PERMISSION_DENIED", "Your API key was reported as leaked.")],
                500,
                "provider_credentials",
                "no",
            ),
            "not_enabled": Failure(
                [error(403, "PERMISSION_DENIED", "Not enabled.", info("SERVICE_DISABLED"))],
                500,
                "provider_credentials",
                "no",
            ),
            "region": Failure(
                [error(400, "FAILED_PRECONDITION", "User location is not supported.")],
                500,
                "provider_credentials",
                "no",
            ),
            "no_credit": Failure(
                [error(402, "RESOURCE_EXHAUSTED", "Your prepaid credits are depleted.")],
                429,
                "insufficient_quota",
                "no",
            ),
            "no_credit_today": Failure(
                [exhausted("GenerateRequestsPerDayPerProjectPerModel", "3600s")],
                429,
                "insufficient_quota",
                "no",
            ),
            "rate_limited": Failure(
                [error(429, "RESOURCE_EXHAUSTED", "Resource exhausted.")],
                429,
                "rate_limit_exceeded",
                "no",
            ),
            "rate_limited_with_hint": Failure(
                [exhausted("GenerateRequestsPerMinutePerProjectPerModel", "18s")],
                429,
                "rate_limit_exceeded",
                "no",
            ),
            "retired": Failure(
                [error(404, "NOT_FOUND", "models/x is not found for API version v1beta.")],
                404,
                "model_not_found",
                "no",
            ),
            "bad_request_in_a_list": Failure(
                [as_json([{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}], 400)],
                400,
                "provider_refused",
                "no",
            ),
            "overloaded": Failure(
                [error(503, "UNAVAILABLE", "The model is overloaded.")], 502, "provider_error", "no"
            ),
            "late": Failure(
                [error(504, "DEADLINE_EXCEEDED", "Deadline expired.")],
                504,
                "deadline_exceeded",
                "unknown",
            ),
            "server_error_html": Failure(
                [Answer(500, b"<html>Error 500</html>", {"content-type": "text/html"})],
                502,
                "provider_error",
                "unknown",
            ),
            **pictureless(),
            "strange": Failure([as_json({})], 502, "no_image_returned", "unknown"),
            "strange_html": Failure([Answer(200, b"<html>")], 502, "provider_error", "unknown"),
            "cut": Failure(
                [Answer(200, b'{"candidates": [{"con', fault="cut")],
                502,
                "provider_error",
                "unknown",
            ),
        }  # fmt: skip


def pictureless():
    """The five ways of a 200 without a picture."""
    moderated = (400, "moderation_blocked")
    broken = (502, "provider_error", "unknown")
    return {
        "moderated_input": Failure(
            [as_json({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}})], *moderated, "no"
        ),
        "moderated_output": Failure(
            [ended("IMAGE_PROHIBITED_CONTENT", finishMessage="Blocked. Support code: 72817394")],
            *moderated,
            "unknown",
        ),
        "moderated_empty_picture": Failure(
            [ended("IMAGE_SAFETY", [{"inlineData": {"mimeType": "image/png", "data": ""}}])],
            *moderated,
            "unknown",
        ),
        "moderated_odd_ratings": Failure(
            [ended("IMAGE_SAFETY", safetyRatings=[None, {"blocked": True, "category": 7}])],
            *moderated,
            "unknown",
        ),
        "text_for_a_picture": Failure(
            [ended("STOP", [{"inlineData": {"mimeType": "text/plain", "data": "c29ycnk="}}])],
            *broken,
        ),
        "moderated_recitation": Failure([ended("IMAGE_RECITATION")], *moderated, "unknown"),
        "no_image": Failure([ended("NO_IMAGE")], *broken),
        "other": Failure([ended("IMAGE_OTHER")], *broken),
        "truncated": Failure([ended("MAX_TOKENS", [{"text": "I will"}])], *broken),
        "in_words": Failure(
            [ended("STOP", [{"text": "I can't remove watermarks."}])],
            400,
            "provider_refused",
            "unknown",
        ),
    }


def camel(value, name=""):
    """The same with camelCase names and plain base64; the API takes other forms too, the official SDK mixes them."""
    if isinstance(value, list):
        return [camel(inner) for inner in value]
    if isinstance(value, dict):
        names = {n: re.sub("_([a-z])", lambda m: m[1].upper(), n) for n in value}
        return {names[n]: camel(inner, n) for n, inner in value.items()}
    return value.replace("-", "+").replace("_", "/") if name == "data" else value


def known(found, allowed, where):
    extra = set(found) - set(allowed)
    require(not extra, f"Unknown name \"{extra}\" at '{where}'")


def require(fine, what):
    if not fine:
        raise Bad(what)


def check_shape(image, model):
    _, tiers, extreme = MODELS[model]
    ratio, size = image.get("aspectRatio"), image.get("imageSize")
    require(ratio is None or (ratio in GRID and (extreme or ratio not in EXTREME)), "aspectRatio")
    require(size is None or size in tiers, "imageSize")


def check_safety(settings):
    for setting in settings:
        known(setting, {"category", "threshold"}, "safetySettings")
        require(setting["threshold"] in THRESHOLDS, "threshold")
        require(setting["category"].removeprefix("HARM_CATEGORY_") in HARMS, "category")


@functools.cache
def painted(width, height, format):
    return encoded(Image.new("RGB", (width, height), MAGENTA), format)


def answer(drawn):
    data, mime = drawn
    interim = base64.b64encode(painted(16, 16, "png")).decode()
    parts = [
        {"text": "Thinking about scarves.", "thought": True},
        {"inlineData": {"mimeType": "image/png", "data": interim}, "thought": True},
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


def ended(reason, parts=None, **also):
    content = {"role": "model", **({"parts": parts} if parts else {})}
    candidate = {"index": 0, "content": content, "finishReason": reason, **also}
    return as_json({"candidates": [candidate], "usageMetadata": USAGE})


def info(reason):
    return {"@type": f"{GOOGLE}ErrorInfo", "reason": reason, "domain": "googleapis.com"}


def error(status, name, message, *details):
    body = {"code": status, "message": message, "status": name}
    return as_json({"error": {**body, **({"details": list(details)} if details else {})}}, status)


def bad_key():
    message = "API key not valid. Please pass a valid API key."
    return error(400, "INVALID_ARGUMENT", message, info("API_KEY_INVALID"))


def exhausted(quota, delay):
    return error(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded.",
        {"@type": f"{GOOGLE}QuotaFailure", "violations": [{"quotaId": quota}]},
        {"@type": f"{GOOGLE}RetryInfo", "retryDelay": delay},
    )
