"""Job -> the same Job, pictures and mask as files for the provider. Does what the plan decided, decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.framing import Frame
from retouch.messages import Job, Mask, Picture, Recipe
from retouch.pixels.colour import decode_srgb, normalise
from retouch.pixels.convert import decode_stored, encode, flatten
from retouch.pixels.frame import apply, apply_mask
from retouch.pixels.inspect import inspect
from retouch.pixels.mask_out import write_mask
from retouch.pixels.png import full_colour
from retouch.pixels.squeeze import packed_png, smaller_png

Smaller = Callable[[Picture, int], Picture | None]


def prepare(job: Job, model: Model) -> Job:
    """The job, ready to be sent.

    InvalidRequest: image_file_too_large where a file cannot be made small enough, image_parse_error where a picture
    cannot be decoded that has to be: to be sent in another form, or to be put back around the edit.
    """
    named = [f"image[{i}]" if len(job.images) > 1 else "image" for i in range(len(job.images))]
    images = tuple(
        _within(picture_file(picture), model.image_bytes, name)
        for picture, name in zip(job.images, named, strict=True)
    )
    if job.returns and not job.images[0].recipe:  # what has a recipe has been decoded by now
        decode_stored(job.images[0], param=named[0])
    mask_file = _mask_file(job, model)
    _together(images, mask_file, model)
    return replace(job, images=images, mask_file=mask_file)


def picture_file(picture: Picture) -> Picture:
    """The file to send: by its recipe, else as it came without its metadata."""
    return _cooked(picture, picture.recipe) if picture.recipe else normalise(picture)


def _cooked(picture: Picture, recipe: Recipe) -> Picture:
    image = decode_srgb(picture)
    if recipe.opaque:
        image = flatten(image)
    if recipe.frame:
        image = apply(recipe.frame, image, fill="edge")
    return inspect(encode(image, recipe.format))


def _mask_file(job: Job, model: Model) -> Picture | None:
    mask, dialect = job.mask, model.mask
    if mask is None or dialect is None or dialect.paint == "direct":
        return None
    recipe = job.images[0].recipe
    frame = recipe.frame if recipe else None
    own = _own_file(mask) if dialect.paint == "alpha" and frame is None else None
    if own and len(own.data) < model.mask_bytes:
        return own
    framed = _framed(mask, frame) if frame else mask
    written = write_mask(framed, dialect.paint, mode=dialect.mode, soft=dialect.soft)
    return _within(written, model.mask_bytes, "mask", packed_png)


def _framed(mask: Mask, frame: Frame) -> Mask:
    return replace(mask, edit=apply_mask(frame, mask.edit), source=None)


def _own_file(mask: Mask) -> Picture | None:
    """The caller's own file, where it already says it in these words."""
    source = mask.source
    if source is None or source.format != "png" or mask.soft or source.rotated:
        return None
    return normalise(source) if full_colour(source.data) else None


def _within(picture: Picture, most: int, name: str, smaller_png: Smaller = smaller_png) -> Picture:
    if len(picture.data) < most:
        return picture
    smaller = smaller_png(picture, most) if picture.format == "png" else None
    if smaller is None:
        raise InvalidRequest(
            f"'{name}' has {len(picture.data)} bytes as it would be sent; it must be under {most}. "
            "Scale it down or compress it.",
            param=name,
            code="image_file_too_large",
        )
    return smaller


def _together(images: tuple[Picture, ...], mask_file: Picture | None, model: Model) -> None:
    files = [*images, mask_file] if mask_file else images
    total = sum(len(file.data) for file in files)
    if model.request_bytes and total > model.request_bytes:
        raise InvalidRequest(
            f"The pictures have {total} bytes together; {model.id} takes {model.request_bytes}. "
            "Scale them down or compress them.",
            param="image",
            code="image_file_too_large",
        )
