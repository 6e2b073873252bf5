"""The plan's rules about prompt, pictures and masks: what the contract allows, what the provider must be given."""

from __future__ import annotations

from dataclasses import replace

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.framing import Frame
from retouch.messages import Mask, Picture, Recipe, Wish
from retouch.pixels.limits import LONGEST_WEBP
from retouch.pixels.mask import mask_from_alpha
from retouch.plan.geometry import bounded

Notes = tuple[str, ...]


def check(asked: Model, serving: Model, wish: Wish) -> Notes:
    """Refuse what the model's contract does not take, naming the value, the rule and the remedy."""
    notes = _prompt(asked, wish)
    _count(asked, wish)
    for index, picture in enumerate(wish.images):
        name = named(wish, index)
        _format(asked, picture, name)
        # A PNG may still become smaller without losing anything, unless its contract is an old one.
        if picture.format != "png" or asked is not serving:
            _bytes(asked.image_bytes, picture, name)
    if wish.n > asked.n:
        raise InvalidRequest(
            f"{asked.id} makes at most n={asked.n} pictures, not {wish.n}.", param="n"
        )
    return notes


def named(wish: Wish, index: int) -> str:
    """What an error calls a picture."""
    return f"image[{index}]" if len(wish.images) > 1 else "image"


def _prompt(asked: Model, wish: Wish) -> Notes:
    if asked.prompt == "required" and not wish.prompt:
        raise InvalidRequest(
            "Missing required parameter: 'prompt'. Say in words what to change.",
            param="prompt",
            code="missing_required_parameter",
        )
    if len(wish.prompt) > asked.prompt_chars:
        raise InvalidRequest(
            f"'prompt' has {len(wish.prompt)} characters; {asked.id} takes at most {asked.prompt_chars}. "
            "Shorten it.",
            param="prompt",
            code="string_above_max_length",
        )
    unread = asked.prompt == "unread" and wish.prompt
    return (f"prompt: {asked.id} does not read it",) if unread else ()


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


def fit(serving: Model, wish: Wish, frame: Frame | None) -> tuple[tuple[Picture, ...], Notes]:
    """Say how prepare has to make each file that cannot be sent as it is. `frame` is the first picture's."""
    frames = [frame, *(_bounded(serving, wish, index) for index in range(1, len(wish.images)))]
    pairs = zip(wish.images, frames, strict=True)
    fitted = tuple(_fit_one(serving, picture, frame) for picture, frame in pairs)
    converted = (
        f"image: {p.format} was converted to {p.recipe.format}"
        for p in fitted
        if p.recipe and p.recipe.format != p.format
    )
    return fitted, tuple(dict.fromkeys(converted))


def _bounded(serving: Model, wish: Wish, index: int) -> Frame | None:
    return bounded(serving, wish.images[index], wish.fit, named(wish, index))


def _fit_one(serving: Model, picture: Picture, frame: Frame | None) -> Picture:
    opaque = serving.opaque and picture.has_alpha
    taken = picture.format in serving.inputs
    if frame and frame.canvas == picture.size:
        frame = None
    if taken and not (frame or opaque or picture.rotated):
        return picture
    best = picture.format if taken else serving.inputs[0]
    if best == "webp" and max(frame.canvas if frame else picture.size) > LONGEST_WEBP:
        best = next(format for format in serving.inputs if format != "webp")
    return replace(picture, recipe=Recipe(best, frame, opaque))


def fit_mask(asked: Model, wish: Wish) -> tuple[Mask | None, Notes]:
    """The mask to use: the caller's, else the picture's own transparency.

    That counts where the contract says so, and where the caller wants to keep what a mask does not mark: on its own
    a transparent ground is no mark, for pictures with one are edited as they are.
    """
    mask = wish.mask
    if mask is None and (asked.needs_mask or (wish.preserve and asked.mask)):
        mask = mask_from_alpha(wish.images[0])
        if mask is None and asked.needs_mask:
            raise InvalidRequest(
                f"{asked.id} edits what a mask or the picture's own transparency marks, and there is neither. "
                "Send 'mask', a PNG of the same size whose transparent pixels mark what to edit.",
                param="mask",
                code="mask_required",
            )
    if wish.mask and wish.mask.coverage == 1 and not wish.allow_full_mask:
        raise InvalidRequest(
            "The mask marks the whole picture. Leave it out to edit everything, send allow_full_mask=true, or make "
            "what is to be kept opaque: transparent means edit.",
            param="mask",
            code="mask_full",
        )
    hardened = asked.mask and not asked.mask.soft and mask is not None and mask.soft
    soft = hardened and wish.mask is not None
    return mask, ("mask: half-transparent pixels count as marked from half on",) if soft else ()


def _listed(formats: tuple[str, ...]) -> str:
    return ", ".join(name.upper() for name in formats)
