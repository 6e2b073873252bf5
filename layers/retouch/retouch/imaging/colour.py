"""Colour conversion to sRGB.

Every image that goes to a provider, or that is compared with a provider's result, is plain sRGB.
"""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageChops

from retouch.core.edit_types import EncodedImage
from retouch.imaging.codec import apply_orientation, decode_as_stored, encode, normalize_mode
from retouch.imaging.formats.structure import is_8bit_grey_or_rgb, read_icc_profile, strip_metadata
from retouch.imaging.inspect import inspect_image

_MAX_LEVEL_DIFFERENCE = 2  # levels; the sRGB profiles of different vendors differ by one level
_MAX_PROFILE_BYTES = 4_194_304  # bytes; profiles of printing presses have two or three million
_MODES_BY_COLOUR_SPACE = {
    "RGB": ("RGB", "RGBA", "P"),
    "CMYK": ("CMYK",),
    "GRAY": ("L", "LA", "1", "I;16"),
}
_PROBE_LEVELS = range(0, 256, 15)
_PROBES = {
    "GRAY": ("L", bytes(range(256))),
    "RGB": (
        "RGB",
        bytes(
            v
            for r in _PROBE_LEVELS
            for g in _PROBE_LEVELS
            for b in _PROBE_LEVELS
            for v in (r, g, b)
        ),
    ),
}


def decode_srgb(source: EncodedImage | bytes, *, param: str = "image") -> Image.Image:
    """Return the pixels, upright, as "L", "RGB" or "RGBA" in sRGB, with an empty `info`.

    For an image without a colour profile the result is the same as that of `decode`. It raises the same errors as
    `decode`.
    """
    image, header = decode_as_stored(source, param=param)
    # Reuse the name, so that the memory of the first image is freed.
    image = normalize_mode(_to_srgb_in_place(image))
    return apply_orientation(image, header)


def to_srgb(image: Image.Image) -> Image.Image:
    """Return the image in sRGB without a profile. An image without a profile is returned unchanged.

    Grey stays "L". Other profiles give "RGB", or "RGBA" when a pixel is transparent. A profile is ignored when it is
    broken or describes other channels than the image has. Viewers ignore such a profile too, so the owner knows the
    image without it.
    """
    return _to_srgb_in_place(image.copy()) if image.info.get("icc_profile") else image


def _to_srgb_in_place(image: Image.Image) -> Image.Image:
    """Do the same as `to_srgb` for an image that no other code uses: this function may change it in place."""
    icc_profile = image.info.pop("icc_profile", None)
    try:
        matches_mode = (
            icc_profile and image.mode in _MODES_BY_COLOUR_SPACE[_colour_space(icc_profile)]
        )
        return (
            _convert_to_srgb(image, icc_profile)
            if matches_mode and _has_colour_effect(icc_profile)
            else image
        )
    # LittleCMS raises many error types; none of them should fail the edit.
    except Exception:
        return image


def normalize_image(image: EncodedImage) -> EncodedImage:
    """Return the image as it is sent to a provider: upright, sRGB, 8 bits a channel, no CMYK, no metadata.

    An image that already meets all of this is returned unchanged. An image that fails only because it contains
    metadata loses the metadata. Neither of the two is decoded. A palette image keeps its palette. Raises
    InvalidRequest (image_parse_error) like `decode`.
    """
    data, format = image.data, image.format
    if (
        image.has_exif_rotation
        or not is_8bit_grey_or_rgb(data, format)
        or _is_effective_profile(read_icc_profile(data, format))
    ):
        return inspect_image(encode(decode_srgb(image), format))
    stripped = strip_metadata(data, format, profile=False)
    return image if stripped == data else inspect_image(stripped)


def _is_effective_profile(icc_profile: bytes) -> bool:
    """Return whether a colour profile changes the displayed colours. A broken or empty profile does not."""
    try:
        return bool(icc_profile) and _has_colour_effect(icc_profile)
    except Exception:  # for the reason given in _to_srgb_in_place
        return False


@lru_cache(maxsize=4)  # a client usually sends the same few profiles
def _has_colour_effect(icc_profile: bytes) -> bool:
    """Return whether a colour profile changes colours, by applying it to some thousand sample colours.

    The name in a profile proves nothing, so it is not used. Raises an error when the profile is broken.
    """
    if _colour_space(icc_profile) == "CMYK":
        return True
    mode, levels = _PROBES[_colour_space(icc_profile)]
    probe = Image.frombytes(mode, (len(levels) // len(mode), 1), levels)
    difference = ImageChops.difference(_apply_profile(probe, icc_profile), probe.convert("RGB"))
    return any(any(band.histogram()[_MAX_LEVEL_DIFFERENCE + 1 :]) for band in difference.split())


def _colour_space(icc_profile: bytes) -> str:
    """Return the colour space that the profile describes, as an ICC signature such as "RGB" or "GRAY".

    Raises ValueError when the profile is larger than _MAX_PROFILE_BYTES.
    """
    if len(icc_profile) > _MAX_PROFILE_BYTES:
        raise ValueError(f"a colour profile of {len(icc_profile)} bytes")
    return icc_profile[16:20].decode("ascii").strip()


def _convert_to_srgb(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """Return the image in sRGB. The profile must match the channels of the image."""
    if image.mode == "CMYK":
        return _apply_profile(image, icc_profile)
    normalized = normalize_mode(image) if image.mode != "P" else normalize_mode(image.convert())
    if _colour_space(icc_profile) != "GRAY":
        return _apply_profile(normalized, icc_profile, in_place=True)
    result = _apply_profile(normalized.getchannel(0), icc_profile).getchannel(0)
    if normalized.mode == "RGBA":
        result = Image.merge("RGBA", (result, result, result, normalized.getchannel("A")))
    return result


def _apply_profile(
    image: Image.Image, icc_profile: bytes, *, in_place: bool = False
) -> Image.Image:
    """Return the image as "RGB" in sRGB, or as "RGBA" with the same alpha.

    ImageCms is imported here because few images need it and the import takes a few milliseconds.
    """
    from PIL import ImageCms

    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    converted = ImageCms.profileToProfile(
        image,
        BytesIO(icc_profile),
        ImageCms.createProfile("sRGB"),
        outputMode=mode,
        inPlace=in_place,
    )
    result = converted or image
    result.info = {}
    return result
