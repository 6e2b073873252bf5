"""A dry run's answer: the plan as JSON. Everything but the call has happened."""

from __future__ import annotations

from typing import Any

import orjson

from retouch.api.response.edit import plan_headers
from retouch.core.http import HttpResponse, json_headers
from retouch.core.models import EncodedImage
from retouch.core.pricing import edit_cost
from retouch.core.provider_protocol import ProviderJob
from retouch.planning.plan import Plan


def dry_run_response(plan: Plan, jobs: list[ProviderJob], request_id: str) -> HttpResponse:
    """What would be sent, what would be done afterwards, and what it would cost. No call was made."""
    serving, delivery = plan.resolved.serving, plan.delivery
    estimate = edit_cost(serving, sum(job.n for job in jobs), calls=len(jobs))
    body = {
        "object": "image.edit.plan",
        "model": plan.resolved.model_id,
        "operation": serving.operation or None,
        "calls": [_describe_call(job, _upstream_images(plan, job)) for job in jobs],
        "answer": {
            "response_format": delivery.response_format,
            "output_format": delivery.convert_to,
            "size": delivery.scale_to or (delivery.frame.original if delivery.frame else None),
            "preserve": delivery.keep is not None,
        },
        "notes": plan.notes,
        "cost_usd": estimate.usd if estimate else None,
        "billed": False,
    }
    headers = {**json_headers(request_id), **plan_headers(plan), "x-retouch-billed": "no"}
    return HttpResponse(200, headers, orjson.dumps(body), {"dry_run": True})


def _upstream_images(plan: Plan, job: ProviderJob) -> tuple[EncodedImage, ...]:
    """The pictures as the provider gets them."""
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
