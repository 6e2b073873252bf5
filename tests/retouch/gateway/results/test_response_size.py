"""Tests of images that must fit a response of limited size."""

import pytest
from PIL import Image

from retouch.core.edit_types import GeneratedImage
from retouch.gateway.results.response_size import base64_size, reduce_images
from retouch.imaging.limits import DEFAULT_LIMITS
from tests.support.images import b64, decode_image, encode_image, format_name, photo, scene
from tests.support.time_budgets import time_budget
from tests.support.unusual_results import noise_image, png_with_missing_lines

SMALL = GeneratedImage(data=photo())
NOISE = GeneratedImage(b64=b64(encode_image(noise_image(200, 200))))
LARGE_SCENE = GeneratedImage(data=encode_image(scene(200, 200), compress_level=0))


def total_size(reduced):
    return sum(base64_size(one.image) for one in reduced.images)


@pytest.mark.parametrize("length", range(7))
def test_base64_size_is_the_length_of_the_text(length):
    data = bytes(length)
    assert base64_size(GeneratedImage(data=data)) == len(b64(data))


def test_images_that_fit_stay_as_they_are():
    reduced = reduce_images([SMALL, NOISE], 10**6, time_budget())
    assert [one.image for one in reduced.images] == [SMALL, NOISE]
    assert (reduced.notes, reduced.is_lossless) == ((), True)


def test_image_is_encoded_without_loss_when_that_suffices():
    reduced = reduce_images([LARGE_SCENE], 20_000, time_budget())
    assert decode_image(reduced.images[0].image.data).tobytes() == scene(200, 200).tobytes()
    assert reduced.images[0].image.metadata == {"size": "200x200", "output_format": "webp"}
    assert reduced.is_lossless
    assert reduced.notes == ("output_format: too large for this response, so lossless WebP",)


def test_image_is_encoded_with_loss_when_lossless_does_not_suffice():
    reduced = reduce_images([NOISE], 60_000, time_budget())
    assert format_name(decode_image(reduced.images[0].image.data)) == "jpeg"
    assert total_size(reduced) <= 60_000
    assert not reduced.is_lossless
    assert reduced.notes == (
        "output_format: too large for this response, so JPEG with loss, 200x200",
    )


def test_small_image_leaves_its_share_to_the_others():
    reduced = reduce_images([NOISE, SMALL], 60_000, time_budget())
    assert reduced.images[1].image is SMALL
    assert 30_000 < base64_size(reduced.images[0].image) <= 60_000


def test_finished_image_above_the_limit_for_files_is_encoded_again():
    side = 4100
    data = encode_image(Image.new("RGB", (side, side), "teal"), compress_level=0)
    assert len(data) > DEFAULT_LIMITS.image_bytes
    (one,) = reduce_images([GeneratedImage(data=data)], 1_000_000, time_budget()).images
    assert decode_image(one.image.data).size == (side, side)


@pytest.mark.parametrize("count", [2, 10])
def test_images_together_have_at_most_the_given_bytes(count):
    reduced = reduce_images([NOISE] * count, 100_000, time_budget())
    assert len(reduced.images) == count
    assert 50_000 < total_size(reduced) <= 100_000


def test_image_that_cannot_be_encoded_again_is_left_out_and_named():
    damaged = GeneratedImage(data=png_with_missing_lines())
    reduced = reduce_images([damaged, SMALL], 5_000, time_budget())
    assert [one.image for one in reduced.images] == [SMALL]
    assert reduced.notes == ("n: 1 of 2 images are too large for this response",)


def test_lossless_encoding_is_skipped_when_time_is_short():
    large = GeneratedImage(data=encode_image(scene(4000, 2000), compress_level=0))
    reduced = reduce_images([large], 2_000_000, time_budget(2.3))
    assert not reduced.images or not reduced.is_lossless


def test_provider_image_takes_the_place_of_one_that_no_time_is_left_for():
    finished, source = [NOISE] * 3, [SMALL, NOISE, SMALL]
    reduced = reduce_images(finished, 60_000, time_budget(0), source)
    assert [one.image for one in reduced.images] == [SMALL, SMALL]
    assert not reduced.is_lossless
    assert reduced.notes == (
        "result: 2 of 3 images are unchanged from the provider, because no time was left to encode the finished ones "
        "again",
        "n: 1 of 3 images are too large for this response",
    )


def test_lossless_encoding_is_skipped_when_it_would_take_the_time_of_the_other_images():
    large = GeneratedImage(data=encode_image(scene(2000, 1000), compress_level=0))
    alone = reduce_images([large], 2_000_000, time_budget(3))
    assert alone.is_lossless
    together = reduce_images([large] * 6, 6 * 2_000_000, time_budget(3))
    assert len(together.images) == 6
    assert not together.images[0].is_lossless
