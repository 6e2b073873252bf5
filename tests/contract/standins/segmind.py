"""Segmind: a catalogue of model slugs, each with its own fields. v1 responds with the image, v2 with a job."""

from __future__ import annotations

import base64
import binascii

from PIL import Image

from tests.contract.paint import decode_image, encode_image, repaint
from tests.contract.standin import MAGENTA, Failure, ParsedRequest, with_expected_calls
from tests.contract.standins._flux import (
    CREDENTIALS_ERROR,
    MODERATION_ERROR,
    PROVIDER_ERROR,
    Refusal,
    TaskStandIn,
    expected_failure,
    html_response,
)
from tests.contract.standins._segmind_models import SIDES, SLUGS
from tests.support.images import color_counts, format_name
from tests.support.upstream import ScriptedResponse, json_response

PENDING_STATES = ("QUEUED", "PROCESSING")
RATE_LIMIT_HEADERS = {
    "x-rate-limit-reset-at-utc": "2026-11-22T00:31:00Z",
    "date": "Sun, 22 Nov 2026 00:30:57 GMT",
}


class SegmindStandIn(TaskStandIn):
    slug = "segmind"

    def __init__(self):
        super().__init__()
        self.jobs: dict[str, object] = {}

    def env(self):
        return {"SEGMIND_API_KEY": self.key, "SEGMIND_BASE_URL": self.url}

    @property
    def calls(self):
        return [call for call in super().calls if call.path != "/upload-asset"]

    def respond(self, received):
        if received.headers.get("x-api-key") != self.key or "authorization" in received.headers:
            return json_response({"error": "Unauthorized"}, 401)
        if (received.method, received.path) == ("GET", "/v1/get-user-credits"):
            return json_response({"credits": 12.31})
        if received.path == "/upload-asset":
            urls = [
                self.result_url(decode_image_data(url, False))
                for url in received.json()["data_urls"]
            ]
            return json_response({"file_urls": urls, "message": "Files uploaded successfully"})
        if received.path.startswith("/v2/requests/"):
            return self.final_response or self.job_response(received.path)
        return self.run_model(received)

    def run_model(self, received):
        _, version, name = received.path.split("/", 2)
        if received.headers.get("content-type") != "application/json":
            return json_response({"error": "Unsupported content type"}, 406)
        if received.method != "POST" or version not in ("v1", "v2"):
            return html_response(405)
        if name not in SLUGS:
            return json_response({"error": "Model not found"}, 404)
        try:
            data = self.generate_image(name, self.parse_request(received))
        except Refusal as refusal:
            return json_response({"error": refusal.message}, refusal.status)
        if version == "v1":
            headers = {
                "content-type": f"image/{format_name(decode_image(data))}",
                "x-cost": "0.018",
            }
            return ScriptedResponse(200, data, headers)
        return json_response(
            self.create_job(shape_output(SLUGS[name].output_shape, self.result_url(data)))
        )

    def create_job(self, output):
        job = f"r_{next(self.task_numbers)}"
        self.jobs[job] = output
        url = f"{self.url}/v2/requests/{job}"
        return {"request_id": job, "status_url": f"{url}/status", "response_url": url}

    def job_response(self, path):
        name, _, status = path.removeprefix("/v2/requests/").partition("/")
        if name not in self.jobs:
            return json_response({"error": "Request not found"}, 404)
        poll_number, self.polls[name] = self.polls[name], self.polls[name] + bool(status)
        if poll_number < len(PENDING_STATES):
            return json_response({"request_id": name, "status": PENDING_STATES[poll_number]})
        body = {"request_id": name, "status": "COMPLETED"}
        return json_response(
            body if status else {**body, "output": self.jobs[name], "metrics": {"cost": 0.03}}
        )

    def parse_request(self, received):
        slug = SLUGS[received.path.split("/")[2]]
        fields = received.json()
        image_value = fields.pop(slug.image_field, None)
        is_list = slug.image_field.endswith("s")
        if not image_value or is_list is not isinstance(image_value, list):
            raise Refusal(400, f"{slug.image_field} is required")
        references = (
            image_value
            if is_list
            else [image_value, *(fields.pop(n) for n in slug.extra_image_fields if n in fields)]
        )
        mask = fields.pop("mask", None) if slug.takes_mask else None
        images = [self.read_image(reference, slug.bare_base64) for reference in references]
        return ParsedRequest(
            images, self.read_image(mask, slug.bare_base64) if mask else None, fields
        )

    def read_image(self, value, bare):
        """Return the bytes of an image from a result URL or from base64 as the slug requires it."""
        if value.startswith(self.result_host.url):
            return self.result_host.files[value.removeprefix(self.result_host.url)]
        return decode_image_data(value, bare)

    def generate_image(self, name, request):
        slug, fields = SLUGS[name], request.fields
        for field, value in fields.items():
            if field not in slug.fields or not slug.fields[field](value):
                raise Refusal(400, f"Invalid parameter {field}: {value!r}")
        if slug.takes_mask and (
            not request.mask
            or decode_image(request.mask).size != decode_image(request.images[0]).size
        ):
            raise Refusal(400, "mask of the image's size is required")
        if (
            slug.bare_base64
            and request.mask
            and {v for _, v in color_counts(decode_image(request.mask).convert("L"))} - {0, 255}
        ):
            raise Refusal(400, "mask must be black and white")
        if name == "seg-beyond":
            return extend_canvas(request)
        image = decode_image(
            repaint(request.images[0], decode_image(request.mask) if request.mask else None)
        )
        output_format = fields.get("image_format") or fields.get("output_format")
        output_format = output_format or ("jpeg" if name == "sdxl-inpaint" else "png")
        return encode_image(
            image.resize(output_size(fields, image.size, name)),
            output_format.replace("jpg", "jpeg"),
        )

    def failures(self):
        rate_limit_error = (429, "rate_limit_exceeded")
        flagged_response = json_response({"error": "content flagged by safety filter"}, 422)
        failed_state = {
            "status": "FAILED",
            "error": "NSFW content detected",
            "metrics": {"retry_count": 0},
        }
        bad_parameter = {"error": "safety_tolerance must be at most 6"}
        return {
            "bad_key": refusal_failure(401, f"Invalid key {self.key}", CREDENTIALS_ERROR),
            "forbidden": refusal_failure(
                403, "not allowed on your plan", (403, "provider_refused")
            ),
            "unknown_slug": refusal_failure(404, "Model not found", (404, "model_not_found")),
            "wrong_version": expected_failure(html_response(405), 404, "model_not_found"),
            "retired": refusal_failure(410, "model retired", (404, "model_not_found")),
            "no_credit": refusal_failure(406, "Insufficient credits", (429, "insufficient_quota")),
            "spend_limit": refusal_failure(406, "Spend limit reached", (429, "insufficient_quota")),
            "wrong_type": refusal_failure(406, "Unsupported media type", (406, "provider_refused")),
            "bad_parameter": expected_failure(
                json_response(bad_parameter, 400), 400, "provider_refused"
            ),
            "moderated_input": refusal_failure(400, "Prompt was flagged", MODERATION_ERROR),
            "moderated_job": Failure([flagged_response], *MODERATION_ERROR, successes_first=1),
            "moderated_state": Failure(
                [json_response(failed_state)], *MODERATION_ERROR, successes_first=1
            ),
            "moderated_error": refusal_failure(
                500, "moderation blocked it", MODERATION_ERROR[:2], "unknown"
            ),
            "job_failed": Failure(
                [json_response({"error": "no GPU"}, 422)],
                502,
                "provider_error",
                "unknown",
                successes_first=1,
            ),
            "job_failed_state": Failure(
                [json_response({**failed_state, "error": "no GPU"})],
                *PROVIDER_ERROR,
                successes_first=1,
            ),
            "pending_forever": Failure(
                [json_response({"status": "PROCESSING"})],
                504,
                "deadline_exceeded",
                "unknown",
                successes_first=1,
            ),
            "rate_limited": expected_failure(
                json_response({"error": "Rate limit exceeded"}, 429), *rate_limit_error
            ),
            "rate_limited_with_hint": with_expected_calls(
                expected_failure(
                    json_response({"error": "Rate limit exceeded"}, 429, **RATE_LIMIT_HEADERS),
                    *rate_limit_error,
                )
            ),
            "strange_output": expected_failure(
                json_response({"status": "COMPLETED", "output": {}}),
                *PROVIDER_ERROR,
                successes_first=2,
            ),
            "server_error_html": expected_failure(html_response(500), *PROVIDER_ERROR),
            "strange": expected_failure(json_response({}), *PROVIDER_ERROR),
            "strange_html": expected_failure(html_response(200), *PROVIDER_ERROR),
            "cut": expected_failure(
                ScriptedResponse(200, b'{"request_id": "' + b"x" * 500, network_failure="cut"),
                *PROVIDER_ERROR,
            ),
            "reset": expected_failure(ScriptedResponse(network_failure="reset"), *PROVIDER_ERROR),
        }


