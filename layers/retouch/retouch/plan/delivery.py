"""The plan's rules about what leaves: link or base64, format, compression, size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.framing import Frame
from retouch.messages import ResponseFormat, Size, Wish
from retouch.pixels.limits import DEFAULT, LONGEST_WEBP
from retouch.plan.preserve import Keep, Kept
from retouch.plan.resolve import Target
from retouch.settings import Settings
from retouch.sizes import AsInput, FixedSizes, FreeSize, Ratios, apart, parse_size, shape

_NEAR_ENOUGH = 0.04  # shapes this much apart count as the same: scaling does not show


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is done to finished pictures before they leave."""

    response_format: ResponseFormat = "b64_json"
    convert_to: str | None = None  # png, jpeg or webp, where the provider cannot make it
    compression: int | None = None  # 0..100, with convert_to
    scale_to: Size | None = None  # where the provider makes another size
    flatten: bool = False  # on white, where an opaque background was asked for
    frame: Frame | None = None  # how the picture was padded or scaled, to be undone
    keep: Keep | None = None  # what is put back outside the mask
    untouched: int | None = (
        None  # pixels that need not be put back, since the model leaves them alone
    )

    @property
    def touches(self) -> bool:
        """Whether the provider's file has to be opened."""
        return bool(self.convert_to or self.scale_to or self.flatten or self.frame or self.keep)


Params = dict[str, Any]


def fit(
    target: Target,
    wish: Wish,
    params: Mapping[str, Any],
    settings: Settings,
    frame: Frame | None,
    kept: Kept,
) -> tuple[Params, Delivery, tuple[str, ...]]:
    """What is sent, what is done afterwards, and the notes on both."""
    asked, serving, sent = target.asked, target.serving, dict(params)
    response_format, notes = _response_format(asked, wish, settings)
    scale_to, size_notes = _size(serving, wish, sent)
    convert_to, compression, format_notes = _format(serving, sent, kept.keep is not None)
    keeps = kept.keep is not None or kept.untouched is not None
    flatten, ground_notes = _background(serving, sent, keeps and wish.images[0].has_alpha)
    lost = (*(_lossy(params) if keeps else ()), *ground_notes)
    delivery = Delivery(
        response_format,
        convert_to,
        compression,
        scale_to,
        flatten,
        frame,
        kept.keep,
        None if lost else kept.untouched,
    )
    made = wish.images[0].size if frame or keeps else None
    _check_size(scale_to or made or (1, 1), params)
    return sent, delivery, (*notes, *size_notes, *format_notes, *lost)


def _check_size(made: Size, wanted: Mapping[str, Any]) -> None:
    """Refuse a picture that is made here and larger than anything here, or WebP, can hold."""
    pixels = made[0] * made[1]
    too_large = max(made) > LONGEST_WEBP or pixels > DEFAULT.webp_pixels
    if wanted.get("output_format") == "webp" and too_large:
        raise InvalidRequest(
            f"The answer has {made[0]}x{made[1]} pixels; WebP is made with at most {LONGEST_WEBP} an edge and "
            f"{DEFAULT.webp_pixels} in all. Ask for png or jpeg.",
            param="output_format",
        )
    if max(made) > DEFAULT.side or pixels > DEFAULT.pixels:
        raise InvalidRequest(
            f"'size' is {made[0]}x{made[1]}; at most {DEFAULT.side} pixels an edge and {DEFAULT.pixels} in all are "
            "made. Ask for a smaller one.",
            param="size",
        )


def _response_format(
    asked: Model, wish: Wish, settings: Settings
) -> tuple[ResponseFormat, tuple[str, ...]]:
    wanted = wish.response_format or asked.response_format
    if wanted == "b64_json":
        return "b64_json", ()
    if wish.stream:
        _refuse_explicit(wish, "cannot be streamed; events carry b64_json")
        return "b64_json", ("response_format: events carry b64_json",)
    if not settings.bucket:
        _refuse_explicit(wish, "needs a bucket for results; set RETOUCH_BUCKET on the gateway")
        return "b64_json", ("response_format: no bucket is configured, so b64_json",)
    return "url", ()


def _refuse_explicit(wish: Wish, why: str) -> None:
    if wish.response_format is not None:
        raise InvalidRequest(
            f"response_format 'url' {why}, or ask for b64_json.", param="response_format"
        )


