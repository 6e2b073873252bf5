"""The FLUX task protocol as Fireworks and BFL serve it: an order becomes a task, which is not there at first,
then pending, then done; its result lies on another host, which takes no key."""

from __future__ import annotations

import base64
import binascii
import math
from collections import Counter
from itertools import count
from typing import ClassVar

from tests.contract.paint import encoded, opened, repainted
from tests.contract.standin import Failure, StandIn
from tests.support.upstream import Answer, as_json

WAITING = ("Task not found", "Pending")
MOST_BYTES = 20_000_000
MOST_PIXELS = 20_000_000
MODERATED = (400, "moderation_blocked", "unknown")
BROKEN = (502, "provider_error", "unknown")
OPERATOR = (500, "provider_credentials", "no")


class Refusal(Exception):
    """Raised with what the real one would say."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status, self.message = status, message


def whole(low, high=2**63):
    return lambda value: type(value) is int and low <= value <= high


def number(low, high):
    return lambda value: type(value) in (int, float) and low <= value <= high


def one_of(*values):
    return lambda value: value in values


def flag(value):
    return type(value) is bool


def text(value):
    return isinstance(value, str) and bool(value)


def ratio(value):
    """Between 21:9 and 9:21."""
    width, _, height = value.partition(":")
    return 9 / 21 <= int(width) / int(height) <= 21 / 9


KONTEXT = {
    "prompt": text,
    "seed": whole(0),
    "aspect_ratio": ratio,
    "output_format": one_of("jpeg", "png"),
    "prompt_upsampling": flag,
    "safety_tolerance": whole(0, 2),
}


class Tasks(StandIn):
    """Subclasses say who may come in and how an order is worded."""

    status_of_refusal: ClassVar = 400

    def __init__(self):
        super().__init__()
        self.tasks: dict[str, bytes] = {}
        self.numbers = count()  # orders come side by side
        self.polls = Counter()
        self.ending: Answer | None = None

    def fail(self, failure):
        """What ends a task badly is said to every poll, however many orders there are."""
        if failure.after:
            (self.ending,) = failure.answers
        else:
            super().fail(failure)

    def accept(self, seen, allowed):
        """The task's id. Refusal for fields that the model does not have and pictures it does not take."""
        for name, value in seen.fields.items():
            if name not in allowed or not allowed[name](value):
                raise Refusal(self.status_of_refusal, f"{name}: {value!r} is not permitted")
        if "prompt" not in seen.fields:
            raise Refusal(self.status_of_refusal, "prompt: field required")
        self.check_pictures(seen)
        task = f"task-{next(self.numbers)}"
        self.tasks[task] = painted(seen)
        return task

    def check_pictures(self, seen):
        for data in seen.pictures:
            width, height = opened(data).size
            if len(data) > MOST_BYTES or width * height > MOST_PIXELS:
                raise Refusal(self.status_of_refusal, "image too large")
        if seen.mask and opened(seen.mask).size != opened(seen.pictures[0]).size:
            raise Refusal(self.status_of_refusal, "mask and image differ in size")

    def polled(self, task):
        return self.ending or as_json(self.state(task))

    def state(self, task):
        polls, self.polls[task] = self.polls[task], self.polls[task] + 1
        if task not in self.tasks:
            return {"id": task, "status": "Task not found", "result": None}
        if polls < len(WAITING):
            return {"id": task, "status": WAITING[polls], "result": None, "progress": 0.2}
        return {"id": task, "status": "Ready", "result": {"sample": self.link(self.tasks[task])}}

    def task_failures(self):
        """How a task ends badly, and how the conversation breaks."""
        gone = {"sample": f"{self.elsewhere.url}/expired"}
        return {
            "moderated_request": ended("Request Moderated", MODERATED),
            "moderated_content": ended(
                "Content Moderated", MODERATED, details={"Moderation Reasons": ["Derivative Works"]}
            ),
            "moderated_in_words": ended("Content Moderated", MODERATED, details="Derivative Works"),
            "moderated_in_a_list": ended(
                "Content Moderated", MODERATED, details=["Derivative Works", 5]
            ),
            "moderated_oddly": ended(
                "Request Moderated", MODERATED, details={"Moderation Reasons": {"hate": True}}
            ),
            "job_failed": ended("Error", BROKEN),
            "job_failed_with_words": ended("Error", BROKEN, details={"message": "out of memory"}),
            "task_lost": ended("Task not found", BROKEN),
            "pending_forever": ended("Pending", (504, "deadline_exceeded", "unknown")),
            "result_expired": ended("Ready", (502, "result_not_fetched", "unknown"), result=gone),
            "strange": fails(as_json({}), *BROKEN),
            "strange_html": fails(html(200), *BROKEN),
            "strange_state": fails(as_json({}), *BROKEN, after=1),
            "strange_result": ended("Ready", BROKEN, result={}),
            "server_error_html": fails(html(500), *BROKEN),
            "gateway_timeout": fails(Answer(504), 504, "deadline_exceeded", "unknown"),
            "poll_fails": fails(html(502), *BROKEN, after=1),
            "cut": fails(Answer(200, b'{"id": "x' + b"x" * 500, fault="cut"), *BROKEN),
            "reset": fails(Answer(fault="reset"), *BROKEN),
        }


def fails(answer, status, code, billed="no", after=0):
    return Failure([answer], status, code, billed, after)


def ended(status, expected, **more):
    return fails(as_json({"id": "x", "status": status, "result": None, **more}), *expected, after=1)


def html(status):
    return Answer(status, b"<html>502 Bad Gateway</html>", {"content-type": "text/html"})


def decoded(value, status):
    """Base64 as a picture."""
    try:
        data = base64.b64decode(value, validate=True)
        opened(data)
    except (binascii.Error, OSError, TypeError, ValueError):
        raise Refusal(status, "cannot decode the image") from None
    return data


def painted(seen):
    mask = opened(seen.mask) if seen.mask else None
    image = opened(repainted(seen.pictures[0], mask))
    return encoded(image.resize(size_of(seen, image.size)), seen.fields["output_format"])


def size_of(seen, own):
    """As wished, else the picture's own."""
    fields = seen.fields
    if "width" in fields:
        return fields["width"], fields["height"]
    if "aspect_ratio" not in fields:
        return own
    width, height = map(int, fields["aspect_ratio"].split(":"))
    edge = math.sqrt(own[0] * own[1] / (width * height))
    return round(width * edge), round(height * edge)
