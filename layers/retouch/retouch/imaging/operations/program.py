"""Read an untrusted list of steps, run it, and describe it in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from retouch.core.errors import InvalidRequest
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import Size
from retouch.core.parameters import quote_value
from retouch.imaging.codec import normalize_mode
from retouch.imaging.operations.registry import MAX_STEPS, OPERATIONS, Operation
from retouch.imaging.operations.values import InvalidSteps, check_image_size
from retouch.imaging.pillow import Image

# Limit for all steps. It allows any one step on the largest image, or a dozen of the fast steps.
MAX_TOTAL_MS = 10_000
# milliseconds that every step takes per million pixels of the whole image
_COPY_MS_PER_MEGAPIXEL = 10
_MARKED_AREA = "the marked area"


@frozen_dataclass
class Step:
    """An operation with canonical values for all of its fields."""

    operation: Operation
    values: Mapping[str, Any]


def available_operations(has_mask: bool) -> tuple[Operation, ...]:
    """Return the operations that may be used. With a mask, only those that a mask can confine."""
    return tuple(o for o in OPERATIONS.values() if not (has_mask and o.changes_geometry))


def read_steps(raw: Any, has_mask: bool) -> tuple[Step, ...]:
    """Return the steps from parsed JSON: a list of objects, each with "op" and the fields of that operation.

    Raises InvalidSteps, which names the first step that breaks a rule, the rule and the remedy. With a mask, regions
    are neither required nor used.
    """
    if not isinstance(raw, list) or not raw:
        raise InvalidSteps("'steps' must be a list with at least one step.")
    if len(raw) > MAX_STEPS:
        raise InvalidSteps(f"There are {len(raw)} steps; at most {MAX_STEPS} are possible.")
    steps = tuple(_read_step(number, value, has_mask) for number, value in enumerate(raw, 1))
    for operation in {step.operation.name: step.operation for step in steps}.values():
        count = sum(step.operation is operation for step in steps)
        if count > operation.max_uses:
            raise InvalidSteps(
                f"There are {count} {operation.name} steps; at most {operation.max_uses} are possible."
            )
    return steps


def run_steps(image: Image.Image, steps: Sequence[Step], mask: Image.Image | None) -> Image.Image:
    """Return the image after all steps, "RGB" or "RGBA". An RGB colour profile in `info` stays.

    `mask` is "L" and as large as the image: 255 changes, 0 stays, and values between are blended. Raises InvalidSteps,
    which names the step that cannot be done or that exceeds the total cost. Raises InvalidRequest (mask_full) when the
    mask leaves nothing to fill an erased area from.
    """
    normalized = normalize_mode(image)
    result = normalized if normalized.mode == "RGBA" else normalized.convert("RGB")
    _check_total_cost(steps, result.size, mask)
    total_ms = 0.0
    for number, step in enumerate(steps, 1):
        with _name_step_in_error(number, step):
            total_ms = _add_step_cost(total_ms, step, result.size, mask)
            result = step.operation.run(result, step.values, mask)
    result.info = dict(normalized.info)
    return result


def estimate_ms(step: Step, size: Size, mask: Image.Image | None) -> float:
    """Return the approximate milliseconds of one core that a step takes.

    The value depends on the operation and on the size of the part of the image it works on.
    """
    region = step.values.get("region")
    box = mask.getbbox() if mask else region and region.box(size)
    pixels = size[0] * size[1]
    part = (box[2] - box[0]) * (box[3] - box[1]) if box else pixels
    return (_COPY_MS_PER_MEGAPIXEL * pixels + step.operation.ms_per_megapixel * part) / 1_000_000


def _add_step_cost(total_ms: float, step: Step, size: Size, mask: Image.Image | None) -> float:
    """Return the total cost including this step. Raises InvalidSteps when it exceeds MAX_TOTAL_MS."""
    total_ms += estimate_ms(step, size, mask)
    if total_ms > MAX_TOTAL_MS:
        raise InvalidSteps(
            f"with it the plan is too much work for a picture of {size[0]}x{size[1]} pixels. Use fewer steps, "
            "smaller regions, or make the picture smaller first."
        )
    return total_ms


def _check_total_cost(steps: Sequence[Step], size: Size, mask: Image.Image | None) -> None:
    """Check the total cost before any step runs. Raises InvalidSteps when it is too high.

    The sizes after "resize" and "crop" steps are computed. Other size changes are not known yet, and `run_steps` checks
    them.
    """
    total_ms = 0.0
    for number, step in enumerate(steps, 1):
        with _name_step_in_error(number, step):
            total_ms = _add_step_cost(total_ms, step, size, mask)
            if "to" in step.values:
                size = step.values["to"].scaled_size(size)
                check_image_size(size)
            elif step.operation.name == "crop":
                left, top, right, bottom = step.values["region"].box(size)
                size = right - left, bottom - top


@contextmanager
def _name_step_in_error(number: int, step: Step) -> Iterator[None]:
    """Add the number and the name of the step to an InvalidSteps error."""
    try:
        yield
    except InvalidSteps as error:
        raise InvalidSteps(f"Step {number} ({step.operation.name}): {error}") from None


def describe_steps(steps: Sequence[Step], has_mask: bool) -> str:
    """Return the steps as one phrase, e.g. "crop to the left half, then make the whole picture greyscale"."""
    return ", then ".join(_describe_step(step, has_mask) for step in steps)


def _describe_step(step: Step, has_mask: bool) -> str:
    values = {**step.values, "region": _MARKED_AREA} if has_mask else step.values
    return step.operation.phrase_template.format(**values)


def _read_step(number: int, raw: Any, has_mask: bool) -> Step:
    if not isinstance(raw, dict) or not isinstance(raw.get("op"), str):
        raise InvalidSteps(f"Step {number} must be an object with 'op', the name of an operation.")
    names = [operation.name for operation in available_operations(has_mask)]
    if raw["op"] not in names:
        reason = "cannot be confined to a mask" if raw["op"] in OPERATIONS else "is no operation"
        raise InvalidSteps(
            f"Step {number}: {quote_value(raw['op'])} {reason}; there are {', '.join(names)}."
        )
    operation = OPERATIONS[raw["op"]]
    given = {name: value for name, value in raw.items() if name != "op"}
    try:
        return Step(operation, _read_values(operation, given, has_mask))
    except (InvalidRequest, InvalidSteps) as error:
        raise InvalidSteps(f"Step {number} ({operation.name}): {error}") from None


def _read_values(operation: Operation, given: Mapping[str, Any], has_mask: bool) -> dict[str, Any]:
    unknown_name = next((name for name in given if name not in operation.fields), None)
    if unknown_name is not None:
        fields = ", ".join(operation.fields) or "no fields"
        raise InvalidSteps(f"{quote_value(unknown_name)} is not a field of it; it has {fields}.")
    nested_name = next((name for name, value in given.items() if _is_nested(value)), None)
    if nested_name is not None:
        raise InvalidSteps(
            f"'{nested_name}' holds lists or objects within an object, which no field does."
        )
    implied: dict[str, Any] = {"region": {}} if has_mask and "region" in operation.fields else {}
    values = {}
    for name, field in operation.fields.items():
        value = given.get(name, implied.get(name, field.default))
        if value is None:
            raise InvalidSteps(f"it needs '{name}': {field.spec.rule()}.")
        values[name] = field.spec.read(name, value)
    return values


def _is_nested(value: Any) -> bool:
    """Return whether the value holds more than a plain value or an object of plain values.

    It does not look any deeper.
    """
    if isinstance(value, list):
        return True
    return isinstance(value, dict) and any(isinstance(v, dict | list) for v in value.values())
