"""Make finished images small enough for a response with a limited size, when they cannot be delivered as links."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.errors import InvalidRequest, UpstreamError
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.gateway.results.result_images import open_result
from retouch.gateway.time_budget import TimeBudget
from retouch.imaging.byte_limit import encode_lossless_below, encode_lossy_below

_LOSSLESS_SECONDS_PER_MEGAPIXEL = (
    0.3  # with a lossy encoding afterwards, if the file is still too large
)


@frozen_dataclass
class ReducedImage:
    """An image that fits the response. `change` says what was done to it; empty: nothing."""

    image: GeneratedImage
    change: str = ""
    is_lossless: bool = True
    is_source: bool = False  # the provider's own image, in place of a finished one


@frozen_dataclass
class ReducedImages:
    """The images that fit the response, in order."""

    images: tuple[ReducedImage, ...]
    omitted: int  # images that could not be encoded again

    @property
    def is_lossless(self) -> bool:
        """Whether every pixel is the same as before."""
        return all(image.is_lossless for image in self.images)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes on what was done."""
        changes = dict.fromkeys(one.change for one in self.images if one.change)
        notes = [f"output_format: too large for this response, so {one}" for one in changes]
        total = self.omitted + len(self.images)
        if sources := sum(one.is_source for one in self.images):
            notes.append(
                f"result: {sources} of {total} images are unchanged from the provider, because no time was left to "
                "encode the finished ones again"
            )
        if self.omitted:
            notes.append(f"n: {self.omitted} of {total} images are too large for this response")
        return tuple(notes)


def base64_size(image: GeneratedImage) -> int:
    """Return the length of the image in base64, in bytes."""
    return len(image.b64) or (len(image.data) + 2) // 3 * 4


def reduce_images(
    images: Sequence[GeneratedImage],
    max_bytes: int,
    time: TimeBudget,
    sources: Sequence[GeneratedImage] = (),
) -> ReducedImages:
    """Return the images with at most `max_bytes` bytes of base64 in all.

    An image that takes no more than its share stays as it is. Another image is encoded without loss if that suffices
    and there is time, and else with loss. In place of an image that cannot be encoded again, the provider's own image
    of `sources` is returned if it fits, and else nothing.
    """
    reduced = {
        index: one
        for index, one in _reduce_each(images, max_bytes, time, sources)
        if one is not None
    }
    return ReducedImages(
        tuple(reduced[index] for index in sorted(reduced)), omitted=len(images) - len(reduced)
    )


def _reduce_each(
    images: Sequence[GeneratedImage],
    max_bytes: int,
    time: TimeBudget,
    sources: Sequence[GeneratedImage],
) -> Iterator[tuple[int, ReducedImage | None]]:
    """Yield the index of each image and the reduced image. Small images come first: the others get what they leave."""
    by_size = sorted(enumerate(images), key=lambda item: base64_size(item[1]))
    remaining_bytes = max_bytes
    for position, (index, image) in enumerate(by_size):
        images_left = len(images) - position
        share = remaining_bytes // images_left
        reduced = _reduce_image(image, share, time, images_left) or _source_below(
            sources[index : index + 1], share
        )
        remaining_bytes -= base64_size(reduced.image) if reduced else 0
        yield index, reduced


def _source_below(source: Sequence[GeneratedImage], max_bytes: int) -> ReducedImage | None:
    """Return the provider's image if there is one that fits."""
    fitting = [image for image in source if base64_size(image) <= max_bytes]
    return ReducedImage(fitting[0], is_lossless=False, is_source=True) if fitting else None


def _reduce_image(
    image: GeneratedImage, max_bytes: int, time: TimeBudget, images_left: int
) -> ReducedImage | None:
    if base64_size(image) <= max_bytes:
        return ReducedImage(image)
    try:
        share = time.remaining() / images_left
        return time.run(lambda: _encode_below(image, max_bytes // 4 * 3, share))
    except (UpstreamError, InvalidRequest, ValueError, TimeoutError):
        return None


def _encode_below(image: GeneratedImage, max_bytes: int, seconds: float) -> ReducedImage:
    """Return the image with at most `max_bytes` bytes. Raises InvalidRequest, UpstreamError, ValueError."""
    file = open_result(image).file
    megapixels = file.width * file.height / 1e6
    has_time = seconds > megapixels * _LOSSLESS_SECONDS_PER_MEGAPIXEL
    lossless_file = encode_lossless_below(file, max_bytes) if has_time else None
    if lossless_file:
        return ReducedImage(_replace_file(image, lossless_file), "lossless WebP")
    lossy_file = encode_lossy_below(file, max_bytes)
    change = f"{lossy_file.format.upper()} with loss, {lossy_file.width}x{lossy_file.height}"
    return ReducedImage(_replace_file(image, lossy_file), change, is_lossless=False)


def _replace_file(image: GeneratedImage, file: EncodedImage) -> GeneratedImage:
    facts = {"size": f"{file.width}x{file.height}", "output_format": file.format}
    return replace(image, b64="", data=file.data, metadata={**image.metadata, **facts})
