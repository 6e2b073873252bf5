"""Tests of the time for the work after a provider's response, and of its estimate."""

import pytest
from PIL import Image

from retouch.core.edit_types import EncodedImage
from retouch.core.geometry import Placement
from retouch.gateway.time_budget import TimeBudget, finishing_seconds, processing_seconds
from retouch.planning.output_rules import ImageDelivery
from retouch.planning.preserve import OriginalPixels


class FixedClock:
    """A clock that stands at one second."""

    def now(self):
        return 1.0


def budget(deadline):
    return TimeBudget(FixedClock(), deadline)  # type: ignore[arg-type]  # a budget only reads the time


def original(width, height):
    return OriginalPixels(EncodedImage(b"", "png", width, height), Image.new("L", (1, 1)))


@pytest.mark.parametrize(("deadline", "remaining"), [(11, 10), (1, 0), (0, 0)])
def test_remaining_time_is_never_negative(deadline, remaining):
    assert budget(deadline).remaining() == remaining


def test_deadline_moves_when_a_time_budget_is_limited_or_extended():
    assert budget(11).limit_to(4).remaining() == 4
    assert budget(3).limit_to(4).remaining() == 2
    assert budget(0).extend_to(4).remaining() == 4
    assert budget(11).extend_to(4).remaining() == 10


def test_require_raises_timeout_error_when_too_little_time_remains():
    budget(11).require(9.9)
    with pytest.raises(TimeoutError):
        budget(11).require(10)
    with pytest.raises(TimeoutError):
        budget(1).require()


def test_run_without_time_raises_timeout_error():
    assert budget(61).run(lambda: 5) == 5
    with pytest.raises(TimeoutError):
        budget(1).run(lambda: 5)


def test_result_without_changes_needs_no_processing_time():
    assert processing_seconds(ImageDelivery()) == 0


@pytest.mark.parametrize(
    "delivery",
    [
        lambda size: ImageDelivery(original_pixels=original(*size)),
        lambda size: ImageDelivery(scale_to=size),
        lambda size: ImageDelivery(placement=Placement((64, 64), (0, 0, 64, 64), size)),
    ],
)
def test_processing_time_grows_with_the_pixels_of_the_result(delivery):
    small, large = (processing_seconds(delivery(size)) for size in ((1000, 1000), (6000, 4000)))
    assert large == pytest.approx(24 * small)
    assert 0.5 < large < 24


def test_result_of_unknown_size_needs_processing_time():
    assert processing_seconds(ImageDelivery(convert_to="webp")) > 0


def test_finishing_time_grows_with_images_and_links():
    delivery = ImageDelivery(scale_to=(2000, 1000))
    assert finishing_seconds(delivery, 4) == pytest.approx(4 * processing_seconds(delivery))
    assert (
        finishing_seconds(ImageDelivery("url"), 3) > finishing_seconds(ImageDelivery("url"), 1) > 0
    )
    assert finishing_seconds(ImageDelivery(), 10) == 0
