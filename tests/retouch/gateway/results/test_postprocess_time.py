"""Tests of post-processing near the deadline and after faults: a paid image is delivered in any case."""

from dataclasses import replace

import pytest
from PIL import Image

from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.errors import UpstreamError
from retouch.gateway.results import postprocess as postprocess_module
from retouch.gateway.results import result_file
from retouch.gateway.results.postprocess import postprocess_all
from retouch.imaging.codec import decode
from retouch.imaging.colour import decode_srgb
from retouch.planning.output_rules import ImageDelivery
from retouch.planning.preserve import OriginalPixels
from tests.support.images import encode_image, photo
from tests.support.services import FakeClock
from tests.support.time_budgets import time_budget
from tests.support.unusual_results import GIF, JPEG_XL, png_with_missing_lines

SIZE = (64, 48)
PRESERVED_PIXELS = 64 * 48 - 16 * 12


def magenta_image(**metadata):
    image = Image.new("RGB", SIZE, (255, 0, 255))
    return GeneratedImage(data=encode_image(image, "JPEG"), metadata=metadata)


def masked_delivery(**fields):
    mask = Image.new("L", SIZE)
    mask.paste(255, (16, 12, 32, 24))
    original = OriginalPixels(EncodedImage(photo(*SIZE), "png", *SIZE), mask)
    return ImageDelivery(original_pixels=original, **fields)


def test_image_without_time_is_the_providers_own_with_a_note():
    image = magenta_image()
    result = postprocess_all(
        [image], masked_delivery(convert_to="png", scale_to=SIZE), time_budget(0)
    )
    assert result.images == (image,)
    assert (result.preserved_pixels, result.is_complete) == (0, False)
    assert result.notes == (
        "result: the image is unchanged from the provider, because no time was left; not done: "
        "restore the pixels outside the mask, scale to 64x48, convert to png",
    )


def test_image_without_changes_needs_no_time():
    image = magenta_image()
    result = postprocess_all([image], ImageDelivery(), time_budget(0))
    assert (result.images, result.notes, result.is_complete) == ((image,), (), True)


def test_result_that_is_no_image_is_not_delivered_without_time():
    with pytest.raises(UpstreamError):
        postprocess_all([GeneratedImage(data=b"<html>")], masked_delivery(), time_budget(0))


@pytest.fixture
def slow_processing(monkeypatch):
    """Let each image take ten seconds of a fake clock. Return that clock."""
    clock = FakeClock()
    process = postprocess_module._process

    def process_slowly(*arguments):
        processed = process(*arguments)
        clock.sleep(10)
        return processed

    monkeypatch.setattr(postprocess_module, "_process", process_slowly)
    return clock


def test_images_finished_in_time_stay_finished(slow_processing):
    time = replace(time_budget(), clock=slow_processing, deadline=slow_processing.now() + 25)
    images = [magenta_image() for _ in range(4)]
    result = postprocess_all(images, masked_delivery(), time)
    assert [one is image for one, image in zip(result.images, images, strict=True)] == [
        False,
        False,
        True,
        True,
    ]
    assert slow_processing.sleeps == [10, 10]  # the third was not started: the others took longer
    assert result.preserved_pixels == 0
    assert result.notes[0].startswith("result: 2 of 4 images are unchanged from the provider")


def test_processing_is_cut_off_at_the_deadline(monkeypatch):
    from threading import Event

    proceed = Event()
    monkeypatch.setattr(result_file, "decode_srgb", lambda _: proceed.wait(60))
    image = magenta_image()
    result = postprocess_all([image], masked_delivery(), time_budget(0.5))
    proceed.set()
    assert (result.images, result.preserved_pixels) == ((image,), 0)
    assert "because no time was left" in result.notes[0]


def test_cut_off_processing_ends_before_its_next_step(monkeypatch):
    clock = FakeClock()
    decoded_images = []

    def decode_slowly(image):
        decoded_images.append(image)
        clock.sleep(60)
        return decode_srgb(image)

    monkeypatch.setattr(result_file, "decode_srgb", decode_slowly)
    time = replace(time_budget(), clock=clock, deadline=clock.now() + 30)
    result = postprocess_all([magenta_image()], masked_delivery(), time)
    assert (result.preserved_pixels, len(decoded_images)) == (0, 1)


def test_fault_of_the_gateway_does_not_lose_the_image(monkeypatch, caplog):
    def fail(*_, **__):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(result_file, "restore_unmarked_pixels", fail)
    image = magenta_image()
    result = postprocess_all([image], masked_delivery(), time_budget())
    assert (result.images, result.preserved_pixels) == ((image,), 0)
    assert "because the gateway failed to process it" in result.notes[0]
    assert "a bug" in caplog.text


def test_result_in_an_input_format_becomes_a_png():
    image = GeneratedImage(data=GIF, metadata={"output_format": "gif"})
    result = postprocess_all([image], ImageDelivery(), time_budget())
    assert result.metadata["output_format"] == "png"
    assert decode(result.images[0].data).size == (1, 1)


def test_result_in_a_format_that_cannot_be_opened_is_delivered_as_it_is():
    image = GeneratedImage(data=JPEG_XL, metadata={"output_format": "png"})
    passed_through = postprocess_all([image], ImageDelivery(), time_budget())
    assert passed_through.images[0].data == JPEG_XL
    assert passed_through.metadata["output_format"] == "jxl"
    assert (
        "output_format: the provider returned a JXL file, which is delivered unchanged"
        in passed_through.notes
    )
    masked = postprocess_all([image], masked_delivery(), time_budget())
    assert (masked.images[0].data, masked.preserved_pixels) == (JPEG_XL, 0)
    assert any("the gateway cannot open it" in note for note in masked.notes)


def test_damaged_image_beside_an_unprocessed_one_is_named():
    result = postprocess_all(
        [GeneratedImage(data=png_with_missing_lines()), magenta_image()],
        masked_delivery(),
        time_budget(),
    )
    assert (len(result.images), result.is_complete) == (1, False)
    assert result.preserved_pixels == PRESERVED_PIXELS
    assert result.notes[0].startswith("n: 1 of 2 images cannot be read")


def test_images_that_hooks_left_out_are_billed():
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    images = [magenta_image(usage=usage), magenta_image(usage=usage)]
    result = postprocess_all(images[:1], ImageDelivery(), time_budget(), billed_images=images)
    assert len(result.images) == 1
    assert result.metadata["usage"]["output_tokens"] == 4
