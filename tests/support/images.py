"""Small real images, generated in memory."""

import base64
import io

from PIL import Image, ImageDraw


def encode_image(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def scene(width=64, height=64):
    """Return a Pillow image: a gradient with a red box in the middle third."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    ImageDraw.Draw(image).rectangle(center_box(width, height), fill=(220, 30, 30))
    return image


def center_box(width, height):
    return (width // 3, height // 3, 2 * width // 3 - 1, 2 * height // 3 - 1)


def photo(width=64, height=64, format="PNG"):
    return encode_image(scene(width, height), format)


def box_mask(width=64, height=64, marked_box=None):
    """Return an OpenAI mask as PNG bytes.

    It is transparent at the red box, or at `marked_box` (left, top, right, bottom).
    """
    image = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), marked_box or center_box(width, height))
    return encode_image(image)


def cutout(width=64, height=64):
    """Return the scene with a transparent box, as dall-e-2 callers send it instead of a mask."""
    image = scene(width, height).convert("RGBA")
    image.paste((0, 0, 0, 0), center_box(width, height))
    return encode_image(image)


def decode_image(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def b64(data):
    return base64.b64encode(data).decode()


def data_url(data, mime="image/png"):
    return f"data:{mime};base64,{b64(data)}"
