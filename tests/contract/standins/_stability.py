"""The rules and results of the Stability services, from their OpenAPI document. They are the same on every host."""

import re

from PIL import Image

from tests.contract.paint import decode_image, encode_image, repaint
from tests.contract.standin import MAGENTA, Failure
from tests.support.upstream import ScriptedResponse, json_response

STYLES = (
    "3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance",
    "fantasy-art", "isometric", "line-art", "low-poly", "modeling-compound", "neon-punk",
    "origami", "photographic", "pixel-art", "tile-texture",
)  # fmt: skip
RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
EDGES = ("left", "right", "up", "down")
MAX_PIXELS = 9_437_184
NUMBER_PATTERN = re.compile(r"[0-9]+(\.[0-9]+)?")


def int_between(low, high):
    return lambda value: re.fullmatch("[0-9]+", str(value)) and low <= int(value) <= high


def float_between(low, high):
    return lambda value: NUMBER_PATTERN.fullmatch(str(value)) and low <= float(value) <= high


def one_of(*values):
    return lambda value: value in values


def text_up_to(max_length=10_000):
    return lambda value: isinstance(value, str) and 1 <= len(value) <= max_length


UNIT_RANGE = float_between(0, 1)
SEED = int_between(0, 4_294_967_294)
FORMAT = one_of("png", "jpeg", "webp")
OUTPUT_FIELDS = {"seed": SEED, "output_format": FORMAT}
GUIDED_FIELDS = {**OUTPUT_FIELDS, "negative_prompt": text_up_to(), "style_preset": one_of(*STYLES)}
SEARCH_FIELDS = {**GUIDED_FIELDS, "prompt": text_up_to(), "grow_mask": int_between(0, 20)}
CONTROL_FIELDS = {**GUIDED_FIELDS, "prompt": text_up_to(), "control_strength": UNIT_RANGE}
ASPECT_RATIO_FIELDS = {**GUIDED_FIELDS, "prompt": text_up_to(), "aspect_ratio": one_of(*RATIOS)}
DIFFUSION_FIELDS = {
    **GUIDED_FIELDS,
    "prompt": text_up_to(),
    "strength": UNIT_RANGE,
    "mode": one_of("image-to-image"),
    "model": one_of("sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium", "sd3.5-flash"),
    "cfg_scale": float_between(1, 10),
    "output_format": one_of("png", "jpeg"),
}
RELIGHT_FIELDS = {
    **OUTPUT_FIELDS,
    "background_prompt": text_up_to(),
    "foreground_prompt": text_up_to(),
    "negative_prompt": text_up_to(),
    "preserve_original_subject": UNIT_RANGE,
    "original_background_depth": UNIT_RANGE,
    "keep_original_background": one_of("true", "false"),
    "light_source_direction": one_of("left", "right", "above", "below"),
    "light_source_strength": UNIT_RANGE,
}
OUTPAINT_FIELDS = {
    **OUTPUT_FIELDS,
    **dict.fromkeys(EDGES, int_between(0, 2000)),
    "creativity": UNIT_RANGE,
    "prompt": text_up_to(),
    "style_preset": one_of(*STYLES),
}
TRANSFER_FIELDS = {
    **OUTPUT_FIELDS,
    "prompt": text_up_to(),
    "negative_prompt": text_up_to(),
    "composition_fidelity": UNIT_RANGE,
    "style_strength": UNIT_RANGE,
    "change_strength": float_between(0.1, 1),
}
# Per operation: the rules of the permitted fields, and the required fields, including images.
SERVICES = {
    "inpaint": (
        {**GUIDED_FIELDS, "prompt": text_up_to(), "grow_mask": int_between(0, 100)},
        "image prompt",
    ),
    "erase": ({**OUTPUT_FIELDS, "grow_mask": int_between(0, 20)}, "image"),
    "outpaint": (OUTPAINT_FIELDS, "image"),
    "search-and-replace": (
        {**SEARCH_FIELDS, "search_prompt": text_up_to()},
        "image prompt search_prompt",
    ),
    "search-and-recolor": (
        {**SEARCH_FIELDS, "select_prompt": text_up_to()},
        "image prompt select_prompt",
    ),
    "remove-background": ({"output_format": one_of("png", "webp")}, "image"),
    "replace-background-and-relight": (RELIGHT_FIELDS, "subject_image"),
    "image-to-image": (DIFFUSION_FIELDS, "image prompt strength mode"),
    "ultra": ({**ASPECT_RATIO_FIELDS, "strength": UNIT_RANGE}, "image prompt strength"),
    "control-sketch": (CONTROL_FIELDS, "image prompt"),
    "control-structure": (CONTROL_FIELDS, "image prompt"),
    "control-style": ({**ASPECT_RATIO_FIELDS, "fidelity": UNIT_RANGE}, "image prompt"),
    "style-transfer": (TRANSFER_FIELDS, "init_image style_image"),
}
IMAGE_FIELDS = {
    "replace-background-and-relight": ("subject_image", "background_reference", "light_reference"),
    "style-transfer": ("init_image", "style_image"),
}
MASKED_OPERATIONS = ("inpaint", "erase")


