import io

import pytest
from PIL import Image

from bench import images


@pytest.mark.parametrize(
    ("name", "side", "min_bytes", "max_bytes"),
    [
        ("upload-20k.png", 256, 18_000, 23_000),
        ("upload-3m.png", 1024, 3_000_000, 3_200_000),
        ("answer-20k.png", 256, 18_000, 23_000),
        ("answer-1m.png", 1024, 1_130_000, 1_170_000),
        ("upload-photo.png", 1024, 900_000, 1_600_000),
        ("answer-photo.png", 1024, 700_000, 1_600_000),
    ],
)
def test_bench_images_have_the_dimensions_and_bytes_of_their_names(
    images_folder, name, side, min_bytes, max_bytes
):
    data = (images_folder / name).read_bytes()
    assert min_bytes < len(data) < max_bytes
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (side, side))


def test_bench_mask_has_one_transparent_rectangle(images_folder) -> None:
    with Image.open(images_folder / "mask-256.png") as mask:
        assert mask.getchannel("A").histogram()[0] == 65 * 65


def test_make_image_returns_the_same_bytes_on_every_run() -> None:
    assert images.make_image(64, 8) == images.make_image(64, 8)


def test_grainy_photo_has_noise() -> None:
    row = images.grainy_photo(64).crop((0, 0, 64, 1)).convert("L").tobytes()
    assert len(set(row)) > 8
