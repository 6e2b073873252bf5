"""The list of operations: their fields, what they do, how they are said. There is nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from retouch.operations import area, geometry, tone
from retouch.operations.area import Run, opaque, whole, within
from retouch.operations.forms import (
    ColourSpec,
    LengthSpec,
    RegionSpec,
    ShapeSpec,
    TargetSpec,
    WritingSpec,
)
from retouch.operations.values import Change
from retouch.operations.writing import POSITIONS, write
from retouch.specs import Choice, Real, Spec

MOST_STEPS = 12
_QUICK = 30


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an operation. `default` is what might be sent; None: it must be sent."""

    spec: Spec
    meaning: str = ""
    default: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. `says` names fields in braces; `moves` means that a mask cannot confine it."""

    name: str
    does: str
    says: str
    run: Run
    fields: Mapping[str, Field] = field(default_factory=dict)
    moves: bool = False
    most: int = MOST_STEPS  # in one plan
    effort: int = (
        _QUICK  # milliseconds of one core for a million pixels of the part it works on, roughly
    )


REGION = Field(RegionSpec(), "where", {})
_FACTOR = {"factor": Field(Real(0, 4), "1 changes nothing")}
_WHERE = {"region": REGION}


# Where it is much more than quick, as measured with transparency.
_EFFORTS = {
    "erase": 500,
    "rotate": 210,
    "straighten": 190,
    "blur": 110,
    "resize": 90,
    "sharpness": 60,
}


def _moving(name: str, change: Change, does: str, says: str, **fields: Field) -> Operation:
    effort = _EFFORTS.get(name, _QUICK)
    run = whole(change)
    return Operation(
        name=name, does=does, says=says, run=run, fields=fields, moves=True, effort=effort
    )


def _local(name: str, change: Change, does: str, says: str, **fields: Field) -> Operation:
    effort = _EFFORTS.get(name, _QUICK)
    where = {**fields, **_WHERE}
    return Operation(
        name=name, does=does, says=says, run=within(change), fields=where, effort=effort
    )


def _toned(name: str, change: Change, does: str, says: str, **fields: Field) -> Operation:
    return _local(name, opaque(change), does, says, **fields)


OPERATIONS: Mapping[str, Operation] = {
    operation.name: operation
    for operation in (
        _moving(
            "crop",
            geometry.crop,
            "keep only a region",
            "crop to {region}",
            region=Field(RegionSpec(), "what is kept"),
        ),
        _moving(
            "crop_shape",
            geometry.crop_shape,
            "cut to a shape, keeping as much as possible",
            "crop to the shape {shape}, keeping the {keep}",
            shape=Field(ShapeSpec()),
            keep=Field(
                Choice(("centre", "left", "right", "top", "bottom"), {"center": "centre"}),
                "the part that must stay",
                "centre",
            ),
        ),
        _moving(
            "rotate",
            geometry.rotate,
            "turn clockwise, keeping every corner",
            "rotate by {angle:g} degrees clockwise",
            angle=Field(Real(-360, 360), "degrees clockwise"),
            fill=Field(ColourSpec(clear=True), "of the new corners", "transparent"),
        ),
        _moving(
            "straighten",
            geometry.straighten,
            "turn clockwise a little and cut off the empty corners",
            "straighten by {angle:g} degrees clockwise",
            angle=Field(Real(-45, 45), "degrees clockwise"),
        ),
        _moving(
            "flip",
            geometry.flip,
            "mirror",
            "flip {axis}",
            axis=Field(
                Choice(
                    ("left-right", "top-bottom"),
                    {"horizontal": "left-right", "vertical": "top-bottom"},
                )
            ),
        ),
        _moving("resize", geometry.resize, "scale", "resize to {to}", to=Field(TargetSpec())),
        _moving(
            "pad",
            geometry.pad,
            "extend to a shape without cutting anything",
            "pad to the shape {shape} with {color}",
            shape=Field(ShapeSpec()),
            color=Field(ColourSpec(clear=True), default="white"),
        ),
        _moving(
            "border",
            geometry.border,
            "add a frame around the picture",
            "add a {color} border of {width}",
            width=Field(LengthSpec(), "of the shorter edge", 0.03),
            color=Field(ColourSpec(clear=True), default="black"),
        ),
        _local(
            "blur",
            area.blur,
            "blur",
            "blur {region}",
            radius=Field(LengthSpec(), "of the region's shorter edge", 0.05),
        ),
        _local(
            "pixelate",
            area.pixelate,
            "make unrecognisable with large squares",
            "pixelate {region}",
            block=Field(LengthSpec(), "of the region's shorter edge", 0.1),
        ),
        Operation(
            name="erase",
            does="remove what is there and fill it from its surroundings",
            says="erase {region}",
            run=area.erase,
            fields={"region": Field(RegionSpec(), "a little larger than what is to go")},
            most=3,
            effort=_EFFORTS["erase"],
        ),
        _toned(
            "brightness",
            tone.brightness,
            "make lighter or darker",
            "brightness of {region} times {factor:g}",
            **_FACTOR,
        ),
        _toned(
            "contrast",
            tone.contrast,
            "raise or lower the contrast",
            "contrast of {region} times {factor:g}",
            **_FACTOR,
        ),
        _toned(
            "saturation",
            tone.saturation,
            "make colours stronger or weaker",
            "saturation of {region} times {factor:g}",
            **_FACTOR,
        ),
        _toned(
            "sharpness",
            tone.sharpness,
            "sharpen, or soften below 1",
            "sharpness of {region} times {factor:g}",
            **_FACTOR,
        ),
        _toned("greyscale", tone.greyscale, "make black and white", "make {region} greyscale"),
        _toned("sepia", tone.sepia, "make brown like an old photo", "make {region} sepia"),
        _toned(
            "tint",
            tone.tint,
            "mix with a colour",
            "tint {region} {color}",
            color=Field(ColourSpec()),
            strength=Field(Real(0, 1), "1 leaves only the colour", 0.3),
        ),
        _local(
            "text",
            write,
            "write text on the picture",
            'write "{text}" at the {position} of {region}',
            text=Field(WritingSpec(200)),
            position=Field(Choice(POSITIONS, {"center": "centre"}), "in the region", "bottom"),
            size=Field(LengthSpec(), "height of a line, of the region's height", 0.08),
            color=Field(ColourSpec(), default="white"),
            outline=Field(ColourSpec(clear=True), "around the letters", "black"),
        ),
        _local(
            "background",
            area.background,
            "put a colour behind transparent pixels",
            "fill the transparent pixels of {region} with {color}",
            color=Field(ColourSpec()),
        ),
    )
}
