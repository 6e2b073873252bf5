"""Restore the unmarked pixels of the original image around a generated result."""

from __future__ import annotations

from retouch.core.edit_types import EncodedImage
from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.geometry import FloatBox, Placement, Size, full_canvas_placement
from retouch.imaging.colour import decode_srgb
from retouch.imaging.compose import composite_original, default_feather
from retouch.imaging.first_lines import keep_first_lines
from retouch.imaging.pillow import Image
from retouch.imaging.placement import crop_around, has_canvas_shape, locate_image
from retouch.imaging.png_lines import decode_lines, read_first_lines


def decode_needed_part(
    result: EncodedImage, mask: Image.Image, placement: Placement | None
) -> Image.Image:
    """Return the pixels of a result, down to the end of the marked area if its geometry is that of the original.

    Of most PNGs, the pixels on the right of the marked area are left out too. The original replaces what is left out.
    So damage in it is harmless if the checksums of the file are right. Raises like `decode_srgb`.
    """
    box = mask.getbbox()
    if box is None or placement or result.size != mask.size:
        return decode_srgb(result)
    _, _, right, bottom = box
    lines = read_first_lines(result, bottom, right)
    return (
        decode_lines(lines, 0, bottom) if lines else decode_srgb(keep_first_lines(result, bottom))
    )


def restore_unmarked_pixels(
    original: Image.Image,
    result: Image.Image,
    mask: Image.Image,
    placement: Placement | None,
    result_size: Size | None = None,
) -> tuple[Image.Image, int, tuple[str, ...]]:
    """Return the original with the marked area taken from the result, its number of original pixels, and the notes.

    `placement` is how the original was sent (None: as it is). The result is mapped back by this placement. A result of
    another shape than the one that was sent is never stretched, and a note says so. `original` and `mask` are as for
    `composite_original`, which changes `original` in place. `result_size` is the size of the result if `result` has
    only its needed part.
    """
    mapped = map_result(result, result_size or result.size, original.size, placement)
    image, preserved_pixels = composite_original(
        original,
        mapped.part,
        mask,
        feather=default_feather(original.size),
        source_box=mapped.source_box,
    )
    return image, preserved_pixels, mapped.notes


@frozen_dataclass
class MappedResult:
    """The part of a result that shows the original, and its box in pixels of this part."""

    part: Image.Image
    source_box: FloatBox
    notes: tuple[str, ...]


def map_result(
    result: Image.Image, result_size: Size, original_size: Size, placement: Placement | None
) -> MappedResult:
    """Return where the original is in a result. The arguments are as for `restore_unmarked_pixels`."""
    sent = placement or full_canvas_placement(original_size)
    image_box = locate_image(sent, result_size)
    notes = _size_notes(sent, result_size, image_box)
    if result.size != result_size:  # only its first lines and columns
        return MappedResult(result, image_box, notes)
    return MappedResult(*crop_around(result, image_box), notes)


def _size_notes(sent: Placement, result_size: Size, image_box: FloatBox) -> tuple[str, ...]:
    """Return a note when the result has another size or shape. `image_box` is the image's part of the result."""
    if not has_canvas_shape(sent, result_size):
        return (
            f"preserve: the result has {_size_text(result_size)} pixels, another shape than the "
            f"{_size_text(sent.canvas)} that were sent; the marked area is from its centre, not stretched",
        )
    made = round(image_box[2] - image_box[0]), round(image_box[3] - image_box[1])
    if made == sent.original:
        return ()
    return (
        f"preserve: the model made {_size_text(made)} pixels of the image; "
        f"the marked area was scaled to {_size_text(sent.original)}",
    )


def _size_text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
