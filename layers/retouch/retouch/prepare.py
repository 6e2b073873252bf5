"""Job -> the same Job, pictures in the provider's dialect. Does what the plan decided, decides nothing."""

from __future__ import annotations

from dataclasses import replace

from retouch.cards import Model
from retouch.messages import Job, Mask, Picture
from retouch.pixels.convert import reencode
from retouch.pixels.mask import alpha_png


def prepare(job: Job, model: Model) -> Job:
    """The job, ready to be sent."""
    images = tuple(_picture(picture) for picture in job.images)
    mask_file = _alpha(job.mask) if job.mask and model.mask == "alpha" else None
    return replace(job, images=images, mask_file=mask_file)


def _picture(picture: Picture) -> Picture:
    return reencode(picture, picture.send_as) if picture.send_as else picture


def _alpha(mask: Mask) -> Picture:
    """The caller's own file where it already says it in the provider's words, else a new PNG."""
    source = mask.source
    usable = source and source.format == "png" and not mask.soft and not source.rotated
    return source if source and usable else alpha_png(mask)
