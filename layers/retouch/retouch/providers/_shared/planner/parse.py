"""The parser of a planning model's reply.

It is lenient about text around the JSON and strict about the content of the JSON.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.imaging.operations.program import Step, read_steps
from retouch.imaging.operations.values import InvalidSteps

_MAX_PLAN_CHARS = 20_000  # characters of the JSON in a reply, without the model's thoughts
_MAX_REASON_CHARS = 300
_THOUGHTS_END_PATTERN = re.compile(r"</(?:reasoning|thinking|think)>")
_EXPECTED_JSON = '{"steps": [...]} or {"refuse": "..."}'


@frozen_dataclass
class PlanRefusal:
    """A reply that says that the operations cannot do the edit. `reason` is one sentence."""

    reason: str


def parse_planner_reply(text: str, masked: bool) -> tuple[Step, ...] | PlanRefusal:
    """Return the plan or the refusal. Raises PlanError when the text is neither or breaks a rule.

    `masked` says whether the edit has a mask. The messages of PlanError are sent to the model.
    """
    payload = _parse_json(text)
    if not isinstance(payload, dict) or len(payload) != 1:
        raise InvalidSteps(f"The answer must be one JSON object, {_EXPECTED_JSON}.")
    if "refuse" in payload:
        return _parse_refusal(payload["refuse"])
    if "steps" not in payload:
        raise InvalidSteps(
            f"The answer has neither 'steps' nor 'refuse'; it must be {_EXPECTED_JSON}."
        )
    return read_steps(payload["steps"], masked)


def _parse_json(text: str) -> Any:
    """Return the outermost JSON object after the model's thoughts. Code fences and other text around it are ignored."""
    visible_text = _THOUGHTS_END_PATTERN.split(text)[-1]
    start, end = visible_text.find("{"), visible_text.rfind("}")
    if start < 0 or end < start:
        raise InvalidSteps(f"There is no JSON object in the answer; it must be {_EXPECTED_JSON}.")
    if end - start > _MAX_PLAN_CHARS:
        raise InvalidSteps(
            f"The answer is too long; at most {_MAX_PLAN_CHARS} characters are read."
        )
    try:
        return orjson.loads(visible_text[start : end + 1])
    except ValueError:
        raise InvalidSteps(f"The answer is not valid JSON; it must be {_EXPECTED_JSON}.") from None


def _parse_refusal(reason: Any) -> PlanRefusal:
    if not isinstance(reason, str) or not reason.strip():
        raise InvalidSteps("'refuse' must say why, in one sentence.")
    sentence = " ".join(reason.split())[:_MAX_REASON_CHARS].rstrip()
    return PlanRefusal(sentence if sentence.endswith((".", "!", "?")) else f"{sentence}.")
