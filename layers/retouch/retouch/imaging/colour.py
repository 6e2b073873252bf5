"""Colour conversion to sRGB.

Every image that goes to a provider, that an embedded editor changes, or that is combined with a provider's result, is
converted to plain sRGB once, when it is decoded. docs/colour.md gives the rules.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from io import BytesIO

from retouch.core.edit_types import EncodedImage
from retouch.core.image_formats import OUTPUT_FORMATS, ImageHeader
from retouch.imaging.codec import apply_orientation, decode_as_stored, encode, normalize_mode
from retouch.imaging.colour_space import (
    ColourSpace,
    colour_space_from_coding_points,
    colour_space_from_gamma,
    level_table,
    to_icc_profile,
)
from retouch.imaging.formats.png_colour import CodingPoints, read_colour_chunks
from retouch.imaging.formats.structure import (
    colour_model,
    is_8bit_grey_or_rgb,
    is_16bit_png,
    read_colour_codes,
    read_icc_profile,
    strip_metadata,
    uses_arithmetic_coding,
)
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.regions import split_into_bands
from retouch.imaging.pillow import Image, ImageChops

_MAX_LEVEL_DIFFERENCE = 2  # levels; the sRGB profiles of different vendors differ by one level
_MAX_PROFILE_BYTES = 4_194_304  # bytes; profiles of printing presses have two or three million
_MODES_BY_COLOUR_SPACE = {
    "RGB": ("RGB", "RGBA", "P", "L", "LA", "1"),  # grey is a colour of every RGB space
    "CMYK": ("CMYK",),
    "GRAY": ("L", "LA", "1", "I;16"),
}
# What the channels are -> the colour spaces of the profiles that apply. Grey is a colour of every RGB space.
_PROFILE_SPACES = {"GRAY": ("GRAY", "RGB"), "RGB": ("RGB",), "CMYK": ("CMYK",)}
_RGB_MATRIX = 0  # the only matrix of ITU-T H.273 that a PNG may name
_SRGB_TRANSFER, _TELEVISION_TRANSFERS = 13, (1, 6, 14, 15)  # ITU-T H.273
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

    For an image without colour information the result is the same as that of `decode`. It raises the same errors as
    `decode`.
    """
    file = _check_once(source, param)
    if file.format == "png":
        image, header = _decode_png(file, param)
    else:
        image, header = decode_as_stored(file, param=param)
        image = convert_coded_colours(image, read_colour_codes(file.data, file.format))
    # Reuse the name, so that the memory of the first image is freed.
    image = normalize_mode(_to_srgb_in_place(image))
    return apply_orientation(image, header)


def _check_once(source: EncodedImage | bytes, param: str) -> EncodedImage:
    """Return the file with its header. A file that was checked before is not checked again."""
    if isinstance(source, bytes):
        return inspect_image(source, param=param)
    return source if source.header else inspect_image(source.data, param=param)


def _decode_png(file: EncodedImage, param: str) -> tuple[Image.Image, ImageHeader]:
    """Return the pixels as stored, and the header. The pixels are sRGB, or `info` has the profile that applies."""
    colour = read_png_colour(file.data)
    if not isinstance(colour, ColourSpace):
        image, header = decode_as_stored(file, param=param)
        return _set_profile(image, colour), header
    if is_16bit_png(file.data, file.format):
        # The levels are mapped before they lose their lower bits.
        levels = level_table(colour, 16)
        image, header = decode_as_stored(file, param=param, levels_16bit=levels)
        colour = colour.with_srgb_levels()
    else:
        image, header = decode_as_stored(file, param=param)
    return _convert_from_space(_set_profile(image, b""), colour), header


