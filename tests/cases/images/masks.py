"""Mask files. Each belongs to a 64x48 image."""

from functools import partial

from PIL import Image

from tests.cases.images.build import encode_image
from tests.cases.images.case import CaseSpec

IMAGE_SIZE = (64, 48)
_mask_spec = partial(CaseSpec, role="mask", image_size=IMAGE_SIZE)


def cases():
    opaque = Image.new("RGBA", IMAGE_SIZE, (0, 0, 0, 255))
    box_mask = opaque.copy()
    box_mask.paste((0, 0, 0, 0), (16, 12, 48, 36))
    yield from _valid_masks(box_mask)
    yield from _ambiguous_masks(opaque, box_mask)
    yield from _invalid_masks(box_mask)


def _valid_masks(box_mask):
    yield _mask_spec("mask_good.png", encode_image(box_mask, "PNG"), "accept", marked_share=0.25)
    yield _mask_spec(
        "mask_la.png", encode_image(box_mask.convert("LA"), "PNG"), "accept", marked_share=0.25
    )
    webp = encode_image(box_mask, "WEBP", lossless=True)
    yield _mask_spec("mask_webp.webp", webp, "accept", marked_share=0.25)
    palette = box_mask.getchannel("A").point(lambda v: 1 if v else 0).convert("P")
    data = encode_image(palette, "PNG", transparency=0)
    yield _mask_spec(
        "mask_palette.png", data, "accept", marked_share=0.25, note="tRNS counts as alpha"
    )
    data = encode_image(Image.new("RGBA", IMAGE_SIZE), "PNG")
    yield _mask_spec("mask_everything.png", data, "accept", marked_share=1.0)


def _ambiguous_masks(opaque, box_mask):
    note = "a common mistake: the mask is inverted and marks no pixel"
    data = encode_image(opaque, "PNG")
    yield _mask_spec("mask_all_opaque.png", data, "either", ("mask_selects_nothing",), note)
    data = encode_image(box_mask.getchannel("A"), "PNG")
    yield _mask_spec(
        "mask_black_white_L.png", data, "either", ("mask_needs_alpha",), message_contains=("alpha",)
    )
    data = encode_image(Image.new("RGBA", IMAGE_SIZE, (0, 0, 0, 128)), "PNG")
    yield _mask_spec("mask_half_alpha.png", data, "either", ("mask_ambiguous",))


def _invalid_masks(box_mask):
    faults = ("mask_size_mismatch",)
    data = encode_image(box_mask.resize((32, 24)), "PNG")
    yield _mask_spec(
        "mask_wrong_size.png", data, "reject", faults, message_contains=("64x48", "32x24")
    )
    data = encode_image(box_mask.transpose(Image.Transpose.ROTATE_90), "PNG")
    yield _mask_spec(
        "mask_rotated_size.png",
        data,
        "reject",
        faults,
        "the mask is portrait, the image is landscape",
    )
    data = encode_image(box_mask.convert("RGB"), "JPEG")
    jpeg_faults = ("mask_needs_alpha", "format_not_allowed")
    yield _mask_spec(
        "mask_jpeg.jpg", data, "reject", jpeg_faults, message_contains=("alpha", "JPEG")
    )
