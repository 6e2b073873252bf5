"""Tests of the peak memory of a worker that edits the largest pictures, with real uploads, links and a provider."""

import pytest
import requests

from bench.memory import CASES, MAX_MB, measure_case, worker_peak_mb
from devserver.server import DevServer
from tests.support.images import b64, box_mask, encode_image, photo
from tests.support.unusual_results import noise_image
from tests.support.upstream import Upstream, json_response

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


def test_eight_images_that_no_bucket_takes_stay_below_600_megabytes():
    side = 2800
    files = {
        "image": encode_image(noise_image(side, side), "JPEG", quality=60),
        "mask": box_mask(side, side, marked_box=(200, 200, 600, 600)),
    }
    answer = json_response({"created": 1, "data": [{"b64_json": b64(photo(1440, 1440))}] * 8})
    with Upstream(answer) as provider, DevServer(env=_env(provider.url), workers=1) as gateway:
        fields = {"prompt": "p", "model": "gpt-image-2", "n": 8}
        url = f"{gateway.url}/v1/images/edits"
        response = requests.post(url, files=files, data=fields, timeout=300)
        peak_mb = worker_peak_mb(gateway.pids)
    assert response.status_code == 200, response.text[:500]
    images = response.json()["data"]
    assert len(images) == 8
    assert all(image["b64_json"] for image in images)
    assert peak_mb < MAX_MB


def _env(provider_url):
    return {
        "OPENAI_API_KEY": "k",
        "OPENAI_BASE_URL": f"{provider_url}/v1",
        "RETOUCH_AUTH_MODE": "open",
    }
