"""The FLUX task protocol as Fireworks and BFL serve it.

A request creates a task. The first poll does not find the task, the next one finds it pending, and then it is ready.
The result is on another host, which accepts no key.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections import Counter
from dataclasses import replace
from itertools import count
from typing import ClassVar

from tests.contract.paint import decode_image, encode_image, repaint
from tests.contract.standin import Failure, StandIn
from tests.support.upstream import ScriptedResponse, json_response

PENDING_STATES = ("Task not found", "Pending")
MAX_IMAGE_BYTES = 20_000_000
MAX_PIXELS = 20_000_000
MODERATION_ERROR = (400, "moderation_blocked", "unknown")
PROVIDER_ERROR = (502, "provider_error", "unknown")
CREDENTIALS_ERROR = (500, "provider_credentials", "no")


class Refusal(Exception):
    """An error with the status and the message that the real provider would send."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


def int_between(low, high=2**63):
    return lambda value: type(value) is int and low <= value <= high


def number_between(low, high):
    return lambda value: type(value) in (int, float) and low <= value <= high


def one_of(*values):
    return lambda value: value in values


def is_bool(value):
    return type(value) is bool


def is_text(value):
    return isinstance(value, str) and bool(value)


def is_aspect_ratio(value):
    """Return whether the aspect ratio is between 21:9 and 9:21."""
    width, _, height = value.partition(":")
    return 9 / 21 <= int(width) / int(height) <= 21 / 9


KONTEXT_FIELDS = {
    "prompt": is_text,
    "seed": int_between(0),
    "aspect_ratio": is_aspect_ratio,
    "output_format": one_of("jpeg", "png"),
    "prompt_upsampling": is_bool,
    "safety_tolerance": int_between(0, 2),
}


class TaskStandIn(StandIn):
    """A stand-in whose paid requests create tasks, which the gateway polls."""

    def __init__(self):
        super().__init__()
        self.task_numbers = count()  # requests arrive in parallel
        self.polls: Counter[str] = Counter()
        self.final_response: ScriptedResponse | None = None

    def fail_with(self, failure):
        """Respond with this failure. A failure that ends a task is sent to every poll of every task."""
        if failure.successes_first:
            (self.final_response,) = failure.responses
        else:
            super().fail_with(failure)


