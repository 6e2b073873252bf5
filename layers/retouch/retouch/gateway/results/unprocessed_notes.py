"""The notes on images that are delivered as the provider made them, although the plan requires changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from retouch.planning.output_rules import ImageDelivery


def unprocessed_notes(
    reasons: Sequence[str], total: int, delivery: ImageDelivery
) -> tuple[str, ...]:
    """Return a note that says how many of `total` images are unprocessed, why, and what was not done."""
    if not reasons:
        return ()
    images = "the image is" if total == 1 else f"{len(reasons)} of {total} images are"
    omitted = ", ".join(_omitted_steps(delivery))
    not_done = f"; not done: {omitted}" if omitted else ""
    return (f"result: {images} unchanged from the provider, because {reasons[0]}{not_done}",)


def _omitted_steps(delivery: ImageDelivery) -> Iterator[str]:
    if delivery.placement:
        yield "remove the padding"
    if delivery.original_pixels:
        yield "restore the pixels outside the mask"
    if delivery.scale_to:
        yield f"scale to {delivery.scale_to[0]}x{delivery.scale_to[1]}"
    if delivery.flatten:
        yield "place on white"
    if delivery.convert_to:
        yield f"convert to {delivery.convert_to}"
