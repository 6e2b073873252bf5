"""The plan's rules about pictures and masks: what the contract allows, what the provider must be given."""

from __future__ import annotations

from dataclasses import replace

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.messages import Mask, Picture, Wish
from retouch.pixels.mask import mask_from_alpha


def check(asked: Model, wish: Wish) -> None:
    """Refuse what the model's contract does not take, naming the value, the rule and the remedy."""
    _prompt(asked, wish)
    _count(asked, wish)
    for index, picture in enumerate(wish.images):
        name = f"image[{index}]" if len(wish.images) > 1 else "image"
        _format(asked, picture, name)
        _bytes(asked.image_bytes, picture, name)
        _square(asked, picture, name)
    if wish.mask and wish.mask.source:
        _bytes(asked.mask_bytes, wish.mask.source, "mask")
    if wish.n > asked.n:
        raise InvalidRequest(
            f"{asked.id} makes at most n={asked.n} pictures, not {wish.n}.", param="n"
        )


def _prompt(asked: Model, wish: Wish) -> None:
    if len(wish.prompt) > asked.prompt_chars:
        raise InvalidRequest(
            f"'prompt' has {len(wish.prompt)} characters; {asked.id} takes at most {asked.prompt_chars}. "
            "Shorten it.",
            param="prompt",
            code="string_above_max_length",
        )


def _count(asked: Model, wish: Wish) -> None:
    if len(wish.images) > asked.images:
        raise InvalidRequest(
            f"The request has {len(wish.images)} images; {asked.id} takes at most {asked.images}.",
            param="image",
            code="too_many_images",
        )


def _format(asked: Model, picture: Picture, name: str) -> None:
    if picture.format not in asked.accepts:
        raise InvalidRequest(
            f"'{name}' is a {picture.format.upper()} file; {asked.id} takes {_listed(asked.accepts)}. "
            "Convert it first.",
            param=name,
            code="unsupported_image_format",
        )


def _bytes(most: int, picture: Picture, name: str) -> None:
    if len(picture.data) >= most:
        raise InvalidRequest(
            f"'{name}' has {len(picture.data)} bytes; it must be under {most}. Scale it down or compress it.",
            param=name,
            code="image_file_too_large",
        )


def _square(asked: Model, picture: Picture, name: str) -> None:
    if asked.square and picture.width != picture.height:
        raise InvalidRequest(
            f"'{name}' is {picture.width}x{picture.height}; {asked.id} takes square pictures. Crop or pad it.",
            param=name,
            code="image_not_square",
        )


def fit(serving: Model, wish: Wish) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    """Mark what prepare has to re-encode: formats the provider refuses, rotations it would misread."""
    fitted = tuple(_fit_one(serving, picture) for picture in wish.images)
    converted = (f"image: {p.format} was converted to {p.send_as}" for p in fitted if _converts(p))
    return fitted, tuple(dict.fromkeys(converted))


def _fit_one(serving: Model, picture: Picture) -> Picture:
    if picture.format not in serving.inputs:
        return replace(picture, send_as=serving.inputs[0])
    return replace(picture, send_as=picture.format) if picture.rotated else picture


def _converts(picture: Picture) -> bool:
    return picture.send_as not in ("", picture.format)


def fit_mask(asked: Model, serving: Model, wish: Wish) -> tuple[Mask | None, tuple[str, ...]]:
    """The mask to use: the caller's, else the picture's own transparency where the contract says so."""
    mask = wish.mask
    if mask is None and asked.needs_mask:
        mask = mask_from_alpha(wish.images[0])
        if mask is None:
            raise InvalidRequest(
                f"{asked.id} edits what a mask or the picture's own transparency marks, and there is neither. "
                "Send 'mask', a PNG of the same size whose transparent pixels mark what to edit.",
                param="mask",
                code="mask_required",
            )
    if mask is not None and serving.mask is None:
        raise InvalidRequest(
            f"{serving.id} cannot use a mask. Leave it out or choose another model.",
            param="mask",
            code="unsupported_parameter",
        )
    soft = mask is not None and mask.soft and wish.mask is not None
    return mask, ("mask: half-transparent pixels count as marked from half on",) if soft else ()


def _listed(formats: tuple[str, ...]) -> str:
    return ", ".join(name.upper() for name in formats)
