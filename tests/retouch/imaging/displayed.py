"""The pixels that Pillow and LittleCMS show of an image file: upright, and in sRGB by its profile."""

import io

from PIL import Image, ImageCms, ImageOps

from tests.support.images import decode_image

_SRGB = ImageCms.createProfile("sRGB")


def displayed_pixels(data: bytes) -> Image.Image:
    """Return the image as "RGBA". Colours hidden by alpha are kept. A profile of text is ignored."""
    image = decode_image(data)
    profile = image.info.pop("icc_profile", None)
    upright = ImageOps.exif_transpose(image)
    if profile and not profile.startswith(b"profile!"):
        mode = "RGBA" if upright.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(upright, io.BytesIO(profile), _SRGB, outputMode=mode)
        assert converted is not None
        upright = converted
    elif upright.mode == "CMYK":
        upright = upright.convert("RGB")
    return upright.convert("RGBA")
