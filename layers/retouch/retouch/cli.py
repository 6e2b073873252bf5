"""The command line interface. No HTTP request reaches this module, so it may read and write files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from retouch import cli
from retouch.core.edit_types import EncodedImage, Mask
from retouch.core.errors import InvalidRequest
from retouch.imaging.codec import encode, flatten
from retouch.imaging.colour import decode_srgb
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.shape_schema import read_adjustments, read_shapes
from retouch.imaging.masks.shapes import adjust_mask, draw_shapes, select_colour, union_masks
from retouch.imaging.masks.write import write_mask
from retouch.imaging.pillow import Image


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 for success, 1 for an error. For invalid arguments argparse exits with 2."""
    parser = argparse.ArgumentParser(
        prog="retouch", description="Tools for image edits in the terminal"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    cli.add_arguments(commands.add_parser("mask", help=cli.HELP, description=cli.HELP))
    recipe = commands.add_parser("recipe", help="Tools for recipes of an inbox")
    check = recipe.add_subparsers(dest="action", required=True).add_parser("check")
    _add_check_arguments(check)
    parsed = parser.parse_args(arguments)
    if parsed.command == "mask":
        return cli.run_mask_command(parsed)
    from retouch.entry_points.recipe_check import run_recipe_command  # it loads all providers

    return run_recipe_command(parsed)


def _add_check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Say what a recipe of an inbox will do with a photo, and what that costs"
    parser.add_argument("file", type=Path, help="the recipe, named as its folder in the inbox")
    parser.add_argument("--photo", type=Path, help="a photo; without it, one of 1024x1024 pixels")
    parser.add_argument("--mask", type=Path, help="the mask, if the recipe waits for one")


HELP = "Make a mask for a photo from shapes or a colour"
# red, green, blue, and the tolerance in levels
ColourWithTolerance = tuple[tuple[int, int, int], int]

_SHAPE_FIELDS = {
    "box": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}
_OVERLAY_COLOUR = (255, 0, 90)
_DEFAULT_TOLERANCE = 24


def make_mask(
    image: EncodedImage, spec: Mapping[str, Any], colours: Iterable[ColourWithTolerance] = ()
) -> Mask:
    """Return the mask of all shapes of `spec` and all colours.

    `spec` is described in `draw_mask`, but here it may have no shapes. Raises InvalidRequest with the codes of
    `draw_mask`.
    """
    adjustments = read_adjustments(spec, image.size, param="mask")
    shapes = read_shapes(spec, image.size, param="mask") if spec.get("shapes") else ()
    levels = union_masks(
        [draw_shapes(shapes, image.size), *(select_colour(image, *c) for c in colours)]
    )
    return adjust_mask(levels, adjustments, param="mask")


def render_overlay(image: EncodedImage, mask: Mask) -> bytes:
    """Return a PNG of the image on white, with the marked area tinted."""
    pixels = flatten(decode_srgb(image)).convert("RGB")
    tint = Image.new("RGB", pixels.size, _OVERLAY_COLOUR)
    pixels.paste(Image.blend(pixels, tint, 0.6), mask=mask.pixels)
    return encode(pixels, "png")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to the parser."""
    parser.add_argument("photo", type=Path, help="the image to edit")
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    for kind, fields in _SHAPE_FIELDS.items():
        parser.add_argument(
            f"--{kind}", type=_shape_parser(kind), **_repeatable_option(",".join(fields))
        )
    parser.add_argument("--polygon", type=_parse_polygon, **_repeatable_option('"x,y x,y x,y ..."'))
    parser.add_argument("--colour", type=_parse_colour, **_repeatable_option("#rrggbb[,TOLERANCE]"))
    parser.add_argument(
        "--fraction", action="store_true", help="numbers are fractions of the image size"
    )
    parser.add_argument(
        "--grow", type=float, default=0, help="grow (or, below 0, shrink) all of it"
    )
    parser.add_argument("--invert", action="store_true", help="mark everything outside the shapes")
    parser.add_argument("--feather", type=float, default=0, help="width of the soft inner edge")
    parser.add_argument(
        "--format", choices=("alpha", "white"), default="alpha", help="what means edit"
    )
    parser.add_argument("--preview", type=Path, help="a PNG of the photo with the marked area red")


def run_mask_command(arguments: argparse.Namespace) -> int:
    """Return the exit status. An error is written to standard error in one line."""
    try:
        summary = _write_files(arguments)
    except (InvalidRequest, OSError) as error:
        sys.stderr.write(f"retouch mask: {error}\n")
        return 1
    sys.stdout.write(summary + "\n")
    return 0


def _write_files(arguments: argparse.Namespace) -> str:
    """Write the mask file and the preview. Return the summary for standard output."""
    _check_output_paths(arguments)
    image = inspect_image(arguments.photo.read_bytes())
    mask = make_mask(image, _mask_spec(arguments), arguments.colour)
    uses_alpha = arguments.format == "alpha"
    mask_file = write_mask(mask, arguments.format, mode="RGBA" if uses_alpha else "L", soft=True)
    arguments.out.write_bytes(mask_file.data)
    if arguments.preview:
        arguments.preview.write_bytes(render_overlay(image, mask))
    return f"{arguments.out}: {mask.coverage:.1%} of {image.width}x{image.height} pixels marked"


def _check_output_paths(arguments: argparse.Namespace) -> None:
    """Raise InvalidRequest when an output file would overwrite the photo or the other output file."""
    used_paths = {arguments.photo.resolve(): "the photo"}
    for option, path in (("--out", arguments.out), ("--preview", arguments.preview)):
        if path and path.resolve() in used_paths:
            raise InvalidRequest(
                f"{option} {path} would overwrite {used_paths[path.resolve()]}. Give it another name.",
                param=option,
            )
        if path:
            used_paths[path.resolve()] = "the mask"


def _mask_spec(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the mask description for the arguments."""
    shapes = [shape for kind in (*_SHAPE_FIELDS, "polygon") for shape in getattr(arguments, kind)]
    unit = "fraction" if arguments.fraction else "px"
    adjustments = {"grow": arguments.grow, "invert": arguments.invert, "feather": arguments.feather}
    return {"shapes": shapes, "unit": unit, **adjustments}


def _repeatable_option(metavar: str) -> dict[str, Any]:
    """Return the argparse settings of an option that may be repeated."""
    return {"action": "append", "default": [], "metavar": metavar, "help": "may be repeated"}


def _shape_parser(kind: str) -> Any:
    """Return a parser for the numbers of that shape.

    argparse writes the error message when the parser raises ValueError.
    """

    def parse_numbers(text: str) -> dict[str, Any]:
        numbers = zip(_SHAPE_FIELDS[kind], map(float, text.split(",")), strict=True)
        return {"type": kind, **dict(numbers)}

    parse_numbers.__name__ = kind
    return parse_numbers


def _parse_polygon(text: str) -> dict[str, Any]:
    points = [[float(number) for number in pair.split(",")] for pair in text.split()]
    return {"type": "polygon", "points": points}


def _parse_colour(text: str) -> ColourWithTolerance:
    hex_colour, _, tolerance = text.partition(",")
    digits = hex_colour.removeprefix("#")
    if len(digits) != 6:
        raise ValueError(text)
    red, green, blue = bytes.fromhex(digits)
    return (red, green, blue), int(tolerance or _DEFAULT_TOLERANCE)
