"""The mask that is painted in the page: to the pixel, by keyboard, by mouse, by touch, and from files."""

import io
import random

import pytest
from PIL import Image, ImageChops, ImageDraw
from playwright.sync_api import expect

from tests.playground.conftest import (
    choose_model,
    click_edit,
    downloaded_mask,
    open_picture,
    picture,
    received_file,
)

TURNED = Image.Exif()
TURNED[0x0112] = 6
WHITE, BLACK = 255, 0


def rectangle_mask(size, box):
    mask = Image.new("L", size, WHITE)
    mask.paste(BLACK, box)
    return mask


def move_cursor(page, from_point, to_point):
    """Move the keyboard cursor in steps of ten pixels and of one."""
    for axis, (less, more) in enumerate((("ArrowLeft", "ArrowRight"), ("ArrowUp", "ArrowDown"))):
        distance = to_point[axis] - from_point[axis]
        key = more if distance > 0 else less
        for _ in range(abs(distance) // 10):
            page.keyboard.press(f"Shift+{key}")
        for _ in range(abs(distance) % 10):
            page.keyboard.press(key)


def test_rectangle_of_keyboard_on_turned_photo_arrives_at_provider_to_the_pixel(page, provider):
    open_picture(page, picture(1237, 811, "JPEG", exif=TURNED), "photo.jpg")
    choose_model(page)
    page.check("input[value=rectangle]", force=True)
    page.focus("#frame")
    page.keyboard.press("ArrowRight")  # the cursor starts at the centre
    move_cursor(page, (407, 619), (100, 50))
    page.keyboard.press("Enter")
    move_cursor(page, (100, 50), (300, 200))
    page.keyboard.press("Enter")
    assert not ImageChops.difference(
        downloaded_mask(page), rectangle_mask((811, 1237), (100, 50, 300, 200))
    ).getbbox()
    click_edit(page)
    with Image.open(io.BytesIO(received_file(provider, "mask"))) as arrived:
        width, height = arrived.size  # the model takes multiples of 16, so the gateway pads
        left, top = (width - 811) // 2, (height - 1237) // 2
        marked = arrived.getchannel("A").point(lambda alpha: 255 * (alpha == 0))
        assert set(arrived.getchannel("A").tobytes()) == {0, 255}
        assert marked.getbbox() == (left + 100, top + 50, left + 300, top + 200)
        assert marked.histogram()[255] == 200 * 150
    assert page.inner_text("#verdict") == "0 pixels changed outside the mask."


def drag(page, start, end, steps=12):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=steps)
    page.mouse.up()


def screen_point(page, x, y):
    """Return where a pixel of the picture is on the screen."""
    box = page.locator("#content").bounding_box()
    width = page.evaluate("document.getElementById('picture').naturalWidth")
    scale = box["width"] / width
    return box["x"] + x * scale, box["y"] + y * scale


def assert_rectangle(mask, expected, tolerance=1):
    marked = mask.point(lambda alpha: 255 * (alpha == 0)).getbbox()
    assert marked is not None
    assert all(
        abs(one - other) <= tolerance for one, other in zip(marked, expected, strict=True)
    ), marked


def test_rectangle_of_mouse_at_zoom_is_right_within_a_pixel(page):
    open_picture(page, picture(1237, 811))
    page.check("input[value=rectangle]", force=True)
    frame = page.locator("#frame").bounding_box()
    page.mouse.move(frame["x"] + 200, frame["y"] + 120)
    for _ in range(4):
        page.mouse.wheel(0, -300)
    drag(page, screen_point(page, 260, 150), screen_point(page, 300, 190))
    assert_rectangle(downloaded_mask(page), (260, 150, 300, 190))


