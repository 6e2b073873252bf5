"""The REST services of Stability AI, from their OpenAPI document."""

from typing import ClassVar

from tests.contract.paint import decode_image
from tests.contract.standin import ParsedRequest, StandIn
from tests.contract.standins._stability import (
    CREDENTIALS_ERROR,
    MAX_PIXELS,
    PROVIDER_ERROR,
    RATE_LIMIT_ERROR,
    SERVICES,
    BadRequest,
    check_image,
    check_request,
    expected_failure,
    paint_result,
    server_failures,
)
from tests.support.images import b64, format_name, photo
from tests.support.upstream import ScriptedResponse, json_response

MAX_REQUEST_BYTES = 10 * 1024 * 1024


def error_response(status, name, *errors):
    return json_response({"id": "2fbc" * 16, "name": name, "errors": list(errors)}, status)


class StabilityAIStandIn(StandIn):
    slug = "stability-ai"
    root = "/v2beta/stable-image/"
    routes: ClassVar = {
        "generate/sd3": "image-to-image",
        "generate/ultra": "ultra",
        "control/sketch": "control-sketch",
        "control/structure": "control-structure",
        "control/style": "control-style",
        "control/style-transfer": "style-transfer",
        **{
            f"edit/{name}": name
            for name in SERVICES
            if not name.startswith(("control", "style", "image", "ultra"))
        },
    }
    ratio_limited_operations = ("outpaint", "search-and-replace", "search-and-recolor")

    def __init__(self):
        super().__init__()
        self.results = {}  # id -> [polls until it is ready, its response body]

    def env(self):
        return {"STABILITY_API_KEY": self.key, "STABILITY_BASE_URL": self.url}

    def respond(self, received):
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return error_response(401, "unauthorized", "Invalid or missing API key")
        if (received.method, received.path) == ("GET", "/v1/user/balance"):
            return json_response({"credits": 12.5})
        if received.headers.get("accept") != "application/json":
            return ScriptedResponse(200, photo(), {"content-type": "image/png"})
        if received.method == "GET":
            return self.poll_result(received.path.removeprefix("/v2beta/results/"))
        if len(received.body) > MAX_REQUEST_BYTES:
            return error_response(413, "payload_too_large", "The request was larger than 10MiB")
        operation = self.routes.get(received.path.removeprefix(self.root))
        if operation is None:
            return error_response(404, "not_found", "The requested resource could not be found.")
        try:
            return self.run_operation(operation, received)
        except (BadRequest, OSError) as error:
            return error_response(400, "bad_request", str(error))

    def run_operation(self, operation, received):
        fields, files = self.parse_form(received)
        check_request(operation, fields, files)
        max_pixels = 4_194_304 if operation == "remove-background" else MAX_PIXELS
        for name, data in files.items():
            if name != "mask":
                check_image(
                    data, max_pixels, 2.5 if operation in self.ratio_limited_operations else 0
                )
        result = b64(paint_result(operation, fields, files))
        body = {"image": result, "finish_reason": "SUCCESS", "seed": int(fields.get("seed", 41))}
        if operation != "replace-background-and-relight":
            return json_response(body)
        job = f"{len(self.results):064x}"
        self.results[job] = [1, {**body, "result": body.pop("image")}]
        return json_response({"id": job})

    def parse_form(self, received):
        """Return the fields and files of a form. Raises BadRequest for a repeated name or a wrong content type."""
        names = [name for name, *_ in received.parts]
        if not names or len(set(names)) < len(names):
            raise BadRequest("a multipart/form-data body with distinct names is needed")
        for _, _, content_type, data in received.files:
            if content_type != f"image/{format_name(decode_image(data))}":
                raise BadRequest(f"the file is not {content_type}")
        if len(received.headers.get("stability-client-user-id", "")) > 256:
            raise BadRequest("stability-client-user-id is too long")
        return received.fields, {name: data for name, _, _, data in received.files}

    def poll_result(self, job):
        if job not in self.results:
            return error_response(404, "not_found", "No such result, or it has expired.")
        if self.results[job][0]:
            self.results[job][0] -= 1
            return json_response({"id": job, "status": "in-progress"}, 202)
        return json_response(self.results[job][1])

    def parse_request(self, received):
        files = {name: data for name, _, _, data in received.files}
        user = received.headers.get("stability-client-user-id")
        fields = {**received.fields, **({"user": user} if user else {})}
        images = [data for name, data in files.items() if name != "mask"]
        return ParsedRequest(images, files.get("mask"), fields)

    def failures(self):
        flagged = "Your request was flagged by our content moderation system."
        rate_limited = error_response(
            429, "rate_limit_exceeded", "You have been timed out for 60 seconds."
        )
        rate_limited_with_hint = error_response(429, "rate_limit_exceeded", "later")
        rate_limited_with_hint.headers["retry-after"] = "30"
        blurred = {"image": b64(photo()), "finish_reason": "CONTENT_FILTERED", "seed": 41}
        old_body = {"id": "1", "name": "bad_request", "message": "style_preset: not found"}
        return {
            **server_failures(),
            "bad_key": expected_failure(
                error_response(401, "unauthorized", f"{self.key} is no key"), *CREDENTIALS_ERROR
            ),
            "no_credit": expected_failure(
                error_response(402, "payment_required", "no credits"), 429, "insufficient_quota"
            ),
            "moderated_1_before": expected_failure(
                error_response(403, "content_moderation", flagged), 400, "moderation_blocked"
            ),
            "moderated_1_without_words": expected_failure(
                json_response({"name": "content_moderation"}, 403), 400, "moderation_blocked"
            ),
            "moderated_1_with_odd_words": expected_failure(
                json_response({"name": "content_moderation", "errors": {"prompt": [flagged]}}, 403),
                400,
                "moderation_blocked",
            ),
            "moderated_2_blurred": expected_failure(
                json_response(blurred), 400, "moderation_blocked", "unknown"
            ),
            "moderated_3_person": expected_failure(
                error_response(422, "public_figure", "a person"), 400, "moderation_blocked"
            ),
            "language": expected_failure(
                error_response(422, "invalid_language", "English only"), 422, "invalid_language"
            ),
            "bad_request": expected_failure(
                error_response(400, "bad_request", "image: too small"), 400, "provider_refused"
            ),
            "old_envelope": expected_failure(json_response(old_body, 400), 400, "provider_refused"),
            "forbidden": expected_failure(
                error_response(403, "forbidden", "not for you"), 403, "provider_refused"
            ),
            "too_large": expected_failure(
                error_response(413, "payload_too_large", "10MiB"), 413, "provider_refused"
            ),
            "not_found": expected_failure(
                error_response(404, "not_found", "no such route"), 404, "provider_refused"
            ),
            "rate_limited": expected_failure(rate_limited, *RATE_LIMIT_ERROR),
            "rate_limited_with_hint": expected_failure(rate_limited_with_hint, *RATE_LIMIT_ERROR),
            "rate_limited_html": expected_failure(
                ScriptedResponse(429, b"<html>"), *RATE_LIMIT_ERROR
            ),
            "server_error": expected_failure(
                error_response(500, "internal_error", "oops"), 502, "provider_error"
            ),
            "ended_otherwise": expected_failure(
                json_response({**blurred, "finish_reason": "ERROR"}), *PROVIDER_ERROR
            ),
        }
