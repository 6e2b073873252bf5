"""A plan: read with distrust, carried out, said in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image

from retouch.errors import InvalidRequest
from retouch.messages import Size
from retouch.operations.registry import MOST_STEPS, OPERATIONS, Operation
from retouch.operations.values import PlanError, check_room
from retouch.pixels.convert import plain
from retouch.specs import shown

MOST_EFFORT = 10_000  # of a plan: any one step of the largest picture, or a dozen of the quick ones
_COPYING = 10  # what every step takes for a million pixels of the picture, wherever it works
_MARKED = "the marked area"


@dataclass(frozen=True, slots=True)
class Step:
    """An operation with canonical values for all of its fields."""

    operation: Operation
    values: Mapping[str, Any]


def offered(masked: bool) -> tuple[Operation, ...]:
    """The operations that may be used; with a mask only those that it can confine."""
    return tuple(o for o in OPERATIONS.values() if not (masked and o.moves))


def read_steps(raw: Any, masked: bool) -> tuple[Step, ...]:
    """A plan from parsed JSON: a list of objects, each with "op" and that operation's fields.

    PlanError names the first step that breaks a rule, the rule and the remedy. With a mask, regions are
    neither needed nor used.
    """
    if not isinstance(raw, list) or not raw:
        raise PlanError("'steps' must be a list with at least one step.")
    if len(raw) > MOST_STEPS:
        raise PlanError(f"There are {len(raw)} steps; at most {MOST_STEPS} are possible.")
    steps = tuple(_step(number, value, masked) for number, value in enumerate(raw, 1))
    for operation in {step.operation.name: step.operation for step in steps}.values():
        count = sum(step.operation is operation for step in steps)
        if count > operation.most:
            raise PlanError(
                f"There are {count} {operation.name} steps; at most {operation.most} are possible."
            )
    return steps


def run(image: Image.Image, steps: Sequence[Step], mask: Image.Image | None) -> Image.Image:
    """The picture after all steps, "RGB" or "RGBA"; an RGB colour profile in `info` is kept.

    `mask` is "L", as large as the picture: 255 changes, 0 stays, anything between is blended. PlanError names
    the step that cannot be done, or with which the plan becomes too much work; InvalidRequest (mask_full) where
    the mask leaves nothing to erase from.
    """
    ready = plain(image)
    done = ready if ready.mode == "RGBA" else ready.convert("RGB")
    _foresee(steps, done.size, mask)
    work = 0.0
    for number, step in enumerate(steps, 1):
        with _numbered(number, step):
            work = _worked(work, step, done.size, mask)
            done = step.operation.run(done, step.values, mask)
    done.info = dict(ready.info)
    return done


def effort(step: Step, size: Size, mask: Image.Image | None) -> float:
    """Milliseconds of one core that a step takes, roughly: by kind, and by the part of the picture it works on."""
    region = step.values.get("region")
    box = mask.getbbox() if mask else region and region.box(size)
    pixels = size[0] * size[1]
    part = (box[2] - box[0]) * (box[3] - box[1]) if box else pixels
    return (_COPYING * pixels + step.operation.effort * part) / 1_000_000


def _worked(work: float, step: Step, size: Size, mask: Image.Image | None) -> float:
    """The work so far and this step's. PlanError where that is too much."""
    work += effort(step, size, mask)
    if work > MOST_EFFORT:
        raise PlanError(
            f"with it the plan is too much work for a picture of {size[0]}x{size[1]} pixels. Use fewer steps, "
            "smaller regions, or make the picture smaller first."
        )
    return work


def _foresee(steps: Sequence[Step], size: Size, mask: Image.Image | None) -> None:
    """The same before any work is done, as far as sizes are known by then: scaling and cropping say theirs."""
    work = 0.0
    for number, step in enumerate(steps, 1):
        with _numbered(number, step):
            work = _worked(work, step, size, mask)
            if "to" in step.values:
                size = step.values["to"].size(size)
                check_room(size)
            elif step.operation.name == "crop":
                left, top, right, bottom = step.values["region"].box(size)
                size = right - left, bottom - top


@contextmanager
def _numbered(number: int, step: Step) -> Iterator[None]:
    """PlanError says in which step."""
    try:
        yield
    except PlanError as wrong:
        raise PlanError(f"Step {number} ({step.operation.name}): {wrong}") from None


def in_words(steps: Sequence[Step], masked: bool) -> str:
    """The plan as one phrase, e.g. "crop to the left half, then make the whole picture greyscale"."""
    return ", then ".join(_said(step, masked) for step in steps)


def _said(step: Step, masked: bool) -> str:
    values = {**step.values, "region": _MARKED} if masked else step.values
    return step.operation.says.format(**values)


def _step(number: int, raw: Any, masked: bool) -> Step:
    if not isinstance(raw, dict) or not isinstance(raw.get("op"), str):
        raise PlanError(f"Step {number} must be an object with 'op', the name of an operation.")
    names = [operation.name for operation in offered(masked)]
    if raw["op"] not in names:
        why = "cannot be confined to a mask" if raw["op"] in OPERATIONS else "is no operation"
        raise PlanError(f"Step {number}: {shown(raw['op'])} {why}; there are {', '.join(names)}.")
    operation = OPERATIONS[raw["op"]]
    given = {name: value for name, value in raw.items() if name != "op"}
    try:
        return Step(operation, _values(operation, given, masked))
    except (InvalidRequest, PlanError) as wrong:
        raise PlanError(f"Step {number} ({operation.name}): {wrong}") from None


def _values(operation: Operation, given: Mapping[str, Any], masked: bool) -> dict[str, Any]:
    unknown = next((name for name in given if name not in operation.fields), None)
    if unknown is not None:
        fields = ", ".join(operation.fields) or "no fields"
        raise PlanError(f"{shown(unknown)} is no field of it; it has {fields}.")
    deep = next((name for name, value in given.items() if _deep(value)), None)
    if deep is not None:
        raise PlanError(f"'{deep}' holds lists or objects within an object, which no field does.")
    assumed: dict[str, Any] = {"region": {}} if masked and "region" in operation.fields else {}
    values = {}
    for name, each in operation.fields.items():
        value = given.get(name, assumed.get(name, each.default))
        if value is None:
            raise PlanError(f"it needs '{name}': {each.spec.rule()}.")
        values[name] = each.spec.read(name, value)
    return values


def _deep(value: Any) -> bool:
    """Whether there is more in it than a plain value or an object of plain values. Looks no deeper than that."""
    if isinstance(value, list):
        return True
    return isinstance(value, dict) and any(isinstance(v, dict | list) for v in value.values())