def test_rectangle_of_touch_at_device_scale_3_is_right_within_a_pixel(open_page):
    page = open_page(viewport={"width": 390, "height": 844}, device_scale_factor=3, has_touch=True)
    open_picture(page, picture(300, 200))
    page.check("input[value=rectangle]", force=True)
    page.locator("#frame").scroll_into_view_if_needed()
    client = page.context.new_cdp_session(page)

    def touch(kind, *points):
        positions = [{"x": x, "y": y} for x, y in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": positions})

    start, end = screen_point(page, 50, 40), screen_point(page, 250, 160)
    touch("touchStart", start)
    for share in (0.3, 0.7, 1):
        touch("touchMove", [a + (b - a) * share for a, b in zip(start, end, strict=True)])
    touch("touchEnd")
    assert_rectangle(downloaded_mask(page), (50, 40, 250, 160))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def paint_strokes(page, seed=4, count=5):
    source = random.Random(seed)
    for number in range(count):
        page.check(f"input[value={'eraser' if number == 2 else 'brush'}]", force=True)
        points = [(source.randrange(40, 600), source.randrange(40, 440)) for _ in range(2)]
        drag(page, *(screen_point(page, *point) for point in points))


def test_undo_and_redo_give_the_mask_of_the_remaining_strokes(page):
    open_picture(page, picture())
    page.check("input[value=brush]", force=True)
    paint_strokes(page, count=3)
    expected = downloaded_mask(page).tobytes()
    paint_strokes(page, seed=9, count=2)
    for _ in range(3):
        page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    assert downloaded_mask(page).tobytes() == expected


def test_a_hundred_undos_and_redos_return_the_same_bytes(page):
    open_picture(page, picture())
    paint_strokes(page)
    expected = downloaded_mask(page).tobytes()
    for _ in range(20):
        for key in ["Control+z"] * 5 + ["Control+Shift+z"] * 5:
            page.keyboard.press(key)
    assert downloaded_mask(page).tobytes() == expected


def test_stroke_that_leaves_the_canvas_has_no_gap_and_does_not_stick(page):
    open_picture(page, picture())
    x, y = screen_point(page, 600, 240)
    frame = page.locator("#frame").bounding_box()
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(frame["x"] + frame["width"] + 80, y, steps=5)
    page.mouse.move(*screen_point(page, 600, 300), steps=5)
    page.mouse.move(frame["x"] + frame["width"] + 80, frame["y"] + frame["height"] + 60, steps=4)
    page.mouse.up()
    mask = downloaded_mask(page)
    assert mask.getpixel((639, 240)) == 0
    page.mouse.move(*screen_point(page, 100, 100), steps=5)
    assert downloaded_mask(page).tobytes() == mask.tobytes()
    assert mask.getpixel((100, 100)) == 255


@pytest.mark.parametrize(
    ("background", "mark", "reading"), [("black", "white", "white"), ("white", "black", "black")]
)
def test_opaque_mask_file_is_inverted_and_shown(page, background, mark, reading):
    open_picture(page, picture())
    image = Image.new("RGB", (640, 480), background)
    ImageDraw.Draw(image).rectangle((100, 100, 199, 149), fill=mark)
    upload_mask(page, image)
    assert page.input_value("#mask-reading") == reading
    expected = rectangle_mask((640, 480), (100, 100, 200, 150))
    assert downloaded_mask(page).tobytes() == expected.tobytes()
    expect(page.locator("#mask-state")).to_contain_text("1.6 %")


def test_mask_file_of_another_size_is_refused_with_both_sizes(page, provider):
    open_picture(page, picture())
    upload_mask(page, Image.new("RGB", (300, 200), "white"))
    message = page.inner_text("#error")
    assert "300 × 200" in message
    assert "640 × 480" in message
    assert provider.calls == []


def upload_mask(page, image):
    file = io.BytesIO()
    image.save(file, "PNG")
    data = {"name": "mask.png", "mimeType": "image/png", "buffer": file.getvalue()}
    page.set_input_files("#mask-upload", data)
    page.wait_for_selector("#error:not([hidden]), #undo:enabled")


def test_other_tools_mark_what_they_say(page):
    open_picture(page, picture(100, 100))
    for button in ("fill", "invert", "invert"):
        page.click(f"#{button}")
    assert set(downloaded_mask(page).tobytes()) == {0}
    page.click("#clear")
    assert set(downloaded_mask(page).tobytes()) == {255}
    for name, value in (("x", 10), ("y", 20), ("width", 30), ("height", 40)):
        page.fill(f"#box-{name}", str(value))
    page.click("#box-add")
    expected = rectangle_mask((100, 100), (10, 20, 40, 60))
    assert downloaded_mask(page).tobytes() == expected.tobytes()
    expect(page.locator("#mask-state")).to_contain_text("rectangle 10,20 to 40,60")
