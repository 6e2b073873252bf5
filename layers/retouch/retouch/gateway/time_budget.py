"""The time for the work after the provider's response, and an estimate of that work.

All this work has one deadline: the request's. The rest of the function's time is the margin for sending the response.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from retouch.core.clock import Clock
from retouch.core.concurrency.bounded_call import call_within
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.planning.output_rules import ImageDelivery

T = TypeVar("T")

# To decode, composite and encode an image takes about 0.14 s of an idle vCPU for each megapixel. The estimate is lower:
# work that does not end in time is cut off, but an image is not restored when its work is not started.
_SECONDS_PER_MEGAPIXEL = 0.1
_UNKNOWN_MEGAPIXELS = 4.0  # of a result whose size the provider chooses
_LINK_SECONDS = 1.0  # to store one image; most puts take less


@frozen_dataclass
class TimeBudget:
    """The time until a deadline. `deadline` is a value of the clock."""

    clock: Clock
    deadline: float

    def remaining(self) -> float:
        """Return the seconds until the deadline, at least 0."""
        return max(0.0, self.deadline - self.clock.now())

    def limit_to(self, seconds: float) -> TimeBudget:
        """Return a budget that ends `seconds` from now, or at the deadline if that is sooner."""
        return replace(self, deadline=min(self.deadline, self.clock.now() + seconds))

    def extend_to(self, seconds: float) -> TimeBudget:
        """Return a budget that ends at the deadline, or `seconds` from now if that is later."""
        return replace(self, deadline=max(self.deadline, self.clock.now() + seconds))

    def require(self, seconds: float = 0.0) -> None:
        """Raise TimeoutError unless more than `seconds` remain."""
        if self.remaining() <= seconds:
            raise TimeoutError("the deadline is too close")

    def run(self, function: Callable[[], T]) -> T:
        """Return the result of the function. Raises TimeoutError at the deadline, like `call_within`."""
        return call_within(self.remaining(), function)


def processing_seconds(delivery: ImageDelivery) -> float:
    """Return the estimated time to bring one image into the form that the plan requires. It grows with the pixels."""
    if not delivery.has_image_changes:
        return 0.0
    return _megapixels(delivery) * _SECONDS_PER_MEGAPIXEL


def finishing_seconds(delivery: ImageDelivery, images: int) -> float:
    """Return the estimated time to process and to store that many images."""
    link_seconds = _LINK_SECONDS if delivery.response_format == "url" else 0.0
    return images * (processing_seconds(delivery) + link_seconds)


def _megapixels(delivery: ImageDelivery) -> float:
    sizes = [
        delivery.original_pixels.image.size if delivery.original_pixels else None,
        delivery.placement.original if delivery.placement else None,
        delivery.scale_to,
    ]
    known = [size[0] * size[1] / 1e6 for size in sizes if size]
    return max(known, default=_UNKNOWN_MEGAPIXELS)
