"""Store finished images before the next ones are processed, when all of them together would take too much memory.

A finished image of fifty megapixels has about 60 MB as a PNG. Ten of them would not fit beside the pixels of the one
that is processed. Once an image is stored and has a link, its bytes can leave the memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import NotStored
from retouch.gateway.results.postprocess import ProcessedImage
from retouch.gateway.results.response_size import reduce_images
from retouch.gateway.results.result_images import result_format
from retouch.gateway.results.result_links import ResultLinks
from retouch.gateway.time_budget import TimeBudget
from retouch.imaging.free_memory import release_free_memory

MAX_HELD_BYTES = (
    75_000_000  # encoded images of one edit, 100 MB as base64; a single image may be larger
)

_MIN_STORAGE_SECONDS = 2.0  # most puts take less than one


@dataclass
class EarlyStorage:
    """The finished images of one edit that are in memory. Call it with each image, in order."""

    links: ResultLinks
    time: TimeBudget
    images_left: int  # images of the edit that are not finished yet
    seconds_per_image: float = 0.0  # the estimated time to process one of them
    held_bytes: int = 0
    is_storing: bool = False  # once an image is stored early, so are all after it
    is_failing: bool = False  # the bucket did not take an image

    def __call__(self, processed: ProcessedImage) -> ProcessedImage:
        """Return the image, with its link instead of its bytes if it was stored.

        If the bucket does not take it, the image is made smaller.
        """
        size = len(processed.image.data)
        self.images_left -= 1
        expected_bytes = self.held_bytes + size * (1 + self.images_left)
        is_last_of_few = not (self.images_left or self.is_storing)
        self.is_storing = self.is_storing or (
            expected_bytes > MAX_HELD_BYTES and not is_last_of_few
        )
        result = self._release(processed) if self.is_storing and size else processed
        if self.is_storing:
            release_free_memory()  # each image is made in a thread of its own, which keeps what it freed
        self.held_bytes += len(result.image.data)
        return result

    def _release(self, processed: ProcessedImage) -> ProcessedImage:
        image = processed.image
        if not self.is_failing:
            try:
                file = EncodedImage(image.data, result_format(image), 0, 0)
                (url,) = self.links.link_all([file], self._storage_time())
                return replace(processed, image=replace(image, data=b"", stored_url=url))
            except NotStored:
                self.is_failing = True
        return self._reduce(processed)

    def _storage_time(self) -> TimeBudget:
        """Return the time that the bucket gets: what the images that are left do not need, but at least a minimum."""
        spare = self.time.remaining() - self.images_left * self.seconds_per_image
        return self.time.limit_to(max(spare, _MIN_STORAGE_SECONDS))

    def _reduce(self, processed: ProcessedImage) -> ProcessedImage:
        """Return the image with its share of the bytes that are left, or unchanged when there is no time for that."""
        share = max(0, MAX_HELD_BYTES - self.held_bytes) // (1 + self.images_left)
        reduced = reduce_images([processed.image], share // 3 * 4, self.time)
        if not reduced.images:
            return processed
        return replace(
            processed,
            image=reduced.images[0].image,
            preserved_pixels=processed.preserved_pixels if reduced.is_lossless else 0,
            notes=(*processed.notes, *reduced.notes),
            is_reduced=True,
        )
