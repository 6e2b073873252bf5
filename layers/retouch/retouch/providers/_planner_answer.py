"""What a planning model wrote, read with distrust: leniently where the JSON stands, strictly in what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from retouch.operations.steps import Step, read_steps
from retouch.operations.values import PlanError

_LONGEST = 20_000  # characters of an answer, thoughts apart
_LONGEST_REASON = 300
_THOUGHTS_END = re.compile(r"</(?:reasoning|thinking|think)>")
_FORM = '{"steps": [...]} or {"refuse": "..."}'


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model says that its operations cannot do it; one sentence that says why."""

    why: str


def read_answer(text: str, masked: bool) -> tuple[Step, ...] | Refusal:
    """The plan or the refusal. PlanError where it is neither, or breaks a rule."""
    answer = _json(text)
    if not isinstance(answer, dict) or len(answer) != 1:
        raise PlanError(f"The answer must be one JSON object, {_FORM}.")
    if "refuse" in answer:
        return _refusal(answer["refuse"])
    if "steps" not in answer:
        raise PlanError(f"The answer has neither 'steps' nor 'refuse'; it must be {_FORM}.")
    return read_steps(answer["steps"], masked)


def _json(text: str) -> Any:
    """The outermost object in what follows the model's thoughts, whatever fence or politeness is around it."""
    spoken = _THOUGHTS_END.split(text)[-1]
    start, end = spoken.find("{"), spoken.rfind("}")
    if start < 0 or end < start:
        raise PlanError(f"There is no JSON object in the answer; it must be {_FORM}.")
    if end - start > _LONGEST:
        raise PlanError(f"The answer is too long; at most {_LONGEST} characters are read.")
    try:
        return orjson.loads(spoken[start : end + 1])
    except ValueError:
        raise PlanError(f"The answer is not valid JSON; it must be {_FORM}.") from None


def _refusal(why: Any) -> Refusal:
    if not isinstance(why, str) or not why.strip():
        raise PlanError("'refuse' must say why, in one sentence.")
    sentence = " ".join(why.split())[:_LONGEST_REASON].rstrip()
    return Refusal(sentence if sentence.endswith((".", "!", "?")) else f"{sentence}.")
