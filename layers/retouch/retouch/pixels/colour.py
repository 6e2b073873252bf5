"""Colour: everything that leaves for a provider, or is compared with what came back, is plain sRGB."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageChops

from retouch.messages import Picture
from retouch.pixels.convert import decode_stored, encode, plain, turn
from retouch.pixels.inspect import inspect
from retouch.pixels.structure import essence, ordinary, profile

_CLOSE = 2  # levels; sRGB profiles of different makers differ by one
_LARGEST = 4_194_304  # bytes; those of printing presses have two or three million
_MODES = {"RGB": ("RGB", "RGBA", "P"), "CMYK": ("CMYK",), "GRAY": ("L", "LA", "1", "I;16")}
_STEPS = range(0, 256, 15)
_PROBES = {
    "GRAY": ("L", bytes(range(256))),
    "RGB": ("RGB", bytes(v for r in _STEPS for g in _STEPS for b in _STEPS for v in (r, g, b))),
}


def decode_srgb(source: Picture | bytes, *, param: str = "image") -> Image.Image:
    """The pixels, upright, as "L", "RGB" or "RGBA" in sRGB, with nothing in `info`.

    For a picture without a colour profile the same as `decode`, and it raises the same.
    """
    image, header = decode_stored(source, param=param)
    image = plain(_to_srgb(image))  # by this name, so that what it was before makes room
    return turn(image, header)


def to_srgb(image: Image.Image) -> Image.Image:
    """The image's colours as sRGB and no profile; an image without a profile is returned itself.

    Grey stays "L"; other profiles give "RGB", or "RGBA" where something is transparent. A profile that
    is broken, or made for other channels than the image's, is dropped without effect: viewers show
    such a picture as if it had none, so that is the picture its owner knows.
    """
    return _to_srgb(image.copy()) if image.info.get("icc_profile") else image


def _to_srgb(image: Image.Image) -> Image.Image:
    """The same for an image that nobody else has: it may be changed."""
    data = image.info.pop("icc_profile", None)
    try:
        fits = data and image.mode in _MODES[_space(data)]
        return _converted(image, data) if fits and _changes(data) else image
    except Exception:  # LittleCMS refuses in many ways, none of which is worth the caller's edit
        return image


def normalise(picture: Picture) -> Picture:
    """What is sent to a provider: upright, in sRGB, 8 bits a channel, no inks, no metadata.

    A picture that is all that already is returned itself, and one that only has too much in it loses
    that; neither is decoded. Palettes stay. Raises InvalidRequest (image_parse_error) like `decode`.
    """
    data, format = picture.data, picture.format
    if picture.rotated or not ordinary(data, format) or _differs(profile(data, format)):
        return inspect(encode(decode_srgb(picture), format))
    bare = essence(data, format, profile=False)
    return picture if bare == data else inspect(bare)


def _differs(data: bytes) -> bool:
    """Whether a colour profile changes what colours look like; a broken one, or b"", does not."""
    try:
        return bool(data) and _changes(data)
    except Exception:  # as in to_srgb
        return False


@lru_cache(maxsize=4)  # the same few come again and again
def _changes(data: bytes) -> bool:
    """Tried on some thousand colours, because a profile's name proves nothing. Raises if broken."""
    if _space(data) == "CMYK":
        return True
    mode, levels = _PROBES[_space(data)]
    probe = Image.frombytes(mode, (len(levels) // len(mode), 1), levels)
    change = ImageChops.difference(_transformed(probe, data), probe.convert("RGB"))
    return any(any(band.histogram()[_CLOSE + 1 :]) for band in change.split())


def _space(data: bytes) -> str:
    """The channels that the profile is for, in ICC's words. Raises ValueError for a huge one."""
    if len(data) > _LARGEST:
        raise ValueError(f"a colour profile of {len(data)} bytes")
    return data[16:20].decode("ascii").strip()


def _converted(image: Image.Image, data: bytes) -> Image.Image:
    if image.mode == "CMYK":
        return _transformed(image, data)
    ready = plain(image) if image.mode != "P" else plain(image.convert())
    if _space(data) != "GRAY":
        return _transformed(ready, data, in_place=True)
    found = _transformed(ready.getchannel(0), data).getchannel(0)
    if ready.mode == "RGBA":
        found = Image.merge("RGBA", (found, found, found, ready.getchannel("A")))
    return found


def _transformed(image: Image.Image, data: bytes, *, in_place: bool = False) -> Image.Image:
    """As "RGB" in sRGB, or "RGBA" with the same alpha.

    Loaded here because few pictures need it and it takes a few milliseconds.
    """
    from PIL import ImageCms

    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    done = ImageCms.profileToProfile(
        image, BytesIO(data), ImageCms.createProfile("sRGB"), outputMode=mode, inPlace=in_place
    )
    found = done or image
    found.info = {}
    return found
