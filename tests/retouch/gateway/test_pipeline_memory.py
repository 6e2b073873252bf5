"""Tests of the peak memory of a worker that edits the largest pictures, with real uploads, links and a provider."""

import pytest

from bench.memory import CASES, MAX_MB, measure_case

WORST = (
    "progressive JPEG turned by EXIF, mask, link",
    "HEIC, mask, base64",
    "progressive JPEG, mask, `local/erase`",
)


def measure(label):
    (case,) = (case for case in CASES if case.label == label)
    return measure_case(case)


@pytest.mark.parametrize("label", WORST)
def test_edit_of_50_megapixels_stays_below_600_megabytes(label):
    measurement = measure(label)
    assert measurement.status == 200, measurement
    assert measurement.peak_mb < MAX_MB
