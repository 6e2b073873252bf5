"""What a newcomer does: open the page, take the sample, press Edit."""


def test_sample_is_edited_and_no_pixel_outside_the_mask_changes(page):
    page.click("#sample")
    page.wait_for_selector("#edit:enabled")
    page.click("#edit")
    page.wait_for_selector("#verdict.good", timeout=30_000)
    assert page.inner_text("#verdict") == "0 pixels changed outside the mask."
    assert "local/erase" in page.inner_text("#facts")
