import pytest

from retouch.gateway.config_reader import InvalidConfig
from retouch.gateway.guardrails.types import GuardrailInput, ImageMetadata

TWO_IMAGES = GuardrailInput(
    "x", images=(ImageMetadata("png", 1000, 1000), ImageMetadata("jpeg", 2000, 1000))
)


@pytest.mark.parametrize(
    ("parameters", "passes"),
    [
        ({"maxMegapixels": 2}, True),
        ({"maxMegapixels": 1.999}, False),
        ({"minMegapixels": 1}, True),
        ({"minMegapixels": 1.001}, False),
        ({"formats": ["png", "jpg"]}, True),
        ({"formats": ["PNG"]}, False),
        ({"minImages": 2, "maxImages": 2}, True),
        ({"maxImages": 1}, False),
        ({"minImages": 3}, False),
    ],
)
def test_image_check_applies_size_format_and_count_limits(run_check, parameters, passes):
    assert run_check("retouch.image", parameters, TWO_IMAGES)["verdict"] is passes


def test_image_check_explains_all_violations(run_check):
    check = run_check(
        "retouch.image", {"formats": ["png"], "maxMegapixels": 1, "maxImages": 1}, TWO_IMAGES
    )
    assert check["data"]["explanation"] == (
        "Image 2 is JPEG; allowed are png. Image 2 has 2 megapixels; it must have at most 1. "
        "The request has 2 images; it must have at most 1."
    )


@pytest.mark.parametrize(
    ("parameters", "coverage", "passes"),
    [
        ({"required": True}, None, False),
        ({"required": True}, 0.5, True),
        ({"minCoverage": 0.1, "maxCoverage": 0.5}, 0.5, True),
        ({"minCoverage": 0.1, "maxCoverage": 0.5}, 0.51, False),
        ({"minCoverage": 0.1, "maxCoverage": 0.5}, 0.1, True),
        ({"minCoverage": 0.1}, 0.09, False),
        ({"minCoverage": 0.1}, None, True),
        ({"maxCoverage": 0}, 0.001, False),
    ],
)
def test_mask_check_applies_coverage_limits(run_check, parameters, coverage, passes):
    check = run_check("retouch.mask", parameters, GuardrailInput("x", mask_coverage=coverage))
    assert check["verdict"] is passes
    assert check["data"]["coverage"] == coverage


@pytest.mark.parametrize(
    ("parameters", "blank", "passes"),
    [
        ({"formats": ["png"]}, None, True),
        ({"formats": ["webp"]}, None, False),
        ({"minMegapixels": 1}, None, True),
        ({"maxMegapixels": 0.5}, None, False),
        ({"notBlank": True}, False, True),
        ({"notBlank": True}, True, False),
    ],
)
def test_output_check_applies_format_size_and_blank_limits(run_check, parameters, blank, passes):
    subject = GuardrailInput("x", outputs=(ImageMetadata("png", 1000, 1000, blank),))
    check = run_check("retouch.output", parameters, subject, "output_guardrails")
    assert check["verdict"] is passes
    assert check["error"] is None


def test_undecoded_result_fails_not_blank_check(run_check):
    subject = GuardrailInput(
        "x", outputs=(ImageMetadata("png", 8, 8, False), ImageMetadata("png", 8, 8))
    )
    check = run_check("retouch.output", {"notBlank": True}, subject, "output_guardrails")
    assert check["verdict"] is False
    assert check["error"]["message"] == "Result 2 could not be inspected."


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("retouch.image", {}, "has no parameters"),
        ("retouch.mask", {"required": False}, "has no parameters"),
        (
            "retouch.image",
            {"formats": ["psd"]},
            "formats must be some of png, jpeg, webp, heic, avif, gif, tiff, bmp",
        ),
        ("retouch.mask", {"minCoverage": 10}, "minCoverage must be from 0 to 1"),
        ("retouch.mask", {"minCoverage": 0.9, "maxCoverage": 0.1}, "must not be above maxCoverage"),
        ("retouch.image", {"minMegapixels": 2, "maxMegapixels": 1}, "must not be above"),
    ],
)
def test_contradictory_or_empty_image_parameters_raise_invalid_config(
    run_check, name, parameters, message
):
    with pytest.raises(InvalidConfig) as exc_info:
        run_check(name, parameters)
    assert message in str(exc_info.value)
