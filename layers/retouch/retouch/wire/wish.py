"""Material -> Wish: what can be judged without knowing the model. What the pictures really are, is decided here."""

from __future__ import annotations

from typing import Any

from retouch.errors import InvalidRequest
from retouch.messages import Mask, Material, Picture, ResponseFormat, Wish
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import read_mask
from retouch.specs import Choice, Flag, Whole, Words

_PROMPT = Words(32_000)
_MODEL = Words(256)
_N = Whole(1, 10)
_STREAM = Flag()
_RESPONSE_FORMAT = Choice(("b64_json", "url"))
_OWN = ("prompt", "model", "n", "stream", "response_format")


def validate(material: Material) -> Wish:
    """The typed wish. InvalidRequest naming the field, the value, the rule and the remedy."""
    values = material.values
    images = _images(material)
    return Wish(
        prompt=_prompt(values.get("prompt")),
        images=images,
        mask=_mask(material, images),
        model=_MODEL.read("model", values["model"]) if "model" in values else None,
        n=_N.read("n", values.get("n", 1)),
        response_format=_response_format(values.get("response_format")),
        stream=_STREAM.read("stream", values.get("stream", False)),
        params={name: value for name, value in values.items() if name not in _OWN},
    )


def _images(material: Material) -> tuple[Picture, ...]:
    if not material.images:
        raise _missing("image", "Send the picture to edit as a file part named 'image'.")
    many = len(material.images) > 1
    return tuple(
        inspect(data, param=f"image[{i}]" if many else "image")
        for i, data in enumerate(material.images)
    )


def _mask(material: Material, images: tuple[Picture, ...]) -> Mask | None:
    return read_mask(material.mask, images[0]) if material.mask is not None else None


def _prompt(value: Any) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise _missing("prompt", "Say in words what to change.")
    prompt = _PROMPT.read("prompt", value)
    if "\0" in prompt:
        raise InvalidRequest(
            "'prompt' contains a NUL character; send plain text.",
            param="prompt",
            code="invalid_text",
        )
    return prompt


def _response_format(value: Any) -> ResponseFormat | None:
    if value is None:
        return None
    return "url" if _RESPONSE_FORMAT.read("response_format", value) == "url" else "b64_json"


def _missing(name: str, remedy: str) -> InvalidRequest:
    return InvalidRequest(
        f"Missing required parameter: '{name}'. {remedy}",
        param=name,
        code="missing_required_parameter",
    )
