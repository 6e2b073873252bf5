"""Every hostile picture and mask over HTTP: the verdict, and nobody pays for a refusal."""

import pytest
import requests

from tests.cases.images import everything
from tests.support.pictures import photo

CASES = everything()

# A mask of everything is a good mask, but is taken only by whoever says so: nearly always it is an inverted one.
FULL = {"mask_everything.png": {"allow_full_mask": "true"}}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)
def test_verdict(case, gateway, upstream):
    part = (case.file, case.data, "application/octet-stream")
    base = ("a.png", photo(*case.against) if case.against else b"", "image/png")
    files = {"image": base, "mask": part} if case.role == "mask" else {"image": part}
    answer = requests.post(
        f"{gateway.url}/v1/images/edits",
        data={"model": "gpt-image-2", "prompt": "p", **FULL.get(case.file, {})},
        files=files,
        timeout=30,
    )
    if answer.status_code == 200:
        assert case.verdict in ("accept", "either")
        assert len(upstream.calls) == 1
        return
    error = answer.json()["error"]
    assert case.verdict in ("reject", "either"), error
    assert error["code"] in case.codes, error
    assert answer.headers["x-retouch-billed"] == "no"
    assert upstream.calls == []
