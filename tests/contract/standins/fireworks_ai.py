"""Fireworks AI: Kontext workflows. Orders and polls are both POSTs; only orders are paid for."""

from __future__ import annotations

from tests.contract.standin import Seen, repeated
from tests.contract.standins._flux import KONTEXT, OPERATOR, Refusal, Tasks, decoded, fails
from tests.support.upstream import as_json

ROOT = "/inference/v1"
WORKFLOWS = f"{ROOT}/workflows/accounts/fireworks/models"
MODELS = ("flux-kontext-pro", "flux-kontext-max")


def error(status, message, type="invalid_request_error", **headers):
    body = {"error": {"object": "error", "type": type, "message": message}}
    return as_json(body, status, **headers)


class FireworksAi(Tasks):
    slug = "fireworks-ai"

    def env(self):
        return {"FIREWORKS_API_KEY": self.key, "FIREWORKS_BASE_URL": f"{self.url}{ROOT}"}

    @property
    def calls(self):
        return [call for call in super().calls if not call.path.endswith("/get_result")]

    def respond(self, received):
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return error(401, "The API key you provided is invalid.", "authentication_error")
        if (received.method, received.path) == ("GET", f"{ROOT}/models"):
            return as_json({"object": "list", "data": []})
        model, _, action = received.path.removeprefix(f"{WORKFLOWS}/").partition("/")
        if received.method != "POST" or model not in MODELS or action not in ("", "get_result"):
            return error(404, "Model not found, inaccessible, and/or not deployed")
        if action:
            return self.polled(received.json()["id"])
        try:
            return as_json({"request_id": self.accept(self.seen(received), KONTEXT)})
        except Refusal as refusal:
            return as_json({"error_message": refusal.message}, refusal.status)

    def seen(self, received):
        fields = received.json()
        head, found, data = fields.pop("input_image", "").partition(";base64,")
        if not found or head not in ("data:image/png", "data:image/jpeg", "data:image/webp"):
            raise Refusal(400, "input_image must be a data URL of an image")
        return Seen([decoded(data, 400)], None, fields)

    def failures(self):
        limited = (429, "rate_limit_exceeded")
        refused = ("provider_refused",)
        return {
            **self.task_failures(),
            "bad_key": fails(error(401, f"The API key {self.key} is invalid."), *OPERATOR),
            "forbidden": fails(error(403, "not permitted"), 403, *refused),
            "retired": fails(error(404, "not deployed"), 404, "model_not_found"),
            "suspended": fails(error(412, "account suspended"), *OPERATOR),
            "no_credit": fails(error(402, "payment required"), 429, "insufficient_quota"),
            "rate_limited": fails(error(429, "slower"), *limited),
            "rate_limited_with_hint": repeated(
                fails(error(429, "slower", **{"retry-after": "2"}), *limited)
            ),
            "bad_workflow": fails(as_json({"error_message": "no"}, 400), 400, *refused),
            "bad_text": fails(as_json({"error": "no"}, 400), 400, *refused),
            "bad_fault": fails(as_json({"fault": {"faultstring": "no"}}, 400), 400, *refused),
            "bad_detail": fails(as_json({"detail": [{"msg": "no"}]}, 400), 400, *refused),
        }
