"""The complete list of operations: their fields, their functions and their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from retouch.core.frozen_dataclass import frozen_dataclass
from retouch.core.parameters import EnumParam, FloatParam, ParameterSpec
from retouch.imaging.operations import area, geometry, tone
from retouch.imaging.operations.area import (
    MaskedImageFunction,
    preserve_alpha,
    run_on_whole_image,
    run_within_region,
)
from retouch.imaging.operations.schema import (
    AspectRatioParam,
    ColourParam,
    LengthParam,
    RegionParam,
    TargetSizeParam,
    TextParam,
)
from retouch.imaging.operations.text import POSITIONS, write_text
from retouch.imaging.operations.values import ImageFunction

MAX_STEPS = 12
_DEFAULT_MS_PER_MEGAPIXEL = 30


@frozen_dataclass
class OperationField:
    """One field of an operation. `default` is a value in the form in which it would be sent; None means required."""

    spec: ParameterSpec
    description: str = ""
    default: Any = None


@frozen_dataclass(kw_only=True)
class Operation:
    """One operation.

    `phrase_template` names fields in braces. `changes_geometry` means that a mask cannot confine the operation.
    """

    name: str
    description: str
    phrase_template: str
    run: MaskedImageFunction
    fields: Mapping[str, OperationField] = field(default_factory=dict)
    changes_geometry: bool = False
    max_uses: int = MAX_STEPS  # in one list of steps
    # approximate milliseconds of one core per million pixels of the part
    ms_per_megapixel: int = _DEFAULT_MS_PER_MEGAPIXEL


REGION_FIELD = OperationField(RegionParam(), "where", {})
_FACTOR_FIELDS = {"factor": OperationField(FloatParam(0, 4), "1 changes nothing")}
_REGION_FIELDS = {"region": REGION_FIELD}


# Operations that take much longer than the default, measured with transparency.
_MS_PER_MEGAPIXEL = {
    "erase": 500,
    "rotate": 210,
    "straighten": 190,
    "blur": 110,
    "resize": 90,
    "sharpness": 60,
}


def _geometry_operation(
    name: str,
    function: ImageFunction,
    description: str,
    phrase_template: str,
    **fields: OperationField,
) -> Operation:
    ms_per_megapixel = _MS_PER_MEGAPIXEL.get(name, _DEFAULT_MS_PER_MEGAPIXEL)
    run = run_on_whole_image(function)
    return Operation(
        name=name,
        description=description,
        phrase_template=phrase_template,
        run=run,
        fields=fields,
        changes_geometry=True,
        ms_per_megapixel=ms_per_megapixel,
    )


def _region_operation(
    name: str,
    function: ImageFunction,
    description: str,
    phrase_template: str,
    **fields: OperationField,
) -> Operation:
    ms_per_megapixel = _MS_PER_MEGAPIXEL.get(name, _DEFAULT_MS_PER_MEGAPIXEL)
    all_fields = {**fields, **_REGION_FIELDS}
    return Operation(
        name=name,
        description=description,
        phrase_template=phrase_template,
        run=run_within_region(function),
        fields=all_fields,
        ms_per_megapixel=ms_per_megapixel,
    )


def _tone_operation(
    name: str,
    function: ImageFunction,
    description: str,
    phrase_template: str,
    **fields: OperationField,
) -> Operation:
    return _region_operation(name, preserve_alpha(function), description, phrase_template, **fields)


OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        _geometry_operation(
            "crop",
            geometry.crop,
            "keep only a region",
            "crop to {region}",
            region=OperationField(RegionParam(), "what is kept"),
        ),
        _geometry_operation(
            "crop_shape",
            geometry.crop_shape,
            "cut to a shape, keeping as much as possible",
            "crop to the shape {shape}, keeping the {keep}",
            shape=OperationField(AspectRatioParam()),
            keep=OperationField(
                EnumParam(("centre", "left", "right", "top", "bottom"), {"center": "centre"}),
                "the part that must stay",
                "centre",
            ),
        ),
        _geometry_operation(
            "rotate",
            geometry.rotate,
            "turn clockwise, keeping every corner",
            "rotate by {angle:g} degrees clockwise",
            angle=OperationField(FloatParam(-360, 360), "degrees clockwise"),
            fill=OperationField(
                ColourParam(allow_transparent=True), "of the new corners", "transparent"
            ),
        ),
        _geometry_operation(
            "straighten",
            geometry.straighten,
            "turn clockwise a little and cut off the empty corners",
            "straighten by {angle:g} degrees clockwise",
            angle=OperationField(FloatParam(-45, 45), "degrees clockwise"),
        ),
        _geometry_operation(
            "flip",
            geometry.flip,
            "mirror",
            "flip {axis}",
            axis=OperationField(
                EnumParam(
                    ("left-right", "top-bottom"),
                    {"horizontal": "left-right", "vertical": "top-bottom"},
                )
            ),
        ),
        _geometry_operation(
            "resize",
            geometry.resize,
            "scale",
            "resize to {to}",
            to=OperationField(TargetSizeParam()),
        ),
        _geometry_operation(
            "pad",
            geometry.pad,
            "extend to a shape without cutting anything",
            "pad to the shape {shape} with {color}",
            shape=OperationField(AspectRatioParam()),
            color=OperationField(ColourParam(allow_transparent=True), default="white"),
        ),
        _geometry_operation(
            "border",
            geometry.border,
            "add a frame around the picture",
            "add a {color} border of {width}",
            width=OperationField(LengthParam(), "of the shorter edge", 0.03),
            color=OperationField(ColourParam(allow_transparent=True), default="black"),
        ),
        _region_operation(
            "blur",
            area.blur,
            "blur",
            "blur {region}",
            radius=OperationField(LengthParam(), "of the region's shorter edge", 0.05),
        ),
        _region_operation(
            "pixelate",
            area.pixelate,
            "make unrecognisable with large squares",
            "pixelate {region}",
            block=OperationField(LengthParam(), "of the region's shorter edge", 0.1),
        ),
        Operation(
            name="erase",
            description="remove what is there and fill it from its surroundings",
            phrase_template="erase {region}",
            run=area.erase,
            fields={"region": OperationField(RegionParam(), "a little larger than what is to go")},
            max_uses=3,
            ms_per_megapixel=_MS_PER_MEGAPIXEL["erase"],
        ),
        _tone_operation(
            "brightness",
            tone.brightness,
            "make lighter or darker",
            "brightness of {region} times {factor:g}",
            **_FACTOR_FIELDS,
        ),
        _tone_operation(
            "contrast",
            tone.contrast,
            "raise or lower the contrast",
            "contrast of {region} times {factor:g}",
            **_FACTOR_FIELDS,
        ),
        _tone_operation(
            "saturation",
            tone.saturation,
            "make colours stronger or weaker",
            "saturation of {region} times {factor:g}",
            **_FACTOR_FIELDS,
        ),
        _tone_operation(
            "sharpness",
            tone.sharpness,
            "sharpen, or soften below 1",
            "sharpness of {region} times {factor:g}",
            **_FACTOR_FIELDS,
        ),
        _tone_operation(
            "greyscale", tone.greyscale, "make black and white", "make {region} greyscale"
        ),
        _tone_operation("sepia", tone.sepia, "make brown like an old photo", "make {region} sepia"),
        _tone_operation(
            "tint",
            tone.tint,
            "mix with a colour",
            "tint {region} {color}",
            color=OperationField(ColourParam()),
            strength=OperationField(FloatParam(0, 1), "1 leaves only the colour", 0.3),
        ),
        _region_operation(
            "text",
            write_text,
            "write text on the picture",
            'write "{text}" at the {position} of {region}',
            text=OperationField(TextParam(200)),
            position=OperationField(
                EnumParam(POSITIONS, {"center": "centre"}), "in the region", "bottom"
            ),
            size=OperationField(LengthParam(), "height of a line, of the region's height", 0.08),
            color=OperationField(ColourParam(), default="white"),
            outline=OperationField(
                ColourParam(allow_transparent=True), "around the letters", "black"
            ),
        ),
        _region_operation(
            "background",
            area.background,
            "put a colour behind transparent pixels",
            "fill the transparent pixels of {region} with {color}",
            color=OperationField(ColourParam()),
        ),
    )
}
