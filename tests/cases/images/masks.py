"""Masks, all judged against a 64x48 image."""

from functools import partial

from PIL import Image

from tests.cases.images.build import encoded
from tests.cases.images.case import Made

SIZE = (64, 48)
_made = partial(Made, role="mask", against=SIZE)


def cases():
    opaque = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    hole = opaque.copy()
    hole.paste((0, 0, 0, 0), (16, 12, 48, 36))
    yield from _good(hole)
    yield from _unclear(opaque, hole)
    yield from _wrong(hole)


def _good(hole):
    yield _made("mask_good.png", encoded(hole, "PNG"), "accept", editable=0.25)
    yield _made("mask_la.png", encoded(hole.convert("LA"), "PNG"), "accept", editable=0.25)
    webp = encoded(hole, "WEBP", lossless=True)
    yield _made("mask_webp.webp", webp, "accept", editable=0.25)
    palette = hole.getchannel("A").point(lambda v: 1 if v else 0).convert("P")
    data = encoded(palette, "PNG", transparency=0)
    yield _made("mask_palette.png", data, "accept", editable=0.25, note="tRNS counts as alpha")
    data = encoded(Image.new("RGBA", SIZE), "PNG")
    yield _made("mask_everything.png", data, "accept", editable=1.0)


def _unclear(opaque, hole):
    note = "the classic mistake: inverted, so nothing would be edited"
    data = encoded(opaque, "PNG")
    yield _made("mask_all_opaque.png", data, "either", ("mask_selects_nothing",), note)
    data = encoded(hole.getchannel("A"), "PNG")
    yield _made(
        "mask_black_white_L.png", data, "either", ("mask_needs_alpha",), mentions=("alpha",)
    )
    data = encoded(Image.new("RGBA", SIZE, (0, 0, 0, 128)), "PNG")
    yield _made("mask_half_alpha.png", data, "either", ("mask_ambiguous",))


def _wrong(hole):
    faults = ("mask_size_mismatch",)
    data = encoded(hole.resize((32, 24)), "PNG")
    yield _made("mask_wrong_size.png", data, "reject", faults, mentions=("64x48", "32x24"))
    data = encoded(hole.transpose(Image.Transpose.ROTATE_90), "PNG")
    yield _made("mask_rotated_size.png", data, "reject", faults, "upright, the photo is not")
    data = encoded(hole.convert("RGB"), "JPEG")
    faults = ("mask_needs_alpha", "format_not_allowed")
    yield _made("mask_jpeg.jpg", data, "reject", faults, mentions=("alpha", "JPEG"))
