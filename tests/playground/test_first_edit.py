"""What a newcomer does: open the page, take the sample, press Edit, and look at what changed."""

from playwright.sync_api import expect

from tests.playground.conftest import click_edit, picture


def test_sample_is_edited_and_no_pixel_outside_the_mask_changes(page, server):
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    files = [url for url in loaded if "/v1/" not in url]
    assert sorted(files) == [f"{server.url}/playground/page.{kind}" for kind in ("css", "js")]
    for button in ("undo", "redo", "invert", "fill", "clear", "edit"):
        expect(page.locator(f"#{button}")).to_be_disabled()
    page.click("#sample")
    page.wait_for_selector("#edit:enabled")
    page.click("#edit")
    page.wait_for_selector("#verdict.good", timeout=30_000)
    assert page.inner_text("#verdict") == "0 pixels changed outside the mask."
    assert "local/erase" in page.inner_text("#facts")
    box = page.locator("#after").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    assert page.input_value("#slider") == "25"
    assert (
        page.locator("#after").evaluate("image => image.style.clipPath") == "inset(0px 0px 0px 25%)"
    )
    page.check("input[value=result]", force=True)
    expect(page.locator("#before")).to_be_hidden()
    page.keyboard.down("x")
    expect(page.locator("#before")).to_be_visible()
    page.keyboard.up("x")
    expect(page.locator("#before")).to_be_hidden()


def test_models_without_a_key_are_marked_and_come_last(page):
    labels = page.locator("#model optgroup").evaluate_all("all => all.map((one) => one.label)")
    ready = [label for label in labels if not label.endswith("(needs a key)")]
    assert ready == labels[: len(ready)]
    assert {"local", "openai"} <= set(ready)
    assert "google (needs a key)" in labels
    expect(page.locator("#model-facts")).to_contain_text("does not read the text below")
    page.select_option("#model", "google/gemini-nano-banana-2.1")
    expect(page.locator("#model-facts")).not_to_contain_text("does not read")
    expect(page.locator("#model-facts")).to_contain_text("The gateway has no key of google.")


def test_pictures_are_ordered_by_dragging_and_by_buttons_and_arrive_in_this_order(page, provider):
    colours = ("red", "green", "blue")
    files = [
        {"name": f"{colour}.png", "mimeType": "image/png", "buffer": picture(64 + at, 64)}
        for at, colour in enumerate(colours)
    ]
    page.set_input_files("#file", files)
    figures = page.locator("#pictures figure")
    expect(figures).to_have_count(3)
    figures.nth(2).drag_to(figures.nth(1))
    names = page.locator("#pictures img")
    assert names.evaluate_all("all => all.map((one) => one.alt)") == [
        "red.png",
        "blue.png",
        "green.png",
    ]
    page.click("text=First >> nth=1")
    expect(names.first).to_have_attribute("alt", "green.png")
    page.select_option("#model", "openai/gpt-image-2")
    page.fill("#prompt", "join them")
    click_edit(page)
    sent = [data for part, _, _, data in provider.calls[-1].files if part.startswith("image")]
    assert sent[0] == files[1]["buffer"]
    assert len(sent) == 3
