"""The original of a masked edit between the decoding before the call and the results after it."""

from __future__ import annotations

import logging
from dataclasses import field
from typing import TYPE_CHECKING, TypeAlias

from retouch.core.concurrency.background_call import BackgroundCall
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.compose import default_feather
from retouch.imaging.png_lines import FilteredLines
from retouch.imaging.prepared_original import (
    PreparedOriginal,
    prepare_filtered_lines,
    prepare_original,
)
from retouch.planning.output_rules import ImageDelivery

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels

_log = logging.getLogger("retouch")


# The lines of a PNG whose pixels only the preparation needs, or the pixels of another file.
Original: TypeAlias = "FilteredLines | Pixels"


@frozen_dataclass
class DecodedOriginal:
    """The decoded original, which nothing changes, and the work on it that runs during the call."""

    # None: only the preparation decodes some of them. Without it, the file is decoded again.
    pixels: Pixels | None = field(default=None, repr=False)
    preparation: BackgroundCall[PreparedOriginal] | None = field(default=None, repr=False)

    def wait_for_preparation(self) -> PreparedOriginal | None:
        """Wait for the preparation. Returns None when there is none or it has failed: the pixels are there anyway."""
        try:
            return self.preparation.result() if self.preparation else None
        except Exception as error:  # the edit is paid for, and can be finished without it
            _log.error("the original was not prepared during the call", exc_info=error)
            return None


def start_preparation(original: Original | None, delivery: ImageDelivery) -> DecodedOriginal | None:
    """Return what is kept of the original during the call, and start its preparation if the result may be a PNG.

    The preparation is never waited for before the call, and whatever happens to it does not concern the call.
    """
    original_pixels = delivery.original_pixels
    if original is None or original_pixels is None:
        return None
    pixels = None if isinstance(original, FilteredLines) else original
    if not may_restore_in_png(delivery):
        return DecodedOriginal(pixels)
    mask, feather = original_pixels.mask_pixels, default_feather(original.size)
    try:
        return DecodedOriginal(pixels, BackgroundCall(lambda: _prepare(original, mask, feather)))
    except RuntimeError as error:  # the system gives no thread
        _log.error("the original is not prepared during the call", exc_info=error)
        return DecodedOriginal(pixels)


def _prepare(original: Original, mask: Pixels, feather: int) -> PreparedOriginal:
    if isinstance(original, FilteredLines):
        return prepare_filtered_lines(original, mask, feather=feather)
    return prepare_original(original, mask, feather=feather)


def may_restore_in_png(delivery: ImageDelivery) -> bool:
    """Return whether the result may be a PNG with the pixels of the original as they are."""
    original_pixels = delivery.original_pixels
    return (
        original_pixels is not None
        and delivery.convert_to in (None, "png")
        and delivery.scale_to in (None, original_pixels.image.size)
        and not delivery.flatten
    )
