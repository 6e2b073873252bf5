"""Tests of post-processing and delivery: every paid image is delivered, and the preserved pixels are exact."""

import base64
import zlib
from dataclasses import replace

import pytest
from PIL import Image, ImageChops

from retouch.core.edit_types import EncodedImage, GeneratedImage
from retouch.core.errors import NotStored, UpstreamError
from retouch.gateway.results import delivery as image_delivery
from retouch.gateway.results.delivery import DeliveredImage
from retouch.gateway.results.postprocess import postprocess_all
from retouch.gateway.results.result_links import ResultLinks
from retouch.planning.output_rules import ImageDelivery
from retouch.planning.preserve import OriginalPixels
from tests.support.gateway_client import file_part, post_edit
from tests.support.images import b64, decode_image, encode_image, format_name, photo
from tests.support.time_budgets import time_budget
from tests.support.upstream import Upstream, json_response

SIZE = (64, 48)
USAGE = {"input_tokens": 10, "output_tokens": 20, "total_tokens": 30}


class FakeResultStore(dict[str, bytes]):
    """A result store in memory."""

    def put(self, data, format, folder="results"):
        key = f"results/{len(self)}.{format}"
        self[key] = data
        return key

    def sign(self, key, seconds):
        return key


class RejectingResultStore(FakeResultStore):
    """A result store that rejects every image."""

    def put(self, data, format, folder="results"):
        raise NotStored("The bucket did not take the result.")


def postprocess_artifacts(*artifacts, **delivery):
    return postprocess_all(artifacts, ImageDelivery(**delivery), time_budget())


def deliver(result, response_format="b64_json", store=None, most_bytes=None):
    delivery = ImageDelivery(response_format)
    return image_delivery.deliver(
        result,
        delivery,
        ResultLinks(FakeResultStore() if store is None else store, "https://g/{}".format, 0),
        most_bytes,
        time_budget(),
    )


