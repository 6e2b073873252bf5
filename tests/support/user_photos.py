"""Photos of phones, screenshots and scans, as people have them. All are displayed in the size of `tool_masks`."""

import pillow_heif
from PIL import Image, ImageDraw

from tests.retouch.imaging import icc_profiles
from tests.retouch.imaging.samples import exif_with_orientation
from tests.support.images import encode_image
from tests.support.tool_masks import SIZE

pillow_heif.register_heif_opener()
P3 = icc_profiles.rgb_profile(icc_profiles.P3)


def stored_picture():
    """Return noise as a camera stores it that was held upright: it is displayed after a turn to the right."""
    return Image.effect_noise(SIZE, 60).convert("RGB").transpose(Image.Transpose.ROTATE_90)


def screenshot():
    """Return flat areas, a noisy picture and thin lines, as a screen shows them."""
    image = Image.new("RGB", SIZE, (250, 250, 252))
    image.paste(Image.effect_noise((120, 100), 70).convert("RGB"), (60, 40))
    draw = ImageDraw.Draw(image)
    for y in range(10, SIZE[1], 14):
        draw.line((8, y, SIZE[0] - 8, y), fill=(30, 30, 34))
    return image.convert("RGBA")


PHOTOS = {
    "iPhone, JPEG": lambda: encode_image(
        stored_picture(), "JPEG", quality=92, exif=exif_with_orientation(6), icc_profile=P3
    ),
    "iPhone, HEIC": lambda: encode_image(
        stored_picture(), "HEIF", exif=exif_with_orientation(6).tobytes()
    ),
    "screenshot": lambda: encode_image(screenshot()),
    "scan, TIFF": lambda: encode_image(
        Image.effect_noise(SIZE, 40).convert("RGB"),
        "TIFF",
        compression="tiff_lzw",
        dpi=(300, 300),
    ),
}
