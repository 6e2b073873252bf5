"""The command line interface. No HTTP request reaches this module, so it may read and write files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from retouch.core.edit_types import EncodedImage, Mask
from retouch.core.errors import InvalidRequest
from retouch.entry_points.account_reports import add_report_commands, run_report_command
from retouch.entry_points.command_parser import add_command
from retouch.imaging.codec import encode, flatten
from retouch.imaging.colour import decode_srgb
from retouch.imaging.inspect import inspect_image
from retouch.imaging.masks.shape_schema import read_adjustments, read_shapes
from retouch.imaging.masks.shapes import adjust_mask, draw_shapes, select_colour, union_masks
from retouch.imaging.masks.write import write_mask
from retouch.imaging.pillow import Image

_EXAMPLES = """\
examples:
  retouch mask photo.png --circle 512,512,200 --out mask.png
  retouch recipe check white.json --photo photo.jpg
  RETOUCH_KEY=rt_... retouch quota
  RETOUCH_KEY=rt_... retouch usage --month 2026-11

`retouch mask --help` and so on say more."""
_MASK_EXAMPLES = """\
Positions are in pixels from the top left corner of the photo. The shapes and colours together are the mask. Examples:

  retouch mask photo.png --circle 450,560,110 --out mask.png --preview look.png
  retouch mask photo.png --polygon "100,100 300,120 200,400" --box 0,0,50,50 --grow 6 --out mask.png
  retouch mask photo.png --colour "#dc1e1e,30" --invert --out mask.png --format white"""
_RECIPE_HELP = "Say what a recipe of an inbox will do with a photo, and what that costs"
_RECIPE_EXAMPLES = """\
It needs no key, asks no provider and buys nothing. Example:

  retouch recipe check white.json --photo photo.jpg"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 for success, 1 for an error. For invalid arguments argparse exits with 2."""
    parsed = _build_parser().parse_args(arguments)
    if parsed.command == "mask":
        return run_mask_command(parsed)
    if parsed.command == "recipe":
        from retouch.entry_points.recipe_check import run_recipe_command  # it loads all providers

        return run_recipe_command(parsed)
    return run_report_command(parsed)


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retouch",
        description="Tools for image edits in the terminal.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    add_arguments(add_command(commands, "mask", HELP, _MASK_EXAMPLES))
    recipe = commands.add_parser(
        "recipe", help="Check a recipe of an inbox", description="Tools for recipes of an inbox."
    )
    actions = recipe.add_subparsers(dest="action", required=True, metavar="action")
    _add_check_arguments(add_command(actions, "check", _RECIPE_HELP, _RECIPE_EXAMPLES))
    add_report_commands(commands)
    return parser


def _add_check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the recipe, named as its folder in the inbox")
    parser.add_argument("--photo", type=Path, help="a photo; without it, one of 1024x1024 pixels")
    parser.add_argument("--mask", type=Path, help="the mask, if the recipe waits for one")


HELP = "Make a mask for a photo from shapes or a colour"
# red, green, blue, and the tolerance in levels
ColourWithTolerance = tuple[tuple[int, int, int], int]

_SHAPE_HELP = {
    "box": "mark a rectangle: its left, its top, its width and its height",
    "circle": "mark a circle: its centre and its radius",
    "ellipse": "mark an ellipse: its centre and its two radii",
}
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
    _add_shape_arguments(parser)
    _add_adjustment_arguments(parser)
    parser.add_argument(
        "--format",
        choices=("alpha", "white"),
        default="alpha",
        help="what marks the area: transparency or white",
    )
    parser.add_argument("--preview", type=Path, help="a PNG of the photo with the marked area red")


def _add_shape_arguments(parser: argparse.ArgumentParser) -> None:
    for kind, fields in _SHAPE_FIELDS.items():
        parser.add_argument(
            f"--{kind}",
            type=_shape_parser(kind),
            **_repeatable_option(",".join(fields), _SHAPE_HELP[kind]),
        )
    parser.add_argument(
        "--polygon",
        type=_parse_polygon,
        **_repeatable_option('"x,y x,y x,y ..."', "mark the area between these corners"),
    )
    parser.add_argument(
        "--colour",
        type=_parse_colour,
        **_repeatable_option(
            "#rrggbb[,TOLERANCE]",
            f"mark every pixel of this colour, {_DEFAULT_TOLERANCE} levels more or less",
        ),
    )
    parser.add_argument(
        "--fraction", action="store_true", help="positions are fractions of the image size, 0 to 1"
    )


def _add_adjustment_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--grow",
        type=float,
        default=0,
        help="grow the mask by this many pixels, or shrink it below 0",
    )
    parser.add_argument("--invert", action="store_true", help="mark everything outside the shapes")
    parser.add_argument(
        "--feather", type=float, default=0, help="the width of a soft inner edge in pixels"
    )


def run_mask_command(arguments: argparse.Namespace) -> int:
    """Return the exit status. An error is written to standard error in one line."""
    try:
        summary = _write_files(arguments)
    except InvalidRequest as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}")
    sys.stdout.write(summary + "\n")
    return 0


def _fail(text: str) -> int:
    sys.stderr.write(f"retouch mask: {text}\n")
    return 1


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


def _repeatable_option(metavar: str, text: str) -> dict[str, Any]:
    """Return the argparse settings of an option that may be repeated."""
    return {
        "action": "append",
        "default": [],
        "metavar": metavar,
        "help": f"{text}; may be repeated",
    }


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