def png_with_truncated_pixels():
    """Return a PNG with intact chunks and truncated pixel data."""
    data = photo(*SIZE)
    start = data.index(b"IDAT")
    size = int.from_bytes(data[start - 4 : start])
    body = data[start + 4 : start + 4 + size][: size // 2]
    chunk = len(body).to_bytes(4) + b"IDAT" + body
    chunk += zlib.crc32(b"IDAT" + body).to_bytes(4)
    return data[: start - 4] + chunk + data[start + 8 + size :]


def original_pixels():
    mask = Image.new("L", SIZE)
    mask.paste(255, (16, 12, 32, 24))
    data = photo(*SIZE)
    return OriginalPixels(EncodedImage(data, "png", *SIZE), mask)


def magenta_image(format="PNG", size=SIZE):
    return GeneratedImage(data=encode_image(Image.new("RGB", size, (255, 0, 255)), format))


@pytest.mark.parametrize(
    "invalid_result",
    [
        GeneratedImage(b64=b64(b"<html>sorry</html>")),
        GeneratedImage(b64=""),
        GeneratedImage(b64="%%%"),
        GeneratedImage(b64=123),  # type: ignore[arg-type]  # a provider sent a number
        GeneratedImage(b64=None),  # type: ignore[arg-type]  # a provider sent null
        GeneratedImage(data=b"{}"),
    ],
    ids=repr,
)
def test_result_that_is_no_image_raises_upstream_error(invalid_result):
    for delivery in ({}, {"convert_to": "webp"}):
        with pytest.raises(UpstreamError) as exc_info:
            postprocess_artifacts(invalid_result, **delivery)
        assert (exc_info.value.code, exc_info.value.billed) == ("no_image_returned", "unknown")


@pytest.mark.parametrize(
    "delivery",
    [{"convert_to": "webp"}, {"scale_to": (32, 24)}, {"original_pixels": original_pixels()}],
)
def test_damaged_image_is_returned_unchanged_with_a_note(delivery):
    damaged = GeneratedImage(data=png_with_truncated_pixels())
    result = postprocess_artifacts(damaged, damaged, **delivery)
    assert result.images == (damaged, damaged)
    assert result.preserved_pixels == (0 if "original_pixels" in delivery else None)
    assert not result.is_complete
    assert result.notes[0].startswith("image_damaged: the provider returned a damaged PNG file")
    assert "because it is damaged; not done: " in result.notes[1]


def test_damaged_image_is_named_beside_a_readable_one():
    damaged = GeneratedImage(data=png_with_truncated_pixels())
    result = postprocess_artifacts(damaged, GeneratedImage(data=photo()), convert_to="webp")
    assert len(result.images) == 1
    assert result.notes == (
        "n: 1 of 2 images cannot be read: The provider's result is a damaged image.",
    )


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("is_base64", [False, True])
def test_image_that_was_cut_is_named_although_nothing_is_changed(format, is_base64):
    data = photo(format=format)[:-40]
    cut = GeneratedImage(b64=b64(data)) if is_base64 else GeneratedImage(data=data)
    alone = postprocess_artifacts(cut)
    assert alone.images == (cut,)
    assert alone.notes[0].startswith(f"image_damaged: the provider returned a damaged {format}")
    beside = postprocess_artifacts(cut, GeneratedImage(data=photo(format=format)))
    assert [image.data for image in beside.images] == [photo(format=format)]
    assert beside.notes[0].startswith("n: 1 of 2 images cannot be read")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("trailing", [b"", b"\0", b"\n", b"trailing bytes", bytes(3000)])
def test_whole_image_is_returned_as_it_is_whatever_follows_it(format, trailing):
    data = photo(format=format) + trailing
    for image in (GeneratedImage(data=data), GeneratedImage(b64=b64(data))):
        result = postprocess_artifacts(image)
        assert (result.images, result.notes) == ((image,), ())


def test_file_of_an_unknown_format_is_returned_unchanged_with_a_note():
    file = GeneratedImage(data=b"FUTURE\0" + bytes(200))
    result = postprocess_artifacts(file)
    assert result.images[0].data == file.data
    assert "a file of an unknown format, which is delivered unchanged" in result.notes[0]


@pytest.mark.parametrize("delivery", [{}, {"convert_to": "webp"}])
def test_unreadable_image_does_not_lose_the_other_images(delivery):
    result = postprocess_artifacts(
        GeneratedImage(data=photo()), GeneratedImage(data=b"<html>"), **delivery
    )
    assert len(result.images) == 1
    (note,) = result.notes
    assert note.startswith("n: 1 of 2 images cannot be read")


def test_unprocessed_image_is_delivered_unchanged():
    image = GeneratedImage(b64=b64(photo()), metadata={"size": "64x64"})
    result = postprocess_artifacts(image)
    assert deliver(result).images == (DeliveredImage(b64_json=image.b64),)
    assert (result.metadata, result.notes, result.preserved_pixels) == ({"size": "64x64"}, (), None)


@pytest.mark.parametrize("asked", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("made", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_result_has_the_format_that_the_provider_was_asked_for(asked, made):
    image = GeneratedImage(data=photo(format=made))
    result = postprocess_artifacts(image, asked_format=asked)
    assert format_name(decode_image(result.images[0].to_bytes())) == asked
    if made.lower() == asked:
        assert (result.images, result.notes) == ((image,), ())
        return
    assert result.metadata["output_format"] == asked
    assert result.notes == (
        f"output_format: the provider returned a {made.lower()}, which was converted to {asked}",
    )


def test_result_in_another_format_is_compressed_as_the_provider_was_asked():
    noise = GeneratedImage(data=encode_image(Image.effect_noise((64, 64), 90)))
    sizes = [
        len(
            postprocess_artifacts(noise, asked_format="jpeg", asked_compression=quality)
            .images[0]
            .data
        )
        for quality in (10, 90)
    ]
    assert sizes[0] < sizes[1] / 2


def test_edit_has_the_asked_format_at_a_server_that_ignores_it():
    with Upstream(json_response({"data": [{"b64_json": b64(photo())}]})) as upstream:
        env = {"OPENAI_BASE_URL": upstream.url, "OPENAI_API_KEY": "k"}
        fields = {"model": "gpt-image-2", "prompt": "p", "image": file_part(photo())}
        response = post_edit({**fields, "output_format": "jpeg"}, env)
    data = base64.b64decode(response.json["data"][0]["b64_json"])
    assert format_name(decode_image(data)) == response.json["output_format"] == "jpeg"
    assert "converted to jpeg" in response.headers["x-retouch-notes"]


@pytest.mark.parametrize("delivery", [{}, {"convert_to": "png"}])
def test_usage_is_counted_once_per_provider_call(delivery):
    first_metadata, second_metadata = {"usage": USAGE}, {"usage": {**USAGE, "output_tokens": 5}}
    three = [GeneratedImage(data=photo(), metadata=first_metadata) for _ in range(3)]
    assert postprocess_artifacts(*three, **delivery).metadata["usage"] == USAGE
    combined = postprocess_artifacts(
        three[0], GeneratedImage(data=photo(), metadata=second_metadata), **delivery
    )
    assert combined.metadata["usage"] == {
        "input_tokens": 20,
        "output_tokens": 25,
        "total_tokens": 60,
    }


def test_usage_reported_by_only_some_calls_is_left_out():
    with_usage, without_usage = (
        GeneratedImage(data=photo(), metadata={"usage": USAGE}),
        GeneratedImage(data=photo()),
    )
    assert "usage" not in postprocess_artifacts(with_usage, without_usage).metadata


def test_usage_of_unreadable_image_is_counted():
    broken = GeneratedImage(data=b"junk", metadata={"usage": USAGE})
    result = postprocess_artifacts(GeneratedImage(data=photo(), metadata={"usage": USAGE}), broken)
    assert result.metadata["usage"]["output_tokens"] == 40


def clear_mask_box(image):
    image = image.convert("RGB")
    image.paste((0, 0, 0), (16, 12, 32, 24))
    return image


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_original_pixels_are_delivered_in_lossless_format(format):
    result = postprocess_artifacts(magenta_image(format), original_pixels=original_pixels())
    delivered_image = decode_image(result.images[0].data)
    assert (
        ImageChops.difference(
            clear_mask_box(delivered_image), clear_mask_box(decode_image(photo(*SIZE)))
        ).getbbox()
        is None
    )
    assert result.metadata["output_format"] == format_name(delivered_image) != "jpeg"
    assert result.preserved_pixels == 64 * 48 - 16 * 12


@pytest.mark.parametrize(
    "delivery", [{"convert_to": "jpeg"}, {"convert_to": "webp", "compression": 60}], ids=str
)
def test_lossy_format_reports_no_preserved_pixels(delivery):
    result = postprocess_artifacts(magenta_image(), original_pixels=original_pixels(), **delivery)
    assert result.preserved_pixels is None
    assert format_name(decode_image(result.images[0].data)) == delivery["convert_to"]


def test_png_reports_preserved_pixels_with_any_compression():
    assert (
        postprocess_artifacts(
            magenta_image(), original_pixels=original_pixels(), convert_to="png", compression=60
        ).preserved_pixels
        == 64 * 48 - 16 * 12
    )


def test_result_of_another_shape_keeps_unmarked_pixels_and_is_noted():
    result = postprocess_artifacts(
        magenta_image("JPEG", (64, 64)), original_pixels=original_pixels()
    )
    assert result.preserved_pixels == 64 * 48 - 16 * 12
    assert (result.metadata["size"], result.metadata["output_format"]) == ("64x48", "png")
    (note,) = result.notes
    assert "64x64 pixels, another shape than the 64x48 that were sent" in note


def test_url_delivery_links_to_stored_image():
    store, data = FakeResultStore(), photo()
    delivered = deliver(
        postprocess_artifacts(GeneratedImage(data=data, revised_prompt="a hat")), "url", store
    )
    (image,) = delivered.images
    assert image == DeliveredImage(url="https://g/results/0.png", revised_prompt="a hat")
    assert store == {"results/0.png": data}
    assert (delivered.is_linked, delivered.notes) == (True, ())


def test_response_over_size_limit_is_delivered_as_links():
    delivered = deliver(postprocess_artifacts(magenta_image()), most_bytes=100)
    assert delivered.is_linked
    assert (delivered.images[0].b64_json, bool(delivered.images[0].url)) == (None, True)
    assert "too many for this response, so links" in delivered.notes[0]


def test_size_limit_is_checked_after_conversion():
    small = postprocess_artifacts(magenta_image("JPEG", (512, 512)))
    grown = postprocess_artifacts(
        magenta_image("JPEG", (512, 512)), convert_to="png", scale_to=(64, 64)
    )
    max_bytes = len(grown.images[0].to_base64()) + 1
    assert not deliver(grown, most_bytes=max_bytes).is_linked
    assert deliver(small, most_bytes=max_bytes).is_linked


def test_failed_store_delivers_base64_instead_of_link():
    result = postprocess_artifacts(magenta_image())
    delivered = deliver(result, "url", RejectingResultStore())
    assert delivered.images == (DeliveredImage(b64_json=result.images[0].to_base64()),)
    assert not delivered.is_linked
    assert "the bucket did not take the result" in delivered.notes[0]


def test_result_too_large_and_not_stored_raises_not_stored():
    with pytest.raises(
        NotStored, match="more than the 30 that this response can contain"
    ) as exc_info:
        deliver(postprocess_artifacts(magenta_image()), "url", RejectingResultStore(), 30)
    assert exc_info.value.code == "result_too_large"


def test_flattened_transparent_pixels_report_no_preserved_pixels():
    clear = Image.new("RGBA", SIZE, (9, 9, 9, 0))
    original = replace(
        original_pixels(), image=EncodedImage(encode_image(clear), "png", *SIZE, has_alpha=True)
    )
    filled = postprocess_artifacts(magenta_image(), original_pixels=original, flatten=True)
    assert (filled.preserved_pixels, filled.metadata["background"]) == (None, "opaque")
    assert decode_image(filled.images[0].data).mode == "RGB"
    opaque_result = postprocess_artifacts(
        magenta_image(), original_pixels=original_pixels(), flatten=True
    )
    assert opaque_result.preserved_pixels == 64 * 48 - 16 * 12
