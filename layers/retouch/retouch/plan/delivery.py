"""The plan's rules about what leaves: link or base64, format, compression, size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from retouch.cards import Model
from retouch.errors import InvalidRequest
from retouch.messages import ResponseFormat, Size, Wish
from retouch.settings import Settings
from retouch.specs import FixedSizes, FreeSize, parse_size


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is done to finished pictures before they leave."""

    response_format: ResponseFormat = "b64_json"
    convert_to: str | None = None  # png, jpeg or webp, where the provider cannot make it
    compression: int | None = None  # 0..100, with convert_to
    scale_to: Size | None = None  # where the provider only makes larger ones


Params = dict[str, Any]


def fit(
    asked: Model, serving: Model, wish: Wish, params: Mapping[str, Any], settings: Settings
) -> tuple[Params, Delivery, tuple[str, ...]]:
    """What is sent, what is done afterwards, and the notes on both."""
    sent = dict(params)
    response_format, notes = _response_format(asked, wish, settings)
    scale_to, size_notes = _size(serving, sent)
    convert_to, compression, format_notes = _format(serving, sent)
    delivery = Delivery(response_format, convert_to, compression, scale_to)
    return sent, delivery, (*notes, *size_notes, *format_notes)


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


def _size(serving: Model, sent: Params) -> tuple[Size | None, tuple[str, ...]]:
    """A size the serving model does not make is rendered larger in the same shape and scaled down."""
    spec = serving.params.get("size")
    wanted = parse_size(sent.get("size", ""))
    if not isinstance(spec, FixedSizes | FreeSize) or wanted is None or spec.allows(wanted):
        return None, ()
    larger = spec.larger(wanted)
    if larger is None:
        raise InvalidRequest(
            f"{serving.id} makes nothing of the shape {sent['size']}: 'size' must be {spec.rule()}.",
            param="size",
        )
    sent["size"] = f"{larger[0]}x{larger[1]}"
    return wanted, (f"size: rendered at {sent['size']} and scaled to {wanted[0]}x{wanted[1]}",)


def _format(serving: Model, sent: Params) -> tuple[str | None, int | None, tuple[str, ...]]:
    """A format or compression the provider cannot make is made here, from its PNG."""
    wanted = sent.get("output_format", "png")
    compression = sent.get("output_compression")
    if wanted in serving.makes and (compression is None or serving.compresses):
        return None, None, ()
    sent.pop("output_compression", None)
    sent["output_format"] = "png"
    return wanted, compression, (f"output_format: {wanted} was made from the provider's png",)
