"""The command `retouch recipe check`: what a recipe will do and cost. It asks for a plan, and calls no provider."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pybase64

from retouch.api.edit_context import event_context
from retouch.api.handlers.edits import Handler
from retouch.api.response.edit import render_invocation
from retouch.core.errors import InvalidRequest
from retouch.entry_points.edit_function import build_function
from retouch.gateway.authentication import Principal
from retouch.gateway.pipeline import edit_image
from retouch.gateway.result import EditResult
from retouch.gateway.services import Services
from retouch.imaging.pillow import Image
from retouch.inbox.object_names import InboxName, output_key
from retouch.inbox.recipe import Recipe, is_recipe_name, parse_recipe

_SAMPLE_SIZE = (1024, 1024)
_PLAN_SECONDS = 60
_ENVIRONMENT = {"RETOUCH_AUTH_MODE": "open"}  # a plan needs no key


def run_recipe_command(arguments: argparse.Namespace) -> int:
    """Return the exit status. An error is written to standard error in one line."""
    try:
        recipe = _read_recipe(arguments.file)
        photo = arguments.photo.read_bytes() if arguments.photo else _sample_photo()
        mask = arguments.mask.read_bytes() if arguments.mask else None
        plan = _make_plan(recipe, photo, mask)
    except InvalidRequest as error:
        return _fail(f"{arguments.file}: {error}")
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}")
    name = arguments.photo.name if arguments.photo else "photo.png"
    sys.stdout.write("\n".join(_describe(recipe, InboxName(recipe.name, name), plan)) + "\n")
    return 0


def _fail(text: str) -> int:
    sys.stderr.write(f"retouch recipe check: {text}\n")
    return 1


def _read_recipe(file: Path) -> Recipe:
    if file.suffix != ".json" or not is_recipe_name(file.stem):
        raise InvalidRequest(
            "The name of a recipe is 1 to 64 letters, digits, '.', '-' and '_', and then .json. Rename the file."
        )
    return parse_recipe(file.stem, file.read_bytes(), etag="")


def _sample_photo() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize(_SAMPLE_SIZE).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _sample_mask(photo: bytes) -> bytes:
    """Return a mask that marks the middle of the photo, for a recipe whose masks are files."""
    size = Image.open(io.BytesIO(photo)).size
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    box = (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4)
    mask.paste((0, 0, 0, 0), box)
    buffer = io.BytesIO()
    mask.save(buffer, "PNG")
    return buffer.getvalue()


def _make_plan(recipe: Recipe, photo: bytes, mask: bytes | None) -> Mapping[str, Any]:
    """Return the plan of the gateway for one photo. Raises InvalidRequest with the error of the gateway."""
    edit = {**recipe.edit, "images": [_data_url(photo)], "dry_run": True}
    if isinstance(recipe.mask, Mapping):
        edit["mask"] = recipe.mask
    elif recipe.mask == "alpha":
        edit["mask"] = _data_url(photo)
    elif recipe.mask == "sibling":
        edit["mask"] = _data_url(mask or _sample_mask(photo))
    make_plan = build_function(_plan_builder, _ENVIRONMENT)
    plan: Mapping[str, Any] = make_plan(edit, None)
    if "error" in plan:
        raise InvalidRequest(f"{plan['error']['message']} ({plan['error']['code']})")
    return plan


def _plan_builder(services: Services, *_: object) -> Handler:
    """Return the function that makes the plan of an edit, without the log of a function."""

    def make_plan(edit: Any, _: Any) -> dict[str, Any]:
        deadline = services.clock.now() + _PLAN_SECONDS
        try:
            context = event_context(
                edit, Principal(is_operator=True), "recipe-check", deadline, services.settings
            )
            result = edit_image(context, services)
        except InvalidRequest as fault:
            result = EditResult(fault)
        return render_invocation(result)

    return make_plan


def _describe(recipe: Recipe, name: InboxName, plan: Mapping[str, Any]) -> Iterator[str]:
    answer, (call, *_) = plan["answer"], plan["calls"]
    image_format = answer["output_format"] or "png"
    extension = {"jpeg": "jpg"}.get(image_format, image_format)
    size = "x".join(map(str, answer["size"])) if answer["size"] else "chosen by the provider"
    cost = plan["cost_usd"]
    yield f"inbox/{recipe.name}/{name.name} becomes {output_key(recipe.output, name, extension, 0)}"
    yield f"model: {plan['model']}, images: {call['n']}, size: {size}"
    yield f"prompt: {call.get('prompt') or '(none)'}"
    yield f"mask: {_mask_text(recipe)}"
    yield f"cost of one photo: {'not known' if cost is None else f'${cost}'}"
    yield f"the same file again: {'no purchase' if recipe.on_same == 'skip' else 'another purchase'}"
    yield from (f"note: {note}" for note in plan["notes"])


def _mask_text(recipe: Recipe) -> str:
    if isinstance(recipe.mask, Mapping):
        return "the shapes of the recipe"
    texts = {"none": "none", "alpha": "the transparency of the photo", "sibling": "waits for it"}
    return texts[recipe.mask]


def _data_url(data: bytes) -> dict[str, str]:
    return {"image_url": f"data:image/png;base64,{pybase64.b64encode_as_string(data)}"}
