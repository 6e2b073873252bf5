"""What a newcomer does: open the page, take the sample, press Edit."""

import pytest

from devserver.server import DevServer


@pytest.fixture(scope="module")
def server():
    with DevServer(env={"RETOUCH_AUTH_MODE": "open"}) as server:
        yield server


def test_sample_is_edited_and_no_pixel_outside_the_mask_changes(server, page):
    page.goto(f"{server.url}/playground")
    page.click("#sample")
    page.wait_for_selector("#edit:enabled")
    page.click("#edit")
    page.wait_for_selector("#verdict.good", timeout=30_000)
    assert page.inner_text("#verdict") == "0 pixels changed outside the mask."
    assert "local/erase" in page.inner_text("#facts")
