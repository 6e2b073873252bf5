"""A dry run's answer: the plan as JSON. Everything but the call has happened."""

from __future__ import annotations

from typing import Any

import orjson

from retouch.cost import cost
from retouch.messages import Job, Picture
from retouch.plan import Plan
from retouch.respond import plan_headers
from retouch.wire.answer import Answer, json_headers


def preview(plan: Plan, jobs: list[Job], request_id: str) -> Answer:
    """What would be sent, what would be done afterwards, and what it would cost. No call was made."""
    serving, delivery = plan.target.serving, plan.delivery
    estimate = cost(serving, sum(job.n for job in jobs), calls=len(jobs))
    body = {
        "object": "image.edit.plan",
        "model": plan.target.model_id,
        "operation": serving.operation or None,
        "calls": [_call(job, _shown(plan, job)) for job in jobs],
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
    return Answer(200, headers, orjson.dumps(body), {"dry_run": True})


def _shown(plan: Plan, job: Job) -> tuple[Picture, ...]:
    """The pictures as the provider gets them."""
    shows = plan.target.provider.shows
    return shows(job) if shows else job.images


def _call(job: Job, shown: tuple[Picture, ...]) -> dict[str, Any]:
    mask = job.mask
    return {
        "model": job.model,
        "prompt": job.prompt,
        "n": job.n,
        "images": [_file(picture) for picture in shown],
        "mask": {
            "coverage": round(mask.coverage, 6),
            "soft": mask.soft,
            **(_file(job.mask_file) if job.mask_file else {}),
        }
        if mask
        else None,
        "parameters": dict(job.params),
    }


def _file(picture: Picture) -> dict[str, Any]:
    return {
        "format": picture.format,
        "width": picture.width,
        "height": picture.height,
        "bytes": len(picture.data),
    }
