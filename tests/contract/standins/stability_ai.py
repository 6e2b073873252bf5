"""Stability AI's REST services, from their OpenAPI document."""

from typing import ClassVar

from PIL import Image

from tests.contract.paint import opened
from tests.contract.standin import Seen, StandIn
from tests.contract.standins._stability import (
    BROKEN,
    LARGEST,
    LIMITED,
    OPERATOR,
    SERVICES,
    Bad,
    broken_failures,
    check,
    check_picture,
    fails,
    painted,
)
from tests.support.pictures import b64, photo
from tests.support.upstream import Answer, as_json

MOST_BYTES = 10 * 1024 * 1024


def said(status, name, *errors):
    return as_json({"id": "2fbc" * 16, "name": name, "errors": list(errors)}, status)


class StabilityAI(StandIn):
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
    free_shape = ("inpaint", "erase", "remove-background", "image-to-image", "ultra")

    def __init__(self):
        super().__init__()
        self.results = {}  # id -> (polls until it is ready, its answer)

    def env(self):
        return {"STABILITY_API_KEY": self.key, "STABILITY_BASE_URL": self.url}

    def respond(self, received):
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return said(401, "unauthorized", "Invalid or missing API key")
        if (received.method, received.path) == ("GET", "/v1/user/balance"):
            return as_json({"credits": 12.5})
        if received.headers.get("accept") != "application/json":
            return Answer(200, photo(), {"content-type": "image/png"})
        if received.method == "GET":
            return self.result(received.path.removeprefix("/v2beta/results/"))
        if len(received.body) > MOST_BYTES:
            return said(413, "payload_too_large", "The request was larger than 10MiB")
        operation = self.routes.get(received.path.removeprefix(self.root))
        if operation is None:
            return said(404, "not_found", "The requested resource could not be found.")
        try:
            return self.done(operation, received)
        except (Bad, OSError) as bad:
            return said(400, "bad_request", str(bad))

    def done(self, operation, received):
        fields, files = self.order(received)
        check(operation, fields, files)
        most = 4_194_304 if operation == "remove-background" else LARGEST
        for name, data in files.items():
            if name != "mask":
                check_picture(data, most, 0 if operation in self.free_shape else 2.5)
        made = b64(painted(operation, fields, files))
        answer = {"image": made, "finish_reason": "SUCCESS", "seed": int(fields.get("seed", 41))}
        if operation != "replace-background-and-relight":
            return as_json(answer)
        job = f"{len(self.results):064x}"
        self.results[job] = [1, {**answer, "result": answer.pop("image")}]
        return as_json({"id": job})

    def order(self, received):
        """Plain fields and files of a form in which every name stands once and every type is true."""
        names = [name for name, *_ in received.parts]
        if not names or len(set(names)) < len(names):
            raise Bad("a multipart/form-data body with distinct names is needed")
        for _, _, kind, data in received.files:
            if kind != Image.MIME[opened(data).format]:
                raise Bad(f"the file is no {kind}")
        if len(received.headers.get("stability-client-user-id", "")) > 256:
            raise Bad("stability-client-user-id is too long")
        return received.fields, {name: data for name, _, _, data in received.files}

    def result(self, job):
        if job not in self.results:
            return said(404, "not_found", "No such result, or it has expired.")
        if self.results[job][0]:
            self.results[job][0] -= 1
            return as_json({"id": job, "status": "in-progress"}, 202)
        return as_json(self.results[job][1])

    def seen(self, received):
        files = {name: data for name, _, _, data in received.files}
        user = received.headers.get("stability-client-user-id")
        fields = {**received.fields, **({"user": user} if user else {})}
        pictures = [data for name, data in files.items() if name != "mask"]
        return Seen(pictures, files.get("mask"), fields)

    def failures(self):
        flagged = "Your request was flagged by our content moderation system."
        limited = said(429, "rate_limit_exceeded", "You have been timed out for 60 seconds.")
        hinted = said(429, "rate_limit_exceeded", "later")
        hinted.headers["retry-after"] = "30"
        blurred = {"image": b64(photo()), "finish_reason": "CONTENT_FILTERED", "seed": 41}
        old = {"id": "1", "name": "bad_request", "message": "style_preset: not found"}
        return {
            **broken_failures(),
            "bad_key": fails(said(401, "unauthorized", f"{self.key} is no key"), *OPERATOR),
            "no_credit": fails(said(402, "payment_required", "no credits"), 429, "insufficient_quota"),
            "moderated_1_before": fails(said(403, "content_moderation", flagged), 400, "moderation_blocked"),
            "moderated_1_without_words": fails(as_json({"name": "content_moderation"}, 403), 400, "moderation_blocked"),
            "moderated_1_with_odd_words": fails(
                as_json({"name": "content_moderation", "errors": {"prompt": [flagged]}}, 403), 400, "moderation_blocked"
            ),
            "moderated_2_blurred": fails(as_json(blurred), 400, "moderation_blocked", "unknown"),
            "moderated_3_person": fails(said(422, "public_figure", "a person"), 400, "moderation_blocked"),
            "language": fails(said(422, "invalid_language", "English only"), 422, "invalid_language"),
            "bad_request": fails(said(400, "bad_request", "image: too small"), 400, "provider_refused"),
            "old_envelope": fails(as_json(old, 400), 400, "provider_refused"),
            "forbidden": fails(said(403, "forbidden", "not for you"), 403, "provider_refused"),
            "too_large": fails(said(413, "payload_too_large", "10MiB"), 413, "provider_refused"),
            "not_found": fails(said(404, "not_found", "no such route"), 404, "provider_refused"),
            "rate_limited": fails(limited, *LIMITED),
            "rate_limited_with_hint": fails(hinted, *LIMITED),
            "rate_limited_html": fails(Answer(429, b"<html>"), *LIMITED),
            "server_error": fails(said(500, "internal_error", "oops"), 502, "provider_error"),
            "ended_otherwise": fails(as_json({**blurred, "finish_reason": "ERROR"}), *BROKEN),
        }  # fmt: skip