class BadRequest(Exception):
    """An error in a request that the real service would refuse."""


def check_request(operation, fields, files):
    """Raises BadRequest for everything that the operation does not accept."""
    rules, required = SERVICES[operation]
    names = (
        *IMAGE_FIELDS.get(operation, ("image",)),
        *(("mask",) if operation in MASKED_OPERATIONS else ()),
    )
    for name, value in fields.items():
        if name not in rules:
            raise BadRequest(f"{name}: is not allowed")
        if not rules[name](value):
            raise BadRequest(f"{name}: {value!r} is not valid")
    if unknown := set(files) - set(names):
        raise BadRequest(f"{', '.join(unknown)}: not allowed")
    if missing := set(required.split()) - {*fields, *files}:
        raise BadRequest(f"{', '.join(missing)}: cannot be blank")
    if operation == "outpaint" and not any(int(fields.get(edge, 0)) for edge in EDGES):
        raise BadRequest("at least one direction must be non-zero")
    check_relight(operation, fields, files)
    if operation in MASKED_OPERATIONS and "mask" not in files and not has_alpha(files["image"]):
        raise BadRequest("neither a mask nor an alpha channel")


def check_relight(operation, fields, files):
    """Require a new background. Require a light source or a light reference when a light strength is set."""
    if operation != "replace-background-and-relight":
        return
    if not {"background_prompt", "background_reference"} & {*fields, *files}:
        raise BadRequest("background_prompt or background_reference: one of them is required")
    light_fields = {"light_source_direction", "light_reference"} & {*fields, *files}
    if "light_source_strength" in fields and not light_fields:
        raise BadRequest("light_source_strength: needs light_reference or light_source_direction")


def has_alpha(data):
    return "A" in decode_image(data).getbands()


def check_image(data, max_pixels, max_aspect_ratio):
    image = decode_image(data)
    width, height = image.size
    if image.format not in ("PNG", "JPEG", "WEBP"):
        raise BadRequest(f"{image.format} is not supported")
    if min(image.size) < 64 or not 4096 <= width * height <= max_pixels:
        raise BadRequest(f"{width}x{height} is not a permitted size")
    if max_aspect_ratio and max(image.size) > max_aspect_ratio * min(image.size):
        raise BadRequest("the aspect ratio must be between 1:2.5 and 2.5:1")


def paint_result(operation, fields, files):
    """Return the result: magenta wherever the service paints."""
    image_data = files[IMAGE_FIELDS.get(operation, ("image",))[0]]
    output_format = fields.get("output_format", "png")
    if operation == "remove-background":
        image = decode_image(image_data).convert("RGBA")
        image.paste((0, 0, 0, 0), (0, 0, image.width // 4, image.height // 4))
        return encode_image(image, output_format)
    if operation == "outpaint":
        return outpaint(
            decode_image(image_data), [int(fields.get(edge, 0)) for edge in EDGES], output_format
        )
    if operation not in MASKED_OPERATIONS:
        return repaint(image_data, None, output_format)
    if "mask" in files:
        # The service reads the colours of the mask. A mask in another format would edit the wrong region.
        return repaint(image_data, decode_image(files["mask"]).convert("L"), output_format)
    edit_mask = decode_image(image_data).getchannel("A").point(lambda alpha: 255 - alpha)
    return repaint(image_data, edit_mask, output_format)


def outpaint(image, edges, output_format):
    """Return the image on a larger canvas. A canvas with an edge above 1024 is scaled down for speed."""
    left, right, up, down = edges
    width, height = image.width + left + right, image.height + up + down
    scale = min(1.0, 1024 / max(width, height))
    canvas = Image.new("RGB", (round(width * scale), round(height * scale)), MAGENTA)
    inner = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    canvas.paste(image.resize(inner), (round(left * scale), round(up * scale)))
    return encode_image(canvas, output_format)


def expected_failure(response, status, code, billed="no"):
    return Failure([response], status, code, billed)


PROVIDER_ERROR = (502, "provider_error", "unknown")
CREDENTIALS_ERROR = (500, "provider_credentials")
RATE_LIMIT_ERROR = (429, "rate_limit_exceeded")


def server_failures():
    """Return the failures of any broken server."""
    html_headers = {"content-type": "text/html"}
    cut_response = ScriptedResponse(200, b'{"image": "' + b"A" * 5000, network_failure="cut")
    return {
        "server_error_html": expected_failure(
            ScriptedResponse(500, b"<html>", html_headers), *PROVIDER_ERROR
        ),
        "gateway_timeout": expected_failure(
            ScriptedResponse(504, b""), 504, "deadline_exceeded", "unknown"
        ),
        "strange": expected_failure(json_response({}), *PROVIDER_ERROR),
        "strange_html": expected_failure(
            ScriptedResponse(200, b"<html>", html_headers), *PROVIDER_ERROR
        ),
        "cut": expected_failure(cut_response, *PROVIDER_ERROR),
        "reset": expected_failure(ScriptedResponse(network_failure="reset"), *PROVIDER_ERROR),
    }
