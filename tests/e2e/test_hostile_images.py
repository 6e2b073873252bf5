"""Tests of hostile images and masks over HTTP: each gets its verdict, and a rejected one causes no provider call."""

import pytest
import requests

from tests.cases.images import all_specs
from tests.support.images import photo

CASES = all_specs()

# A mask that selects the whole image needs a parameter that allows it, because it is usually an inverted mask.
EXTRA_FIELDS = {"mask_everything.png": {"allow_full_mask": "true"}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_hostile_image_gets_its_verdict_without_billing_refusals(case, gateway, upstream):
    file_part = (case.file, case.data, "application/octet-stream")
    base = ("a.png", photo(*case.image_size) if case.image_size else b"", "image/png")
    files = {"image": base, "mask": file_part} if case.role == "mask" else {"image": file_part}
    response = requests.post(
        f"{gateway.url}/v1/images/edits",
        data={"model": "gpt-image-2", "prompt": "p", **EXTRA_FIELDS.get(case.file, {})},
        files=files,
        timeout=30,
    )
    if response.status_code == 200:
        assert case.verdict in ("accept", "either")
        assert len(upstream.calls) == 1
        return
    error = response.json()["error"]
    assert case.verdict in ("reject", "either"), error
    assert error["code"] in case.codes, error
    assert response.headers["x-retouch-billed"] == "no"
    assert upstream.calls == []
