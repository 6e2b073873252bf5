"""Tests of delivery when the bucket fails or hangs, or when a result is damaged, animated or too large."""

import threading
from itertools import repeat

import pytest

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import NotStored
from retouch.gateway.results import delivery as delivery_module
from retouch.gateway.results.delivery import deliver
from retouch.gateway.results.postprocess import ProcessedEdit, postprocess_all
from retouch.gateway.results.result_links import ResultLinks
from retouch.planning.output_rules import ImageDelivery
from tests.support.images import b64, decode_image, encode_image, photo, scene
from tests.support.time_budgets import time_budget
from tests.support.unusual_results import JPEG_XL, animation, noise_image, png_with_wrong_checksum

GOOD, BAD = GeneratedImage(data=photo()), GeneratedImage(data=png_with_wrong_checksum())


class FakeStore(dict[str, bytes]):
    """A result store in memory. Before each put it runs the next of the given functions."""

    def __init__(self, *before_put):
        super().__init__()
        self.before_put = iter(before_put)

    def put(self, data, format, folder="results"):
        next(self.before_put, lambda: None)()
        key = f"results/{len(self)}.{format}"
        self[key] = data
        return key

    def sign(self, key, seconds):
        return key


def reject():
    raise NotStored("The bucket did not take the result.")


def deliver_as(response_format, images, store, max_bytes=None, time=None):
    time = time or time_budget()
    result = postprocess_all(images, ImageDelivery(), time)
    delivery = ImageDelivery(response_format)
    return deliver(result, delivery, ResultLinks(store, "https://g/{}".format, 0), max_bytes, time)


@pytest.fixture
def hang():
    """Return a function that hangs until the test ends."""
    proceed = threading.Event()
    yield lambda: proceed.wait(60)
    proceed.set()


def test_damaged_image_does_not_lose_the_link_of_the_other():
    store = FakeStore()
    delivered = deliver_as("url", [BAD, GOOD], store)
    assert [image.url for image in delivered.images] == ["https://g/results/0.png"]
    assert store == {"results/0.png": GOOD.data}
    assert delivered.notes[0].startswith("n: 1 of 2 images cannot be read")


def test_damaged_images_are_stored_with_a_note_when_no_other_is_readable():
    store = FakeStore()
    delivered = deliver_as("url", [BAD, BAD], store)
    assert [image.url for image in delivered.images] == [
        "https://g/results/0.png",
        "https://g/results/1.png",
    ]
    assert set(store.values()) == {BAD.to_bytes()}
    assert delivered.notes == (
        "image_damaged: the provider returned a damaged PNG file, which is delivered unchanged",
    )


def test_image_with_damaged_base64_is_stored_without_the_damaged_characters():
    store = FakeStore()
    damaged = GeneratedImage(b64=GOOD.to_base64()[:-41] + "\0~")
    delivered = deliver_as("url", [damaged], store)
    assert GOOD.to_bytes().startswith(store["results/0.png"])
    assert delivered.notes[0].startswith("image_damaged")


def test_animation_is_stored_as_its_first_frame():
    store = FakeStore()
    delivered = deliver_as("url", [GeneratedImage(data=animation("WEBP"))], store)
    assert not decode_image(store["results/0.webp"]).is_animated  # type: ignore[attr-defined]
    assert "first frame" in delivered.notes[0]


def test_image_of_another_format_is_stored_as_it_is():
    store = FakeStore()
    deliver_as("url", [GeneratedImage(data=JPEG_XL)], store)
    assert store == {"results/0.jxl": JPEG_XL}


def test_hanging_bucket_is_given_up_and_base64_returned(hang):
    delivered = deliver_as("url", [GOOD], FakeStore(hang), time=time_budget(0.3))
    assert delivered.images[0].b64_json == b64(GOOD.data)
    assert not delivered.is_linked
    assert "the bucket did not take the result, so base64" in delivered.notes[0]


def test_bucket_that_hangs_with_much_time_left_is_given_up_within_seconds(hang, monkeypatch):
    monkeypatch.setattr("retouch.gateway.results.result_links._MAX_LINK_SECONDS", 0.3)
    delivered = deliver_as("url", [GOOD], FakeStore(hang), time=time_budget(900))
    assert delivered.images[0].b64_json


@pytest.mark.parametrize("position", [0, 1, 2])
def test_images_are_all_base64_when_the_bucket_rejects_one(position):
    before = [*repeat(lambda: None, position), reject]
    delivered = deliver_as("url", [GOOD, GOOD, GOOD], FakeStore(*before))
    assert [image.b64_json for image in delivered.images] == [b64(GOOD.data)] * 3


def test_rejected_link_beside_a_damaged_image_has_both_notes():
    delivered = deliver_as("url", [BAD, GOOD], FakeStore(reject))
    assert len(delivered.images) == 1
    assert [note.partition(":")[0] for note in delivered.notes] == ["n", "response_format"]


def test_result_too_large_without_bucket_is_encoded_with_fewer_bytes():
    image = GeneratedImage(data=encode_image(noise_image(200, 200)))
    delivered = deliver_as("b64_json", [image], FakeStore(reject), max_bytes=60_000)
    assert len(delivered.images[0].b64_json or "") <= 60_000
    assert delivered.metadata == {"size": "200x200", "output_format": "jpeg"}
    assert "with loss" in delivered.notes[0]


def test_lossy_encoding_reports_no_preserved_pixels():
    result = ProcessedEdit((GeneratedImage(data=encode_image(noise_image(200, 200))),), {}, 77)
    delivery = ImageDelivery()
    for max_bytes, preserved in ((10**6, 77), (60_000, 0)):
        delivered = deliver(
            result, delivery, ResultLinks(FakeStore(reject), str.lower, 0), max_bytes, time_budget()
        )
        assert delivered.preserved_pixels(result) == preserved


def test_lossless_encoding_keeps_the_preserved_pixels():
    image = GeneratedImage(data=encode_image(scene(200, 200), compress_level=0))
    result = ProcessedEdit((image,), {}, 77)
    delivered = deliver(
        result, ImageDelivery(), ResultLinks(FakeStore(reject), str.lower, 0), 20_000, time_budget()
    )
    assert delivered.preserved_pixels(result) == 77


def test_result_too_large_is_encoded_even_after_the_deadline():
    image = GeneratedImage(data=encode_image(noise_image(200, 200)))
    delivered = deliver_as(
        "b64_json", [image], FakeStore(reject), max_bytes=60_000, time=time_budget(0)
    )
    assert delivered.images[0].b64_json


def test_provider_image_is_delivered_when_a_finished_one_is_too_large_and_no_time_is_left(
    monkeypatch,
):
    monkeypatch.setattr(delivery_module, "_MIN_REDUCE_SECONDS", 0.0)
    finished = GeneratedImage(data=encode_image(noise_image(400, 400)))
    result = ProcessedEdit((finished,) * 3, {}, 77, sources=(GeneratedImage(data=photo()),) * 3)
    links = ResultLinks(FakeStore(reject), str.lower, 0)
    data = deliver(result, ImageDelivery(), links, 60_000, time_budget(0))
    assert [image.b64_json for image in data.images] == [b64(photo())] * 3
    assert data.preserved_pixels(result) == 0
    assert "unchanged from the provider, because no time was left" in " ".join(data.notes)
