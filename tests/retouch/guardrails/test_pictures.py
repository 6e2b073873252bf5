import pytest

from retouch.guardrails import Seen, Subject
from retouch.routing.problems import InvalidConfig

TWO = Subject("x", images=(Seen("png", 1000, 1000), Seen("jpeg", 2000, 1000)))


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
def test_images(ask, parameters, passes):
    assert ask("retouch.image", parameters, TWO)["verdict"] is passes


def test_everything_that_is_wrong_is_told_at_once(ask):
    check = ask("retouch.image", {"formats": ["png"], "maxMegapixels": 1, "maxImages": 1}, TWO)
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
def test_masks(ask, parameters, coverage, passes):
    check = ask("retouch.mask", parameters, Subject("x", mask_coverage=coverage))
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
def test_results(ask, parameters, blank, passes):
    subject = Subject("x", outputs=(Seen("png", 1000, 1000, blank),))
    check = ask("retouch.output", parameters, subject, "output_guardrails")
    assert check["verdict"] is passes
    assert check["error"] is None


def test_a_result_nobody_looked_at_is_not_called_fine(ask):
    subject = Subject("x", outputs=(Seen("png", 8, 8, False), Seen("png", 8, 8)))
    check = ask("retouch.output", {"notBlank": True}, subject, "output_guardrails")
    assert check["verdict"] is False
    assert check["error"]["message"] == "Result 2 could not be looked at."


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("retouch.image", {}, "asks for nothing"),
        ("retouch.mask", {"required": False}, "asks for nothing"),
        ("retouch.image", {"formats": ["gif"]}, "formats must be some of png, jpeg, webp"),
        ("retouch.mask", {"minCoverage": 10}, "minCoverage must be from 0 to 1"),
        ("retouch.mask", {"minCoverage": 0.9, "maxCoverage": 0.1}, "must not be above maxCoverage"),
        ("retouch.image", {"minMegapixels": 2, "maxMegapixels": 1}, "must not be above"),
    ],
)
def test_parameters_that_make_no_sense(ask, name, parameters, said):
    with pytest.raises(InvalidConfig) as refused:
        ask(name, parameters)
    assert said in str(refused.value)
