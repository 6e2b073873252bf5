"""Checks of images and masks. Portkey's own guardrails read only text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.image_formats import INPUT_FORMATS
from retouch.gateway.config_reader import ConfigReader, InvalidConfig
from retouch.gateway.guardrails.config import NumberRange, read_range
from retouch.gateway.guardrails.types import (
    CheckError,
    CheckFunction,
    CheckResult,
    GuardrailClients,
    GuardrailInput,
    ImageMetadata,
)

if TYPE_CHECKING:
    from PIL.Image import Image as Pixels


_MAX_MEGAPIXELS = 1_000.0
_MAX_IMAGES = 1_000.0
_FORMAT_ALIASES = {"jpg": "jpeg", "heif": "heic", "tif": "tiff"}


@frozen_dataclass
class _ImageRule:
    """The requirements for each image. A megapixel is a million pixels."""

    formats: Sequence[str]
    megapixel_range: NumberRange

    def violations(self, label: str, images: Sequence[ImageMetadata]) -> Iterator[str]:
        """Yield one sentence for each violation. The sentences number the images from 1."""
        for number, image in enumerate(images, 1):
            megapixels = image.width * image.height / 1e6
            if self.formats and image.format not in self.formats:
                yield (
                    f"{label} {number} is {image.format.upper()}; allowed are {_join_names(self.formats)}."
                )
            if megapixels not in self.megapixel_range:
                yield f"{label} {number} has {megapixels:.3g} megapixels; it must have {self.megapixel_range}."


def image_check(reader: ConfigReader) -> CheckFunction:
    """Build the check of the input images.

    Parameters: formats, minMegapixels and maxMegapixels of each image; minImages and maxImages.
    """
    rule = _read_image_rule(reader)
    allowed_count = read_range(reader, "minImages", "maxImages", _MAX_IMAGES)
    _require_parameters(reader, rule.formats or rule.megapixel_range or allowed_count)

    def check(guardrail_input: GuardrailInput, _clients: GuardrailClients) -> CheckResult:
        violations = list(rule.violations("Image", guardrail_input.images))
        image_count = len(guardrail_input.images)
        if image_count not in allowed_count:
            violations.append(
                f"The request has {image_count} images; it must have {allowed_count}."
            )
        return _check_result(
            violations, "All images meet the requirements.", {"imageCount": image_count}
        )

    return check


def mask_check(reader: ConfigReader) -> CheckFunction:
    """Build the check of the mask.

    Parameters: required; minCoverage and maxCoverage, shares of the image from 0 to 1. The coverage is checked only
    when there is a mask.
    """
    required = reader.flag("required")
    allowed_coverage = read_range(reader, "minCoverage", "maxCoverage", 1)
    _require_parameters(reader, required or allowed_coverage)

    def check(guardrail_input: GuardrailInput, _clients: GuardrailClients) -> CheckResult:
        mask_coverage, violations = guardrail_input.mask_coverage, []
        if mask_coverage is None and required:
            violations.append("The request has no mask; send one.")
        if mask_coverage is not None and mask_coverage not in allowed_coverage:
            violations.append(
                f"The mask marks {mask_coverage:.3g} of the image for editing; it must mark {allowed_coverage}."
            )
        return _check_result(
            violations, "The mask meets the requirements.", {"coverage": mask_coverage}
        )

    return check


def output_check(reader: ConfigReader) -> CheckFunction:
    """Build the check of the results.

    Parameters: formats, minMegapixels and maxMegapixels of each result; notBlank. With notBlank, a result that has
    only one colour or is fully transparent fails.
    """
    rule, not_blank = _read_image_rule(reader), reader.flag("notBlank")
    _require_parameters(reader, rule.formats or rule.megapixel_range or not_blank)

    def check(guardrail_input: GuardrailInput, _clients: GuardrailClients) -> CheckResult:
        violations = list(rule.violations("Result", guardrail_input.outputs))
        if not_blank:
            violations.extend(_blank_violations(guardrail_input.outputs))
        return _check_result(
            violations,
            "All results meet the requirements.",
            {"count": len(guardrail_input.outputs)},
        )

    return check


def _blank_violations(outputs: Sequence[ImageMetadata]) -> Iterator[str]:
    for number, image in enumerate(outputs, 1):
        if image.blank is None:
            raise CheckError(f"Result {number} could not be inspected.")
        if image.blank:
            yield f"Result {number} is blank."


def _read_image_rule(reader: ConfigReader) -> _ImageRule:
    names = [name.lower() for name in reader.text_list("formats")]
    formats = [_FORMAT_ALIASES.get(name, name) for name in names]
    if not set(formats) <= set(INPUT_FORMATS):
        raise InvalidConfig(
            f"{reader.path}.formats", f"must be some of {_join_names(INPUT_FORMATS)}"
        )
    return _ImageRule(
        formats, read_range(reader, "minMegapixels", "maxMegapixels", _MAX_MEGAPIXELS)
    )


def _require_parameters(reader: ConfigReader, given: object) -> None:
    """Raise InvalidConfig for a check without parameters. It would always pass, and the operator could rely on it."""
    if not given:
        raise InvalidConfig(reader.path, "has no parameters; give it at least one")


def _check_result(
    violations: Sequence[str], success_message: str, data: dict[str, Any]
) -> CheckResult:
    return CheckResult(not violations, " ".join(violations) or success_message, data)


def _join_names(formats: Sequence[str]) -> str:
    return ", ".join(formats)


# of 255 levels; one colour spreads over up to 6 in WebP from quality 80, over 0 in JPEG (measured)
_MAX_CHANNEL_SPREAD = 8


def is_blank(image: Pixels) -> bool:
    """Return whether the image has one colour everywhere, or is fully transparent.

    `image` is a decoded Pillow image.
    """
    extrema = image.convert("RGBA").getextrema()
    *colours, alpha = [(int(low), int(high)) for low, high in extrema]  # type: ignore[misc]
    if alpha[1] == 0:
        return True
    return all(high - low <= _MAX_CHANNEL_SPREAD for low, high in (*colours, alpha))