def _size(serving: Model, wish: Wish, sent: Params) -> tuple[Size | None, tuple[str, ...]]:
    """What is asked of the model instead of a size it does not make, and what its answer is scaled to."""
    spec = serving.params.get("size")
    wanted = parse_size(sent.get("size", ""))
    if isinstance(spec, Ratios | AsInput):
        sent.pop("size", None)
    if wanted is None:
        return None, ()
    if isinstance(spec, Ratios):
        return _ratio(serving, spec, wanted, sent)
    if isinstance(spec, AsInput):
        return _as_input(serving, wish, wanted)
    if not isinstance(spec, FixedSizes | FreeSize) or spec.allows(wanted):
        return None, ()
    larger = spec.larger(wanted)
    if larger is None:
        raise _no_such_shape(serving, wanted, f"must be {spec.rule()}")
    sent["size"] = f"{larger[0]}x{larger[1]}"
    return wanted, (f"size: rendered at {sent['size']} and scaled to {wanted[0]}x{wanted[1]}",)


def _ratio(
    serving: Model, spec: Ratios, wanted: Size, sent: Params
) -> tuple[Size, tuple[str, ...]]:
    for name in ("aspect_ratio", "resolution"):
        if name in sent:
            raise InvalidRequest(f"Send 'size' or '{name}', not both.", param=name)
    ratio, tier = spec.nearest(wanted), spec.tier(wanted)
    if apart(shape(ratio), wanted) > _NEAR_ENOUGH:
        raise _no_such_shape(serving, wanted, f"must be {spec.rule()}; {ratio} is nearest")
    sent.update({"aspect_ratio": ratio, **({"resolution": tier} if tier else {})})
    made = f"{ratio} at {tier}" if tier else ratio
    return wanted, (f"size: rendered as {made} and scaled to {wanted[0]}x{wanted[1]}",)


def _as_input(serving: Model, wish: Wish, wanted: Size) -> tuple[Size, tuple[str, ...]]:
    own = wish.images[0].size
    if apart(own, wanted) > _NEAR_ENOUGH:
        rule = (
            f"it answers in the picture's own, so 'size' must have the shape of {own[0]}x{own[1]}"
        )
        raise _no_such_shape(serving, wanted, rule)
    return wanted, (f"size: {serving.id} takes none, scaled to {wanted[0]}x{wanted[1]}",)


def _no_such_shape(serving: Model, wanted: Size, rule: str) -> InvalidRequest:
    return InvalidRequest(
        f"{serving.id} makes nothing of the shape {wanted[0]}x{wanted[1]}: {rule}.", param="size"
    )


def _format(
    serving: Model, sent: Params, kept: bool
) -> tuple[str | None, int | None, tuple[str, ...]]:
    """A format or compression the provider cannot make is made here, from what it does make."""
    wanted, compression = sent.get("output_format"), sent.get("output_compression")
    if wanted is None:
        return ("png", None, ()) if kept and "png" not in serving.makes else (None, None, ())
    takes = "output_format" in serving.params
    compresses = serving.compresses and "output_compression" in serving.params
    if takes and wanted in serving.makes and (compression is None or compresses) and not kept:
        return None, None, ()
    sent.pop("output_compression", None)
    sent.pop("output_format")
    if takes:
        sent["output_format"] = "png" if "png" in serving.makes else serving.makes[0]
    return wanted, compression, (f"output_format: {wanted} was made from the provider's picture",)


def _background(serving: Model, sent: Params, clear: bool) -> tuple[bool, tuple[str, ...]]:
    """Whether an opaque background has to be made here. `clear`: what is put back may be transparent."""
    takes = serving.direct or "background" in serving.params
    wanted = sent.get("background") if takes else sent.pop("background", None)
    if wanted != "opaque":
        return False, ()
    flatten = not serving.direct and (clear or (serving.transparent and not takes))
    note = "background: whatever is transparent in the picture is put on white"
    return flatten, (note,) if clear else ()


def _lossy(wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """A note where the format cannot hold kept pixels as they are."""
    form, compression = wanted.get("output_format"), wanted.get("output_compression")
    lossy = form == "jpeg" or (form == "webp" and compression not in (None, 100))
    return (f"preserve: {form} is lossy",) if lossy else ()
