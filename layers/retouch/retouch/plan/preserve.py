"""The plan's rules about keeping the caller's own pixels outside the mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.messages import Mask, Picture, Wish
from retouch.sizes import FreeSize, parse_size

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels


@dataclass(frozen=True, slots=True)
class Keep:
    """What is put back after the provider: the original wherever the mask does not mark."""

    original: Picture
    edit: Pixels = field(repr=False)  # as Mask.edit
    always: bool  # asked for, so that an answer in another geometry is mapped back first


@dataclass(frozen=True, slots=True)
class Kept:
    """What the plan does about the pixels outside the mask."""

    keep: Keep | None = None
    mask: Mask | None = None  # what the model is given
    prompt: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    untouched: int | None = None  # pixels that the model itself leaves as they are


def fit(model: Model, wish: Wish, mask: Mask | None, sent: Mapping[str, Any]) -> Kept:
    """Keep, and what the model is told. InvalidRequest where the pixels asked for cannot be kept."""
    if mask is None:
        _needs_a_mask(wish)
        return Kept(prompt=wish.prompt)
    if model.mask is None:
        _takes_words(model, wish)
    own_size = _own_size(wish, sent)
    if model.direct and own_size:
        return Kept(mask=mask, prompt=wish.prompt, untouched=mask.edit.histogram()[0])
    if wish.preserve is False or not own_size:
        return Kept(mask=mask, prompt=wish.prompt, notes=_unkept(wish, own_size))
    keep = Keep(wish.images[0], mask.edit, wish.preserve is True)
    if model.mask is None:
        return _in_words(model, wish, mask, keep)
    return Kept(keep, mask, wish.prompt, _sized(model, wish, sent))


def _needs_a_mask(wish: Wish) -> None:
    if wish.preserve:
        raise InvalidRequest(
            "'preserve' keeps what a mask does not mark, and there is no mask. Send one or leave it out.",
            param="preserve",
        )


def _takes_words(model: Model, wish: Wish) -> None:
    """InvalidRequest unless the pixels can be put back that a model without masks was told in words to leave."""
    if model.reshapes:
        also = ", and 'preserve' with it" if wish.preserve else ""
        remedy = (
            f" and answers in a geometry of its own, so nothing can be put back. Leave it out{also}"
        )
    elif wish.preserve:
        return
    else:
        remedy = (
            ". Leave it out, choose another model, or send preserve=true: the model is then told in words where "
            "to edit, and everything else is put back afterwards"
        )
    raise InvalidRequest(
        f"{model.id} cannot use a mask{remedy}.", param="mask", code="unsupported_parameter"
    )


def _own_size(wish: Wish, sent: Mapping[str, Any]) -> bool:
    """Whether the answer is to have the picture's own size. InvalidRequest where both cannot be had."""
    asked = parse_size(str(sent.get("size", "auto")))
    same = asked in (None, wish.images[0].size) and "aspect_ratio" not in sent
    if not same and wish.preserve:
        width, height = wish.images[0].size
        name = "aspect_ratio" if "aspect_ratio" in sent else "size"
        raise InvalidRequest(
            f"preserve=true answers in your picture's own size, {width}x{height}; leave '{name}' out.",
            param=name,
        )
    return same


def _unkept(wish: Wish, own_size: bool) -> tuple[str, ...]:
    if wish.preserve is None and not own_size:
        return (
            "preserve: the answer has another size than the picture, so no pixels were put back",
        )
    return ()


def _sized(model: Model, wish: Wish, sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """The picture's own size where the model can be told it, so that nothing has to be mapped back."""
    spec = model.params.get("size")
    size = wish.images[0].size
    tell = wish.preserve and sent.get("size", "auto") == "auto"
    if tell and isinstance(spec, FreeSize) and spec.allows(size):
        return {"size": f"{size[0]}x{size[1]}"}
    return {}


def _in_words(model: Model, wish: Wish, mask: Mask, keep: Keep) -> Kept:
    """No mask for the model; words where it understands them. The pixels are kept afterwards all the same."""
    note = f"mask: {model.id} takes none; what it does not mark was put back afterwards"
    prompt = f"{wish.prompt}\n\n{words(mask)}" if model.instructs else wish.prompt
    told = (", and the prompt says where to edit",) if model.instructs else ("",)
    return Kept(keep, None, prompt, notes=(note + told[0],))


def words(mask: Mask) -> str:
    """Where the mask marks, as an instruction."""
    box = mask.edit.getbbox() or (0, 0, *mask.edit.size)
    width, height = mask.edit.size
    left, top = floor(100 * box[0] / width), floor(100 * box[1] / height)
    right, bottom = ceil(100 * box[2] / width), ceil(100 * box[3] / height)
    return (
        f"Change only the region between {left}% and {right}% of the width, counted from the left, and between "
        f"{top}% and {bottom}% of the height, counted from the top. Keep everything else, and the framing, "
        "exactly as it is."
    )
