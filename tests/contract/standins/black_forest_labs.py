"""Black Forest Labs: base64 images without a data: prefix, a poll URL in the response, another host for results."""

from __future__ import annotations

from typing import Any

from tests.contract.standin import ParsedRequest, with_expected_calls
from tests.contract.standins._flux import (
    CREDENTIALS_ERROR,
    KONTEXT_FIELDS,
    FluxStandIn,
    Refusal,
    decode_base64_image,
    expected_failure,
    int_between,
    is_bool,
    is_text,
    number_between,
    one_of,
)
from tests.support.upstream import json_response

FLUX_3_RATIOS = (
    "21:9 2:1 16:9 3:2 7:5 4:3 5:4 1:1 4:5 3:4 5:7 2:3 9:16 1:2 9:21".split()  # noqa: SIM905 - as the page lists them
)
ONE_IMAGE_MODELS = ("flux-pro-1.0-fill", "flux-tools/erase-v1", "flux-pro-1.0-expand")
MASKED_MODELS = ("flux-pro-1.0-fill", "flux-tools/erase-v1")


def is_edge(value):
    return type(value) is int and value >= 64 and value % 16 == 0


FLUX_2_FIELDS = {
    "prompt": is_text,
    "user": is_text,
    "seed": int_between(0),
    "width": is_edge,
    "height": is_edge,
    "output_format": one_of("jpeg", "png", "webp"),
    "safety_tolerance": int_between(0, 5),
}
FILL_FIELDS = {
    "prompt": is_text,
    "user": is_text,
    "seed": int_between(0),
    "steps": int_between(15, 50),
    "guidance": number_between(1.5, 100),
    "output_format": one_of("jpeg", "png", "webp"),
}
FLUX_3_FIELDS = {
    "prompt": is_text,
    "aspect_ratio": one_of(*FLUX_3_RATIOS),
    "resolution": one_of("768sq", "1k", "1.5k", "2k", "4k"),
    "grounding": is_bool,
    "safety_tolerance": int_between(0, 4),
}
ERASE_FIELDS = {
    "user": is_text,
    "seed": int_between(0),
    "dilate_pixels": int_between(0, 25),
    "output_format": one_of("jpeg", "png", "webp"),
    "safety_tolerance": int_between(0, 5),
}
EXPAND_FIELDS = {
    **FILL_FIELDS,
    **dict.fromkeys(("top", "bottom", "left", "right"), int_between(0, 2048)),
}
BFL_KONTEXT_FIELDS = {
    **KONTEXT_FIELDS,
    "user": is_text,
    "output_format": one_of("jpeg", "png", "webp"),
}
MODELS = {
    "flux-kontext-pro": (BFL_KONTEXT_FIELDS, 4),
    "flux-kontext-max": (BFL_KONTEXT_FIELDS, 4),
    "flux-pro-1.0-fill": (FILL_FIELDS, 1),
    "flux-2-pro": (FLUX_2_FIELDS, 8),
    "flux-2-max": (FLUX_2_FIELDS, 8),
    "flux-2-flex": (FLUX_2_FIELDS, 8),
    "flux-2-klein-9b": (FLUX_2_FIELDS, 4),
    "flux-2-klein-4b": (FLUX_2_FIELDS, 4),
    "flux-3-image": (FLUX_3_FIELDS, 10),
    "flux-tools/erase-v1": (ERASE_FIELDS, 1),
    "flux-pro-1.0-expand": (EXPAND_FIELDS, 1),
}


def error_response(status, detail, **headers):
    return json_response({"detail": detail}, status, **headers)


def pop_images(fields, model):
    """Remove the images from the fields and return them."""
    _, max_images = MODELS[model]
    if model == "flux-3-image":
        images = fields.pop("images", [])
        if len(images) > max_images:
            raise Refusal(422, "images: too many")
        return images
    names = ["image" if model in ONE_IMAGE_MODELS else "input_image"]
    names += [f"input_image_{number}" for number in range(2, max_images + 1)]
    return [fields.pop(name) for name in names if name in fields]


class BlackForestLabsStandIn(FluxStandIn):
    slug = "black-forest-labs"
    status_of_refusal = 422
    ordered_cost: Any = 4.0  # credits of $0.01
    finished_cost: Any = None

    def env(self):
        return {"BFL_API_KEY": self.key, "BFL_BASE_URL": f"{self.url}/v1"}

    def respond(self, received):
        if received.headers.get("x-key") != self.key:
            return error_response(403, "Not authenticated")
        route = (received.method, received.path)
        if route == ("GET", "/v1/credits"):
            return json_response({"credits": 120.5})
        if route == ("GET", "/v1/get_result"):
            return self.poll_response(received.query["id"])
        model = received.path.removeprefix("/v1/")
        if received.method != "POST" or model not in MODELS:
            return error_response(404, "Not Found")
        try:
            task = self.create_task(self.parse_request(received), MODELS[model][0])
        except Refusal as refusal:
            return error_response(
                refusal.status, [{"loc": ["body"], "msg": refusal.message, "type": "value_error"}]
            )
        polling_url = f"{self.url}/v1/get_result?id={task}"
        return json_response(
            {"id": task, "polling_url": polling_url, "cost": self.ordered_cost, "input_mp": 1.0}
        )

    def task_state(self, task):
        state = super().task_state(task)
        return {**state, "cost": self.finished_cost} if state["status"] == "Ready" else state

    def parse_request(self, received):
        fields, model = received.json(), received.path.removeprefix("/v1/")
        images = [decode_base64_image(text, 422) for text in pop_images(fields, model)]
        if not images:
            raise Refusal(422, "image: field required")
        mask = None
        if model in MASKED_MODELS and "mask" in fields:
            mask = decode_base64_image(fields.pop("mask"), 422)
        return ParsedRequest(images, mask, fields)

    def requires_prompt(self, field_rules):
        return "prompt" in field_rules and field_rules is not EXPAND_FIELDS

    def failures(self):
        limited = (429, "rate_limit_exceeded")
        invalid = [{"loc": ["body", "prompt"], "msg": "Field required", "type": "missing"}]
        return {
            **self.task_failures(),
            "bad_key": expected_failure(
                error_response(403, f"Not authenticated: {self.key}"), *CREDENTIALS_ERROR
            ),
            "bad_key_401": expected_failure(error_response(401, "Invalid key"), *CREDENTIALS_ERROR),
            "retired": expected_failure(error_response(404, "Not Found"), 404, "model_not_found"),
            "no_credit": expected_failure(
                error_response(402, "Insufficient credits"), 429, "insufficient_quota"
            ),
            "invalid": expected_failure(error_response(422, invalid), 422, "provider_refused"),
            "rate_limited": expected_failure(
                error_response(429, "too many active tasks"), *limited
            ),
            "rate_limited_with_hint": with_expected_calls(
                expected_failure(error_response(429, "later", **{"retry-after": "2"}), *limited)
            ),
        }
