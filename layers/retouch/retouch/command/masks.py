"""`retouch mask`: make a mask for a photo from shapes or a colour, and look at it before paying."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from retouch.errors import InvalidRequest
from retouch.messages import Mask, Picture
from retouch.pixels.colour import decode_srgb
from retouch.pixels.convert import encode, flatten
from retouch.pixels.inspect import inspect
from retouch.pixels.mask_out import write_mask
from retouch.pixels.measure import unite
from retouch.pixels.shape_form import read_finish, read_shapes
from retouch.pixels.shapes import coloured, marking, painted

HELP = "Make a mask for a photo from shapes or a colour"
Colour = tuple[tuple[int, int, int], int]  # red, green, blue, and the tolerance in levels

_FIELDS = {
    "box": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}
_TINT = (255, 0, 90)
_TOLERANCE = 24


def make(picture: Picture, spec: Mapping[str, Any], colours: Iterable[Colour] = ()) -> Mask:
    """The mask of all shapes of `spec` (see `draw_mask`; here there may be none) and all colours.

    InvalidRequest with the codes of `draw_mask`; a mask that marks everything is allowed.
    """
    finish = read_finish(spec, picture.size, param="mask")
    shapes = read_shapes(spec, picture.size, param="mask") if spec.get("shapes") else ()
    edit = unite([painted(shapes, picture.size), *(coloured(picture, *c) for c in colours)])
    return marking(edit, finish, param="mask", allow_full=True)


def overlay(picture: Picture, mask: Mask) -> bytes:
    """A PNG of the picture on white with what the mask marks tinted."""
    image = flatten(decode_srgb(picture)).convert("RGB")
    tint = Image.new("RGB", image.size, _TINT)
    image.paste(Image.blend(image, tint, 0.6), mask=mask.edit)
    return encode(image, "png")


def declare(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("photo", type=Path, help="the picture that is to be edited")
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    for kind, fields in _FIELDS.items():
        parser.add_argument(f"--{kind}", type=_numbers(kind), **_many(",".join(fields)))
    parser.add_argument("--polygon", type=_polygon, **_many('"x,y x,y x,y ..."'))
    parser.add_argument("--colour", type=_colour, **_many("#rrggbb[,TOLERANCE]"))
    parser.add_argument("--fraction", action="store_true", help="numbers are shares of the picture")
    parser.add_argument("--grow", type=float, default=0, help="widen, or below 0 narrow, all of it")
    parser.add_argument("--invert", action="store_true", help="mark what the shapes leave out")
    parser.add_argument("--feather", type=float, default=0, help="width of a soft rim inside")
    parser.add_argument("--format", choices=("alpha", "white"), default="alpha", help="means edit")
    parser.add_argument("--preview", type=Path, help="a PNG of the photo with the marked part red")


def main(asked: argparse.Namespace) -> int:
    """The exit status. What is wrong is said in one line on the standard error."""
    try:
        told = _act(asked)
    except (InvalidRequest, OSError) as wrong:
        sys.stderr.write(f"retouch mask: {wrong}\n")
        return 1
    sys.stdout.write(told + "\n")
    return 0


def _act(asked: argparse.Namespace) -> str:
    _spare(asked)
    picture = inspect(asked.photo.read_bytes())
    mask = make(picture, _spec(asked), asked.colour)
    alpha = asked.format == "alpha"
    made = write_mask(mask, asked.format, mode="RGBA" if alpha else "L", soft=True)
    asked.out.write_bytes(made.data)
    if asked.preview:
        asked.preview.write_bytes(overlay(picture, mask))
    return f"{asked.out}: {mask.coverage:.1%} of {picture.width}x{picture.height} pixels marked"


def _spare(asked: argparse.Namespace) -> None:
    """InvalidRequest where a file would be written over the photo, or over another that is written."""
    taken = {asked.photo.resolve(): "the photo"}
    for option, path in (("--out", asked.out), ("--preview", asked.preview)):
        if path and path.resolve() in taken:
            raise InvalidRequest(
                f"{option} {path} would overwrite {taken[path.resolve()]}. Give it another name.",
                param=option,
            )
        if path:
            taken[path.resolve()] = "the mask"


def _spec(asked: argparse.Namespace) -> dict[str, Any]:
    shapes = [shape for kind in (*_FIELDS, "polygon") for shape in getattr(asked, kind)]
    unit = "fraction" if asked.fraction else "px"
    finish = {"grow": asked.grow, "invert": asked.invert, "feather": asked.feather}
    return {"shapes": shapes, "unit": unit, **finish}


def _many(form: str) -> dict[str, Any]:
    return {"action": "append", "default": [], "metavar": form, "help": "may be repeated"}


def _numbers(kind: str) -> Any:
    """A reader of that shape's numbers; argparse makes the sentence when it raises ValueError."""

    def read(text: str) -> dict[str, Any]:
        numbers = zip(_FIELDS[kind], map(float, text.split(",")), strict=True)
        return {"type": kind, **dict(numbers)}

    read.__name__ = kind
    return read


def _polygon(text: str) -> dict[str, Any]:
    points = [[float(number) for number in pair.split(",")] for pair in text.split()]
    return {"type": "polygon", "points": points}


def _colour(text: str) -> Colour:
    word, _, tolerance = text.partition(",")
    digits = word.removeprefix("#")
    if len(digits) != 6:
        raise ValueError(text)
    red, green, blue = bytes.fromhex(digits)
    return (red, green, blue), int(tolerance or _TOLERANCE)
