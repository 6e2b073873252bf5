"""images/edits as OpenAI and Azure serve it: one order read from either body, checked, and painted."""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from typing import ClassVar

from tests.contract.paint import encoded, opened, repainted
from tests.contract.standin import Seen, StandIn
from tests.contract.standins._gpt_image_rules import Refusal, Rules, one_of, refuse, text, whole
from tests.support.pictures import b64
from tests.support.upstream import Received, as_events, as_json

NUMBERS = ("n", "output_compression", "partial_images")
MOST = 50_000_000
MOST_MASK = 4_000_000
USAGE = {
    "input_tokens": 1050,
    "input_tokens_details": {"text_tokens": 26, "image_tokens": 1024},
    "output_tokens": 1756,
    "total_tokens": 2806,
}


class GptImage(StandIn):
    """Subclasses say who may come in, which models there are and which fields each takes."""

    models: ClassVar[dict[str, Rules]] = {}
    formats = ("png", "jpeg", "webp")  # of pictures in
    outputs = ("png", "jpeg", "webp")

    def admit(self, received: Received) -> str:
        """The model that the request is for; Refusal for a wrong key or place."""
        raise NotImplementedError

    def fields(self, rules: Rules) -> dict:
        """What may be in the order besides pictures: name -> whether a value will do."""
        common = {
            "prompt": text(32_000),
            "n": whole(1, 10),
            "size": rules.size,
            "quality": one_of(*rules.qualities),
            "background": one_of("auto", "opaque", "transparent"),
            "output_format": one_of(*self.outputs),
            "output_compression": whole(0, 100),
            "stream": one_of(True, False),
            "partial_images": whole(0, 3),
            "user": text(512),
        }
        if rules.fidelities:
            common["input_fidelity"] = one_of(*rules.fidelities)
        return common

    def seen(self, received):
        if received.parts:
            mask = [part for part in received.files if part[0] == "mask"]
            pictures = [part[3] for part in received.files if part[0] != "mask"]
            return Seen(pictures, mask[0][3] if mask else None, typed(received.fields))
        fields = received.json()
        pictures = [data_of(item) for item in fields.pop("images")]
        mask = fields.pop("mask", None)
        return Seen(pictures, data_of(mask) if mask else None, fields)

    def respond(self, received):
        try:
            model = self.admit(received)
            if received.method == "GET":
                return as_json({"object": "list", "data": [{"id": name} for name in self.models]})
            self.check_files(received)
            seen = self.seen(received)
            self.check_fields(seen.fields, self.models[model])
            self.check_pictures(seen)
        except Refusal as refusal:
            return refusal.answer
        return self.events(seen) if seen.fields.get("stream") else self.at_once(seen)

    def check_files(self, received):
        names = [name for name, *_ in received.files]
        if len(set(names) & {"image", "image[]"}) > 1 or names.count("image") > 1:
            refuse(400, "invalid_type", "expected a file, but got an array", "image")
        for name, filename, mime, data in received.files:
            if name not in ("image", "image[]", "mask"):
                refuse(400, "unknown_parameter", f"Unknown parameter: '{name}'.", name)
            if mime not in (f"image/{f}" for f in self.formats) or kind(data) != mime[6:]:
                refuse(400, "unsupported_file_mimetype", f"Invalid file '{filename}'", name)

    def check_fields(self, fields, rules):
        allowed = self.fields(rules)
        for name, value in fields.items():
            if name not in allowed:
                refuse(400, "unknown_parameter", f"Unknown parameter: '{name}'.", name)
            if not allowed[name](value):
                refuse(400, "invalid_value", f"Invalid value: '{value}'.", name)
        if "prompt" not in fields:
            refuse(400, "missing_required_parameter", "Missing 'prompt'.", "prompt")
        output = fields.get("output_format", "png")
        if fields.get("background") == "transparent" and output == "jpeg":
            refuse(400, "invalid_value", "jpeg has no transparency", "background")
        if fields.get("output_compression", 100) != 100 and output == "png":
            refuse(400, "invalid_value", "png is not compressed", "output_compression")

    def check_pictures(self, seen):
        if not 1 <= len(seen.pictures) <= 16:
            refuse(400, "invalid_value", "1 to 16 images", "image")
        if any(len(data) >= MOST or kind(data) not in self.formats for data in seen.pictures):
            refuse(400, "invalid_image", "an image is too large or of another format", "image")
        if seen.mask is None:
            return
        mask = opened(seen.mask)
        if kind(seen.mask) != "png" or mask.mode != "RGBA" or len(seen.mask) >= MOST_MASK:
            refuse(400, "invalid_image", "the mask must be a PNG with alpha under 4 MB", "mask")
        if mask.size != opened(seen.pictures[0]).size:
            refuse(400, "invalid_value", "mask size does not match image size", "mask")

    def at_once(self, seen):
        picture = {"b64_json": b64(painted(seen))}
        return as_json(
            {"created": 1_795_000_000, **facts(seen), "data": [picture] * seen.fields.get("n", 1)}
        )

    def events(self, seen):
        said = {"b64_json": b64(painted(seen)), "created_at": 1_795_000_009, **facts(seen)}
        usage = said.pop("usage")
        partials = [
            {"type": "image_edit.partial_image", "partial_image_index": i, **said}
            for i in range(seen.fields.get("partial_images", 0))
        ]
        completed = {"type": "image_edit.completed", **said, "usage": usage}
        return as_events(*partials, *[completed] * seen.fields.get("n", 1))


def typed(fields):
    """Form text as the values it stands for; what is written in another way stays text and is refused."""
    found = dict(fields)
    for name in NUMBERS:
        if re.fullmatch(r"[0-9]{1,3}", found.get(name, "")):
            found[name] = int(found[name])
    if found.get("stream") in ("true", "false"):
        found["stream"] = found["stream"] == "true"
    return found


def data_of(reference):
    """The bytes of a JSON order's reference, which has exactly one key."""
    (url,) = reference.values()
    if "image_url" not in reference or len(url) > 20_971_520:
        refuse(400, "invalid_value", "image_url must be a data URL", "images")
    head, _, data = url.partition(";base64,")
    decoded = base64.b64decode(data, validate=True)
    if head != f"data:image/{kind(decoded)}":
        refuse(400, "unsupported_file_mimetype", "not the type it says", "images")
    return decoded


def kind(data):
    return (opened(data).format or "").lower()


def facts(seen):
    fields = seen.fields
    background = "transparent" if fields.get("background") == "transparent" else "opaque"
    return {
        "background": background,
        "output_format": fields.get("output_format", "png"),
        "quality": fields.get("quality", "medium"),
        "size": "x".join(map(str, size_of(seen))),
        "usage": USAGE,
    }


def size_of(seen):
    wanted = seen.fields.get("size", "auto")
    if wanted == "auto":
        return opened(seen.pictures[0]).size
    width, height = wanted.split("x")
    return int(width), int(height)


def painted(seen):
    return paint(
        seen.pictures[0], seen.mask, size_of(seen), seen.fields.get("output_format", "png")
    )


@lru_cache(8)
def paint(picture, mask, size, output):
    """The same order is painted once: most tests are about something else."""
    white = None
    if mask is not None:
        white = opened(mask).getchannel("A").point(lambda alpha: 255 if alpha == 0 else 0)
    return encoded(opened(repainted(picture, white)).resize(size), output)
