"""What the Stability services take and paint, by their OpenAPI document; the same on every host."""

import re

from PIL import Image

from tests.contract.paint import encoded, opened, repainted
from tests.contract.standin import MAGENTA, Failure
from tests.support.upstream import Answer, as_json

STYLES = (
    "3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance",
    "fantasy-art", "isometric", "line-art", "low-poly", "modeling-compound", "neon-punk",
    "origami", "photographic", "pixel-art", "tile-texture",
)  # fmt: skip
RATIOS = ("16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21")
EDGES = ("left", "right", "up", "down")
LARGEST = 9_437_184
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def whole(low, high):
    return lambda value: re.fullmatch("[0-9]+", str(value)) and low <= int(value) <= high


def real(low, high):
    return lambda value: NUMBER.fullmatch(str(value)) and low <= float(value) <= high


def one_of(*values):
    return lambda value: value in values


def text(longest=10_000):
    return lambda value: isinstance(value, str) and 1 <= len(value) <= longest


SHARE = real(0, 1)
SEED = whole(0, 4_294_967_294)
FORMAT = one_of("png", "jpeg", "webp")
MADE = {"seed": SEED, "output_format": FORMAT}
GUIDED = {**MADE, "negative_prompt": text(), "style_preset": one_of(*STYLES)}
SEARCH = {**GUIDED, "prompt": text(), "grow_mask": whole(0, 20)}
CONTROL = {**GUIDED, "prompt": text(), "control_strength": SHARE}
SHAPED = {**GUIDED, "prompt": text(), "aspect_ratio": one_of(*RATIOS)}
DIFFUSION = {
    **GUIDED,
    "prompt": text(),
    "strength": SHARE,
    "mode": one_of("image-to-image"),
    "model": one_of("sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium", "sd3.5-flash"),
    "cfg_scale": real(1, 10),
    "output_format": one_of("png", "jpeg"),
}
RELIGHT = {
    **MADE,
    "background_prompt": text(),
    "foreground_prompt": text(),
    "negative_prompt": text(),
    "preserve_original_subject": SHARE,
    "original_background_depth": SHARE,
    "keep_original_background": one_of("true", "false"),
    "light_source_direction": one_of("left", "right", "above", "below"),
    "light_source_strength": SHARE,
}
OUTPAINT = {
    **MADE,
    **dict.fromkeys(EDGES, whole(0, 2000)),
    "creativity": SHARE,
    "prompt": text(),
    "style_preset": one_of(*STYLES),
}
TRANSFER = {
    **MADE,
    "prompt": text(),
    "negative_prompt": text(),
    "composition_fidelity": SHARE,
    "style_strength": SHARE,
    "change_strength": real(0.1, 1),
}
# By operation: what may be in the order, and what of that, pictures included, must be.
SERVICES = {
    "inpaint": ({**GUIDED, "prompt": text(), "grow_mask": whole(0, 100)}, "image prompt"),
    "erase": ({**MADE, "grow_mask": whole(0, 20)}, "image"),
    "outpaint": (OUTPAINT, "image"),
    "search-and-replace": ({**SEARCH, "search_prompt": text()}, "image prompt search_prompt"),
    "search-and-recolor": ({**SEARCH, "select_prompt": text()}, "image prompt select_prompt"),
    "remove-background": ({"output_format": one_of("png", "webp")}, "image"),
    "replace-background-and-relight": (RELIGHT, "subject_image"),
    "image-to-image": (DIFFUSION, "image prompt strength mode"),
    "ultra": ({**SHAPED, "strength": SHARE}, "image prompt strength"),
    "control-sketch": (CONTROL, "image prompt"),
    "control-structure": (CONTROL, "image prompt"),
    "control-style": ({**SHAPED, "fidelity": SHARE}, "image prompt"),
    "style-transfer": (TRANSFER, "init_image style_image"),
}
PICTURES = {
    "replace-background-and-relight": ("subject_image", "background_reference", "light_reference"),
    "style-transfer": ("init_image", "style_image"),
}
MASKED = ("inpaint", "erase")


class Bad(Exception):
    """What the real one finds fault with."""


