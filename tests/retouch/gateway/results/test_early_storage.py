"""Tests of images that are stored before the next ones are processed, from the provider's response to the delivery."""

import threading

import pytest
from PIL import Image

from retouch.core.edit_types import GeneratedImage
from retouch.core.errors import NotStored
from retouch.gateway.results import early_storage, result_links
from retouch.gateway.results.delivery import deliver
from retouch.gateway.results.early_storage import EarlyStorage
from retouch.gateway.results.postprocess import ProcessedImage, postprocess_all
from retouch.gateway.results.result_links import ResultLinks
from retouch.planning.output_rules import ImageDelivery
from tests.support.images import decode_image, encode_image
from tests.support.time_budgets import time_budget
from tests.support.unusual_results import noise_image

SIDE = 64
SCALED = (80, 80)  # the gateway has to decode and encode each image
IMAGE_BYTES = 20_000  # a little more than one finished image of noise has


class RecordingStore(dict[str, bytes]):
    """A result store that fails at the puts of the given numbers."""

    def __init__(self, failing_puts=()):
        super().__init__()
        self.failing_puts, self.put_count = failing_puts, 0

    def put(self, data, format, folder="results"):
        self.put_count += 1
        if self.put_count - 1 in self.failing_puts:
            raise NotStored("The bucket did not take the result.")
        key = f"results/{len(self)}.{format}"
        self[key] = data
        return key

    def sign(self, key, seconds):
        return key


class HangingStore(RecordingStore):
    """A result store that does not answer from the put of the given number on, until `release` is set."""

    def __init__(self, hanging_put):
        super().__init__()
        self.hanging_put, self.release = hanging_put, threading.Event()

    def put(self, data, format, folder="results"):
        if self.put_count >= self.hanging_put:
            self.put_count += 1
            self.release.wait(30)
        return super().put(data, format)


@pytest.fixture
def edit(monkeypatch):
    """Return a function that finishes `n` images of noise with a limit of so many images in memory."""

    def finish(n, limit_images, store, response_format="b64_json"):
        monkeypatch.setattr(early_storage, "MAX_HELD_BYTES", IMAGE_BYTES * limit_images)
        images = [
            GeneratedImage(data=encode_image(noise_image(SIDE, SIDE, seed))) for seed in range(n)
        ]
        links, time = ResultLinks(store, "https://g/{}".format, 99), time_budget()
        storage = EarlyStorage(links, time, images_left=n)
        delivery = ImageDelivery(response_format, scale_to=SCALED)
        result = postprocess_all(images, delivery, time, release=storage)
        return result, deliver(result, delivery, links, None, time)

    return finish


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
def test_images_above_the_limit_are_stored_before_the_next_one_and_become_links(
    edit, response_format
):
    store = RecordingStore()
    result, delivered = edit(3, 2, store, response_format)
    assert [image.data for image in result.images] == [b"", b"", b""]
    assert [image.url for image in delivered.images] == [
        f"https://g/results/{i}.png" for i in range(3)
    ]
    assert [decode_image(data).size for data in store.values()] == [SCALED] * 3
    assert (delivered.is_linked, result.is_complete) == (True, False)
    is_change = response_format == "b64_json"
    assert bool(delivered.notes) == is_change
    assert not is_change or "3 images of this size are too many" in delivered.notes[0]


def test_images_within_the_limit_stay_in_memory(edit):
    store = RecordingStore()
    result, delivered = edit(3, 3, store)
    assert all(image.data for image in result.images)
    assert all(image.b64_json for image in delivered.images)
    assert (len(store), result.is_complete) == (0, True)


def test_single_image_above_the_limit_stays_base64(edit):
    _, delivered = edit(1, 0.1, RecordingStore())
    assert delivered.images[0].b64_json


def test_image_that_the_bucket_does_not_take_is_delivered_smaller_beside_the_links(edit):
    store = RecordingStore(failing_puts=range(1, 99))
    result, delivered = edit(3, 2, store)
    assert [bool(image.url) for image in delivered.images] == [True, False, False]
    assert store.put_count == 3  # one by one, and both others at the end
    assert all(len(image.data) <= IMAGE_BYTES for image in result.images)
    assert all(image.b64_json for image in delivered.images[1:])
    assert delivered.is_linked


def test_bucket_that_hangs_leaves_the_time_that_the_next_images_need(monkeypatch):
    monkeypatch.setattr(early_storage, "MAX_HELD_BYTES", IMAGE_BYTES)
    monkeypatch.setattr(early_storage, "_MIN_STORAGE_SECONDS", 0.2)
    store, budget = HangingStore(0), time_budget(8)
    storage = EarlyStorage(ResultLinks(store, str, 99), budget, images_left=3, seconds_per_image=3)
    image = GeneratedImage(data=encode_image(noise_image(SIDE, SIDE)))
    storage(ProcessedImage(image))
    assert 1 < budget.remaining() < 7.5  # the bucket got 8 - 2 * 3 seconds
    store.release.set()


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
@pytest.mark.parametrize("hanging_put", [0, 2])
def test_bucket_that_hangs_is_waited_for_only_once(edit, monkeypatch, hanging_put, response_format):
    monkeypatch.setattr(result_links, "_MAX_LINK_SECONDS", 0.5)
    store = HangingStore(hanging_put)
    result, delivered = edit(6, 2, store, response_format)
    store.release.set()
    assert store.put_count == hanging_put + 1
    assert [bool(image.url) for image in delivered.images] == [i < hanging_put for i in range(6)]
    assert all(image.b64_json for image in delivered.images[hanging_put:])
    assert sum(len(image.data) for image in result.images) <= 2 * IMAGE_BYTES


def test_images_that_cannot_be_stored_at_all_fit_into_the_limit(edit):
    result, delivered = edit(4, 2, RecordingStore(failing_puts=range(99)))
    assert sum(len(image.data) for image in result.images) <= 2 * IMAGE_BYTES
    assert all(decode_image(image.data).size for image in result.images)
    assert not delivered.is_linked
    assert any("too large for this response" in note for note in result.notes)


def test_first_images_that_were_held_are_stored_at_the_end(edit, monkeypatch):
    """The second image is larger than the first, so only then the limit is exceeded."""
    store = RecordingStore()
    links, time = ResultLinks(store, "https://g/{}".format, 99), time_budget()
    monkeypatch.setattr(early_storage, "MAX_HELD_BYTES", 30_000)
    images = [
        GeneratedImage(data=encode_image(image))
        for image in (Image.new("RGB", (SIDE, SIDE)), *(noise_image(SIDE, SIDE, s) for s in (1, 2)))
    ]
    delivery = ImageDelivery("url", scale_to=SCALED)
    storage = EarlyStorage(links, time, images_left=3)
    result = postprocess_all(images, delivery, time, release=storage)
    assert [bool(image.stored_url) for image in result.images] == [False, True, True]
    delivered = deliver(result, delivery, links, None, time)
    assert len({image.url for image in delivered.images}) == len(store) == 3
