"""Renders the outcome of a dry run: the plan as JSON. The gateway did everything except the call."""

from __future__ import annotations

from typing import Any

from retouch.core.edit_types import EncodedImage, Size
from retouch.core.pricing import estimate_cost
from retouch.core.provider_protocol import ProviderJob
from retouch.gateway.result import EditPreview
from retouch.planning.output_rules import Delivery
from retouch.planning.plan import Plan


def plan_document(preview: EditPreview) -> dict[str, Any]:
    """Return the planned calls, the planned processing and the expected cost."""
    plan, jobs = preview.plan, preview.jobs
    serving, delivery = plan.resolved.serving, plan.delivery
    estimate = estimate_cost(serving, jobs, sum(job.n for job in jobs))
    return {
        "object": "image.edit.plan",
        "model": plan.resolved.model_id,
        "operation": serving.operation or None,
        "calls": [_describe_call(job, _upstream_images(plan, job)) for job in jobs],
        "answer": {
            "response_format": delivery.response_format,
            "output_format": delivery.convert_to,
            "size": delivery.scale_to or _restored_size(delivery),
            "preserve": delivery.original_pixels is not None,
        },
        "notes": plan.notes,
        "cost_usd": estimate.usd if estimate else None,
        "billed": False,
    }


def _restored_size(delivery: Delivery) -> Size | None:
    """Return the size of the original image if the result gets it, else None: the provider decides."""
    if delivery.placement:
        return delivery.placement.original
    return delivery.original_pixels.image.size if delivery.original_pixels else None


def _upstream_images(plan: Plan, job: ProviderJob) -> tuple[EncodedImage, ...]:
    """Return the images as the provider gets them."""
    upstream_images = plan.resolved.provider.upstream_images
    return upstream_images(job) if upstream_images else job.images


def _describe_call(job: ProviderJob, images: tuple[EncodedImage, ...]) -> dict[str, Any]:
    mask = job.mask
    return {
        "model": job.model,
        "prompt": job.prompt,
        "n": job.n,
        "images": [_describe_image(image) for image in images],
        "mask": {
            "coverage": round(mask.coverage, 6),
            "soft": mask.has_soft_edges,
            **(_describe_image(job.mask_file) if job.mask_file else {}),
        }
        if mask
        else None,
        "parameters": dict(job.params),
    }


def _describe_image(image: EncodedImage) -> dict[str, Any]:
    return {
        "format": image.format,
        "width": image.width,
        "height": image.height,
        "bytes": len(image.data),
    }
