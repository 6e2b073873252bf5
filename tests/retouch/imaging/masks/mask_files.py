"""Files of masks, and the error that the gateway gives for one."""

import pytest
from PIL import Image

from retouch.core.edit_types import EncodedImage
from retouch.core.errors import InvalidRequest
from retouch.imaging.masks.read import read_mask

REFERENCE_IMAGE = EncodedImage(b"", "png", 40, 20)


def mask_image_with_hole(mode="RGBA", alpha=0, size=(40, 20)):
    """Return an opaque image with a transparent upper left quarter."""
    image = Image.new("RGBA", size, (9, 9, 9, 255))
    image.paste((200, 100, 50, alpha), (0, 0, size[0] // 2, size[1] // 2))
    return image.convert(mode)


def rejection_of(data, reference=REFERENCE_IMAGE, **options):
    with pytest.raises(InvalidRequest) as exc_info:
        read_mask(data, reference, **options)
    assert exc_info.value.status == 400
    assert exc_info.value.param == "mask"
    assert "The mask " in str(exc_info.value)
    return exc_info.value.code, str(exc_info.value)


def grey_mask_image(background, mark, size=(40, 20)):
    """Return a grey image that is marked in the upper left quarter."""
    image = Image.new("L", size, background)
    image.paste(mark, (0, 0, size[0] // 2, size[1] // 2))
    return image
