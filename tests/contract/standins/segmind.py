"""Segmind: a catalogue of slugs, each with fields of its own; v1 answers with the picture, v2 with a job."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from itertools import count

from PIL import Image

from tests.contract.paint import encoded, opened, repainted
from tests.contract.standin import MAGENTA, Failure, Seen, StandIn, repeated
from tests.contract.standins._flux import (
    BROKEN,
    MODERATED,
    OPERATOR,
    Refusal,
    fails,
    html,
)
from tests.contract.standins._segmind_slugs import SIDES, SLUGS
from tests.support.upstream import Answer, as_json

WAITING = ("QUEUED", "PROCESSING")
RESET = {
    "x-rate-limit-reset-at-utc": "2026-11-22T00:31:00Z",
    "date": "Sun, 22 Nov 2026 00:30:57 GMT",
}


class Segmind(StandIn):
    slug = "segmind"

    def __init__(self):
        super().__init__()
        self.jobs: dict[str, object] = {}
        self.numbers = count()  # orders come side by side
        self.polls = Counter()
        self.ending: Answer | None = None

    def fail(self, failure):
        """What ends a job badly is said to every poll, however many orders there are."""
        if failure.after:
            (self.ending,) = failure.answers
        else:
            super().fail(failure)

    def env(self):
        return {"SEGMIND_API_KEY": self.key, "SEGMIND_BASE_URL": self.url}

    @property
    def calls(self):
        return [call for call in super().calls if call.path != "/upload-asset"]

    def respond(self, received):
        if received.headers.get("x-api-key") != self.key or "authorization" in received.headers:
            return as_json({"error": "Unauthorized"}, 401)
        if (received.method, received.path) == ("GET", "/v1/get-user-credits"):
            return as_json({"credits": 12.31})
        if received.path == "/upload-asset":
            urls = [self.link(decoded(url, False)) for url in received.json()["data_urls"]]
            return as_json({"file_urls": urls, "message": "Files uploaded successfully"})
        if received.path.startswith("/v2/requests/"):
            return self.ending or self.job(received.path)
        return self.order(received)

    def order(self, received):
        _, version, name = received.path.split("/", 2)
        if received.headers.get("content-type") != "application/json":
            return as_json({"error": "Unsupported content type"}, 406)
        if received.method != "POST" or version not in ("v1", "v2"):
            return html(405)
        if name not in SLUGS:
            return as_json({"error": "Model not found"}, 404)
        try:
            data = self.made(name, self.seen(received))
        except Refusal as refusal:
            return as_json({"error": refusal.message}, refusal.status)
        if version == "v1":
            return Answer(200, data, {"content-type": f"image/{opened(data).format.lower()}"})
        return as_json(self.accepted(shaped(SLUGS[name].shape, self.link(data))))

    def accepted(self, output):
        job = f"r_{next(self.numbers)}"
        self.jobs[job] = output
        url = f"{self.url}/v2/requests/{job}"
        return {"request_id": job, "status_url": f"{url}/status", "response_url": url}

    def job(self, path):
        name, _, status = path.removeprefix("/v2/requests/").partition("/")
        if name not in self.jobs:
            return as_json({"error": "Request not found"}, 404)
        polls, self.polls[name] = self.polls[name], self.polls[name] + bool(status)
        if polls < len(WAITING):
            return as_json({"request_id": name, "status": WAITING[polls]})
        done = {"request_id": name, "status": "COMPLETED"}
        return as_json(
            done if status else {**done, "output": self.jobs[name], "metrics": {"cost": 0.03}}
        )

    def seen(self, received):
        slug = SLUGS[received.path.split("/")[2]]
        fields = received.json()
        named = fields.pop(slug.image, None)
        listed = slug.image.endswith("s")
        if not named or listed is not isinstance(named, list):
            raise Refusal(400, f"{slug.image} is required")
        links = named if listed else [named, *(fields.pop(n) for n in slug.more if n in fields)]
        mask = fields.pop("mask", None) if slug.mask else None
        pictures = [self.read(link, slug.bare) for link in links]
        return Seen(pictures, self.read(mask, slug.bare) if mask else None, fields)

    def read(self, value, bare):
        """A picture by link or in the slug's own dialect."""
        if value.startswith(self.elsewhere.url):
            return self.elsewhere.files[value.removeprefix(self.elsewhere.url)]
        return decoded(value, bare)

    def made(self, name, seen):
        slug, fields = SLUGS[name], seen.fields
        for field, value in fields.items():
            if field not in slug.fields or not slug.fields[field](value):
                raise Refusal(400, f"Invalid parameter {field}: {value!r}")
        if slug.mask and (not seen.mask or opened(seen.mask).size != opened(seen.pictures[0]).size):
            raise Refusal(400, "mask of the image's size is required")
        if (
            slug.bare
            and seen.mask
            and {v for _, v in opened(seen.mask).convert("L").getcolors()} - {0, 255}
        ):
            raise Refusal(400, "mask must be black and white")
        if name == "seg-beyond":
            return extended(seen)
        picture = opened(repainted(seen.pictures[0], opened(seen.mask) if seen.mask else None))
        wanted = fields.get("image_format") or fields.get("output_format")
        wanted = wanted or ("jpeg" if name == "sdxl-inpaint" else "png")
        return encoded(
            picture.resize(size_of(fields, picture.size, name)), wanted.replace("jpg", "jpeg")
        )

    def failures(self):
        limited = (429, "rate_limit_exceeded")
        flagged = as_json({"error": "content flagged by safety filter"}, 422)
        failed = {
            "status": "FAILED",
            "error": "NSFW content detected",
            "metrics": {"retry_count": 0},
        }
        page = {"error": "safety_tolerance must be at most 6"}
        return {
            "bad_key": refused(401, f"Invalid key {self.key}", OPERATOR),
            "forbidden": refused(403, "not allowed on your plan", (403, "provider_refused")),
            "unknown_slug": refused(404, "Model not found", (404, "model_not_found")),
            "wrong_version": fails(html(405), 404, "model_not_found"),
            "retired": refused(410, "model retired", (404, "model_not_found")),
            "no_credit": refused(406, "Insufficient credits", (429, "insufficient_quota")),
            "spend_limit": refused(406, "Spend limit reached", (429, "insufficient_quota")),
            "wrong_type": refused(406, "Unsupported media type", (406, "provider_refused")),
            "bad_parameter": fails(as_json(page, 400), 400, "provider_refused"),
            "moderated_input": refused(400, "Prompt was flagged", MODERATED),
            "moderated_job": Failure([flagged], *MODERATED, after=1),
            "moderated_state": Failure([as_json(failed)], *MODERATED, after=1),
            "moderated_error": refused(500, "moderation blocked it", MODERATED[:2], "unknown"),
            "job_failed": Failure([as_json({"error": "no GPU"}, 422)], 502, "provider_error", "unknown", after=1),
            "job_failed_state": Failure([as_json({**failed, "error": "no GPU"})], *BROKEN, after=1),
            "pending_forever": Failure(
                [as_json({"status": "PROCESSING"})], 504, "deadline_exceeded", "unknown", after=1
            ),
            "status_elsewhere": fails(as_json(self.astray()), *BROKEN),
            "rate_limited": fails(as_json({"error": "Rate limit exceeded"}, 429), *limited),
            "rate_limited_with_hint": repeated(
                fails(as_json({"error": "Rate limit exceeded"}, 429, **RESET), *limited)
            ),
            "strange_output": fails(as_json({"status": "COMPLETED", "output": {}}), *BROKEN, after=2),
            "server_error_html": fails(html(500), *BROKEN),
            "strange": fails(as_json({}), *BROKEN),
            "strange_html": fails(html(200), *BROKEN),
            "cut": fails(Answer(200, b'{"request_id": "' + b"x" * 500, fault="cut"), *BROKEN),
            "reset": fails(Answer(fault="reset"), *BROKEN),
        }  # fmt: skip

    def astray(self):
        """A job that is to be asked after on another host, with the key."""
        url = f"{self.elsewhere.url}/v2/requests/r_9"
        return {"request_id": "r_9", "status_url": f"{url}/status", "response_url": url}


