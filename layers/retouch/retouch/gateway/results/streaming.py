"""The images of a streamed edit, processed one by one. One unreadable image does not end the stream."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from retouch.core.concurrency.heartbeat import add_heartbeats
from retouch.core.edit_types import GeneratedImage
from retouch.core.pricing import edit_cost
from retouch.core.provider_protocol import CompletedImage, PartialImage
from retouch.gateway.provider_call.conversation import ImageStream
from retouch.gateway.result import StreamedImage
from retouch.gateway.results.decoded_original import DecodedOriginal
from retouch.gateway.results.postprocess import (
    ProcessedImage,
    postprocess,
    total_usage,
    unprocessed_damaged_image,
)
from retouch.gateway.results.result_images import (
    DamagedResult,
    UnreadableResult,
    explain_unreadable,
)
from retouch.gateway.results.unprocessed_notes import unprocessed_notes
from retouch.gateway.time_budget import TimeBudget, processing_seconds
from retouch.planning.plan import Plan

_log = logging.getLogger("retouch")


def start_stream(
    steps: ImageStream,
    plan: Plan,
    time: TimeBudget,
    interval: float,
    original: DecodedOriginal | None,
) -> Iterator[StreamedImage | None]:
    """Return the images of `stream_images`, with None after each silence of `interval` seconds.

    The function waits for the first of them, so that a failure before it determines the HTTP status.
    """
    events = add_heartbeats(stream_images(steps, plan, time, original), interval)
    return _prepend_image(next(events), events)


def _prepend_image(
    first: StreamedImage | None, later: Iterator[StreamedImage | None]
) -> Iterator[StreamedImage | None]:
    yield first
    yield from later


def stream_images(
    steps: ImageStream, plan: Plan, time: TimeBudget, original: DecodedOriginal | None = None
) -> Generator[StreamedImage, None, None]:
    """Yield the previews and the finished images. `original` is as for `postprocess`.

    An unreadable preview is left out, and so is one for whose processing no time remains. An unreadable finished image
    is left out too. The next finished image then has a note on it, and its cost. When no finished image was readable,
    the last one is yielded as it is if it is a damaged image. Otherwise raises UnreadableResult at the end.
    """
    stream = _Stream(plan, time, original)
    with closing(steps):
        for step in steps:
            image = stream.process(step)
            if image:
                yield image
    if image := stream.finish():
        yield image


@dataclass
class _Stream:
    """The state of a stream: how many images were finished, and the unreadable ones that no note names yet."""

    plan: Plan
    time: TimeBudget
    original: DecodedOriginal | None = None
    finished_count: int = 0
    unreadable: list[GeneratedImage] = field(default_factory=list)
    error: UnreadableResult | None = None  # of the last unreadable image

    def process(self, step: PartialImage | CompletedImage) -> StreamedImage | None:
        """Return the image of the next event, or None when it is left out."""
        delivery = self.plan.delivery
        try:
            seconds = processing_seconds(delivery)
            processed = postprocess(step.image, delivery, self.time, seconds, self.original)
        except UnreadableResult as error:
            if isinstance(step, CompletedImage):
                self.unreadable.append(step.image)
                self.error = error
            return None
        if isinstance(step, CompletedImage):
            return self._finished_image(step.image, processed)
        return None if processed.unprocessed_reason else StreamedImage(processed.image, step.index)

    def finish(self) -> StreamedImage | None:
        """Return a damaged image when no other one was finished. Log the images that no note names.

        Raises UnreadableResult when there was no image at all.
        """
        if self.error and not self.finished_count:
            if not isinstance(self.error, DamagedResult):
                with explain_unreadable(self.plan.resolved, self.unreadable, "yes"):
                    raise self.error
            image = self.unreadable.pop()
            return self._finished_image(image, unprocessed_damaged_image(image, self.plan.delivery))
        if self.unreadable:
            _log.warning("the last images of a stream cannot be read")
        return None

    def _finished_image(self, image: GeneratedImage, processed: ProcessedImage) -> StreamedImage:
        plan, preserved_pixels = self.plan, processed.preserved_pixels
        made = [*self.unreadable, image]
        notes = [*processed.notes]
        if processed.unprocessed_reason:
            notes.extend(unprocessed_notes([processed.unprocessed_reason], 1, plan.delivery))
        if self.unreadable:
            notes.append(f"n: {len(self.unreadable)} images before this one cannot be read")
        self.finished_count, self.unreadable = self.finished_count + 1, []
        return StreamedImage(
            processed.image,
            preserved_pixels=plan.delivery.untouched_pixels
            if preserved_pixels is None
            else preserved_pixels,
            cost=edit_cost(plan.resolved.serving, plan.jobs[:1], made, total_usage(made)),
            notes=tuple(notes),
        )