def check(operation, fields, files):
    """Bad for everything that the operation does not take."""
    rules, needed = SERVICES[operation]
    names = (*PICTURES.get(operation, ("image",)), *(("mask",) if operation in MASKED else ()))
    for name, value in fields.items():
        if name not in rules:
            raise Bad(f"{name}: is not allowed")
        if not rules[name](value):
            raise Bad(f"{name}: {value!r} is not valid")
    if unknown := set(files) - set(names):
        raise Bad(f"{', '.join(unknown)}: not allowed")
    if missing := set(needed.split()) - {*fields, *files}:
        raise Bad(f"{', '.join(missing)}: cannot be blank")
    if operation == "outpaint" and not any(int(fields.get(edge, 0)) for edge in EDGES):
        raise Bad("at least one direction must be non-zero")
    check_light(operation, fields, files)
    if operation in MASKED and "mask" not in files and not has_alpha(files["image"]):
        raise Bad("neither a mask nor an alpha channel")


def check_light(operation, fields, files):
    """There must be a new background, and a light before it has a strength."""
    if operation != "replace-background-and-relight":
        return
    if not {"background_prompt", "background_reference"} & {*fields, *files}:
        raise Bad("background_prompt or background_reference: one of them is required")
    lit = {"light_source_direction", "light_reference"} & {*fields, *files}
    if "light_source_strength" in fields and not lit:
        raise Bad("light_source_strength: needs light_reference or light_source_direction")


def has_alpha(data):
    return "A" in opened(data).getbands()


def check_picture(data, most_pixels, widest):
    image = opened(data)
    width, height = image.size
    if image.format not in ("PNG", "JPEG", "WEBP"):
        raise Bad(f"{image.format} is not supported")
    if min(image.size) < 64 or not 4096 <= width * height <= most_pixels:
        raise Bad(f"{width}x{height} is not a size")
    if widest and max(image.size) > widest * min(image.size):
        raise Bad("the aspect ratio must be between 1:2.5 and 2.5:1")


def painted(operation, fields, files):
    """The result: magenta wherever the service paints."""
    picture = files[PICTURES.get(operation, ("image",))[0]]
    made = fields.get("output_format", "png")
    if operation == "remove-background":
        image = opened(picture).convert("RGBA")
        image.paste((0, 0, 0, 0), (0, 0, image.width // 4, image.height // 4))
        return encoded(image, made)
    if operation == "outpaint":
        return outpainted(opened(picture), [int(fields.get(edge, 0)) for edge in EDGES], made)
    if operation not in MASKED:
        return repainted(picture, None, made)
    if "mask" in files:
        # Colours are read, so a mask in another dialect would edit the wrong place.
        return repainted(picture, opened(files["mask"]).convert("L"), made)
    hole = opened(picture).getchannel("A").point(lambda alpha: 255 - alpha)
    return repainted(picture, hole, made)


def outpainted(picture, edges, made):
    """The picture on a larger canvas; one of many millions of pixels is made smaller, to be quick."""
    left, right, up, down = edges
    width, height = picture.width + left + right, picture.height + up + down
    scale = min(1.0, 1024 / max(width, height))
    canvas = Image.new("RGB", (round(width * scale), round(height * scale)), MAGENTA)
    inner = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    canvas.paste(picture.resize(inner), (round(left * scale), round(up * scale)))
    return encoded(canvas, made)


def fails(answer, status, code, billed="no"):
    return Failure([answer], status, code, billed)


BROKEN = (502, "provider_error", "unknown")
OPERATOR = (500, "provider_credentials")
LIMITED = (429, "rate_limit_exceeded")


def broken_failures():
    """What any server does when it breaks."""
    page = {"content-type": "text/html"}
    cut = Answer(200, b'{"image": "' + b"A" * 5000, fault="cut")
    return {
        "server_error_html": fails(Answer(500, b"<html>", page), *BROKEN),
        "gateway_timeout": fails(Answer(504, b""), 504, "deadline_exceeded", "unknown"),
        "strange": fails(as_json({}), *BROKEN),
        "strange_html": fails(Answer(200, b"<html>", page), *BROKEN),
        "cut": fails(cut, *BROKEN),
        "reset": fails(Answer(fault="reset"), *BROKEN),
    }
