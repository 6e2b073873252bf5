"""Renders the outcome of a dry run: the plan as JSON. The gateway did everything except the call."""

from __future__ import annotations

from typing import Any

from retouch.core.capabilities import ModelCapabilities
from retouch.core.edit_types import EncodedImage
from retouch.core.geometry import Size
from retouch.core.pricing import estimate_cost
from retouch.core.provider_protocol import ProviderJob
from retouch.core.sizes import parse_size
from retouch.gateway.result import AttemptReport, EditPreview
from retouch.planning.plan import Plan


def plan_document(preview: EditPreview, attempt: AttemptReport) -> dict[str, Any]:
    """Return the planned calls, the planned processing and the expected cost, as the caller may see it."""
    plan, jobs = preview.plan, preview.jobs
    serving, delivery = plan.resolved.serving, plan.delivery
    return {
        "object": "image.edit.plan",
        "model": plan.resolved.model_id,
        "operation": serving.operation or None,
        "calls": [_describe_call(job, _upstream_images(plan, job)) for job in jobs],
        "answer": {
            "response_format": delivery.response_format,
            "output_format": _output_format(plan, jobs[0]),
            "size": _result_size(plan, jobs[0]),
            "preserve": delivery.original_pixels is not None
            or delivery.untouched_pixels is not None,
        },
        "notes": plan.notes,
        "cost_usd": _expected_cost(plan, jobs, attempt),
        "billed": False,
    }


def _expected_cost(
    plan: Plan, jobs: tuple[ProviderJob, ...], attempt: AttemptReport
) -> float | None:
    """Return the expected cost in US dollars, or None when it is unknown."""
    if not plan.resolved.provider.is_paid:
        return 0
    pictures = sum(job.n for job in jobs)
    shown = attempt.shown_cost(estimate_cost(plan.resolved.serving, jobs, pictures), pictures)
    return shown.usd if shown else None


def _output_format(plan: Plan, job: ProviderJob) -> str | None:
    """Return the format of the result, or None when the provider decides it."""
    serving = plan.resolved.serving
    default = serving.output_formats[0] if _has_known_format(serving) else None
    return plan.delivery.convert_to or job.params.get("output_format") or default


def _has_known_format(serving: ModelCapabilities) -> bool:
    """Return whether a request without `output_format` has the first format of the model."""
    return serving.is_local_editor or len(serving.output_formats) == 1


def _result_size(plan: Plan, job: ProviderJob) -> Size | None:
    """Return the size of the result in pixels, or None when the provider decides it."""
    delivery = plan.delivery
    if delivery.scale_to:
        return delivery.scale_to
    if delivery.placement:
        return delivery.placement.original
    if delivery.original_pixels:
        return delivery.original_pixels.image.size
    own_size = job.images[0].size if plan.resolved.serving.is_local_editor else None
    return parse_size(str(job.params.get("size", ""))) or own_size


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
