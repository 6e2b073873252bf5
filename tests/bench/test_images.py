import io

import pytest
from PIL import Image

from bench import images


@pytest.mark.parametrize(
    ("name", "side", "least", "most"),
    [
        ("upload-20k.png", 256, 18_000, 23_000),
        ("upload-3m.png", 1024, 3_000_000, 3_200_000),
        ("answer-20k.png", 256, 18_000, 23_000),
        ("answer-1m.png", 1024, 1_130_000, 1_170_000),
    ],
)
def test_pictures_have_the_size_and_weight_they_are_named_for(pictures, name, side, least, most):
    data = (pictures / name).read_bytes()
    assert least < len(data) < most
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert (image.format, image.size) == ("PNG", (side, side))


def test_masks_have_one_window(pictures) -> None:
    with Image.open(pictures / "mask-256.png") as mask:
        assert mask.getchannel("A").histogram()[0] == 65 * 65


def test_pictures_are_the_same_on_every_run() -> None:
    assert images.picture(64, 8) == images.picture(64, 8)
