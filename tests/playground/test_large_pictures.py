"""Large pictures: they are uploaded first, painted without long pauses, or refused before they are read."""

import random

from PIL import Image
from playwright.sync_api import expect

from tests.playground.conftest import choose_model, open_picture, press_edit
from tests.support.images import encode_image


def noise(width, height):
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


def test_picture_of_30_mb_is_uploaded_and_edited(page, provider):
    data = encode_image(noise(3600, 2800), compress_level=0)
    assert len(data) > 30_000_000
    page.route("**/*", lambda route: route.continue_())
    open_picture(page, data)
    choose_model(page)
    page.click("#more-mask > summary")
    page.click("#box-add")
    press_edit(page)
    assert page.inner_text("#error") == ""
    expect(page.locator("#verdict")).to_have_text("0 pixels changed outside the mask.")
    assert len(provider.calls) == 1


def test_file_of_60_mb_is_refused_before_it_is_read(page, tmp_path):
    file = tmp_path / "huge.png"
    file.write_bytes(bytes(60_000_000))
    page.set_input_files("#file", str(file))
    expect(page.locator("#error")).to_contain_text("huge.png has 60.0 MB. The limit is 50 MB.")
    expect(page.locator("#empty")).to_be_visible()


def test_picture_of_more_than_52_megapixels_is_refused(page):
    data = encode_image(Image.new("L", (8000, 6600)))
    page.set_input_files("#file", {"name": "wide.png", "mimeType": "image/png", "buffer": data})
    expect(page.locator("#error")).to_contain_text("The limit is 52 megapixels.", timeout=30_000)