class FluxStandIn(TaskStandIn):
    """A FLUX stand-in. Subclasses check the key and read the request format."""

    status_of_refusal: ClassVar = 400
    pending_states: tuple[str, ...] = PENDING_STATES

    def __init__(self):
        super().__init__()
        self.tasks: dict[str, bytes] = {}

    def create_task(self, request, field_rules):
        """Create a task and return its id. Raises Refusal for a field or an image that the model does not accept."""
        for name, value in request.fields.items():
            if name not in field_rules or not field_rules[name](value):
                raise Refusal(self.status_of_refusal, f"{name}: {value!r} is not permitted")
        if self.requires_prompt(field_rules) and "prompt" not in request.fields:
            raise Refusal(self.status_of_refusal, "prompt: field required")
        self.check_images(request)
        task = f"task-{next(self.task_numbers)}"
        self.tasks[task] = paint_result(request)
        return task

    def requires_prompt(self, field_rules):
        return True

    def check_images(self, request):
        for data in request.images:
            width, height = decode_image(data).size
            if len(data) > MAX_IMAGE_BYTES or width * height > MAX_PIXELS:
                raise Refusal(self.status_of_refusal, "image too large")
        if request.mask and decode_image(request.mask).size != decode_image(request.images[0]).size:
            raise Refusal(self.status_of_refusal, "mask and image differ in size")

    def poll_response(self, task):
        return self.final_response or json_response(self.task_state(task))

    def task_state(self, task):
        poll_number, self.polls[task] = self.polls[task], self.polls[task] + 1
        if task not in self.tasks:
            return {"id": task, "status": "Task not found", "result": None}
        if poll_number < len(self.pending_states):
            return {
                "id": task,
                "status": self.pending_states[poll_number],
                "result": None,
                "progress": 0.2,
            }
        return {
            "id": task,
            "status": "Ready",
            "result": {"sample": self.result_url(self.tasks[task])},
        }

    def task_failures(self):
        """Return the failures of a task and of the connection."""
        expired_result = {"sample": f"{self.result_host.url}/expired"}
        return {
            "moderated_request": ended_task_failure("Request Moderated", MODERATION_ERROR),
            "moderated_content": ended_task_failure(
                "Content Moderated",
                MODERATION_ERROR,
                details={"Moderation Reasons": ["Derivative Works"]},
            ),
            "moderated_in_words": ended_task_failure(
                "Content Moderated", MODERATION_ERROR, details="Derivative Works"
            ),
            "moderated_in_a_list": ended_task_failure(
                "Content Moderated", MODERATION_ERROR, details=["Derivative Works", 5]
            ),
            "moderated_oddly": ended_task_failure(
                "Request Moderated",
                MODERATION_ERROR,
                details={"Moderation Reasons": {"hate": True}},
            ),
            "job_failed": ended_task_failure("Error", PROVIDER_ERROR),
            "job_failed_with_words": ended_task_failure(
                "Error", PROVIDER_ERROR, details={"message": "out of memory"}
            ),
            "task_lost": ended_task_failure("Task not found", PROVIDER_ERROR),
            "pending_forever": ended_task_failure("Pending", (504, "deadline_exceeded", "unknown")),
            "result_expired": ended_task_failure(
                "Ready", (502, "result_not_fetched", "unknown"), result=expired_result
            ),
            "strange": expected_failure(json_response({}), *PROVIDER_ERROR),
            "strange_html": expected_failure(html_response(200), *PROVIDER_ERROR),
            "strange_state": expected_failure(
                json_response({}), *PROVIDER_ERROR, successes_first=1
            ),
            "strange_result": ended_task_failure("Ready", PROVIDER_ERROR, result={}),
            "server_error_html": expected_failure(html_response(500), *PROVIDER_ERROR),
            "gateway_timeout": expected_failure(
                ScriptedResponse(504), 504, "deadline_exceeded", "unknown"
            ),
            "poll_fails": expected_failure(html_response(502), *PROVIDER_ERROR, successes_first=1),
            "cut": expected_failure(
                ScriptedResponse(200, b'{"id": "x' + b"x" * 500, network_failure="cut"),
                *PROVIDER_ERROR,
            ),
            "reset": expected_failure(ScriptedResponse(network_failure="reset"), *PROVIDER_ERROR),
        }


def expected_failure(response, status, code, billed="no", successes_first=0):
    return Failure([response], status, code, billed, successes_first)


def ended_task_failure(status, expected, **more):
    response = json_response({"id": "x", "status": status, "result": None, **more})
    return replace(expected_failure(response, *expected), successes_first=1)


def html_response(status):
    return ScriptedResponse(status, b"<html>502 Bad Gateway</html>", {"content-type": "text/html"})


def decode_base64_image(value, status):
    """Return the image bytes of a base64 text. Raises Refusal when they are no image."""
    try:
        data = base64.b64decode(value, validate=True)
        decode_image(data)
    except (binascii.Error, OSError, TypeError, ValueError):
        raise Refusal(status, "cannot decode the image") from None
    return data


def paint_result(request):
    mask = decode_image(request.mask) if request.mask else None
    image = decode_image(repaint(request.images[0], mask))
    return encode_image(
        image.resize(output_size(request, image.size)), request.fields.get("output_format", "png")
    )


def output_size(request, image_size):
    """Return the requested size, or the size of the image."""
    fields = request.fields
    if "top" in fields or "left" in fields:
        width, height = image_size
        width += fields.get("left", 0) + fields.get("right", 0)
        return width, height + fields.get("top", 0) + fields.get("bottom", 0)
    if "width" in fields:
        return fields["width"], fields["height"]
    if "aspect_ratio" not in fields:
        return image_size
    width, height = map(int, fields["aspect_ratio"].split(":"))
    edge = math.sqrt(image_size[0] * image_size[1] / (width * height))
    return round(width * edge), round(height * edge)
