"""Material -> Wish: what can be judged without knowing the model. What the pictures really are, is decided here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from retouch.errors import InvalidRequest
from retouch.messages import Fit, Form, Mask, Material, Picture, ResponseFormat, Shapes, Wish
from retouch.pixels.inspect import inspect
from retouch.pixels.mask import MaskMode, read_mask
from retouch.pixels.shapes import draw_mask
from retouch.specs import Choice, Flag, Whole, Words

_PROMPT = Words(32_000)
_MODEL = Words(256)
_N = Whole(1, 10)
_FLAG = Flag()
_RESPONSE_FORMAT = Choice(("b64_json", "url"))
_FIT = Choice(("strict", "pad", "scale"))
_MASK_MODE = Choice(("alpha", "white", "black"))
OWN = (
    "prompt",
    "model",
    "n",
    "stream",
    "response_format",
    "preserve",
    "fit",
    "dry_run",
    "mask_mode",
    "allow_full_mask",
)


def validate(material: Material) -> Wish:
    """The typed wish. InvalidRequest naming the field, the value, the rule and the remedy."""
    images = _images(material)
    return _wish(material.values, images, _mask(material, images))


def streams(form: Form) -> bool:
    """Whether an event stream is asked for. InvalidRequest where that cannot be told."""
    return _FLAG.read("stream", form.values.get("stream", False))


def overridden(wish: Wish, material: Material, params: Mapping[str, Any]) -> Wish:
    """The wish with other values for some of its fields. InvalidRequest for what cannot be one."""
    if not params:
        return wish
    for name in ("image", "images", "mask", "mask_mode"):
        if name in params:
            raise InvalidRequest(
                f"override_params cannot replace '{name}'. Leave it out.", param=name
            )
    return _wish({**material.values, **params}, wish.images, wish.mask)


def _wish(values: Mapping[str, Any], images: tuple[Picture, ...], mask: Mask | None) -> Wish:
    return Wish(
        prompt=_prompt(values.get("prompt")),
        images=images,
        mask=mask,
        model=_MODEL.read("model", values["model"]) if "model" in values else None,
        n=_N.read("n", values.get("n", 1)),
        response_format=_response_format(values.get("response_format")),
        stream=_FLAG.read("stream", values.get("stream", False)),
        preserve=_FLAG.read("preserve", values["preserve"]) if "preserve" in values else None,
        fit=_fit(values.get("fit", "strict")),
        dry_run=_FLAG.read("dry_run", values.get("dry_run", False)),
        allow_full_mask=_FLAG.read("allow_full_mask", values.get("allow_full_mask", False)),
        params={name: value for name, value in values.items() if name not in OWN},
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
    mask, values = material.mask, material.values
    if mask is None:
        _needs_a_mask(values)
        return None
    if isinstance(mask, Shapes):
        if "mask_mode" in values:
            raise InvalidRequest(
                "'mask_mode' says how to read a mask file; shapes always mark what to edit. Leave it out.",
                param="mask_mode",
            )
        return draw_mask(mask.spec, images[0], allow_full=True)
    mode = cast(MaskMode, _MASK_MODE.read("mask_mode", values.get("mask_mode", "alpha")))
    return read_mask(mask, images[0], mode=mode, allow_full=True)


def _needs_a_mask(values: Mapping[str, Any]) -> None:
    for name in ("mask_mode", "allow_full_mask"):
        if name in values:
            raise InvalidRequest(f"'{name}' is about a mask, and there is none.", param=name)


def _fit(value: Any) -> Fit:
    return cast(Fit, _FIT.read("fit", value))


def _prompt(value: Any) -> str:
    """Blank where there is none: whether that will do depends on the model."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return ""
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
