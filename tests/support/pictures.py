"""Real pictures, small and made on the spot."""

import base64
import io

from PIL import Image, ImageDraw


def encoded(image, format="PNG", **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def scene(width=64, height=64):
    """A gradient with a red box in the middle third."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    ImageDraw.Draw(image).rectangle(box(width, height), fill=(220, 30, 30))
    return image


def box(width, height):
    return (width // 3, height // 3, 2 * width // 3 - 1, 2 * height // 3 - 1)


def photo(width=64, height=64, format="PNG"):
    return encoded(scene(width, height), format)


def hole(width=64, height=64, at=None):
    """An OpenAI mask: transparent where the red box is, or at (left, top, right, bottom)."""
    image = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), at or box(width, height))
    return encoded(image)


def cutout(width=64, height=64):
    """The scene with the box made transparent, as dall-e-2 callers send it."""
    image = scene(width, height).convert("RGBA")
    image.paste((0, 0, 0, 0), box(width, height))
    return encoded(image)


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def b64(data):
    return base64.b64encode(data).decode()


def data_url(data, mime="image/png"):
    return f"data:{mime};base64,{b64(data)}"
