"""The first frame of an image file that the gateway does not accept as it is, as a still image of a common format."""

from __future__ import annotations

from importlib import import_module
from io import BytesIO

from retouch.core.image_formats import OUTPUT_FORMATS
from retouch.imaging.codec import encode_lossless
from retouch.imaging.colour import convert_coded_colours
from retouch.imaging.errors import damaged_image_error
from retouch.imaging.pillow import Image

# The plugins of Pillow that are not loaded for every request.
_PLUGINS = {
    "gif": "PIL.GifImagePlugin",
    "avif": "PIL.AvifImagePlugin",
    "tiff": "PIL.TiffImagePlugin",
    "bigtiff": "PIL.TiffImagePlugin",
    "jp2": "PIL.Jpeg2KImagePlugin",
}
_PILLOW_NAMES = {"jp2": "JPEG2000", "bigtiff": "TIFF"}
FORMATS = ("png", "webp", *_PLUGINS)  # the formats whose first frame can be read


def read_first_frame(data: bytes, format: str) -> bytes:
    """Return the first frame of a file as a lossless file without metadata. `format` is one of FORMATS.

    The frame has the same format if results have it, else it is a PNG. For an animated PNG this is the image that a
    viewer without support for animations shows. Raises InvalidImage when the frame cannot be decoded.
    """
    if format in _PLUGINS:
        import_module(_PLUGINS[format])
    try:
        with Image.open(
            BytesIO(data), formats=[_PILLOW_NAMES.get(format, format.upper())]
        ) as image:
            image.load()  # opening a file selects its first frame
            frame = _convert_sequence_colours(image, data) if format == "avif" else image
            return encode_lossless(frame, format if format in OUTPUT_FORMATS else "png")
    # Plugins raise many error types: OSError, SyntaxError, ValueError, struct.error and others.
    except Exception as error:
        raise damaged_image_error(f"its {format.upper()} data is broken") from error


def _convert_sequence_colours(image: Image.Image, data: bytes) -> Image.Image:
    from retouch.imaging.formats.avif import read_sequence_colours  # few requests need it

    return convert_coded_colours(image, read_sequence_colours(data))