def _set_profile(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """Return the image with that profile in place of the one that Pillow has read."""
    image.info.pop("icc_profile", None)
    if icc_profile:
        image.info["icc_profile"] = icc_profile
    return image


def _convert_from_space(image: Image.Image, space: ColourSpace) -> Image.Image:
    """Return the image in sRGB. It may be changed in place."""
    if space.is_srgb:
        return image
    image = normalize_mode(image)
    if not space.has_srgb_primaries:
        return _apply_profile(image, to_icc_profile(space), in_place=True)
    return _map_levels(image, level_table(space, 8))


def _map_levels(image: Image.Image, levels: bytes) -> Image.Image:
    """Replace every level of grey or colour, in place and in bands, because a copy might not fit into memory."""
    table = levels * (1 if image.mode == "L" else 3)
    if image.mode == "RGBA":
        table += bytes(range(256))
    for band in split_into_bands((0, 0, *image.size)):
        image.paste(image.crop(band).point(table), band)
    return image


def convert_coded_colours(image: Image.Image, codes: tuple[int, int] | None) -> Image.Image:
    """Return the image in sRGB. It may be changed in place.

    `codes` are the code points (ITU-T H.273) of its primaries and its transfer function. They have no effect when they
    are not supported, or when the image has a colour profile. The transfer functions of television count as that of
    sRGB, because encoders for video write them into pictures of computers and phones.
    """
    space = None if image.info.get("icc_profile") else _space_from_codes(codes)
    if space is None:
        return image
    return _convert_from_space(image, space.to_grey() if image.mode in ("L", "LA") else space)


def _space_from_codes(codes: tuple[int, int] | None) -> ColourSpace | None:
    """Return the colour space of the code points of a HEIC or AVIF, or None without any that are supported."""
    if codes is None:
        return None
    primaries, transfer = codes
    return colour_space_from_coding_points(
        primaries, _SRGB_TRANSFER if transfer in _TELEVISION_TRANSFERS else transfer
    )


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


def normalize_image(image: EncodedImage, pixels: Image.Image | None = None) -> EncodedImage:
    """Return the image as it is sent to a provider: upright, sRGB, 8 bits a channel, no CMYK, no metadata.

    A file that few decoders read is encoded again: an arithmetic JPEG, and every format that results do not have, which
    becomes a PNG.

    An image that already meets all of this is returned unchanged. An image that fails only because it contains
    metadata loses the metadata. Neither of the two is decoded. A palette image keeps its palette. `pixels` are those of
    `decode_srgb(image)`, if the caller has them. Raises InvalidRequest (image_parse_error) like `decode`.
    """
    data, format = image.data, image.format
    if (
        image.has_exif_rotation
        or format not in OUTPUT_FORMATS
        or not is_8bit_grey_or_rgb(data, format)
        or uses_arithmetic_coding(data, format)
        or has_other_colours(data, format)
    ):
        sent_format = format if format in OUTPUT_FORMATS else "png"
        return inspect_image(encode(pixels or decode_srgb(image), sent_format))
    stripped = strip_metadata(data, format, profile=False)
    # What is left of a checked file is not checked again.
    return image if stripped == data else replace(image, data=stripped)


def has_other_colours(data: bytes, format: str) -> bool:
    """Return whether the colour information of a checked file makes its colours other than sRGB."""
    colour = read_png_colour(data) if format == "png" else _matching_profile(data, format)
    colour = colour or _space_from_codes(read_colour_codes(data, format)) or b""
    if isinstance(colour, ColourSpace):
        return not colour.is_srgb
    return _is_effective_profile(colour)


def _matching_profile(data: bytes, format: str) -> bytes:
    """Return the ICC profile of a checked file, or b"" when it describes other channels than the image has."""
    profile = read_icc_profile(data, format)
    usable_spaces = _PROFILE_SPACES[colour_model(data, format)] if profile else ()
    return profile if _usable_colour_space(profile) in usable_spaces else b""


def read_png_colour(data: bytes) -> ColourSpace | bytes:
    """Return what a checked PNG says about its colours: a colour space, or an ICC profile that can be applied.

    The order is that of the PNG specification, third edition: cICP, iCCP, sRGB, then gAMA with cHRM. Information that
    is invalid or not supported is skipped. Without any the result is b"": the image is sRGB.
    """
    chunks = read_colour_chunks(data)
    space = _coded_space(chunks.coding_points) if chunks.coding_points else None
    usable_spaces = _PROFILE_SPACES["GRAY" if chunks.is_grey else "RGB"]
    if space is None and _usable_colour_space(chunks.icc_profile) in usable_spaces:
        return chunks.icc_profile
    if space is None and not chunks.is_srgb and chunks.gamma is not None:
        space = colour_space_from_gamma(chunks.gamma, chunks.chromaticities)
    if space is None:
        return b""
    return space.to_grey() if chunks.is_grey else space


def _coded_space(points: CodingPoints) -> ColourSpace | None:
    """Return the colour space of a cICP chunk, or None when the chunk is invalid or not supported."""
    if points.matrix != _RGB_MATRIX or points.full_range > 1:
        return None
    return colour_space_from_coding_points(
        points.primaries, points.transfer, full_range=bool(points.full_range)
    )


def _usable_colour_space(icc_profile: bytes) -> str:
    """Return the colour space of a profile that can be applied, or "" for a broken or empty one."""
    if not icc_profile:
        return ""
    try:
        _has_colour_effect(icc_profile)
        return _colour_space(icc_profile)
    except Exception:  # for the reason given in _to_srgb_in_place
        return ""


def _is_effective_profile(icc_profile: bytes) -> bool:
    """Return whether a colour profile changes the displayed colours. A broken or empty profile does not."""
    return bool(_usable_colour_space(icc_profile)) and _has_colour_effect(icc_profile)


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
        if normalized.mode == "L":
            return _apply_profile(normalized.convert("RGB"), icc_profile).getchannel("G")
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