def refusal_failure(status, message, expected, billed="no"):
    response = json_response({"error": message}, status)
    return expected_failure(response, expected[0], expected[1], billed)


def decode_image_data(value, bare_base64):
    """Return the image bytes of a base64 text, with or without a data: prefix, as the slug requires it.

    Raises Refusal for a wrong form or broken image data.
    """
    prefix, separator, data = value.partition(";base64,")
    if bare_base64 is bool(separator) or (separator and not prefix.startswith("data:image/")):
        raise Refusal(400, "Invalid Image")
    try:
        data = base64.b64decode(data if separator else value, validate=True)
        decode_image(data)
    except (binascii.Error, OSError):
        raise Refusal(400, "Invalid Image") from None
    return data


def shape_output(shape, url):
    return {"text": url, "list": [url], "object": {"image": url}}[shape]


def output_size(fields, image_size, name):
    if "img_width" in fields:
        return fields["img_width"], fields["img_height"]
    if ":" in fields.get("aspect_ratio", ""):
        width, height = map(int, fields["aspect_ratio"].split(":"))
        return 16 * width, 16 * height
    return (
        tuple(max(32, edge // 32 * 32) for edge in image_size)
        if name == "flux-fill-dev"
        else image_size
    )


def extend_canvas(request):
    """Return the image on a larger magenta canvas."""
    left, right, top, bottom = (request.fields.get(side, 0) for side in SIDES)
    image = decode_image(request.images[0]).convert("RGB")
    canvas = Image.new("RGB", (image.width + left + right, image.height + top + bottom), MAGENTA)
    canvas.paste(image, (left, top))
    return encode_image(canvas)
