"""The colours and the depth of a file, as its header states them."""

from __future__ import annotations

from dataclasses import replace

from retouch.core.edit_types import EncodedImage
from retouch.core.image_formats import COMMON_COLOURS, ColourFacts
from retouch.imaging.colour import has_other_colours
from retouch.imaging.colour_names import find_colour_name
from retouch.imaging.formats.structure import has_16_bits, is_8bit_grey_or_rgb
from retouch.imaging.inspect import inspect_image


def inspect_input_image(data: bytes, param: str = "image") -> EncodedImage:
    """Return the description of an image of a request, with the facts about its colours.

    Raises InvalidRequest like `inspect_image`.
    """
    image = inspect_image(data, param=param)
    colours = read_colour_facts(data, image.format)
    if colours == COMMON_COLOURS or image.header is None:
        return image
    return replace(image, header=replace(image.header, colours=colours))


def read_colour_facts(data: bytes, format: str) -> ColourFacts:
    """Return the facts about the colours of a checked file. A CMYK file has its own colour space in any case."""
    is_common = is_8bit_grey_or_rgb(data, format)
    is_deep = not is_common and has_16_bits(data, format)
    if not is_common and not is_deep:
        return ColourFacts(is_cmyk=True)
    if not has_other_colours(data, format):
        return ColourFacts(has_16_bits=is_deep)
    return ColourFacts(is_deep, has_other_colours=True, colour_name=find_colour_name(data, format))
