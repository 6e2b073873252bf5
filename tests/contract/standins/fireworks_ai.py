"""Fireworks AI: Kontext workflows. Edits and polls are both POST requests; only edits are paid calls."""

from __future__ import annotations

from tests.contract.standin import ParsedRequest, with_expected_calls
from tests.contract.standins._flux import (
    CREDENTIALS_ERROR,
    KONTEXT_FIELDS,
    FluxStandIn,
    Refusal,
    decode_base64_image,
    expected_failure,
)
from tests.support.upstream import json_response

ROOT = "/inference/v1"
WORKFLOWS = f"{ROOT}/workflows/accounts/fireworks/models"
MODELS = ("flux-kontext-pro", "flux-kontext-max")


def error_response(status, message, type="invalid_request_error", **headers):
    body = {"error": {"object": "error", "type": type, "message": message}}
    return json_response(body, status, **headers)


class FireworksAiStandIn(FluxStandIn):
    slug = "fireworks-ai"

    def env(self):
        return {"FIREWORKS_API_KEY": self.key, "FIREWORKS_BASE_URL": f"{self.url}{ROOT}"}

    @property
    def calls(self):
        return [call for call in super().calls if not call.path.endswith("/get_result")]

    def respond(self, received):
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return error_response(
                401, "The API key you provided is invalid.", "authentication_error"
            )
        if (received.method, received.path) == ("GET", f"{ROOT}/models"):
            return json_response({"object": "list", "data": []})
        model, _, action = received.path.removeprefix(f"{WORKFLOWS}/").partition("/")
        if received.method != "POST" or model not in MODELS or action not in ("", "get_result"):
            return error_response(404, "Model not found, inaccessible, and/or not deployed")
        if action:
            return self.poll_response(received.json()["id"])
        try:
            return json_response(
                {"request_id": self.create_task(self.parse_request(received), KONTEXT_FIELDS)}
            )
        except Refusal as refusal:
            return json_response({"error_message": refusal.message}, refusal.status)

    def parse_request(self, received):
        fields = received.json()
        prefix, separator, data = fields.pop("input_image", "").partition(";base64,")
        if not separator or prefix not in ("data:image/png", "data:image/jpeg", "data:image/webp"):
            raise Refusal(400, "input_image must be a data URL of an image")
        return ParsedRequest([decode_base64_image(data, 400)], None, fields)

    def failures(self):
        limited = (429, "rate_limit_exceeded")
        refused = ("provider_refused",)
        return {
            **self.task_failures(),
            "bad_key": expected_failure(
                error_response(401, f"The API key {self.key} is invalid."), *CREDENTIALS_ERROR
            ),
            "forbidden": expected_failure(error_response(403, "not permitted"), 403, *refused),
            "retired": expected_failure(
                error_response(404, "not deployed"), 404, "model_not_found"
            ),
            "suspended": expected_failure(
                error_response(412, "account suspended"), *CREDENTIALS_ERROR
            ),
            "no_credit": expected_failure(
                error_response(402, "payment required"), 429, "insufficient_quota"
            ),
            "rate_limited": expected_failure(error_response(429, "slower"), *limited),
            "rate_limited_with_hint": with_expected_calls(
                expected_failure(error_response(429, "slower", **{"retry-after": "2"}), *limited)
            ),
            "bad_workflow": expected_failure(
                json_response({"error_message": "no"}, 400), 400, *refused
            ),
            "bad_text": expected_failure(json_response({"error": "no"}, 400), 400, *refused),
            "bad_fault": expected_failure(
                json_response({"fault": {"faultstring": "no"}}, 400), 400, *refused
            ),
            "bad_detail": expected_failure(
                json_response({"detail": [{"msg": "no"}]}, 400), 400, *refused
            ),
        }