def refused(status, message, expected, billed="no"):
    return fails(as_json({"error": message}, status), *expected[:2], billed)


def decoded(value, bare):
    """Base64 with or without its prefix, as the slug wants it."""
    head, found, data = value.partition(";base64,")
    if bare is bool(found) or (found and not head.startswith("data:image/")):
        raise Refusal(400, "Invalid Image")
    try:
        data = base64.b64decode(data if found else value, validate=True)
        opened(data)
    except (binascii.Error, OSError):
        raise Refusal(400, "Invalid Image") from None
    return data


def shaped(shape, link):
    return {"text": link, "list": [link], "object": {"image": link}}[shape]


def size_of(fields, own, name):
    if "img_width" in fields:
        return fields["img_width"], fields["img_height"]
    if ":" in fields.get("aspect_ratio", ""):
        width, height = map(int, fields["aspect_ratio"].split(":"))
        return 16 * width, 16 * height
    return tuple(max(32, edge // 32 * 32) for edge in own) if name == "flux-fill-dev" else own


def extended(seen):
    """The picture on a larger canvas of magenta."""
    left, right, top, bottom = (seen.fields.get(side, 0) for side in SIDES)
    picture = opened(seen.pictures[0]).convert("RGB")
    canvas = Image.new(
        "RGB", (picture.width + left + right, picture.height + top + bottom), MAGENTA
    )
    canvas.paste(picture, (left, top))
    return encoded(canvas)
